//! What a conversation does to a case: finding it again, opening it, and hearing consent. These
//! belong to a live contact, so they live here, whatever their address.

pub mod api;

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::codes::Status;
use super::model::{self, ContactRow, Scope};
use super::{set_case, summary};
use crate::access::Actor;
use crate::cases::{self, CaseRow, ConsentForm, Heard};
use crate::directory;
use crate::error::{Error, Result};
use crate::storage::Tx;

/// How many look-ups one person may make in an hour: enough for a busy night, too few to try a
/// country's numbers.
pub struct LookUpLimit(DefaultKeyedRateLimiter<String>);

impl LookUpLimit {
    /// Counts one look-up. Errors: 429 when the hour's are used up.
    pub fn count(&self, staff_id: &str) -> Result<()> {
        self.0.check_key(&staff_id.to_owned()).map_err(|_| Error::TooMany { retry_after: 120 })
    }
}

impl Default for LookUpLimit {
    fn default() -> Self {
        let an_hour = NonZeroU32::new(30).unwrap_or(NonZeroU32::MIN);
        LookUpLimit(RateLimiter::keyed(Quota::per_hour(an_hour)))
    }
}

/// The asker's own open draft. Errors: 422, the same for missing and not yours.
pub fn own_draft(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<ContactRow> {
    let row = model::find_in(tx.db, &Scope::of(actor, tx.now), reference).map_err(|error| match error {
        Error::NotFound => Error::invalid("/contact", "not_found"),
        other => other,
    })?;
    if row.status != Status::Draft || row.operator_id != actor.id {
        return Err(Error::invalid("/contact", "not_your_open_call"));
    }
    Ok(row)
}

/// The case of a contact, opened if it has none, and again if it is closed: her number becomes
/// findable, because she gave it. Errors: 409 `died` once it was closed because she died.
pub fn open_case(tx: &mut Tx<'_>, contact_id: &str) -> Result<CaseRow> {
    let summary = summary(tx, contact_id)?;
    if let Some(case_id) = &summary.case_id {
        let row = cases::model::by_id(tx.db, case_id)?;
        cases::resume(tx, &row)?;
        return cases::model::by_id(tx.db, case_id);
    }
    let row = cases::open(tx, Some((&summary.level, contact_id)))?;
    set_case(tx, contact_id, &row.id)?;
    if let Some(phone) = &summary.phone {
        cases::remember_phone(tx, &row.id, phone)?;
    }
    Ok(row)
}

/// A consent as a body names it: in which contact, for which service, and what was said.
#[derive(Debug, Clone)]
pub struct Consenting {
    /// The contact's reference.
    pub contact: String,
    /// The service's reference.
    pub service: Option<String>,
    /// What was said.
    pub form: ConsentForm,
}

/// Records a consent heard in a contact of this case; gives its key. Errors: 404; 422 for another
/// case's contact or an unknown service.
pub fn hear(tx: &mut Tx<'_>, actor: &Actor, case: &CaseRow, said: &Consenting) -> Result<String> {
    let contact = model::find_in(tx.db, &Scope::of(actor, tx.now), &said.contact)?;
    if contact.case_id.as_deref() != Some(case.id.as_str()) {
        return Err(Error::invalid("/contact", "of_another_case"));
    }
    if said.form.scope == cases::codes::Scope::Referral && said.service.is_none() {
        return Err(Error::invalid("/service", "required"));
    }
    let service = said.service.as_deref().map(|reference| directory::find_service(tx.db, reference)).transpose();
    let service = service.map_err(|error| match error {
        Error::NotFound => Error::invalid("/service", "not_found"),
        other => other,
    })?;
    let heard =
        Heard { live: contact.status == Status::Draft, opened_at: contact.opened_at, finished_at: contact.finished_at };
    cases::record_consent(tx, (&case.id, Some(&contact.id)), heard, service.as_ref().map(|s| s.id.as_str()), &said.form)
}
