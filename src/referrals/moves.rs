//! Moving a referral. Each move is looked up in the state table, made in memory, and written back
//! only over the state and version it was read in, together with its step, its trail row and any
//! letter it causes. Of two people with one move, one makes it and the other is told who did.

use super::afterwards;
use super::asking;
use super::claim;
use super::escalation;
use super::issue::{self, Basis, Named};
use super::model::{self, Hop, Referral, Ticket, TicketState};
use super::states::{CancelReason, DeclineReason, FailReason, Move, State};
use crate::access::{Actor, Role};
use crate::cases::codes::Scope;
use crate::cases::{self, ConsentForm};
use crate::directory::{self, ServiceStatus};
use crate::error::{Error, Result};
use crate::identity;
use crate::notifications;
use crate::storage::{Tx, records};
use crate::tasks;

/// A move with what belongs to it.
#[derive(Debug, Clone)]
pub enum Order {
    /// Somebody at the partner has seen it.
    Acknowledge,
    /// The partner will help.
    Accept,
    /// The partner will not.
    Decline(DeclineReason),
    /// She knows where, when and the word at the door.
    Told,
    /// Help has begun.
    Start,
    /// Help was given; `confirmed` is what she herself says, if she was asked.
    Complete {
        /// Her own word on it.
        confirmed: Option<bool>,
    },
    /// Help could not be given.
    Fail(FailReason),
    /// The partner gives it back after all.
    HandBack(DeclineReason),
    /// It is called off.
    Cancel(CancelReason),
    /// Another service is asked.
    Reroute(Box<Reroute>),
    /// A failed one is tried again.
    Reopen,
}

/// Whom to ask next: the next she named; or one of those; or, with her consent, a new one.
#[derive(Debug, Clone, Default)]
pub struct Reroute {
    /// The service.
    pub service: Option<Named>,
    /// Her yes to it, for one she has not named before.
    pub consent: Option<ConsentForm>,
}

impl Order {
    /// Its place in the state table.
    pub fn kind(&self) -> Move {
        match self {
            Order::Acknowledge => Move::Acknowledge,
            Order::Accept => Move::Accept,
            Order::Decline(_) => Move::Decline,
            Order::Told => Move::Told,
            Order::Start => Move::Start,
            Order::Complete { .. } => Move::Complete,
            Order::Fail(_) => Move::Fail,
            Order::HandBack(_) => Move::HandBack,
            Order::Cancel(_) => Move::Cancel,
            Order::Reroute(_) => Move::Reroute,
            Order::Reopen => Move::Reopen,
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Order::Decline(reason) | Order::HandBack(reason) => Some(reason.code()),
            Order::Fail(reason) => Some(reason.code()),
            Order::Cancel(reason) => Some(reason.code()),
            _ => None,
        }
    }
}

/// Makes a move for somebody with an account. Gives the referral's key.
///
/// Errors: 403 where this is never for that role; 404; 409 `illegal_move` with `moved_by`,
/// `claim_first`, `no_capacity`; 422.
pub fn make(tx: &mut Tx<'_>, actor: &Actor, reference: &str, order: &Order) -> Result<String> {
    let (referral, ticket) = model::referral_for(tx.db, actor, reference)?;
    order.kind().is_for(actor.role)?;
    let hop = match (actor.role, &actor.organisation_id) {
        (Role::Partner, Some(organisation)) => model::asked_of(tx.db, &referral.id, organisation)?,
        _ => current(tx, &referral)?,
    };
    if actor.role == Role::Counselor {
        claim::must_hold(tx, &ticket, actor)?;
    }
    carry_out(tx, &ticket, &referral, hop, order)?;
    claim::touch(tx, &ticket, actor)?;
    Ok(referral.id)
}

/// Makes a move for whoever holds a partner's link and code. Errors: as [`make`].
pub(super) fn make_by_link(tx: &mut Tx<'_>, referral: &Referral, hop: Hop, order: &Order) -> Result<()> {
    order.kind().is_for(Role::Partner)?;
    let ticket = model::ticket(tx.db, &referral.ticket_id)?;
    carry_out(tx, &ticket, referral, hop, order)
}

