//! Signing in, and what a session is good for.
//!
//! The slow part, hashing, happens before the transaction. The transaction then decides: whether
//! the name must wait, whether the code was spent, and what is kept of it. A name that failed must
//! wait longer each time, up to five minutes, whether or not anybody has it: nobody is locked out
//! for good, and nobody learns which names exist.

use super::door::Door;
use super::model::{self, Delay, NewSession, Session, Staff};
use super::passphrase::Compared;
use super::{hex, needs_second_factor, second_factor};
use crate::access::Actor;
use crate::access::token::{Bearer, TokenKey};
use crate::clock::{DAY, HOUR, Instant, SECOND};
use crate::error::{Error, Result};
use crate::state::App;
use crate::storage::{By, Tx, random_bytes};
use crate::vault::{Purpose, Sensitive, Vault};

/// The longest wait between two attempts under one name.
const LONGEST_WAIT: i64 = 300 * SECOND;
/// A name that did not fail for this long starts anew.
const FORGIVEN_AFTER: i64 = HOUR;
/// Ended sessions are kept this long for their owner's questions.
const SESSIONS_KEPT: i64 = 30 * DAY;
/// Characters of an opaque session token: 256 bits in hexadecimal.
const SESSION_TOKEN: usize = 64;

/// What somebody typed to sign in.
#[derive(Clone)]
pub struct Attempt {
    /// The staff number, as typed.
    pub name: String,
    /// The passphrase in NFC.
    pub passphrase: Sensitive<String>,
    /// The second factor's digits, if any.
    pub code: Option<Sensitive<String>>,
}

/// A session that has just begun.
pub struct Opened {
    /// The opaque token; only its keyed hash is stored.
    pub token: Sensitive<String>,
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub staff: Staff,
}

/// An access token and its life.
pub struct Minted {
    /// The token.
    pub access_token: String,
    /// Seconds it lives.
    pub expires_in: i64,
}

/// Name, passphrase and code were right, so far as could be told outside the transaction.
#[derive(Clone)]
struct Recognised {
    staff: Staff,
    step: Option<i64>,
    renewed_hash: Option<String>,
}

/// Signs in: a new session, or the same 401 for every mistake.
///
/// # Errors
/// 401 when anything does not match; 429 while the name must wait; 503 when hashing or storage is
/// not to be had.
pub async fn sign_in(app: &App, door: &Door, attempt: &Attempt, request: &str) -> Result<Opened> {
    let name = attempt.name.to_ascii_lowercase();
    let mac = name_mac(&app.vault, &name);
    let (now, read_mac) = (app.clock.now(), mac.clone());
    let staff = app.store.read(move |db| {
        must_not_wait(model::delay(db, &read_mac)?, now)?;
        model::find_named(db, &name)
    });
    let staff = staff.await?;
    let reference = staff.as_ref().map(|staff| staff.reference.clone());
    if let Some(recognised) = recognise(app, door, staff.filter(|staff| staff.active), attempt).await? {
        let mac = mac.clone();
        let by = by(&recognised.staff, request);
        let opened = app.store.write(by, move |tx| open(tx, &recognised, &mac)).await?;
        if let Some(opened) = opened {
            return Ok(opened);
        }
    }
    refuse(app, door, mac, reference, request).await?;
    Err(Error::WrongCredentials)
}

/// Compares passphrase and code. Takes as long when there is nobody to compare with.
async fn recognise(app: &App, door: &Door, staff: Option<Staff>, attempt: &Attempt) -> Result<Option<Recognised>> {
    let hash = staff.as_ref().map(|staff| staff.passphrase_hash.clone());
    let compared = door.hashing.compare(&attempt.passphrase, hash).await?;
    let Some(staff) = staff else { return Ok(None) };
    let renewed_hash = match compared {
        Compared::Different => return Ok(None),
        Compared::Same => None,
        Compared::SameButOld(hash) => Some(hash),
    };
    let step = match (&staff.totp_secret, &attempt.code) {
        (Some(sealed), Some(code)) => {
            let whose = (staff.id.as_str(), sealed.as_slice());
            let now = app.clock.now();
            match second_factor::step_of(&app.vault, whose, code.reveal(), now, staff.totp_last_step)? {
                Some(step) => Some(step),
                None => return Ok(None),
            }
        }
        (Some(_), None) => return Ok(None),
        // Such an account is not made; should one come to be, it stays shut until it is reset.
        (None, _) if needs_second_factor(staff.role) => return Ok(None),
        (None, _) => None,
    };
    Ok(Some(Recognised { staff, step, renewed_hash }))
}

/// `None` when, since it was recognised, the code was spent or the account changed.
fn open(tx: &mut Tx<'_>, recognised: &Recognised, mac: &str) -> Result<Option<Opened>> {
    // Also those who guessed right must wait: many guesses at once gain nothing over one.
    must_not_wait(model::delay(tx.db, mac)?, tx.now)?;
    let staff = &recognised.staff;
    let current = model::get(tx.db, &staff.id)?;
    let unchanged =
        current.active && current.passphrase_hash == staff.passphrase_hash && current.totp_secret == staff.totp_secret;
    if !unchanged {
        return Ok(None);
    }
    if let Some(step) = recognised.step
        && !model::spend_step(tx, &staff.id, step)?
    {
        return Ok(None);
    }
    if let Some(hash) = &recognised.renewed_hash {
        model::renew_hash(tx, &staff.id, &staff.passphrase_hash, hash)?;
    }
    model::clear_delay(tx, mac)?;
    model::forget_sessions(tx, &staff.id, tx.now.plus(-SESSIONS_KEPT))?;
    begin_session(tx, current).map(Some)
}

