//! Sealing a field: encrypted, padded, and bound to the place it belongs to.
//!
//! A sealed value is `format (1) | nonce (24) | ciphertext | tag (16)`. The ciphertext holds
//! `length (4) | plaintext | zeros`. The associated data names what kind of thing was sealed and
//! where it belongs, each part preceded by its length, so that no two places can be spelled alike.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};

use super::VaultError;
use super::keys::DataKey;
use super::material::{Material, fill_random};
use super::sensitive::Sensitive;

const FORMAT: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const LENGTH: usize = 4;

/// Below this many bytes size classes are `STEP` apart, above it each is twice the last.
const FINE_UNTIL: usize = 2048;
const STEP: usize = 256;

/// Where a sealed value belongs. It opens nowhere else.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The primary key of the row.
    pub row: &'a str,
}

/// How much the size of a sealed value tells about the size of what is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// The exact size shows. For values that all have the same size.
    None,
    /// Only a size class shows: content and its 4-byte length together fill 256, 512, 768 and so on
    /// up to 2048 bytes, then 4096, 8192 and so on. A narrative of 2,000 Cyrillic letters (4,000
    /// bytes) looks like any other of more than 2,044 bytes.
    SizeClass,
}

/// Seals `plaintext` for one place under one data key. About 4 µs for 2 KB.
///
/// # Errors
/// [`VaultError::TooLong`] from 4 GiB, [`VaultError::NoRandomness`].
pub fn seal(key: &DataKey, place: &Place<'_>, plaintext: &[u8], padding: Padding) -> Result<Vec<u8>, VaultError> {
    encrypt(key.material(), &field_context(key, place), plaintext, padding)
}

/// Opens what [`seal`] made for the same place under the same key.
///
/// # Errors
/// [`VaultError::Tampered`] when anything at all differs: a bit, the place, the key.
pub fn open(key: &DataKey, place: &Place<'_>, sealed: &[u8]) -> Result<Sensitive<Vec<u8>>, VaultError> {
    decrypt(key.material(), &field_context(key, place), sealed)
}

fn field_context(key: &DataKey, place: &Place<'_>) -> Vec<u8> {
    spelled(&[
        b"field",
        place.table.as_bytes(),
        place.column.as_bytes(),
        place.row.as_bytes(),
        key.id().as_bytes(),
        &key.version().to_be_bytes(),
    ])
}

/// Parts in one unambiguous row of bytes: their number, then each with its length before it.
/// `["ab", "c"]` and `["a", "bc"]` come out different.
pub(super) fn spelled(parts: &[&[u8]]) -> Vec<u8> {
    let size = parts.iter().map(|part| part.len() + 8).sum::<usize>() + 8;
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&(parts.len() as u64).to_be_bytes());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Encrypts in one buffer of the final size, so that no copy of the plaintext stays behind.
/// `context` must begin with a word that no other kind of sealed thing uses.
pub(super) fn encrypt(
    key: &Material,
    context: &[u8],
    plaintext: &[u8],
    padding: Padding,
) -> Result<Vec<u8>, VaultError> {
    let length = u32::try_from(plaintext.len()).map_err(|_| VaultError::TooLong)?;
    let size = padded(LENGTH + plaintext.len(), padding);
    let mut nonce = XNonce::default();
    fill_random(&mut nonce)?;

    let mut sealed = Vec::with_capacity(1 + NONCE + size + TAG);
    sealed.push(FORMAT);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&length.to_be_bytes());
    sealed.extend_from_slice(plaintext);
    sealed.resize(1 + NONCE + size, 0);

    let (_, body) = sealed.split_at_mut(1 + NONCE);
    let tag = XChaCha20Poly1305::new(key.bytes().into())
        .encrypt_inout_detached(&nonce, &bound(context), body.into())
        .map_err(|_| VaultError::TooLong)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Undoes [`encrypt`], or says [`VaultError::Tampered`] and shows nothing.
pub(super) fn decrypt(key: &Material, context: &[u8], sealed: &[u8]) -> Result<Sensitive<Vec<u8>>, VaultError> {
    open_envelope(key, context, sealed).ok_or(VaultError::Tampered)
}

fn open_envelope(key: &Material, context: &[u8], sealed: &[u8]) -> Option<Sensitive<Vec<u8>>> {
    let (format, rest) = sealed.split_first()?;
    if *format != FORMAT {
        return None;
    }
    let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG>()?;
    let mut body = zeroize::Zeroizing::new(ciphertext.to_vec());
    XChaCha20Poly1305::new(key.bytes().into())
        .decrypt_inout_detached(&XNonce::from(*nonce), &bound(context), body.as_mut_slice().into(), &Tag::from(*tag))
        .ok()?;
    let (length, content) = body.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    Some(Sensitive::from(content.get(..length)?.to_vec()))
}

/// The format byte is bound too, so that a later format cannot be passed off as this one.
fn bound(context: &[u8]) -> Vec<u8> {
    spelled(&[b"goldaw", &[FORMAT], context])
}

fn padded(size: usize, padding: Padding) -> usize {
    match padding {
        Padding::None => size,
        Padding::SizeClass if size <= FINE_UNTIL => size.next_multiple_of(STEP),
        Padding::SizeClass => size.next_power_of_two(),
    }
}
