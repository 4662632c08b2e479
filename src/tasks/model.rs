//! The rows of tasks and every query on them.

use diesel::prelude::*;

use super::task::{Kind, Outcome, State};
use crate::access::Actor;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::Db;
use crate::storage::schema::{blocked_parties, cases, notifications, referrals, services, tasks, tickets};

/// A task.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = tasks, treat_none_as_default_value = false)]
pub struct Task {
    /// Key; never shown.
    pub id: String,
    /// `T-…`
    pub reference: String,
    /// Grows with every change.
    pub version: i32,
    /// What is to be done.
    pub kind: Kind,
    /// Her case, if it is about one.
    pub case_id: Option<String>,
    /// The ticket it is about.
    pub ticket_id: Option<String>,
    /// The referral it is about.
    pub referral_id: Option<String>,
    /// The service it is about.
    pub service_id: Option<String>,
    /// The level's code of what it belongs to.
    pub level: Option<String>,
    /// By when.
    pub due: Instant,
    /// Where it stands.
    pub state: State,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Who ended it.
    pub done_by: Option<String>,
    /// When.
    pub done_at: Option<Instant>,
    /// Since when.
    pub created_at: Instant,
    /// Not to be done before her next safe window.
    pub not_before: Option<Instant>,
    /// The letter it is about.
    pub notification_id: Option<String>,
    /// Who asked for it; nobody when it follows from what happened.
    pub made_by: Option<String>,
}

/// A task with the references of what it is about.
pub struct Named {
    /// The task.
    pub task: Task,
    /// `K-…`
    pub case: Option<String>,
    /// `R-…`
    pub ticket: Option<String>,
    /// `F-…`
    pub referral: Option<String>,
    /// `S-…`, and the number to call.
    pub service: Option<(String, Option<String>)>,
    /// `N-…`
    pub notification: Option<String>,
}

type Query = tasks::BoxedQuery<'static, <Db as Connection>::Backend>;

/// Tasks somebody may know of: nothing of a case that is blocked for them.
fn visible(actor: &Actor) -> Query {
    let blocked = blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(actor.id.clone()))
        .select(blocked_parties::case_id);
    tasks::table.filter(tasks::case_id.is_null().or(tasks::case_id.assume_not_null().ne_all(blocked))).into_boxed()
}

/// The task with this reference, for somebody. Errors: 404 for missing and not theirs alike.
pub fn find(db: &mut Db, actor: &Actor, reference: &str) -> Result<Task> {
    Ok(visible(actor).filter(tasks::reference.eq(reference.to_owned())).select(Task::as_select()).first(db)?)
}

/// Those of some tasks that somebody may know of, as key and reference.
pub fn references_in(db: &mut Db, actor: &Actor, ids: &[String]) -> Result<Vec<(String, String)>> {
    let these = visible(actor).filter(tasks::id.eq_any(ids.to_vec()));
    Ok(these.select((tasks::id, tasks::reference)).load(db)?)
}

/// The task to ask her how it went with the referral of this reference, for somebody. Errors: 404 for
/// missing and not theirs alike.
pub fn feedback_on(db: &mut Db, actor: &Actor, referral: &str) -> Result<Task> {
    let referral = referrals::table.filter(referrals::reference.eq(referral.to_owned())).select(referrals::id);
    Ok(visible(actor)
        .filter(tasks::kind.eq(Kind::Feedback))
        .filter(tasks::referral_id.assume_not_null().eq_any(referral))
        .select(Task::as_select())
        .first(db)?)
}

/// The task with this key.
pub fn by_id(db: &mut Db, id: &str) -> Result<Task> {
    Ok(tasks::table.find(id).select(Task::as_select()).first(db)?)
}

