//! The directory: who helps, where, when, whom, and how much is free.
//!
//! An *organisation* runs *services*. A service gives one kind of help, serves certain areas, keeps
//! certain hours, takes certain people and says now and then how much it has free. Coordinators
//! keep all this current; a partner states the capacity of its own services; everybody on the
//! hotline reads it. Where a service is may be confidential: then its place is never shown and
//! never exported, to nobody, and how far away it is follows only from the areas it serves.
//!
//! Letters to a service go to its addresses in their order. A change of them, or of the number that is
//! phoned when it stays silent, waits until a second person confirms or refuses it, and until then
//! letters go where they went: nobody alone can lead them astray, or stop them. The addresses a service is entered with are in use at once: nobody
//! has agreed to that service yet, no letter goes to it before a survivor said yes to it by name,
//! the trail says who entered it, and a house with one coordinator could not begin otherwise.
//!
//! What is free is what the service stated minus what it accepted since. *Areas* come from a file,
//! because boundaries are data: each deployment may bring its own.

pub mod api;
mod areas;
mod catalogue;
mod codes;
mod form;
mod hours;
pub mod hsds;
mod import;
mod model;
mod names;
mod offer;
mod partner_code;
mod toml_file;
mod view;

#[cfg(test)]
mod tests;

pub use areas::{Area, Areas, Closeness};
pub use catalogue::Catalogue;
pub use codes::{
    AccessNeed, AreaKind, CapacityUnit, EndpointChannel, EndpointStatus, OrganisationKind, OrganisationStatus,
    ServiceStatus, ServiceType, Sex,
};
pub use form::{OrganisationForm, ServiceForm};
pub use hours::{Exception, Hours, Interval, Week, Weekly};
pub use import::{SAMPLE, SampleDirectory, import};
pub use model::writes::{ORGANISATION, SERVICE};
pub use model::{
    Endpoint, Organisation, PhoneWanted, Service, ServiceFilter, endpoints_of, list_organisations, list_services,
    organisation_by_id, references_of_organisations, references_of_services, service_by_id, service_ids_serving,
    services_by_ids,
};
pub use names::{Language, Names};
pub use offer::{Address, Capacity, Counts, Eligibility, FocalPoint, Stock};
pub use partner_code::{code_mac, draw_code, renew_code, set_partner_code, want_code};
pub use view::{AreaView, OrganisationView, RenewedView, ServiceView};

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::input::{Json, read};
use crate::storage::{Db, Tx, read_reference};
use model::writes;

/// The service somebody named by its reference, however it was typed. Errors: 404.
pub fn find_service(db: &mut Db, reference: &str) -> Result<Service> {
    model::service_by_reference(db, &read_reference(SERVICE, reference).ok_or(Error::NotFound)?)
}

/// The organisation somebody named by its reference, however it was typed. Errors: 404.
pub fn find_organisation(db: &mut Db, reference: &str) -> Result<Organisation> {
    model::organisation_by_reference(db, &read_reference(ORGANISATION, reference).ok_or(Error::NotFound)?)
}

/// Adds an organisation.
pub fn create_organisation(tx: &mut Tx<'_>, form: &OrganisationForm) -> Result<Organisation> {
    let organisation = writes::insert_organisation(tx, form)?;
    tx.step(("organisation", &organisation.id), "created", None)?;
    tx.trail("organisations.create", ("organisation", &organisation.reference), None)?;
    Ok(organisation)
}

/// Changes an organisation by a JSON merge patch. `seen` is the version the change was made from.
/// Errors: 404, 412, 422.
pub fn update_organisation(tx: &mut Tx<'_>, reference: &str, seen: i32, patch: &Json) -> Result<Organisation> {
    let old = find_organisation(tx.db, reference)?;
    expect_version(old.version, seen)?;
    let form: OrganisationForm = read(&old.form.to_json()?.merged(patch))?;
    write_organisation(tx, &old, &form)
}

fn write_organisation(tx: &mut Tx<'_>, old: &Organisation, form: &OrganisationForm) -> Result<Organisation> {
    let new = writes::update_organisation(tx, old, form)?;
    tx.step(("organisation", &new.id), "changed", None)?;
    tx.trail("organisations.change", ("organisation", &new.reference), None)?;
    Ok(new)
}

/// Adds a service to its organisation. Its addresses are in use at once. Errors: 422.
pub fn create_service(tx: &mut Tx<'_>, areas: &Areas, form: &ServiceForm) -> Result<Service> {
    let form = form.settled(areas, &tx.setting.config)?;
    let organisation = organisation_named(tx.db, &form.organisation)?;
    let service = writes::insert_service(tx, &organisation.id, &form)?;
    tx.step(("service", &service.id), "created", None)?;
    tx.trail("services.create", ("service", &service.reference), None)?;
    Ok(service)
}

/// Changes a service by a JSON merge patch. `seen` is the version the change was made from. New
/// addresses, those left out, and another number wait for [`settle_endpoints`]. Errors: 404, 412, 422.
pub fn update_service(tx: &mut Tx<'_>, areas: &Areas, reference: &str, seen: i32, patch: &Json) -> Result<Service> {
    let old = find_service(tx.db, reference)?;
    expect_version(old.version, seen)?;
    let form: ServiceForm = read(&old.form.to_json()?.merged(patch))?;
    write_service(tx, &old, &form.settled(areas, &tx.setting.config)?)
}

