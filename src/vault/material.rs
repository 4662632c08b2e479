//! 32 random bytes that serve as a key, and nothing that could print them.

use zeroize::Zeroize;

pub(super) const KEY_BYTES: usize = 32;

/// The operating system gave no random bytes. Nothing secret can be made until it does.
pub(super) struct NoRandomness;

/// Fills `bytes` from the operating system.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(bytes).map_err(|_| NoRandomness)
}

/// A key of 256 bits, overwritten when dropped.
///
/// It lives on the heap because moving it must not leave a second copy on the stack.
pub(super) struct Material(Box<[u8; KEY_BYTES]>);

impl Material {
    pub(super) fn random() -> Result<Self, NoRandomness> {
        let mut key = Self::blank();
        fill_random(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// A key of zeros, to be filled in place.
    pub(super) fn blank() -> Self {
        Self(Box::new([0; KEY_BYTES]))
    }

    /// `None` unless there are exactly 32 bytes.
    pub(super) fn copied_from(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::blank();
        if bytes.len() != KEY_BYTES {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        &mut self.0
    }
}

impl Drop for Material {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
