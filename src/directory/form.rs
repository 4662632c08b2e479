//! What a coordinator writes about an organisation or a service, read strictly.

use std::collections::BTreeSet;

use super::areas::{Areas, Code, area_code};
use super::codes::{AccessNeed, EndpointChannel, OrganisationKind, OrganisationStatus, ServiceStatus, ServiceType};
use super::hours::{Hours, Week};
use super::names::{Language, Names};
use super::offer::{Address, Capacity, Eligibility, FocalPoint, Stock, e164};
use crate::clock::Instant;
use crate::config::Config;
use crate::error::{Error, Problem, Result};
use crate::input::{At, Fields, FromJson, Json, LONGEST_LIST, list, text};

/// An organisation as a coordinator writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganisationForm {
    /// Who stands behind it.
    pub kind: OrganisationKind,
    /// Its name per language.
    pub names: Names,
    /// `active` when left out.
    pub status: OrganisationStatus,
}

impl FromJson for OrganisationForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let (kind, names) = (f.required("kind"), names(f));
            let status = f.optional("status").unwrap_or(OrganisationStatus::Active);
            Some(OrganisationForm { kind: kind?, names: names?, status })
        })
    }
}

fn names(f: &Fields<'_>) -> Option<Names> {
    f.required_with("names", Names::at_least_one)
}

/// A service as a coordinator writes it. Holds a confidential location: what leaves the program is
/// made in `view.rs`, never from this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceForm {
    /// The reference of its organisation.
    pub organisation: String,
    /// What help it is.
    pub kind: ServiceType,
    /// Its name per language.
    pub names: Names,
    /// What to say about it, per language.
    pub descriptions: Names,
    /// Whether it takes anybody. `active` when left out.
    pub status: ServiceStatus,
    /// Codes of the areas it serves; at least one.
    pub areas: Vec<String>,
    /// Where it is.
    pub location_area: Option<String>,
    /// True: its location is never shown and never exported. Must be said.
    pub location_confidential: bool,
    /// When it is open.
    pub hours: Hours,
    /// Languages spoken there.
    pub languages: Vec<Language>,
    /// Who may come.
    pub eligibility: Eligibility,
    /// Which needs it meets.
    pub access: Vec<AccessNeed>,
    /// What is on the shelf; medical services only.
    pub stock: Stock,
    /// How much is free.
    pub capacity: Capacity,
    /// True: it must tell an authority what it learns. Must be said, because it is read out to her.
    pub duty_to_report: bool,
    /// Lower is asked first; 0 to 1000, 50 when left out.
    pub preference: i32,
    /// Where letters go, in this order.
    pub endpoints: Vec<Address>,
    /// Whom to ask for.
    pub focal_points: Vec<FocalPoint>,
    /// The number for phone tasks.
    pub phone: Option<String>,
    /// The language of its letters.
    pub letter_language: Language,
    /// When somebody last made sure that all this is true.
    pub verified_at: Option<Instant>,
}

/// Addresses of one service.
const MOST_ENDPOINTS: usize = 6;

impl FromJson for ServiceForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let (organisation, kind) = (f.with("organisation", organisation), f.required("type"));
            let (names, hours) = (names(f), Hours::read(f));
            let (areas, location_area) = (f.with("areas", area_codes), f.with("location_area", area_code));
            let (location_confidential, duty_to_report) =
                (f.required("location_confidential"), f.required("duty_to_report"));
            let (capacity, letter_language) = (f.required("capacity"), f.required("letter_language"));
            f.needs(["organisation", "areas"]);
            let optional = Optional::read(f);
            Some(ServiceForm {
                organisation: organisation?,
                kind: kind?,
                names: names?,
                descriptions: optional.descriptions,
                status: optional.status,
                areas: areas?,
                location_area,
                location_confidential: location_confidential?,
                hours: hours?,
                languages: optional.languages,
                eligibility: optional.eligibility,
                access: optional.access,
                stock: optional.stock,
                capacity: capacity?,
                duty_to_report: duty_to_report?,
                preference: optional.preference,
                endpoints: optional.endpoints,
                focal_points: optional.focal_points,
                phone: optional.phone,
                letter_language: letter_language?,
                verified_at: optional.verified_at,
            })
        })
    }
}

/// What may be left out, read whole before anything ends the reading, so that every problem is told.
struct Optional {
    descriptions: Names,
    status: ServiceStatus,
    languages: Vec<Language>,
    eligibility: Eligibility,
    access: Vec<AccessNeed>,
    stock: Stock,
    preference: i32,
    endpoints: Vec<Address>,
    focal_points: Vec<FocalPoint>,
    phone: Option<String>,
    verified_at: Option<Instant>,
}

