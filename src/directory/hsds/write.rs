//! What leaves the house as HSDS. Nothing here has a member that could hold how a service is
//! reached; a confidential place is left out before anything is made of it.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::terms::{self, TAXONOMY};
use super::{ALWAYS, AREA_CODE, derived};
use crate::clock::Instant;
use crate::config::calendar::WEEKDAYS;
use crate::directory::areas::Areas;
use crate::directory::codes::{OrganisationKind, ServiceStatus};
use crate::directory::hours::{Exception, Hours, Interval, Week, Weekly, hhmm};
use crate::directory::model::{Organisation, Service};
use crate::directory::names::Names;
use crate::directory::offer::Capacity;

/// What of the house an export needs.
pub(super) struct House<'a> {
    /// HSDS ids of what came from a file, by key.
    pub(super) ids: &'a HashMap<String, String>,
    /// The gazetteer.
    pub(super) areas: &'a Areas,
    /// Languages, the first one first.
    pub(super) languages: &'a [String],
}

impl House<'_> {
    /// The HSDS id of an organisation.
    pub(super) fn organisation(&self, organisation: &Organisation) -> String {
        self.id(&organisation.id, "organization", &organisation.reference)
    }

    /// The HSDS id of a service.
    pub(super) fn service(&self, service: &Service) -> String {
        self.id(&service.id, "service", &service.reference)
    }

    fn id(&self, key: &str, kind: &str, reference: &str) -> String {
        self.ids.get(key).cloned().unwrap_or_else(|| derived(&[kind, reference]))
    }

    fn area(&self, code: &str) -> String {
        let names = self.areas.get(code).map(|area| &area.names);
        let first = self.languages.first().map_or("", String::as_str);
        names.map_or(code, |names| names.name_in(first, self.languages)).to_owned()
    }
}

/// A directory as HSDS: organisations by `organization.json` and services by `service.json` of the
/// published schema.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsDirectory")]
pub struct Document {
    organizations: Vec<OrganizationDoc>,
    services: Vec<ServiceDoc>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsOrganization")]
struct OrganizationDoc {
    id: String,
    name: String,
    description: &'static str,
    attributes: Vec<Attribute>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsService")]
struct ServiceDoc {
    id: String,
    organization_id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_age: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_age: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assured_date: Option<String>,
    last_modified: Instant,
    schedules: Vec<Schedule>,
    service_areas: Vec<ServiceArea>,
    service_at_locations: Vec<ServiceAtLocation>,
    languages: Vec<LanguageDoc>,
    attributes: Vec<Attribute>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "HsdsSchedule")]
struct Schedule {
    id: String,
    service_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freq: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byday: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opens_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closes_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsServiceArea")]
struct ServiceArea {
    id: String,
    service_id: String,
    name: String,
    extent: String,
    extent_type: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsServiceAtLocation")]
struct ServiceAtLocation {
    id: String,
    service_id: String,
    location_id: String,
    location: Location,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsLocation")]
struct Location {
    id: String,
    location_type: &'static str,
    name: String,
    external_identifier: String,
    external_identifier_type: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsLanguage")]
struct LanguageDoc {
    id: String,
    service_id: String,
    code: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsAttribute")]
struct Attribute {
    id: String,
    link_id: String,
    link_entity: &'static str,
    taxonomy_term_id: String,
    value: String,
    taxonomy_term: Term,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HsdsTaxonomyTerm")]
struct Term {
    id: String,
    code: String,
    name: String,
    description: &'static str,
    taxonomy: &'static str,
}

/// The attributes of one thing.
struct Attributes {
    of: String,
    entity: &'static str,
    list: Vec<Attribute>,
}

impl Attributes {
    fn of(id: &str, entity: &'static str) -> Attributes {
        Attributes { of: id.to_owned(), entity, list: Vec::new() }
    }

    fn add(&mut self, term: &str, value: impl ToString) {
        let (code, place) = (terms::code(term), self.list.len().to_string());
        let term_id = terms::id(&code);
        self.list.push(Attribute {
            id: derived(&["attribute", &self.of, &place]),
            link_id: self.of.clone(),
            link_entity: self.entity,
            taxonomy_term_id: term_id.clone(),
            value: value.to_string(),
            taxonomy_term: Term {
                id: term_id,
                code,
                name: term.replace('_', " "),
                description: terms::meaning(term).unwrap_or_default(),
                taxonomy: TAXONOMY,
            },
        });
    }

