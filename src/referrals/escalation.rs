//! While nobody accepts: the ladder of a level, climbed rung by rung.
//!
//! A referral says which rung is next and when (`ladder_rung`, `ladder_due`). Whoever climbs it does
//! what the rung says and moves the referral to the next one in the same transaction, over the state
//! and version that were read: so no rung is climbed twice, however many programs look, none is
//! skipped by a crash, and an acceptance that came first ends it. That is why no lease is held.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::asking::{self, LetterKind};
use super::claim;
use super::clocks;
use super::model::{self, Hop, Referral, Ticket};
use super::moves;
use super::states::State;
use crate::clock::{DAY, Instant};
use crate::config::Config;
use crate::config::escalation::{Rung, Step};
use crate::directory;
use crate::error::{Error, Result};
use crate::notifications;
use crate::storage::{By, Db, Store, Tx, house};
use crate::tasks::{self, About};
use crate::triage::Level;

/// Rungs climbed before others get a turn.
const AT_ONCE: usize = 100;

/// Climbs what is due until `stop` turns true (or its sender is gone).
pub async fn run(store: Store, config: Arc<Config>, mut stop: watch::Receiver<bool>) {
    let poll = Duration::from_millis(config.worker.poll_ms.max(1));
    loop {
        if let Err(error) = climb_what_is_due(&store).await {
            // Nothing is lost: the rung is still due.
            tracing::warn!(event = "ladder_not_climbed", cause = %error);
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(poll) => {}
        }
    }
}

/// Looks before it writes: most times nothing is due, and others need not wait for that.
async fn climb_what_is_due(store: &Store) -> Result<()> {
    let now = store.clock().now();
    for _ in 0..AT_ONCE {
        if !store.read(move |db| is_due(db, now)).await?
            || !store.write(By::system(), |tx| Ok(climb(tx)? || mend(tx)? || claim::take_back(tx)?)).await?
        {
            break;
        }
    }
    Ok(())
}

/// Whether there is anything to do. In a house that is held after a restore there is not: somebody may
/// have accepted since the copy was made, and a person looks first.
pub fn is_due(db: &mut Db, now: Instant) -> Result<bool> {
    Ok(house::held_since(db)?.is_none()
        && (model::next_on_ladder(db, now)?.is_some()
            || notifications::next_failed(db)?.is_some()
            || model::next_lapsed(db, now)?.is_some()))
}

/// Puts a referral on the first rung of its level's ladder, from this moment on. In memory; its
/// caller saves it.
pub(super) fn begin(tx: &Tx<'_>, referral: &mut Referral) {
    referral.ladder_from = Some(tx.now);
    stand(tx, referral, 0);
}

/// Nothing is left to climb.
pub(super) fn end(tx: &mut Tx<'_>, referral: &mut Referral) -> Result<()> {
    (referral.ladder_from, referral.ladder_rung, referral.ladder_due) = (None, None, None);
    tasks::no_longer_needed(tx, &referral.id)
}

/// Stands on a rung, if the ladder has it.
fn stand(tx: &Tx<'_>, referral: &mut Referral, rung: i32) {
    let config = &tx.setting.config;
    let ladder = ladder(config, clocks::level(&referral.level));
    let next = usize::try_from(rung).ok().and_then(|place| ladder.get(place)).zip(referral.ladder_from);
    referral.ladder_rung = next.map(|_| rung);
    referral.ladder_due =
        next.map(|(next, from)| next.due(&config.calendar, (from, referral.accept_due), config.place.time_zone));
}

fn ladder(config: &Config, level: Level) -> &[Rung] {
    match level {
        Level::Critical => &config.escalation.critical,
        Level::High | Level::NotAssessed => &config.escalation.high,
        Level::Medium => &config.escalation.medium,
        Level::Low => &config.escalation.low,
    }
}

/// Climbs the one rung that is due longest; false when none is.
pub fn climb(tx: &mut Tx<'_>) -> Result<bool> {
    let Some(read) = model::next_on_ladder(tx.db, tx.now)? else { return Ok(false) };
    let ticket = model::ticket(tx.db, &read.ticket_id)?;
    let mut referral = read.clone();
    let waits = matches!(referral.state, State::Requested | State::Received);
    let rung = referral.ladder_rung.filter(|_| waits).and_then(|rung| {
        let place = usize::try_from(rung).ok()?;
        let steps = ladder(&tx.setting.config, clocks::level(&referral.level)).get(place)?.steps.clone();
        Some((rung, steps))
    });
    match rung {
        None => end(tx, &mut referral)?,
        Some((rung, steps)) => {
            stand(tx, &mut referral, rung + 1);
            for step in steps {
                take(tx, &ticket, &mut referral, step)?;
            }
        }
    }
    model::save_referral(tx.db, &read, &referral)?;
    Ok(true)
}

