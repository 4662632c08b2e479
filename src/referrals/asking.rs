//! Whom to ask: the services she said yes to by name, one at a time, in her order.

use super::clocks;
use super::letter::{self, Facts};
use super::model::{self, Hop, Referral, Ticket};
use super::states::State;
use crate::cases;
use crate::clock::Instant;
use crate::directory::{self, EndpointChannel, Service, ServiceStatus};
use crate::error::{Error, Result};
use crate::notifications::{self, Channel, GIVE_UP_AFTER, Promise};
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
    promise(tx, referral, &hop, service)
}

/// Nobody she named is left: she is asked again, and a coordinator sees it on the board.
pub fn nobody_left(tx: &mut Tx<'_>, referral: &mut Referral) -> Result<()> {
    referral.state = State::Requested;
    referral.unroutable = true;
    tx.step(("referral", &referral.id), "unroutable", None)
}

/// Promises the neutral letter to the service's first address that takes letters. Without one,
/// somebody has to phone; the step says so.
fn promise(tx: &mut Tx<'_>, referral: &Referral, hop: &Hop, service: &Service) -> Result<()> {
    let endpoints = directory::endpoints_of(tx.db, &service.id)?;
    let mail = endpoints.into_iter().find_map(|endpoint| Some((channel(endpoint.channel)?, endpoint)));
    let Some((channel, endpoint)) = mail else {
        return tx.step(("referral", &referral.id), "no_address", Some(&service.reference));
    };
    let level = clocks::level(&referral.level);
    let facts = Facts {
        language: service.form.letter_language.code(),
        reference: &hop.partner_reference,
        level,
        answer_by: answer_by(referral, tx.now),
        zone: tx.setting.config.place.time_zone,
    };
    let promise = Promise {
        referral_id: Some(referral.id.clone()),
        service_id: Some(service.id.clone()),
        endpoint_id: endpoint.id,
        channel,
        address: endpoint.address,
        kind: "request".to_owned(),
        // A service asked again gets a new letter; versions only grow.
        revision: referral.version,
        urgent: clocks::is_urgent(level),
        letter: letter::request(&facts),
        give_up_after: GIVE_UP_AFTER,
    };
    notifications::promise(tx, &promise).map(|_| ())
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
