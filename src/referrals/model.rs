//! Tickets, referrals and the services asked for each: their rows, and every query on them. A row
//! is read, changed in memory and written back under the version it was read with.

use std::collections::{HashMap, HashSet};

use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::queue;
use super::states::{CloseReason, State};
use crate::access::{Actor, Role};
use crate::cases;
use crate::clock::Instant;
use crate::directory::ServiceType;
use crate::error::{Error, Result};
use crate::storage::schema::{blocked_parties, referral_hops, referrals, services, staff, ticket_notes, tickets};
use crate::storage::{Db, codes};

type Backend = <Db as diesel::Connection>::Backend;

/// The letters of the references.
pub const TICKET: char = 'R';
/// Of a referral, as staff see it.
pub const REFERRAL: char = 'F';
/// Of a referral, as one partner sees it.
pub const PARTNER: char = 'P';

codes! {
    /// Whether anything is left to do on a ticket.
    pub enum TicketState {
        Open = "open",
        Closed = "closed",
    }
}

/// A ticket.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = tickets, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Ticket {
    /// Key; never shown.
    pub id: String,
    /// `R-…`.
    pub reference: String,
    /// Grows with every change.
    pub version: i32,
    /// Open until somebody closes it.
    pub state: TicketState,
    /// The call it came from.
    pub contact_id: String,
    /// Her case.
    pub case_id: String,
    /// The level's code at issue.
    pub level: String,
    /// The last useful moment of an open treatment window.
    pub care_by: Option<Instant>,
    /// District or province.
    pub area: Option<String>,
    /// What she speaks.
    pub language: Option<String>,
    /// The operator's key.
    pub issued_by: String,
    /// When its clocks began.
    pub issued_at: Instant,
    /// By when a counselor should have it.
    pub claim_due: Instant,
    /// The counselor's key, also of a claim that has lapsed.
    pub claimed_by: Option<String>,
    /// Since when.
    pub claimed_at: Option<Instant>,
    /// Until when, if nothing happens.
    pub claim_until: Option<Instant>,
    /// When it was closed.
    pub closed_at: Option<Instant>,
    /// Why.
    pub close_reason: Option<CloseReason>,
}

impl Ticket {
    /// Who holds it now; a lapsed claim holds nothing.
    pub fn holder(&self, now: Instant) -> Option<&str> {
        self.claimed_by.as_deref().filter(|_| self.claim_until.is_some_and(|until| until > now))
    }
}

/// A referral.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = referrals, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Referral {
    /// Key; never shown.
    pub id: String,
    /// `F-…`; partners have a reference of their own.
    pub reference: String,
    /// Grows with every change.
    pub version: i32,
    /// Its ticket.
    pub ticket_id: String,
    /// What is needed.
    pub need: ServiceType,
    /// Where it stands.
    pub state: State,
    /// Nobody she named is left to ask.
    pub unroutable: bool,
    /// The level's code at issue.
    pub level: String,
    /// The service asked now, or the last one asked.
    pub service_id: String,
    /// Its place in her order.
    pub hop: i32,
    /// When its clocks began.
    pub issued_at: Instant,
    /// By when somebody should have accepted.
    pub accept_due: Instant,
    /// By when help should have begun.
    pub start_due: Instant,
    /// When it was accepted; empty again when the place is given back.
    pub accepted_at: Option<Instant>,
    /// When she was told where and when to come.
    pub told_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// The last reason's code.
    pub reason: Option<String>,
    /// Whether she herself said that help came.
    pub help_confirmed: Option<bool>,
    /// Since when its present service stays silent, at its present level.
    pub ladder_from: Option<Instant>,
    /// The next rung of its level's ladder.
    pub ladder_rung: Option<i32>,
    /// When that is due; empty when nothing is left to do.
    pub ladder_due: Option<Instant>,
}

/// A service she named for one referral.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = referral_hops, primary_key(referral_id, position), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Hop {
    /// The referral.
    pub referral_id: String,
    /// From 0, in her order.
    pub position: i32,
    /// The service.
    pub service_id: String,
    /// Her yes to it.
    pub consent_id: String,
    /// The codes of what it may see, separated by blanks.
    pub fields: String,
    /// `P-…`: the only reference this partner ever sees.
    pub partner_reference: String,
    /// What she says at the door.
    pub arrival_word: String,
    /// When it was asked.
    pub asked_at: Option<Instant>,
    /// When it was left.
    pub left_at: Option<Instant>,
    /// Why; a move's code where no reason was given.
    pub reason: Option<String>,
}

