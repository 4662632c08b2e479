//! The rows of the directory and every query on its tables. Structured columns are JSON text,
//! written from one type and read back through the same strict reader.

pub(super) mod writes;

use std::collections::HashMap;

use diesel::prelude::*;

use super::areas::Areas;
use super::codes::{
    CapacityUnit, EndpointChannel, EndpointStatus, OrganisationKind, OrganisationStatus, ServiceStatus, ServiceType,
};
use super::form::{OrganisationForm, ServiceForm};
use super::hours::Hours;
use super::names::{Language, Names};
use super::offer::{Address, Capacity};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json, read};
use crate::storage::Db;
use crate::storage::schema::{endpoints, hsds_ids, organisations, service_areas, services};

/// Organisations by key, as key and reference.
pub fn references_of_organisations(db: &mut Db, ids: &[String]) -> Result<Vec<(String, String)>> {
    let these = organisations::table.filter(organisations::id.eq_any(ids));
    Ok(these.select((organisations::id, organisations::reference)).load(db)?)
}

/// Services by key, as key and reference.
pub fn references_of_services(db: &mut Db, ids: &[String]) -> Result<Vec<(String, String)>> {
    let these = services::table.filter(services::id.eq_any(ids));
    Ok(these.select((services::id, services::reference)).load(db)?)
}

/// An organisation as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Key; never shown.
    pub id: String,
    /// What people see.
    pub reference: String,
    /// Grows with every change.
    pub version: i32,
    /// Who stands behind it, its names, whether it still works with the hotline.
    pub form: OrganisationForm,
    /// The last change.
    pub updated_at: Instant,
}

/// A service as stored, with its organisation, areas and addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Key; never shown.
    pub id: String,
    /// What people see.
    pub reference: String,
    /// Grows with every change.
    pub version: i32,
    /// Whose it is.
    pub organisation: Organisation,
    /// Everything a coordinator wrote. Holds a confidential location.
    pub form: ServiceForm,
    /// Its addresses in order, removed ones left out.
    pub endpoints: Vec<Endpoint>,
    /// When its capacity was last stated; acceptances are counted from here.
    pub capacity_stated_at: Instant,
    /// The keyed hash of the code its focal point opens referrals with.
    pub partner_code_mac: Option<String>,
    /// The change of its number that waits for a second person; until then `form.phone` is called.
    pub phone_wanted: Option<PhoneWanted>,
    /// The key of who wants that code renewed, until a second person agrees.
    pub partner_code_wanted_by: Option<String>,
    /// The last change.
    pub updated_at: Instant,
}

/// The number a service shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneWanted {
    /// The number; none: it shall have none.
    pub number: Option<String>,
    /// The key of who said so.
    pub by: String,
}

impl Service {
    /// Whether it takes anybody: an organisation that is out takes its services with it.
    pub fn status(&self) -> ServiceStatus {
        match self.organisation.form.status {
            OrganisationStatus::Active => self.form.status,
            OrganisationStatus::Inactive => ServiceStatus::Inactive,
        }
    }

    /// True if there is any way to ask it: an address in use, or a number for a phone task.
    pub fn is_reachable(&self) -> bool {
        self.form.phone.is_some()
            || self.endpoints.iter().any(|endpoint| EndpointStatus::IN_USE.contains(&endpoint.status))
    }
}

/// Where letters to a service go.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = endpoints)]
pub struct Endpoint {
    /// Key; never shown.
    pub id: String,
    /// The key of its service.
    pub service_id: String,
    /// 0 is asked first.
    pub position: i32,
    /// How it is used.
    pub channel: EndpointChannel,
    /// Mail address, URL, E.164 number or words.
    pub address: String,
    /// Whether letters go there.
    pub status: EndpointStatus,
    /// The key of who proposed it, or its removal, while a second person is awaited.
    pub proposed_by: Option<String>,
    /// The last change.
    pub updated_at: Instant,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = organisations)]
struct OrganisationRow {
    id: String,
    reference: String,
    version: i32,
    kind: OrganisationKind,
    names: String,
    status: OrganisationStatus,
    updated_at: Instant,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = services)]
struct ServiceRow {
    id: String,
    reference: String,
    version: i32,
    kind: ServiceType,
    names: String,
    descriptions: String,
    status: ServiceStatus,
    location_area: Option<String>,
    location_confidential: bool,
    hours: String,
    languages: String,
    eligibility: String,
    access: String,
    stock: String,
    capacity_unit: Option<CapacityUnit>,
    capacity_unlimited: bool,
    capacity_available: i32,
    capacity_maximum: i32,
    capacity_stated_at: Instant,
    duty_to_report: bool,
    preference: i32,
    focal_points: String,
    phone: Option<String>,
    letter_language: String,
    partner_code_mac: Option<String>,
    verified_at: Option<Instant>,
    updated_at: Instant,
    phone_wanted: Option<String>,
    phone_wanted_by: Option<String>,
    partner_code_wanted_by: Option<String>,
}

