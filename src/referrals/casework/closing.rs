//! Closing a case: for a reason, and with a look at what she will need when she calls again.

use super::super::model::{self, Ticket, TicketState};
use super::super::states::CancelReason;
use super::super::{claim, moves};
use crate::access::Actor;
use crate::cases::codes::CloseReason;
use crate::cases::{self, CaseRow};
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::notifications;
use crate::storage::Tx;
use crate::tasks::{self, Kind, NewReview};

/// The body of `POST /cases/{id}/close`.
#[derive(Debug, Clone, Copy)]
pub struct Closing {
    reason: CloseReason,
}

/// What must have been done before a case is closed. That no ticket is open the program sees itself.
#[derive(Debug, Clone, Copy, Default)]
struct Checklist {
    /// Her terms say how she may be reached from now on: as a rule, not at all.
    terms_looked_at: bool,
    /// She knows that she can come back, and how: her word or her reference.
    knows_how_to_return: bool,
}

impl FromJson for Checklist {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let terms_looked_at = f.optional("terms_looked_at").unwrap_or(false);
            let knows_how_to_return = f.optional("knows_how_to_return").unwrap_or(false);
            Some(Checklist { terms_looked_at, knows_how_to_return })
        })
    }
}

impl FromJson for Closing {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let reason = f.required("reason");
            let done: Checklist = f.optional("checklist").unwrap_or_default();
            let reason: CloseReason = reason?;
            // Nobody can tell her who cannot be reached, and nothing is asked about the dead.
            let dead = reason == CloseReason::Died;
            let reached = !dead && reason != CloseReason::LostContact;
            if !dead && !done.terms_looked_at {
                f.problem("checklist", "terms_not_looked_at");
            }
            if reached && !done.knows_how_to_return {
                f.problem("checklist", "way_back_not_told");
            }
            Some(Closing { reason })
        })
    }
}

/// Closes a case; gives its key. A death stops every letter and call first, and somebody looks at
/// it. Errors: 404; 409 `closed`; 409 `tickets_open`.
pub fn close(tx: &mut Tx<'_>, actor: &Actor, reference: &str, form: &Closing) -> Result<String> {
    let case = cases::find_in(tx, actor, reference)?;
    let tickets = model::of_case(tx.db, &case.id)?;
    if form.reason == CloseReason::Died {
        cases::close(tx, &case, form.reason)?;
        tickets.iter().try_for_each(|ticket| stop(tx, ticket))?;
        tasks::case_closed(tx, &case.id)?;
        review(tx, actor, &case)?;
        return Ok(case.id);
    }
    if tickets.iter().any(|ticket| ticket.state == TicketState::Open) {
        return Err(Error::conflict("tickets_open"));
    }
    cases::close(tx, &case, form.reason)?;
    tasks::case_closed(tx, &case.id)?;
    Ok(case.id)
}

/// Ends all that a ticket would still do: its letters, its referrals, itself.
fn stop(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<()> {
    for referral in model::referrals_of(tx.db, &ticket.id)? {
        if referral.state.is_live() {
            moves::call_off(tx, ticket, &referral, CancelReason::Died)?;
        }
        notifications::cancel_for_referral(tx, &referral.id)?;
    }
    if ticket.state == TicketState::Closed {
        return Ok(());
    }
    let reason = CloseReason::Died;
    let closed =
        Ticket { state: TicketState::Closed, closed_at: Some(tx.now), close_reason: Some(reason), ..ticket.clone() };
    claim::saved(tx, ticket, &closed)?;
    tx.step(("ticket", &ticket.id), "closed", Some(reason.code()))?;
    tx.trail("tickets.close", ("ticket", &ticket.reference), Some(reason.code()))
}

fn review(tx: &mut Tx<'_>, actor: &Actor, case: &CaseRow) -> Result<()> {
    if tasks::open_of(tx.db, Kind::Death, &case.id)?.is_some() {
        return Ok(());
    }
    let level = case.level.as_deref().unwrap_or("not_assessed");
    let opened_by = Some(actor.id.as_str());
    let new = NewReview { kind: Kind::Death, subject_id: &case.id, level, proposed: level, opened_by };
    tasks::open(tx, &new).map(|_| ())
}
