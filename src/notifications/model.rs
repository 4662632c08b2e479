//! The outbox: its rows, and every query on them. Each change of state names the state and the
//! fence it expects and says whether it found them.

use std::fmt;

use diesel::prelude::*;

use super::letter::Letter;
use crate::access::Actor;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::schema::{attempts, blocked_parties, notifications, tasks};
use crate::storage::{Db, codes};

codes! {
    /// How a notification travels.
    pub enum Channel {
        Email = "email",
        Webhook = "webhook",
        Sms = "sms",
        File = "file",
    }
}

codes! {
    /// Where a notification stands. `maybe_sent` is repeated while it has no end; an end without a
    /// 2yz reply (somebody acknowledged) leaves it `maybe_sent`, because nobody saw it accepted.
    pub enum State {
        Pending = "pending",
        Leased = "leased",
        Sent = "sent",
        MaybeSent = "maybe_sent",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

codes! {
    /// What is known about one attempt. The first two are under way; the others are 6-safety's
    /// classes.
    pub enum Class {
        Started = "started",
        Sending = "sending",
        Sent = "sent",
        Retry = "retry",
        Config = "config",
        Permanent = "permanent",
        Ambiguous = "ambiguous",
    }
}

/// One promise to tell someone.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = notifications)]
pub struct Notification {
    /// The key; never shown.
    pub id: String,
    /// `N-…`, random.
    pub reference: String,
    /// The referral it is about.
    pub referral_id: Option<String>,
    /// The service it goes to.
    pub service_id: Option<String>,
    /// The endpoint, or whoever else receives it.
    pub endpoint_id: String,
    /// Whose letters may wait for each other: the service, or else the endpoint.
    pub partner: String,
    /// How it travels.
    pub channel: Channel,
    /// Where to; not for logs.
    pub address: String,
    /// Which letter, such as `request` or `reminder`.
    pub kind: String,
    /// Which edition of it.
    pub revision: i32,
    /// Critical or High.
    pub urgent: bool,
    /// The letter as JSON.
    pub letter: String,
    /// Where it stands.
    pub state: State,
    /// Attempts begun, ever.
    pub attempts: i32,
    /// Failures on the present ladder of waits.
    pub tries: i32,
    /// What the last finished attempt came to.
    pub last_class: Option<Class>,
    /// Not tried before this.
    pub not_before: Instant,
    /// The worker that has it.
    pub lease_holder: Option<String>,
    /// Until when.
    pub lease_until: Option<Instant>,
    /// Grows with every lease, recovery and cancelling: whoever holds an older one is too late.
    pub fence: i64,
    /// When it was promised.
    pub created_at: Instant,
    /// When it is given up, visibly.
    pub give_up_at: Instant,
    /// When it came to its end.
    pub ended_at: Option<Instant>,
    /// Wrong codes typed on the partner's page.
    pub code_failures: i32,
    /// The case it is about, if it is about one.
    pub case_id: Option<String>,
}

impl Notification {
    /// The letter as it was promised, without its link. Errors: 500 when the row was damaged.
    pub fn read_letter(&self) -> Result<Letter> {
        serde_json::from_str(&self.letter).map_err(|_| Error::Internal("a stored letter could not be read"))
    }
}

/// The reference and the state; neither address nor letter.
impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.reference, self.state)
    }
}

/// A row about to be written.
#[derive(Insertable)]
#[diesel(table_name = notifications, treat_none_as_default_value = false)]
pub(super) struct NewNotification<'a> {
    pub id: &'a str,
    pub reference: &'a str,
    pub referral_id: Option<&'a str>,
    pub service_id: Option<&'a str>,
    pub endpoint_id: &'a str,
    pub partner: &'a str,
    pub channel: Channel,
    pub address: &'a str,
    pub kind: &'a str,
    pub revision: i32,
    pub urgent: bool,
    pub letter: &'a str,
    pub state: State,
    pub attempts: i32,
    pub tries: i32,
    pub not_before: Instant,
    pub fence: i64,
    pub created_at: Instant,
    pub give_up_at: Instant,
    pub code_failures: i32,
    pub case_id: Option<&'a str>,
}

