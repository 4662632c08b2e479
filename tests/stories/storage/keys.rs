//! The key store, apart from the data on either engine.

use goldaw::vault::VaultError;

use crate::support::{Hotline, count, on_both_engines, stranger};

on_both_engines![
    a_destroyed_key_leaves_a_tombstone_and_nothing_else,
    many_keys_asked_for_at_once_are_those_asked_for_one_by_one,
];

fn a_destroyed_key_leaves_a_tombstone_and_nothing_else(hotline: &Hotline) {
    let key = hotline.vault.new_data_key().unwrap();
    hotline.vault.forget_all();
    assert_eq!(hotline.vault.data_key(key.id()).unwrap().id(), key.id());
    let mut keys = stranger(&hotline.keys);
    let before = count(&mut keys, "data_keys");
    for _ in 0..2 {
        hotline.vault.erase(&[key.id().to_owned()]).unwrap();
        assert_eq!((count(&mut keys, "data_keys"), count(&mut keys, "tombstones")), (before - 1, 1));
    }
    assert!(matches!(hotline.vault.data_key(key.id()), Err(VaultError::Erased)));
    assert_eq!(hotline.vault.tombstones().unwrap(), [key.id()]);
}

fn many_keys_asked_for_at_once_are_those_asked_for_one_by_one(hotline: &Hotline) {
    let keys: Vec<_> = (0..5).map(|_| hotline.vault.new_data_key().unwrap()).collect();
    hotline.vault.erase(&[keys[1].id().to_owned()]).unwrap();
    hotline.vault.forget_all();
    // In another order than they were made, one of them twice, one that never was.
    let asked = [keys[4].id(), "nobody's", keys[1].id(), keys[0].id(), keys[4].id()];
    let told: Vec<_> = hotline.vault.data_keys(&asked).unwrap();
    let told: Vec<_> = told.iter().map(|key| key.as_ref().map(|key| key.id()).map_err(|error| *error)).collect();
    let one_by_one: Vec<_> = asked.iter().map(|id| hotline.vault.data_key(id)).collect();
    let one_by_one: Vec<_> =
        one_by_one.iter().map(|key| key.as_ref().map(|key| key.id()).map_err(|error| *error)).collect();
    assert_eq!(told, one_by_one);
    assert_eq!(told, [Ok(asked[0]), Err(VaultError::Missing), Err(VaultError::Erased), Ok(asked[3]), Ok(asked[4])]);
    assert!(hotline.vault.data_keys(&[]).unwrap().is_empty());
}