fn write_service(tx: &mut Tx<'_>, old: &Service, form: &ServiceForm) -> Result<Service> {
    let organisation = organisation_named(tx.db, &form.organisation)?;
    let new = writes::update_service(tx, old, &organisation.id, form)?;
    if new.status() != old.status() {
        tx.step(("service", &new.id), "status", Some(new.status().code()))?;
    }
    tx.step(("service", &new.id), "changed", None)?;
    tx.trail("services.change", ("service", &new.reference), None)?;
    Ok(new)
}

/// What a second person says to addresses, or a number, that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What is new is used, what shall go is not used any more.
    Confirmed,
    /// Everything stays as it was.
    Refused,
}

/// Settles the changes of a service's addresses and number that others have asked for; one's own go on
/// waiting. `seen` is the version that was looked at, so that nobody agrees to an address that was
/// put there a moment ago. Errors: 404; 409 `second_person_needed` when all of them are one's own,
/// `nothing_to_confirm`; 412.
pub fn settle_endpoints(tx: &mut Tx<'_>, reference: &str, seen: i32, verdict: Verdict) -> Result<Service> {
    let service = find_service(tx.db, reference)?;
    expect_version(service.version, seen)?;
    let me = tx.by.staff_id()?.to_owned();
    let waiting: Vec<&Endpoint> = service.endpoints.iter().filter(|one| one.status.is_waiting()).collect();
    // Somebody else's, or nobody's, as the command line once left them.
    let by_others = |one: &&&Endpoint| one.proposed_by.as_deref().is_none_or(|proposer| proposer != me);
    let number = service.phone_wanted.as_ref().filter(|wanted| wanted.by != me);
    if waiting.is_empty() && service.phone_wanted.is_none() {
        return Err(Error::conflict("nothing_to_confirm"));
    }
    if number.is_none() && !waiting.iter().any(|one| by_others(&one)) {
        return Err(Error::conflict("second_person_needed"));
    }
    for endpoint in waiting.iter().filter(by_others) {
        let wanted = (endpoint.status == EndpointStatus::Proposed) == (verdict == Verdict::Confirmed);
        let status = if wanted { EndpointStatus::Active } else { EndpointStatus::Removed };
        writes::set_endpoint(tx, &endpoint.id, status)?;
    }
    if let Some(wanted) = number {
        let number = if verdict == Verdict::Confirmed { &wanted.number } else { &service.form.phone };
        writes::settle_phone(tx, &service.id, number.as_deref())?;
    }
    writes::next_version(tx, &service)?;
    let (step, action) = match verdict {
        Verdict::Confirmed => ("endpoints_confirmed", "services.confirm_endpoints"),
        Verdict::Refused => ("endpoints_refused", "services.refuse_endpoints"),
    };
    tx.step(("service", &service.id), step, None)?;
    tx.trail(action, ("service", &service.reference), None)?;
    service_by_id(tx.db, &service.id)
}

/// Marks an address letters came back from; it is no longer used. Errors: 404.
pub fn mark_failing(tx: &mut Tx<'_>, endpoint_id: &str) -> Result<()> {
    writes::set_endpoint(tx, endpoint_id, EndpointStatus::Failing)?;
    let service = model::service_of_endpoint(tx.db, endpoint_id)?;
    writes::next_version(tx, &service)
}

/// States how much a service has free from now on. `seen` is the version the statement was made
/// from. Errors: 404; 409 `capacity_unlimited`; 412.
pub fn state_capacity(tx: &mut Tx<'_>, reference: &str, seen: i32, counts: Counts) -> Result<Service> {
    let old = find_service(tx.db, reference)?;
    expect_version(old.version, seen)?;
    if old.form.capacity == Capacity::Unlimited {
        return Err(Error::conflict("capacity_unlimited"));
    }
    writes::write_capacity(tx, &old, counts)?;
    tx.step(("service", &old.id), "capacity_stated", Some(&counts.available.to_string()))?;
    tx.trail("services.state_capacity", ("service", &old.reference), None)?;
    service_by_id(tx.db, &old.id)
}

/// Someone who acts for one organisation only may touch its services and no other; to them, others
/// do not exist. Errors: 404.
pub fn expect_own(db: &mut Db, reference: &str, organisation_id: Option<&String>) -> Result<()> {
    match organisation_id {
        Some(own) if find_service(db, reference)?.organisation.id != *own => Err(Error::NotFound),
        _ => Ok(()),
    }
}

/// A service as matching sees it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The service.
    pub service: Arc<Service>,
    /// How many referrals it accepted since [`Service::capacity_stated_at`] that have not failed.
    /// The directory does not know; who does, sets it before matching.
    pub accepted_since: i64,
    /// How many referrals it is busy with: of two equal services the idler one comes first. Set like
    /// the above.
    pub load: i64,
}

/// Fills the table of areas from the gazetteer, for reports to join. Without effect when it is
/// filled already.
pub fn publish_areas(tx: &mut Tx<'_>, areas: &Areas) -> Result<()> {
    if writes::write_gazetteer(tx.db, areas)? {
        tx.trail("areas.publish", ("areas", "gazetteer"), None)?;
    }
    Ok(())
}

fn expect_version(current: i32, seen: i32) -> Result<()> {
    if current == seen { Ok(()) } else { Err(Error::Stale { current }) }
}

fn organisation_named(db: &mut Db, reference: &str) -> Result<Organisation> {
    find_organisation(db, reference).map_err(|error| match error {
        Error::NotFound => Error::invalid("/organisation", "not_found"),
        other => other,
    })
}
