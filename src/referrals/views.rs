//! What leaves of tickets and referrals. Every member is named here; a new column is private until
//! someone adds it.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::claim::{self, OpenNote};
use super::clocks;
use super::model::{self, Hop, Referral, Ticket, TicketState};
use super::partner::{self, PartnerView};
use super::queue::{self, RowView};
use super::states::{CloseReason, State};
use crate::access::{Actor, Role};
use crate::cases;
use crate::clock::Instant;
use crate::contacts::{self, Summary};
use crate::directory::{self, Areas, ServiceType};
use crate::error::Result;
use crate::identity;
use crate::storage::{Db, Tx, records};
use crate::triage::Level;

/// A ticket for those who work with it; the survivor's part only for who holds it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TicketView {
    id: String,
    /// The version, for `ETag`.
    #[serde(skip)]
    pub version: i32,
    level: Level,
    effective_level: Level,
    state: TicketState,
    claimed_by: Option<String>,
    /// When the claim ends if nothing is done: then the ticket is back in the queue.
    claim_until: Option<Instant>,
    claim_ends_soon: bool,
    referrals: Vec<ReferralView>,
    due: TicketDue,
    contact: String,
    case: String,
    issued_by: Option<String>,
    issued_at: Instant,
    district: Option<String>,
    closed_at: Option<Instant>,
    close_reason: Option<CloseReason>,
    steps: Vec<StepView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    survivor: Option<SurvivorView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Vec<NoteView>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TicketDue {
    claimed: Instant,
}

/// A referral, for the hotline's own staff.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReferralView {
    id: String,
    /// The version, for `ETag`.
    #[serde(skip)]
    pub version: i32,
    ticket: String,
    need: ServiceType,
    state: State,
    unroutable: bool,
    service: ServiceName,
    due: ReferralDue,
    issued_at: Instant,
    accepted_at: Option<Instant>,
    survivor_told: bool,
    ended_at: Option<Instant>,
    reason: Option<String>,
    help_confirmed: Option<bool>,
    named: Vec<HopView>,
}

/// A referral before its ticket is claimed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReferralRow {
    id: String,
    ticket: String,
    need: ServiceType,
    state: State,
    unroutable: bool,
    due: ReferralDue,
}

/// A referral, as much of it as the asker may see.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ReferralSeen {
    /// What a queue tells.
    Row(ReferralRow),
    /// All of it.
    Whole(Box<ReferralView>),
    /// What she agreed to show this partner.
    Partner(Box<PartnerView>),
}

#[derive(Debug, Serialize, JsonSchema)]
struct ReferralDue {
    accepted: Instant,
    in_progress: Instant,
}

/// A service she named: whether it was asked, and what came of it.
#[derive(Debug, Serialize, JsonSchema)]
struct HopView {
    service: ServiceName,
    fields: Vec<String>,
    partner_reference: String,
    asked_at: Option<Instant>,
    left_at: Option<Instant>,
    reason: Option<String>,
}

/// A service by reference and name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServiceName {
    /// The reference.
    pub id: String,
    /// The name in the deployment's first language.
    pub name: String,
}

/// One line of the timeline.
#[derive(Debug, Serialize, JsonSchema)]
struct StepView {
    subject: String,
    kind: String,
    at: Instant,
    by_role: String,
    detail: Option<String>,
}

/// What its holder must know to help her. Her number is not here: showing it is a read of its own.
#[derive(Debug, Serialize, JsonSchema)]
struct SurvivorView {
    /// Whether she may be called at this moment; without terms, no.
    may_call: bool,
    language: Option<String>,
    age: Option<(i64, i64)>,
    is_child: Option<bool>,
    sex: Option<String>,
    area: Option<String>,
    children_with_her: Option<i64>,
    access_needs: Vec<String>,
    wishes: Vec<String>,
    first_name: Option<String>,
    incident_type: Option<String>,
    incident_when: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NoteView {
    at: Instant,
    by: String,
    text: String,
}

impl SurvivorView {
    fn of(summary: Summary, may_call: bool) -> SurvivorView {
        SurvivorView {
            may_call,
            language: summary.language,
            age: summary.age,
            is_child: summary.is_child,
            sex: summary.sex,
            area: summary.area,
            children_with_her: summary.children_with_her,
            access_needs: summary.access_needs,
            wishes: summary.wishes,
            first_name: summary.first_name,
            incident_type: summary.incident_type,
            incident_when: summary.incident_when,
        }
    }
}

/// A ticket, as much of it as the asker may see.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TicketSeen {
    /// The queue's row.
    Row(RowView),
    /// All but what is sealed, or all.
    Whole(Box<TicketView>),
}

impl TicketSeen {
    /// The version, where the ticket may be worked on.
    pub fn version(&self) -> Option<i32> {
        match self {
            TicketSeen::Row(_) => None,
            TicketSeen::Whole(view) => Some(view.version),
        }
    }
}