/// One attempt at sending.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = attempts)]
pub struct Attempt {
    /// The notification's key.
    pub notification_id: String,
    /// From 1.
    pub number: i32,
    /// Committed before the network was touched.
    pub started_at: Instant,
    /// When its class was known.
    pub ended_at: Option<Instant>,
    /// What it came to.
    pub class: Class,
    /// At which step, and the server's reply code, such as `rcpt 550`.
    pub cause: Option<String>,
}

pub(super) fn insert(db: &mut Db, row: &NewNotification<'_>) -> QueryResult<usize> {
    diesel::insert_into(notifications::table).values(row).execute(db)
}

pub(super) fn by_id(db: &mut Db, id: &str) -> Result<Option<Notification>> {
    Ok(notifications::table.find(id).select(Notification::as_select()).first(db).optional()?)
}

pub(super) fn by_reference(db: &mut Db, by: Option<&Actor>, reference: &str) -> Result<Option<Notification>> {
    let named = visible(by).filter(notifications::reference.eq(reference.to_owned()));
    Ok(named.select(Notification::as_select()).first(db).optional()?)
}

/// The row that already keeps this promise.
pub(super) fn by_promise(db: &mut Db, row: &NewNotification<'_>) -> Result<Option<Notification>> {
    let mut query = notifications::table
        .filter(notifications::endpoint_id.eq(row.endpoint_id))
        .filter(notifications::channel.eq(row.channel))
        .filter(notifications::kind.eq(row.kind))
        .filter(notifications::revision.eq(row.revision))
        .select(Notification::as_select())
        .into_boxed();
    query = match row.referral_id {
        Some(referral) => query.filter(notifications::referral_id.eq(referral)),
        None => query.filter(notifications::referral_id.is_null()),
    };
    Ok(query.first(db).optional()?)
}

/// Open rows of a referral, leased ones included.
pub(super) fn open_of_referral(db: &mut Db, referral_id: &str) -> Result<Vec<Notification>> {
    Ok(notifications::table
        .filter(notifications::referral_id.eq(referral_id))
        .filter(notifications::state.eq_any([State::Pending, State::Leased, State::MaybeSent]))
        .filter(notifications::ended_at.is_null())
        .order((notifications::created_at.asc(), notifications::id.asc()))
        .select(Notification::as_select())
        .load(db)?)
}

pub(super) fn list(
    db: &mut Db,
    by: Option<&Actor>,
    state: Option<State>,
    after: Option<&(Instant, String)>,
    limit: i64,
) -> Result<Vec<Notification>> {
    let mut query = visible(by);
    if let Some(state) = state {
        query = query.filter(notifications::state.eq(state));
    }
    if let Some((at, id)) = after {
        let later = notifications::created_at.gt(*at).or(notifications::id.gt(id.clone()));
        query = query.filter(notifications::created_at.ge(*at)).filter(later);
    }
    let order = (notifications::created_at, notifications::id);
    Ok(query.order(order).limit(limit).select(Notification::as_select()).load(db)?)
}

/// The letters somebody may know of: none about a case they must not see. `None`: whoever keeps the
/// machine.
fn visible(by: Option<&Actor>) -> notifications::BoxedQuery<'static, <Db as Connection>::Backend> {
    let Some(actor) = by else { return notifications::table.into_boxed() };
    let hidden = blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(actor.id.clone()))
        .select(blocked_parties::case_id);
    let about = notifications::case_id.is_null().or(notifications::case_id.assume_not_null().ne_all(hidden));
    notifications::table.filter(about).into_boxed()
}

/// Those of some letters that somebody may know of, as key and reference.
pub fn references_in(db: &mut Db, actor: &Actor, ids: &[String]) -> Result<Vec<(String, String)>> {
    let these = visible(Some(actor)).filter(notifications::id.eq_any(ids.to_vec()));
    Ok(these.select((notifications::id, notifications::reference)).load(db)?)
}

/// One that failed and that no task was opened about, the longest ago first.
pub(super) fn next_failed(db: &mut Db) -> Result<Option<Notification>> {
    let known =
        tasks::table.filter(tasks::notification_id.is_not_null()).select(tasks::notification_id.assume_not_null());
    Ok(notifications::table
        .filter(notifications::state.eq(State::Failed))
        .filter(notifications::id.ne_all(known))
        .order((notifications::ended_at, notifications::id))
        .select(Notification::as_select())
        .first(db)
        .optional()?)
}

