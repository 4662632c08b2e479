//! Closing a case, and taking it up again.

use super::codes::{CloseReason, Status};
use super::file::File;
use super::model::{self, CaseRow};
use super::safe_contact::SafeContact;
use crate::error::{Error, Result};
use crate::storage::Tx;

/// Closes a case. Whatever must have ended before is its caller's to see to. With her death her
/// terms end, for good: a call about her later, which opens the case again, makes nobody ring her
/// number. Errors: 409 `closed`.
pub fn close(tx: &mut Tx<'_>, row: &CaseRow, reason: CloseReason) -> Result<()> {
    if row.status == Status::Closed {
        return Err(Error::conflict("closed"));
    }
    let (key, mut file) = File::opened(tx, row)?;
    if reason == CloseReason::Died {
        file.safe_contact = file.safe_contact.map(|terms| SafeContact { expires_at: Some(tx.now), ..terms });
    }
    let document = file.sealed(&key, &row.id, row.version + 1)?;
    if !model::close(tx.db, row, reason, &document, tx.now)? {
        return Err(Error::Repeat);
    }
    tx.step(("case", &row.id), "closed", Some(reason.code()))?;
    tx.trail("cases.close", ("case", &row.reference), Some(reason.code()))
}

/// Takes a case up again because something is about to be done for her: no help is asked for in a
/// closed one. Errors: 409 `died` while it is closed because she died; a new contact opens it.
pub fn resume(tx: &mut Tx<'_>, row: &CaseRow) -> Result<()> {
    if row.close_reason == Some(CloseReason::Died) {
        return Err(Error::conflict("died"));
    }
    if model::reopen(tx.db, &row.id, tx.now)? {
        tx.step(("case", &row.id), "reopened", None)?;
    }
    Ok(())
}
