//! A value about a person, or a secret, that cannot slip out by accident.

use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

/// Holds a value that must not reach a log, an error, a page or a file by accident.
///
/// It has no `Debug`, no `Display` and no `Serialize`, so a struct that contains one cannot
/// derive them either. The only way in is `From`, the only way out is [`Sensitive::reveal`],
/// which is the word a reviewer searches for. The memory is overwritten when the value is
/// dropped. Reading from input (`Deserialize`) is allowed; writing is not.
#[derive(Clone)]
pub struct Sensitive<T: Zeroize>(T);

impl<T: Zeroize> Sensitive<T> {
    /// Shows the value. Each call is a place where it may leave the house.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Sensitive<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T: Zeroize> Drop for Sensitive<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Sensitive<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        T::deserialize(input).map(Self)
    }
}
