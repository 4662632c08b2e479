//! What the attributes of an organisation or a service say, for which HSDS has no member. A term of
//! the house's own that is not known for this kind of thing is a fault; attributes of another
//! taxonomy are not kept.

use std::collections::BTreeMap;

use serde_json::json;

use super::{LONGEST_CODE, Texts, description, implied, name, uuid};
use crate::clock::Instant;
use crate::directory::codes::{AccessNeed, CapacityUnit, OrganisationKind, OrganisationStatus, ServiceType, Sex};
use crate::directory::hsds::terms;
use crate::directory::names::Language;
use crate::directory::offer::Capacity;
use crate::input::{At, Fields, FromJson, Json, LONGEST_LIST};

/// More than this of anything is a slip.
const MOST_PLACES: i64 = 100_000;

/// What the attributes of one thing say.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    seen: Vec<String>,
    /// There are attributes of another taxonomy.
    pub(super) foreign: bool,
    language: Option<Language>,
    names: BTreeMap<Language, String>,
    descriptions: BTreeMap<Language, String>,
    pub(super) kind: Option<OrganisationKind>,
    pub(super) status: Option<OrganisationStatus>,
    pub(super) service_type: Option<ServiceType>,
    pub(super) location_confidential: Option<bool>,
    pub(super) duty_to_report: Option<bool>,
    pub(super) letter_language: Option<Language>,
    pub(super) preference: Option<i64>,
    pub(super) access: Vec<AccessNeed>,
    pub(super) sexes: Vec<Sex>,
    pub(super) children: Option<bool>,
    pub(super) disability: Option<bool>,
    pub(super) pep: Option<bool>,
    pub(super) emergency_contraception: Option<bool>,
    capacity_unlimited: Option<bool>,
    capacity_unit: Option<CapacityUnit>,
    capacity_available: Option<i64>,
    capacity_maximum: Option<i64>,
    pub(super) capacity_stated_at: Option<Instant>,
    pub(super) verified_at: Option<Instant>,
}

pub(super) const ORGANIZATION_TERMS: [&str; 4] = ["kind", "status", "language", "name"];
pub(super) const SERVICE_TERMS: [&str; 20] = [
    "language",
    "name",
    "description",
    "type",
    "location_confidential",
    "duty_to_report",
    "letter_language",
    "preference",
    "access",
    "sex",
    "children",
    "disability",
    "pep",
    "emergency_contraception",
    "capacity_unlimited",
    "capacity_unit",
    "capacity_available",
    "capacity_maximum",
    "capacity_stated_at",
    "verified_at",
];
/// Terms that may stand several times.
const REPEATED: [&str; 2] = ["access", "sex"];

