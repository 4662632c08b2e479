//! Taking a letter, and writing down how it ended: short transactions around the network, never
//! over it. A fencing number says whose word counts.

use super::backoff::{self, Case, Next};
use super::channels::{Delivery, Outgoing};
use super::letter;
use super::model::{self, Class, Notification, Outcome, State};
use super::partners::Partners;
use crate::clock::{Instant, MINUTE, SECOND};
use crate::error::{Error, Result};
use crate::storage::{Tx, house, random_bytes};

/// Leases that ran out are taken up this many at a time.
const RECOVERED_AT_ONCE: i64 = 64;

/// What a worker has room for.
#[derive(Clone)]
pub(super) struct Room {
    /// The worker's name.
    pub holder: String,
    /// Letters it can take.
    pub slots: usize,
    /// Who is busy or in trouble.
    pub partners: Partners,
}

/// The right to speak about one attempt, as long as the fence holds.
#[derive(Clone)]
pub(super) struct Hold {
    pub id: String,
    pub reference: String,
    pub fence: i64,
    attempt_id: String,
}

/// A letter in a worker's hand.
pub(super) struct Leased {
    pub hold: Hold,
    pub partner: String,
    pub channel: model::Channel,
    /// `Err` when the stored letter cannot be read.
    pub outgoing: Result<Outgoing>,
}

/// What became of an attempt's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is the notification's state now.
    Recorded(State),
    /// Somebody else spoke since; only the attempt's own line was completed.
    TooLate,
}

/// Takes up what crashed workers left, then leases as many due letters as there is room for. Each
/// has its attempt written down as `started` in the same transaction. In a house that is held after
/// a restore there is nothing to take: what waits may have been sent before, and a person decides.
pub(super) fn take(tx: &mut Tx<'_>, room: &Room) -> Result<Vec<Leased>> {
    if house::held_since(tx.db)?.is_some() {
        return Ok(Vec::new());
    }
    let now = tx.shared_time()?;
    recover(tx, now)?;
    let at_once = tx.setting.config.worker.at_once;
    let mut partners = room.partners.clone();
    let mut taken = Vec::new();
    while taken.len() < room.slots {
        // The last free place is kept for a letter that cannot wait.
        let urgent_only = at_once > 1 && taken.len() + 1 == room.slots && partners.under_way() + 1 == at_once;
        let (full, resting) = (partners.full(), partners.resting(std::time::Instant::now()));
        let Some(row) = model::next_due(tx.db, now, &full, &resting, urgent_only)? else { break };
        if row.give_up_at <= now {
            conclude(tx, &row, Next::GiveUp, None)?;
            continue;
        }
        let Some(leased) = lease(tx, &row, &room.holder, now)? else { break };
        partners.begin(&leased.partner);
        taken.push(leased);
    }
    Ok(taken)
}

fn lease(tx: &mut Tx<'_>, row: &Notification, holder: &str, now: Instant) -> Result<Option<Leased>> {
    let config = &tx.setting.config;
    let until = now.plus(config.worker.lease_seconds.saturating_mul(SECOND));
    let Some(fence) = model::lease(tx.db, row, holder, until)? else { return Ok(None) };
    let (number, attempt_id) = (row.attempts + 1, tx.new_id()?);
    model::begin_attempt(tx.db, &attempt_id, &row.id, number, now)?;
    let link = letter::link(&config.server.public_url, &tx.setting.vault, row);
    let outgoing = row.read_letter().map(|letter| Outgoing {
        reference: row.reference.clone(),
        attempt: number,
        address: row.address.clone(),
        letter: letter.with_link(&link),
        date: row.created_at,
    });
    let hold = Hold { id: row.id.clone(), reference: row.reference.clone(), fence, attempt_id };
    Ok(Some(Leased { hold, partner: row.partner.clone(), channel: row.channel, outgoing }))
}

