//! Reaching out to her at a time she did not call safe: only with a reason, which somebody looks at
//! afterwards, and never when she said that nobody shall call.

use diesel::prelude::*;

use super::model::Task;
use super::reviews::{self, Kind, NewReview, Review};
use crate::cases::{self, CaseRow};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::Fields;
use crate::storage::Tx;
use crate::storage::schema::tasks;
use crate::vault::{Padding, Place, open, seal};

/// A reason shorter than this says nothing to whoever reviews it; lengths in characters.
const SHORTEST: usize = 10;
const LONGEST: usize = 500;

/// Reads `outside_reason`.
pub(super) fn reason(f: &Fields<'_>) -> Option<String> {
    let reason: Option<String> = f.text("outside_reason", LONGEST);
    if reason.as_ref().is_some_and(|words| words.trim().chars().count() < SHORTEST) {
        f.problem("outside_reason", "too_short");
    }
    reason
}

/// Writes down why a task that is in the table already is done outside her safe times, and has
/// somebody look at it. Errors: 409 `she_refused` when she said that nobody shall call.
pub(super) fn allow(tx: &mut Tx<'_>, task: &Task, case: &CaseRow, reason: &str) -> Result<()> {
    if cases::terms(tx, case)?.is_some_and(|terms| !terms.may_call) {
        return Err(Error::conflict("she_refused"));
    }
    let key = tx.setting.vault.data_key(&case.key_id)?;
    let sealed = seal(&key, &place(&task.id), reason.as_bytes(), Padding::SizeClass)?;
    let told = (tasks::outside_at.eq(tx.now), tasks::outside_reason.eq(sealed));
    diesel::update(tasks::table.find(&task.id)).set(told).execute(tx.db)?;
    tx.step(("task", &task.id), "outside_her_times", None)?;
    if reviews::open_of(tx.db, Kind::CalledOutside, &case.id)?.is_some() {
        return Ok(());
    }
    let level = case.level.as_deref().unwrap_or("not_assessed");
    let opened_by = Some(tx.by.staff_id()?.to_owned());
    let (subject_id, opened_by) = (case.id.as_str(), opened_by.as_deref());
    let new = NewReview { kind: Kind::CalledOutside, subject_id, level, proposed: level, opened_by };
    reviews::open(tx, &new).map(|_| ())
}

/// The reasons a review is about, one a line.
pub fn reasons(tx: &mut Tx<'_>, review: &Review) -> Result<String> {
    let case = cases::model::by_id(tx.db, &review.subject_id)?;
    let key = tx.setting.vault.data_key(&case.key_id)?;
    let told = told(tx, &case.id)?.into_iter().filter(|(_, at, _)| *at >= review.opened_at);
    let opened = told.map(|(id, _, sealed)| {
        let plain = open(&key, &place(&id), &sealed)?;
        Ok(String::from_utf8_lossy(plain.reveal()).into_owned())
    });
    Ok(opened.collect::<Result<Vec<_>>>()?.join("\n"))
}

/// Seals the reasons of a case under the key of another, which is hers from now on.
pub fn reseal(tx: &mut Tx<'_>, from: &CaseRow, to: &CaseRow) -> Result<()> {
    for (id, _, sealed) in told(tx, &from.id)? {
        let (old, new) = (tx.setting.vault.data_key(&from.key_id)?, tx.setting.vault.data_key(&to.key_id)?);
        let plain = open(&old, &place(&id), &sealed)?;
        let sealed = seal(&new, &place(&id), plain.reveal(), Padding::SizeClass)?;
        diesel::update(tasks::table.find(&id)).set(tasks::outside_reason.eq(sealed)).execute(tx.db)?;
    }
    Ok(())
}

/// The tasks of a case that were done outside her times: key, since when, the sealed reason.
fn told(tx: &mut Tx<'_>, case_id: &str) -> Result<Vec<(String, Instant, Vec<u8>)>> {
    Ok(tasks::table
        .filter(tasks::case_id.eq(case_id))
        .filter(tasks::outside_reason.is_not_null())
        .order((tasks::outside_at, tasks::id))
        .select((tasks::id, tasks::outside_at.assume_not_null(), tasks::outside_reason.assume_not_null()))
        .load(tx.db)?)
}

fn place(row: &str) -> Place<'_> {
    Place { table: "tasks", column: "outside_reason", row }
}
