//! Whom to ask: the services she said yes to by name, one at a time, in her order.

use super::clocks;
use super::escalation;
use super::letter::{self, Facts};
use super::model::{self, Hop, Referral, Ticket};
use super::states::State;
use crate::cases;
use crate::clock::Instant;
use crate::directory::{self, Endpoint, EndpointChannel, Service, ServiceStatus};
use crate::error::{Error, Result};
use crate::notifications::{self, Channel, GIVE_UP_AFTER, Letter, Promise};
use crate::storage::{Db, Tx, random_bytes};

/// Everyday words for the door; none says anything about why she comes.
const WORDS: &str = include_str!("../../config/arrival_words.txt");

/// True while a service has a place that nobody was promised.
pub fn has_room(db: &mut Db, service: &Service) -> Result<bool> {
    let accepted = model::accepted_since(db, &service.id, service.capacity_stated_at)?;
    Ok(service.form.capacity.free(accepted).is_none_or(|free| free > 0))
}

/// The next service in her order that may be asked now: not asked before, active, with room, and
/// not one that must not know.
pub fn next(tx: &mut Tx<'_>, ticket: &Ticket, hops: &[Hop]) -> Result<Option<(Hop, Service)>> {
    let blocked = cases::blocked(tx.db, &ticket.case_id)?;
    for hop in hops.iter().filter(|hop| hop.asked_at.is_none() && hop.left_at.is_none()) {
        let service = directory::service_by_id(tx.db, &hop.service_id)?;
        let open = service.status() == ServiceStatus::Active
            && !blocked.organisations.contains(&service.organisation.id)
            && cases::holds(tx.db, &hop.consent_id, tx.now)?;
        if open && has_room(tx.db, &service)? {
            return Ok(Some((hop.clone(), service)));
        }
    }
    Ok(None)
}

/// Asks a service: notes the hop and promises the letter, as part of the same transaction. The
/// referral is changed in memory; its caller saves it. Every way to a partner leads through here, so
/// here her consent must hold. Errors: 409 when it does not, or when that partner must not know.
pub fn ask(tx: &mut Tx<'_>, referral: &mut Referral, hop: Hop, service: &Service) -> Result<()> {
    if !cases::holds(tx.db, &hop.consent_id, tx.now)? {
        return Err(Error::conflict("no_consent"));
    }
    let ticket = model::ticket(tx.db, &referral.ticket_id)?;
    if cases::blocked(tx.db, &ticket.case_id)?.organisations.contains(&service.organisation.id) {
        return Err(Error::conflict("no_consent"));
    }
    referral.state = State::Requested;
    referral.unroutable = false;
    referral.service_id.clone_from(&service.id);
    referral.hop = hop.position;
    let hop = Hop { asked_at: Some(tx.now), left_at: None, reason: None, ..hop };
    model::save_hop(tx.db, &hop)?;
    tx.step(("referral", &referral.id), "asked", Some(&service.reference))?;
    escalation::begin(tx, referral);
    let letter = letter_to(tx, referral, &hop, service, LetterKind::Request);
    promise(tx, referral, service, &letter, 0).map(|_| ())
}

/// Nobody she named is left: she is asked again, and a coordinator sees it on the board.
pub fn nobody_left(tx: &mut Tx<'_>, referral: &mut Referral) -> Result<()> {
    referral.state = State::Requested;
    referral.unroutable = true;
    tx.step(("referral", &referral.id), "unroutable", None)
}

/// Writes to the service again, to the address with this place among those that take letters. False
/// when there is none.
pub(super) fn write_again(
    tx: &mut Tx<'_>,
    referral: &Referral,
    hop: &Hop,
    service: &Service,
    (kind, place): (LetterKind, usize),
) -> Result<bool> {
    let letter = letter_to(tx, referral, hop, service, kind);
    promise(tx, referral, service, &letter, place)
}

/// Which letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LetterKind {
    /// The one that asks.
    Request,
    /// The one that reminds.
    Reminder,
}

struct Written {
    kind: &'static str,
    letter: Letter,
}

fn letter_to(tx: &Tx<'_>, referral: &Referral, hop: &Hop, service: &Service, kind: LetterKind) -> Written {
    let facts = Facts {
        language: service.form.letter_language.code(),
        reference: &hop.partner_reference,
        level: clocks::level(&referral.level),
        answer_by: answer_by(referral, tx.now),
        zone: tx.setting.config.place.time_zone,
    };
    match kind {
        LetterKind::Request => Written { kind: "request", letter: letter::request(&facts) },
        LetterKind::Reminder => Written { kind: "reminder", letter: letter::reminder(&facts) },
    }
}

/// Promises a neutral letter to one of the service's addresses that take letters; false when it has
/// none at that place. Without a first one somebody has to phone; the step says so.
fn promise(tx: &mut Tx<'_>, referral: &Referral, service: &Service, written: &Written, place: usize) -> Result<bool> {
    let Some((channel, endpoint)) = addresses(tx.db, &service.id)?.into_iter().nth(place) else {
        if place == 0 {
            tx.step(("referral", &referral.id), "no_address", Some(&service.reference))?;
        }
        return Ok(false);
    };
    let promise = Promise {
        referral_id: Some(referral.id.clone()),
        case_id: Some(model::ticket(tx.db, &referral.ticket_id)?.case_id),
        service_id: Some(service.id.clone()),
        endpoint_id: endpoint.id,
        channel,
        address: endpoint.address,
        kind: written.kind.to_owned(),
        // A service asked again gets a new letter; versions only grow.
        revision: referral.version,
        urgent: clocks::is_urgent(clocks::level(&referral.level)),
        letter: written.letter.clone(),
        give_up_after: GIVE_UP_AFTER,
    };
    notifications::promise(tx, &promise).map(|_| true)
}

/// The addresses of a service that take letters, in their order.
pub(super) fn addresses(db: &mut Db, service_id: &str) -> Result<Vec<(Channel, Endpoint)>> {
    let endpoints = directory::endpoints_of(db, service_id)?.into_iter();
    Ok(endpoints.filter_map(|endpoint| Some((channel(endpoint.channel)?, endpoint))).collect())
}

/// Until when an answer is useful: acceptance is due, or, when that has passed, help itself.
pub fn answer_by(referral: &Referral, now: Instant) -> Instant {
    if referral.accept_due > now { referral.accept_due } else { referral.start_due.max(now) }
}

fn channel(of: EndpointChannel) -> Option<Channel> {
    match of {
        EndpointChannel::Email => Some(Channel::Email),
        EndpointChannel::Webhook => Some(Channel::Webhook),
        EndpointChannel::Phone | EndpointChannel::Paper => None,
    }
}

/// A word for the door that this service does not expect from anybody else at present.
pub fn arrival_word(tx: &mut Tx<'_>, service_id: &str) -> Result<String> {
    let taken = model::words_in_use(tx.db, service_id)?;
    let words: Vec<&str> = WORDS.lines().collect();
    let [first] = random_bytes::<1>()?;
    let mut turned = words.iter().cycle().skip(usize::from(first)).take(words.len());
    let free = turned.clone().find(|word| !taken.iter().any(|used| used == *word));
    // More expected at one door than there are words: then a word is used twice.
    free.or_else(|| turned.next()).map(|word| (*word).to_owned()).ok_or(Error::Internal("no arrival words"))
}