/// How much of a ticket somebody sees.
enum Sight {
    Row,
    Receipt,
    Opened,
}

/// Its holder sees all; who issued it a receipt, and a coordinator the same; anyone else the row.
fn sight(ticket: &Ticket, actor: &Actor, now: Instant) -> Sight {
    match actor.role {
        Role::Counselor if ticket.holder(now) == Some(actor.id.as_str()) => Sight::Opened,
        Role::Coordinator => Sight::Receipt,
        _ if ticket.issued_by == actor.id => Sight::Receipt,
        _ => Sight::Row,
    }
}

/// The ticket with this reference without opening anything sealed; `None` when the asker holds it
/// and [`opened`] must be asked. Errors: 404.
pub fn seen(
    db: &mut Db,
    actor: &Actor,
    reference: &str,
    languages: &[String],
    now: Instant,
) -> Result<Option<TicketSeen>> {
    let ticket = model::ticket_for(db, actor, reference)?;
    Ok(match sight(&ticket, actor, now) {
        Sight::Opened => None,
        Sight::Receipt => Some(TicketSeen::Whole(Box::new(whole(db, &ticket, languages, now)?))),
        Sight::Row => Some(row(db, ticket, now)?),
    })
}

/// The ticket with this key after something was done to it, as much as the asker may see. Opening
/// what is sealed leaves its row in the trail.
pub fn opened(tx: &mut Tx<'_>, actor: &Actor, id: &str) -> Result<TicketSeen> {
    let ticket = model::ticket(tx.db, id)?;
    let now = tx.now;
    let languages = &tx.setting.config.place.languages;
    match sight(&ticket, actor, now) {
        Sight::Row => row(tx.db, ticket, now),
        Sight::Receipt => Ok(TicketSeen::Whole(Box::new(whole(tx.db, &ticket, languages, now)?))),
        Sight::Opened => {
            let mut view = whole(tx.db, &ticket, languages, now)?;
            view.survivor = Some(survivor(tx, &ticket)?);
            let notes = super::claim::notes(tx, &ticket)?;
            view.notes = Some(notes.into_iter().map(|OpenNote { at, by, text }| NoteView { at, by, text }).collect());
            tx.trail("tickets.read", ("ticket", &ticket.reference), None)?;
            Ok(TicketSeen::Whole(Box::new(view)))
        }
    }
}

