//! What a partner sees who has no account: a link, a code, one referral.
//!
//! The letter brings a link. Opening it changes nothing, because mail programs open links by
//! themselves; it shows how soon an answer is needed and the partner's own reference. A button says
//! "I have seen it". The code, which was agreed another way, opens on that one device exactly what
//! she agreed to show this service, and the buttons to accept or decline and to say how it went on.
//! When the referral is called off, or her consent is taken back, the page is gone at once and
//! looks like any link that never was.
//!
//! The verbs: [`outside`], [`acknowledge`], [`enter_code`], [`inside`], [`answer`].

pub mod api;
mod model;
mod page;
mod shared;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use subtle::ConstantTimeEq;

pub use crate::directory::code_mac;
pub use shared::Shared;

use super::asking;
use super::clocks;
use super::model::{self as tickets, Hop, Referral, Ticket};
use super::moves::{self, Order};
use super::states::{Move, State};
use crate::cases;
use crate::clock::{HOUR, Instant};
use crate::contacts;
use crate::directory::{self, Areas, Service};
use crate::error::{Error, Result};
use crate::notifications::{self, Notification};
use crate::storage::{Db, Tx, random_bytes};
use crate::triage::Level;
use crate::vault::{Purpose, Vault};

/// Wrong codes after which a link takes no more.
const TRIES: i32 = 5;
/// How long an entered code holds on its device.
const VIEW_HOURS: i64 = 72;

/// What a link leads to.
pub(super) struct Door {
    notification: Notification,
    referral: Referral,
    hop: Hop,
    service: Service,
}

/// What anybody with the link sees.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OutsideView {
    /// The partner's own reference.
    pub reference: String,
    /// How soon.
    pub urgency: Level,
    /// Until when an answer is useful.
    pub answer_by: Instant,
    /// True once somebody said that they have seen it.
    pub acknowledged: bool,
    /// How many codes may still be tried; 0 is locked.
    pub tries_left: i32,
    #[serde(skip)]
    language: String,
}

/// What a partner sees after the code, or signed in.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PartnerView {
    /// The partner's own reference.
    pub reference: String,
    /// How soon.
    pub urgency: Level,
    /// Until when an answer is useful.
    pub answer_by: Instant,
    /// How it stands for this partner.
    pub standing: Standing,
    /// Exactly what she agreed to show this service, by field code; empty once it is over.
    #[serde(serialize_with = "by_code")]
    #[schemars(with = "std::collections::BTreeMap<String, Shared>")]
    pub fields: Vec<(&'static str, Shared)>,
    /// What she says at the door, once this service has accepted.
    pub arrival_word: Option<String>,
    /// Whether she knows where and when to come.
    pub survivor_told: bool,
    /// Until when this device sees it, after a code.
    pub open_until: Option<Instant>,
    #[serde(skip)]
    language: String,
}

/// How a referral stands for one partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It waits for this partner's answer.
    Waiting,
    /// This partner has accepted.
    Accepted,
    /// Help has begun here.
    InProgress,
    /// Help was given here.
    Completed,
    /// This partner declined, gave it back, or could not help.
    Left,
    /// Somebody else has answered.
    Elsewhere,
}

/// What became of a code.
pub enum Entry {
    /// It was right; the secret goes into this device's cookie, and nowhere else.
    Opened {
        /// The secret.
        secret: String,
        /// Until when it opens the view.
        until: Instant,
    },
    /// It was wrong; so many may still be tried.
    Wrong {
        /// How many.
        left: i32,
    },
    /// Too many were wrong.
    Locked,
}

