//! What the rules want somebody to do once a call is over.

use super::assessed;
use super::model::{self, ContactRow};
use crate::cases;
use crate::clock::DAY;
use crate::error::Result;
use crate::storage::Tx;
use crate::tasks::task::Kind;
use crate::tasks::{self, About};
use crate::triage::Assessment;
use crate::vault::DataKey;

/// Opens the tasks that the last assessment of a contact asks for; see [`open`].
pub(super) fn open_latest(tx: &mut Tx<'_>, row: &ContactRow, key: &DataKey) -> Result<()> {
    let latest = model::latest_assessment(tx.db, &row.id)?;
    open(tx, row, &assessed::opened(key, &latest)?)
}

/// Opens the tasks that an assessment asks for (it names each once) in the case of a contact that has just been
/// finished: a contact is finished once. Without a case there is nobody to do them for. What is to be
/// done on the line itself (offer an ambulance, stay) is told in the assessment and is over by now.
/// What reaches out to her waits for her next safe window, and where she has none, somebody looks at
/// her case instead.
pub(super) fn open(tx: &mut Tx<'_>, row: &ContactRow, assessment: &Assessment) -> Result<()> {
    let Some(case_id) = &row.case_id else { return Ok(()) };
    let case = cases::model::by_id(tx.db, case_id)?;
    let about = About { case_id: Some(&case.id), level: case.level.as_deref(), ..About::default() };
    let by = tx.now.plus(DAY);
    for name in &assessment.tasks {
        let Some(kind) = kind(name.as_str()) else { continue };
        if !tasks::open_when_safe(tx, kind, about, by)? {
            tasks::open_task(tx, Kind::CaseReview, about, by)?;
        }
    }
    Ok(())
}

/// The task a rule means: the kind it names, and a child's protection is a look at the case.
fn kind(effect: &str) -> Option<Kind> {
    match effect {
        "child_protection_review" => Some(Kind::CaseReview),
        code => Kind::from_code(code).filter(|kind| !kind.opens_by_itself()),
    }
}
