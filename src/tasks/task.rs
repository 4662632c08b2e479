//! One thing that somebody must do by a time.

use super::model::{self, Task};
use super::outside;
use crate::access::{Actor, Role};
use crate::cases;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::{Tx, codes, read_reference};

/// The letter of references of tasks.
const LETTER: char = 'T';

codes! {
    /// What is to be done.
    pub enum Kind {
        /// Call her.
        CallBack = "call_back",
        /// Ask her how she is.
        CheckIn = "check_in",
        /// She is expected somewhere.
        Appointment = "appointment",
        /// Look through her case.
        CaseReview = "case_review",
        /// Make or renew her safety plan.
        SafetyPlan = "safety_plan",
        /// Ask whether help came.
        Feedback = "feedback",
        /// Phone a partner who has not answered.
        PhoneTask = "phone_task",
        /// Mend an address that letters do not reach.
        FixAddress = "fix_address",
    }
}

impl Kind {
    /// True for what reaches out to her, and so only inside her safe windows.
    pub fn reaches_her(self) -> bool {
        matches!(self, Kind::CallBack | Kind::CheckIn | Kind::Feedback)
    }

    /// True for what follows from something that happened, and is not asked for.
    pub fn opens_by_itself(self) -> bool {
        matches!(self, Kind::PhoneTask | Kind::FixAddress)
    }
}

codes! {
    /// Where a task stands.
    pub enum State {
        Open = "open",
        Done = "done",
        /// What it was for came about without it.
        NotNeeded = "not_needed",
    }
}

codes! {
    /// How a task ended, or was put off.
    pub enum Outcome {
        Done = "done",
        NotReached = "not_reached",
        Unsafe = "unsafe",
        Declined = "declined",
        Rescheduled = "rescheduled",
    }
}

/// What a task belongs to.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// Her case.
    pub case_id: Option<&'a str>,
    /// The ticket.
    pub ticket_id: Option<&'a str>,
    /// The referral.
    pub referral_id: Option<&'a str>,
    /// The service.
    pub service_id: Option<&'a str>,
    /// The letter.
    pub notification_id: Option<&'a str>,
    /// The level's code.
    pub level: Option<&'a str>,
}

/// Opens a task that follows from something that happened.
pub fn open_task(tx: &mut Tx<'_>, kind: Kind, about: About<'_>, due: Instant) -> Result<Task> {
    follow(tx, kind, about, (due, None))
}

/// [`open_task`] for one that reaches out to her, in the first safe window at or after the wished
/// moment; false, and nothing opened, where her terms have none.
pub fn open_when_safe(tx: &mut Tx<'_>, kind: Kind, about: About<'_>, wished: Instant) -> Result<bool> {
    match window(tx, kind, about.case_id, wished)? {
        Some(when) => follow(tx, kind, about, when).map(|_| true),
        None => Ok(false),
    }
}

fn follow(tx: &mut Tx<'_>, kind: Kind, about: About<'_>, when: (Instant, Option<Instant>)) -> Result<Task> {
    let row = row(tx, kind, about, when, None)?;
    model::insert(tx.db, &row)?;
    tx.step(("task", &row.id), "opened", Some(kind.code()))?;
    Ok(row)
}

fn row(
    tx: &Tx<'_>,
    kind: Kind,
    about: About<'_>,
    (due, not_before): (Instant, Option<Instant>),
    made_by: Option<String>,
) -> Result<Task> {
    let own = |id: Option<&str>| id.map(str::to_owned);
    Ok(Task {
        id: tx.new_id()?,
        reference: tx.new_reference(LETTER)?,
        version: 1,
        kind,
        case_id: own(about.case_id),
        ticket_id: own(about.ticket_id),
        referral_id: own(about.referral_id),
        service_id: own(about.service_id),
        level: own(about.level),
        due,
        state: State::Open,
        outcome: None,
        done_by: None,
        done_at: None,
        created_at: tx.now,
        not_before,
        notification_id: own(about.notification_id),
        made_by,
    })
}

/// Ends the open tasks of a referral: what they were for came about, or cannot any more. An address
/// that letters do not reach stays to be mended.
pub fn no_longer_needed(tx: &mut Tx<'_>, referral_id: &str) -> Result<()> {
    let open = model::open_of_referral(tx.db, referral_id)?;
    end_all(tx, open)
}