/// A counselor's note, sealed.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = ticket_notes)]
pub struct Note {
    /// Key.
    pub id: String,
    /// The ticket.
    pub ticket_id: String,
    /// When.
    pub at: Instant,
    /// Whose, as a staff number.
    pub written_by: String,
    /// The text, sealed under the case's key.
    pub document: Vec<u8>,
}

/// The tickets somebody may know of: nothing of a case that is blocked for them, and operators
/// only what they issued.
pub(super) fn visible<'a>(actor: &'a Actor) -> tickets::BoxedQuery<'a, Backend> {
    let blocked =
        blocked_parties::table.filter(blocked_parties::party_id.eq(&actor.id)).select(blocked_parties::case_id);
    let query = tickets::table.filter(tickets::case_id.ne_all(blocked)).into_boxed();
    match actor.role {
        Role::Operator => query.filter(tickets::issued_by.eq(&actor.id)),
        _ => query,
    }
}

/// The ticket with this canonical reference, for somebody. Errors: 404 for missing and not theirs
/// alike.
pub fn ticket_for(db: &mut Db, actor: &Actor, reference: &str) -> Result<Ticket> {
    Ok(visible(actor).filter(tickets::reference.eq(reference)).select(Ticket::as_select()).first(db)?)
}

/// The ticket with this key.
pub fn ticket(db: &mut Db, id: &str) -> Result<Ticket> {
    Ok(tickets::table.find(id).select(Ticket::as_select()).first(db)?)
}

/// The open tickets that came from a contact.
pub fn open_of_contact(db: &mut Db, contact_id: &str) -> Result<Vec<Ticket>> {
    Ok(tickets::table
        .filter(tickets::contact_id.eq(contact_id))
        .filter(tickets::state.eq(TicketState::Open))
        .select(Ticket::as_select())
        .load(db)?)
}

/// All tickets of a case, oldest first.
pub fn of_case(db: &mut Db, case_id: &str) -> Result<Vec<Ticket>> {
    Ok(tickets::table
        .filter(tickets::case_id.eq(case_id))
        .order((tickets::issued_at, tickets::id))
        .select(Ticket::as_select())
        .load(db)?)
}

/// An open ticket whose claim has lapsed.
pub fn next_lapsed(db: &mut Db, now: Instant) -> Result<Option<Ticket>> {
    Ok(tickets::table
        .filter(tickets::claim_until.le(now))
        .filter(tickets::state.eq(TicketState::Open))
        .filter(tickets::claimed_by.is_not_null())
        .select(Ticket::as_select())
        .first(db)
        .optional()?)
}

/// Open tickets that nobody holds: how many there are of each level at issue, by its code, and when
/// the oldest was issued.
pub fn unclaimed(db: &mut Db, now: Instant) -> Result<Vec<(String, i64, Option<Instant>)>> {
    Ok(tickets::table
        .filter(tickets::state.eq(TicketState::Open))
        .filter(tickets::claimed_by.is_null().or(tickets::claim_until.is_null()).or(tickets::claim_until.le(now)))
        .group_by(tickets::level)
        .select((tickets::level, count_star(), min(tickets::issued_at)))
        .load(db)?)
}

/// Referrals that should have been accepted by now and were not, longest late first: at most so many.
pub fn unanswered(db: &mut Db, actor: &Actor, now: Instant, most: i64) -> Result<Vec<Referral>> {
    let blocked =
        blocked_parties::table.filter(blocked_parties::party_id.eq(&actor.id)).select(blocked_parties::case_id);
    let others = (actor.role != Role::Operator).into_sql::<Bool>();
    Ok(referrals::table
        .inner_join(tickets::table)
        .filter(tickets::state.eq(TicketState::Open))
        .filter(tickets::case_id.ne_all(blocked))
        .filter(tickets::issued_by.eq(&actor.id).or(others))
        .filter(referrals::state.eq_any([State::Requested, State::Received]))
        .filter(referrals::accept_due.lt(now))
        .order((referrals::accept_due, referrals::id))
        .limit(most)
        .select(Referral::as_select())
        .load(db)?)
}

