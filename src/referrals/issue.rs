//! Issuing a ticket: from what she said yes to on a call, to letters on their way.

use super::asking;
use super::clocks::{self, Due};
use super::emergency::{self, Emergency};
use super::model::{self, Hop, PARTNER, REFERRAL, Referral, TICKET, Ticket, TicketState};
use super::people;
use super::states::State;
use crate::access::Actor;
use crate::cases::codes::Scope;
use crate::cases::{self, Blocked, ConsentForm, Heard};
use crate::contacts::{self, Summary};
use crate::directory::{self, Service, ServiceStatus, ServiceType};
use crate::error::{Error, Problem, Result};
use crate::input::{self, At, Fields, FromJson, Json};
use crate::storage::Tx;

/// What she asks for, each need with the services she named.
#[derive(Debug, Clone)]
pub struct IssueForm {
    needs: Vec<NeedForm>,
}

/// One need: a kind of help, the services she said yes to by name in her order, and that yes.
#[derive(Debug, Clone)]
struct NeedForm {
    need: ServiceType,
    services: Vec<Named>,
    basis: Basis,
}

/// What a service may be asked on.
#[derive(Debug, Clone)]
pub(super) enum Basis {
    /// Her yes.
    Consent(ConsentForm),
    /// A life at risk, where she cannot be asked.
    Emergency(Emergency),
}

/// A service as somebody typed its reference.
#[derive(Debug, Clone)]
pub struct Named(pub String);

/// More needs or services than anybody could name aloud on a call are a mistake.
const MOST: usize = 12;

impl FromJson for Named {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        input::text(json, at, 32).map(Named)
    }
}

impl FromJson for NeedForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let need = f.required("need");
            let services = f.required_with("services", |json, at| input::list(json, at, 1..=MOST));
            let basis = match (f.optional("consent"), f.optional("emergency")) {
                (Some(consent), None) => Some(Basis::Consent(consent)),
                (None, Some(emergency)) => Some(Basis::Emergency(emergency)),
                (consent, _) => {
                    f.problem("consent", if consent.is_some() { "not_beside_emergency" } else { "required" });
                    None
                }
            };
            Some(NeedForm { need: need?, services: services?, basis: basis? })
        })
    }
}

impl FromJson for IssueForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            f.required_with("needs", |json, at| input::list(json, at, 1..=MOST)).map(|needs| IssueForm { needs })
        })
    }
}

/// Issues a ticket from a call: opens her case, records her yes to each service, or why it is asked
/// without, writes ticket and referrals with their clocks, and promises the first letter of each.
/// Gives the ticket's key.
///
/// Errors: 404 for a call that is not the asker's; 409 `need_already_live`; 422 for everything wrong
/// with the needs, all at once.
pub fn issue(tx: &mut Tx<'_>, actor: &Actor, contact: &str, form: &IssueForm) -> Result<String> {
    let contact = contacts::find_in(tx.db, &contacts::Scope::of(actor, tx.now), contact)?;
    let case = contacts::open_case(tx, &contact.id)?;
    let summary = contacts::summary(tx, &contact.id)?;
    for_her(&summary)?;
    let blocked = cases::blocked(tx.db, &case.id)?;
    nothing_live(tx, &case.id, form)?;
    let named = checked(tx, &summary, &blocked, form)?;
    let (ticket, due) = open_ticket(tx, &summary, &case.id)?;
    for (place, (need, services)) in form.needs.iter().zip(&named).enumerate() {
        refer(tx, &ticket, due, (need, services.as_slice()))
            .map_err(|error| below(error, &format!("/needs/{place}/consent")))?;
    }
    if form.needs.iter().any(|need| matches!(need.basis, Basis::Emergency(_))) {
        emergency::report(tx, &summary, &case.id)?;
    }
    tx.trail("tickets.issue", ("ticket", &ticket.reference), Some(&ticket.level))?;
    people::page_a_lead(tx, &ticket)?;
    Ok(ticket.id)
}

/// Nothing is shown to, confirmed to or arranged for the one who does it. Errors: 409.
pub(super) fn for_her(summary: &Summary) -> Result<()> {
    if summary.caller_role == "perpetrator" { Err(Error::conflict("perpetrator_on_the_line")) } else { Ok(()) }
}