impl Terms {
    pub(super) fn read(json: &Json, at: &At<'_>, known: &[&'static str]) -> Option<Terms> {
        at.takes(|| {
            let term = json!({"type": "object", "properties": {"code": {"type": "string"}}});
            let item = json!({"type": "object", "properties": {
                "value": {"type": "string"}, "taxonomy_term_id": {"type": "string", "format": "uuid"}, "taxonomy_term": term,
            }});
            json!({"type": "array", "items": item})
        });
        let mut terms = Terms::default();
        let Json::List(list) = json else {
            at.problem("not_a_list");
            return None;
        };
        if list.len() > 4 * LONGEST_LIST {
            at.problem("too_many");
            return None;
        }
        for (place, item) in list.iter().enumerate() {
            terms.take(item, &at.item(place), known);
        }
        Some(terms)
    }

    /// One attribute.
    fn take(&mut self, json: &Json, at: &At<'_>, known: &[&'static str]) {
        let read = Fields::of(json, at, |f| {
            implied(f, &["id", "link_id", "link_entity", "link_type", "label", "metadata"]);
            let (id, value) = (f.with("taxonomy_term_id", uuid), f.with("value", raw));
            let code = f.with("taxonomy_term", term_code);
            // In tables the term may stand in a file that was not sent along.
            let by_id = || known.iter().map(|term| terms::code(term)).find(|code| Some(terms::id(code)) == id);
            Some((code.or_else(by_id), value))
        });
        let Some((code, value)) = read else { return };
        let Some(term) = code.as_deref().and_then(terms::of_code) else {
            self.foreign = true;
            return;
        };
        let (name, language) = terms::split(term);
        if !known.contains(&name) {
            at.member("taxonomy_term").member("code").problem("unknown_term");
            return;
        }
        if !REPEATED.contains(&name) && self.seen.iter().any(|seen| seen == term) {
            at.problem("repeated");
        }
        self.seen.push(term.to_owned());
        let value_at = at.member("value");
        match value {
            None => value_at.problem("required"),
            Some(value) => self.set(name, language, &Json::Text(value), &value_at),
        }
    }

    fn set(&mut self, name: &str, language: Option<&str>, value: &Json, at: &At<'_>) {
        if let Some(code) = language {
            return self.set_text(name, code, value, at);
        }
        match name {
            "language" => self.language = Language::from_json(value, at),
            "kind" => self.kind = OrganisationKind::from_json(value, at),
            "status" => self.status = OrganisationStatus::from_json(value, at),
            "type" => self.service_type = ServiceType::from_json(value, at),
            "location_confidential" => self.location_confidential = flag(value, at),
            "duty_to_report" => self.duty_to_report = flag(value, at),
            "letter_language" => self.letter_language = Language::from_json(value, at),
            "preference" => self.preference = number(value, at, 1000),
            "access" => self.access.extend(AccessNeed::from_json(value, at)),
            "sex" => self.sexes.extend(Sex::from_json(value, at)),
            "children" => self.children = flag(value, at),
            "disability" => self.disability = flag(value, at),
            "pep" => self.pep = flag(value, at),
            "emergency_contraception" => self.emergency_contraception = flag(value, at),
            "capacity_unlimited" => self.capacity_unlimited = flag(value, at),
            "capacity_unit" => self.capacity_unit = CapacityUnit::from_json(value, at),
            "capacity_available" => self.capacity_available = number(value, at, MOST_PLACES),
            "capacity_maximum" => self.capacity_maximum = number(value, at, MOST_PLACES),
            "capacity_stated_at" => self.capacity_stated_at = Instant::from_json(value, at),
            "verified_at" => self.verified_at = Instant::from_json(value, at),
            _ => at.problem("not_a_language"),
        }
        if self.access.len() > LONGEST_LIST || self.sexes.len() > LONGEST_LIST {
            at.problem("too_many");
        }
    }

    fn set_text(&mut self, name: &str, code: &str, value: &Json, at: &At<'_>) {
        let Some(language) = Language::from_code(code) else { return at.problem("not_a_language") };
        match name {
            "name" => self.names.extend(self::name(value, at).map(|text| (language, text))),
            "description" => self.descriptions.extend(description(value, at).map(|text| (language, text))),
            _ => at.problem("unknown_term"),
        }
    }

    pub(super) fn texts(&self, name: String, description: Option<String>) -> Texts {
        Texts {
            name,
            description,
            language: self.language.clone(),
            names: self.names.clone(),
            descriptions: self.descriptions.clone(),
        }
    }

    /// `None` also where nothing was said.
    pub(super) fn capacity(&self, f: &Fields<'_>) -> Option<Capacity> {
        let counted =
            self.capacity_unit.is_some() || self.capacity_available.is_some() || self.capacity_maximum.is_some();
        match (self.capacity_unlimited, counted) {
            (Some(true), true) => f.problem("attributes", "contradicts_unlimited"),
            (Some(true), false) => return Some(Capacity::Unlimited),
            (_, false) => return None,
            _ => {}
        }
        let count = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok());
        let parts = (self.capacity_unit, count(self.capacity_available), count(self.capacity_maximum));
        let (Some(unit), Some(available), Some(maximum)) = parts else {
            f.problem("attributes", "needs_capacity");
            return None;
        };
        if available > maximum {
            f.problem("attributes", "above_maximum");
        }
        Some(Capacity::Stated { unit, available, maximum })
    }
}

/// A value before it is known what it means: judged by the reader of its term.
fn raw(json: &Json, at: &At<'_>) -> Option<String> {
    match json {
        Json::Text(text) => Some(text.clone()),
        // A spreadsheet makes a number of "12" and a truth of "true".
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        _ => {
            at.problem("not_text");
            None
        }
    }
}

fn term_code(json: &Json, at: &At<'_>) -> Option<String> {
    Fields::of(json, at, |f| {
        let rest = ["id", "name", "description", "parent_id", "taxonomy", "taxonomy_detail", "language", "taxonomy_id"];
        implied(f, &rest);
        implied(f, &["term_uri", "metadata"]);
        f.text("code", LONGEST_CODE)
    })
}

fn flag(json: &Json, at: &At<'_>) -> Option<bool> {
    let read = match json {
        // Spreadsheets write their truths in capitals.
        Json::Text(text) => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    };
    if read.is_none() {
        at.problem("not_true_or_false");
    }
    read
}

fn number(json: &Json, at: &At<'_>, most: i64) -> Option<i64> {
    let Json::Text(text) = json else { return None };
    let digits = !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<i64>().ok().filter(|_| digits) {
        Some(number) if number <= most => return Some(number),
        Some(_) => at.problem("out_of_range"),
        None => at.problem("not_a_whole_number"),
    }
    None
}