/// Referrals of open tickets that should have been accepted by now, or begun.
pub fn late(db: &mut Db, now: Instant) -> Result<i64> {
    let not_accepted = referrals::state.eq_any([State::Requested, State::Received]).and(referrals::accept_due.lt(now));
    let not_begun = referrals::state.eq(State::Accepted).and(referrals::start_due.lt(now));
    Ok(referrals::table
        .inner_join(tickets::table)
        .filter(tickets::state.eq(TicketState::Open))
        .filter(not_accepted.or(not_begun))
        .count()
        .get_result(db)?)
}

/// The referrals of one ticket, in the order of issue.
pub fn referrals_of(db: &mut Db, ticket_id: &str) -> Result<Vec<Referral>> {
    Ok(referrals::table
        .filter(referrals::ticket_id.eq(ticket_id))
        .order(referrals::id.asc())
        .select(Referral::as_select())
        .load(db)?)
}

/// The referrals of several tickets.
pub fn referrals_of_all(db: &mut Db, ticket_ids: &[&str]) -> Result<Vec<Referral>> {
    Ok(referrals::table
        .filter(referrals::ticket_id.eq_any(ticket_ids))
        .order(referrals::id.asc())
        .select(Referral::as_select())
        .load(db)?)
}

/// The referral with this key.
pub fn referral(db: &mut Db, id: &str) -> Result<Referral> {
    Ok(referrals::table.find(id).select(Referral::as_select()).first(db)?)
}

/// The referral with this canonical reference and its ticket, for somebody. A partner knows of
/// those that one of its services was asked. Errors: 404 for missing and not theirs alike.
pub fn referral_for(db: &mut Db, actor: &Actor, reference: &str) -> Result<(Referral, Ticket)> {
    let found: Referral =
        referrals::table.filter(referrals::reference.eq(reference)).select(Referral::as_select()).first(db)?;
    let ticket = if actor.role == Role::Partner {
        let organisation = actor.organisation_id.as_deref().ok_or(Error::NotFound)?;
        asked_of(db, &found.id, organisation)?;
        let ticket = ticket(db, &found.ticket_id)?;
        let blocked = cases::blocked(db, &ticket.case_id)?;
        if blocked.staff.contains(&actor.id) || blocked.organisations.iter().any(|id| id == organisation) {
            return Err(Error::NotFound);
        }
        ticket
    } else {
        visible(actor).filter(tickets::id.eq(&found.ticket_id)).select(Ticket::as_select()).first(db)?
    };
    Ok((found, ticket))
}

/// Those of some tickets that somebody may know of, as key and reference.
pub fn tickets_in(db: &mut Db, actor: &Actor, ids: &[String]) -> Result<Vec<(String, String)>> {
    Ok(visible(actor).filter(tickets::id.eq_any(ids)).select((tickets::id, tickets::reference)).load(db)?)
}

/// Those of some referrals that somebody may know of, as key and reference; for a partner, those that
/// one of its services is asked now.
pub fn referrals_in(db: &mut Db, actor: &Actor, ids: &[String]) -> Result<Vec<(String, String)>> {
    let these = referrals::table.filter(referrals::id.eq_any(ids));
    if actor.role != Role::Partner {
        let rows: Vec<(String, String, String)> =
            these.select((referrals::id, referrals::reference, referrals::ticket_id)).load(db)?;
        let tickets: Vec<String> = rows.iter().map(|(_, _, ticket)| ticket.clone()).collect();
        let known: HashSet<String> = tickets_in(db, actor, &tickets)?.into_iter().map(|(id, _)| id).collect();
        let rows = rows.into_iter().filter(|(_, _, ticket)| known.contains(ticket));
        return Ok(rows.map(|(id, reference, _)| (id, reference)).collect());
    }
    let organisation = actor.organisation_id.as_deref().unwrap_or_default();
    let parties = [actor.id.as_str(), organisation];
    let blocked =
        blocked_parties::table.filter(blocked_parties::party_id.eq_any(parties)).select(blocked_parties::case_id);
    Ok(these
        .inner_join(services::table)
        .inner_join(tickets::table)
        .filter(services::organisation_id.eq(organisation))
        .filter(tickets::case_id.ne_all(blocked))
        .select((referrals::id, referrals::reference))
        .load(db)?)
}