/// Calls off a live referral for a reason that ends more than this one.
pub(super) fn call_off(tx: &mut Tx<'_>, ticket: &Ticket, referral: &Referral, why: CancelReason) -> Result<()> {
    let hop = current(tx, referral)?;
    carry_out(tx, ticket, referral, hop, &Order::Cancel(why))
}

/// Takes a live referral away from a service that must not know of her any more, and asks the next
/// one she named. One that nobody is asked for stays as it is.
pub(super) fn take_away(tx: &mut Tx<'_>, ticket: &Ticket, referral: &Referral) -> Result<()> {
    if referral.unroutable {
        return Ok(());
    }
    let hop = current(tx, referral)?;
    let why = DeclineReason::ConflictOfInterest;
    let order = match referral.state {
        State::Requested | State::Received => Order::Decline(why),
        _ => Order::HandBack(why),
    };
    carry_out(tx, ticket, referral, hop, &order)
}

/// `hop` is the service on whose behalf it is done: the one asked now, or one asked before.
fn carry_out(tx: &mut Tx<'_>, ticket: &Ticket, read: &Referral, hop: Hop, order: &Order) -> Result<()> {
    let kind = order.kind();
    let allowed = kind.from(read.state).filter(|_| is_in_turn(read, &hop, kind));
    let Some(state) = allowed else { return Err(illegal(tx, read)) };
    let mut referral = Referral { state, reason: order.reason().map(str::to_owned), ..read.clone() };
    tx.step(("referral", &read.id), kind.step(), order.reason())?;
    match order {
        Order::Acknowledge => answered(tx, read)?,
        Order::Accept => accept(tx, &mut referral, read, hop)?,
        Order::Told => referral.told_at = Some(tx.now),
        Order::Start => {}
        Order::Complete { confirmed } => {
            // Only the hotline hears her own word; a partner's report is kept apart from it.
            referral.help_confirmed = confirmed.filter(|_| tx.by.role != Role::Partner.code());
            referral.ended_at = Some(tx.now);
        }
        Order::Fail(reason) => end(tx, &mut referral, hop, reason.code())?,
        Order::Cancel(reason) => end(tx, &mut referral, hop, reason.code())?,
        Order::Decline(reason) | Order::HandBack(reason) => pass_on(tx, ticket, &mut referral, hop, reason.code())?,
        Order::Reroute(to) => reroute(tx, ticket, &mut referral, hop, to)?,
        Order::Reopen => reopen(tx, ticket, &mut referral, hop)?,
    }
    if !matches!(state, State::Requested | State::Received) {
        escalation::end(tx, &mut referral)?;
    }
    if state == State::Completed {
        afterwards::ask_her(tx, ticket, &referral)?;
    }
    model::save_referral(tx.db, read, &referral)?;
    tx.trail(&format!("referrals.{}", kind.step()), ("referral", &read.reference), order.reason())
}

/// The service asked now may do what the table says. One that was passed over in silence may still
/// say yes: the first yes counts. And nobody is told twice where to come.
fn is_in_turn(referral: &Referral, hop: &Hop, kind: Move) -> bool {
    let asked_now =
        hop.position == referral.hop && !(referral.unroutable && kind != Move::Reroute && kind != Move::Cancel);
    match kind {
        Move::Accept => asked_now || hop.reason.as_deref() == Some(Move::Reroute.code()),
        Move::Told => asked_now && referral.told_at.is_none(),
        _ => asked_now,
    }
}

/// 409 for a move the table does not have now, naming who made the last one. A partner learns a
/// role, never a staff number.
fn illegal(tx: &mut Tx<'_>, referral: &Referral) -> Error {
    let steps = match records::steps_of(tx.db, std::slice::from_ref(&referral.id)) {
        Ok(steps) => steps,
        Err(error) => return error,
    };
    let Some(last) = steps.into_iter().next_back() else { return Error::conflict("illegal_move") };
    let number = last.actor_id.filter(|_| tx.by.role != Role::Partner.code());
    let who = number.and_then(|id| identity::staff_number(tx.db, &id).ok()).unwrap_or(last.actor_role);
    Error::Conflict { code: "illegal_move", detail: Some(("moved_by", who)) }
}