/// For one letter that failed for good: a task to mend the address, and, if it was the service's first
/// and that has not answered, a letter to its second one at once. False when none is left.
pub fn mend(tx: &mut Tx<'_>) -> Result<bool> {
    let Some(failed) = notifications::next_failed(tx.db)? else { return Ok(false) };
    let referral = failed.referral_id.as_deref().map(|id| model::referral(tx.db, id)).transpose()?;
    let ticket = referral.as_ref().map(|referral| model::ticket(tx.db, &referral.ticket_id)).transpose()?;
    let about = About {
        // A page has no referral, and is about her case all the same.
        case_id: failed.case_id.as_deref(),
        ticket_id: ticket.as_ref().map(|ticket| ticket.id.as_str()),
        referral_id: failed.referral_id.as_deref(),
        service_id: failed.service_id.as_deref(),
        level: referral.as_ref().map(|referral| referral.level.as_str()),
        notification_id: Some(&failed.id),
    };
    let by = tx.now.plus(DAY);
    tasks::open_task(tx, tasks::task::Kind::FixAddress, about, by)?;
    if let Some(referral) = referral.filter(|referral| asked_there(referral, failed.service_id.as_deref()))
        && asking::addresses(tx.db, &referral.service_id)?.first().is_some_and(|(_, one)| one.id == failed.endpoint_id)
        && written(tx, &referral, (LetterKind::Request, 1))?
    {
        tx.step(("referral", &referral.id), "second_endpoint", None)?;
    }
    Ok(true)
}

/// True while this service is asked and has not said yes.
fn asked_there(referral: &Referral, service_id: Option<&str>) -> bool {
    let waits = matches!(referral.state, State::Requested | State::Received) && !referral.unroutable;
    waits && service_id == Some(referral.service_id.as_str())
}

/// Does one thing for a referral whose service stays silent. When nobody she named is left, there is
/// nobody to write to or to phone: then only the coordinators can be told.
fn take(tx: &mut Tx<'_>, ticket: &Ticket, referral: &mut Referral, step: Step) -> Result<()> {
    let what = match step {
        Step::Page => {
            let letter = (referral.reference.as_str(), referral.version);
            tasks::page(tx, Some(&ticket.case_id), ("referral", &referral.id), letter)?;
            return Ok(());
        }
        _ if referral.unroutable => return Ok(()),
        Step::Remind => written(tx, referral, (LetterKind::Reminder, 0))?.then_some("reminded"),
        Step::SecondEndpoint => written(tx, referral, (LetterKind::Request, 1))?.then_some("second_endpoint"),
        Step::PhoneTask => phone(tx, ticket, referral)?.then_some("phone_task"),
        Step::NextService => {
            let hop = hop(tx, referral)?;
            moves::pass_over(tx, ticket, referral, hop)?;
            None
        }
    };
    what.map_or(Ok(()), |what| tx.step(("referral", &referral.id), what, None))
}

fn written(tx: &mut Tx<'_>, referral: &Referral, letter: (LetterKind, usize)) -> Result<bool> {
    let hop = hop(tx, referral)?;
    let service = directory::service_by_id(tx.db, &referral.service_id)?;
    asking::write_again(tx, referral, &hop, &service, letter)
}

/// False when somebody is to phone already: a ladder that begins anew finds the task of the last one.
fn phone(tx: &mut Tx<'_>, ticket: &Ticket, referral: &Referral) -> Result<bool> {
    let open = tasks::model::open_of_referral(tx.db, &referral.id)?;
    if open.iter().any(|task| task.kind == tasks::task::Kind::PhoneTask) {
        return Ok(false);
    }
    let about = About {
        case_id: Some(&ticket.case_id),
        ticket_id: Some(&ticket.id),
        referral_id: Some(&referral.id),
        service_id: Some(&referral.service_id),
        level: Some(&referral.level),
        notification_id: None,
    };
    tasks::open_task(tx, tasks::task::Kind::PhoneTask, about, due(referral, tx.now)).map(|_| true)
}

fn due(referral: &Referral, now: Instant) -> Instant {
    referral.accept_due.max(now)
}

fn hop(tx: &mut Tx<'_>, referral: &Referral) -> Result<Hop> {
    let hops = model::hops(tx.db, &referral.id)?;
    hops.into_iter().find(|hop| hop.position == referral.hop).ok_or(Error::Internal("a referral without its service"))
}
