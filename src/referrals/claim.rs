//! Claiming: who works on a ticket. A claim is one conditional update, so of two people exactly one
//! gets it; and it is a lease, so that a ticket never waits for somebody who went home. Leases of
//! people last minutes and hours, so they go by the same clock that queues are shown by, not by the
//! database's, as those of workers do.

use super::clocks;
use super::model::{self, Note, Ticket, TicketState};
use super::people::{caseload, page_a_lead};
use super::states::CloseReason;
use crate::access::Actor;
use crate::cases::{self, CaseRow};
use crate::clock::{Instant, MINUTE};
use crate::error::{Error, Result};
use crate::identity;
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::{Tx, read_reference};
use crate::triage::Level;
use crate::vault::{Padding, Place, open, seal};

/// The longest note, in characters.
const LONGEST_NOTE: usize = 2000;
/// Letters of staff references.
const STAFF: char = 'W';

/// Whom a coordinator gives a ticket to: a staff number or reference; also if that is more than they
/// should hold.
#[derive(Debug, Clone)]
pub struct AssignForm {
    to: String,
    over_limit: bool,
}

/// A counselor's note.
#[derive(Debug, Clone)]
pub struct NoteForm {
    text: String,
}

/// Why a ticket is closed.
#[derive(Debug, Clone, Copy)]
pub struct CloseForm {
    reason: CloseReason,
}

impl FromJson for AssignForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let to = f.required_text("to", 64);
            let over_limit = f.optional("over_limit").unwrap_or(false);
            Some(AssignForm { to: to?, over_limit })
        })
    }
}

impl FromJson for NoteForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required_text("text", LONGEST_NOTE).map(|text| NoteForm { text }))
    }
}

impl FromJson for CloseForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| Some(CloseForm { reason: f.required("reason")? }))
    }
}

