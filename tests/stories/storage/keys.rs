//! The key store, apart from the data on either engine.

use goldaw::vault::VaultError;

use crate::support::{Hotline, count, on_both_engines, stranger};

on_both_engines![a_destroyed_key_leaves_a_tombstone_and_nothing_else];

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