/// Finds what a link leads to. Errors: 404, one and the same for a token that never was, is out of
/// date, was cancelled, or leads to something called off.
fn door(db: &mut Db, vault: &Vault, hours: i64, token: &str, now: Instant) -> Result<Door> {
    let notification = notifications::find_by_token(db, vault, token)?;
    if notification.created_at.plus(hours * HOUR) <= now {
        return Err(Error::NotFound);
    }
    let referral = tickets::referral(db, notification.referral_id.as_deref().ok_or(Error::NotFound)?)?;
    let hops = tickets::hops(db, &referral.id)?;
    let own = |hop: &Hop| Some(&hop.service_id) == notification.service_id.as_ref() && hop.asked_at.is_some();
    let hop = hops.into_iter().find(own).ok_or(Error::NotFound)?;
    let withdrawn = hop.reason.as_deref() == Some(super::states::CancelReason::ConsentWithdrawn.code());
    if referral.state == State::Cancelled || withdrawn {
        return Err(Error::NotFound);
    }
    // A letter taken back leads nowhere, unless its reader has answered: an answer that comes while
    // the letter is still being sent ends the sending, and must not shut the door behind itself.
    let answered = match standing(&referral, &hop) {
        Standing::Elsewhere => false,
        Standing::Waiting => referral.state == State::Received && hop.left_at.is_none(),
        Standing::Accepted | Standing::InProgress | Standing::Completed | Standing::Left => true,
    };
    if notification.state == notifications::State::Cancelled && !answered {
        return Err(Error::NotFound);
    }
    let service = directory::service_by_id(db, &hop.service_id)?;
    let case_id = tickets::ticket(db, &referral.ticket_id)?.case_id;
    let hidden = cases::blocked(db, &case_id)?.organisations.contains(&service.organisation.id);
    if hidden || !cases::holds(db, &hop.consent_id, now)? {
        return Err(Error::NotFound);
    }
    Ok(Door { notification, referral, hop, service })
}

fn door_of(tx: &mut Tx<'_>, token: &str) -> Result<Door> {
    let setting = tx.setting;
    door(tx.db, &setting.vault, setting.config.partner.link_hours, token, tx.now)
}

/// What anybody with the link sees. Changes nothing. Errors: 404.
pub fn outside(db: &mut Db, vault: &Vault, hours: i64, token: &str, now: Instant) -> Result<OutsideView> {
    Ok(door(db, vault, hours, token, now)?.outside(now))
}

impl Door {
    fn outside(&self, now: Instant) -> OutsideView {
        OutsideView {
            reference: self.hop.partner_reference.clone(),
            urgency: clocks::level(&self.referral.level),
            answer_by: asking::answer_by(&self.referral, now),
            acknowledged: self.referral.state != State::Requested || self.standing() != Standing::Waiting,
            tries_left: (TRIES - self.notification.code_failures).max(0),
            language: self.service.form.letter_language.code().to_owned(),
        }
    }

    fn standing(&self) -> Standing {
        standing(&self.referral, &self.hop)
    }
}

fn standing(referral: &Referral, hop: &Hop) -> Standing {
    let asked_now = hop.position == referral.hop && hop.left_at.is_none();
    let passed_over = hop.reason.as_deref() == Some(Move::Reroute.code());
    match referral.state {
        State::Requested | State::Received if asked_now || passed_over => Standing::Waiting,
        State::Accepted if asked_now => Standing::Accepted,
        State::InProgress if asked_now => Standing::InProgress,
        State::Completed if asked_now => Standing::Completed,
        _ if hop.left_at.is_some() && !passed_over && hop.reason.as_deref() != Some("answered_elsewhere") => {
            Standing::Left
        }
        _ => Standing::Elsewhere,
    }
}

/// Somebody at the partner has seen it. Pressed again, or when more has happened since, it changes
/// nothing. Errors: 404.
pub fn acknowledge(tx: &mut Tx<'_>, token: &str) -> Result<OutsideView> {
    let door = door_of(tx, token)?;
    if door.referral.state == State::Requested && door.hop.position == door.referral.hop && door.hop.left_at.is_none() {
        moves::make_by_link(tx, &door.referral, door.hop, &Order::Acknowledge)?;
        return Ok(door_of(tx, token)?.outside(tx.now));
    }
    Ok(door.outside(tx.now))
}

