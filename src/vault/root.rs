//! The root key: 256 bits in a file outside the data folder, never in a backup.

use std::path::Path;
use std::str;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::hex;
use super::material::Material;
use super::private_file::{self, PrivateFileError};

/// Opens the keyring, and is used for nothing else.
///
/// Its file holds 64 hexadecimal digits and a line end. Whoever has this file and the
/// databases can read everything, so keep a copy on paper in a safe, away from the backups.
pub struct RootKey(Material);

/// Why the root key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The file is missing, too open, already there, or the operating system refused.
    #[error("root key: {0}")]
    File(#[from] PrivateFileError),
    /// The file does not hold a key.
    #[error("the root key file does not hold 64 hexadecimal digits")]
    Malformed,
}

impl RootKey {
    /// Reads the key from a file that only its owner may read.
    ///
    /// # Errors
    /// [`PrivateFileError::TooOpen`] when group or others have any permission.
    pub fn load(path: &Path) -> Result<Self, RootKeyError> {
        Self::parse(&private_file::read(path)?)
    }

    /// Reads the key from a systemd credential, `$CREDENTIALS_DIRECTORY/<name>`.
    ///
    /// # Errors
    /// As [`RootKey::load`], except that the group may read (see
    /// [`private_file::read_credential`]).
    pub fn load_credential(path: &Path) -> Result<Self, RootKeyError> {
        Self::parse(&private_file::read_credential(path)?)
    }

    /// Makes a new key and writes it with mode 0400, in a folder of mode 0700 if there is none
    /// yet. On disk when it returns.
    ///
    /// # Errors
    /// [`PrivateFileError::AlreadyThere`]: an existing key is never overwritten.
    pub fn create(path: &Path) -> Result<Self, RootKeyError> {
        let key = Material::random().map_err(|_| PrivateFileError::NoRandomness)?;
        let digits = Zeroizing::new(hex::encode(key.bytes()));
        let mut text = Zeroizing::new(Vec::with_capacity(digits.len() + 1));
        text.extend_from_slice(digits.as_bytes());
        text.push(b'\n');
        private_file::create(path, &text)?;
        Ok(Self(key))
    }

    fn parse(text: &[u8]) -> Result<Self, RootKeyError> {
        let digits = str::from_utf8(text).map_err(|_| RootKeyError::Malformed)?.trim();
        let bytes = Zeroizing::new(hex::decode(digits).ok_or(RootKeyError::Malformed)?);
        Material::copied_from(&bytes).map(Self).ok_or(RootKeyError::Malformed)
    }

    /// A key for one purpose. The root itself never meets a cipher, so no use of it can
    /// weaken another.
    pub(super) fn derive(&self, label: &str) -> Material {
        let mut derived = Material::blank();
        #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes; this asks for 32")]
        Hkdf::<Sha256>::new(None, self.0.bytes())
            .expand(label.as_bytes(), derived.bytes_mut())
            .expect("32 bytes are within the limit of HKDF");
        derived
    }
}
