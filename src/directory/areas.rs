//! Where things are: a tree of areas read from a file, because boundaries are data. Boundaries
//! change, so an area has a first day and may have a day on which it no longer existed; callers
//! go on using the old name, and old records keep it.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde_json::json;

use super::codes::AreaKind;
use super::names::Names;
use super::toml_file::{entry, label, lists, tree};
use crate::config::Config;
use crate::input::{At, Fields, FromJson, Json};

/// The gazetteer inside the program.
const TURKMENISTAN: &str = include_str!("../../config/areas/turkmenistan.toml");
/// No country nests deeper than this; it also ends a walk through a circle.
const DEPTH: usize = 8;

/// One area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// ISO 3166-2 or gazetteer code.
    pub code: String,
    /// What it is.
    pub kind: AreaKind,
    /// The code of the area it lies in; only the country has none.
    pub parent: Option<String>,
    /// Its name per language.
    pub names: Names,
    /// Its first day.
    pub valid_from: NaiveDate,
    /// The first day it no longer existed.
    pub valid_to: Option<NaiveDate>,
    /// The one area that took over all of its land.
    pub succeeded_by: Option<String>,
}

impl FromJson for Area {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let (code, kind) = (f.required_with("code", area_code), f.required("kind"));
            let parent = f.with("parent", area_code);
            let names = f.required_with("name", Names::at_least_one);
            let valid_from = f.required("valid_from");
            let valid_to = f.optional("valid_to");
            let succeeded_by = f.with("succeeded_by", area_code);
            Some(Area {
                code: code?,
                kind: kind?,
                parent,
                names: names?,
                valid_from: valid_from?,
                valid_to,
                succeeded_by,
            })
        })
    }
}

/// The shape of a code: capitals, digits and dashes, at most 16.
pub(super) fn area_code(json: &Json, at: &At<'_>) -> Option<String> {
    at.takes(|| json!({"type": "string", "pattern": "^[A-Z0-9-]{1,16}$", "examples": ["TM-M-BAY"]}));
    match json {
        Json::Text(code)
            if (1..=16).contains(&code.len())
                && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-') =>
        {
            Some(code.clone())
        }
        _ => {
            at.problem("not_an_area");
            None
        }
    }
}

/// A code as somebody typed it: of the right shape, not yet looked up.
pub(super) struct Code(pub(super) String);

impl FromJson for Code {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        area_code(json, at).map(Code)
    }
}

/// How near two areas are, as far as their codes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closeness {
    /// The same district, city or borough.
    SameDistrict,
    /// The same province.
    SameProvince,
    /// Different provinces.
    Elsewhere,
    /// One of them is unknown, or the whole country.
    Unknown,
}

/// All areas. Built once and handed around; never changes while the program runs.
#[derive(Debug, Clone)]
pub struct Areas {
    list: Vec<Area>,
    place: HashMap<String, usize>,
}

impl Areas {
    /// The areas of the configured file, or of Turkmenistan. Errors: every fault, one line each.
    pub fn load(config: &Config) -> Result<Areas, Vec<String>> {
        let file = &config.place.areas_file;
        if file.as_os_str().is_empty() {
            return Areas::parse(TURKMENISTAN);
        }
        let text = std::fs::read_to_string(file)
            .map_err(|_| vec![format!("[place] areas_file: {} cannot be read", file.display())])?;
        Areas::parse(&text)
    }

