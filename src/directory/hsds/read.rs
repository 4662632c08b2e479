//! An HSDS file, read as strictly as a request body: every fault of every row is told, with its
//! place, and a member that HSDS does not have is one.

mod attributes;
mod places;
mod schedules;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::json;

use crate::clock::Instant;
use crate::directory::codes::{AccessNeed, OrganisationKind, OrganisationStatus, ServiceStatus, ServiceType};
use crate::directory::hours::Hours;
use crate::directory::names::{LONGEST_DESCRIPTION, LONGEST_NAME, Language};
use crate::directory::offer::{Capacity, Eligibility, Stock};
use crate::input::{At, Fields, FromJson, Json, LONGEST_LIST, text};
use attributes::{ORGANIZATION_TERMS, SERVICE_TERMS, Terms};
use places::{places, service_areas};
use schedules::schedules;

/// Entries of one file.
const MOST: usize = 10_000;
/// The longest text of a taxonomy term's code.
const LONGEST_CODE: usize = 80;

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub(super) organizations: Vec<IncomingOrganization>,
    pub(super) services: Vec<IncomingService>,
    /// Tables of a CSV package that have no place here, and how many rows they have.
    pub(super) tables: Vec<(&'static str, usize)>,
}

/// An organisation of a file.
#[derive(Debug, Clone)]
pub(super) struct IncomingOrganization {
    pub(super) id: String,
    pub(super) texts: Texts,
    pub(super) kind: OrganisationKind,
    pub(super) status: OrganisationStatus,
    pub(super) left_out: Vec<&'static str>,
}

/// A service of a file.
#[derive(Debug, Clone)]
pub(super) struct IncomingService {
    pub(super) id: String,
    pub(super) organization_id: String,
    pub(super) texts: Texts,
    pub(super) status: ServiceStatus,
    pub(super) areas: Vec<String>,
    pub(super) location_area: Option<String>,
    pub(super) hours: Hours,
    pub(super) languages: Vec<Language>,
    pub(super) eligibility: Eligibility,
    pub(super) verified_at: Option<Instant>,
    pub(super) kind: ServiceType,
    pub(super) location_confidential: bool,
    pub(super) duty_to_report: bool,
    pub(super) letter_language: Language,
    pub(super) preference: Option<i64>,
    pub(super) access: Vec<AccessNeed>,
    pub(super) stock: Stock,
    pub(super) capacity: Option<Capacity>,
    pub(super) capacity_stated_at: Option<Instant>,
    pub(super) left_out: Vec<&'static str>,
}

/// HSDS's one name and one description, and those in other languages.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// The language of the two, where the file says it.
    pub(super) language: Option<Language>,
    pub(super) names: BTreeMap<Language, String>,
    pub(super) descriptions: BTreeMap<Language, String>,
}

impl FromJson for Incoming {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let organizations = f.required_with("organizations", entries);
            let services = f.required_with("services", entries);
            Some(Incoming { organizations: organizations?, services: services?, tables: Vec::new() })
        })
    }
}

/// A list longer than those of other bodies.
fn entries<T: FromJson>(json: &Json, at: &At<'_>) -> Option<Vec<T>> {
    at.takes(|| json!({"type": "array", "items": crate::input::schema_of::<T>(), "maxItems": MOST}));
    items(json, at, MOST, T::from_json)
}

/// Each item by a reader, every fault told.
fn items<T>(json: &Json, at: &At<'_>, most: usize, read: impl Fn(&Json, &At<'_>) -> Option<T>) -> Option<Vec<T>> {
    let Json::List(items) = json else {
        at.problem("not_a_list");
        return None;
    };
    if items.len() > most {
        at.problem("too_many");
        return None;
    }
    let read: Vec<Option<T>> = items.iter().enumerate().map(|(place, item)| read(item, &at.item(place))).collect();
    read.into_iter().collect()
}

