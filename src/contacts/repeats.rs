//! Whoever calls again and again in a few days may be in more danger than any one call says.

use super::model;
use crate::cases;
use crate::clock::DAY;
use crate::error::Result;
use crate::storage::Tx;
use crate::tasks::{self, Kind, NewReview};

/// So many contacts of one case ...
const MANY: i64 = 3;
/// ... within so long are looked at.
const WITHIN: i64 = 7 * DAY;

/// Opens a review of a case with three contacts in seven days. One at a time, and what somebody has
/// looked at counts no more.
pub fn review_repeats(tx: &mut Tx<'_>, case_id: Option<&str>) -> Result<()> {
    let Some(case_id) = case_id else { return Ok(()) };
    if tasks::open_of(tx.db, Kind::RepeatContacts, case_id)?.is_some() {
        return Ok(());
    }
    let looked = tasks::last_decided(tx.db, Kind::RepeatContacts, case_id)?;
    let week = tx.now.plus(-WITHIN);
    if model::count_of_case(tx.db, case_id, looked.map_or(week, |at| at.max(week)))? < MANY {
        return Ok(());
    }
    let case = cases::model::by_id(tx.db, case_id)?;
    let level = case.level.as_deref().unwrap_or("not_assessed");
    let new = NewReview { kind: Kind::RepeatContacts, subject_id: case_id, level, proposed: level, opened_by: None };
    tasks::open(tx, &new).map(|_| ())
}