fn survivor(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<SurvivorView> {
    let case = cases::model::by_id(tx.db, &ticket.case_id)?;
    let zone = tx.setting.config.place.time_zone;
    let may_call = cases::terms(tx, &case)?.is_some_and(|terms| terms.may_call_at(tx.now, zone));
    Ok(SurvivorView::of(contacts::summary(tx, &ticket.contact_id)?, may_call))
}

/// The key of a ticket somebody may know of. Errors: 404.
pub fn ticket_key(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<String> {
    model::ticket_for(tx.db, actor, reference).map(|ticket| ticket.id)
}

/// The reference of the ticket with this key.
pub fn reference(tx: &mut Tx<'_>, id: &str) -> Result<String> {
    model::ticket(tx.db, id).map(|ticket| ticket.reference)
}

/// A ticket as whoever issued it sees it: nothing sealed.
pub fn issued(tx: &mut Tx<'_>, id: &str) -> Result<TicketView> {
    let (ticket, now) = (model::ticket(tx.db, id)?, tx.now);
    whole(tx.db, &ticket, &tx.setting.config.place.languages, now)
}

/// The referral with this reference. A partner's own opens what she agreed to show, and leaves its
/// row in the trail. Errors: 404.
pub fn referral_seen(tx: &mut Tx<'_>, areas: &Areas, actor: &Actor, reference: &str) -> Result<ReferralSeen> {
    let (referral, ticket) = model::referral_for(tx.db, actor, reference)?;
    if let (Role::Partner, Some(organisation)) = (actor.role, &actor.organisation_id) {
        let hop = model::asked_of(tx.db, &referral.id, organisation)?;
        let view = partner::opened(tx, areas, &referral, &ticket, &hop)?;
        return Ok(ReferralSeen::Partner(Box::new(view)));
    }
    let now = tx.now;
    let languages = &tx.setting.config.place.languages;
    Ok(match sight(&ticket, actor, now) {
        Sight::Row => ReferralSeen::Row(ReferralRow {
            id: referral.reference,
            ticket: ticket.reference,
            need: referral.need,
            state: referral.state,
            unroutable: referral.unroutable,
            due: ReferralDue { accepted: referral.accept_due, in_progress: referral.start_due },
        }),
        Sight::Receipt | Sight::Opened => {
            ReferralSeen::Whole(Box::new(referral_view(tx.db, &referral, &ticket.reference, languages)?))
        }
    })
}

/// [`referral_seen`] after something was done to it, by its key.
pub fn referral_after(tx: &mut Tx<'_>, areas: &Areas, actor: &Actor, id: &str) -> Result<ReferralSeen> {
    let reference = model::referral(tx.db, id)?.reference;
    referral_seen(tx, areas, actor, &reference)
}

fn row(db: &mut Db, ticket: Ticket, now: Instant) -> Result<TicketSeen> {
    let numbers = identity::staff_numbers(db)?;
    Ok(TicketSeen::Row(RowView::of(&queue::row(db, &ticket.id, now)?, &numbers)))
}

fn whole(db: &mut Db, ticket: &Ticket, languages: &[String], now: Instant) -> Result<TicketView> {
    let referrals = model::referrals_of(db, &ticket.id)?;
    let numbers = identity::staff_numbers(db)?;
    let contact = contacts::model::by_id(db, &ticket.contact_id)?.reference;
    let case = cases::reference_of(db, &ticket.case_id)?;
    let steps = timeline(db, ticket, &referrals)?;
    let level = clocks::level(&ticket.level);
    Ok(TicketView {
        id: ticket.reference.clone(),
        version: ticket.version,
        level,
        effective_level: clocks::effective(level, ticket.care_by, now),
        state: ticket.state,
        claimed_by: ticket.holder(now).and_then(|id| numbers.get(id).cloned()),
        claim_until: ticket.holder(now).and(ticket.claim_until),
        claim_ends_soon: ticket.holder(now).is_some() && claim::ends_soon(level, ticket.claim_until, now),
        referrals: referrals
            .iter()
            .map(|referral| referral_view(db, referral, &ticket.reference, languages))
            .collect::<Result<_>>()?,
        due: TicketDue { claimed: ticket.claim_due },
        contact,
        case,
        issued_by: numbers.get(&ticket.issued_by).cloned(),
        issued_at: ticket.issued_at,
        district: ticket.area.clone(),
        closed_at: ticket.closed_at,
        close_reason: ticket.close_reason,
        steps,
        survivor: None,
        notes: None,
    })
}

/// Steps of a ticket and its referrals, each under a reference; keys never leave.
fn timeline(db: &mut Db, ticket: &Ticket, referrals: &[Referral]) -> Result<Vec<StepView>> {
    let shown: HashMap<&str, &str> = referrals
        .iter()
        .map(|referral| (referral.id.as_str(), referral.reference.as_str()))
        .chain([(ticket.id.as_str(), ticket.reference.as_str())])
        .collect();
    let subjects: Vec<String> = shown.keys().map(|id| (*id).to_owned()).collect();
    let steps = records::steps_of(db, &subjects)?;
    Ok(steps
        .into_iter()
        .filter_map(|step| {
            let subject = (*shown.get(step.subject_id.as_str())?).to_owned();
            Some(StepView { subject, kind: step.kind, at: step.at, by_role: step.actor_role, detail: step.detail })
        })
        .collect())
}

/// A referral for staff.
pub fn referral_view(db: &mut Db, referral: &Referral, ticket: &str, languages: &[String]) -> Result<ReferralView> {
    let hops = model::hops(db, &referral.id)?;
    let names = service_names(db, &hops, languages)?;
    let name =
        |id: &str| names.get(id).cloned().unwrap_or_else(|| ServiceName { id: String::new(), name: String::new() });
    Ok(ReferralView {
        id: referral.reference.clone(),
        version: referral.version,
        ticket: ticket.to_owned(),
        need: referral.need,
        state: referral.state,
        unroutable: referral.unroutable,
        service: name(&referral.service_id),
        due: ReferralDue { accepted: referral.accept_due, in_progress: referral.start_due },
        issued_at: referral.issued_at,
        accepted_at: referral.accepted_at,
        survivor_told: referral.told_at.is_some(),
        ended_at: referral.ended_at,
        reason: referral.reason.clone(),
        help_confirmed: referral.help_confirmed,
        named: hops
            .into_iter()
            .map(|hop| HopView {
                service: name(&hop.service_id),
                fields: hop.fields.split_whitespace().map(str::to_owned).collect(),
                partner_reference: hop.partner_reference,
                asked_at: hop.asked_at,
                left_at: hop.left_at,
                reason: hop.reason,
            })
            .collect(),
    })
}

fn service_names(db: &mut Db, hops: &[Hop], languages: &[String]) -> Result<HashMap<String, ServiceName>> {
    let ids: Vec<String> = hops.iter().map(|hop| hop.service_id.clone()).collect();
    let services = directory::services_by_ids(db, &ids)?;
    let first = languages.first().map_or("", String::as_str);
    Ok(services
        .into_iter()
        .map(|service| {
            let name = service.form.names.name_in(first, languages).to_owned();
            (service.id, ServiceName { id: service.reference, name })
        })
        .collect())
}
