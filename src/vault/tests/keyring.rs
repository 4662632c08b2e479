use super::super::{BlindField, KeyringError, Padding, Place, open, seal};
use super::*;

const HERE: Place<'_> = Place { table: "contacts", column: "document", row: "1" };

fn over(keyring: Keyring, store: &Arc<FakeStore>) -> Vault {
    Vault::new(keyring, store.clone())
}

#[test]
fn a_sealed_keyring_opens_to_the_same_keys() {
    let (root, store) = (root(), Arc::default());
    let keyring = Keyring::create().unwrap();
    let bytes = keyring.seal(&root).unwrap();
    let before = over(keyring, &store);
    let key = before.new_data_key().unwrap();
    let sealed = seal(&key, &HERE, b"heard", Padding::None).unwrap();

    let after = over(Keyring::open(&root, &bytes).unwrap(), &store);
    let key = after.data_key(key.id()).unwrap();
    assert_eq!(open(&key, &HERE, &sealed).unwrap().reveal(), b"heard");
}

#[test]
fn a_fingerprint_says_which_keyring_and_stays_when_its_keys_change() {
    let mut keyring = Keyring::create().unwrap();
    let before = keyring.fingerprint();
    keyring.rotate_wrapping().unwrap();
    assert_eq!((before.len(), keyring.fingerprint()), (32, before.clone()));
    assert_ne!(Keyring::create().unwrap().fingerprint(), before);
}

#[test]
fn another_root_key_is_refused_as_such() {
    let bytes = Keyring::create().unwrap().seal(&root()).unwrap();
    assert!(matches!(refusal(Keyring::open(&root(), &bytes)), KeyringError::WrongRoot));
}

