//! Queues: what waits, in the order in which it should be taken up.

use std::cmp::Reverse;
use std::collections::HashMap;

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::claim;
use super::clocks;
use super::model::{self, Referral, Ticket, TicketState};
use super::people::caseload;
use super::states::State;
use crate::access::{Actor, Page, Params, Query};
use crate::clock::Instant;
use crate::config::Config;
use crate::directory::{Areas, ServiceType};
use crate::error::{Error, Result};
use crate::identity;
use crate::storage::schema::{referrals, tickets};
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
        /// Nobody she named is left to ask.
        Unroutable = "unroutable",
        /// Their holder holds more than one person should.
        OverLimit = "over_limit",
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
    /// The keys of those who hold more than they should; looked up only where it is asked.
    over_limit: Vec<String>,
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
        Some(QueueQuery { page: page?, queue, need, level, area, over_limit: Vec::new() })
    }
}

impl QueueQuery {
    /// Looks up what the query rests on beside tickets.
    pub fn settled(self, db: &mut Db, actor: &Actor, config: &Config, now: Instant) -> Result<QueueQuery> {
        match self.queue {
            Queue::OverLimit => Ok(QueueQuery { over_limit: caseload::over_limit(db, actor, config, now)?, ..self }),
            _ => Ok(self),
        }
    }

    /// The filters as they stand in the link to the next page.
    pub fn kept(&self) -> Vec<(&'static str, String)> {
        let mut kept = vec![("queue", self.queue.code().to_owned())];
        kept.extend(self.need.map(|need| ("need", need.code().to_owned())));
        kept.extend(self.level.map(|level| ("level", level.code().to_owned())));
        kept.extend(self.area.clone().map(|area| ("area", area)));
        kept
    }

    /// What the database can tell of it. Whatever `takes` refuses beyond that is refused there.
    fn narrowed<'a>(&'a self, actor: &'a Actor, areas: &'a Areas, now: Instant) -> Tickets<'a> {
        let mut query = model::visible(actor).filter(tickets::state.eq(TicketState::Open));
        query = match self.queue {
            Queue::Unclaimed => query.filter(tickets::claimed_by.is_null().or(tickets::claim_until.le(now))),
            Queue::PastTarget => query.filter(tickets::queue_due.lt(now)),
            Queue::Mine => query.filter(tickets::claimed_by.eq(&actor.id)).filter(tickets::claim_until.gt(now)),
            Queue::WaitingPartner => query.filter(
                tickets::id.eq_any(
                    referrals::table
                        .filter(referrals::unroutable.eq(false))
                        .filter(referrals::state.eq_any([State::Requested, State::Received]))
                        .select(referrals::ticket_id),
                ),
            ),
            Queue::OverLimit => {
                query.filter(tickets::claimed_by.eq_any(&self.over_limit)).filter(tickets::claim_until.gt(now))
            }
            Queue::Unroutable => query.filter(
                tickets::id.eq_any(
                    referrals::table
                        .filter(referrals::unroutable.eq(true))
                        .filter(referrals::state.eq_any(State::LIVE))
                        .select(referrals::ticket_id),
                ),
            ),
            Queue::All => query,
        };
        if let Some(need) = self.need {
            let needing = referrals::table.filter(referrals::need.eq(need)).select(referrals::ticket_id);
            query = query.filter(tickets::id.eq_any(needing));
        }
        if let Some(wanted) = &self.area {
            query = query.filter(tickets::area.eq_any(areas.within(wanted)));
        }
        query
    }

    fn takes(&self, row: &Row) -> bool {
        self.level.is_none_or(|level| row.effective == level)
    }
}

type Tickets<'a> = tickets::BoxedQuery<'a, <Db as diesel::Connection>::Backend>;

/// Where a level stands: 0 for Critical to 3 for Low. What nobody assessed stands with High.
pub(super) fn place_of(level: &str) -> i32 {
    i32::from(Level::Critical.rank()) - i32::from(clocks::level(level).rank())
}