    /// Reads and checks a gazetteer. Errors: every fault, one line each.
    pub fn parse(text: &str) -> Result<Areas, Vec<String>> {
        let tree = tree(text).map_err(|told| vec![told])?;
        let mut faults = Vec::new();
        let [items] = lists(&tree, ["area"], &mut faults);
        let list: Vec<Area> = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| entry("area", &label(item, "code", index), item, &mut faults))
            .collect();
        let mut place = HashMap::new();
        for (index, area) in list.iter().enumerate() {
            if place.insert(area.code.clone(), index).is_some() {
                faults.push(format!("area {}: stands here twice", area.code));
            }
        }
        let areas = Areas { list, place };
        // Links are judged only among entries that could be read, or one slip would be told twice.
        if faults.is_empty() {
            areas.check_links(&mut faults);
        }
        if faults.is_empty() { Ok(areas) } else { Err(faults) }
    }

    fn check_links(&self, faults: &mut Vec<String>) {
        let countries = self.list.iter().filter(|area| area.kind == AreaKind::Country).count();
        if countries != 1 {
            faults.push(format!("there must be one area of kind country; here are {countries}"));
        }
        for area in &self.list {
            let mut wrong = |told: &str| faults.push(format!("area {}: {told}", area.code));
            match &area.parent {
                None if area.kind != AreaKind::Country => wrong("has no parent"),
                Some(_) if area.kind == AreaKind::Country => wrong("a country has no parent"),
                Some(parent) if !self.exists(parent) => wrong("its parent is not in this file"),
                Some(_) if self.country_above(area).is_none() => wrong("its parents lead in a circle"),
                _ => {}
            }
            if area.valid_to.is_some_and(|end| end <= area.valid_from) {
                wrong("valid_to must be after valid_from");
            }
            if let Some(heir) = &area.succeeded_by {
                match self.get(heir) {
                    _ if area.valid_to.is_none() => wrong("has succeeded_by but no valid_to"),
                    None => wrong("succeeded_by is not in this file"),
                    Some(_) if self.current(&area.code).is_none() => wrong("its successors lead in a circle"),
                    Some(_) => {}
                }
            }
        }
    }

    fn country_above(&self, area: &Area) -> Option<&Area> {
        self.ancestors(&area.code).last().filter(|top| top.parent.is_none()).copied()
    }

    /// The area with this code.
    pub fn get(&self, code: &str) -> Option<&Area> {
        self.place.get(code).and_then(|index| self.list.get(*index))
    }

    /// Every area, in the order of the file.
    pub fn all(&self) -> &[Area] {
        &self.list
    }

    /// True if there is, or ever was, an area with this code.
    pub fn exists(&self, code: &str) -> bool {
        self.place.contains_key(code)
    }

    /// True if it existed on that day.
    pub fn is_valid_at(&self, code: &str, day: NaiveDate) -> bool {
        self.get(code).is_some_and(|area| area.valid_from <= day && area.valid_to.is_none_or(|end| day < end))
    }

    /// What it lies in, nearest first, the country last.
    pub fn ancestors(&self, code: &str) -> Vec<&Area> {
        let parent = |area: &&Area| area.parent.as_deref().and_then(|parent| self.get(parent));
        std::iter::successors(self.get(code), parent).skip(1).take(DEPTH).collect()
    }

    /// The province it lies in or is: the ancestor directly below the country, whatever its kind.
    /// `None` for the country itself and for an unknown code.
    pub fn province_of(&self, code: &str) -> Option<&Area> {
        self.line(code).nth(1)
    }

    /// The district, city or borough it lies in or is. `None` when only a province is known, unless
    /// that province is one city without parts.
    pub fn district_of(&self, code: &str) -> Option<&Area> {
        self.line(code).nth(2).or_else(|| {
            let undivided = |area: &&Area| !self.list.iter().any(|part| part.parent.as_deref() == Some(&area.code));
            self.province_of(code).filter(undivided)
        })
    }

    /// From the country down to the area itself.
    fn line(&self, code: &str) -> impl Iterator<Item = &Area> {
        let above = self.ancestors(code);
        above.into_iter().rev().chain(self.get(code))
    }

    /// The area that has this one's land today: itself, or its last successor. `None` for an
    /// unknown code.
    pub fn current(&self, code: &str) -> Option<&Area> {
        let heir = |area: &&Area| area.succeeded_by.as_deref().and_then(|heir| self.get(heir));
        let last = std::iter::successors(self.get(code), heir).take(DEPTH).last()?;
        last.succeeded_by.is_none().then_some(last)
    }

    /// Every code whose mention means this place is included: itself, what it lies in, and the same
    /// for the areas that took over its land. Empty for an unknown code.
    pub fn reach(&self, code: &str) -> Vec<&str> {
        let Some(area) = self.get(code) else { return Vec::new() };
        let mut codes = Vec::new();
        let heir = |area: &&Area| area.succeeded_by.as_deref().and_then(|heir| self.get(heir));
        for area in std::iter::successors(Some(area), heir).take(DEPTH) {
            for part in std::iter::once(area).chain(self.ancestors(&area.code)) {
                if !codes.contains(&part.code.as_str()) {
                    codes.push(part.code.as_str());
                }
            }
        }
        codes
    }

    /// Every code whose mention means a place inside this one.
    pub fn within(&self, code: &str) -> Vec<&str> {
        self.list.iter().map(|area| area.code.as_str()).filter(|inside| self.reach(inside).contains(&code)).collect()
    }

    /// How near two areas are. Old codes stand for the area that has their land today.
    pub fn closeness(&self, a: &str, b: &str) -> Closeness {
        let (Some(a), Some(b)) = (self.current(a), self.current(b)) else { return Closeness::Unknown };
        let (Some(province_a), Some(province_b)) = (self.province_of(&a.code), self.province_of(&b.code)) else {
            return Closeness::Unknown;
        };
        if province_a.code != province_b.code {
            return Closeness::Elsewhere;
        }
        match (self.district_of(&a.code), self.district_of(&b.code)) {
            (Some(a), Some(b)) if a.code == b.code => Closeness::SameDistrict,
            _ => Closeness::SameProvince,
        }
    }
}