pub(super) fn count(db: &mut Db, state: State) -> Result<i64> {
    Ok(notifications::table.filter(notifications::state.eq(state)).count().get_result(db)?)
}

pub(super) fn count_open(db: &mut Db) -> Result<i64> {
    Ok(notifications::table.filter(notifications::ended_at.is_null()).count().get_result(db)?)
}

/// When the oldest promise that is still open was made.
pub(super) fn oldest_open(db: &mut Db) -> Result<Option<Instant>> {
    Ok(notifications::table
        .filter(notifications::state.eq_any([State::Pending, State::Leased, State::MaybeSent]))
        .filter(notifications::ended_at.is_null())
        .order(notifications::created_at.asc())
        .select(notifications::created_at)
        .first(db)
        .optional()?)
}

/// Since when the letter that is due longest should have been on its way.
pub(super) fn oldest_due(db: &mut Db, now: Instant) -> Result<Option<Instant>> {
    Ok(notifications::table
        .filter(notifications::state.eq_any([State::Pending, State::MaybeSent]))
        .filter(notifications::ended_at.is_null())
        .filter(notifications::not_before.le(now))
        .select(diesel::dsl::min(notifications::not_before))
        .first(db)?)
}

/// What an expected state is changed to, outside the worker.
pub(super) struct Turn {
    pub state: State,
    pub not_before: Instant,
    pub tries: i32,
    pub give_up_at: Instant,
    pub ended_at: Option<Instant>,
}

/// Turns a row that is still as it was read; false when it is not. Takes any lease away.
pub(super) fn turn(db: &mut Db, row: &Notification, to: &Turn) -> Result<bool> {
    let expected = notifications::table
        .find(&row.id)
        .filter(notifications::state.eq(row.state))
        .filter(notifications::fence.eq(row.fence));
    let changed = diesel::update(expected)
        .set((
            notifications::state.eq(to.state),
            notifications::not_before.eq(to.not_before),
            notifications::tries.eq(to.tries),
            notifications::give_up_at.eq(to.give_up_at),
            notifications::ended_at.eq(to.ended_at),
            notifications::lease_holder.eq(None::<String>),
            notifications::lease_until.eq(None::<Instant>),
            notifications::fence.eq(row.fence + 1),
        ))
        .execute(db)?;
    Ok(changed == 1)
}

/// The attempts of some notifications, in order.
pub(super) fn attempts_of(db: &mut Db, ids: &[String]) -> Result<Vec<Attempt>> {
    Ok(attempts::table
        .filter(attempts::notification_id.eq_any(ids))
        .order((attempts::notification_id.asc(), attempts::number.asc()))
        .select(Attempt::as_select())
        .load(db)?)
}

/// The letter to send next: urgent before calm, then by time. None for a full partner, no calm one
/// for a resting partner.
pub(super) fn next_due(
    db: &mut Db,
    now: Instant,
    full: &[String],
    resting: &[String],
    urgent_only: bool,
) -> Result<Option<Notification>> {
    let mut query = notifications::table
        .filter(notifications::state.eq_any([State::Pending, State::MaybeSent]))
        .filter(notifications::ended_at.is_null())
        .filter(notifications::not_before.le(now))
        .filter(diesel::dsl::not(notifications::partner.eq_any(full)))
        .filter(notifications::urgent.eq(true).or(diesel::dsl::not(notifications::partner.eq_any(resting))))
        .order((notifications::urgent.desc(), notifications::not_before.asc(), notifications::id.asc()))
        .select(Notification::as_select())
        .into_boxed();
    if urgent_only {
        query = query.filter(notifications::urgent.eq(true));
    }
    Ok(query.first(db).optional()?)
}

