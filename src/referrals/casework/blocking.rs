//! Who must not know of a case: for them it does not exist from now on, and what they had of it is
//! taken from them.

use super::super::model::{self, Ticket, TicketState};
use super::super::people::page_a_lead;
use super::super::{claim, moves};
use crate::access::Actor;
use crate::cases::{self, Blocked};
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::{Tx, read_reference};
use crate::{directory, identity};

/// The body of `PUT /cases/{id}/blocked`.
#[derive(Debug, Clone)]
pub struct Blocking {
    parties: Vec<Party>,
}

/// A party that must not know, by reference.
#[derive(Debug, Clone)]
enum Party {
    Staff(String),
    Organisation(String),
}

impl FromJson for Blocking {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("parties").map(|parties| Blocking { parties }))
    }
}

impl FromJson for Party {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let staff = f.text("staff", 32).and_then(|text| read_reference('W', &text));
            let organisation = f.text("organisation", 32).and_then(|text| read_reference('O', &text));
            match (staff, organisation) {
                (Some(staff), None) => Some(Party::Staff(staff)),
                (None, Some(organisation)) => Some(Party::Organisation(organisation)),
                _ => {
                    f.problem("staff", "name_one_party");
                    None
                }
            }
        })
    }
}

/// Blocks parties: tickets they hold go back to the queue, and what their services are asked goes to
/// the next one she named. Errors: 404; 422 for a party that is not there.
pub fn block(tx: &mut Tx<'_>, actor: &Actor, reference: &str, form: &Blocking) -> Result<()> {
    let case = cases::find_in(tx, actor, reference)?;
    let parties: Result<Vec<_>> = form.parties.iter().map(|party| known(tx, party)).collect();
    cases::block(tx, &case, &parties?)?;
    take_from_blocked(tx, &case.id)
}

/// The kind and key of a party that is named by its reference.
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

/// Takes the open tickets of a case from whoever must not see it; a lead is told of those that nobody
/// on duty sees then.
pub(super) fn take_from_blocked(tx: &mut Tx<'_>, case_id: &str) -> Result<()> {
    let blocked = cases::blocked(tx.db, case_id)?;
    for ticket in model::of_case(tx.db, case_id)?.iter().filter(|ticket| ticket.state == TicketState::Open) {
        take(tx, ticket, &blocked)?;
        let ticket = model::ticket(tx.db, &ticket.id)?;
        page_a_lead(tx, &ticket)?;
    }
    Ok(())
}

fn take(tx: &mut Tx<'_>, ticket: &Ticket, blocked: &Blocked) -> Result<()> {
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
