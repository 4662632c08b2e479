//! Passphrases: what is accepted as one, and how it is kept and compared.
//!
//! Hashing is slow on purpose and takes much memory, so only a few run at once, off the async
//! threads; the rest wait in line for a while and are then told to come back.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use crate::config::Staff;
use crate::error::{Error, Result};
use crate::input;
use crate::storage::random_bytes;
use crate::vault::Sensitive;

/// Characters of the longest passphrase; more would only be work for the hash.
pub const LONGEST: usize = 256;
/// The least, alone and beside a second factor.
const SHORTEST: usize = 15;
const SHORTEST_WITH_SECOND_FACTOR: usize = 8;
/// How long an attempt waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// argon2id with the costs of the configuration, and the line before it. Clones share the line.
#[derive(Clone)]
pub struct Hashing {
    argon2: Argon2<'static>,
    line: Arc<Semaphore>,
    /// What a passphrase is compared with when nobody has the name.
    dummy: Arc<str>,
}

/// How a passphrase compared with a stored hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// Another passphrase, or nobody to compare it with.
    Different,
    /// The same.
    Same,
    /// The same, but hashed at other costs than today's: this is the hash to keep from now on.
    SameButOld(String),
}

impl Hashing {
    /// Prepares hashing at these costs; computes one hash. Errors: a sentence naming the key.
    pub fn new(settings: &Staff) -> Result<Hashing, String> {
        let params = Params::new(settings.hash_memory_kib, settings.hash_passes, 1, None)
            .map_err(|_| "[staff] hash_memory_kib, hash_passes: argon2 does not take these".to_owned())?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut hashing = Hashing {
            argon2,
            line: Arc::new(Semaphore::new(settings.hashes_at_once.clamp(1, Semaphore::MAX_PERMITS))),
            dummy: Arc::from(""),
        };
        // Random, so that no passphrase is the same; the answer is overruled anyway.
        let nobody = random_bytes::<32>().map_err(|_| "the operating system gave no random bytes".to_owned())?;
        hashing.dummy = hashing.compute(&nobody).map_err(|_| "a passphrase cannot be hashed".to_owned())?.into();
        Ok(hashing)
    }

    /// The hash to keep, with its costs and salt in it (PHC form). For threads that may wait.
    ///
    /// # Errors
    /// 503 when there is no memory or no random salt.
    pub fn hash_blocking(&self, passphrase: &Sensitive<String>) -> Result<String> {
        self.compute(passphrase.reveal().as_bytes())
    }

    /// [`Hashing::hash_blocking`], in line and off the async threads.
    ///
    /// # Errors
    /// 503 when the line does not move.
    pub async fn hash(&self, passphrase: &Sensitive<String>) -> Result<String> {
        let passphrase = passphrase.clone();
        self.in_line(move |hashing| hashing.hash_blocking(&passphrase)).await
    }

    /// Compares with a stored hash; without one it takes as long and says they differ.
    ///
    /// # Errors
    /// 503 when the line does not move.
    pub async fn compare(&self, passphrase: &Sensitive<String>, stored: Option<String>) -> Result<Compared> {
        let passphrase = passphrase.clone();
        self.in_line(move |hashing| hashing.compare_blocking(&passphrase, stored.as_deref())).await
    }

    fn compare_blocking(&self, passphrase: &Sensitive<String>, stored: Option<&str>) -> Result<Compared> {
        let text = stored.unwrap_or(&self.dummy);
        let hash = PasswordHash::new(text).map_err(|_| Error::Internal("a stored passphrase hash is not one"))?;
        let same = self.argon2.verify_password(passphrase.reveal().as_bytes(), &hash).is_ok();
        if !same || stored.is_none() {
            return Ok(Compared::Different);
        }
        let today = self.argon2.params();
        let kept = Params::try_from(&hash).map_err(|_| Error::Internal("a stored passphrase hash is not one"))?;
        let current =
            kept.m_cost() == today.m_cost() && kept.t_cost() == today.t_cost() && kept.p_cost() == today.p_cost();
        if current { Ok(Compared::Same) } else { self.hash_blocking(passphrase).map(Compared::SameButOld) }
    }

    fn compute(&self, passphrase: &[u8]) -> Result<String> {
        let salt = random_bytes::<16>()?;
        let hash = self.argon2.hash_password_with_salt(passphrase, &salt).map_err(|_| Error::Unavailable)?;
        Ok(hash.to_string())
    }