/// What a consent's own check says, at the place of that consent in this body.
pub(super) fn below(error: Error, place: &str) -> Error {
    let Error::Invalid(problems) = error else { return error };
    let moved = |problem: Problem| Problem { pointer: format!("{place}{}", problem.pointer), ..problem };
    Error::Invalid(problems.into_iter().map(moved).collect())
}

/// One live request per need: two services preparing for one woman is one place lost for another.
fn nothing_live(tx: &mut Tx<'_>, case_id: &str, form: &IssueForm) -> Result<()> {
    let live = model::live_needs(tx.db, case_id)?;
    match form.needs.iter().find(|need| live.contains(&need.need)) {
        None => Ok(()),
        Some(need) => {
            Err(Error::Conflict { code: "need_already_live", detail: Some(("need", need.need.code().to_owned())) })
        }
    }
}

/// The named services of each need. Errors: 422 with everything that is wrong.
fn checked(tx: &mut Tx<'_>, summary: &Summary, blocked: &Blocked, form: &IssueForm) -> Result<Vec<Vec<Service>>> {
    let mut problems = Vec::new();
    let mut all = Vec::new();
    for (place, need) in form.needs.iter().enumerate() {
        let at = format!("/needs/{place}");
        let mut wrong = |member: &str, code| {
            problems.push(Problem { pointer: format!("{at}/{member}"), code, allowed: None });
        };
        if form.needs.iter().take(place).any(|earlier| earlier.need == need.need) {
            wrong("need", "named_twice");
        }
        if summary.excluded.iter().any(|kind| kind == need.need.code()) {
            wrong("need", "excluded_by_rules");
        }
        let mut services: Vec<Service> = Vec::new();
        for (index, named) in need.services.iter().enumerate() {
            match fitting(tx, need, named, blocked)? {
                Ok(service) if services.iter().any(|other| other.id == service.id) => {
                    wrong(&format!("services/{index}"), "named_twice");
                }
                Ok(service) => services.push(service),
                Err(code) => wrong(&format!("services/{index}"), code),
            }
        }
        for (member, code) in need.basis.problems(tx, summary, &services)? {
            wrong(member, code);
        }
        all.push(services);
    }
    if problems.is_empty() { Ok(all) } else { Err(Error::Invalid(problems)) }
}

impl Basis {
    /// What keeps services from being asked on it, each by its member and code.
    fn problems(
        &self,
        tx: &mut Tx<'_>,
        summary: &Summary,
        services: &[Service],
    ) -> Result<Vec<(&'static str, &'static str)>> {
        let consent = match self {
            Basis::Consent(consent) => consent,
            Basis::Emergency(_) => {
                let ids: Vec<String> = services.iter().map(|service| service.id.clone()).collect();
                let forbidden = emergency::forbidden(tx.db, summary, &ids, tx.now)?;
                return Ok(forbidden.map(|code| ("emergency", code)).into_iter().collect());
            }
        };
        let duty = services.iter().any(|service| service.form.duty_to_report);
        let wrong = [
            (!consent.given, ("consent/given", "consent_needed")),
            (consent.scope != Scope::Referral, ("consent/scope", "other_scope")),
            (duty && !consent.duty_to_report_read, ("consent/duty_to_report_read", "must_be_read_out")),
        ];
        Ok(wrong.into_iter().filter_map(|(holds, problem)| holds.then_some(problem)).collect())
    }
}

/// A named service, or what is wrong with it. One that must not know is as if it did not exist.
fn fitting(
    tx: &mut Tx<'_>,
    need: &NeedForm,
    named: &Named,
    blocked: &Blocked,
) -> Result<std::result::Result<Service, &'static str>> {
    let service = match directory::find_service(tx.db, &named.0) {
        Err(Error::NotFound) => return Ok(Err("not_found")),
        found => found?,
    };
    Ok(if blocked.organisations.contains(&service.organisation.id) {
        Err("not_found")
    } else if service.form.kind != need.need {
        Err("other_type")
    } else if service.status() != ServiceStatus::Active {
        Err("not_active")
    } else {
        Ok(service)
    })
}

