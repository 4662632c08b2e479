//! When nobody who would take up a ticket may know of it.

use super::super::model::{Ticket, TicketState};
use super::duty::{Duty, Presence};
use super::model::{self, Helper};
use crate::cases;
use crate::error::Result;
use crate::storage::{Tx, records};
use crate::tasks;

/// The step that says it, once for each ticket.
const STEP: &str = "everyone_blocked";

/// Pages the coordinators who may know of a case when all who are on duty must not, while nobody holds
/// its ticket: it would wait in a queue that none of them sees. Where nobody is on duty, those on call
/// stand in for them. A house that keeps no hours cannot know, and pages nobody.
pub(in crate::referrals) fn page_a_lead(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<()> {
    let now = tx.now;
    if ticket.state != TicketState::Open || ticket.holder(now).is_some() {
        return Ok(());
    }
    let blocked = cases::blocked(tx.db, &ticket.case_id)?.staff;
    if blocked.is_empty() {
        return Ok(());
    }
    let counselors = model::counselors(tx.db, tx.setting.config.tickets.caseload)?;
    let zone = tx.setting.config.place.time_zone;
    let front = front(&counselors, |duty| duty.presence(now, zone));
    let all_are_blocked = !front.is_empty() && front.iter().all(|id| blocked.iter().any(|party| party == id));
    if !all_are_blocked || is_told(tx, ticket)? {
        return Ok(());
    }
    tx.step(("ticket", &ticket.id), STEP, None)?;
    tasks::page(tx, Some(&ticket.case_id), ("ticket", &ticket.id), (&ticket.reference, 1))
}

/// The keys of those who would take it up now.
fn front(counselors: &[Helper], presence: impl Fn(&Duty) -> Presence) -> Vec<&str> {
    if !counselors.iter().any(|helper| helper.duty.keeps_hours()) {
        return Vec::new();
    }
    let who_is = |wanted: Presence| {
        let there = counselors.iter().filter(|helper| presence(&helper.duty) == wanted);
        there.map(|helper| helper.id.as_str()).collect::<Vec<_>>()
    };
    let on_duty = who_is(Presence::OnDuty);
    if on_duty.is_empty() { who_is(Presence::OnCall) } else { on_duty }
}

fn is_told(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<bool> {
    let steps = records::steps_of(tx.db, std::slice::from_ref(&ticket.id))?;
    Ok(steps.iter().any(|step| step.kind == STEP))
}
