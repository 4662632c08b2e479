//! The keyring: random keys, each for one purpose, sealed together under the root key.
//!
//! Because the root key only opens the keyring, it can be changed without touching the data:
//! no phone number has to be indexed again, no link sent again.

use std::collections::{BTreeMap, btree_map};
use std::path::Path;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::blind::{BlindField, Purpose, authenticate};
use super::hex;
use super::material::{KEY_BYTES, Material};
use super::private_file::{self, PrivateFileError};
use super::root::RootKey;
use super::sealing::{self, Padding, spelled};

const FORMAT: u32 = 1;
const WRAPPING: &str = "wrapping";
const SECRETS: &str = "secrets";
/// Seals nothing: only says which house this keyring belongs to.
const HOUSE: &str = "house";

/// The house's keys, opened. Overwritten in memory when dropped.
pub struct Keyring {
    /// Name, then version. Names this program does not know are kept: they belong to a newer
    /// one, to which the house may return.
    keys: BTreeMap<String, BTreeMap<u32, Material>>,
}

/// Why a keyring could not be opened, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The keyring was sealed under another root key.
    #[error("this root key does not belong to this keyring")]
    WrongRoot,
    /// The root key fits, but the content was changed or cut.
    #[error("the keyring is damaged")]
    Damaged,
    /// A newer program wrote it in a form this one does not know.
    #[error("the keyring has format {0}, which this version does not know")]
    UnknownFormat(u32),
    /// Keys that this version needs are not in it yet; see [`Keyring::completed`].
    #[error("the keyring lacks keys that this program needs ({}): run `goldaw migrate` first", .0.join(", "))]
    Incomplete(Vec<String>),
    /// The newest wrapping key is in use and cannot be retired; others must be there.
    #[error("wrapping key {0} cannot be retired: it is the newest, or not there")]
    CannotRetire(u32),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// The file is missing, too open, already there, or the operating system refused.
    #[error("keyring: {0}")]
    File(#[from] PrivateFileError),
}

/// The file: JSON, so that a person can tell what it is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    goldaw_keyring: u32,
    /// Tells a wrong root key from a damaged file. Derived from the root, one way.
    root: String,
    sealed: String,
}

impl Keyring {
    /// A new keyring with every key this version needs.
    ///
    /// # Errors
    /// [`KeyringError::NoRandomness`].
    pub fn create() -> Result<Self, KeyringError> {
        let mut keyring = Self { keys: BTreeMap::new() };
        keyring.add_missing()?;
        Ok(keyring)
    }

    /// The keyring as bytes that only this root key opens.
    ///
    /// # Errors
    /// [`KeyringError::NoRandomness`].
    pub fn seal(&self, root: &RootKey) -> Result<Vec<u8>, KeyringError> {
        let mark = root_mark(root);
        let key = root.derive("goldaw keyring 1");
        let context = envelope_context(&mark);
        let sealed =
            sealing::encrypt(&key, &context, &self.encode(), Padding::None).map_err(|_| KeyringError::NoRandomness)?;
        let envelope = Envelope { goldaw_keyring: FORMAT, root: mark, sealed: hex::encode(&sealed) };
        serde_json::to_vec_pretty(&envelope).map_err(|_| KeyringError::Damaged)
    }

    /// Opens what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// [`KeyringError::WrongRoot`], [`KeyringError::Damaged`], or [`KeyringError::Incomplete`]
    /// when an older version wrote it.
    pub fn open(root: &RootKey, bytes: &[u8]) -> Result<Self, KeyringError> {
        let keyring = Self::open_any(root, bytes)?;
        let missing = keyring.missing();
        if missing.is_empty() { Ok(keyring) } else { Err(KeyringError::Incomplete(missing)) }
    }