/// Members of HSDS that are not kept. Gives those that are there.
fn left_out(f: &Fields<'_>, members: &[&'static str]) -> Vec<&'static str> {
    members.iter().copied().filter(|name| unread(f, name)).collect()
}

/// Members that say what is known already, such as the id of what they stand in.
fn implied(f: &Fields<'_>, members: &[&'static str]) {
    for name in members {
        unread(f, name);
    }
}

/// True if it is there and has something in it.
fn unread(f: &Fields<'_>, name: &'static str) -> bool {
    let something = |json: &Json, at: &At<'_>| {
        at.takes(|| json!({"description": "Known, and not kept."}));
        (*json != Json::List(Vec::new())).then_some(())
    };
    f.with(name, something).is_some()
}

/// An HSDS id. Capitals and small letters are the same.
fn uuid(json: &Json, at: &At<'_>) -> Option<String> {
    at.takes(|| json!({"type": "string", "format": "uuid"}));
    let read = match json {
        Json::Text(text) if text.len() == 36 => uuid::Uuid::parse_str(text).ok(),
        _ => None,
    };
    if read.is_none() {
        at.problem("not_a_uuid");
    }
    read.map(|id| id.to_string())
}

fn name(json: &Json, at: &At<'_>) -> Option<String> {
    text(json, at, LONGEST_NAME)
}

fn description(json: &Json, at: &At<'_>) -> Option<String> {
    text(json, at, LONGEST_DESCRIPTION)
}

const ORGANIZATION_REST: [&str; 17] = [
    "alternate_name",
    "email",
    "website",
    "additional_websites",
    "tax_status",
    "tax_id",
    "year_incorporated",
    "legal_status",
    "logo",
    "uri",
    "parent_organization_id",
    "funding",
    "contacts",
    "phones",
    "locations",
    "programs",
    "metadata",
];

impl FromJson for IncomingOrganization {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let (id, main) = (f.required_with("id", uuid), f.required_with("name", name));
            let terms = f.with("attributes", |json, at| Terms::read(json, at, &ORGANIZATION_TERMS));
            let mut left_out = left_out(f, &ORGANIZATION_REST);
            left_out.extend(unread(f, "organization_identifiers").then_some("organization_identifiers"));
            let terms = terms.unwrap_or_default();
            needs(f, &[("needs_kind", terms.kind.is_some())]);
            let told = f.with("description", |json, at| text(json, at, 10_000));
            let own = terms.kind.map(super::write::described);
            left_out.extend(told.filter(|told| own != Some(told.as_str())).map(|_| "description"));
            left_out.extend(terms.foreign.then_some("attributes"));
            Some(IncomingOrganization {
                id: id?,
                kind: terms.kind?,
                status: terms.status.unwrap_or(OrganisationStatus::Active),
                texts: terms.texts(main?, None),
                left_out,
            })
        })
    }
}

/// What must be said by an attribute.
fn needs(f: &Fields<'_>, terms: &[(&'static str, bool)]) {
    for (code, _) in terms.iter().filter(|(_, said)| !said) {
        f.problem("attributes", code);
    }
}

const SERVICE_REST: [&str; 23] = [
    "program_id",
    "alternate_name",
    "url",
    "additional_urls",
    "email",
    "interpretation_services",
    "application_process",
    "fees_description",
    "wait_time",
    "fees",
    "accreditations",
    "eligibility_description",
    "assurer_email",
    "licenses",
    "alert",
    "phones",
    "capacities",
    "funding",
    "cost_options",
    "program",
    "required_documents",
    "contacts",
    "metadata",
];

