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
            Queue::WaitingPartner => query.filter(tickets::queue_waits.eq(true)),
            Queue::OverLimit => {
                query.filter(tickets::claimed_by.eq_any(&self.over_limit)).filter(tickets::claim_until.gt(now))
            }
            Queue::Unroutable => query.filter(tickets::queue_unroutable.eq(true)),
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

/// What a queue shows of a ticket, kept beside it whenever it or one of its referrals changes: so a page
/// reads no more rows than it has.
#[derive(AsChangeset, Insertable)]
#[diesel(table_name = tickets)]
pub(super) struct Kept {
    queue_place: i32,
    queue_due: Instant,
    queue_needs: String,
    queue_waits: bool,
    queue_unroutable: bool,
}

impl Kept {
    /// What is kept of a ticket with these referrals.
    pub(super) fn of(ticket: &Ticket, referrals: &[Referral]) -> Kept {
        let waiting = ticket.claimed_by.is_none().then_some(ticket.claim_due);
        let due = waiting.into_iter().chain(referrals.iter().filter_map(next_due)).min();
        let needed = |need: &&ServiceType| referrals.iter().any(|referral| referral.need == **need);
        let needs: Vec<&str> = ServiceType::ALL.iter().filter(needed).map(|need| need.code()).collect();
        let waits =
            |referral: &Referral| !referral.unroutable && matches!(referral.state, State::Requested | State::Received);
        Kept {
            queue_place: place_of(&ticket.level),
            queue_due: due.unwrap_or(NEVER),
            queue_needs: needs.join(" "),
            queue_waits: referrals.iter().any(waits),
            queue_unroutable: referrals.iter().any(|referral| referral.unroutable && referral.state.is_live()),
        }
    }
}

/// When nothing is due: the ticket waits only to be closed.
const NEVER: Instant = Instant(i64::MAX);

/// By when the next thing must happen to a referral.
fn next_due(referral: &Referral) -> Option<Instant> {
    match referral.state {
        State::Requested | State::Received => Some(referral.accept_due),
        State::Accepted => Some(referral.start_due),
        _ => None,
    }
}

/// A ticket as it stands in a queue.
#[derive(Queryable, Selectable)]
#[diesel(table_name = tickets)]
struct Standing {
    id: String,
    reference: String,
    state: TicketState,
    level: String,
    care_by: Option<Instant>,
    area: Option<String>,
    issued_at: Instant,
    claim_due: Instant,
    claimed_by: Option<String>,
    claim_until: Option<Instant>,
    /// Where it stands among its level: what was due when something last changed. A claim that has
    /// lapsed since moves it when it is taken back, not in the middle of somebody's pages.
    queue_due: Instant,
    queue_needs: String,
    queue_waits: bool,
    queue_unroutable: bool,
}

/// A ticket in a queue, judged at a moment.
pub struct Row {
    ticket: Standing,
    holder: Option<String>,
    effective: Level,
    due: Instant,
    late: bool,
    ends_soon: bool,
}

impl Row {
    fn of(ticket: Standing, now: Instant) -> Row {
        let held = ticket.claim_until.is_some_and(|until| until > now);
        let holder = ticket.claimed_by.clone().filter(|_| held);
        let due = if holder.is_some() { ticket.queue_due } else { ticket.queue_due.min(ticket.claim_due) };
        let level = clocks::level(&ticket.level);
        let effective = clocks::effective(level, ticket.care_by, now);
        let ends_soon = holder.is_some() && claim::ends_soon(level, ticket.claim_until, now);
        Row { ticket, holder, effective, due, late: due < now, ends_soon }
    }

    /// Highest level first, then the earliest due, which puts late ones first. What nobody assessed
    /// ranks with High.
    fn order(&self) -> (Reverse<u8>, Instant, &str) {
        (Reverse(self.effective.rank()), self.ticket.queue_due, &self.ticket.id)
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
            needs: row.ticket.queue_needs.split(' ').filter_map(ServiceType::from_code).collect(),
            district: row.ticket.area.clone(),
            may_call: None,
            claimed_by: row.holder.as_ref().and_then(|id| numbers.get(id).cloned()),
            claim_until: row.holder.as_ref().and(row.ticket.claim_until),
            claim_ends_soon: row.ends_soon,
            issued_at: row.ticket.issued_at,
            late: row.late,
            unroutable: row.ticket.queue_unroutable,
            waiting_partner: row.ticket.queue_waits,
            due: RowDue { claimed: row.ticket.claim_due, next: Some(row.due).filter(|due| *due < NEVER) },
        }
    }
}

