//! Accounts from the command line, on the machine itself: how the first admin comes to be.

use super::account::{self, Credentials, NewAccount};
use super::model::{self, Staff};
use super::passphrase::Hashing;
use crate::error::{Error, Result};
use crate::storage::{By, Store, Tx};
use crate::vault::Sensitive;

/// An account and the secrets to hand over, which are shown this once.
pub struct Handed {
    /// The account.
    pub staff: Staff,
    /// Its passphrase.
    pub passphrase: Sensitive<String>,
    /// Its second factor's secret in base32, if it has one.
    pub totp_secret: Option<Sensitive<String>>,
}

impl Handed {
    fn of(staff: Staff, credentials: &Credentials) -> Handed {
        let totp_secret = credentials.totp_secret(&staff);
        Handed { passphrase: credentials.passphrase().clone(), totp_secret, staff }
    }
}

/// `goldaw user add`: an account with drawn secrets, or with a passphrase of at least 15 characters.
///
/// # Errors
/// As [`account::create`] and [`Credentials::with_blocking`].
pub fn add(
    store: &Store,
    hashing: &Hashing,
    form: NewAccount,
    passphrase: Option<Sensitive<String>>,
) -> Result<Handed> {
    let credentials = match passphrase {
        Some(passphrase) => Credentials::with_blocking(hashing, passphrase)?,
        None => Credentials::draw_blocking(hashing)?,
    };
    let stored = credentials.clone();
    let staff = store.write_blocking(By::system(), move |tx| account::create(tx, &form, &stored))?;
    Ok(Handed::of(staff, &credentials))
}

/// `goldaw user list`: all accounts, oldest first.
///
/// # Errors
/// Those of storage.
pub fn list(store: &Store) -> Result<Vec<Staff>> {
    store.read_blocking(|db| model::list(db, None, i64::MAX))
}

/// `goldaw user reset NAME`: new secrets; all sessions end.
///
/// # Errors
/// 404; 409 `inactive`.
pub fn reset(store: &Store, hashing: &Hashing, name: &str) -> Result<Handed> {
    let reference = named(store, name)?;
    let credentials = Credentials::draw_blocking(hashing)?;
    let stored = credentials.clone();
    let staff = store.write_blocking(By::system(), move |tx| account::reset(tx, &reference, &stored))?;
    Ok(Handed::of(staff, &credentials))
}

/// `goldaw user deactivate NAME`: all sessions end, and none begins again.
///
/// # Errors
/// 404; 409 `inactive`.
pub fn deactivate(store: &Store, name: &str) -> Result<Staff> {
    let reference = named(store, name)?;
    store.write_blocking(By::system(), move |tx| account::deactivate(tx, &reference))
}

/// `goldaw restore`: nobody is signed in any more.
///
/// # Errors
/// Those of storage.
pub fn end_all_sessions(tx: &mut Tx<'_>) -> Result<usize> {
    model::end_all_sessions(tx)
}

fn named(store: &Store, name: &str) -> Result<String> {
    let name = name.to_owned();
    let staff = store.read_blocking(move |db| model::find_named(db, &name))?;
    Ok(staff.ok_or(Error::NotFound)?.reference)
}