    fn add_known(&mut self, term: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.add(term, value);
        }
    }

    /// Every text but the one in the language that HSDS's own member is in.
    fn add_others(&mut self, term: &str, texts: &Names, main: &str) {
        for (language, text) in texts.iter().filter(|(language, _)| *language != main) {
            self.add(&format!("{term}.{language}"), text);
        }
    }
}

impl Document {
    pub(super) fn of(organisations: &[Organisation], services: &[Service], house: &House<'_>) -> Document {
        Document {
            organizations: organisations.iter().map(|one| OrganizationDoc::of(one, house)).collect(),
            services: services.iter().map(|one| ServiceDoc::of(one, house)).collect(),
        }
    }
}

/// The language HSDS's one name is in: the house's first if it has that, else any.
fn main_language<'a>(names: &'a Names, house: &House<'_>) -> &'a str {
    let known = |code: &String| names.iter().map(|(language, _)| language).find(|language| language == code);
    let any = || names.iter().map(|(language, _)| language).next();
    house.languages.iter().find_map(known).or_else(any).unwrap_or_default()
}

/// HSDS wants an organisation described; here only its kind is known.
pub(super) fn described(kind: OrganisationKind) -> &'static str {
    match kind {
        OrganisationKind::State => "State body",
        OrganisationKind::CivilSociety => "Civil society organisation",
        OrganisationKind::RedCrescent => "Red Crescent society",
        OrganisationKind::International => "International organisation",
        OrganisationKind::Private => "Private organisation",
    }
}

impl OrganizationDoc {
    fn of(organisation: &Organisation, house: &House<'_>) -> OrganizationDoc {
        let (id, form) = (house.organisation(organisation), &organisation.form);
        let main = main_language(&form.names, house);
        let mut attributes = Attributes::of(&id, "organization");
        attributes.add("kind", form.kind);
        attributes.add("status", form.status);
        attributes.add("language", main);
        attributes.add_others("name", &form.names, main);
        OrganizationDoc {
            name: form.names.name_in(main, &[]).to_owned(),
            description: described(form.kind),
            attributes: attributes.list,
            id,
        }
    }
}

/// HSDS's word for a status.
fn status(status: ServiceStatus) -> &'static str {
    match status {
        ServiceStatus::Active => "active",
        ServiceStatus::TemporarilyClosed => "temporarily closed",
        ServiceStatus::Inactive => "inactive",
    }
}

impl ServiceDoc {
    fn of(service: &Service, house: &House<'_>) -> ServiceDoc {
        let (id, form) = (house.service(service), &service.form);
        let main = main_language(&form.names, house);
        let area = |(place, code): (usize, &String)| ServiceArea {
            id: derived(&["service_area", &id, &place.to_string()]),
            service_id: id.clone(),
            name: house.area(code),
            extent: code.clone(),
            extent_type: AREA_CODE,
        };
        let language = |(place, language): (usize, &crate::directory::Language)| LanguageDoc {
            id: derived(&["language", &id, &place.to_string()]),
            service_id: id.clone(),
            // ISO 639-2 has a code for sign languages, 639-1 has none.
            code: if language.code() == "sign" { "sgn".to_owned() } else { language.code().to_owned() },
        };
        // Databases do not agree on the order of codes.
        let mut areas: Vec<&String> = form.areas.iter().collect();
        areas.sort();
        let open = form.location_area.as_deref().filter(|_| !form.location_confidential);
        ServiceDoc {
            organization_id: house.organisation(&service.organisation),
            name: form.names.name_in(main, &[]).to_owned(),
            description: form.descriptions.iter().find(|(known, _)| *known == main).map(|(_, text)| text.to_owned()),
            status: status(form.status),
            minimum_age: form.eligibility.age_min,
            maximum_age: form.eligibility.age_max,
            assured_date: form.verified_at.map(|at| at.utc().date_naive().to_string()),
            last_modified: service.updated_at,
            schedules: schedules(&id, &form.hours),
            service_areas: areas.into_iter().enumerate().map(area).collect(),
            service_at_locations: open.map(|code| ServiceAtLocation::of(&id, code, house)).into_iter().collect(),
            languages: form.languages.iter().enumerate().map(language).collect(),
            attributes: attributes(service, &id, main),
            id,
        }
    }
}

fn attributes(service: &Service, id: &str, main: &str) -> Vec<Attribute> {
    let form = &service.form;
    let mut attributes = Attributes::of(id, "service");
    attributes.add("type", form.kind);
    attributes.add("language", main);
    attributes.add_others("name", &form.names, main);
    attributes.add_others("description", &form.descriptions, main);
    attributes.add("location_confidential", form.location_confidential);
    attributes.add("duty_to_report", form.duty_to_report);
    attributes.add("letter_language", form.letter_language.code());
    attributes.add("preference", form.preference);
    form.access.iter().for_each(|need| attributes.add("access", need));
    form.eligibility.sexes.iter().for_each(|sex| attributes.add("sex", sex));
    attributes.add_known("children", form.eligibility.children);
    attributes.add_known("disability", form.eligibility.disability);
    attributes.add_known("pep", form.stock.pep);
    attributes.add_known("emergency_contraception", form.stock.emergency_contraception);
    match form.capacity {
        Capacity::Unlimited => attributes.add("capacity_unlimited", true),
        Capacity::Stated { unit, available, maximum } => {
            attributes.add("capacity_unit", unit);
            attributes.add("capacity_available", available);
            attributes.add("capacity_maximum", maximum);
        }
    }
    attributes.add("capacity_stated_at", service.capacity_stated_at.rfc3339());
    attributes.add_known("verified_at", form.verified_at.map(Instant::rfc3339));
    attributes.list
}

impl ServiceAtLocation {
    fn of(service: &str, code: &str, house: &House<'_>) -> ServiceAtLocation {
        let location_id = derived(&["location", service]);
        ServiceAtLocation {
            id: derived(&["service_at_location", service]),
            service_id: service.to_owned(),
            location_id: location_id.clone(),
            location: Location {
                id: location_id,
                location_type: "physical",
                name: house.area(code),
                external_identifier: code.to_owned(),
                external_identifier_type: AREA_CODE,
            },
        }
    }
}

fn schedules(service: &str, hours: &Hours) -> Vec<Schedule> {
    let midnight = Interval { from: chrono::NaiveTime::MIN, to: chrono::NaiveTime::MIN };
    let every_day = Weekly { days: WEEKDAYS.map(|(day, _)| day).to_vec(), time: midnight };
    let week = match &hours.week {
        Week::Always => vec![Schedule { description: Some(ALWAYS), ..Schedule::weekly(&every_day) }],
        Week::At(lines) => lines.iter().map(Schedule::weekly).collect(),
    };
    let dated = hours.exceptions.iter().map(Schedule::dated);
    let named = |(place, schedule): (usize, Schedule)| Schedule {
        id: derived(&["schedule", service, &place.to_string()]),
        service_id: service.to_owned(),
        ..schedule
    };
    week.into_iter().chain(dated).enumerate().map(named).collect()
}

impl Schedule {
    fn weekly(line: &Weekly) -> Schedule {
        let code = |day| WEEKDAYS.iter().find(|(known, _)| known == day).map_or("", |(_, code)| code);
        let days: Vec<String> = line.days.iter().map(|day| code(day).chars().take(2).collect::<String>()).collect();
        Schedule {
            freq: Some("WEEKLY"),
            byday: Some(days.join(",").to_uppercase()).filter(|days| !days.is_empty()),
            ..Schedule::open(line.time)
        }
    }

    fn dated(exception: &Exception) -> Schedule {
        let date = Some(exception.date.to_string());
        let open = exception
            .time
            .map_or_else(|| Schedule { description: Some("closed"), ..Schedule::default() }, Schedule::open);
        Schedule { valid_from: date.clone(), valid_to: date, ..open }
    }

    fn open(time: Interval) -> Schedule {
        let clock = |time| Some(format!("{}:00", hhmm(time)));
        Schedule { opens_at: clock(time.from), closes_at: clock(time.to), ..Schedule::default() }
    }
}
