//! How much one person may hold. What is counted and what is taken stand in one transaction, so of two
//! claims for the last free place one is refused.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::model::Ticket;
use super::model::{self, Helper};
use crate::access::Actor;
use crate::clock::Instant;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::storage::{Db, Tx};

/// How much somebody holds.
#[derive(Serialize, JsonSchema)]
pub struct LoadView {
    id: String,
    /// The staff number.
    name: String,
    open_tickets: i64,
    limit: i64,
}

impl LoadView {
    /// Of somebody who helps.
    pub fn of(helper: &Helper) -> LoadView {
        let Helper { reference, name, held, limit, .. } = helper;
        LoadView { id: reference.clone(), name: name.clone(), open_tickets: *held, limit: *limit }
    }
}

/// Whether one more ticket is more than somebody should hold. Errors: 409 `caseload_full` with their
/// limit, where it may not be more.
pub(in crate::referrals) fn one_more(tx: &mut Tx<'_>, staff_id: &str, may_be_more: bool) -> Result<bool> {
    let (_, duty) = model::duty_of(tx.db, staff_id)?;
    let limit = duty.caseload.unwrap_or(tx.setting.config.tickets.caseload);
    let over = model::held_by(tx.db, staff_id, tx.now)? >= limit;
    if over && !may_be_more {
        return Err(Error::Conflict { code: "caseload_full", detail: Some(("limit", limit.to_string())) });
    }
    Ok(over)
}

/// Writes down that a ticket went to somebody who holds as many as they should.
pub(in crate::referrals) fn went_over(tx: &mut Tx<'_>, ticket: &Ticket, number: &str) -> Result<()> {
    tx.step(("ticket", &ticket.id), "over_limit", Some(number))?;
    tx.trail("tickets.over_limit", ("ticket", &ticket.reference), Some(number))
}

/// The keys of those who hold more than they should.
pub(in crate::referrals) fn over_limit(
    db: &mut Db,
    actor: &Actor,
    config: &Config,
    now: Instant,
) -> Result<Vec<String>> {
    let all = model::helpers(db, actor, config.tickets.caseload, now)?;
    Ok(all.into_iter().filter(Helper::is_over).map(|helper| helper.id).collect())
}