fn current(tx: &mut Tx<'_>, referral: &Referral) -> Result<Hop> {
    let hops = model::hops(tx.db, &referral.id)?;
    hops.into_iter().find(|hop| hop.position == referral.hop).ok_or(Error::Internal("a referral without its service"))
}

/// Somebody at the partner spoke: what may have arrived is not repeated, what waits is not sent.
fn answered(tx: &mut Tx<'_>, referral: &Referral) -> Result<()> {
    notifications::settle_by_answer(tx, &referral.id).map(|_| ())
}

/// Takes a place, if one is left, and ends the asking of anybody else.
fn accept(tx: &mut Tx<'_>, referral: &mut Referral, read: &Referral, hop: Hop) -> Result<()> {
    let service = directory::service_by_id(tx.db, &hop.service_id)?;
    if !asking::has_room(tx.db, &service)? {
        return Err(Error::conflict("no_capacity"));
    }
    if hop.position != read.hop {
        let other = current(tx, read)?;
        if other.left_at.is_none() {
            leave(tx, other, "answered_elsewhere")?;
        }
        referral.hop = hop.position;
        referral.service_id.clone_from(&hop.service_id);
        tx.step(("referral", &read.id), "accepted_late", Some(&service.reference))?;
        model::save_hop(tx.db, &Hop { left_at: None, reason: None, ..hop })?;
    }
    referral.unroutable = false;
    referral.accepted_at = Some(tx.now);
    answered(tx, read)
}

/// Ends it without help: the partner's view closes, its letters stop, its place is free again.
fn end(tx: &mut Tx<'_>, referral: &mut Referral, hop: Hop, why: &str) -> Result<()> {
    notifications::cancel_for_referral(tx, &referral.id)?;
    referral.ended_at = Some(tx.now);
    referral.unroutable = false;
    leave(tx, hop, why)
}

/// Leaves a service for the next one she named.
fn pass_on(tx: &mut Tx<'_>, ticket: &Ticket, referral: &mut Referral, hop: Hop, why: &str) -> Result<()> {
    leave_for_another(tx, referral, hop, why)?;
    let hops = model::hops(tx.db, &referral.id)?;
    match asking::next(tx, ticket, &hops)? {
        Some((next, service)) => asking::ask(tx, referral, next, &service),
        None => asking::nobody_left(tx, referral),
    }
}

/// A service stays silent: the next one she named is asked. It may still say yes.
pub(super) fn pass_over(tx: &mut Tx<'_>, ticket: &Ticket, referral: &mut Referral, hop: Hop) -> Result<()> {
    referral.state = State::Requested;
    referral.reason = None;
    tx.step(("referral", &referral.id), Move::Reroute.step(), None)?;
    pass_on(tx, ticket, referral, hop, Move::Reroute.code())?;
    tx.trail("referrals.rerouted", ("referral", &referral.reference), None)
}

/// Asks the next service she named, or the one that is said. A service that was passed over is
/// named again only by saying so.
fn reroute(tx: &mut Tx<'_>, ticket: &Ticket, referral: &mut Referral, hop: Hop, to: &Reroute) -> Result<()> {
    let why = Move::Reroute.code();
    let Some(named) = &to.service else { return pass_on(tx, ticket, referral, hop, why) };
    let service = directory::find_service(tx.db, &named.0).map_err(|error| match error {
        Error::NotFound => Error::invalid("/service", "not_found"),
        other => other,
    })?;
    if cases::blocked(tx.db, &ticket.case_id)?.organisations.contains(&service.organisation.id) {
        return Err(Error::invalid("/service", "not_found"));
    }
    if service.form.kind != referral.need || service.status() != ServiceStatus::Active {
        return Err(Error::invalid("/service", "not_active"));
    }
    let hops = model::hops(tx.db, &referral.id)?;
    let known = hops.iter().find(|known| known.service_id == service.id).cloned();
    let next = match (known, &to.consent) {
        (Some(known), _) if known.position == referral.hop && !referral.unroutable => {
            return Err(Error::invalid("/service", "asked_now"));
        }
        (Some(known), _) => known,
        (None, None) => return Err(Error::invalid("/consent", "required")),
        (None, Some(consent)) if !consent.given => return Err(Error::invalid("/consent/given", "consent_needed")),
        (None, Some(consent)) if service.form.duty_to_report && !consent.duty_to_report_read => {
            return Err(Error::invalid("/consent/duty_to_report_read", "must_be_read_out"));
        }
        (None, Some(consent)) => {
            let basis = Basis::Consent(consent.clone());
            issue::name_service(tx, ticket, (referral, hops.len()), &service, &basis)
                .map_err(|error| issue::below(error, "/consent"))?
        }
    };
    leave_for_another(tx, referral, hop, why)?;
    asking::ask(tx, referral, next, &service)
}

