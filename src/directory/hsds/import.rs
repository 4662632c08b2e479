//! What a file that was read does to the directory: all of it, or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use super::read::{Incoming, IncomingOrganization, IncomingService, Texts};
use super::write::House;
use crate::directory::areas::Areas;
use crate::directory::form::{OrganisationForm, ServiceForm};
use crate::directory::model::{self, Organisation, Service, writes};
use crate::directory::names::{Language, MOST_LANGUAGES, Names};
use crate::directory::{ServiceFilter, create_organisation, create_service};
use crate::error::{Error, Problem, Result};
use crate::storage::{Db, Tx};

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Organisations of the file.
    pub organizations: Tally,
    /// Services of the file.
    pub services: Tally,
    /// Members of HSDS that were there and are not kept, and in how many rows.
    pub left_out: BTreeMap<String, usize>,
}

/// How many entries became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "HsdsTally")]
pub struct Tally {
    /// New here.
    pub added: usize,
    /// Known, and different now.
    pub changed: usize,
    /// Known, and as they were.
    pub unchanged: usize,
}

impl Outcome {
    /// The six counts, as the row of a request that was answered keeps them.
    pub(super) fn counted(&self) -> String {
        let Outcome { organizations: o, services: s, .. } = self;
        let counts = [o.added, o.changed, o.unchanged, s.added, s.changed, s.unchanged];
        counts.map(|count| count.to_string()).join(" ")
    }

    /// What [`Outcome::counted`] wrote.
    pub(super) fn tallies(counted: &str) -> (Tally, Tally) {
        let mut counts = counted.split(' ').map(|count| count.parse().unwrap_or_default());
        let mut next = || counts.next().unwrap_or_default();
        let mut tally = || Tally { added: next(), changed: next(), unchanged: next() };
        (tally(), tally())
    }
}

/// Where an entry of the file is, or what is wrong with it.
struct Faults(Vec<Problem>);

impl Faults {
    fn add(&mut self, pointer: String, code: &'static str) {
        self.0.push(Problem { pointer, code, allowed: None });
    }
}

/// What is here already, by HSDS id.
struct Known {
    organisations: HashMap<String, Organisation>,
    services: HashMap<String, Service>,
}

impl Known {
    fn load(db: &mut Db, areas: &Areas) -> Result<Known> {
        let ids = model::hsds_ids(db)?;
        let house = House { ids: &ids, areas, languages: &[] };
        let every = i64::from(i32::MAX);
        let organisations = model::list_organisations(db, None, every)?;
        let services = model::list_services(db, areas, &ServiceFilter::default(), None, every)?;
        Ok(Known {
            organisations: organisations.into_iter().map(|one| (house.organisation(&one), one)).collect(),
            services: services.into_iter().map(|one| (house.service(&one), one)).collect(),
        })
    }
}

/// Adds and changes what the file says. Errors: 422 with every fault of every row; then nothing is
/// written.
pub fn import(tx: &mut Tx<'_>, areas: &Areas, file: &Incoming) -> Result<Outcome> {
    let known = Known::load(tx.db, areas)?;
    let mut faults = Faults(Vec::new());
    let languages = &tx.setting.config.place.languages;
    let organisations = organisations(file, languages, &mut faults);
    let services = services(tx, areas, file, &known, &mut faults);
    if !faults.0.is_empty() {
        return Err(Error::Invalid(faults.0));
    }
    let mut outcome =
        Outcome { organizations: Tally::default(), services: Tally::default(), left_out: file.left_out() };
    let mut references = HashMap::new();
    for (incoming, form) in file.organizations.iter().zip(&organisations) {
        let reference = write_organisation(tx, incoming, form, &known, &mut outcome.organizations)?;
        references.insert(incoming.id.clone(), reference);
    }
    for (id, organisation) in &known.organisations {
        references.entry(id.clone()).or_insert_with(|| organisation.reference.clone());
    }
    for (incoming, mut form) in file.services.iter().zip(services) {
        form.organisation = references.get(&incoming.organization_id).cloned().unwrap_or_default();
        write_service(tx, areas, incoming, &form, &known, &mut outcome.services)?;
    }
    tx.trail("directory.import", ("directory", "hsds"), None)?;
    Ok(outcome)
}