impl Optional {
    fn read(f: &Fields<'_>) -> Optional {
        let preference = f.whole("preference", 0..=1000).and_then(|order| i32::try_from(order).ok());
        Optional {
            descriptions: f.with("descriptions", Names::any_number).unwrap_or_default(),
            status: f.optional("status").unwrap_or(ServiceStatus::Active),
            languages: f.list("languages"),
            eligibility: f.optional("eligibility").unwrap_or_default(),
            access: f.list("access"),
            stock: f.optional("stock").unwrap_or_default(),
            preference: preference.unwrap_or(50),
            endpoints: f.list("endpoints"),
            focal_points: f.list("focal_points"),
            phone: f.text("phone", 32),
            verified_at: f.optional("verified_at"),
        }
    }
}

impl Hours {
    /// Reads `hours` and `exceptions` of an object.
    pub(super) fn read(f: &Fields<'_>) -> Option<Hours> {
        let week = f.required_with("hours", Week::read);
        let exceptions = f.list("exceptions");
        Some(Hours { week: week?, exceptions })
    }
}

fn organisation(json: &Json, at: &At<'_>) -> Option<String> {
    text(json, at, 40)
}

fn area_codes(json: &Json, at: &At<'_>) -> Option<Vec<String>> {
    let codes: Vec<Code> = list(json, at, 1..=LONGEST_LIST)?;
    Some(codes.into_iter().map(|code| code.0).collect())
}

impl ServiceForm {
    /// Checks what only the deployment knows (areas, languages, local spellings of numbers) and
    /// brings numbers into their international form. Errors: 422 with every problem.
    pub fn settled(&self, areas: &Areas, config: &Config) -> Result<ServiceForm> {
        let mut form = self.clone();
        let mut problems = Vec::new();
        let mut problem = |pointer: String, code| problems.push(Problem { pointer, code, allowed: None });
        for (index, _) in form.areas.iter().enumerate().filter(|(_, code)| !areas.exists(code)) {
            problem(format!("/areas/{index}"), "not_an_area");
        }
        if form.location_area.as_deref().is_some_and(|code| !areas.exists(code)) {
            problem("/location_area".into(), "not_an_area");
        }
        if form.stock != Stock::default() && form.kind != ServiceType::Medical {
            problem("/stock".into(), "only_for_medical");
        }
        if !config.place.languages.iter().any(|code| code == form.letter_language.code()) {
            problem("/letter_language".into(), "not_a_language_of_letters");
        }
        if form.endpoints.len() > MOST_ENDPOINTS {
            problem("/endpoints".into(), "too_many");
        }
        for (pointer, number) in form.numbers() {
            match e164(&config.place.phone_region, number) {
                Some(found) => *number = found,
                None => problem(pointer, "not_a_phone_number"),
            }
        }
        form.check_repeats(&mut problem);
        if problems.is_empty() { Ok(form) } else { Err(Error::Invalid(problems)) }
    }

    /// Every phone number and its place.
    fn numbers(&mut self) -> Vec<(String, &mut String)> {
        let own = self.phone.iter_mut().map(|number| ("/phone".to_owned(), number));
        let endpoints = self.endpoints.iter_mut().enumerate();
        let endpoints = endpoints
            .filter(|(_, endpoint)| endpoint.channel == EndpointChannel::Phone)
            .map(|(index, endpoint)| (format!("/endpoints/{index}/address"), &mut endpoint.address));
        let people = self.focal_points.iter_mut().enumerate();
        let people = people.filter_map(|(index, person)| {
            person.phone.as_mut().map(|number| (format!("/focal_points/{index}/phone"), number))
        });
        own.chain(endpoints).chain(people).collect()
    }

    fn check_repeats(&self, problem: &mut impl FnMut(String, &'static str)) {
        let mut seen = BTreeSet::new();
        for (index, code) in self.areas.iter().enumerate() {
            if !seen.insert(code.as_str()) {
                problem(format!("/areas/{index}"), "repeated");
            }
        }
        let mut seen = BTreeSet::new();
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            if !seen.insert((endpoint.channel, endpoint.address.as_str())) {
                problem(format!("/endpoints/{index}"), "repeated");
            }
        }
    }

    /// The form as a body would write it: what a merge patch is applied to. Never sent.
    pub(super) fn to_json(&self) -> Result<Json> {
        let body = serde_json::json!({
            "organisation": self.organisation,
            "type": self.kind,
            "names": self.names,
            "descriptions": self.descriptions,
            "status": self.status,
            "areas": self.areas,
            "location_area": self.location_area,
            "location_confidential": self.location_confidential,
            "hours": self.hours.week,
            "exceptions": self.hours.exceptions,
            "languages": self.languages,
            "eligibility": self.eligibility,
            "access": self.access,
            "stock": self.stock,
            "capacity": self.capacity,
            "duty_to_report": self.duty_to_report,
            "preference": self.preference,
            "endpoints": self.endpoints,
            "focal_points": self.focal_points,
            "phone": self.phone,
            "letter_language": self.letter_language,
            "verified_at": self.verified_at,
        });
        Json::parse(body.to_string().as_bytes())
    }
}

impl OrganisationForm {
    /// The form as a body would write it: what a merge patch is applied to.
    pub(super) fn to_json(&self) -> Result<Json> {
        let body = serde_json::json!({ "kind": self.kind, "names": self.names, "status": self.status });
        Json::parse(body.to_string().as_bytes())
    }
}