/// One page of a queue, and the staff numbers its rows name.
///
/// The order depends on the moment only for tickets whose treatment window closes within hours: they
/// are few, and are ordered here. All others stand in an index, place by place, and no more of them
/// are read than the page holds; nor of the raised ones of a place that the page does not reach.
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
    let mut page = Vec::new();
    for place in 0..=3 {
        let rank = Reverse(u8::try_from(3 - place).unwrap_or_default());
        let from = match &start {
            Some((read, ..)) if *read > rank => continue,
            Some((read, due, id)) if *read == rank => Some((*due, id.as_str())),
            _ => None,
        };
        let left = limit.saturating_sub(page.len());
        if left == 0 {
            break;
        }
        let mut standing = in_place(db, query, narrowed(), (place, from), left, now)?;
        if let Some(raised) = raised(narrowed(), place, now) {
            standing.extend(rows(db, raised, now)?.into_iter().filter(|row| query.takes(row) && later(row)));
            standing.sort_by(|a, b| a.order().cmp(&b.order()));
        }
        page.extend(standing);
    }
    page.truncate(limit);
    let holders: Vec<&str> = page.iter().filter_map(|row| row.holder.as_deref()).collect();
    let numbers = identity::staff_numbers_of(db, &holders)?;
    Ok((page, numbers))
}

/// One ticket as it stands in a queue.
pub(super) fn row(db: &mut Db, ticket_id: &str, now: Instant) -> Result<Row> {
    Ok(Row::of(tickets::table.find(ticket_id).select(Standing::as_select()).first(db)?, now))
}

/// Open tickets that are Critical or High now, in the order of the queue: at most so many.
pub fn high_risk(db: &mut Db, actor: &Actor, now: Instant, most: i64) -> Result<Vec<Row>> {
    let open = || model::visible(actor).filter(tickets::state.eq(TicketState::Open));
    let mut all = Vec::new();
    for raised in (0..=1).filter_map(|place| raised(open(), place, now)) {
        all.extend(rows(db, raised, now)?);
    }
    let order = (tickets::queue_place, tickets::queue_due, tickets::id);
    all.extend(rows(db, open().filter(tickets::queue_place.le(1)).order(order).limit(most), now)?);
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    all.dedup_by(|a, b| a.ticket.id == b.ticket.id);
    all.truncate(usize::try_from(most).unwrap_or_default());
    Ok(all)
}

/// Those of a lower level whose window closes so soon that they stand in this place. Nothing is raised
/// into the lower two.
fn raised(query: Tickets<'_>, place: i32, now: Instant) -> Option<Tickets<'_>> {
    let (soon, sooner) = (now.plus(clocks::HIGH_BEFORE), now.plus(clocks::CRITICAL_BEFORE));
    let open = query.filter(tickets::queue_place.gt(place));
    match place {
        0 => Some(open.filter(tickets::care_by.gt(now)).filter(tickets::care_by.lt(sooner))),
        1 => Some(open.filter(tickets::care_by.ge(sooner)).filter(tickets::care_by.lt(soon))),
        _ => None,
    }
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
    rows(db, found.order((tickets::queue_due, tickets::id)).limit(limit), now)
}

fn rows(db: &mut Db, found: Tickets<'_>, now: Instant) -> Result<Vec<Row>> {
    let found: Vec<Standing> = found.select(Standing::as_select()).load(db)?;
    Ok(found.into_iter().map(|ticket| Row::of(ticket, now)).collect())
}

/// A row's place in the order, for the cursor: its rank stands before its key.
pub fn place(row: &Row) -> (Instant, String) {
    (row.ticket.queue_due, format!("{} {}", row.effective.rank(), row.ticket.id))
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