/// The place of the last service of an organisation that was asked. Errors: 404 if none was.
pub fn asked_of(db: &mut Db, referral_id: &str, organisation_id: &str) -> Result<Hop> {
    Ok(referral_hops::table
        .inner_join(services::table)
        .filter(referral_hops::referral_id.eq(referral_id))
        .filter(referral_hops::asked_at.is_not_null())
        .filter(services::organisation_id.eq(organisation_id))
        .order((referral_hops::asked_at.desc(), referral_hops::position.desc()))
        .select(Hop::as_select())
        .first(db)?)
}

/// The services she named for a referral, in her order.
pub fn hops(db: &mut Db, referral_id: &str) -> Result<Vec<Hop>> {
    Ok(referral_hops::table
        .filter(referral_hops::referral_id.eq(referral_id))
        .order(referral_hops::position.asc())
        .select(Hop::as_select())
        .load(db)?)
}

/// The next referral whose ladder has a rung that is due.
pub fn next_on_ladder(db: &mut Db, now: Instant) -> Result<Option<Referral>> {
    Ok(referrals::table
        .filter(referrals::ladder_due.le(now))
        .order((referrals::ladder_due, referrals::id))
        .select(Referral::as_select())
        .first(db)
        .optional()?)
}

/// The places that rest on one consent.
pub fn hops_by_consent(db: &mut Db, consent_id: &str) -> Result<Vec<Hop>> {
    Ok(referral_hops::table.filter(referral_hops::consent_id.eq(consent_id)).select(Hop::as_select()).load(db)?)
}

/// The needs of a case for which something is already under way.
pub fn live_needs(db: &mut Db, case_id: &str) -> Result<Vec<ServiceType>> {
    Ok(referrals::table
        .inner_join(tickets::table)
        .filter(tickets::case_id.eq(case_id))
        .filter(referrals::state.eq_any(State::LIVE))
        .select(referrals::need)
        .load(db)?)
}

/// How many acceptances of a service stand since it said what was free. A failed or cancelled one
/// has given its place back.
pub fn accepted_since(db: &mut Db, service_id: &str, since: Instant) -> Result<i64> {
    Ok(referrals::table
        .filter(referrals::service_id.eq(service_id))
        .filter(referrals::accepted_at.ge(since))
        .filter(referrals::state.eq_any([State::Accepted, State::InProgress, State::Completed]))
        .count()
        .get_result(db)?)
}

/// The same for each service of a type that has any.
pub fn accepted_by_each(db: &mut Db, kind: ServiceType) -> Result<HashMap<String, i64>> {
    let counts: Vec<(String, i64)> = services::table
        .inner_join(referrals::table)
        .filter(services::kind.eq(kind))
        .filter(referrals::accepted_at.ge(services::capacity_stated_at.nullable()))
        .filter(referrals::state.eq_any([State::Accepted, State::InProgress, State::Completed]))
        .group_by(services::id)
        .select((services::id, count_star()))
        .load(db)?;
    Ok(counts.into_iter().collect())
}

/// How many open requests wait at each service of a type that has any.
pub fn waiting_at_each(db: &mut Db, kind: ServiceType) -> Result<HashMap<String, i64>> {
    let counts: Vec<(String, i64)> = services::table
        .inner_join(referrals::table)
        .filter(services::kind.eq(kind))
        .filter(referrals::state.eq_any([State::Requested, State::Received]))
        .group_by(services::id)
        .select((services::id, count_star()))
        .load(db)?;
    Ok(counts.into_iter().collect())
}

/// The words at the door that a service may still hear.
pub fn words_in_use(db: &mut Db, service_id: &str) -> Result<Vec<String>> {
    Ok(referral_hops::table
        .inner_join(referrals::table)
        .filter(referral_hops::service_id.eq(service_id))
        .filter(referrals::state.eq_any(State::LIVE))
        .select(referral_hops::arrival_word)
        .load(db)?)
}

