//! Promises to tell someone, and keeping them.
//!
//! When a ticket goes to a partner, the letter is not sent there and then: it is *promised*. The
//! promise is written down together with the referral, in one go, so that there is never a
//! referral without its letter nor a letter without its referral. A worker then keeps the promise:
//! it takes one letter, says so in writing, sends it, and writes down how that ended. If the power
//! fails in between, another worker finds the unfinished line and goes on from there.
//!
//! A letter counts as *sent* only when the partner's mail server said yes to the whole of it. If the
//! line broke after the last word, nobody knows: it is *maybe sent*, and is repeated with the same
//! number, so that the partner's mail program can tell it is the same letter. A letter that the
//! server refuses for good has *failed*, and somebody must mend the address. A letter that could
//! not be delivered for two days has *failed* too. Nothing ends in silence.
//!
//! Letters say nothing about her. Their link is computed when they are sent and stored nowhere.
//!
//! The verbs: [`promise`], [`cancel_for_referral`], [`settle_by_answer`], [`find`], [`list`],
//! [`retry`], [`cancel`], [`outbox`], [`find_by_token`], and [`run`], which is the worker.

pub mod api;
mod backoff;
pub mod channels;
mod lease;
mod letter;
mod model;
mod partners;
mod words;
mod worker;

use serde::Serialize;

pub use letter::{LINK, Letter, find_by_token, link, token};
pub use model::{Attempt, Channel, Class, Notification, State, references_in};
pub use words::Words;
pub use worker::run;

use crate::access::Actor;
use crate::clock::{HOUR, Instant};
use crate::error::{Error, Result};
use crate::storage::{Db, Tx, read_reference};
use model::{NewNotification, Turn};

/// A letter is given up after this long, visibly, unless its promise says otherwise.
pub const GIVE_UP_AFTER: i64 = 48 * HOUR;

/// Who is to be told what.
#[derive(Clone)]
pub struct Promise {
    /// The referral it is about.
    pub referral_id: Option<String>,
    /// The case it is about.
    pub case_id: Option<String>,
    /// The service it goes to.
    pub service_id: Option<String>,
    /// The endpoint's key, or the staff member's.
    pub endpoint_id: String,
    /// How it travels.
    pub channel: Channel,
    /// Where to. A wrong one does not stop the promise: it fails when the letter is sent.
    pub address: String,
    /// Which letter, such as `request` or `reminder`.
    pub kind: String,
    /// Which edition of it; a new one is a new letter.
    pub revision: i32,
    /// Critical or High: the short ladder of waits.
    pub urgent: bool,
    /// What it says.
    pub letter: Letter,
    /// Microseconds until it is given up; [`GIVE_UP_AFTER`] by default.
    pub give_up_after: i64,
}

/// Puts a letter into the outbox and wakes the worker after the commit. The same promise (referral,
/// endpoint, channel, kind, revision) made twice is one letter: the first is given back.
pub fn promise(tx: &mut Tx<'_>, promise: &Promise) -> Result<Notification> {
    let (id, reference) = (tx.new_id()?, tx.new_reference(letter::LETTER)?);
    let letter =
        serde_json::to_string(&promise.letter).map_err(|_| Error::Internal("a letter could not be written"))?;
    let now = tx.shared_time()?;
    let row = NewNotification {
        id: &id,
        reference: &reference,
        referral_id: promise.referral_id.as_deref(),
        service_id: promise.service_id.as_deref(),
        endpoint_id: &promise.endpoint_id,
        partner: promise.service_id.as_deref().unwrap_or(&promise.endpoint_id),
        channel: promise.channel,
        address: &promise.address,
        kind: &promise.kind,
        revision: promise.revision,
        urgent: promise.urgent,
        letter: &letter,
        state: State::Pending,
        attempts: 0,
        tries: 0,
        not_before: now,
        fence: 0,
        created_at: tx.now,
        give_up_at: now.plus(promise.give_up_after),
        code_failures: 0,
        case_id: promise.case_id.as_deref(),
    };
    if tx.unless_taken(|db| model::insert(db, &row))?.is_some() {
        tx.step(("notification", &id), "promised", Some(promise.channel.code()))?;
        tx.promise();
        return model::by_id(tx.db, &id)?.ok_or(Error::Internal("a new notification is not there"));
    }
    // On PostgreSQL the first may be newer than this transaction's view: seen when repeated.
    model::by_promise(tx.db, &row)?.ok_or(Error::Repeat)
}

/// Ends every open letter of a referral, one that a worker has in hand included: it is not sent
/// unless its last word is already on its way. Gives how many there were.
pub fn cancel_for_referral(tx: &mut Tx<'_>, referral_id: &str) -> Result<usize> {
    let open = model::open_of_referral(tx.db, referral_id)?;
    for row in &open {
        end(tx, row, State::Cancelled)?;
        tx.step(("notification", &row.id), "cancelled", None)?;
    }
    Ok(open.len())
}