/// Tries a code. A wrong one is counted, and written down; so the outcome is not an error. Errors:
/// 404.
pub fn enter_code(tx: &mut Tx<'_>, token: &str, code: &str) -> Result<Entry> {
    let door = door_of(tx, token)?;
    let subject = ("referral", door.referral.reference.as_str());
    if door.notification.code_failures >= TRIES {
        tx.trail_outcome("partners.code", subject, Some("locked"), "denied")?;
        return Ok(Entry::Locked);
    }
    let expected = door.service.partner_code_mac.as_deref().unwrap_or_default();
    let given = code_mac(&tx.setting.vault, &door.service.id, code);
    if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        model::count_failure(tx.db, &door.notification)?;
        tx.trail_outcome("partners.code", subject, Some("wrong"), "denied")?;
        return Ok(Entry::Wrong { left: TRIES - door.notification.code_failures - 1 });
    }
    let secret = hex(&random_bytes::<32>()?);
    let link_ends = door.notification.created_at.plus(tx.setting.config.partner.link_hours * HOUR);
    let until = tx.now.plus(VIEW_HOURS * HOUR).min(link_ends);
    let hash = device_hash(&tx.setting.vault, &door.notification, &secret);
    model::open(tx.db, &hash, &door.notification.id, tx.now, until)?;
    tx.trail("partners.code", subject, None)?;
    Ok(Entry::Opened { secret, until })
}
/// What she agreed to show, for a device that knew the code; `None` for any other. Leaves its row
/// in the trail. Errors: 404.
pub fn inside(tx: &mut Tx<'_>, areas: &Areas, token: &str, secret: &str) -> Result<Option<PartnerView>> {
    let door = door_of(tx, token)?;
    let Some(until) = open_until(tx, &door, secret)? else { return Ok(None) };
    let ticket = tickets::ticket(tx.db, &door.referral.ticket_id)?;
    let view = opened(tx, areas, &door.referral, &ticket, &door.hop)?;
    Ok(Some(PartnerView { open_until: Some(until), ..view }))
}

/// Answers, on a device that knew the code. Errors: 401 for any other; 404; those of a move.
pub fn answer(tx: &mut Tx<'_>, areas: &Areas, token: &str, secret: &str, order: &Order) -> Result<PartnerView> {
    let door = door_of(tx, token)?;
    open_until(tx, &door, secret)?.ok_or(Error::SignedOut)?;
    moves::make_by_link(tx, &door.referral, door.hop, order)?;
    inside(tx, areas, token, secret)?.ok_or(Error::NotFound)
}

fn open_until(tx: &mut Tx<'_>, door: &Door, secret: &str) -> Result<Option<Instant>> {
    let hash = device_hash(&tx.setting.vault, &door.notification, secret);
    model::open_until(tx.db, &hash, &door.notification.id, tx.now)
}

fn device_hash(vault: &Vault, notification: &Notification, secret: &str) -> String {
    hex(&vault.mac(Purpose::PartnerDevice, &[notification.id.as_bytes(), secret.as_bytes()]))
}

/// A referral as one service may see it: the fields on its own hop while it waits or is at work,
/// nothing about her before or after. Opening them leaves its row in the trail.
pub(super) fn opened(
    tx: &mut Tx<'_>,
    areas: &Areas,
    referral: &Referral,
    ticket: &Ticket,
    hop: &Hop,
) -> Result<PartnerView> {
    let standing = standing(referral, hop);
    let service = directory::service_by_id(tx.db, &hop.service_id)?;
    let language = service.form.letter_language.code().to_owned();
    let at_work = matches!(standing, Standing::Accepted | Standing::InProgress);
    let fields = if at_work || standing == Standing::Waiting {
        let summary = contacts::summary(tx, &ticket.contact_id)?;
        tx.trail("referrals.show_partner", ("referral", &referral.reference), None)?;
        let case = cases::model::by_id(tx.db, &ticket.case_id)?;
        let terms = cases::terms(tx, &case)?;
        let known = shared::Known { referral, summary: &summary, terms: terms.as_ref(), areas, now: tx.now };
        shared::fields(hop, &known)
    } else {
        Vec::new()
    };
    Ok(PartnerView {
        reference: hop.partner_reference.clone(),
        urgency: clocks::level(&referral.level),
        answer_by: asking::answer_by(referral, tx.now),
        standing,
        fields,
        arrival_word: at_work.then(|| hop.arrival_word.clone()),
        survivor_told: referral.told_at.is_some(),
        open_until: None,
        language,
    })
}

fn by_code<S: Serializer>(fields: &[(&'static str, Shared)], to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_map(fields.iter().map(|(code, value)| (code, value)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Closes every view that partners have open, on every device: links and codes open new ones.
pub fn end_all_views(tx: &mut Tx<'_>) -> Result<usize> {
    model::close_all(tx.db)
}