/// What a form writes into a row.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = services, treat_none_as_default_value = false, treat_none_as_null = true)]
struct ServiceColumns<'a> {
    version: i32,
    organisation_id: &'a str,
    kind: ServiceType,
    names: String,
    descriptions: String,
    status: ServiceStatus,
    location_area: Option<&'a str>,
    location_confidential: bool,
    hours: String,
    languages: String,
    eligibility: String,
    access: String,
    stock: String,
    capacity_unit: Option<CapacityUnit>,
    capacity_unlimited: bool,
    capacity_available: i32,
    capacity_maximum: i32,
    capacity_stated_at: Instant,
    duty_to_report: bool,
    preference: i32,
    focal_points: String,
    phone: Option<&'a str>,
    letter_language: &'a str,
    verified_at: Option<Instant>,
    updated_at: Instant,
}

/// Which services a list shows. Everything that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct ServiceFilter {
    /// Of this type.
    pub kind: Option<ServiceType>,
    /// Serving this area.
    pub area: Option<String>,
    /// With this status of their own.
    pub status: Option<ServiceStatus>,
    /// Of the organisation with this reference.
    pub organisation: Option<String>,
}

fn written<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::Internal("a column that cannot be written"))
}

/// Reads a column back. What was written by this program and cannot be read is a defect.
fn stored<T: FromJson>(text: &str) -> Result<T> {
    Json::parse(text.as_bytes())
        .and_then(|json| read(&json))
        .map_err(|_| Error::Internal("a stored value could not be read"))
}

struct StoredNames(Names);
impl FromJson for StoredNames {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Names::any_number(json, at).map(StoredNames)
    }
}

struct StoredHours(Hours);
impl FromJson for StoredHours {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, Hours::read).map(StoredHours)
    }
}

impl OrganisationRow {
    fn settled(self) -> Result<Organisation> {
        let names = stored::<StoredNames>(&self.names)?.0;
        Ok(Organisation {
            id: self.id,
            reference: self.reference,
            version: self.version,
            form: OrganisationForm { kind: self.kind, names, status: self.status },
            updated_at: self.updated_at,
        })
    }
}

impl ServiceRow {
    fn settled(self, organisation: Organisation, areas: Vec<String>, endpoints: Vec<Endpoint>) -> Result<Service> {
        let capacity = match self.capacity_unit {
            Some(unit) if !self.capacity_unlimited => {
                Capacity::Stated { unit, available: self.capacity_available, maximum: self.capacity_maximum }
            }
            _ => Capacity::Unlimited,
        };
        let address = |endpoint: &Endpoint| Address { channel: endpoint.channel, address: endpoint.address.clone() };
        let form = ServiceForm {
            organisation: organisation.reference.clone(),
            kind: self.kind,
            names: stored::<StoredNames>(&self.names)?.0,
            descriptions: stored::<StoredNames>(&self.descriptions)?.0,
            status: self.status,
            areas,
            location_area: self.location_area,
            location_confidential: self.location_confidential,
            hours: stored::<StoredHours>(&self.hours)?.0,
            languages: stored(&self.languages)?,
            eligibility: stored(&self.eligibility)?,
            access: stored(&self.access)?,
            stock: stored(&self.stock)?,
            capacity,
            duty_to_report: self.duty_to_report,
            preference: self.preference,
            // What is to go is no longer part of what coordinators wrote.
            endpoints: endpoints.iter().filter(|one| one.status != EndpointStatus::Leaving).map(address).collect(),
            focal_points: stored(&self.focal_points)?,
            phone: self.phone,
            letter_language: Language::from_code(&self.letter_language)
                .ok_or(Error::Internal("a stored value could not be read"))?,
            verified_at: self.verified_at,
        };
        Ok(Service {
            id: self.id,
            reference: self.reference,
            version: self.version,
            organisation,
            form,
            endpoints,
            capacity_stated_at: self.capacity_stated_at,
            partner_code_mac: self.partner_code_mac,
            phone_wanted: self.phone_wanted_by.map(|by| PhoneWanted { number: self.phone_wanted, by }),
            partner_code_wanted_by: self.partner_code_wanted_by,
            updated_at: self.updated_at,
        })
    }
}

/// Puts services together: two more queries, however many they are.
fn assembled(db: &mut Db, rows: Vec<(ServiceRow, OrganisationRow)>) -> Result<Vec<Service>> {
    let ids: Vec<&str> = rows.iter().map(|(service, _)| service.id.as_str()).collect();
    let mut served: HashMap<String, Vec<String>> = HashMap::new();
    let found: Vec<(String, String)> = service_areas::table
        .filter(service_areas::service_id.eq_any(&ids))
        .order((service_areas::service_id, service_areas::area))
        .select((service_areas::service_id, service_areas::area))
        .load(db)?;
    for (service, area) in found {
        served.entry(service).or_default().push(area);
    }
    let mut addresses: HashMap<String, Vec<Endpoint>> = HashMap::new();
    let found: Vec<Endpoint> = endpoints::table
        .filter(endpoints::service_id.eq_any(&ids))
        .filter(endpoints::status.ne(EndpointStatus::Removed))
        .order((endpoints::service_id, endpoints::position, endpoints::id))
        .select(Endpoint::as_select())
        .load(db)?;
    for endpoint in found {
        addresses.entry(endpoint.service_id.clone()).or_default().push(endpoint);
    }
    rows.into_iter()
        .map(|(service, organisation)| {
            let areas = served.remove(&service.id).unwrap_or_default();
            let addresses = addresses.remove(&service.id).unwrap_or_default();
            service.settled(organisation.settled()?, areas, addresses)
        })
        .collect()
}