/// Leases a row that is still as it was read; gives the new fence, or `None` when it is not.
pub(super) fn lease(db: &mut Db, row: &Notification, holder: &str, until: Instant) -> Result<Option<i64>> {
    let fence = row.fence + 1;
    let expected = notifications::table
        .find(&row.id)
        .filter(notifications::state.eq(row.state))
        .filter(notifications::fence.eq(row.fence));
    let changed = diesel::update(expected)
        .set((
            notifications::state.eq(State::Leased),
            notifications::lease_holder.eq(Some(holder)),
            notifications::lease_until.eq(Some(until)),
            notifications::attempts.eq(row.attempts + 1),
            notifications::fence.eq(fence),
        ))
        .execute(db)?;
    Ok((changed == 1).then_some(fence))
}

/// Where a leased row goes.
pub(super) struct Outcome {
    pub state: State,
    pub not_before: Instant,
    pub tries: i32,
    pub ended_at: Option<Instant>,
    pub last_class: Option<Class>,
}

/// Ends the lease of a row that is still as it was read; false when it is not.
pub(super) fn conclude(db: &mut Db, row: &Notification, to: &Outcome) -> Result<bool> {
    let expected = notifications::table
        .find(&row.id)
        .filter(notifications::state.eq(row.state))
        .filter(notifications::fence.eq(row.fence));
    let changed = diesel::update(expected)
        .set((
            notifications::state.eq(to.state),
            notifications::not_before.eq(to.not_before),
            notifications::tries.eq(to.tries),
            notifications::ended_at.eq(to.ended_at),
            notifications::last_class.eq(to.last_class),
            notifications::lease_holder.eq(None::<String>),
            notifications::lease_until.eq(None::<Instant>),
            notifications::fence.eq(row.fence + 1),
        ))
        .execute(db)?;
    Ok(changed == 1)
}

/// Leases that ran out.
pub(super) fn leases_over(db: &mut Db, now: Instant, limit: i64) -> Result<Vec<Notification>> {
    Ok(notifications::table
        .filter(notifications::state.eq(State::Leased))
        .filter(notifications::lease_until.le(Some(now)).assume_not_null())
        .order((notifications::created_at.asc(), notifications::id.asc()))
        .limit(limit)
        .select(Notification::as_select())
        .load(db)?)
}

pub(super) fn begin_attempt(db: &mut Db, id: &str, notification_id: &str, number: i32, now: Instant) -> Result<()> {
    diesel::insert_into(attempts::table)
        .values((
            attempts::id.eq(id),
            attempts::notification_id.eq(notification_id),
            attempts::number.eq(number),
            attempts::started_at.eq(now),
            attempts::class.eq(Class::Started),
        ))
        .execute(db)?;
    Ok(())
}

/// False when the attempt is over already.
pub(super) fn mark_sending(db: &mut Db, attempt_id: &str) -> Result<bool> {
    let begun = attempts::table.find(attempt_id).filter(attempts::class.eq(Class::Started));
    Ok(diesel::update(begun).set(attempts::class.eq(Class::Sending)).execute(db)? == 1)
}

/// Completes the line of an attempt that is still under way; one that was completed stays as it is.
pub(super) fn end_attempt(db: &mut Db, attempt_id: &str, class: Class, cause: &str, now: Instant) -> Result<()> {
    let open = attempts::table.find(attempt_id).filter(attempts::class.eq_any([Class::Started, Class::Sending]));
    diesel::update(open)
        .set((attempts::class.eq(class), attempts::cause.eq(Some(cause)), attempts::ended_at.eq(Some(now))))
        .execute(db)?;
    Ok(())
}

/// Attempts of a notification that nobody completed, and how far they were.
pub(super) fn open_attempts(db: &mut Db, notification_id: &str) -> Result<Vec<(String, Class)>> {
    Ok(attempts::table
        .filter(attempts::notification_id.eq(notification_id))
        .filter(attempts::class.eq_any([Class::Started, Class::Sending]))
        .select((attempts::id, attempts::class))
        .load(db)?)
}

/// Attempts after which nobody knew whether the letter arrived.
pub(super) fn doubts(db: &mut Db, notification_id: &str) -> Result<i64> {
    Ok(attempts::table
        .filter(attempts::notification_id.eq(notification_id))
        .filter(attempts::class.eq(Class::Ambiguous))
        .count()
        .get_result(db)?)
}
