//! The vault keeps what survivors tell unreadable to whoever copies the database.
//!
//! Every contact has its own key, and its narrative another. What she says is locked with that
//! key before it is stored, and tied to its place, so that it cannot be changed, copied to
//! another person's record or put back in an older form without being noticed. Destroying the
//! key erases what it locked, also in every old backup of the data. The keys live in a database
//! of their own, locked with keys from the *keyring*, which is locked with the *root key*: one
//! file, kept apart from everything else.
//!
//! A phone number is found again through a *blind index*: a code computed with a secret key.
//!
//! Honest limit: whoever controls the running server can read what it can read.
//!
//! The verbs are [`Vault::new_data_key`], [`Vault::data_key`], [`seal`], [`open`],
//! [`Vault::erase`], [`Vault::blind_index`] and [`Vault::mac`].

mod blind;
mod cache;
mod hex;
mod keyring;
mod keys;
mod material;
mod pool;
pub mod private_file;
mod root;
mod sealing;
mod sensitive;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use cache::{Cache, LookUp};
use material::NoRandomness;
use pool::Pool;
use sealing::spelled;

pub use blind::{BlindField, Purpose};
pub use keyring::{Keyring, KeyringError};
pub use keys::{DataKey, Found, KeyStore, KeyStoreError, WrappedKey};
pub use root::{RootKey, RootKeyError};
pub use sealing::{Padding, Place, open, seal};
pub use sensitive::Sensitive;

/// Why the vault did not do what was asked. Says nothing about what is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key was destroyed: what it sealed is erased for good.
    #[error("this was erased")]
    Erased,
    /// The key store does not know the key: a restore went wrong, or the id is.
    #[error("the key is missing")]
    Missing,
    /// The key store does not answer; try again later.
    #[error("the key store is not available")]
    Unavailable,
    /// Not what was sealed here under this key; or the proof does not fit.
    #[error("refused: changed, moved, or sealed under another key")]
    Tampered,
    /// The data key is wrapped under a wrapping key that was retired.
    #[error("wrapping key {version} is no longer in the keyring")]
    WrappingKeyGone {
        /// The version that is gone.
        version: u32,
    },
    /// 4 GiB or more cannot be sealed in one piece.
    #[error("too long to seal")]
    TooLong,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

/// The opened keyring, the key store, and data keys at hand. One for the whole program, shared.
pub struct Vault {
    keyring: Arc<Keyring>,
    store: Arc<dyn KeyStore>,
    pool: Arc<Pool>,
    cache: Cache,
}

impl Vault {
    /// A vault over an opened keyring and the key store. Asks the store nothing yet.
    #[must_use]
    pub fn new(keyring: Keyring, store: Arc<dyn KeyStore>) -> Self {
        let keyring = Arc::new(keyring);
        let pool = Pool::new(Arc::clone(&keyring), Arc::clone(&store));
        Self { keyring, store, pool, cache: Cache::new() }
    }

