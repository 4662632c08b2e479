//! What is computed from secrets and never opened again: indexes that find a phone number
//! without storing it, proofs that a cursor or a link is ours, and link tokens.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::material::Material;
use super::sealing::spelled;
use super::{Vault, VaultError, hex};

/// What can be found again without being stored. Each has its own key, so that equal values
/// in two fields do not show as equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlindField {
    /// A survivor's phone number, in E.164.
    PersonPhone,
    /// The number of the safe-contact terms, in E.164.
    SafeContactNumber,
    /// The code word that finds a case again.
    CodeWord,
    /// The word that takes up a draft from another seat.
    ReconnectWord,
    /// A perpetrator's name, for conflict checks only.
    PerpetratorName,
}

/// What a proof or a token is for. Each has its own key: a proof for one purpose is worthless
/// for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The keyed hash of a request body, kept with its idempotency key.
    Idempotency,
    /// The position in a list, given to a client and taken back.
    Cursor,
    /// The link in a letter to a partner.
    PartnerLink,
    /// The code that opens the partner's view.
    PartnerCode,
    /// The device that a partner's code was entered on.
    PartnerDevice,
    /// A session, as stored.
    Session,
    /// A device that signed in before.
    KnownDevice,
    /// The token that a form carries against cross-site requests.
    Csrf,
}

impl BlindField {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::PersonPhone, Self::SafeContactNumber, Self::CodeWord, Self::ReconnectWord, Self::PerpetratorName];

    /// The name of its key in the keyring. Changing one makes every stored index useless.
    pub(super) fn key_name(self) -> &'static str {
        match self {
            Self::PersonPhone => "blind.person_phone",
            Self::SafeContactNumber => "blind.safe_contact_number",
            Self::CodeWord => "blind.code_word",
            Self::ReconnectWord => "blind.reconnect_word",
            Self::PerpetratorName => "blind.perpetrator_name",
        }
    }
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Idempotency,
        Self::Cursor,
        Self::PartnerLink,
        Self::PartnerCode,
        Self::PartnerDevice,
        Self::Session,
        Self::KnownDevice,
        Self::Csrf,
    ];

    /// The name of its key in the keyring. Changing one ends every proof given out before.
    pub(super) fn key_name(self) -> &'static str {
        match self {
            Self::Idempotency => "mac.idempotency",
            Self::Cursor => "mac.cursor",
            Self::PartnerLink => "mac.partner_link",
            Self::PartnerCode => "mac.partner_code",
            Self::PartnerDevice => "mac.partner_device",
            Self::Session => "mac.session",
            Self::KnownDevice => "mac.known_device",
            Self::Csrf => "mac.csrf",
        }
    }
}

impl Vault {
    /// 64 hexadecimal digits that stand for a value in an index. The value must be normalized
    /// first (E.164, or NFC and lower case): one spelling, one index.
    ///
    /// There are so few phone numbers that the key is the only protection: whoever has it can
    /// try them all.
    #[must_use]
    pub fn blind_index(&self, field: BlindField, normalized: &str) -> String {
        let key = self.keyring.newest(field.key_name());
        hex::encode(&authenticate(key, &[normalized.as_bytes()]))
    }

    /// A proof, HMAC-SHA256, over the parts in this order and division.
    #[must_use]
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        authenticate(self.keyring.newest(purpose.key_name()), parts)
    }

    /// Accepts exactly what [`Vault::mac`] gives for the same purpose and parts. Takes as long
    /// for a near miss as for a far one.
    ///
    /// # Errors
    /// [`VaultError::Tampered`].
    pub fn verify_mac(&self, purpose: Purpose, parts: &[&[u8]], given: &[u8]) -> Result<(), VaultError> {
        if self.mac(purpose, parts).ct_eq(given).into() { Ok(()) } else { Err(VaultError::Tampered) }
    }

    /// A token for a link, computed from an id so that it need not be stored: 160 bits as 32
    /// characters of lower-case Crockford base32, safe in URLs and in mail that folds case.
    #[must_use]
    pub fn token(&self, purpose: Purpose, id: &str) -> String {
        let mac = self.mac(purpose, &[b"token", id.as_bytes()]);
        mac.as_chunks::<5>().0.iter().take(4).flat_map(base32).collect()
    }
}

pub(super) fn authenticate(key: &Material, parts: &[&[u8]]) -> [u8; 32] {
    // HMAC fills a short key up with zeros to one block; doing so here leaves no length to fail.
    let mut block = zeroize::Zeroizing::new([0_u8; 64]);
    for (slot, byte) in block.iter_mut().zip(key.bytes()) {
        *slot = *byte;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(&spelled(parts));
    mac.finalize().into_bytes().into()
}

/// 40 bits as 8 characters.
fn base32(bytes: &[u8; 5]) -> impl Iterator<Item = char> + use<> {
    const ALPHABET: &str = "0123456789abcdefghjkmnpqrstvwxyz";
    let bits = bytes.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    (0..8).rev().filter_map(move |place| {
        let digit = u8::try_from((bits >> (place * 5)) & 0x1f).ok()?;
        ALPHABET.as_bytes().get(usize::from(digit)).copied().map(char::from)
    })
}
