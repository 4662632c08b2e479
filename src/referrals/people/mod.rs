//! People who help: where counselors and social workers are at work, when, in which languages, and how
//! much each carries; and from that, who could take a ticket.
//!
//! A *duty* says which areas somebody serves, what they speak, their weekly hours, whether they take
//! work outside them, and how many open tickets they should hold. Who has none serves everywhere and
//! has the house's usual *caseload*. A ticket counts for whoever holds it by a claim that lives.
//!
//! *Suggestions* order those who may know of a case: who is free and on duty first, then who is near,
//! speaks her language, and holds least. A caseload that is full refuses one more, but nobody is kept
//! from an emergency, and a coordinator may give more and says so. What goes over a limit stands in a
//! queue of its own and in the hand-over until it no longer does.
//!
//! If nobody who would take up a waiting ticket may know of it, a coordinator who may is paged.
//!
//! The verbs: [`keep`] a duty; [`suggest`]; [`roster`] and [`shift`] to see; for claims
//! [`caseload`]; [`page_a_lead`].

pub mod api;
pub(super) mod caseload;
mod duty;
mod lead;
mod model;
mod suggest;

#[cfg(test)]
mod tests;

pub use caseload::LoadView;
pub use duty::{Duty, Presence};
pub(super) use lead::page_a_lead;
pub use model::{Helper, UNWRITTEN};
pub use suggest::{Ask, Near, Suggestion, rank};

use chrono_tz::Tz;

use super::model as tickets;
use crate::access::{Actor, Role};
use crate::clock::Instant;
use crate::config::Config;
use crate::contacts::codes::Language;
use crate::directory::Areas;
use crate::error::{Error, Result};
use crate::identity;
use crate::storage::{Db, Tx};

/// Keeps the duty of a member of staff, at the version that was read. Errors: 404; 412; 422 for every
/// area there never was.
pub fn keep(tx: &mut Tx<'_>, areas: &Areas, (reference, seen): (&str, i32), duty: &Duty) -> Result<()> {
    let staff = identity::find(tx.db, reference)?;
    let (current, _) = model::duty_of(tx.db, &staff.id)?;
    if current != seen {
        return Err(Error::Stale { current });
    }
    duty.is_known_to(areas)?;
    model::save_duty(tx, &staff.id, seen, duty)?;
    tx.trail("staff.duty", ("staff", &staff.reference), None)
}

/// Who could take a ticket, best first: every active counselor who may know of it, but whoever holds
/// it. For coordinators, and for its holder. Errors: 404; 409 `closed`, `claim_first`.
pub fn suggest(
    db: &mut Db,
    actor: &Actor,
    reference: &str,
    (areas, config): (&Areas, &Config),
    now: Instant,
) -> Result<Vec<Suggestion>> {
    let ticket = tickets::ticket_for(db, actor, reference)?;
    if ticket.state == tickets::TicketState::Closed {
        return Err(Error::conflict("closed"));
    }
    let holder = ticket.holder(now);
    if actor.role == Role::Counselor && holder != Some(actor.id.as_str()) {
        return Err(Error::conflict("claim_first"));
    }
    let blocked = crate::cases::blocked(db, &ticket.case_id)?.staff;
    let mut helpers = model::helpers(db, actor, config.tickets.caseload, now)?;
    helpers.retain(|helper| !blocked.contains(&helper.id) && holder != Some(helper.id.as_str()));
    let language = ticket.language.as_deref().and_then(Language::from_code);
    let ask = Ask { area: ticket.area.clone(), language, now };
    Ok(rank(&ask, helpers, areas, config.place.time_zone))
}

/// Every active counselor with their duty and what they hold, by staff number. Of tickets that the
/// asker must not know of none is counted.
pub fn roster(db: &mut Db, actor: &Actor, config: &Config, now: Instant) -> Result<Vec<Helper>> {
    model::helpers(db, actor, config.tickets.caseload, now)
}

/// Of [`roster`], who is on duty and free, and who holds more than they should.
pub fn shift(db: &mut Db, actor: &Actor, config: &Config, now: Instant) -> Result<(Vec<Helper>, Vec<Helper>)> {
    let all = roster(db, actor, config, now)?;
    let over = all.iter().filter(|helper| helper.is_over()).cloned().collect();
    let free = |helper: &Helper| !helper.is_full() && is_on_duty(helper, now, config.place.time_zone);
    Ok((all.into_iter().filter(free).collect(), over))
}

fn is_on_duty(helper: &Helper, now: Instant, zone: Tz) -> bool {
    helper.duty.presence(now, zone) == Presence::OnDuty
}