    /// Which keyring this vault was opened with; see [`Keyring::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.keyring.fingerprint()
    }

    /// Has new data keys at hand before the first is asked for, so that no request waits for them.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`]; the first who asks for a key tries again.
    pub fn mint_ahead(&self) -> Result<(), VaultError> {
        self.pool.fill()
    }

    /// A new data key, already on disk in the key store, never given out before. Keep its
    /// [`DataKey::id`] beside what it seals.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`] when none is left and the store takes no new ones.
    pub fn new_data_key(&self) -> Result<DataKey, VaultError> {
        self.pool.take()
    }

    /// The data key with this id.
    ///
    /// # Errors
    /// [`VaultError::Erased`], [`VaultError::Missing`], [`VaultError::Unavailable`], or
    /// [`VaultError::Tampered`] when the store gives something other than what was minted.
    pub fn data_key(&self, id: &str) -> Result<DataKey, VaultError> {
        let since = match self.cache.look_up(id) {
            LookUp::Kept(key) => return Ok(key),
            LookUp::Absent(since) => since,
        };
        let key = self.opened(id, self.store.find(id)?)?;
        self.cache.keep(&key, since);
        Ok(key)
    }

    /// The data keys with these ids, in their order, asked for at once and not kept at hand: for a
    /// walk through everything.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`]; in the list, those of [`Vault::data_key`].
    pub fn data_keys(&self, ids: &[&str]) -> Result<Vec<Result<DataKey, VaultError>>, VaultError> {
        let found = self.store.find_all(ids)?;
        if found.len() != ids.len() {
            return Err(VaultError::Tampered);
        }
        Ok(ids.iter().zip(found).map(|(id, found)| self.opened(id, found)).collect())
    }

    fn opened(&self, id: &str, found: Found) -> Result<DataKey, VaultError> {
        match found {
            Found::Key(wrapped) if wrapped.id == id => DataKey::unwrap_from(&wrapped, &self.keyring),
            Found::Key(_) => Err(VaultError::Tampered),
            Found::Destroyed => Err(VaultError::Erased),
            Found::Missing => Err(VaultError::Missing),
        }
    }

    /// Destroys keys, here and in the key store, for good; what they sealed is erased. May be
    /// repeated, as a restore does with its tombstones.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`]: some may be gone already; repeat it.
    pub fn erase(&self, ids: &[String]) -> Result<(), VaultError> {
        let destroyed = self.store.destroy(ids);
        // Also when the store failed: it may have destroyed them before it lost the connection.
        self.cache.forget(ids);
        Ok(destroyed?)
    }

    /// Drops a key from memory, if it is there. For an erasure that another process made.
    pub fn forget(&self, id: &str) {
        self.cache.forget(&[id.to_owned()]);
    }

    /// Drops every opened key from memory; the next use asks the store again. Several processes
    /// over one key store call this every few seconds, which bounds how long one of them can
    /// still read what another erased.
    pub fn forget_all(&self) {
        self.cache.forget_all();
    }

    /// The ids of all destroyed keys; a backup of the data carries them.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub fn tombstones(&self) -> Result<Vec<String>, VaultError> {
        Ok(self.store.tombstones()?)
    }

    /// The same data key under the newest wrapping key, or `None` if it is already. What it
    /// sealed stays valid.
    ///
    /// # Errors
    /// [`VaultError::Tampered`], [`VaultError::WrappingKeyGone`].
    pub fn renew(&self, wrapped: &WrappedKey) -> Result<Option<WrappedKey>, VaultError> {
        let (newest, _) = self.keyring.wrapping();
        if wrapped.version == newest {
            return Ok(None);
        }
        DataKey::unwrap_from(wrapped, &self.keyring)?.wrap(&self.keyring).map(Some)
    }

    /// Seals a secret of the house itself (a second-factor seed, a webhook secret, a partner's
    /// address) under the keyring. `label` says which and whose, for example
    /// `staff.totp/<id>`; it opens under no other.
    ///
    /// # Errors
    /// [`VaultError::TooLong`], [`VaultError::NoRandomness`].
    pub fn seal_secret(&self, label: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        let context = secret_context(label);
        sealing::encrypt(self.keyring.secrets(), &context, secret, Padding::SizeClass)
    }

    /// Opens what [`Vault::seal_secret`] sealed under the same label.
    ///
    /// # Errors
    /// [`VaultError::Tampered`].
    pub fn open_secret(&self, label: &str, sealed: &[u8]) -> Result<Sensitive<Vec<u8>>, VaultError> {
        sealing::decrypt(self.keyring.secrets(), &secret_context(label), sealed)
    }
}

fn secret_context(label: &str) -> Vec<u8> {
    spelled(&[b"secret", label.as_bytes()])
}

impl From<KeyStoreError> for VaultError {
    fn from(error: KeyStoreError) -> Self {
        match error {
            KeyStoreError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<NoRandomness> for VaultError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

/// What the vault's refusals mean to a caller: what was erased is not there; what does not open is
/// a defect or a forgery, and is never shown.
impl From<VaultError> for crate::error::Error {
    fn from(error: VaultError) -> Self {
        use crate::error::Error;
        match error {
            VaultError::Erased | VaultError::Missing => Error::NotFound,
            // The key store is another database: its failure says nothing about the transaction that
            // met it, so the others in its batch must not suffer.
            VaultError::Unavailable | VaultError::NoRandomness => Error::Busy,
            VaultError::TooLong => Error::TooLarge,
            VaultError::Tampered | VaultError::WrappingKeyGone { .. } => {
                Error::Internal("a sealed field does not open")
            }
        }
    }
}