/// When the next thing of a ticket is due; the end of time when it waits only to be closed.
pub(super) fn due(ticket: &Ticket, referrals: &[Referral], held: bool) -> Instant {
    let waiting = (!held).then_some(ticket.claim_due);
    waiting.into_iter().chain(referrals.iter().filter_map(next_due)).min().unwrap_or(Instant(i64::MAX))
}

/// A ticket as it stands in a queue.
pub struct Row {
    ticket: Ticket,
    referrals: Vec<Referral>,
    holder: Option<String>,
    effective: Level,
    due: Instant,
    /// Where it stands among its level: `due` as it was when something last changed. A claim that has
    /// lapsed since moves it when it is taken back, not in the middle of somebody's pages.
    stands: Instant,
    late: bool,
    ends_soon: bool,
}

impl Row {
    /// Judges a ticket at a moment.
    pub fn of(ticket: Ticket, referrals: Vec<Referral>, now: Instant) -> Row {
        let holder = ticket.holder(now).map(str::to_owned);
        let due = due(&ticket, &referrals, holder.is_some());
        let effective = clocks::effective(clocks::level(&ticket.level), ticket.care_by, now);
        let ends_soon = claim::ends_soon(&ticket, now);
        Row { ticket, referrals, holder, effective, due, stands: due, late: due < now, ends_soon }
    }

    fn waits_for_partner(&self) -> bool {
        self.referrals
            .iter()
            .any(|referral| !referral.unroutable && matches!(referral.state, State::Requested | State::Received))
    }

    /// Highest level first, then the earliest due, which puts late ones first. What nobody assessed
    /// ranks with High.
    fn order(&self) -> (Reverse<u8>, Instant, &str) {
        (Reverse(self.effective.rank()), self.stands, &self.ticket.id)
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
    /// When the claim ends if nothing is done: then the ticket is back in the queue.
    claim_until: Option<Instant>,
    claim_ends_soon: bool,
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
    /// `R-…`
    pub fn reference(&self) -> &str {
        &self.id
    }

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
            claim_until: row.holder.as_ref().and(row.ticket.claim_until),
            claim_ends_soon: row.ends_soon,
            issued_at: row.ticket.issued_at,
            late: row.late,
            unroutable: row.referrals.iter().any(|referral| referral.unroutable && referral.state.is_live()),
            waiting_partner: row.waits_for_partner(),
            due: RowDue { claimed: row.ticket.claim_due, next: Some(row.due).filter(|due| *due < Instant(i64::MAX)) },
        }
    }
}

/// One page of a queue, and the staff numbers its rows name.
///
/// The order depends on the moment only for tickets whose treatment window closes within hours: they
/// are few, and are ordered here. All others stand in an index, place by place, and no more of them
/// are read than the page holds.
pub fn list(
    db: &mut Db,
    actor: &Actor,
    query: &QueueQuery,
    after: Option<&(Instant, String)>,
    areas: &Areas,
    now: Instant,
) -> Result<(Vec<Row>, HashMap<String, String>)> {
    let start = after.map(|(due, key)| read_place(*due, key)).transpose()?;
    let later = |row: &Row| start.as_ref().is_none_or(|(rank, due, id)| row.order() > (*rank, *due, id.as_str()));
    let limit = usize::try_from(query.page.limit).unwrap_or(1);
    let narrowed = || query.narrowed(actor, areas, now);
    let closing = closing_soon(narrowed(), now).select((Ticket::as_select(), tickets::queue_due)).load(db)?;
    let mut rows = rows(db, closing, now)?;
    rows.retain(|row| query.takes(row) && later(row));
    let mut taken = 0;
    for place in 0..=3 {
        let rank = Reverse(u8::try_from(3 - place).unwrap_or_default());
        let from = match &start {
            Some((read, ..)) if *read > rank => continue,
            Some((read, due, id)) if *read == rank => Some((*due, id.as_str())),
            _ => None,
        };
        let found = in_place(db, query, narrowed(), (place, from), limit.saturating_sub(taken), now)?;
        taken += found.len();
        rows.extend(found);
    }
    rows.sort_by(|a, b| a.order().cmp(&b.order()));
    rows.truncate(limit);
    Ok((rows, identity::staff_numbers(db)?))
}

