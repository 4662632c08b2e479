//! Duties and who holds how much: rows and queries.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::duty::Duty;
use crate::access::{Actor, Role};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{Json, read};
use crate::referrals::model::TicketState;
use crate::storage::schema::{blocked_parties, duties, staff, tickets};
use crate::storage::{Db, Tx};

/// The version of a duty that nobody has written down.
pub const UNWRITTEN: i32 = 1;

/// Somebody who helps, and what they hold.
#[derive(Debug, Clone)]
pub struct Helper {
    /// Key; never shown.
    pub id: String,
    /// `W-…`
    pub reference: String,
    /// The staff number.
    pub name: String,
    /// Where and when.
    pub duty: Duty,
    /// Open tickets they hold.
    pub held: i64,
    /// How many they should hold at most.
    pub limit: i64,
}

impl Helper {
    /// Not one more.
    pub fn is_full(&self) -> bool {
        self.held >= self.limit
    }

    /// More than there should be.
    pub fn is_over(&self) -> bool {
        self.held > self.limit
    }
}

/// The duty of a member of staff and its version.
pub(super) fn duty_of(db: &mut Db, staff_id: &str) -> Result<(i32, Duty)> {
    let row: Option<(i32, String)> =
        duties::table.find(staff_id).select((duties::version, duties::duty)).first(db).optional()?;
    row.map_or(Ok((UNWRITTEN, Duty::default())), |(version, duty)| Ok((version, stored(&duty)?)))
}

/// Writes a duty over the version that was read. Errors: to be repeated when somebody was faster.
pub(super) fn save_duty(tx: &mut Tx<'_>, staff_id: &str, seen: i32, duty: &Duty) -> Result<()> {
    let duty = serde_json::to_string(duty).map_err(|_| Error::Internal("a duty cannot be written"))?;
    let columns = (duties::version.eq(seen + 1), duties::duty.eq(duty), duties::updated_at.eq(tx.now));
    let still = duties::table.find(staff_id).filter(duties::version.eq(seen));
    let mut changed = diesel::update(still).set(columns.clone()).execute(tx.db)?;
    if changed == 0 && seen == UNWRITTEN {
        let row = (duties::staff_id.eq(staff_id), columns);
        changed = tx.unless_taken(|db| diesel::insert_into(duties::table).values(row).execute(db))?.unwrap_or(0);
    }
    if changed == 1 { Ok(()) } else { Err(Error::Repeat) }
}

/// A duty as its column has it, through the reader of requests.
fn stored(text: &str) -> Result<Duty> {
    read(&Json::parse(text.as_bytes())?).map_err(|_| Error::Internal("a duty cannot be read"))
}

/// The active counselors by staff number, as if none held anything; `usual` is how many somebody holds
/// of whom nothing else was said.
pub(super) fn counselors(db: &mut Db, usual: i64) -> Result<Vec<Helper>> {
    let rows: Vec<(String, String, String, Option<String>)> = staff::table
        .left_join(duties::table)
        .filter(staff::role.eq(Role::Counselor))
        .filter(staff::active.eq(true))
        .order(staff::name)
        .select((staff::id, staff::reference, staff::name, duties::duty.nullable()))
        .load(db)?;
    let helper = |(id, reference, name, duty): (String, String, String, Option<String>)| {
        let duty = duty.map_or(Ok(Duty::default()), |text| stored(&text))?;
        Ok(Helper { id, reference, name, held: 0, limit: duty.caseload.unwrap_or(usual), duty })
    };
    rows.into_iter().map(helper).collect()
}

/// The same with what they hold, as far as somebody may know of it.
pub(super) fn helpers(db: &mut Db, viewer: &Actor, usual: i64, now: Instant) -> Result<Vec<Helper>> {
    let held = held_by_all(db, viewer, now)?;
    let counted = |helper: Helper| Helper { held: held.get(&helper.id).copied().unwrap_or(0), ..helper };
    Ok(counselors(db, usual)?.into_iter().map(counted).collect())
}

/// Open tickets held by a live claim, by holder; none of a case that the viewer must not know of.
fn held_by_all(db: &mut Db, viewer: &Actor, now: Instant) -> Result<HashMap<String, i64>> {
    let hidden =
        blocked_parties::table.filter(blocked_parties::party_id.eq(&viewer.id)).select(blocked_parties::case_id);
    let rows: Vec<(Option<String>, i64)> = tickets::table
        .filter(tickets::state.eq(TicketState::Open))
        .filter(tickets::claim_until.gt(now))
        .filter(tickets::case_id.ne_all(hidden))
        .group_by(tickets::claimed_by)
        .select((tickets::claimed_by, count_star()))
        .load(db)?;
    Ok(rows.into_iter().filter_map(|(holder, held)| Some((holder?, held))).collect())
}

/// How many open tickets somebody holds by a live claim.
pub(super) fn held_by(db: &mut Db, staff_id: &str, now: Instant) -> Result<i64> {
    Ok(tickets::table
        .filter(tickets::claimed_by.eq(staff_id))
        .filter(tickets::state.eq(TicketState::Open))
        .filter(tickets::claim_until.gt(now))
        .count()
        .get_result(db)?)
}