impl FromJson for IncomingService {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let (id, organization_id) = (f.required_with("id", uuid), f.required_with("organization_id", uuid));
            let (main, described) = (f.required_with("name", name), f.with("description", description));
            let status = f.required_with("status", status);
            let (age_min, age_max) = (f.whole("minimum_age", 0..=120), f.whole("maximum_age", 0..=120));
            if let (Some(min), Some(max)) = (age_min, age_max)
                && min > max
            {
                f.problem("maximum_age", "below_minimum");
            }
            let assured = f.optional::<NaiveDate>("assured_date");
            let hours = f.with("schedules", schedules);
            let areas = f.required_with("service_areas", service_areas);
            let place = f.with("service_at_locations", places);
            let languages = f.with("languages", languages);
            let terms = f.with("attributes", |json, at| Terms::read(json, at, &SERVICE_TERMS)).unwrap_or_default();
            implied(f, &["last_modified", "organization"]);
            let mut left_out = left_out(f, &SERVICE_REST);
            left_out.extend(terms.foreign.then_some("attributes"));
            needs(
                f,
                &[
                    ("needs_type", terms.service_type.is_some()),
                    ("needs_location_confidential", terms.location_confidential.is_some()),
                    ("needs_duty_to_report", terms.duty_to_report.is_some()),
                    ("needs_letter_language", terms.letter_language.is_some()),
                ],
            );
            let capacity = terms.capacity(f);
            let (hours, hours_left) = hours.unwrap_or_default();
            left_out.extend(hours_left);
            let (location_area, place_left) = place.unwrap_or_default();
            left_out.extend(place_left);
            Some(IncomingService {
                id: id?,
                organization_id: organization_id?,
                status: status?,
                areas: areas?,
                location_area,
                hours,
                languages: languages.unwrap_or_default(),
                eligibility: Eligibility {
                    sexes: terms.sexes.clone(),
                    age_min,
                    age_max,
                    children: terms.children,
                    disability: terms.disability,
                },
                verified_at: verified(assured, terms.verified_at),
                kind: terms.service_type?,
                location_confidential: terms.location_confidential?,
                duty_to_report: terms.duty_to_report?,
                letter_language: terms.letter_language.clone()?,
                preference: terms.preference,
                access: terms.access.clone(),
                stock: Stock { pep: terms.pep, emergency_contraception: terms.emergency_contraception },
                capacity,
                capacity_stated_at: terms.capacity_stated_at,
                texts: terms.texts(main?, described),
                left_out,
            })
        })
    }
}

/// The exact time, if it is of the day HSDS's own member says; somebody may have changed that one.
fn verified(assured: Option<NaiveDate>, exact: Option<Instant>) -> Option<Instant> {
    let same = |at: &Instant| assured.is_none_or(|day| at.utc().date_naive() == day);
    exact.filter(same).or_else(|| Some(Instant::from(assured?.and_time(chrono::NaiveTime::MIN).and_utc())))
}

const STATUSES: [(&str, ServiceStatus); 4] = [
    ("active", ServiceStatus::Active),
    ("temporarily closed", ServiceStatus::TemporarilyClosed),
    ("inactive", ServiceStatus::Inactive),
    ("defunct", ServiceStatus::Inactive),
];

fn status(json: &Json, at: &At<'_>) -> Option<ServiceStatus> {
    at.takes(|| json!({"type": "string", "enum": STATUSES.map(|(code, _)| code)}));
    let read = match json {
        Json::Text(text) => STATUSES.iter().find(|(code, _)| code == text).map(|(_, status)| *status),
        _ => None,
    };
    if read.is_none() {
        at.problem_allowing("not_allowed", Some(STATUSES.iter().map(|(code, _)| (*code).to_owned()).collect()));
    }
    read
}

fn languages(json: &Json, at: &At<'_>) -> Option<Vec<Language>> {
    at.takes(|| json!({"type": "array", "items": {"type": "object"}, "maxItems": LONGEST_LIST}));
    let language = |json: &Json, at: &At<'_>| {
        Fields::of(json, at, |f| {
            implied(f, &["id", "service_id", "location_id", "phone_id", "name", "note", "attributes", "metadata"]);
            f.required_with("code", |json, at| match json {
                Json::Text(code) if code == "sgn" => Language::from_code("sign"),
                json => Language::from_json(json, at),
            })
        })
    };
    items(json, at, LONGEST_LIST, language)
}