/// Open tickets that are Critical or High now, in the order of the queue: at most so many.
pub fn high_risk(db: &mut Db, actor: &Actor, now: Instant, most: i64) -> Result<Vec<Row>> {
    let open = || model::visible(actor).filter(tickets::state.eq(TicketState::Open));
    let closing = closing_soon(open(), now).select((Ticket::as_select(), tickets::queue_due)).load(db)?;
    let mut all = rows(db, closing, now)?;
    let order = (tickets::queue_place, tickets::queue_due, tickets::id);
    let high = open().filter(tickets::queue_place.le(1)).order(order).limit(most);
    let high = high.select((Ticket::as_select(), tickets::queue_due)).load(db)?;
    all.extend(rows(db, high, now)?);
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    all.dedup_by(|a, b| a.ticket.id == b.ticket.id);
    all.truncate(usize::try_from(most).unwrap_or_default());
    Ok(all)
}

/// Those whose window closes so soon that they stand above their level.
fn closing_soon(query: Tickets<'_>, now: Instant) -> Tickets<'_> {
    query.filter(tickets::care_by.gt(now)).filter(tickets::care_by.lt(now.plus(clocks::HIGH_BEFORE))).filter(
        tickets::queue_place
            .ge(2)
            .or(tickets::queue_place.eq(1).and(tickets::care_by.lt(now.plus(clocks::CRITICAL_BEFORE)))),
    )
}

/// Rows of one place, soonest due first, and no others: those of a level that is asked for are looked
/// for a page at a time, because what nobody assessed stands with High.
fn in_place(
    db: &mut Db,
    query: &QueueQuery,
    narrowed: Tickets<'_>,
    (place, from): (i32, Option<(Instant, &str)>),
    limit: usize,
    now: Instant,
) -> Result<Vec<Row>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let (soon, sooner) = (now.plus(clocks::HIGH_BEFORE), now.plus(clocks::CRITICAL_BEFORE));
    let calm = tickets::care_by.is_null().or(tickets::care_by.le(now)).or(tickets::care_by.ge(soon));
    let mut found = narrowed.filter(tickets::queue_place.eq(place));
    found = match place {
        0 => found,
        1 => found.filter(calm.or(tickets::care_by.ge(sooner))),
        _ => found.filter(calm),
    };
    if let Some(level) = query.level {
        found = found.filter(tickets::level.eq(level.code()));
    }
    if let Some((due, id)) = from {
        let later = tickets::queue_due.gt(due).or(tickets::id.gt(id.to_owned()));
        found = found.filter(tickets::queue_due.ge(due)).filter(later);
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let page = found
        .order((tickets::queue_due, tickets::id))
        .limit(limit)
        .select((Ticket::as_select(), tickets::queue_due))
        .load(db)?;
    rows(db, page, now)
}

fn rows(db: &mut Db, page: Vec<(Ticket, Instant)>, now: Instant) -> Result<Vec<Row>> {
    let ids: Vec<&str> = page.iter().map(|(ticket, _)| ticket.id.as_str()).collect();
    let mut by_ticket: HashMap<String, Vec<Referral>> = HashMap::new();
    for referral in model::referrals_of_all(db, &ids)? {
        by_ticket.entry(referral.ticket_id.clone()).or_default().push(referral);
    }
    let row = |(ticket, stands): (Ticket, Instant)| {
        let referrals = by_ticket.remove(&ticket.id).unwrap_or_default();
        Row { stands, ..Row::of(ticket, referrals, now) }
    };
    Ok(page.into_iter().map(row).collect())
}

/// A row's place in the order, for the cursor: its rank stands before its key.
pub fn place(row: &Row) -> (Instant, String) {
    (row.stands, format!("{} {}", row.effective.rank(), row.ticket.id))
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
