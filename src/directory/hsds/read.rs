//! An HSDS file, read as strictly as a request body: every fault of every row is told, with its
//! place, and a member that HSDS does not have is one.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::json;

use super::{ALWAYS, AREA_CODE, terms};
use crate::clock::Instant;
use crate::config::calendar::WEEKDAYS;
use crate::directory::areas::area_code;
use crate::directory::codes::{AccessNeed, CapacityUnit, OrganisationKind, OrganisationStatus, ServiceStatus};
use crate::directory::codes::{ServiceType, Sex};
use crate::directory::hours::{self, Exception, Hours, Interval, Week, Weekly};
use crate::directory::names::{LONGEST_DESCRIPTION, LONGEST_NAME, Language};
use crate::directory::offer::{Capacity, Eligibility, Stock};
use crate::input::{At, Fields, FromJson, Json, LONGEST_LIST, text};

/// Entries of one file.
const MOST: usize = 10_000;
/// The longest text of a taxonomy term's code.
const LONGEST_CODE: usize = 80;
/// More than this of anything is a slip.
const MOST_PLACES: i64 = 100_000;

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

/// What the attributes of one thing say.
#[derive(Debug, Clone, Default)]
struct Terms {
    seen: Vec<String>,
    /// There are attributes of another taxonomy.
    foreign: bool,
    language: Option<Language>,
    names: BTreeMap<Language, String>,
    descriptions: BTreeMap<Language, String>,
    kind: Option<OrganisationKind>,
    status: Option<OrganisationStatus>,
    service_type: Option<ServiceType>,
    location_confidential: Option<bool>,
    duty_to_report: Option<bool>,
    letter_language: Option<Language>,
    preference: Option<i64>,
    access: Vec<AccessNeed>,
    sexes: Vec<Sex>,
    children: Option<bool>,
    disability: Option<bool>,
    pep: Option<bool>,
    emergency_contraception: Option<bool>,
    capacity_unlimited: Option<bool>,
    capacity_unit: Option<CapacityUnit>,
    capacity_available: Option<i64>,
    capacity_maximum: Option<i64>,
    capacity_stated_at: Option<Instant>,
    verified_at: Option<Instant>,
}