/// Writes a new ticket.
pub fn insert_ticket(db: &mut Db, row: &Ticket) -> Result<()> {
    diesel::insert_into(tickets::table).values((row, queue::Kept::of(row, &[]))).execute(db)?;
    Ok(())
}

/// Writes a new referral.
pub fn insert_referral(db: &mut Db, row: &Referral) -> Result<()> {
    diesel::insert_into(referrals::table).values(row).execute(db)?;
    stand_in_queue(db, &row.ticket_id)
}

/// Keeps a ticket's place in the queue. No change of the ticket itself: its version stays.
fn stand_in_queue(db: &mut Db, ticket_id: &str) -> Result<()> {
    let ticket = ticket(db, ticket_id)?;
    let stands = queue::Kept::of(&ticket, &referrals_of(db, ticket_id)?);
    diesel::update(tickets::table.find(ticket_id)).set(stands).execute(db)?;
    Ok(())
}

/// Writes a named service.
pub fn insert_hop(db: &mut Db, row: &Hop) -> Result<()> {
    diesel::insert_into(referral_hops::table).values(row).execute(db)?;
    Ok(())
}

/// Writes a note.
pub fn insert_note(db: &mut Db, row: &Note) -> Result<()> {
    diesel::insert_into(ticket_notes::table).values(row).execute(db)?;
    Ok(())
}

/// Replaces the sealed text of a note.
pub fn reseal_note(db: &mut Db, id: &str, document: &[u8]) -> Result<()> {
    diesel::update(ticket_notes::table.find(id)).set(ticket_notes::document.eq(document)).execute(db)?;
    Ok(())
}

/// The notes of a ticket, oldest first.
pub fn notes(db: &mut Db, ticket_id: &str) -> Result<Vec<Note>> {
    Ok(ticket_notes::table
        .filter(ticket_notes::ticket_id.eq(ticket_id))
        .order((ticket_notes::at.asc(), ticket_notes::id.asc()))
        .select(Note::as_select())
        .load(db)?)
}

/// Writes a ticket back, if it is still as it was read: same state, same version. False when
/// somebody was faster.
pub fn save_ticket(db: &mut Db, read: &Ticket, changed: &Ticket) -> Result<bool> {
    let still =
        tickets::table.find(&read.id).filter(tickets::state.eq(read.state)).filter(tickets::version.eq(read.version));
    let row = Ticket { version: read.version + 1, ..changed.clone() };
    if diesel::update(still).set(row).execute(db)? != 1 {
        return Ok(false);
    }
    stand_in_queue(db, &read.id)?;
    Ok(true)
}

/// The same for a referral. Errors: to be repeated when somebody was faster, for its next reading
/// tells what they did.
pub fn save_referral(db: &mut Db, read: &Referral, changed: &Referral) -> Result<()> {
    let still = referrals::table
        .find(&read.id)
        .filter(referrals::state.eq(read.state))
        .filter(referrals::version.eq(read.version));
    let row = Referral { version: read.version + 1, ..changed.clone() };
    if diesel::update(still).set(row).execute(db)? == 1 {
        stand_in_queue(db, &read.ticket_id)
    } else {
        Err(Error::Repeat)
    }
}

/// Writes the place of a named service back.
pub fn save_hop(db: &mut Db, row: &Hop) -> Result<()> {
    let place = referral_hops::table.find((&row.referral_id, row.position));
    let changed = diesel::update(place).set(row).execute(db)?;
    if changed == 1 { Ok(()) } else { Err(Error::Repeat) }
}

/// The key of an active counselor, by staff number or reference, who may know of this case.
pub fn counselor(db: &mut Db, named: &str, case_id: &str) -> Result<Option<String>> {
    let blocked = blocked_parties::table.filter(blocked_parties::case_id.eq(case_id)).select(blocked_parties::party_id);
    Ok(staff::table
        .filter(staff::name.eq(named).or(staff::reference.eq(named)))
        .filter(staff::role.eq(Role::Counselor))
        .filter(staff::active.eq(true))
        .filter(staff::id.ne_all(blocked))
        .select(staff::id)
        .first(db)
        .optional()?)
}
