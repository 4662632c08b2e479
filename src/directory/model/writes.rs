//! The statements that change the directory's tables. Each names the version it expects and makes
//! sure that it changed one row.

use diesel::prelude::*;

use super::{Endpoint, Organisation, Service, ServiceColumns, organisation_by_id, service_by_id, written};
use crate::clock::Instant;
use crate::directory::areas::{Area, Areas};
use crate::directory::codes::EndpointStatus;
use crate::directory::form::{OrganisationForm, ServiceForm};
use crate::directory::offer::{Address, Capacity, Counts};
use crate::error::{Error, Result};
use crate::storage::schema::{areas, endpoints, hsds_ids, organisations, service_areas, services};
use crate::storage::{Db, Tx};

/// The letter references of services begin with.
pub const SERVICE: char = 'S';
/// The letter references of organisations begin with.
pub const ORGANISATION: char = 'O';

/// One row changed, or somebody was first.
fn exactly_one(changed: usize, current: i32) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(Error::Stale { current }) }
}

pub(in crate::directory) fn insert_organisation(tx: &mut Tx<'_>, form: &OrganisationForm) -> Result<Organisation> {
    let id = tx.new_id()?;
    let row = (
        organisations::id.eq(&id),
        organisations::reference.eq(tx.new_reference(ORGANISATION)?),
        organisations::version.eq(1),
        organisations::kind.eq(form.kind),
        organisations::names.eq(written(&form.names)?),
        organisations::status.eq(form.status),
        organisations::updated_at.eq(tx.now),
    );
    diesel::insert_into(organisations::table).values(row).execute(tx.db)?;
    organisation_by_id(tx.db, &id)
}

pub(in crate::directory) fn update_organisation(
    tx: &mut Tx<'_>,
    old: &Organisation,
    form: &OrganisationForm,
) -> Result<Organisation> {
    let row = organisations::table.filter(organisations::id.eq(&old.id)).filter(organisations::version.eq(old.version));
    let changes = (
        organisations::version.eq(old.version + 1),
        organisations::kind.eq(form.kind),
        organisations::names.eq(written(&form.names)?),
        organisations::status.eq(form.status),
        organisations::updated_at.eq(tx.now),
    );
    exactly_one(diesel::update(row).set(changes).execute(tx.db)?, old.version)?;
    organisation_by_id(tx.db, &old.id)
}

impl<'a> ServiceColumns<'a> {
    fn of(
        form: &'a ServiceForm,
        organisation_id: &'a str,
        version: i32,
        stated_at: Instant,
        now: Instant,
    ) -> Result<Self> {
        let (unit, counts) = match form.capacity {
            Capacity::Unlimited => (None, Counts { available: 0, maximum: 0 }),
            Capacity::Stated { unit, available, maximum } => (Some(unit), Counts { available, maximum }),
        };
        let hours = serde_json::json!({ "hours": form.hours.week, "exceptions": form.hours.exceptions });
        Ok(ServiceColumns {
            version,
            organisation_id,
            kind: form.kind,
            names: written(&form.names)?,
            descriptions: written(&form.descriptions)?,
            status: form.status,
            location_area: form.location_area.as_deref(),
            location_confidential: form.location_confidential,
            hours: hours.to_string(),
            languages: written(&form.languages)?,
            eligibility: written(&form.eligibility)?,
            access: written(&form.access)?,
            stock: written(&form.stock)?,
            capacity_unit: unit,
            capacity_unlimited: unit.is_none(),
            capacity_available: counts.available,
            capacity_maximum: counts.maximum,
            capacity_stated_at: stated_at,
            duty_to_report: form.duty_to_report,
            preference: form.preference,
            focal_points: written(&form.focal_points)?,
            phone: form.phone.as_deref(),
            letter_language: form.letter_language.code(),
            verified_at: form.verified_at,
            updated_at: now,
        })
    }
}

pub(in crate::directory) fn insert_service(
    tx: &mut Tx<'_>,
    organisation_id: &str,
    form: &ServiceForm,
) -> Result<Service> {
    let id = tx.new_id()?;
    let columns = ServiceColumns::of(form, organisation_id, 1, tx.now, tx.now)?;
    let row = (services::id.eq(&id), services::reference.eq(tx.new_reference(SERVICE)?), columns);
    diesel::insert_into(services::table).values(row).execute(tx.db)?;
    write_areas(tx.db, &id, &form.areas)?;
    for (place, address) in form.endpoints.iter().enumerate() {
        insert_endpoint(tx, &id, place, address, EndpointStatus::Active)?;
    }
    service_by_id(tx.db, &id)
}

