//! Accounts: made, reset, deactivated, and their secrets changed.

use super::door::Door;
use super::model::{self, NewStaff, Staff};
use super::passphrase::{self, Compared, Hashing};
use super::{second_factor, sign_in};
use crate::access::{Actor, Role};
use crate::error::{Error, Problem, Result};
use crate::state::App;
use crate::storage::Tx;
use crate::vault::Sensitive;

/// An account that may be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    name: String,
    role: Role,
    organisation: Option<String>,
    second_factor: bool,
}

impl NewAccount {
    /// `organisation` is the reference of a partner's organisation. `second_factor` asks for one
    /// where the role does not need it.
    ///
    /// # Errors
    /// 422: the name is not 2 to 32 of `a-z`, `0-9` and `-`; or only partners belong to an
    /// organisation, and every partner does.
    pub fn new(name: &str, role: Role, organisation: Option<String>, second_factor: bool) -> Result<NewAccount> {
        let mut problems = Vec::new();
        let mut problem = |pointer: &str, code| {
            problems.push(Problem { pointer: pointer.to_owned(), code, allowed: None });
        };
        if !is_staff_number(name) {
            problem("/name", "not_a_staff_number");
        }
        match (role, &organisation) {
            (Role::Partner, None) => problem("/organisation", "required"),
            (Role::Partner, Some(_)) | (_, None) => {}
            (_, Some(_)) => problem("/organisation", "only_for_partners"),
        }
        let second_factor = second_factor || needs_second_factor(role);
        match problems.is_empty() {
            true => Ok(NewAccount { name: name.to_owned(), role, organisation, second_factor }),
            false => Err(Error::Invalid(problems)),
        }
    }
}

/// Secrets drawn for an account, before the transaction that stores them: hashing takes too long to
/// be done inside. Shown once, to whoever hands them over.
#[derive(Clone)]
pub struct Credentials {
    passphrase: Sensitive<String>,
    hash: String,
    second_factor: Sensitive<Vec<u8>>,
}

impl Credentials {
    /// Draws them. For threads that may wait.
    ///
    /// # Errors
    /// 503 when there are no random bytes or no memory.
    pub fn draw_blocking(hashing: &Hashing) -> Result<Credentials> {
        Self::with_blocking(hashing, passphrase::draw()?)
    }

    /// The same with a passphrase of one's own, which must be long enough to stand alone.
    ///
    /// # Errors
    /// 422 when it is too short; 503 as above.
    pub fn with_blocking(hashing: &Hashing, passphrase: Sensitive<String>) -> Result<Credentials> {
        passphrase::long_enough(&passphrase, false).map_err(|code| Error::invalid("/passphrase", code))?;
        let hash = hashing.hash_blocking(&passphrase)?;
        Ok(Credentials { passphrase, hash, second_factor: second_factor::draw()? })
    }

    /// Draws them in line, off the async threads.
    ///
    /// # Errors
    /// 503 when the line does not move.
    pub async fn draw(hashing: &Hashing) -> Result<Credentials> {
        let passphrase = passphrase::draw()?;
        let hash = hashing.hash(&passphrase).await?;
        Ok(Credentials { passphrase, hash, second_factor: second_factor::draw()? })
    }

    /// The passphrase, to hand over.
    pub fn passphrase(&self) -> &Sensitive<String> {
        &self.passphrase
    }

    /// The second factor's secret in base32, if this account was given it.
    pub fn totp_secret(&self, staff: &Staff) -> Option<Sensitive<String>> {
        staff.has_second_factor().then(|| second_factor::spelled(&self.second_factor))
    }
}

/// Roles that see or decide more than one call do not sign in with a passphrase alone.
pub fn needs_second_factor(role: Role) -> bool {
    matches!(role, Role::Coordinator | Role::Admin | Role::Auditor)
}