/// Ends the open tasks of a case that is closed: nobody calls her because of it any more.
pub fn case_closed(tx: &mut Tx<'_>, case_id: &str) -> Result<()> {
    let open = model::open_of_case(tx.db, case_id)?;
    end_all(tx, open)
}

/// Ends the open tasks of a case that reach out to her: she said that she is not to be called.
pub fn not_to_be_called(tx: &mut Tx<'_>, case_id: &str) -> Result<()> {
    let open = model::open_of_case(tx.db, case_id)?;
    end_all(tx, open.into_iter().filter(|task| task.kind.reaches_her()).collect())
}

fn end_all(tx: &mut Tx<'_>, open: Vec<Task>) -> Result<()> {
    for task in open.into_iter().filter(|task| task.kind != Kind::FixAddress) {
        let ended = Task { state: State::NotNeeded, done_at: Some(tx.now), ..task.clone() };
        model::save(tx.db, &task, &ended)?;
        tx.step(("task", &task.id), State::NotNeeded.code(), None)?;
    }
    Ok(())
}

/// The body of `POST /tasks`.
#[derive(Debug, Clone)]
pub struct NewTask {
    kind: Kind,
    case: String,
    due: Instant,
    outside_reason: Option<String>,
}

impl FromJson for NewTask {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let kind = f.required::<Kind>("kind");
            let case = f.required_text("case", 32);
            let due = f.required("due");
            let outside_reason = outside::reason(f);
            if outside_reason.is_some() && kind.is_some_and(|kind| !kind.reaches_her()) {
                f.problem("outside_reason", "not_allowed");
            }
            if kind.is_some_and(Kind::opens_by_itself) {
                f.problem("kind", "opens_by_itself");
                return None;
            }
            Some(NewTask { kind: kind?, case: case?, due: due?, outside_reason })
        })
    }
}

/// Asks for a task about a case. What reaches out to her is put into her next safe window; without
/// one it is refused, unless there is a reason to reach her outside, which is reviewed. Gives the
/// task's key. Errors: 422 `/case` for missing and not one's own, `/due` in the past,
/// `/outside_reason` for a moment that is safe; 409 `no_safe_window`, `she_refused`.
pub fn ask_for(tx: &mut Tx<'_>, actor: &Actor, new: &NewTask) -> Result<String> {
    let case = her_case(tx, actor, &new.case)?;
    if new.due < tx.now {
        return Err(Error::invalid("/due", "in_the_past"));
    }
    let safe = window(tx, new.kind, Some(&case.id), new.due)?;
    let outside = new.outside_reason.as_deref();
    if outside.is_some() && safe.is_some_and(|(due, _)| due == new.due) {
        return Err(Error::invalid("/outside_reason", "not_needed"));
    }
    let when = if outside.is_some() { (new.due, None) } else { safe.ok_or_else(no_safe_window)? };
    let about = About { case_id: Some(&case.id), level: case.level.as_deref(), ..About::default() };
    let row = row(tx, new.kind, about, when, Some(actor.id.clone()))?;
    model::insert(tx.db, &row)?;
    tx.step(("task", &row.id), "opened", Some(new.kind.code()))?;
    if let Some(reason) = outside {
        outside::allow(tx, &row, &case, reason)?;
    }
    tx.trail("tasks.open", ("task", &row.reference), Some(new.kind.code()))?;
    Ok(row.id)
}

