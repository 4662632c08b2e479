//! The tickets of a window and the moments that belong to them.

use std::collections::HashMap;

use diesel::prelude::*;

use super::response_times::{ReferralTimes, Stage, Term, TicketTimes, chain};
use crate::clock::Instant;
use crate::error::Result;
use crate::storage::Db;
use crate::storage::records::{Step, steps_of};
use crate::storage::schema::{
    blocked_parties, contact_facts, contacts, feedback, notifications, referrals, services, tasks, tickets,
};

/// Which tickets.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Issued not before.
    pub from: Instant,
    /// Issued before.
    pub to: Instant,
    /// Of this level's code.
    pub level: Option<String>,
    /// In this area or inside it.
    pub area: Option<String>,
    /// With a referral to the service of this reference.
    pub service: Option<String>,
    /// Who looks: cases that this member of staff must not see are as if they did not exist.
    pub viewer: String,
}

/// Cases that this member of staff must not see, as a query to filter by.
macro_rules! hidden_from {
    ($viewer:expr) => {
        blocked_parties::table
            .filter(blocked_parties::party_kind.eq("staff"))
            .filter(blocked_parties::party_id.eq($viewer.clone()))
            .select(blocked_parties::case_id)
    };
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tickets)]
struct TicketRow {
    id: String,
    reference: String,
    state: String,
    contact_id: String,
    level: String,
    area: Option<String>,
    issued_at: Instant,
    claim_due: Instant,
    closed_at: Option<Instant>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = contacts)]
struct ContactRow {
    id: String,
    queued_at: Option<Instant>,
    answered_at: Option<Instant>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = referrals)]
struct ReferralRow {
    id: String,
    reference: String,
    ticket_id: String,
    need: String,
    state: String,
    hop: i32,
    issued_at: Instant,
    accept_due: Instant,
    start_due: Instant,
    ended_at: Option<Instant>,
}

/// One page of tickets with their times, newest first.
pub(super) fn page(
    db: &mut Db,
    wanted: &Wanted,
    after: Option<&(Instant, String)>,
    limit: i64,
    now: Instant,
) -> Result<Vec<TicketTimes>> {
    let found = find(db, wanted, after, limit)?;
    let contacts = contacts_of(db, &found)?;
    let mut referrals = referrals_of(db, &found, wanted.service.as_deref())?;
    let letters = letters_of(db, &referrals)?;
    let subjects: Vec<String> = found
        .iter()
        .flat_map(|ticket| [ticket.id.clone(), ticket.contact_id.clone()])
        .chain(referrals.iter().map(|(referral, _)| referral.id.clone()))
        .chain(letters.iter().map(|(letter, _)| letter.clone()))
        .collect();
    let told = Told::sorted(steps_of(db, &subjects)?, &letters);
    let times = found.into_iter().map(|ticket| {
        let (mine, others) = std::mem::take(&mut referrals).into_iter().partition(|(r, _)| r.ticket_id == ticket.id);
        referrals = others;
        times_of(ticket, &contacts, mine, &told, now)
    });
    Ok(times.collect())
}

fn find(db: &mut Db, wanted: &Wanted, after: Option<&(Instant, String)>, limit: i64) -> Result<Vec<TicketRow>> {
    let hidden = hidden_from!(wanted.viewer);
    let mut query = tickets::table
        .select(TicketRow::as_select())
        .filter(tickets::issued_at.ge(wanted.from))
        .filter(tickets::issued_at.lt(wanted.to))
        .filter(tickets::case_id.ne_all(hidden))
        .into_boxed();
    if let Some(level) = &wanted.level {
        query = query.filter(tickets::level.eq(level));
    }
    if let Some(area) = &wanted.area {
        query = query.filter(tickets::area.eq(area).or(tickets::area.like(format!("{area}-%"))));
    }
    if let Some(service) = &wanted.service {
        let asked = referrals::table
            .inner_join(services::table)
            .filter(services::reference.eq(service.clone()))
            .select(referrals::ticket_id);
        query = query.filter(tickets::id.eq_any(asked));
    }
    if let Some((at, key)) = after {
        query = query.filter(tickets::issued_at.lt(*at).or(tickets::issued_at.eq(*at).and(tickets::id.lt(key))));
    }
    Ok(query.order((tickets::issued_at.desc(), tickets::id.desc())).limit(limit).load(db)?)
}

