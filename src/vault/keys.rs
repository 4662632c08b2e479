//! Data keys: one for each thing that must be able to vanish on its own (a contact, its
//! narrative, a case's safe-contact terms). Destroying the key erases the thing.

use std::sync::Arc;

use super::keyring::Keyring;
use super::material::{KEY_BYTES, Material, fill_random};
use super::sealing::{self, Padding, spelled};
use super::{VaultError, hex};

/// A data key, opened. Cheap to clone; overwritten in memory when the last clone is dropped.
#[derive(Clone)]
pub struct DataKey(Arc<Opened>);

struct Opened {
    id: String,
    version: u32,
    material: Material,
}

/// A data key as the key store holds it: useless without the keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// 16 random bytes in hexadecimal; stored beside what the key seals.
    pub id: String,
    /// Which version of the keyring's wrapping key opens it.
    pub version: u32,
    /// The key, sealed.
    pub sealed: Vec<u8>,
}

/// What the key store knows about an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The key.
    Key(WrappedKey),
    /// The key was destroyed on purpose; a tombstone is left.
    Destroyed,
    /// The store never had it, or lost it.
    Missing,
}

/// The key store cannot answer now; nothing is known about what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyStoreError {
    /// Try again later.
    #[error("the key store is not available")]
    Unavailable,
}

/// The separate database of wrapped data keys. Kept apart so that a backup of the data cannot
/// undo an erasure.
pub trait KeyStore: Send + Sync {
    /// Stores new keys, all or none. On disk when it returns.
    ///
    /// # Errors
    /// [`KeyStoreError::Unavailable`]: none of them will be used.
    fn mint(&self, keys: &[WrappedKey]) -> Result<(), KeyStoreError>;

    /// Looks a key up by its id.
    ///
    /// # Errors
    /// [`KeyStoreError::Unavailable`].
    fn find(&self, id: &str) -> Result<Found, KeyStoreError>;

    /// Looks many keys up at once, in the order of their ids.
    ///
    /// # Errors
    /// [`KeyStoreError::Unavailable`].
    fn find_all(&self, ids: &[&str]) -> Result<Vec<Found>, KeyStoreError> {
        ids.iter().map(|id| self.find(id)).collect()
    }

    /// Destroys keys and leaves a tombstone for each, also for ids it does not hold: after a
    /// restore the tombstone may come before the key. May be repeated. On disk when it returns.
    ///
    /// # Errors
    /// [`KeyStoreError::Unavailable`]: some may be gone; repeat it.
    fn destroy(&self, ids: &[String]) -> Result<(), KeyStoreError>;

    /// The ids of all destroyed keys, to be kept in backups of the data and destroyed again
    /// after a restore.
    ///
    /// # Errors
    /// [`KeyStoreError::Unavailable`].
    fn tombstones(&self) -> Result<Vec<String>, KeyStoreError>;
}

impl DataKey {
    /// 16 random bytes in hexadecimal.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The version of the wrapping key that the key was born under. It is part of what every
    /// sealed value is bound to, so it stays when the key is wrapped anew.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.0.version
    }

    pub(super) fn material(&self) -> &Material {
        &self.0.material
    }

    /// Makes a key and its wrapped form. It must not be used before the store has it.
    pub(super) fn mint(keyring: &Keyring) -> Result<(Self, WrappedKey), VaultError> {
        let mut id = [0; 16];
        fill_random(&mut id)?;
        let (version, _) = keyring.wrapping();
        let material = Material::random()?;
        let key = Self(Arc::new(Opened { id: hex::encode(&id), version, material }));
        let wrapped = key.wrap(keyring)?;
        Ok((key, wrapped))
    }

    /// Seals the key under the newest wrapping key.
    pub(super) fn wrap(&self, keyring: &Keyring) -> Result<WrappedKey, VaultError> {
        let (version, wrapping) = keyring.wrapping();
        let mut content = zeroize::Zeroizing::new(Vec::with_capacity(4 + KEY_BYTES));
        content.extend_from_slice(&self.version().to_be_bytes());
        content.extend_from_slice(self.material().bytes());
        let context = wrapped_context(self.id(), version);
        let sealed = sealing::encrypt(wrapping, &context, &content, Padding::None)?;
        Ok(WrappedKey { id: self.0.id.clone(), version, sealed })
    }

    /// The same key bytes under a false name.
    #[cfg(test)]
    pub(super) fn disguised(other: &Self, id: &str, version: u32) -> Self {
        let material = Material::copied_from(other.material().bytes()).unwrap();
        Self(Arc::new(Opened { id: id.to_owned(), version, material }))
    }

    pub(super) fn unwrap_from(wrapped: &WrappedKey, keyring: &Keyring) -> Result<Self, VaultError> {
        let version = wrapped.version;
        let wrapping = keyring.wrapping_version(version).ok_or(VaultError::WrappingKeyGone { version })?;
        let context = wrapped_context(&wrapped.id, version);
        let content = sealing::decrypt(wrapping, &context, &wrapped.sealed)?;
        let (born, key) = content.reveal().split_first_chunk::<4>().ok_or(VaultError::Tampered)?;
        let material = Material::copied_from(key).ok_or(VaultError::Tampered)?;
        let version = u32::from_be_bytes(*born);
        Ok(Self(Arc::new(Opened { id: wrapped.id.clone(), version, material })))
    }
}

fn wrapped_context(id: &str, version: u32) -> Vec<u8> {
    spelled(&[b"data key", id.as_bytes(), &version.to_be_bytes()])
}