/// Somebody at the partner answered (opened the view, accepted): letters of this referral that may
/// have arrived are not repeated, and those that wait are not sent. Gives how many there were.
pub fn settle_by_answer(tx: &mut Tx<'_>, referral_id: &str) -> Result<usize> {
    let open = model::open_of_referral(tx.db, referral_id)?;
    for row in &open {
        match row.state {
            State::MaybeSent => end(tx, row, State::MaybeSent)?,
            _ => {
                end(tx, row, State::Cancelled)?;
                tx.step(("notification", &row.id), "cancelled", Some("answered"))?;
            }
        }
    }
    Ok(open.len())
}

/// The notification with this reference, however it was typed, if somebody may know of it; without
/// an actor, for whoever keeps the machine. Errors: 404.
pub fn find(db: &mut Db, by: Option<&Actor>, reference: &str) -> Result<Notification> {
    let reference = read_reference(letter::LETTER, reference).ok_or(Error::NotFound)?;
    model::by_reference(db, by, &reference)?.ok_or(Error::NotFound)
}

/// One page, seen as by [`find`], in the order of promising; `after` is the last row's
/// `(created_at, id)`.
pub fn list(
    db: &mut Db,
    by: Option<&Actor>,
    state: Option<State>,
    after: Option<&(Instant, String)>,
    limit: i64,
) -> Result<Vec<Notification>> {
    model::list(db, by, state, after, limit)
}

/// A letter that failed for good and that nobody has a task about.
pub fn next_failed(db: &mut Db) -> Result<Option<Notification>> {
    model::next_failed(db)
}

/// The attempts made for some notifications.
pub fn attempts_of(db: &mut Db, ids: &[String]) -> Result<Vec<Attempt>> {
    model::attempts_of(db, ids)
}

/// Sends again at once, from the bottom of the ladder, for another two days at least. For letters
/// that failed, wait or may have been sent. Errors: 404; 409 for one that was sent, was cancelled
/// or is on its way now.
pub fn retry(tx: &mut Tx<'_>, by: Option<&Actor>, reference: &str) -> Result<Notification> {
    let row = find(tx.db, by, reference)?;
    let state = match row.state {
        State::Pending | State::MaybeSent => row.state,
        State::Failed => State::Pending,
        State::Sent | State::Leased | State::Cancelled => return Err(wrong_state(row.state)),
    };
    let now = tx.shared_time()?;
    let give_up_at = row.give_up_at.max(now.plus(GIVE_UP_AFTER));
    let to = Turn { state, not_before: now, tries: 0, give_up_at, ended_at: None };
    turned(tx, &row, &to)?;
    tx.step(("notification", &row.id), "retried", None)?;
    tx.trail("notifications.retry", ("notification", &row.reference), None)?;
    tx.promise();
    model::by_id(tx.db, &row.id)?.ok_or(Error::NotFound)
}

/// Ends a letter that has not been sent. Errors: 404; 409 for one that has come to its end.
pub fn cancel(tx: &mut Tx<'_>, by: Option<&Actor>, reference: &str) -> Result<Notification> {
    let row = find(tx.db, by, reference)?;
    if row.ended_at.is_some() {
        return Err(wrong_state(row.state));
    }
    end(tx, &row, State::Cancelled)?;
    tx.step(("notification", &row.id), "cancelled", None)?;
    tx.trail("notifications.cancel", ("notification", &row.reference), None)?;
    model::by_id(tx.db, &row.id)?.ok_or(Error::NotFound)
}

fn end(tx: &mut Tx<'_>, row: &Notification, state: State) -> Result<()> {
    let to = Turn {
        state,
        not_before: row.not_before,
        tries: row.tries,
        give_up_at: row.give_up_at,
        ended_at: Some(tx.now),
    };
    turned(tx, row, &to)
}

/// The row was read in this transaction; only another machine can have moved it since.
fn turned(tx: &mut Tx<'_>, row: &Notification, to: &Turn) -> Result<()> {
    if model::turn(tx.db, row, to)? { Ok(()) } else { Err(Error::Repeat) }
}

fn wrong_state(state: State) -> Error {
    Error::Conflict { code: "wrong_state", detail: Some(("state", state.code().to_owned())) }
}

/// Since when the letter that is due longest should have been on its way; `None` when none is due.
pub fn oldest_due(db: &mut Db, now: Instant) -> Result<Option<Instant>> {
    model::oldest_due(db, now)
}

/// How full the outbox is.
#[derive(Debug, Clone, Serialize)]
pub struct Outbox {
    /// How many notifications stand where, every state named.
    pub counts: Vec<(State, i64)>,
    /// When the oldest one still open was promised.
    pub oldest_open: Option<Instant>,
}

/// Counts for the terminal and the metrics.
pub fn outbox(db: &mut Db) -> Result<Outbox> {
    let counts: Result<Vec<_>> = State::ALL.iter().map(|state| Ok((*state, model::count(db, *state)?))).collect();
    Ok(Outbox { counts: counts?, oldest_open: model::oldest_open(db)? })
}

/// How many letters have not come to their end.
pub fn open(db: &mut Db) -> Result<i64> {
    model::count_open(db)
}