/// Takes a ticket that nobody holds, or whose claim has lapsed; one's own is held for longer. Gives
/// the ticket's key. Errors: 404; 409 `claimed` with `claimed_by`, the staff number of who was
/// first; 409 `closed`; 409 `caseload_full` for whoever holds as many as they should, but never for what
/// is Critical or High now: nobody is kept from an emergency.
pub fn claim(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<String> {
    let ticket = model::ticket_for(tx.db, actor, reference)?;
    let now = tx.now;
    is_open(&ticket)?;
    match ticket.holder(now) {
        Some(holder) if holder != actor.id => return Err(taken(tx, holder)),
        Some(_) => touch(tx, &ticket, actor)?,
        None => take(tx, actor, &ticket)?,
    }
    Ok(ticket.id)
}

fn take(tx: &mut Tx<'_>, actor: &Actor, ticket: &Ticket) -> Result<()> {
    let now = tx.now;
    let level = clocks::effective(clocks::level(&ticket.level), ticket.care_by, now);
    let over = caseload::one_more(tx, &actor.id, clocks::is_urgent(level))?;
    if ticket.claimed_by.is_some() {
        tx.step(("ticket", &ticket.id), "claim_lapsed", None)?;
    }
    give(tx, ticket, &actor.id, now)?;
    tx.step(("ticket", &ticket.id), "claimed", None)?;
    tx.trail("tickets.claim", ("ticket", &ticket.reference), None)?;
    if over { caseload::went_over(tx, ticket, &actor.name) } else { Ok(()) }
}

/// Whether a claim is in its last minutes: five of a Critical ticket's, thirty of any other's. Time
/// enough to do something, which holds it for longer, or to give it back.
pub fn ends_soon(level: Level, until: Option<Instant>, now: Instant) -> bool {
    let last = if level == Level::Critical { 5 } else { 30 } * MINUTE;
    until.is_some_and(|until| until.since(now) <= last)
}

/// Puts a ticket whose claim has lapsed back into the queue; false when there is none.
pub fn take_back(tx: &mut Tx<'_>) -> Result<bool> {
    let Some(ticket) = model::next_lapsed(tx.db, tx.now)? else { return Ok(false) };
    let free = Ticket { claimed_by: None, claimed_at: None, claim_until: None, ..ticket.clone() };
    saved(tx, &ticket, &free)?;
    tx.step(("ticket", &ticket.id), "claim_lapsed", None)?;
    page_a_lead(tx, &free)?;
    Ok(true)
}

/// Puts a ticket back into the queue. Errors: 404; 409 `claim_first` for anyone but its holder.
pub fn release(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<String> {
    let ticket = held(tx, actor, reference)?;
    let free = Ticket { claimed_by: None, claimed_at: None, claim_until: None, ..ticket.clone() };
    saved(tx, &ticket, &free)?;
    tx.step(("ticket", &ticket.id), "released", None)?;
    tx.trail("tickets.release", ("ticket", &ticket.reference), None)?;
    page_a_lead(tx, &free)?;
    Ok(ticket.id)
}

/// Gives a ticket to a counselor, whoever holds it. Errors: 404; 409 `closed`; 422 for anybody who
/// is not an active counselor or must not know of this case, alike; 409 `caseload_full` for one who holds
/// as many as they should, unless the form says that it may be more.
pub fn assign(tx: &mut Tx<'_>, actor: &Actor, reference: &str, form: &AssignForm) -> Result<String> {
    let ticket = model::ticket_for(tx.db, actor, reference)?;
    is_open(&ticket)?;
    let named = read_reference(STAFF, &form.to).unwrap_or_else(|| form.to.clone());
    let to = model::counselor(tx.db, &named, &ticket.case_id)?.ok_or_else(|| Error::invalid("/to", "not_found"))?;
    let now = tx.now;
    let holds_it = ticket.holder(now) == Some(to.as_str());
    let over = !holds_it && caseload::one_more(tx, &to, form.over_limit)?;
    give(tx, &ticket, &to, now)?;
    let number = identity::staff_number(tx.db, &to)?;
    tx.step(("ticket", &ticket.id), "assigned", Some(&number))?;
    tx.trail("tickets.assign", ("ticket", &ticket.reference), Some(&number))?;
    if over {
        caseload::went_over(tx, &ticket, &number)?;
    }
    Ok(ticket.id)
}

/// Writes a note, sealed under the case's key. Errors: 404, 409 `claim_first`.
pub fn note(tx: &mut Tx<'_>, actor: &Actor, reference: &str, form: &NoteForm) -> Result<String> {
    let ticket = held(tx, actor, reference)?;
    let id = tx.new_id()?;
    let case = cases::model::by_id(tx.db, &ticket.case_id)?;
    let key = tx.setting.vault.data_key(&case.key_id)?;
    let document = seal(&key, &place(&id), form.text.as_bytes(), Padding::SizeClass)?;
    let note = Note { id, ticket_id: ticket.id.clone(), at: tx.now, written_by: actor.name.clone(), document };
    model::insert_note(tx.db, &note)?;
    touch(tx, &ticket, actor)?;
    tx.step(("ticket", &ticket.id), "noted", None)?;
    tx.trail("tickets.note", ("ticket", &ticket.reference), None)?;
    Ok(ticket.id)
}

/// A note, opened.
pub struct OpenNote {
    /// When.
    pub at: Instant,
    /// Whose, as a staff number.
    pub by: String,
    /// What.
    pub text: String,
}

/// The notes of a ticket, oldest first. The caller writes the trail row. Errors: 404 once her case
/// was erased.
pub fn notes(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<Vec<OpenNote>> {
    let rows = model::notes(tx.db, &ticket.id)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let case = cases::model::by_id(tx.db, &ticket.case_id)?;
    let key = tx.setting.vault.data_key(&case.key_id)?;
    rows.into_iter()
        .map(|row| {
            let plain = open(&key, &place(&row.id), &row.document)?;
            let text = String::from_utf8_lossy(plain.reveal()).into_owned();
            Ok(OpenNote { at: row.at, by: row.written_by, text })
        })
        .collect()
}

/// Seals the notes of a ticket under the key of another case, which is hers from now on.
pub(super) fn reseal_notes(tx: &mut Tx<'_>, ticket: &Ticket, from: &CaseRow, to: &CaseRow) -> Result<()> {
    let rows = model::notes(tx.db, &ticket.id)?;
    if rows.is_empty() {
        return Ok(());
    }
    let (old, new) = (tx.setting.vault.data_key(&from.key_id)?, tx.setting.vault.data_key(&to.key_id)?);
    for row in rows {
        let plain = open(&old, &place(&row.id), &row.document)?;
        let document = seal(&new, &place(&row.id), plain.reveal(), Padding::SizeClass)?;
        model::reseal_note(tx.db, &row.id, &document)?;
    }
    Ok(())
}

fn place(row: &str) -> Place<'_> {
    Place { table: "ticket_notes", column: "document", row }
}

/// Closes a ticket when nothing is left to do. Errors: 404; 409 `claim_first`, `referrals_live`.
pub fn close(tx: &mut Tx<'_>, actor: &Actor, reference: &str, form: &CloseForm) -> Result<String> {
    let ticket = held(tx, actor, reference)?;
    if model::referrals_of(tx.db, &ticket.id)?.iter().any(|referral| referral.state.is_live()) {
        return Err(Error::conflict("referrals_live"));
    }
    let closed = Ticket {
        state: TicketState::Closed,
        closed_at: Some(tx.now),
        close_reason: Some(form.reason),
        ..ticket.clone()
    };
    saved(tx, &ticket, &closed)?;
    tx.step(("ticket", &ticket.id), "closed", Some(form.reason.code()))?;
    tx.trail("tickets.close", ("ticket", &ticket.reference), Some(form.reason.code()))?;
    Ok(ticket.id)
}

/// The ticket, if the asker holds it. Errors: 404; 409 `closed`, `claim_first`.
fn held(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<Ticket> {
    let ticket = model::ticket_for(tx.db, actor, reference)?;
    must_hold(tx, &ticket, actor)?;
    Ok(ticket)
}

/// Errors: 409 `closed`, or `claim_first` for anyone but the holder.
pub(super) fn must_hold(tx: &mut Tx<'_>, ticket: &Ticket, actor: &Actor) -> Result<()> {
    is_open(ticket)?;
    let now = tx.now;
    if ticket.holder(now) == Some(actor.id.as_str()) { Ok(()) } else { Err(Error::conflict("claim_first")) }
}

/// Work on a ticket holds its claim for longer. Without effect for anyone but the holder.
pub(super) fn touch(tx: &mut Tx<'_>, ticket: &Ticket, actor: &Actor) -> Result<()> {
    let now = tx.now;
    if ticket.holder(now) != Some(actor.id.as_str()) {
        return Ok(());
    }
    let until = Some(lease(tx, ticket, now));
    saved(tx, ticket, &Ticket { claim_until: until, ..ticket.clone() })
}

fn give(tx: &mut Tx<'_>, ticket: &Ticket, to: &str, now: Instant) -> Result<()> {
    let until = lease(tx, ticket, now);
    let given = Ticket {
        claimed_by: Some(to.to_owned()),
        claimed_at: Some(tx.now),
        claim_until: Some(until),
        ..ticket.clone()
    };
    saved(tx, ticket, &given)
}

fn lease(tx: &Tx<'_>, ticket: &Ticket, now: Instant) -> Instant {
    let config = &tx.setting.config.tickets;
    let critical = clocks::level(&ticket.level) == Level::Critical;
    now.plus(if critical { config.claim_minutes_critical } else { config.claim_minutes } * MINUTE)
}

/// The row was read in this transaction; whoever changed it since is met when it is repeated.
pub(super) fn saved(tx: &mut Tx<'_>, read: &Ticket, changed: &Ticket) -> Result<()> {
    if model::save_ticket(tx.db, read, changed)? { Ok(()) } else { Err(Error::Repeat) }
}

fn is_open(ticket: &Ticket) -> Result<()> {
    match ticket.state {
        TicketState::Open => Ok(()),
        TicketState::Closed => Err(Error::conflict("closed")),
    }
}

fn taken(tx: &mut Tx<'_>, holder: &str) -> Error {
    match identity::staff_number(tx.db, holder) {
        Ok(number) => Error::Conflict { code: "claimed", detail: Some(("claimed_by", number)) },
        Err(error) => error,
    }
}