/// Tasks in one state, soonest due first; `after` is the last row's `(due, id)`.
pub fn list(
    db: &mut Db,
    actor: &Actor,
    (state, kind): (State, Option<Kind>),
    after: Option<&(Instant, String)>,
    limit: i64,
) -> Result<Vec<Named>> {
    let mut query = visible(actor).filter(tasks::state.eq(state));
    if let Some(kind) = kind {
        query = query.filter(tasks::kind.eq(kind));
    }
    if let Some((due, id)) = after {
        let later = tasks::due.gt(*due).or(tasks::id.gt(id.clone()));
        query = query.filter(tasks::due.ge(*due)).filter(later);
    }
    let rows: Vec<Task> = query.order((tasks::due, tasks::id)).limit(limit).select(Task::as_select()).load(db)?;
    rows.into_iter().map(|task| named(db, task)).collect()
}

/// Open tasks that are due before a moment, soonest first: at most so many.
pub fn due_before(db: &mut Db, actor: &Actor, until: Instant, most: i64) -> Result<Vec<Task>> {
    let due = visible(actor).filter(tasks::state.eq(State::Open)).filter(tasks::due.lt(until));
    Ok(due.order((tasks::due, tasks::id)).limit(most).select(Task::as_select()).load(db)?)
}

/// A task with the references of what it is about.
pub fn named(db: &mut Db, task: Task) -> Result<Named> {
    Ok(Named {
        case: of(task.case_id.as_deref(), |id| cases::table.find(id).select(cases::reference).first(db))?,
        ticket: of(task.ticket_id.as_deref(), |id| tickets::table.find(id).select(tickets::reference).first(db))?,
        referral: of(task.referral_id.as_deref(), |id| {
            referrals::table.find(id).select(referrals::reference).first(db)
        })?,
        service: of(task.service_id.as_deref(), |id| {
            services::table.find(id).select((services::reference, services::phone)).first(db)
        })?,
        notification: of(task.notification_id.as_deref(), |id| {
            notifications::table.find(id).select(notifications::reference).first(db)
        })?,
        task,
    })
}

fn of<T>(id: Option<&str>, look: impl FnOnce(&str) -> QueryResult<T>) -> Result<Option<T>> {
    Ok(id.map(look).transpose()?)
}

/// The open tasks of one kind that belong to a referral.
pub fn open_of_referral(db: &mut Db, referral_id: &str) -> Result<Vec<Task>> {
    Ok(tasks::table
        .filter(tasks::referral_id.eq(referral_id))
        .filter(tasks::state.eq(State::Open))
        .select(Task::as_select())
        .load(db)?)
}

/// The open tasks about a case.
pub fn open_of_case(db: &mut Db, case_id: &str) -> Result<Vec<Task>> {
    let open = tasks::table.filter(tasks::case_id.eq(case_id)).filter(tasks::state.eq(State::Open));
    Ok(open.select(Task::as_select()).load(db)?)
}

/// Gives the tasks of a case to the one it was merged into.
pub fn move_to_case(db: &mut Db, from: &str, to: &str) -> Result<()> {
    diesel::update(tasks::table.filter(tasks::case_id.eq(from))).set(tasks::case_id.eq(to)).execute(db)?;
    Ok(())
}

/// Adds a task.
pub fn insert(db: &mut Db, row: &Task) -> Result<()> {
    diesel::insert_into(tasks::table).values(row).execute(db)?;
    Ok(())
}

/// Writes back what an outcome changes, if the task is still as it was read. Errors: to be repeated
/// when it is not.
pub fn save(db: &mut Db, read: &Task, changed: &Task) -> Result<()> {
    let still = tasks::table.find(&read.id).filter(tasks::state.eq(read.state)).filter(tasks::version.eq(read.version));
    let set = (
        tasks::version.eq(read.version + 1),
        tasks::state.eq(changed.state),
        tasks::outcome.eq(changed.outcome),
        tasks::due.eq(changed.due),
        tasks::not_before.eq(changed.not_before),
        tasks::done_by.eq(&changed.done_by),
        tasks::done_at.eq(changed.done_at),
    );
    if diesel::update(still).set(set).execute(db)? == 1 { Ok(()) } else { Err(Error::Repeat) }
}
