//! What she says of the help she got.

use diesel::prelude::*;

use super::complaints::{self, About, Grievance, not_found};
use crate::access::{Actor, Reference};
use crate::clock::{HOUR, Instant};
use crate::contacts;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::referrals;
use crate::storage::schema::feedback;
use crate::storage::{Db, Tx, codes};
use crate::tasks::model::{self as tasks_of, Task};
use crate::tasks::task::{Ending, Kind, Outcome};
use crate::tasks::{self, About as Concerning};

/// Where she is not safe, somebody looks at her case within this.
const LOOKED_AT: i64 = 4 * HOUR;

codes! {
    /// What she said to one question.
    pub enum Said {
        /// Yes.
        Yes = "yes",
        /// No.
        No = "no",
        /// She does not know, or it was not asked.
        Unknown = "unknown",
        /// She did not want to say.
        Declined = "declined",
    }
}

/// The body of `POST /feedback`.
#[derive(Debug, Clone)]
pub struct Heard {
    referral: String,
    /// The call of hers on which she says it by herself.
    contact: Option<String>,
    received: Said,
    safe: Said,
    would_call_again: Said,
    complaint: Option<Grievance>,
}

impl FromJson for Heard {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let referral = f.required::<Reference<'F'>>("referral");
            let contact = f.optional::<Reference<'C'>>("contact");
            let (received, safe) = (f.required("received"), f.required("safe"));
            let would_call_again = f.required("would_call_again");
            let complaint = f.optional("complaint");
            Some(Heard {
                referral: referral?.0,
                contact: contact.map(|contact| contact.0),
                received: received?,
                safe: safe?,
                would_call_again: would_call_again?,
                complaint,
            })
        })
    }
}

/// What she said, as it is kept.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = feedback)]
pub struct Row {
    id: String,
    /// The referral's key.
    pub referral_id: String,
    service_id: String,
    /// Whether help came.
    pub received: Said,
    /// Whether she is safe.
    pub safe: Said,
    /// Whether she would call again.
    pub would_call_again: Said,
    recorded_by: String,
    /// When it was written down.
    pub at: Instant,
}

/// Writes down what she said, and settles the task to ask her; gives its key. What she says by herself,
/// on a call of hers that is going on, waits for no window. Errors: 422 `/referral` where nobody was to
/// ask, `/contact` for a call that is not hers, and for what is missing or not theirs, alike; 409
/// `ended`, `waits_for_her_window`, `contact_is_finished`.
pub fn record(tx: &mut Tx<'_>, actor: &Actor, form: &Heard) -> Result<String> {
    let lost = || Error::invalid("/referral", "not_found");
    let task = tasks_of::feedback_on(tx.db, actor, &form.referral).map_err(|error| not_found(error, "/referral"))?;
    let (Some(referral_id), Some(service_id)) = (task.referral_id.clone(), task.service_id.clone()) else {
        return Err(lost());
    };
    let outcome = if form.received == Said::Declined { Outcome::Declined } else { Outcome::Done };
    let ending = match &form.contact {
        Some(contact) => {
            rang(tx, actor, contact, &task)?;
            Ending::on_her_call(outcome)
        }
        None => Ending::with(outcome),
    };
    tasks::settle(tx, actor, &task.reference, &ending)?;
    let row = Row {
        id: tx.new_id()?,
        referral_id,
        service_id,
        received: form.received,
        safe: form.safe,
        would_call_again: form.would_call_again,
        recorded_by: actor.id.clone(),
        at: tx.now,
    };
    diesel::insert_into(feedback::table).values(&row).execute(tx.db)?;
    tx.trail("feedback.record", ("referral", &form.referral), None)?;
    if let Said::Yes | Said::No = form.received {
        referrals::heard_from_her(tx, &row.referral_id, form.received == Said::Yes)?;
    }
    if form.safe == Said::No {
        look(tx, &task)?;
    }
    if let Some(grievance) = &form.complaint {
        complaints::write(tx, actor, &of_service(&task), grievance)?;
    }
    Ok(row.id)
}

/// Checks that she is on the line now, on this call.
fn rang(tx: &mut Tx<'_>, actor: &Actor, contact: &str, task: &Task) -> Result<()> {
    let found = contacts::find_in(tx.db, &contacts::Scope::of(actor, tx.now), contact);
    let call = found.map_err(|error| not_found(error, "/contact"))?;
    if call.case_id != task.case_id {
        return Err(Error::invalid("/contact", "of_another_case"));
    }
    if call.status != contacts::codes::Status::Draft {
        return Err(Error::conflict("contact_is_finished"));
    }
    Ok(())
}

/// She is not safe: somebody looks at her case today.
fn look(tx: &mut Tx<'_>, task: &Task) -> Result<()> {
    let about = Concerning {
        case_id: task.case_id.as_deref(),
        ticket_id: task.ticket_id.as_deref(),
        referral_id: task.referral_id.as_deref(),
        level: task.level.as_deref(),
        ..Concerning::default()
    };
    let by = tx.now.plus(LOOKED_AT);
    tasks::open_task(tx, Kind::CaseReview, about, by).map(|_| ())
}

fn of_service(task: &Task) -> About {
    About {
        kind: complaints::Party::Service,
        id: task.service_id.clone(),
        case_id: task.case_id.clone(),
        referral_id: task.referral_id.clone(),
    }
}

/// What was written down, by its key.
pub fn by_id(db: &mut Db, id: &str) -> Result<(Row, String)> {
    let row: Row = feedback::table.find(id).select(Row::as_select()).first(db)?;
    let referral = referrals::model::referral(db, &row.referral_id)?.reference;
    Ok((row, referral))
}
