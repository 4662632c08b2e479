//! The sealed assessment: whole, with the reasons in every language, never changed. It is most of what
//! a contact takes up on disk, so it is compressed before it is sealed; the size class hides how well.

use super::document::{open_at, seal_at};
use super::model::AssessmentRow;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::new_id;
use crate::triage::{Assessment, Level};
use crate::vault::DataKey;

/// What stands before compressed bytes. JSON never begins with it: what was stored before there was
/// compression opens too.
const LZ4: u8 = 4;

/// An assessment as it is stored. Errors: 503 without random bytes.
pub fn sealed(
    key: &DataKey,
    contact_id: &str,
    version: i32,
    level: Level,
    assessment: &Assessment,
) -> Result<AssessmentRow> {
    let at = Instant::from(assessment.at);
    let id = new_id(at)?;
    let json = serde_json::to_vec(assessment).map_err(|_| Error::Internal("an assessment cannot be written"))?;
    let mut bytes = lz4_flex::compress_prepend_size(&json);
    bytes.insert(0, LZ4);
    Ok(AssessmentRow {
        document: seal_at(key, "assessment", &id, 0, &bytes)?,
        id,
        contact_id: contact_id.to_owned(),
        contact_version: version,
        level: level.code().to_owned(),
        rule_set: assessment.rule_set.sha256.as_str().to_owned(),
        at,
    })
}

/// Opens what [`sealed`] made. Errors: 500 when something else stands there.
pub fn opened(key: &DataKey, row: &AssessmentRow) -> Result<Assessment> {
    let broken = || Error::Internal("an assessment cannot be read");
    let bytes = open_at(key, "assessment", &row.id, 0, &row.document)?;
    let json = match bytes.split_first() {
        Some((&LZ4, compressed)) => lz4_flex::decompress_size_prepended(compressed).map_err(|_| broken())?,
        _ => bytes,
    };
    serde_json::from_slice(&json).map_err(|_| broken())
}