pub(in crate::directory) fn update_service(
    tx: &mut Tx<'_>,
    old: &Service,
    organisation_id: &str,
    form: &ServiceForm,
) -> Result<Service> {
    // Acceptances are counted from the last statement, so a change elsewhere must not move it.
    let stated_at = if form.capacity == old.form.capacity { old.capacity_stated_at } else { tx.now };
    let columns = ServiceColumns::of(form, organisation_id, old.version + 1, stated_at, tx.now)?;
    // Whoever is phoned is told of her: like an address, the number changes when a second person agrees.
    let columns = ServiceColumns { phone: old.form.phone.as_deref(), ..columns };
    let row = services::table.filter(services::id.eq(&old.id)).filter(services::version.eq(old.version));
    exactly_one(diesel::update(row).set(columns).execute(tx.db)?, old.version)?;
    if form.phone != old.form.phone {
        let wanted = (services::phone_wanted.eq(&form.phone), services::phone_wanted_by.eq(proposer(tx)));
        diesel::update(services::table.find(&old.id)).set(wanted).execute(tx.db)?;
    }
    write_areas(tx.db, &old.id, &form.areas)?;
    write_endpoints(tx, old, &form.endpoints)?;
    service_by_id(tx.db, &old.id)
}

/// Who wants a change: the program's own name where it was made at the command line.
fn proposer(tx: &Tx<'_>) -> String {
    tx.by.id.clone().unwrap_or_else(|| tx.by.name.clone())
}

/// The number that was wanted is called from now on, or forgotten.
pub(in crate::directory) fn settle_phone(tx: &mut Tx<'_>, service_id: &str, number: Option<&str>) -> Result<()> {
    let settled = (
        services::phone.eq(number),
        services::phone_wanted.eq(None::<String>),
        services::phone_wanted_by.eq(None::<String>),
    );
    let changed = diesel::update(services::table.find(service_id)).set(settled).execute(tx.db)?;
    if changed == 1 { Ok(()) } else { Err(Error::NotFound) }
}

pub(in crate::directory) fn write_capacity(tx: &mut Tx<'_>, old: &Service, counts: Counts) -> Result<()> {
    let row = services::table.filter(services::id.eq(&old.id)).filter(services::version.eq(old.version));
    let changes = (
        services::version.eq(old.version + 1),
        services::capacity_available.eq(counts.available),
        services::capacity_maximum.eq(counts.maximum),
        services::capacity_stated_at.eq(tx.now),
        services::updated_at.eq(tx.now),
    );
    exactly_one(diesel::update(row).set(changes).execute(tx.db)?, old.version)
}

/// The moment a capacity was stated in another house, or before it came here by file.
pub(in crate::directory) fn write_stated_at(db: &mut Db, service_id: &str, at: Instant) -> Result<()> {
    let changed =
        diesel::update(services::table.find(service_id)).set(services::capacity_stated_at.eq(at)).execute(db)?;
    if changed == 1 { Ok(()) } else { Err(Error::NotFound) }
}

/// The id a file knows something by.
pub(in crate::directory) fn name_by_hsds(db: &mut Db, hsds_id: &str, subject_id: &str) -> Result<()> {
    let row = (hsds_ids::hsds_id.eq(hsds_id), hsds_ids::subject_id.eq(subject_id));
    diesel::insert_into(hsds_ids::table).values(row).execute(db)?;
    Ok(())
}

pub(in crate::directory) fn write_partner_code(db: &mut Db, service_id: &str, mac: &str) -> Result<()> {
    let set = (services::partner_code_mac.eq(Some(mac)), services::partner_code_wanted_by.eq(None::<String>));
    let changed = diesel::update(services::table.find(service_id)).set(set).execute(db)?;
    if changed == 1 { Ok(()) } else { Err(Error::NotFound) }
}

pub(in crate::directory) fn want_partner_code(db: &mut Db, service_id: &str, by: &str) -> Result<()> {
    let wanted = services::partner_code_wanted_by.eq(by);
    let changed = diesel::update(services::table.find(service_id)).set(wanted).execute(db)?;
    if changed == 1 { Ok(()) } else { Err(Error::NotFound) }
}

fn write_areas(db: &mut Db, service_id: &str, codes: &[String]) -> Result<()> {
    diesel::delete(service_areas::table.filter(service_areas::service_id.eq(service_id))).execute(db)?;
    for code in codes {
        let row = (service_areas::service_id.eq(service_id), service_areas::area.eq(code));
        diesel::insert_into(service_areas::table).values(row).execute(db)?;
    }
    Ok(())
}

