//! Stories about the vault, told against a key store in memory.

mod blind;
mod erasing;
mod files;
mod keyring;
mod pool;
mod sealing;

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::keys::{Found, KeyStore, KeyStoreError, WrappedKey};
use super::{DataKey, Keyring, RootKey, Sensitive, Vault, VaultError};

/// A key store that counts, fails, stalls and can be tampered with on request.
#[derive(Default)]
struct FakeStore {
    keys: Mutex<HashMap<String, Option<WrappedKey>>>,
    mints: AtomicUsize,
    finds: AtomicUsize,
    down: AtomicBool,
    panics: AtomicBool,
    stalled: Mutex<bool>,
    released: Condvar,
    most_at_once: AtomicUsize,
    at_once: AtomicUsize,
}

impl FakeStore {
    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn stall(&self, stalled: bool) {
        *self.stalled.lock().unwrap() = stalled;
        self.released.notify_all();
    }

    fn mints(&self) -> usize {
        self.mints.load(Ordering::SeqCst)
    }

    fn answer(&self) -> Result<(), KeyStoreError> {
        if self.down.load(Ordering::SeqCst) { Err(KeyStoreError::Unavailable) } else { Ok(()) }
    }

    fn stored(&self, id: &str) -> WrappedKey {
        self.keys.lock().unwrap()[id].clone().unwrap()
    }

    fn put(&self, id: &str, key: WrappedKey) {
        self.keys.lock().unwrap().insert(id.to_owned(), Some(key));
    }
}

impl KeyStore for FakeStore {
    fn mint(&self, keys: &[WrappedKey]) -> Result<(), KeyStoreError> {
        self.mints.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let stalled = self.stalled.lock().unwrap();
        drop(self.released.wait_while(stalled, |stalled| *stalled).unwrap());
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "the store breaks");
        self.answer()?;
        let mut stored = self.keys.lock().unwrap();
        for key in keys {
            assert!(stored.insert(key.id.clone(), Some(key.clone())).is_none(), "an id came twice");
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Result<Found, KeyStoreError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        self.answer()?;
        Ok(match self.keys.lock().unwrap().get(id) {
            Some(Some(key)) => Found::Key(key.clone()),
            Some(None) => Found::Destroyed,
            None => Found::Missing,
        })
    }

    fn destroy(&self, ids: &[String]) -> Result<(), KeyStoreError> {
        self.answer()?;
        let mut stored = self.keys.lock().unwrap();
        for id in ids {
            stored.insert(id.clone(), None);
        }
        Ok(())
    }

    fn tombstones(&self) -> Result<Vec<String>, KeyStoreError> {
        self.answer()?;
        let stored = self.keys.lock().unwrap();
        Ok(stored.iter().filter(|(_, key)| key.is_none()).map(|(id, _)| id.clone()).collect())
    }
}

fn vault() -> (Arc<Vault>, Arc<FakeStore>) {
    let store = Arc::new(FakeStore::default());
    (Arc::new(Vault::new(Keyring::create().unwrap(), store.clone())), store)
}

fn root() -> RootKey {
    let folder = tempfile::tempdir().unwrap();
    RootKey::create(&folder.path().join("root.key")).unwrap()
}

/// The error, from results whose content cannot be printed.
fn refusal<T, E>(result: Result<T, E>) -> E {
    result.err().expect("this should have been refused")
}

fn ids(keys: &[&DataKey]) -> Vec<String> {
    keys.iter().map(|key| key.id().to_owned()).collect()
}

/// Does not compile when the type has the trait: with it, there are two ways to pick `Rule`.
macro_rules! has_no {
    ($trait:path: $($type:ty),+) => {$({
        trait Rule<A> { fn holds() {} }
        impl<T: ?Sized> Rule<()> for T {}
        impl<T: ?Sized + $trait> Rule<u8> for T {}
        <$type as Rule<_>>::holds()
    })+};
}

#[test]
fn secrets_cannot_be_printed_or_written() {
    has_no!(Debug: Sensitive<String>, RootKey, Keyring, DataKey, Vault, super::material::Material);
    has_no!(Display: Sensitive<String>, RootKey, Keyring, DataKey, Vault);
    has_no!(serde::Serialize: Sensitive<String>, RootKey, Keyring, DataKey, Vault);
    has_no!(Clone: RootKey, Keyring, super::material::Material);
}

#[test]
fn a_sensitive_value_can_be_read_from_input_and_revealed() {
    let phone: Sensitive<String> = serde_json::from_str("\"+99365000000\"").unwrap();
    assert_eq!(phone.reveal(), "+99365000000");
    assert_eq!(Sensitive::<String>::from("Aýna").clone().reveal(), "Aýna");
}

#[test]
fn a_sensitive_value_is_overwritten_when_dropped() {
    struct Watched(Arc<AtomicBool>);
    impl zeroize::Zeroize for Watched {
        fn zeroize(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let overwritten = Arc::new(AtomicBool::new(false));
    drop(Sensitive::from(Watched(overwritten.clone())));
    assert!(overwritten.load(Ordering::SeqCst));
}