macro_rules! joined {
    () => {
        services::table.inner_join(organisations::table).select((ServiceRow::as_select(), OrganisationRow::as_select()))
    };
}

fn one(db: &mut Db, rows: Vec<(ServiceRow, OrganisationRow)>) -> Result<Service> {
    assembled(db, rows)?.pop().ok_or(Error::NotFound)
}

/// The service with this canonical reference. Errors: 404.
pub(super) fn service_by_reference(db: &mut Db, reference: &str) -> Result<Service> {
    let rows = joined!().filter(services::reference.eq(reference)).load(db)?;
    one(db, rows)
}

/// The service with this key. Errors: 404.
pub fn service_by_id(db: &mut Db, id: &str) -> Result<Service> {
    let rows = joined!().filter(services::id.eq(id)).load(db)?;
    one(db, rows)
}

/// The services with these keys, in no order.
pub fn services_by_ids(db: &mut Db, ids: &[String]) -> Result<Vec<Service>> {
    let rows = joined!().filter(services::id.eq_any(ids)).load(db)?;
    assembled(db, rows)
}

/// The service an address belongs to. Errors: 404.
pub(super) fn service_of_endpoint(db: &mut Db, endpoint_id: &str) -> Result<Service> {
    let service: String = endpoints::table.find(endpoint_id).select(endpoints::service_id).first(db)?;
    service_by_id(db, &service)
}

/// All services of a type, whatever their status.
pub(super) fn services_of_type(db: &mut Db, kind: ServiceType) -> Result<Vec<Service>> {
    let rows = joined!().filter(services::kind.eq(kind)).order(services::reference).load(db)?;
    assembled(db, rows)
}

/// At most `limit` services in the order they were made, after the one with key `after`.
pub fn list_services(
    db: &mut Db,
    areas: &Areas,
    filter: &ServiceFilter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Service>> {
    let mut query = joined!().order(services::id).limit(limit).into_boxed();
    if let Some(after) = after {
        query = query.filter(services::id.gt(after));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(services::kind.eq(kind));
    }
    if let Some(status) = filter.status {
        query = query.filter(services::status.eq(status));
    }
    if let Some(organisation) = &filter.organisation {
        query = query.filter(organisations::reference.eq(organisation));
    }
    if let Some(area) = &filter.area {
        query = query.filter(services::id.eq_any(service_ids_serving(db, areas, area)?));
    }
    let rows = query.load(db)?;
    assembled(db, rows)
}

/// The keys of all services that serve an area: by its own code, through what it lies in, or under
/// the name of an area that took over its land. Empty for an unknown code.
pub fn service_ids_serving(db: &mut Db, areas: &Areas, area: &str) -> Result<Vec<String>> {
    Ok(service_areas::table
        .filter(service_areas::area.eq_any(areas.reach(area)))
        .select(service_areas::service_id)
        .distinct()
        .load(db)?)
}

/// The addresses letters to a service go to now, in order of position.
pub fn endpoints_of(db: &mut Db, service_id: &str) -> Result<Vec<Endpoint>> {
    Ok(endpoints::table
        .filter(endpoints::service_id.eq(service_id))
        .filter(endpoints::status.eq_any(EndpointStatus::IN_USE))
        .order((endpoints::position, endpoints::id))
        .select(Endpoint::as_select())
        .load(db)?)
}

/// The organisation with this canonical reference. Errors: 404.
pub(super) fn organisation_by_reference(db: &mut Db, reference: &str) -> Result<Organisation> {
    organisations::table
        .filter(organisations::reference.eq(reference))
        .select(OrganisationRow::as_select())
        .first(db)?
        .settled()
}

/// The organisation with this key. Errors: 404.
pub fn organisation_by_id(db: &mut Db, id: &str) -> Result<Organisation> {
    organisations::table.find(id).select(OrganisationRow::as_select()).first(db)?.settled()
}

/// At most `limit` organisations in the order they were made, after the one with key `after`.
pub fn list_organisations(db: &mut Db, after: Option<&str>, limit: i64) -> Result<Vec<Organisation>> {
    let mut query =
        organisations::table.select(OrganisationRow::as_select()).order(organisations::id).limit(limit).into_boxed();
    if let Some(after) = after {
        query = query.filter(organisations::id.gt(after));
    }
    query.load(db)?.into_iter().map(OrganisationRow::settled).collect()
}

/// HSDS ids of what came from a file, by key.
pub(super) fn hsds_ids(db: &mut Db) -> Result<HashMap<String, String>> {
    let rows: Vec<(String, String)> = hsds_ids::table.select((hsds_ids::subject_id, hsds_ids::hsds_id)).load(db)?;
    Ok(rows.into_iter().collect())
}