const ORGANIZATION_TERMS: [&str; 4] = ["kind", "status", "language", "name"];
const SERVICE_TERMS: [&str; 20] = [
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
    fn read(json: &Json, at: &At<'_>, known: &[&'static str]) -> Option<Terms> {
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

    fn texts(&self, name: String, description: Option<String>) -> Texts {
        Texts {
            name,
            description,
            language: self.language.clone(),
            names: self.names.clone(),
            descriptions: self.descriptions.clone(),
        }
    }

    /// `None` also where nothing was said.
    fn capacity(&self, f: &Fields<'_>) -> Option<Capacity> {
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

fn service_areas(json: &Json, at: &At<'_>) -> Option<Vec<String>> {
    at.takes(|| json!({"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": LONGEST_LIST}));
    let extent = |json: &Json, at: &At<'_>| {
        Fields::of(json, at, |f| {
            // The name of an area and what it looks like on a map follow from its code.
            implied(f, &["id", "service_id", "service_at_location_id", "name", "description", "extent_type", "uri"]);
            implied(f, &["attributes", "metadata"]);
            f.required_with("extent", area_code)
        })
    };
    let areas = items(json, at, LONGEST_LIST, extent)?;
    if areas.is_empty() {
        at.problem("out_of_range");
    }
    Some(areas)
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

/// One place, and what of it is not kept.
type Place = (Option<String>, Vec<&'static str>);

fn places(json: &Json, at: &At<'_>) -> Option<Place> {
    at.takes(|| json!({"type": "array", "items": {"type": "object"}, "maxItems": 1}));
    let place = |json: &Json, at: &At<'_>| {
        Fields::of(json, at, |f| {
            implied(f, &["id", "service_id", "location_id"]);
            let rest = ["description", "contacts", "phones", "schedules", "service_areas", "attributes", "metadata"];
            let more = !left_out(f, &rest).is_empty();
            let location = f.with("location", location);
            let (area, kept_whole) = location.unwrap_or((None, false));
            Some((area, if more || !kept_whole { vec!["service_at_locations"] } else { Vec::new() }))
        })
    };
    let mut read = items(json, at, LONGEST_LIST, place)?;
    if read.len() > 1 {
        // Which of them would be the one she is sent to?
        at.problem("more_than_one");
    }
    Some(read.pop().unwrap_or_default())
}

/// The area of a place, and whether it says nothing else.
fn location(json: &Json, at: &At<'_>) -> Option<(Option<String>, bool)> {
    Fields::of(json, at, |f| {
        implied(f, &["id", "name", "location_type"]);
        let rest = [
            "url",
            "organization_id",
            "alternate_name",
            "description",
            "transportation",
            "latitude",
            "longitude",
            "languages",
            "addresses",
            "contacts",
            "accessibility",
            "phones",
            "schedules",
            "attributes",
            "metadata",
        ];
        let whole = left_out(f, &rest).is_empty();
        let kind = f.text("external_identifier_type", LONGEST_CODE);
        let ours = kind.as_deref() == Some(AREA_CODE);
        let area = f.with("external_identifier", |json, at| if ours { area_code(json, at) } else { None });
        Some((area, whole && ours))
    })
}

/// Hours, and what of their schedules is not kept.
type Schedules = (Hours, Vec<&'static str>);

/// What a schedule says.
enum Opening {
    Always,
    Weekly(Weekly),
    Dated(Exception),
}

fn schedules(json: &Json, at: &At<'_>) -> Option<Schedules> {
    at.takes(|| json!({"type": "array", "items": {"type": "object"}, "maxItems": 2 * LONGEST_LIST}));
    let read = items(json, at, 2 * LONGEST_LIST, schedule)?;
    let left_out = if read.iter().any(|(_, whole)| !whole) { vec!["schedules"] } else { Vec::new() };
    let (mut weekly, mut exceptions, mut always) = (Vec::new(), Vec::new(), false);
    for (opening, _) in read {
        match opening {
            Opening::Always => always = true,
            Opening::Weekly(line) => weekly.push(line),
            Opening::Dated(exception) => exceptions.push(exception),
        }
    }
    if always && !weekly.is_empty() {
        at.problem("contradicts_always");
    }
    if weekly.len() > LONGEST_LIST || exceptions.len() > LONGEST_LIST {
        at.problem("too_many");
    }
    let week = if always { Week::Always } else { Week::At(weekly) };
    Some((Hours { week, exceptions }, left_out))
}

/// One schedule, and whether it says nothing that is not kept. A rule of iCalendar that is more
/// than weekly hours or one date is a fault: without it, a door that is shut would seem open.
fn schedule(json: &Json, at: &At<'_>) -> Option<(Opening, bool)> {
    Fields::of(json, at, |f| {
        implied(f, &["id", "service_id", "location_id", "service_at_location_id", "wkst"]);
        let whole = left_out(f, &["timezone", "schedule_link", "attending_type", "notes", "attributes", "metadata"]);
        for name in ["dtstart", "until", "count", "byweekno", "bymonthday", "byyearday"] {
            if unread(f, name) {
                f.problem(name, "not_weekly_hours");
            }
        }
        if f.whole("interval", 1..=1000).is_some_and(|weeks| weeks != 1) {
            f.problem("interval", "not_weekly_hours");
        }
        let freq = f.with("freq", |json, at| {
            let weekly = *json == Json::Text("WEEKLY".to_owned());
            if !weekly {
                at.problem("not_weekly_hours");
            }
            Some(())
        });
        let (from, to) = (f.optional::<NaiveDate>("valid_from"), f.optional::<NaiveDate>("valid_to"));
        let (days, words) = (f.with("byday", days), f.with("description", |json, at| text(json, at, 10_000)));
        let time = interval(f);
        let opening = match (freq, from, to) {
            (Some(()), None, None) => {
                let line = Weekly { days: days.unwrap_or_default(), time: required(f, time)? };
                if words.as_deref() == Some(ALWAYS) { Opening::Always } else { Opening::Weekly(line) }
            }
            (None, Some(from), Some(to)) if from == to => Opening::Dated(Exception { date: from, time }),
            _ => {
                f.problem("valid_from", "not_weekly_hours");
                return None;
            }
        };
        let said = words.is_none_or(|words| words == ALWAYS || words == "closed");
        Some((opening, whole.is_empty() && said))
    })
}

fn required(f: &Fields<'_>, time: Option<Interval>) -> Option<Interval> {
    if time.is_none() {
        f.needs(["opens_at", "closes_at"]);
    }
    time
}

/// `None` where it is shut, or a problem was told.
fn interval(f: &Fields<'_>) -> Option<Interval> {
    let (from, to) = (f.with("opens_at", clock), f.with("closes_at", clock));
    if f.has("opens_at") != f.has("closes_at") {
        f.needs(["opens_at", "closes_at"]);
    }
    Some(Interval { from: from?, to: to? })
}

/// `HH:MM` or `HH:MM:00`.
fn clock(json: &Json, at: &At<'_>) -> Option<chrono::NaiveTime> {
    match json {
        Json::Text(text) if text.len() == 8 => {
            let minutes = text.strip_suffix(":00").unwrap_or(text);
            hours::time(&Json::Text(minutes.to_owned()), at)
        }
        json => hours::time(json, at),
    }
}

fn days(json: &Json, at: &At<'_>) -> Option<Vec<chrono::Weekday>> {
    let day = |code: &str| {
        let short =
            |known: &&(chrono::Weekday, &str)| known.1.get(..2).is_some_and(|two| two.eq_ignore_ascii_case(code));
        WEEKDAYS.iter().find(short).map(|(day, _)| *day)
    };
    let read: Option<Vec<chrono::Weekday>> = match json {
        Json::Text(text) if text.len() <= 3 * LONGEST_LIST => text.split(',').map(|code| day(code.trim())).collect(),
        _ => None,
    };
    if read.is_none() {
        at.problem("not_weekly_hours");
    }
    read.filter(|days| days.len() <= LONGEST_LIST)
}