fn open_ticket(tx: &mut Tx<'_>, summary: &Summary, case_id: &str) -> Result<(Ticket, Due)> {
    let due = clocks::due(&tx.setting.config, clocks::level(&summary.level), summary.care_by, tx.now);
    let ticket = Ticket {
        id: tx.new_id()?,
        reference: tx.new_reference(TICKET)?,
        version: 1,
        state: TicketState::Open,
        contact_id: summary.id.clone(),
        case_id: case_id.to_owned(),
        level: summary.level.clone(),
        care_by: summary.care_by,
        area: summary.area.clone(),
        language: summary.language.clone(),
        issued_by: tx.by.staff_id()?.to_owned(),
        issued_at: tx.now,
        claim_due: due.claimed,
        claimed_by: None,
        claimed_at: None,
        claim_until: None,
        closed_at: None,
        close_reason: None,
    };
    model::insert_ticket(tx.db, &ticket)?;
    tx.step(("ticket", &ticket.id), "issued", Some(&ticket.level))?;
    Ok((ticket, due))
}

/// One need of a ticket: her yes to each service, the referral, and the first letter.
fn refer(tx: &mut Tx<'_>, ticket: &Ticket, due: Due, (need, services): (&NeedForm, &[Service])) -> Result<()> {
    let first = services.first().ok_or(Error::Internal("a need without services passed the check"))?;
    let read = Referral {
        id: tx.new_id()?,
        reference: tx.new_reference(REFERRAL)?,
        version: 1,
        ticket_id: ticket.id.clone(),
        need: need.need,
        state: State::Requested,
        unroutable: false,
        level: ticket.level.clone(),
        service_id: first.id.clone(),
        hop: 0,
        issued_at: tx.now,
        accept_due: due.accepted,
        start_due: due.started,
        accepted_at: None,
        told_at: None,
        ended_at: None,
        reason: None,
        help_confirmed: None,
        ladder_from: None,
        ladder_rung: None,
        ladder_due: None,
    };
    model::insert_referral(tx.db, &read)?;
    tx.step(("referral", &read.id), "issued", Some(need.need.code()))?;
    for (position, service) in services.iter().enumerate() {
        name_service(tx, ticket, (&read, position), service, &need.basis)?;
    }
    let hops = model::hops(tx.db, &read.id)?;
    let mut referral = read.clone();
    match asking::next(tx, ticket, &hops)? {
        Some((hop, service)) => asking::ask(tx, &mut referral, hop, &service)?,
        None => asking::nobody_left(tx, &mut referral)?,
    }
    model::save_referral(tx.db, &read, &referral)
}

/// Records on what one service may be asked, and its place in her order. Nothing is asked of it yet.
pub(super) fn name_service(
    tx: &mut Tx<'_>,
    ticket: &Ticket,
    (referral, position): (&Referral, usize),
    service: &Service,
    basis: &Basis,
) -> Result<Hop> {
    let contact = contacts::model::by_id(tx.db, &ticket.contact_id)?;
    let heard = Heard {
        live: contact.status == contacts::codes::Status::Draft,
        opened_at: contact.opened_at,
        finished_at: contact.finished_at,
    };
    let of = (ticket.case_id.as_str(), Some(contact.id.as_str()));
    let (consent_id, fields) = match basis {
        Basis::Consent(form) => (cases::record_consent(tx, of, heard, Some(&service.id), form)?, &form.fields),
        Basis::Emergency(form) => (emergency::record(tx, (of.0, &contact), &service.id, form)?, &form.fields),
    };
    let fields: Vec<&str> = fields.iter().map(|field| field.code()).collect();
    let hop = Hop {
        referral_id: referral.id.clone(),
        position: i32::try_from(position).map_err(|_| Error::Internal("too many services"))?,
        service_id: service.id.clone(),
        consent_id,
        fields: fields.join(" "),
        partner_reference: tx.new_reference(PARTNER)?,
        arrival_word: asking::arrival_word(tx, &service.id)?,
        asked_at: None,
        left_at: None,
        reason: None,
    };
    model::insert_hop(tx.db, &hop)?;
    Ok(hop)
}