/// 2 to 32 characters of `a-z`, `0-9` and `-`.
fn is_staff_number(name: &str) -> bool {
    (2..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Makes an account. The caller hands over the credentials.
///
/// # Errors
/// 409 `name_taken`, also by a deactivated account; 422 for an organisation that is not there.
pub fn create(tx: &mut Tx<'_>, form: &NewAccount, credentials: &Credentials) -> Result<Staff> {
    let organisation_id = match &form.organisation {
        Some(reference) => {
            let known = model::organisation(tx.db, reference)?;
            Some(known.ok_or_else(|| Error::invalid("/organisation", "unknown"))?)
        }
        None => None,
    };
    let (id, reference) = (tx.new_id()?, tx.new_reference('W')?);
    let totp = match form.second_factor {
        true => Some(second_factor::seal(&tx.setting.vault, &id, &credentials.second_factor)?),
        false => None,
    };
    let row = NewStaff {
        id: &id,
        reference: &reference,
        version: 1,
        name: &form.name,
        role: form.role,
        organisation_id: organisation_id.as_deref(),
        passphrase_hash: &credentials.hash,
        totp_secret: totp.as_deref(),
        totp_last_step: 0,
        active: true,
        created_at: tx.now,
        updated_at: tx.now,
    };
    model::insert(tx, &row)?.ok_or_else(|| Error::conflict("name_taken"))?;
    tx.trail("staff.create", ("staff", &reference), Some(form.role.code()))?;
    model::get(tx.db, &id)
}

/// Shuts an account for good and ends its sessions.
///
/// # Errors
/// 404; 409 `own_account`; 409 `inactive` when it is shut already.
pub fn deactivate(tx: &mut Tx<'_>, reference: &str) -> Result<Staff> {
    let staff = model::find(tx.db, reference)?;
    if tx.by.id.as_deref() == Some(&staff.id) {
        return Err(Error::conflict("own_account"));
    }
    if !model::deactivate(tx, &staff.id)? {
        return Err(Error::conflict("inactive"));
    }
    end_all(tx, &staff)?;
    tx.trail("staff.deactivate", ("staff", reference), None)?;
    model::get(tx.db, &staff.id)
}

/// Replaces the passphrase, and the second factor where there is one or must be, and ends all
/// sessions. The caller hands over the credentials.
///
/// # Errors
/// 404; 409 `inactive`.
pub fn reset(tx: &mut Tx<'_>, reference: &str, credentials: &Credentials) -> Result<Staff> {
    let staff = model::find(tx.db, reference)?;
    set_passphrase(tx, &staff, &credentials.hash)?;
    if staff.has_second_factor() || needs_second_factor(staff.role) {
        set_second_factor(tx, &staff, &credentials.second_factor)?;
    }
    model::clear_delay(tx, &sign_in::name_mac(&tx.setting.vault, &staff.name))?;
    end_all(tx, &staff)?;
    model::get(tx.db, &staff.id)
}

/// Keeps the hash of a new passphrase, whose length was checked before it was hashed.
///
/// # Errors
/// 409 `inactive`.
pub fn set_passphrase(tx: &mut Tx<'_>, staff: &Staff, hash: &str) -> Result<()> {
    if !model::set_passphrase(tx, &staff.id, hash)? {
        return Err(Error::conflict("inactive"));
    }
    tx.trail("staff.passphrase", ("staff", &staff.reference), None)
}

/// Seals a new second factor. There is no verb to remove one: a short passphrase may lean on it.
///
/// # Errors
/// 409 `inactive`.
pub fn set_second_factor(tx: &mut Tx<'_>, staff: &Staff, secret: &Sensitive<Vec<u8>>) -> Result<()> {
    let sealed = second_factor::seal(&tx.setting.vault, &staff.id, secret)?;
    if !model::set_second_factor(tx, &staff.id, &sealed)? {
        return Err(Error::conflict("inactive"));
    }
    tx.trail("staff.second_factor", ("staff", &staff.reference), None)
}

/// Ends every session of this person, and so every token. Gives how many that were.
///
/// # Errors
/// Those of storage.
pub fn end_all(tx: &mut Tx<'_>, staff: &Staff) -> Result<usize> {
    let ended = model::end_sessions(tx, &staff.id, None)?;
    if ended > 0 {
        tx.trail("sessions.end_all", ("staff", &staff.reference), None)?;
    }
    Ok(ended)
}

/// One's own passphrase, known and new. Ends one's other sessions. A wrong one counts as a failed
/// sign-in, so that a borrowed screen is no place to guess.
///
/// # Errors
/// 422 when the known one is wrong, or the new one is too short or the same; 429, 503 as in
/// [`sign_in`].
pub async fn change_passphrase(
    app: &App,
    door: &Door,
    actor: &Actor,
    known: &Sensitive<String>,
    new: &Sensitive<String>,
) -> Result<()> {
    let (id, mac, now) = (actor.id.clone(), sign_in::name_mac(&app.vault, &actor.name), app.clock.now());
    let read_mac = mac.clone();
    let staff = app.store.read(move |db| {
        sign_in::must_not_wait(model::delay(db, &read_mac)?, now)?;
        model::get(db, &id)
    });
    let staff = staff.await?;
    passphrase::long_enough(new, staff.has_second_factor()).map_err(|code| Error::invalid("/new_passphrase", code))?;
    if door.hashing.compare(known, Some(staff.passphrase_hash.clone())).await? == Compared::Different {
        sign_in::refuse(app, door, mac, Some(staff.reference), &actor.request).await?;
        return Err(Error::invalid("/passphrase", "wrong"));
    }
    if known.reveal() == new.reveal() {
        return Err(Error::invalid("/new_passphrase", "unchanged"));
    }
    let hash = door.hashing.hash(new).await?;
    let session = actor.session_id.clone();
    let write = app.store.write(actor.by(), move |tx| {
        sign_in::must_not_wait(model::delay(tx.db, &mac)?, tx.now)?;
        // A reset while the two hashes were computed has the last word.
        if !model::has_passphrase(tx.db, &staff.id, &staff.passphrase_hash)? {
            return Err(Error::SignedOut);
        }
        set_passphrase(tx, &staff, &hash)?;
        model::clear_delay(tx, &mac)?;
        model::end_sessions(tx, &staff.id, Some(&session)).map(|_| ())
    });
    write.await
}