    async fn in_line<T: Send + 'static>(&self, work: impl FnOnce(&Hashing) -> Result<T> + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.line).acquire_owned());
        let turn = turn.await.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        let hashing = self.clone();
        let worked = tokio::task::spawn_blocking(move || {
            // Held here, not by the caller: one who hangs up does not let the next in early.
            let _turn = turn;
            work(&hashing)
        });
        worked.await.map_err(|_| Error::Unavailable)?
    }
}

/// A passphrase as it is hashed: NFC, trimmed, without control characters. Errors: the problem's
/// code.
pub fn read(raw: &str) -> Result<Sensitive<String>, &'static str> {
    input::clean(raw, LONGEST).map(Sensitive::from)
}

/// Whether it is long enough: 15 characters, or 8 beside a second factor. Errors: the problem's
/// code.
pub fn long_enough(passphrase: &Sensitive<String>, second_factor: bool) -> Result<(), &'static str> {
    let least = if second_factor { SHORTEST_WITH_SECOND_FACTOR } else { SHORTEST };
    if passphrase.reveal().chars().count() < least { Err("too_short") } else { Ok(()) }
}

/// A passphrase to hand over once: 100 random bits in five groups, without letters that look alike.
///
/// # Errors
/// 503 when the operating system gives no random bytes.
pub fn draw() -> Result<Sensitive<String>> {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut text = String::with_capacity(24);
    for (place, byte) in random_bytes::<20>()?.into_iter().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.push(ALPHABET.get(usize::from(byte & 31)).copied().map_or('0', char::from));
    }
    Ok(Sensitive::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashing(memory_kib: u32) -> Hashing {
        let settings = Staff {
            token_minutes: 10,
            session_hours: 10,
            hash_memory_kib: memory_kib,
            hash_passes: 1,
            hashes_at_once: 2,
        };
        Hashing::new(&settings).unwrap()
    }

    #[test]
    fn the_hash_is_argon2id_and_says_its_costs() {
        let mut settings = crate::config::Config::defaults(std::path::Path::new("/tmp/x")).unwrap().staff;
        settings.hash_memory_kib = 64;
        let hash = Hashing::new(&settings).unwrap().hash_blocking(&"correct horse battery".into()).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=3,p=1$"), "{hash}");
        assert!(crate::config::DEFAULTS.contains("\nhash_memory_kib = 65536\nhash_passes = 3\n"));
    }

    #[tokio::test]
    async fn only_the_same_passphrase_compares_the_same_and_nobody_never_does() {
        let hashing = hashing(64);
        let kept = hashing.hash(&"correct horse battery".into()).await.unwrap();
        for (text, kept, expected) in [
            ("correct horse battery", Some(kept.clone()), Compared::Same),
            ("correct horse batterz", Some(kept.clone()), Compared::Different),
            ("correct horse battery", None, Compared::Different),
        ] {
            assert_eq!(hashing.compare(&text.into(), kept).await.unwrap(), expected);
        }
        assert!(hashing.compare(&"x".into(), Some("nonsense".into())).await.is_err());
    }

    #[tokio::test]
    async fn a_hash_at_old_costs_is_made_anew() {
        let kept = hashing(32).hash(&"correct horse battery".into()).await.unwrap();
        let compared = hashing(64).compare(&"correct horse battery".into(), Some(kept)).await.unwrap();
        let Compared::SameButOld(renewed) = compared else { panic!("expected a new hash") };
        assert!(renewed.contains("m=64"));
    }

    #[test]
    fn length_is_counted_in_characters_after_composing() {
        let long = |text: &str, second| long_enough(&read(text).unwrap(), second).is_ok();
        assert!(long("паролпаролпарол", false));
        assert!(!long("паролпаролпаро", false));
        assert!(long("12345678", true));
        assert!(!long("1234567", true));
        // Sixteen code points before, eight after.
        assert!(!long(&"a\u{308}".repeat(8), false));
        assert_eq!(read("a\u{0}b").err(), Some("unclean_text"));
        assert_eq!(read(&"x".repeat(300)).err(), Some("too_long"));
    }

    #[test]
    fn one_spelling_of_a_passphrase_is_as_good_as_the_other() {
        assert_eq!(read("A\u{308}pfel").unwrap().reveal(), read("Äpfel").unwrap().reveal());
    }

    #[test]
    fn a_drawn_passphrase_is_long_enough_and_never_the_same() {
        let (one, other) = (draw().unwrap(), draw().unwrap());
        assert!(long_enough(&one, false).is_ok());
        assert_ne!(one.reveal(), other.reveal());
    }
}