/// An address that stays keeps its key and status. One that is new waits for a second person, so
/// that nobody alone can lead letters astray; one that shall go is used until then, so that nobody
/// alone can stop them. What is not in use goes at once, and is kept for the letters it had.
fn write_endpoints(tx: &mut Tx<'_>, old: &Service, addresses: &[Address]) -> Result<()> {
    let same = |endpoint: &Endpoint, address: &Address| {
        endpoint.channel == address.channel && endpoint.address == address.address
    };
    for endpoint in &old.endpoints {
        if !addresses.iter().any(|address| same(endpoint, address)) {
            match endpoint.status {
                EndpointStatus::Active => ask_to_leave(tx, &endpoint.id)?,
                EndpointStatus::Leaving => {}
                _ => set_endpoint(tx, &endpoint.id, EndpointStatus::Removed)?,
            }
        }
    }
    for (place, address) in addresses.iter().enumerate() {
        match old.endpoints.iter().find(|endpoint| same(endpoint, address)) {
            Some(endpoint) => {
                if endpoint.status == EndpointStatus::Leaving {
                    set_endpoint(tx, &endpoint.id, EndpointStatus::Active)?;
                }
                diesel::update(endpoints::table.find(&endpoint.id))
                    .set(endpoints::position.eq(position(place)))
                    .execute(tx.db)?;
            }
            None => insert_endpoint(tx, &old.id, place, address, EndpointStatus::Proposed)?,
        }
    }
    Ok(())
}

fn position(place: usize) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}

fn insert_endpoint(
    tx: &mut Tx<'_>,
    service_id: &str,
    place: usize,
    address: &Address,
    status: EndpointStatus,
) -> Result<()> {
    let proposed_by = (status == EndpointStatus::Proposed).then(|| proposer(tx));
    let row = (
        endpoints::id.eq(tx.new_id()?),
        endpoints::service_id.eq(service_id),
        endpoints::position.eq(position(place)),
        endpoints::channel.eq(address.channel),
        endpoints::address.eq(&address.address),
        endpoints::status.eq(status),
        endpoints::proposed_by.eq(proposed_by),
        endpoints::updated_at.eq(tx.now),
    );
    diesel::insert_into(endpoints::table).values(row).execute(tx.db)?;
    Ok(())
}

/// An address in use shall go, says who is acting.
fn ask_to_leave(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    let changes = (
        endpoints::status.eq(EndpointStatus::Leaving),
        endpoints::proposed_by.eq(proposer(tx)),
        endpoints::updated_at.eq(tx.now),
    );
    let row = endpoints::table.find(id).filter(endpoints::status.eq(EndpointStatus::Active));
    let changed = diesel::update(row).set(changes).execute(tx.db)?;
    if changed == 1 { Ok(()) } else { Err(Error::NotFound) }
}

/// Something that belongs to a service changed. Errors: 412.
pub(in crate::directory) fn next_version(tx: &mut Tx<'_>, old: &Service) -> Result<()> {
    let row = services::table.filter(services::id.eq(&old.id)).filter(services::version.eq(old.version));
    let changes = (services::version.eq(old.version + 1), services::updated_at.eq(tx.now));
    exactly_one(diesel::update(row).set(changes).execute(tx.db)?, old.version)
}

/// Changes the status of an address. Errors: 404.
pub(in crate::directory) fn set_endpoint(tx: &mut Tx<'_>, id: &str, status: EndpointStatus) -> Result<()> {
    let changes =
        (endpoints::status.eq(status), endpoints::proposed_by.eq(None::<String>), endpoints::updated_at.eq(tx.now));
    let changed = diesel::update(endpoints::table.find(id)).set(changes).execute(tx.db)?;
    if changed == 1 { Ok(()) } else { Err(Error::NotFound) }
}

/// Makes the table hold exactly these areas. Gives false when it did already.
pub(in crate::directory) fn write_gazetteer(db: &mut Db, gazetteer: &Areas) -> Result<bool> {
    type Row = (String, String, Option<String>, String, String, String, String, Option<String>);
    let row = |area: &Area| -> Row {
        let name = |language| area.names.name_in(language, &[]).to_owned();
        (
            area.code.clone(),
            area.kind.code().to_owned(),
            area.parent.clone(),
            name("tk"),
            name("ru"),
            name("en"),
            area.valid_from.to_string(),
            area.valid_to.map(|day| day.to_string()),
        )
    };
    let mut wanted: Vec<Row> = gazetteer.all().iter().map(row).collect();
    wanted.sort();
    let found: Vec<Row> = areas::table.order(areas::code).load(db)?;
    let same = found.len() == wanted.len() && wanted.iter().all(|row| found.contains(row));
    if same {
        return Ok(false);
    }
    diesel::delete(areas::table).execute(db)?;
    for (code, kind, parent, tk, ru, en, from, to) in wanted {
        let row = (
            areas::code.eq(code),
            areas::kind.eq(kind),
            areas::parent.eq(parent),
            areas::name_tk.eq(tk),
            areas::name_ru.eq(ru),
            areas::name_en.eq(en),
            areas::valid_from.eq(from),
            areas::valid_to.eq(to),
        );
        diesel::insert_into(areas::table).values(row).execute(db)?;
    }
    Ok(true)
}