fn contacts_of(db: &mut Db, found: &[TicketRow]) -> Result<HashMap<String, ContactRow>> {
    let keys: Vec<&String> = found.iter().map(|ticket| &ticket.contact_id).collect();
    let rows = contacts::table.filter(contacts::id.eq_any(keys)).select(ContactRow::as_select()).load(db)?;
    Ok(rows.into_iter().map(|row: ContactRow| (row.id.clone(), row)).collect())
}

/// Referrals with the reference of the service they ask now, in the order of issue.
fn referrals_of(db: &mut Db, found: &[TicketRow], service: Option<&str>) -> Result<Vec<(ReferralRow, String)>> {
    let keys: Vec<&String> = found.iter().map(|ticket| &ticket.id).collect();
    let mut query = referrals::table
        .inner_join(services::table)
        .filter(referrals::ticket_id.eq_any(keys))
        .select((ReferralRow::as_select(), services::reference))
        .into_boxed();
    if let Some(service) = service {
        query = query.filter(services::reference.eq(service));
    }
    Ok(query.order((referrals::issued_at.asc(), referrals::id.asc())).load(db)?)
}

/// Letters to partners, each with its referral.
fn letters_of(db: &mut Db, of: &[(ReferralRow, String)]) -> Result<Vec<(String, Option<String>)>> {
    let keys: Vec<&String> = of.iter().map(|(referral, _)| &referral.id).collect();
    Ok(notifications::table
        .filter(notifications::referral_id.eq_any(keys))
        .filter(notifications::service_id.is_not_null())
        .select((notifications::id, notifications::referral_id))
        .load(db)?)
}

/// Steps by subject; those of letters stand under their referral.
struct Told {
    of: HashMap<String, Vec<(String, Instant)>>,
    delivered: HashMap<String, Vec<Instant>>,
}

impl Told {
    fn sorted(steps: Vec<Step>, letters: &[(String, Option<String>)]) -> Told {
        let letters: HashMap<&String, &String> = letters.iter().filter_map(|(k, r)| Some((k, r.as_ref()?))).collect();
        let mut told = Told { of: HashMap::new(), delivered: HashMap::new() };
        for step in steps {
            match letters.get(&step.subject_id) {
                Some(referral) if step.kind == "sent" => {
                    told.delivered.entry((*referral).clone()).or_default().push(step.at);
                }
                Some(_) => {}
                None => told.of.entry(step.subject_id).or_default().push((step.kind, step.at)),
            }
        }
        told
    }

    /// When this first happened to it, not before `from`.
    fn first(&self, subject: &str, kind: &str, from: Instant) -> Option<Instant> {
        self.of.get(subject)?.iter().find(|(known, at)| known == kind && *at >= from).map(|(_, at)| *at)
    }

    fn last(&self, subject: &str, kind: &str) -> Option<Instant> {
        self.of.get(subject)?.iter().rev().find(|(known, _)| known == kind).map(|(_, at)| *at)
    }

    fn delivered(&self, referral: &str, from: Instant) -> Option<Instant> {
        self.delivered.get(referral)?.iter().copied().find(|at| *at >= from)
    }
}

fn times_of(
    ticket: TicketRow,
    contacts: &HashMap<String, ContactRow>,
    referrals: Vec<(ReferralRow, String)>,
    told: &Told,
    now: Instant,
) -> TicketTimes {
    let start = Instant(i64::MIN);
    let call = |stage: Stage| (stage, told.first(&ticket.contact_id, stage.code(), start));
    let contact = contacts.get(&ticket.contact_id);
    // Given to somebody by a coordinator, it is in hands as if that person had claimed it.
    let taken = [Stage::Claimed.code(), "assigned"].map(|kind| told.first(&ticket.id, kind, start));
    let claimed = taken.into_iter().flatten().min();
    TicketTimes {
        contact: chain([
            (Stage::Queued, contact.and_then(|contact| contact.queued_at)),
            (Stage::Answered, contact.and_then(|contact| contact.answered_at)),
            call(Stage::Saved),
            call(Stage::Triaged),
            call(Stage::Finished),
        ]),
        ticket: chain([
            (Stage::Issued, Some(ticket.issued_at)),
            (Stage::Claimed, claimed),
            (Stage::Closed, ticket.closed_at),
        ]),
        claim: Term::new(Stage::Claimed, ticket.claim_due, claimed, ticket.closed_at.unwrap_or(now)),
        referrals: referrals.into_iter().map(|(row, service)| referral_times(row, service, told, now)).collect(),
        key: ticket.id,
        reference: ticket.reference,
        level: ticket.level,
        area: ticket.area,
        state: ticket.state,
        issued_at: ticket.issued_at,
    }
}