impl Incoming {
    /// Members that are not kept, and in how many rows.
    pub(super) fn left_out(&self) -> BTreeMap<String, usize> {
        let organizations =
            self.organizations.iter().flat_map(|one| one.left_out.iter().map(|name| ("organization", name)));
        let services = self.services.iter().flat_map(|one| one.left_out.iter().map(|name| ("service", name)));
        let mut counted = BTreeMap::new();
        for (entity, member) in organizations.chain(services) {
            *counted.entry(format!("{entity}.{member}")).or_default() += 1;
        }
        counted.extend(self.tables.iter().map(|(table, rows)| ((*table).to_owned(), *rows)));
        counted
    }
}

/// The text of HSDS's own member and those of other languages, together.
pub(super) fn together(
    main: Option<&String>,
    texts: &Texts,
    others: &BTreeMap<Language, String>,
    languages: &[String],
) -> Result<Names, &'static str> {
    let first = || languages.first().and_then(|code| Language::from_code(code));
    let language = texts.language.clone().or_else(first).ok_or("not_a_language")?;
    let mut all = others.clone();
    if let Some(main) = main
        && all.insert(language, main.clone()).is_some()
    {
        return Err("repeated");
    }
    if all.len() > MOST_LANGUAGES { Err("too_many") } else { Ok(Names::of(all)) }
}

fn organisations(file: &Incoming, languages: &[String], faults: &mut Faults) -> Vec<OrganisationForm> {
    let (mut seen, mut forms) = (BTreeSet::new(), Vec::new());
    for (place, one) in file.organizations.iter().enumerate() {
        if !seen.insert(one.id.as_str()) {
            faults.add(format!("/organizations/{place}/id"), "repeated");
        }
        let names = together(Some(&one.texts.name), &one.texts, &one.texts.names, languages).unwrap_or_else(|code| {
            faults.add(format!("/organizations/{place}/attributes"), code);
            Names::default()
        });
        forms.push(OrganisationForm { kind: one.kind, names, status: one.status });
    }
    forms
}

/// The forms of all services, without their organisations' references.
fn services(tx: &Tx<'_>, areas: &Areas, file: &Incoming, known: &Known, faults: &mut Faults) -> Vec<ServiceForm> {
    let mut seen = BTreeSet::new();
    let named: BTreeSet<&str> = file.organizations.iter().map(|one| one.id.as_str()).collect();
    let mut forms = Vec::new();
    for (place, one) in file.services.iter().enumerate() {
        let mut fault = |member: &str, code| faults.add(format!("/services/{place}{member}"), code);
        if !seen.insert(one.id.as_str()) {
            fault("/id", "repeated");
        }
        if !named.contains(one.organization_id.as_str()) && !known.organisations.contains_key(&one.organization_id) {
            fault("/organization_id", "not_found");
        }
        let old = known.services.get(&one.id);
        if old.is_some_and(|old| old.form.location_confidential) && !one.location_confidential {
            // Somebody must say so here, at the screen, looking at this one service.
            fault("/attributes", "confidential_here");
        }
        if one.capacity_stated_at.is_some_and(|at| at > tx.now) {
            fault("/attributes", "in_the_future");
        }
        if one.capacity.is_none() && old.is_none() {
            fault("/attributes", "needs_capacity");
        }
        let languages = &tx.setting.config.place.languages;
        let mut text = |main, others| {
            together(main, &one.texts, others, languages).unwrap_or_else(|code| {
                fault("/attributes", code);
                Names::default()
            })
        };
        let names = text(Some(&one.texts.name), &one.texts.names);
        let descriptions = text(one.texts.description.as_ref(), &one.texts.descriptions);
        let Some(form) = one.form(old, names, descriptions) else { continue };
        match form.settled(areas, &tx.setting.config) {
            Ok(mut form) => {
                // The table keeps areas in the order of their codes.
                form.areas.sort();
                forms.push(form);
            }
            Err(Error::Invalid(problems)) => {
                problems.iter().for_each(|told| fault(&place_of(&told.pointer), told.code))
            }
            Err(_) => fault("", "cannot_be_read"),
        }
    }
    forms
}