/// Writes down that the letter is about to leave. False when it is no longer ours to send: cancelled,
/// or taken up by another worker because we were too slow.
pub(super) fn begin_sending(tx: &mut Tx<'_>, hold: &Hold) -> Result<bool> {
    let now = tx.shared_time()?;
    let ours = held(tx, hold)?.is_some_and(|row| row.lease_until.is_some_and(|until| until > now));
    Ok(ours && model::mark_sending(tx.db, &hold.attempt_id)?)
}

/// Writes down how an attempt ended. The attempt's own line is completed in any case; the
/// notification moves only if nobody else has spoken since.
pub(super) fn settle(tx: &mut Tx<'_>, hold: &Hold, delivery: &Delivery) -> Result<Settled> {
    let now = tx.shared_time()?;
    model::end_attempt(tx.db, &hold.attempt_id, delivery.class, &delivery.cause, now)?;
    match held(tx, hold)? {
        Some(row) => decide(tx, &row, delivery.class, now).map(Settled::Recorded),
        None => Ok(Settled::TooLate),
    }
}

fn held(tx: &mut Tx<'_>, hold: &Hold) -> Result<Option<Notification>> {
    let row = model::by_id(tx.db, &hold.id)?;
    Ok(row.filter(|row| row.state == State::Leased && row.fence == hold.fence))
}

/// A lease that ran out: its worker died or hangs. What had begun to leave may have arrived.
fn recover(tx: &mut Tx<'_>, now: Instant) -> Result<()> {
    for row in model::leases_over(tx.db, now, RECOVERED_AT_ONCE)? {
        let mut class = Class::Retry;
        for (attempt_id, reached) in model::open_attempts(tx.db, &row.id)? {
            let ended = if reached == Class::Sending { Class::Ambiguous } else { Class::Retry };
            model::end_attempt(tx.db, &attempt_id, ended, "lease over", now)?;
            class = class.max(ended);
        }
        tracing::warn!(event = "lease_over", reference = %row.reference, class = class.code());
        decide(tx, &row, class, now)?;
    }
    Ok(())
}

fn decide(tx: &mut Tx<'_>, row: &Notification, class: Class, now: Instant) -> Result<State> {
    let case = Case {
        urgent: row.urgent,
        tries: row.tries,
        doubts: model::doubts(tx.db, &row.id)?,
        now,
        give_up_at: row.give_up_at,
        acknowledge: tx.setting.config.worker.acknowledge_minutes.saturating_mul(MINUTE),
        die: u16::from_be_bytes(random_bytes::<2>()?),
    };
    conclude(tx, row, backoff::next(class, &case), Some(class))
}

/// Moves the row and tells the rooms on the left, by a step.
fn conclude(tx: &mut Tx<'_>, row: &Notification, next: Next, class: Option<Class>) -> Result<State> {
    let (state, not_before, tries, ended_at) = match next {
        Next::End(state) => (state, row.not_before, row.tries, Some(tx.now)),
        Next::GiveUp => (State::Failed, row.not_before, row.tries, Some(tx.now)),
        Next::Again { state, at, tries } => (state, at, tries, None),
    };
    let last_class = class.or(row.last_class);
    let outcome = Outcome { state, not_before, tries, ended_at, last_class };
    if !model::conclude(tx.db, row, &outcome)? {
        return Err(Error::Repeat);
    }
    let subject = ("notification", row.id.as_str());
    match (state, class) {
        (State::Failed, _) if next == Next::GiveUp => tx.step(subject, "failed", Some("given_up"))?,
        (State::Failed, class) => tx.step(subject, "failed", class.map(Class::code))?,
        (State::Sent, _) => tx.step(subject, "sent", None)?,
        (State::MaybeSent, Some(Class::Ambiguous)) => tx.step(subject, "maybe_sent", None)?,
        // Told once, when it begins; the administrator need not hear it every five minutes.
        (_, Some(Class::Config)) if row.last_class != class => tx.step(subject, "config", None)?,
        _ => {}
    }
    Ok(state)
}
