//! Queues: what waits, in the order in which it should be taken up.

use std::cmp::Reverse;
use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::clocks;
use super::model::{self, Referral, Ticket};
use super::states::State;
use crate::access::{Actor, Page, Params, Query};
use crate::clock::Instant;
use crate::directory::{Areas, ServiceType};
use crate::error::{Error, Result};
use crate::identity;
use crate::storage::{Db, codes};
use crate::triage::Level;
use crate::vault::Vault;

codes! {
    /// Which tickets.
    pub enum Queue {
        /// Nobody holds them.
        Unclaimed = "unclaimed",
        /// Something should have happened by now.
        PastTarget = "past_target",
        /// I hold them.
        Mine = "mine",
        /// A partner has not answered.
        WaitingPartner = "waiting_partner",
        /// Every open one.
        All = "all",
    }
}

/// `?queue=&need=&level=&area=`. Level means the effective one, which rows show.
#[derive(Debug, Clone)]
pub struct QueueQuery {
    /// Which part of it.
    pub page: Page,
    queue: Queue,
    need: Option<ServiceType>,
    level: Option<Level>,
    area: Option<String>,
}

impl Query for QueueQuery {
    fn from_params(params: &Params) -> Option<Self> {
        let page = Page::from_params(params);
        let queue = params.of("queue").unwrap_or(Queue::All);
        let need = params.of("need");
        let level = params.read("level", json!({"type": "string", "enum": Level::ALL.map(Level::code)}), |code| {
            Level::from_code(code).ok_or("not_allowed")
        });
        let area = params.read("area", json!({"type": "string", "pattern": "^[A-Z0-9-]+$"}), |code| {
            let shaped = code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
            if shaped && !code.is_empty() { Ok(code.to_owned()) } else { Err("not_an_area") }
        });
        Some(QueueQuery { page: page?, queue, need, level, area })
    }
}

impl QueueQuery {
    /// The filters as they stand in the link to the next page.
    pub fn kept(&self) -> Vec<(&'static str, String)> {
        let mut kept = vec![("queue", self.queue.code().to_owned())];
        kept.extend(self.need.map(|need| ("need", need.code().to_owned())));
        kept.extend(self.level.map(|level| ("level", level.code().to_owned())));
        kept.extend(self.area.clone().map(|area| ("area", area)));
        kept
    }

    fn takes(&self, row: &Row, actor: &Actor, areas: &Areas) -> bool {
        let queued = match self.queue {
            Queue::Unclaimed => row.holder.is_none(),
            Queue::PastTarget => row.late,
            Queue::Mine => row.holder.as_deref() == Some(actor.id.as_str()),
            Queue::WaitingPartner => row.waits_for_partner(),
            Queue::All => true,
        };
        let lies_in =
            |wanted: &String| row.ticket.area.as_ref().is_some_and(|area| areas.reach(area).contains(&wanted.as_str()));
        queued
            && self.need.is_none_or(|need| row.referrals.iter().any(|referral| referral.need == need))
            && self.level.is_none_or(|level| row.effective == level)
            && self.area.as_ref().is_none_or(lies_in)
    }
}

/// A ticket as it stands in a queue.
pub struct Row {
    ticket: Ticket,
    referrals: Vec<Referral>,
    holder: Option<String>,
    effective: Level,
    due: Instant,
    late: bool,
}

impl Row {
    /// Judges a ticket at a moment.
    pub fn of(ticket: Ticket, referrals: Vec<Referral>, now: Instant) -> Row {
        let holder = ticket.holder(now).map(str::to_owned);
        let waiting = holder.is_none().then_some(ticket.claim_due);
        let due = waiting.into_iter().chain(referrals.iter().filter_map(next_due)).min();
        // Nothing is due any more: it waits only to be closed.
        let due = due.unwrap_or(Instant(i64::MAX));
        let effective = clocks::effective(clocks::level(&ticket.level), ticket.care_by, now);
        Row { ticket, referrals, holder, effective, due, late: due < now }
    }

    fn waits_for_partner(&self) -> bool {
        self.referrals
            .iter()
            .any(|referral| !referral.unroutable && matches!(referral.state, State::Requested | State::Received))
    }

    /// Highest level first, then the earliest due, which puts late ones first. What nobody assessed
    /// ranks with High.
    fn order(&self) -> (Reverse<u8>, Instant, &str) {
        (Reverse(self.effective.rank()), self.due, &self.ticket.id)
    }
}