    /// The same keyring with the keys added that a new version needs, or `None` if it has them
    /// all. Write the bytes to disk, then open them: a key must not be used before it is kept.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn completed(root: &RootKey, bytes: &[u8]) -> Result<Option<Vec<u8>>, KeyringError> {
        let mut keyring = Self::open_any(root, bytes)?;
        if keyring.missing().is_empty() {
            return Ok(None);
        }
        keyring.add_missing()?;
        keyring.seal(root).map(Some)
    }

    /// The same keys under another root key. Destroy the old bytes and the old root afterwards.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn rewrap(bytes: &[u8], old: &RootKey, new: &RootKey) -> Result<Vec<u8>, KeyringError> {
        Self::open_any(old, bytes)?.seal(new)
    }

    /// Reads and opens a keyring file.
    ///
    /// # Errors
    /// As [`Keyring::open`], and [`KeyringError::File`].
    pub fn load(path: &Path, root: &RootKey) -> Result<Self, KeyringError> {
        Self::open(root, &private_file::read(path)?)
    }

    /// [`Keyring::load`], adding to the file first what a new version needs. Only for the moment a
    /// house is brought up to a new program, when nobody else works in it.
    ///
    /// # Errors
    /// As [`Keyring::load`].
    pub fn load_completed(path: &Path, root: &RootKey) -> Result<Self, KeyringError> {
        let bytes = private_file::read(path)?;
        match Self::completed(root, &bytes)? {
            Some(grown) => {
                private_file::replace(path, &grown)?;
                Self::open(root, &grown)
            }
            None => Self::open(root, &bytes),
        }
    }

    /// 128 bits, in hexadecimal, that say which keyring this is and tell nothing else about it. The
    /// same under every root key and after every rotation: the data of the house carries it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mark = authenticate(self.newest(HOUSE), &[b"goldaw house 1"]);
        hex::encode(mark.first_chunk::<16>().map_or(&[], |mark| mark.as_slice()))
    }

    /// Writes a keyring file where there is none yet. On disk when it returns.
    ///
    /// # Errors
    /// [`PrivateFileError::AlreadyThere`] rather than overwriting.
    pub fn save_new(&self, path: &Path, root: &RootKey) -> Result<(), KeyringError> {
        Ok(private_file::create(path, &self.seal(root)?)?)
    }

    /// Puts this keyring in the place of an older one, in one step.
    ///
    /// # Errors
    /// [`KeyringError::File`].
    pub fn save(&self, path: &Path, root: &RootKey) -> Result<(), KeyringError> {
        Ok(private_file::replace(path, &self.seal(root)?)?)
    }

    /// Adds a wrapping key, which new data keys use from then on; older ones still open. Returns
    /// its version. Save the keyring before using it.
    ///
    /// # Errors
    /// [`KeyringError::NoRandomness`].
    pub fn rotate_wrapping(&mut self) -> Result<u32, KeyringError> {
        let (newest, _) = self.wrapping();
        let version = newest.saturating_add(1);
        self.add(WRAPPING, version)?;
        Ok(version)
    }

    /// Drops an old wrapping key once no data key is wrapped under it any more (see
    /// [`Vault::renew`](super::Vault::renew)). Data keys still under it become unreadable.
    ///
    /// # Errors
    /// [`KeyringError::CannotRetire`] for the newest and for one that is not there.
    pub fn retire_wrapping(&mut self, version: u32) -> Result<(), KeyringError> {
        let (newest, _) = self.wrapping();
        if version == newest {
            return Err(KeyringError::CannotRetire(version));
        }
        let dropped = self.keys.get_mut(WRAPPING).and_then(|keys| keys.remove(&version));
        dropped.map(drop).ok_or(KeyringError::CannotRetire(version))
    }

    /// The wrapping key for new data keys, with its version.
    pub(super) fn wrapping(&self) -> (u32, &Material) {
        self.newest_version(WRAPPING)
    }

    pub(super) fn wrapping_version(&self, version: u32) -> Option<&Material> {
        self.keys.get(WRAPPING)?.get(&version)
    }

    pub(super) fn secrets(&self) -> &Material {
        self.newest(SECRETS)
    }

    pub(super) fn newest(&self, name: &str) -> &Material {
        self.newest_version(name).1
    }

    #[expect(clippy::expect_used, reason = "create and open give out only whole keyrings")]
    fn newest_version(&self, name: &str) -> (u32, &Material) {
        let newest = self.keys.get(name).and_then(BTreeMap::last_key_value);
        newest.map(|(version, key)| (*version, key)).expect("a keyring holds every needed key")
    }

    fn open_any(root: &RootKey, bytes: &[u8]) -> Result<Self, KeyringError> {
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| KeyringError::Damaged)?;
        if envelope.goldaw_keyring != FORMAT {
            return Err(KeyringError::UnknownFormat(envelope.goldaw_keyring));
        }
        if envelope.root != root_mark(root) {
            return Err(KeyringError::WrongRoot);
        }
        let sealed = hex::decode(&envelope.sealed).ok_or(KeyringError::Damaged)?;
        let key = root.derive("goldaw keyring 1");
        let content =
            sealing::decrypt(&key, &envelope_context(&envelope.root), &sealed).map_err(|_| KeyringError::Damaged)?;
        Self::decode(content.reveal()).ok_or(KeyringError::Damaged)
    }

    fn missing(&self) -> Vec<String> {
        needed().filter(|name| !self.keys.contains_key(*name)).map(str::to_owned).collect()
    }

    fn add_missing(&mut self) -> Result<(), KeyringError> {
        self.missing().iter().try_for_each(|name| self.add(name, 1))
    }

    pub(super) fn add(&mut self, name: &str, version: u32) -> Result<(), KeyringError> {
        let key = Material::random().map_err(|_| KeyringError::NoRandomness)?;
        self.keys.entry(name.to_owned()).or_default().insert(version, key);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &Material)> {
        self.keys.iter().flat_map(|(name, keys)| keys.values().map(move |key| (name.as_str(), key)))
    }

    #[cfg(test)]
    pub(super) fn drop_key(&mut self, name: &str) {
        self.keys.remove(name);
    }

    /// Each key as `length of name (1) | name | version (4) | key (32)`. Not JSON inside: its
    /// text of the keys would pass through buffers that nobody overwrites.
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let all = || self.keys.iter().flat_map(|(name, keys)| keys.iter().map(move |k| (name, k)));
        let size = all().map(|(name, _)| 1 + name.len() + 4 + KEY_BYTES).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        for (name, (version, key)) in all() {
            // Names are ours and short; a cut one would fail the tests of opening.
            bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&version.to_be_bytes());
            bytes.extend_from_slice(key.bytes());
        }
        bytes
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut keys: BTreeMap<String, BTreeMap<u32, Material>> = BTreeMap::new();
        while let Some((length, rest)) = bytes.split_first() {
            let (name, rest) = rest.split_at_checked(usize::from(*length))?;
            let (version, rest) = rest.split_first_chunk::<4>()?;
            let (key, rest) = rest.split_first_chunk::<KEY_BYTES>()?;
            let versions = keys.entry(str::from_utf8(name).ok()?.to_owned()).or_default();
            match versions.entry(u32::from_be_bytes(*version)) {
                btree_map::Entry::Occupied(_) => return None,
                btree_map::Entry::Vacant(free) => free.insert(Material::copied_from(key)?),
            };
            bytes = rest;
        }
        Some(Self { keys })
    }
}

fn needed() -> impl Iterator<Item = &'static str> {
    let blind = BlindField::ALL.into_iter().map(BlindField::key_name);
    let macs = Purpose::ALL.into_iter().map(Purpose::key_name);
    [WRAPPING, SECRETS, HOUSE].into_iter().chain(blind).chain(macs)
}

/// 64 bits that say which root key this is and tell nothing else about it.
fn root_mark(root: &RootKey) -> String {
    let derived = root.derive("goldaw root mark 1");
    hex::encode(derived.bytes().first_chunk::<8>().map_or(&[], |mark| mark.as_slice()))
}

fn envelope_context(mark: &str) -> Vec<u8> {
    spelled(&[b"keyring", &FORMAT.to_be_bytes(), mark.as_bytes()])
}
