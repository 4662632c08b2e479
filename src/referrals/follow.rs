//! Tickets follow the level of the contact they came from.

use super::clocks::{self, Due};
use super::escalation;
use super::model::{self, Referral, Ticket};
use super::states::State;
use crate::error::{Error, Result};
use crate::storage::{Moved, Tx};

/// Moves the clocks of a contact's open tickets: a level that rises starts its targets now, and
/// nothing becomes due later than it was; one that falls gives each step the time it would have had
/// from the moment of issue. What is done already keeps its times.
pub fn follow(tx: &mut Tx<'_>, moved: &Moved<'_>) -> Result<()> {
    for ticket in model::open_of_contact(tx.db, moved.contact_id)? {
        let level = clocks::level(&ticket.level);
        if level == moved.level && ticket.care_by == moved.care_by {
            continue;
        }
        let config = tx.setting.config.clone();
        let rises = moved.level.rank() >= level.rank();
        let from = if rises { tx.now } else { ticket.issued_at };
        let due = clocks::due(&config, moved.level, moved.care_by, from);
        let changed = Ticket {
            level: moved.level.code().to_owned(),
            care_by: moved.care_by,
            claim_due: if rises { due.claimed.min(ticket.claim_due) } else { due.claimed },
            ..ticket.clone()
        };
        if !model::save_ticket(tx.db, &ticket, &changed)? {
            return Err(Error::Repeat);
        }
        for referral in model::referrals_of(tx.db, &ticket.id)?.iter().filter(|referral| referral.state.is_live()) {
            let mut to = moved_referral(referral, &changed.level, due, rises);
            // Whoever is asked already is asked more urgently, or less, from now on.
            if referral.ladder_from.is_some() && referral.level != to.level {
                escalation::begin(tx, &mut to);
            }
            model::save_referral(tx.db, referral, &to)?;
        }
        if level != moved.level {
            tx.step(("ticket", &ticket.id), "level", Some(moved.level.code()))?;
        }
    }
    Ok(())
}

fn moved_referral(referral: &Referral, level: &str, due: Due, rises: bool) -> Referral {
    let waits = matches!(referral.state, State::Requested | State::Received);
    let begun = referral.state == State::InProgress;
    let moved = |was, due| if rises { std::cmp::min(was, due) } else { due };
    Referral {
        level: level.to_owned(),
        accept_due: if waits { moved(referral.accept_due, due.accepted) } else { referral.accept_due },
        start_due: if begun { referral.start_due } else { moved(referral.start_due, due.started) },
        ..referral.clone()
    }
}
