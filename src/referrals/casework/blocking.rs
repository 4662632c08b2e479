//! Naming parties for whom a case must not exist, and taking its tickets away from them.

use super::super::model::{self, Ticket, TicketState};
use super::super::people::page_a_lead;
use super::super::{claim, moves};
use crate::access::Actor;
use crate::cases::{self, Blocked, Party};
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::Tx;
use crate::{directory, identity};

/// The body of `PUT /cases/{id}/blocked`.
#[derive(Debug, Clone)]
pub struct Hiding(Vec<Party>);

impl FromJson for Hiding {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("parties").map(Hiding))
    }
}

/// Blocks parties: from now on the case is nonexistent to them, and nothing of it is theirs. Errors:
/// 404; 422 for a party there is not.
pub fn block(tx: &mut Tx<'_>, actor: &Actor, reference: &str, form: &Hiding) -> Result<()> {
    let case = cases::find_in(tx, actor, reference)?;
    let parties: Result<Vec<_>> = form.0.iter().map(|party| known(tx, party)).collect();
    cases::block(tx, &case, &parties?)?;
    hide(tx, &case.id)
}

/// The key of a party that is named by its reference.
fn known(tx: &mut Tx<'_>, party: &Party) -> Result<(&'static str, String)> {
    let found = match party {
        Party::Staff(reference) => identity::find(tx.db, reference).map(|row| ("staff", row.id)),
        Party::Organisation(reference) => {
            directory::find_organisation(tx.db, reference).map(|row| ("organisation", row.id))
        }
    };
    found.map_err(|error| match error {
        Error::NotFound => Error::invalid("/parties", "not_found"),
        other => other,
    })
}

/// Takes the open tickets of a case away from whoever must not see it any more; a lead is told of those
/// that nobody on duty sees then.
pub(super) fn hide(tx: &mut Tx<'_>, case_id: &str) -> Result<()> {
    let blocked = cases::blocked(tx.db, case_id)?;
    for ticket in model::of_case(tx.db, case_id)?.iter().filter(|ticket| ticket.state == TicketState::Open) {
        take_away(tx, ticket, &blocked)?;
        let ticket = model::ticket(tx.db, &ticket.id)?;
        page_a_lead(tx, &ticket)?;
    }
    Ok(())
}

/// Takes a ticket away from whoever must not see it any more: its holder, and services that are
/// asked.
fn take_away(tx: &mut Tx<'_>, ticket: &Ticket, blocked: &Blocked) -> Result<()> {
    for referral in model::referrals_of(tx.db, &ticket.id)?.iter().filter(|referral| referral.state.is_live()) {
        let service = directory::service_by_id(tx.db, &referral.service_id)?;
        if blocked.organisations.contains(&service.organisation.id) {
            moves::take_away(tx, ticket, referral)?;
        }
    }
    if !ticket.claimed_by.as_ref().is_some_and(|holder| blocked.staff.contains(holder)) {
        return Ok(());
    }
    let free = Ticket { claimed_by: None, claimed_at: None, claim_until: None, ..ticket.clone() };
    claim::saved(tx, ticket, &free)?;
    tx.step(("ticket", &ticket.id), "released", None)
}