/// Where in a service of HSDS a member of the form comes from.
fn place_of(pointer: &str) -> String {
    match pointer.strip_prefix("/areas/") {
        Some(index) => format!("/service_areas/{index}/extent"),
        None if pointer == "/location_area" => "/service_at_locations/0/location/external_identifier".to_owned(),
        None => "/attributes".to_owned(),
    }
}

impl IncomingService {
    /// The form, with what a file never brings from the service as it is. `None` where it has no
    /// capacity, which was told.
    pub(super) fn form(&self, old: Option<&Service>, names: Names, descriptions: Names) -> Option<ServiceForm> {
        let kept = old.map(|old| &old.form);
        let later = old.is_none_or(|old| self.capacity_stated_at.is_some_and(|at| at > old.capacity_stated_at));
        let capacity = self.capacity.filter(|_| later).or(kept.map(|form| form.capacity))?;
        let hidden = kept.filter(|_| self.location_confidential).and_then(|form| form.location_area.clone());
        Some(ServiceForm {
            organisation: String::new(),
            kind: self.kind,
            names,
            descriptions,
            status: self.status,
            areas: self.areas.clone(),
            location_area: self.location_area.clone().or(hidden),
            location_confidential: self.location_confidential,
            hours: self.hours.clone(),
            languages: self.languages.clone(),
            eligibility: self.eligibility.clone(),
            access: self.access.clone(),
            stock: self.stock,
            capacity,
            duty_to_report: self.duty_to_report,
            preference: self.preference.and_then(|order| i32::try_from(order).ok()).unwrap_or(50),
            endpoints: kept.map(|form| form.endpoints.clone()).unwrap_or_default(),
            focal_points: kept.map(|form| form.focal_points.clone()).unwrap_or_default(),
            phone: kept.and_then(|form| form.phone.clone()),
            letter_language: self.letter_language.clone(),
            verified_at: self.verified_at,
        })
    }
}

/// Databases do not agree on the order of codes.
fn same(old: &ServiceForm, form: &ServiceForm) -> bool {
    let mut old = old.clone();
    old.areas.sort();
    old == *form
}

fn write_organisation(
    tx: &mut Tx<'_>,
    incoming: &IncomingOrganization,
    form: &OrganisationForm,
    known: &Known,
    tally: &mut Tally,
) -> Result<String> {
    let Some(old) = known.organisations.get(&incoming.id) else {
        let made = create_organisation(tx, form)?;
        writes::name_by_hsds(tx.db, &incoming.id, &made.id)?;
        tally.added += 1;
        return Ok(made.reference);
    };
    if old.form == *form {
        tally.unchanged += 1;
    } else {
        super::super::write_organisation(tx, old, form)?;
        tally.changed += 1;
    }
    Ok(old.reference.clone())
}

fn write_service(
    tx: &mut Tx<'_>,
    areas: &Areas,
    incoming: &IncomingService,
    form: &ServiceForm,
    known: &Known,
    tally: &mut Tally,
) -> Result<()> {
    let Some(old) = known.services.get(&incoming.id) else {
        let made = create_service(tx, areas, form)?;
        writes::name_by_hsds(tx.db, &incoming.id, &made.id)?;
        if let Some(at) = incoming.capacity_stated_at {
            writes::write_stated_at(tx.db, &made.id, at)?;
        }
        tally.added += 1;
        return Ok(());
    };
    let stated = incoming.capacity_stated_at.filter(|at| incoming.capacity.is_some() && *at > old.capacity_stated_at);
    if same(&old.form, form) && stated.is_none() {
        tally.unchanged += 1;
        return Ok(());
    }
    super::super::write_service(tx, old, form)?;
    if let Some(at) = stated {
        writes::write_stated_at(tx.db, &old.id, at)?;
    }
    tally.changed += 1;
    Ok(())
}
