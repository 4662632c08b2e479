//! What leaves this room. A view names its fields; a row never leaves.

use schemars::JsonSchema;
use serde::Serialize;

use super::codes::{CloseReason, GivenBy, How, Scope, Status};
use super::model::{self, ConsentRow};
use super::safe_contact::SafeContact;
use super::safety_plan::SafetyPlan;
use crate::access::{Actor, Answer};
use crate::clock::Instant;
use crate::error::Result;
use crate::storage::Tx;

/// A case with its seals open.
#[derive(Serialize, JsonSchema)]
pub struct CaseView {
    id: String,
    version: i32,
    status: Status,
    level: Option<String>,
    opened_at: Instant,
    closed_at: Option<Instant>,
    close_reason: Option<CloseReason>,
    /// References of cases that were merged into this one: each leads here.
    merged: Vec<String>,
    may_call_now: bool,
    safe_contact: Option<SafeContact>,
    safety_plan: Option<SafetyPlan>,
    consents: Vec<ConsentView>,
}

#[derive(Serialize, JsonSchema)]
struct ConsentView {
    id: String,
    scope: Scope,
    given: bool,
    given_by: GivenBy,
    how: How,
    fields: Vec<String>,
    at: Instant,
    expires_at: Option<Instant>,
    withdrawn_at: Option<Instant>,
}

impl ConsentView {
    fn of(row: ConsentRow) -> ConsentView {
        ConsentView {
            id: row.reference,
            scope: row.scope,
            given: row.given,
            given_by: row.given_by,
            how: row.how,
            fields: row.fields.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect(),
            at: row.at,
            expires_at: row.expires_at,
            withdrawn_at: row.withdrawn_at,
        }
    }
}

impl CaseView {
    /// As an answer, with its version.
    pub fn answer(&self) -> Answer<CaseView> {
        Answer::json(self).version(self.version)
    }
}

/// A case somebody may open, by its reference. A sealed read: the trail has a row. Errors: 404.
pub fn whole(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<CaseView> {
    let (row, file) = super::read(tx, actor, reference)?;
    let consents = model::consents_of(tx.db, &row.id)?;
    let zone = tx.setting.config.place.time_zone;
    Ok(CaseView {
        may_call_now: file.safe_contact.as_ref().is_some_and(|terms| terms.may_call_at(tx.now, zone)),
        merged: model::merged_into(tx.db, &row.id)?,
        id: row.reference,
        version: row.version,
        status: row.status,
        level: row.level,
        opened_at: row.opened_at,
        closed_at: row.closed_at,
        close_reason: row.close_reason,
        safe_contact: file.safe_contact,
        safety_plan: file.safety_plan,
        consents: consents.into_iter().map(ConsentView::of).collect(),
    })
}