/// By when the next thing must happen to a referral.
fn next_due(referral: &Referral) -> Option<Instant> {
    match referral.state {
        State::Requested | State::Received => Some(referral.accept_due),
        State::Accepted => Some(referral.start_due),
        _ => None,
    }
}

/// What is seen of a ticket before it is claimed: how soon, what was asked for, roughly where.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RowView {
    id: String,
    state: model::TicketState,
    level: Level,
    effective_level: Level,
    needs: Vec<ServiceType>,
    district: Option<String>,
    /// Whether she may be called now; `null` while nobody has said.
    may_call: Option<bool>,
    claimed_by: Option<String>,
    issued_at: Instant,
    late: bool,
    unroutable: bool,
    waiting_partner: bool,
    due: RowDue,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RowDue {
    claimed: Instant,
    /// The next thing that must happen; `null` when it waits only to be closed.
    next: Option<Instant>,
}

impl RowView {
    /// Shows a row; `numbers` are staff numbers by key.
    pub fn of(row: &Row, numbers: &HashMap<String, String>) -> RowView {
        RowView {
            id: row.ticket.reference.clone(),
            state: row.ticket.state,
            level: clocks::level(&row.ticket.level),
            effective_level: row.effective,
            needs: row.referrals.iter().map(|referral| referral.need).collect(),
            district: row.ticket.area.clone(),
            may_call: None,
            claimed_by: row.holder.as_ref().and_then(|id| numbers.get(id).cloned()),
            issued_at: row.ticket.issued_at,
            late: row.late,
            unroutable: row.referrals.iter().any(|referral| referral.unroutable && referral.state.is_live()),
            waiting_partner: row.waits_for_partner(),
            due: RowDue { claimed: row.ticket.claim_due, next: Some(row.due).filter(|due| *due < Instant(i64::MAX)) },
        }
    }
}

/// One page of a queue, and the staff numbers its rows name. The order depends on the moment, so
/// open tickets are ordered here and not by the database; they are as many as a hotline has work.
pub fn list(
    db: &mut Db,
    actor: &Actor,
    query: &QueueQuery,
    after: Option<&(Instant, String)>,
    areas: &Areas,
    now: Instant,
) -> Result<(Vec<Row>, HashMap<String, String>)> {
    let mut by_ticket: HashMap<String, Vec<Referral>> = HashMap::new();
    for referral in model::open_referrals(db)? {
        by_ticket.entry(referral.ticket_id.clone()).or_default().push(referral);
    }
    let tickets = model::open_tickets(db, actor)?;
    let mut rows: Vec<Row> = tickets
        .into_iter()
        .map(|ticket| {
            let referrals = by_ticket.remove(&ticket.id).unwrap_or_default();
            Row::of(ticket, referrals, now)
        })
        .filter(|row| query.takes(row, actor, areas))
        .collect();
    rows.sort_by(|a, b| a.order().cmp(&b.order()));
    let start = match after {
        None => None,
        Some((due, key)) => Some(read_place(*due, key)?),
    };
    let later = |row: &Row| start.as_ref().is_none_or(|(rank, due, id)| row.order() > (*rank, *due, id.as_str()));
    let limit = usize::try_from(query.page.limit).unwrap_or(1);
    let page: Vec<Row> = rows.into_iter().filter(later).take(limit).collect();
    Ok((page, identity::staff_numbers(db)?))
}

/// A row's place in the order, for the cursor: its rank stands before its key.
pub fn place(row: &Row) -> (Instant, String) {
    (row.due, format!("{} {}", row.effective.rank(), row.ticket.id))
}

fn read_place(due: Instant, key: &str) -> Result<(Reverse<u8>, Instant, String)> {
    let read = key.split_once(' ').and_then(|(rank, id)| Some((Reverse(rank.parse().ok()?), due, id.to_owned())));
    read.ok_or_else(|| Error::invalid("?after", "not_a_cursor"))
}

/// One page as it is answered.
pub fn page(
    rows: Vec<Row>,
    numbers: &HashMap<String, String>,
    query: &QueueQuery,
    vault: &Vault,
) -> Result<crate::access::Paged<RowView>> {
    crate::access::Paged::of(rows, &query.page, vault, place, |row| RowView::of(&row, numbers))
}