/// A coordinator plans for every case she may know of; others for those they work on.
fn her_case(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<cases::CaseRow> {
    let lost = || Error::invalid("/case", "not_found");
    let reference = read_reference('K', reference).ok_or_else(lost)?;
    let found = match actor.role {
        Role::Coordinator => cases::model::unblocked(tx.db, &actor.id, &reference),
        _ => cases::find_in(tx, actor, &reference),
    };
    found.map_err(|error| if matches!(error, Error::NotFound) { lost() } else { error })
}

/// [`window`], which there must be. Errors: 409 `no_safe_window`.
fn safe(tx: &mut Tx<'_>, kind: Kind, case_id: Option<&str>, wished: Instant) -> Result<(Instant, Option<Instant>)> {
    window(tx, kind, case_id, wished)?.ok_or_else(no_safe_window)
}

fn no_safe_window() -> Error {
    Error::conflict("no_safe_window")
}

/// When a task is due, and before when it must not be done: what reaches out to her waits for the
/// first safe moment at or after the wished one. `None` where her terms have no such moment.
fn window(
    tx: &mut Tx<'_>,
    kind: Kind,
    case_id: Option<&str>,
    wished: Instant,
) -> Result<Option<(Instant, Option<Instant>)>> {
    let Some(case_id) = case_id.filter(|_| kind.reaches_her()) else { return Ok(Some((wished, None))) };
    let case = cases::model::by_id(tx.db, case_id)?;
    let zone = tx.setting.config.place.time_zone;
    let next = cases::terms(tx, &case)?.and_then(|terms| terms.next_safe(wished, zone));
    Ok(next.map(|next| (next, Some(next))))
}

/// The body of `POST /tasks/{id}/outcome`.
#[derive(Debug, Clone)]
pub struct Ending {
    outcome: Outcome,
    due: Option<Instant>,
    outside_reason: Option<String>,
    /// She rang herself, and was on the line: no window is waited for.
    she_rang: bool,
}

impl Ending {
    /// For good, in this way.
    pub fn with(outcome: Outcome) -> Ending {
        Ending { outcome, due: None, outside_reason: None, she_rang: false }
    }

    /// In this way, on a call of hers.
    pub fn on_her_call(outcome: Outcome) -> Ending {
        Ending { she_rang: true, ..Ending::with(outcome) }
    }
}

impl FromJson for Ending {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let outcome = f.required("outcome");
            let due = f.optional("due");
            let outside_reason = outside::reason(f);
            if outcome.is_some_and(|outcome| (outcome == Outcome::Rescheduled) != due.is_some()) {
                f.problem("due", if due.is_some() { "not_allowed" } else { "required" });
                return None;
            }
            if due.is_some() && outside_reason.is_some() {
                // What is put off is put into her window.
                f.problem("outside_reason", "not_allowed");
            }
            Some(Ending { due, outside_reason, ..Ending::with(outcome?) })
        })
    }
}

/// Writes down how a task ended, or until when it is put off. What reaches out to her can only have
/// been done when it was safe: before her window opens nothing but putting off or unsafe is taken,
/// unless there was a reason. Whoever gives a reason is reviewed, also when her window has opened by the
/// time it is written down. Gives its key. Errors: 404; 409 `ended`, `waits_for_her_window`,
/// `no_safe_window`, `she_refused`; 422.
pub fn settle(tx: &mut Tx<'_>, actor: &Actor, reference: &str, ending: &Ending) -> Result<String> {
    let task = model::find(tx.db, actor, reference)?;
    if task.state != State::Open {
        return Err(Error::conflict("ended"));
    }
    if ending.outside_reason.is_some() && !task.kind.reaches_her() {
        return Err(Error::invalid("/outside_reason", "not_allowed"));
    }
    let early = task.waits(tx.now) && ending.outcome != Outcome::Unsafe && !ending.she_rang;
    let changed = match ending.due {
        Some(due) if due < tx.now => return Err(Error::invalid("/due", "in_the_past")),
        Some(due) => {
            let (due, not_before) = safe(tx, task.kind, task.case_id.as_deref(), due)?;
            Task { due, not_before, outcome: Some(ending.outcome), ..task.clone() }
        }
        None if early && ending.outside_reason.is_none() => return Err(Error::conflict("waits_for_her_window")),
        None => Task {
            state: State::Done,
            outcome: Some(ending.outcome),
            done_by: Some(actor.id.clone()),
            done_at: Some(tx.now),
            ..task.clone()
        },
    };
    model::save(tx.db, &task, &changed)?;
    if let (Some(reason), Some(case_id)) = (&ending.outside_reason, &task.case_id) {
        let case = cases::model::by_id(tx.db, case_id)?;
        outside::allow(tx, &task, &case, reason)?;
    }
    tx.step(("task", &task.id), "outcome", Some(ending.outcome.code()))?;
    tx.trail("tasks.outcome", ("task", &task.reference), Some(ending.outcome.code()))?;
    Ok(task.id)
}

impl Task {
    /// True while it waits for her next safe window: it is neither late nor to be done.
    pub fn waits(&self, now: Instant) -> bool {
        self.state == State::Open && self.not_before.is_some_and(|from| now < from)
    }
}