#[test]
fn a_changed_or_cut_keyring_is_refused() {
    let root = root();
    let bytes = Keyring::create().unwrap().seal(&root).unwrap();
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        let same = bent[at].is_ascii_whitespace() && bytes[at].is_ascii_whitespace();
        assert!(same || Keyring::open(&root, &bent).is_err(), "byte {at}");
        assert!(Keyring::open(&root, &bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_keyring_of_a_later_format_is_named_as_such() {
    let root = root();
    let bytes = Keyring::create().unwrap().seal(&root).unwrap();
    let later = String::from_utf8(bytes).unwrap().replace("\"goldaw_keyring\": 1", "\"goldaw_keyring\": 2");
    let refused = refusal(Keyring::open(&root, later.as_bytes()));
    assert!(matches!(refused, KeyringError::UnknownFormat(2)));
}

#[test]
fn no_key_shows_in_the_sealed_keyring() {
    let (root, keyring) = (root(), Keyring::create().unwrap());
    let bytes = keyring.seal(&root).unwrap();
    let envelope: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let sealed = super::super::hex::decode(envelope["sealed"].as_str().unwrap()).unwrap();
    let mut keys = 0;
    for (_, key) in keyring.keys().chain([("root", &root.derive("goldaw keyring 1"))]) {
        keys += 1;
        let text = super::super::hex::encode(key.bytes());
        assert!(!String::from_utf8_lossy(&bytes).contains(&text[..8]));
        assert!(!sealed.windows(4).any(|window| window == &key.bytes()[..4]));
    }
    assert_eq!(keys, 3 + BlindField::ALL.len() + super::super::Purpose::ALL.len() + 1);
}

#[test]
fn every_key_is_different() {
    let keyring = Keyring::create().unwrap();
    let keys: std::collections::HashSet<_> = keyring.keys().map(|(_, key)| *key.bytes()).collect();
    assert_eq!(keys.len(), keyring.keys().count());
}

#[test]
fn the_root_key_changes_without_indexing_a_phone_again() {
    let (old, new, store) = (root(), root(), Arc::default());
    let bytes = Keyring::create().unwrap().seal(&old).unwrap();
    let moved = Keyring::rewrap(&bytes, &old, &new).unwrap();

    let before = over(Keyring::open(&old, &bytes).unwrap(), &store);
    let after = over(Keyring::open(&new, &moved).unwrap(), &store);
    let phone = |vault: &Vault| vault.blind_index(BlindField::PersonPhone, "+99365000000");
    assert_eq!(phone(&before), phone(&after));
    assert_eq!(before.fingerprint(), after.fingerprint());
    assert!(matches!(refusal(Keyring::open(&old, &moved)), KeyringError::WrongRoot));
}

#[test]
fn a_new_wrapping_key_leaves_old_data_keys_readable() {
    let (root, store) = (root(), Arc::default());
    let mut keyring = Keyring::create().unwrap();
    let bytes = keyring.seal(&root).unwrap();
    let old = over(Keyring::open(&root, &bytes).unwrap(), &store).new_data_key().unwrap();
    let sealed = seal(&old, &HERE, b"heard", Padding::None).unwrap();

    assert_eq!(keyring.rotate_wrapping().unwrap(), 2);
    let vault = over(keyring, &store);
    assert_eq!(store.stored(vault.new_data_key().unwrap().id()).version, 2);
    let renewed = vault.renew(&store.stored(old.id())).unwrap().unwrap();
    assert_eq!((renewed.version, vault.renew(&renewed).unwrap()), (2, None));
    store.put(old.id(), renewed);
    let key = vault.data_key(old.id()).unwrap();
    assert_eq!(open(&key, &HERE, &sealed).unwrap().reveal(), b"heard");
}

#[test]
fn a_retired_wrapping_key_is_gone_and_the_newest_cannot_be_retired() {
    let store = Arc::new(FakeStore::default());
    let mut keyring = Keyring::create().unwrap();
    let (old, wrapped) = DataKey::mint(&keyring).unwrap();
    store.put(old.id(), wrapped);
    assert!(matches!(keyring.retire_wrapping(1), Err(KeyringError::CannotRetire(1))));
    keyring.rotate_wrapping().unwrap();
    keyring.retire_wrapping(1).unwrap();
    assert!(matches!(keyring.retire_wrapping(1), Err(KeyringError::CannotRetire(1))));
    let refused = refusal(over(keyring, &store).data_key(old.id()));
    assert_eq!(refused, VaultError::WrappingKeyGone { version: 1 });
}

#[test]
fn a_keyring_of_an_older_version_is_completed_before_use_and_keeps_its_keys() {
    let (root, store) = (root(), Arc::default());
    let mut keyring = Keyring::create().unwrap();
    keyring.drop_key("mac.csrf");
    let bytes = keyring.seal(&root).unwrap();
    let refused = refusal(Keyring::open(&root, &bytes));
    assert!(matches!(refused, KeyringError::Incomplete(names) if names == ["mac.csrf"]));

    let grown = Keyring::completed(&root, &bytes).unwrap().unwrap();
    assert!(Keyring::completed(&root, &grown).unwrap().is_none());
    let phone = |vault: Vault| vault.blind_index(BlindField::PersonPhone, "+99365000000");
    let after = phone(over(Keyring::open(&root, &grown).unwrap(), &store));
    assert_eq!(phone(over(keyring, &store)), after);
}

#[test]
fn a_key_of_a_newer_version_survives_an_older_one() {
    let root = root();
    let mut keyring = Keyring::create().unwrap();
    keyring.add("mac.of_tomorrow", 1).unwrap();
    let before = *keyring.newest("mac.of_tomorrow").bytes();
    let bytes = keyring.seal(&root).unwrap();
    let again = Keyring::open(&root, &bytes).unwrap().seal(&root).unwrap();
    let after = Keyring::open(&root, &again).unwrap();
    assert_eq!(*after.newest("mac.of_tomorrow").bytes(), before);
}

#[test]
fn a_wrapped_key_that_was_changed_or_exchanged_is_refused() {
    let (vault, store) = vault();
    let (hers, other) = (vault.new_data_key().unwrap(), vault.new_data_key().unwrap());
    let bent = |change: &dyn Fn(&mut WrappedKey)| {
        let mut wrapped = store.stored(hers.id());
        change(&mut wrapped);
        let (fresh, fresh_store) = (Vault::new(reopened(&vault), store.clone()), &store);
        let before = fresh_store.stored(hers.id());
        fresh_store.put(hers.id(), wrapped);
        let refused = refusal(fresh.data_key(hers.id()));
        fresh_store.put(hers.id(), before);
        refused
    };
    let others = store.stored(other.id());
    assert_eq!(bent(&|key| key.sealed[40] ^= 1), VaultError::Tampered);
    assert_eq!(bent(&|key| key.sealed = others.sealed.clone()), VaultError::Tampered);
    assert_eq!(bent(&|key| *key = others.clone()), VaultError::Tampered);
    assert_eq!(bent(&|key| key.version = 9), VaultError::WrappingKeyGone { version: 9 });
}

fn reopened(vault: &Vault) -> Keyring {
    let root = root();
    Keyring::open(&root, &vault.keyring.seal(&root).unwrap()).unwrap()
}