/// Steps before the last `asked` belong to a service that declined or handed back.
fn referral_times(row: ReferralRow, service: String, told: &Told, now: Instant) -> ReferralTimes {
    let asked = told.last(&row.id, Stage::Asked.code()).unwrap_or(row.issued_at);
    let step = |stage: Stage| (stage, told.first(&row.id, stage.code(), asked));
    let over = row.ended_at.unwrap_or(now);
    let accepted = step(Stage::Accepted);
    let started = step(Stage::InProgress);
    ReferralTimes {
        steps: chain([
            (Stage::Issued, Some(row.issued_at)),
            (Stage::Asked, (row.hop > 0).then_some(asked)),
            (Stage::Notified, told.delivered(&row.id, asked)),
            step(Stage::Received),
            accepted,
            step(Stage::Told),
            started,
            step(Stage::Completed),
            step(Stage::Failed),
            step(Stage::Cancelled),
        ]),
        terms: [
            Term::new(Stage::Accepted, row.accept_due, accepted.1, over),
            Term::new(Stage::InProgress, row.start_due, started.1, over),
        ],
        reference: row.reference,
        need: row.need,
        state: row.state,
        service,
        hop: row.hop,
    }
}

/// What finished calls asked for: the place, the wishes of one call, and in how many calls.
/// `days` are the first and the last local day.
pub(super) fn wishes(db: &mut Db, wanted: &Wanted, days: (i64, i64)) -> Result<Vec<(Option<String>, String, usize)>> {
    let hidden = hidden_from!(wanted.viewer);
    let rows: Vec<(Option<String>, Option<String>, String, i64)> = contact_facts::table
        .inner_join(contacts::table)
        .filter(contact_facts::day.between(days.0, days.1))
        .filter(contact_facts::status.eq("finished"))
        .filter(contact_facts::kind.eq_any(["support", "information"]))
        .filter(contact_facts::wishes.ne(""))
        .filter(contacts::case_id.is_null().or(contacts::case_id.assume_not_null().ne_all(hidden)))
        .group_by((contact_facts::district, contact_facts::province, contact_facts::wishes))
        .select((contact_facts::district, contact_facts::province, contact_facts::wishes, diesel::dsl::count_star()))
        .load(db)?;
    let row = |(district, province, wishes, count): (Option<String>, Option<String>, String, i64)| {
        (district.or(province), wishes, usize::try_from(count).unwrap_or_default())
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Referrals of the window's tickets that are left without a service: area, need, how many.
pub(super) fn unroutable(db: &mut Db, wanted: &Wanted) -> Result<Vec<(Option<String>, String, usize)>> {
    let hidden = hidden_from!(wanted.viewer);
    let rows: Vec<(Option<String>, String, i64)> = referrals::table
        .inner_join(tickets::table)
        .filter(tickets::issued_at.ge(wanted.from))
        .filter(tickets::issued_at.lt(wanted.to))
        .filter(tickets::case_id.ne_all(hidden))
        .filter(referrals::unroutable.eq(true))
        .group_by((tickets::area, referrals::need))
        .select((tickets::area, referrals::need, diesel::dsl::count_star()))
        .load(db)?;
    Ok(rows.into_iter().map(|(area, need, count)| (area, need, usize::try_from(count).unwrap_or_default())).collect())
}

/// What was said of a service: whether help came, whether she is safe, whether she would call again.
type Said = (String, String, String);

/// Each question that was to be asked in the window: the service's reference, and what was said if it
/// was.
pub(super) fn feedback(db: &mut Db, wanted: &Wanted) -> Result<Vec<(String, Option<Said>)>> {
    let hidden = hidden_from!(wanted.viewer);
    let said = (feedback::received, feedback::safe, feedback::would_call_again);
    Ok(tasks::table
        .inner_join(services::table.on(tasks::service_id.eq(services::id.nullable())))
        .left_join(feedback::table.on(tasks::referral_id.eq(feedback::referral_id.nullable())))
        .filter(tasks::kind.eq("feedback"))
        .filter(tasks::created_at.ge(wanted.from))
        .filter(tasks::created_at.lt(wanted.to))
        .filter(tasks::case_id.assume_not_null().ne_all(hidden))
        .select((services::reference, said.nullable()))
        .load(db)?)
}