fn leave_for_another(tx: &mut Tx<'_>, referral: &mut Referral, hop: Hop, why: &str) -> Result<()> {
    notifications::cancel_for_referral(tx, &referral.id)?;
    // What was to be done about the one that is left is done.
    tasks::no_longer_needed(tx, &referral.id)?;
    referral.accepted_at = None;
    referral.told_at = None;
    // With nobody left to ask it was left before, and why is written down, or it was never asked.
    if hop.left_at.is_some() || hop.asked_at.is_none() { Ok(()) } else { leave(tx, hop, why) }
}

/// Asks the last service again, on a ticket that is open again.
fn reopen(tx: &mut Tx<'_>, ticket: &Ticket, referral: &mut Referral, hop: Hop) -> Result<()> {
    if model::live_needs(tx.db, &ticket.case_id)?.contains(&referral.need) {
        return Err(Error::Conflict { code: "need_already_live", detail: Some(("need", referral.need.code().into())) });
    }
    let case = cases::model::by_id(tx.db, &ticket.case_id)?;
    cases::resume(tx, &case)?;
    referral.ended_at = None;
    referral.accepted_at = None;
    referral.told_at = None;
    if ticket.state == TicketState::Closed {
        let open = Ticket {
            state: TicketState::Open,
            claimed_by: None,
            claimed_at: None,
            claim_until: None,
            closed_at: None,
            close_reason: None,
            ..ticket.clone()
        };
        if !model::save_ticket(tx.db, ticket, &open)? {
            return Err(Error::Repeat);
        }
        tx.step(("ticket", &ticket.id), "reopened", None)?;
    }
    let service = directory::service_by_id(tx.db, &hop.service_id)?;
    let arrival_word = asking::arrival_word(tx, &service.id)?;
    asking::ask(tx, referral, Hop { arrival_word, ..hop }, &service)
}

fn leave(tx: &mut Tx<'_>, hop: Hop, why: &str) -> Result<()> {
    model::save_hop(tx.db, &Hop { left_at: Some(tx.now), reason: Some(why.to_owned()), ..hop })
}

/// She takes a consent back: from now on nothing rests on it. Errors: 404; 409 when it already was
/// taken back.
pub fn withdraw(tx: &mut Tx<'_>, actor: &Actor, case: &str, consent: &str) -> Result<()> {
    let case = cases::find_in(tx, actor, case)?;
    let consent = cases::model::consent(tx.db, &case.id, consent)?;
    if !cases::model::withdraw_consent(tx.db, &consent.id, tx.now)? {
        return Err(Error::conflict("withdrawn"));
    }
    consent_withdrawn(tx, &consent.id)?;
    if consent.scope == Scope::Callback {
        tasks::not_to_be_called(tx, &case.id)?;
    }
    tx.step(("case", &case.id), "consent", Some("withdrawn"))?;
    tx.trail("cases.withdraw_consent", ("consent", &consent.reference), None)
}

/// Ends what rests on a consent that she takes back: the request at that service is called off, and
/// one she named for later is not asked.
pub fn consent_withdrawn(tx: &mut Tx<'_>, consent_id: &str) -> Result<()> {
    for hop in model::hops_by_consent(tx.db, consent_id)? {
        let referral = model::referral(tx.db, &hop.referral_id)?;
        if hop.position == referral.hop && referral.state.is_live() {
            let ticket = model::ticket(tx.db, &referral.ticket_id)?;
            carry_out(tx, &ticket, &referral, hop, &Order::Cancel(CancelReason::ConsentWithdrawn))?;
        } else if hop.left_at.is_none() || hop.reason.as_deref() == Some(Move::Reroute.code()) {
            leave(tx, hop, CancelReason::ConsentWithdrawn.code())?;
        }
    }
    Ok(())
}
