//! The closed loop: whoever recorded the call, and whoever holds the ticket, is told what became of
//! what she asked for. Nothing is stored for it: it is read from the steps.

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::states::Move;
use crate::access::Actor;
use crate::clock::Instant;
use crate::error::Result;
use crate::storage::Db;
use crate::storage::schema::{blocked_parties, contacts, referrals, steps, tickets};

/// The steps somebody is told of.
fn told() -> [&'static str; 6] {
    let moves = [Move::Acknowledge, Move::Accept, Move::Decline, Move::Complete, Move::Fail].map(Move::step);
    let [received, accepted, declined, completed, failed] = moves;
    [received, accepted, declined, completed, failed, "unroutable"]
}

/// One step of one referral.
#[derive(Queryable)]
pub struct Notice {
    /// Its place among all steps.
    pub position: i64,
    referral: String,
    ticket: String,
    kind: String,
    at: Instant,
}

/// A notice: references and a code.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NoticeView {
    referral: String,
    ticket: String,
    /// `received`, `accepted`, `declined`, `completed`, `failed` or `unroutable`.
    kind: String,
    at: Instant,
}

impl From<Notice> for NoticeView {
    fn from(notice: Notice) -> NoticeView {
        let Notice { referral, ticket, kind, at, .. } = notice;
        NoticeView { referral, ticket, kind, at }
    }
}

/// What became of referrals of tickets that somebody holds, or that came from contacts they recorded,
/// newest first; `before` is the place of the last one seen. Nothing of a case that is hidden from them.
pub fn list(db: &mut Db, actor: &Actor, before: Option<i64>, limit: i64) -> Result<Vec<Notice>> {
    let hidden =
        blocked_parties::table.filter(blocked_parties::party_id.eq(&actor.id)).select(blocked_parties::case_id);
    let recorded = contacts::table.filter(contacts::operator_id.eq(&actor.id)).select(contacts::id);
    Ok(steps::table
        .inner_join(referrals::table.on(referrals::id.eq(steps::subject_id)))
        .inner_join(tickets::table.on(tickets::id.eq(referrals::ticket_id)))
        .filter(tickets::claimed_by.eq(&actor.id).or(tickets::contact_id.eq_any(recorded)))
        .filter(tickets::case_id.ne_all(hidden))
        .filter(steps::kind.eq_any(told()))
        .filter(steps::position.lt(before.unwrap_or(i64::MAX)))
        .order(steps::position.desc())
        .limit(limit)
        .select((steps::position, referrals::reference, tickets::reference, steps::kind, steps::at))
        .load(db)?)
}