fn begin_session(tx: &mut Tx<'_>, staff: Staff) -> Result<Opened> {
    let token = hex(&random_bytes::<32>()?);
    let hours = tx.setting.config.staff.session_hours;
    let session = Session { id: tx.new_reference('N')?, created_at: tx.now, expires_at: tx.now.plus(hours * HOUR) };
    let row = NewSession {
        id: &session.id,
        token_hash: &session_mac(&tx.setting.vault, &token),
        staff_id: &staff.id,
        created_at: session.created_at,
        expires_at: session.expires_at,
        seen_at: tx.now,
    };
    model::insert_session(tx, &row)?;
    tx.trail("sessions.begin", ("session", &session.id), None)?;
    Ok(Opened { token: Sensitive::from(token), session, staff })
}

/// Counts a failure and lets the name wait.
///
/// # Errors
/// 429 when the name must wait already: guesses made at once count as one.
pub(super) async fn refuse(
    app: &App,
    door: &Door,
    mac: String,
    reference: Option<String>,
    request: &str,
) -> Result<()> {
    // A name nobody has is never kept: it may be a passphrase in the wrong field.
    let strangers = if reference.is_none() { door.stranger(app.clock.now()) } else { None };
    let nobody = By { id: None, name: "unknown".into(), role: "unknown", request: request.to_owned() };
    let write = app.store.write(nobody, move |tx| {
        let failures = count_failure(tx, &mac)?;
        let (subject, times) = match &reference {
            // The first, second, fourth, eighth …: enough to see it, too few to fill a disk.
            Some(reference) => (reference.as_str(), u32::try_from(failures).ok().filter(|n| n.is_power_of_two())),
            None => ("unknown", strangers),
        };
        match times {
            Some(times) => {
                tx.trail_outcome("sessions.begin", ("staff", subject), Some(&format!("times:{times}")), "denied")
            }
            None => Ok(()),
        }
    });
    write.await
}

/// How many failures in a row that makes.
fn count_failure(tx: &mut Tx<'_>, mac: &str) -> Result<i32> {
    let read = model::delay(tx.db, mac)?;
    must_not_wait(read, tx.now)?;
    let recent = read.filter(|delay| tx.now.since(delay.wait_until) < FORGIVEN_AFTER);
    let failures = recent.map_or(0, |delay| delay.failures).saturating_add(1);
    model::set_delay(tx, mac, read, Delay { failures, wait_until: tx.now.plus(wait_after(failures)) })?;
    // Now and then; a name is three numbers, and hashing bounds how many names an hour can bring.
    if random_bytes::<1>()? == [0] {
        model::forget_delays(tx, tx.now.plus(-FORGIVEN_AFTER))?;
    }
    Ok(failures)
}

/// 1 s after the first failure, then twice as long each time, up to five minutes.
fn wait_after(failures: i32) -> i64 {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(9);
    (SECOND << doublings).min(LONGEST_WAIT)
}

/// Errors: 429 while the name must wait.
pub(super) fn must_not_wait(delay: Option<Delay>, now: Instant) -> Result<()> {
    let wait = delay.map_or(0, |delay| delay.wait_until.since(now));
    // More than the longest was written before the clock was set back: that shuts nobody out.
    if (1..=LONGEST_WAIT).contains(&wait) {
        return Err(Error::TooMany { retry_after: wait.unsigned_abs().div_ceil(SECOND.unsigned_abs()) });
    }
    Ok(())
}

/// A new access token for a live session.
///
/// # Errors
/// 401 when the session is unknown, ended, locked or over, or its owner deactivated.
pub async fn token_from_session(app: &App, tokens: &TokenKey, session: &Sensitive<String>) -> Result<Minted> {
    if session.reveal().len() != SESSION_TOKEN {
        return Err(Error::SignedOut);
    }
    let mac = session_mac(&app.vault, session.reveal());
    let now = app.clock.now();
    let found = app.store.read(move |db| model::live_session(db, &mac, now)).await?;
    let (session, staff) = found.ok_or(Error::SignedOut)?;
    mint(app, tokens, &session, &staff)
}

/// An access token for this session of this person.
///
/// # Errors
/// 503 when the operating system gives no random bytes.
pub fn mint(app: &App, tokens: &TokenKey, session: &Session, staff: &Staff) -> Result<Minted> {
    let minutes = app.config.staff.token_minutes;
    let bearer = Bearer { sub: &staff.reference, sid: &session.id, role: staff.role.code() };
    let access_token = tokens.mint(bearer, app.clock.now(), minutes)?;
    Ok(Minted { access_token, expires_in: minutes * 60 })
}

/// Ends the actor's own session of this key, and every token made from it.
///
/// # Errors
/// 404 when it is not one of theirs or has ended.
pub fn sign_out(tx: &mut Tx<'_>, actor: &Actor, session: &str) -> Result<()> {
    if !model::end_session(tx, &actor.id, session)? {
        return Err(Error::NotFound);
    }
    tx.trail("sessions.end", ("session", session), None)
}

/// Under which a name's failures are kept.
pub(super) fn name_mac(vault: &Vault, name: &str) -> String {
    hex(&vault.mac(Purpose::Session, &[b"name", name.as_bytes()]))
}

fn session_mac(vault: &Vault, token: &str) -> String {
    hex(&vault.mac(Purpose::Session, &[b"token", token.as_bytes()]))
}

fn by(staff: &Staff, request: &str) -> By {
    By { id: Some(staff.id.clone()), name: staff.name.clone(), role: staff.role.code(), request: request.to_owned() }
}
