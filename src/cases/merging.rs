//! Two files that are one woman's.

use super::codes::{CloseReason, Status};
use super::file::File;
use super::model::{self, CaseRow, United};
use crate::error::{Error, Result};
use crate::storage::Tx;
use crate::triage::Level;

/// Merges `other` into `kept`, as far as this room goes: who must not see either will not see the
/// result; numbers and consents are the kept one's; its terms and its plan stay, and where it has
/// none the other's take their place; the other's file stays sealed as it was, and its reference and
/// its word lead here. Gives the kept one as it is now. Errors: 409 `died` when either was closed
/// because she died: a death is not merged away.
pub fn unite(tx: &mut Tx<'_>, kept: &CaseRow, other: &CaseRow) -> Result<CaseRow> {
    if [kept, other].iter().any(|row| row.close_reason == Some(CloseReason::Died)) {
        return Err(Error::conflict("died"));
    }
    model::hand_over(tx.db, &other.id, &kept.id)?;
    let (key, own) = File::opened(tx, kept)?;
    let (_, theirs) = File::opened(tx, other)?;
    let word = if own.safe_contact.is_some() { &kept.code_word_index } else { &other.code_word_index };
    let file = File {
        safe_contact: own.safe_contact.or(theirs.safe_contact),
        safety_plan: own.safety_plan.or(theirs.safety_plan),
    };
    // Whoever read either before must read again: no version of the two is one of the result.
    let version = kept.version.max(other.version) + 1;
    let open = kept.status == Status::Open || other.status == Status::Open;
    let from = if rank(other) > rank(kept) { other } else { kept };
    let united = United {
        version,
        status: if open { Status::Open } else { Status::Closed },
        close_reason: kept.close_reason.filter(|_| !open),
        closed_at: kept.closed_at.filter(|_| !open),
        level: from.level.clone(),
        level_from: from.level_from.clone(),
        code_word_index: word.clone(),
        document: file.sealed(&key, &kept.id, version)?,
        updated_at: tx.now,
    };
    model::unite(tx.db, (kept, other), &united)?;
    if open && kept.status == Status::Closed {
        tx.step(("case", &kept.id), "reopened", None)?;
    }
    tx.step(("case", &kept.id), "merged", None)?;
    tx.step(("case", &other.id), "merged", None)?;
    tx.trail("cases.merge", ("case", &kept.reference), None)?;
    tx.trail("cases.merged", ("case", &other.reference), None)?;
    model::by_id(tx.db, &kept.id)
}

/// Where its level stands among levels; of two that rank alike, one that was assessed is carried on.
fn rank(row: &CaseRow) -> (u8, bool) {
    let level = row.level.as_deref().and_then(Level::from_code);
    level.map_or((0, false), |level| (level.rank(), level != Level::NotAssessed))
}
