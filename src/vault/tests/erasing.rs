use super::super::cache::{CAPACITY, Cache, LookUp};
use super::*;

fn is_kept(cache: &Cache, id: &str) -> bool {
    matches!(cache.look_up(id), LookUp::Kept(_))
}

#[test]
fn an_erased_key_is_erased_and_gone_from_memory() {
    let (vault, _) = vault();
    let id = vault.new_data_key().unwrap().id().to_owned();
    vault.data_key(&id).unwrap();
    assert!(is_kept(&vault.cache, &id));

    vault.erase(std::slice::from_ref(&id)).unwrap();
    assert!(!is_kept(&vault.cache, &id));
    assert_eq!(refusal(vault.data_key(&id)), VaultError::Erased);
    assert_eq!(vault.tombstones().unwrap().as_slice(), std::slice::from_ref(&id));
    vault.erase(&[id]).unwrap();
}

#[test]
fn erasing_one_leaves_the_others() {
    let (vault, _) = vault();
    let (hers, other) = (vault.new_data_key().unwrap(), vault.new_data_key().unwrap());
    vault.erase(&ids(&[&hers])).unwrap();
    assert!(vault.data_key(other.id()).is_ok());
}

#[test]
fn a_key_nobody_minted_is_missing_not_erased() {
    assert_eq!(refusal(vault().0.data_key("00")), VaultError::Missing);
}

#[test]
fn a_failed_erasure_says_so_and_forgets_the_key_all_the_same() {
    let (vault, store) = vault();
    let key = vault.new_data_key().unwrap();
    vault.data_key(key.id()).unwrap();
    store.set_down(true);
    assert_eq!(vault.erase(&ids(&[&key])), Err(VaultError::Unavailable));
    assert_eq!(refusal(vault.data_key(key.id())), VaultError::Unavailable);
}

#[test]
fn an_erasure_by_another_process_takes_effect_when_the_key_is_forgotten() {
    let (vault, store) = vault();
    let (one, two) = (vault.new_data_key().unwrap(), vault.new_data_key().unwrap());
    for key in [&one, &two] {
        vault.data_key(key.id()).unwrap();
    }
    store.destroy(&ids(&[&one, &two])).unwrap();
    vault.forget(one.id());
    assert_eq!(refusal(vault.data_key(one.id())), VaultError::Erased);
    vault.forget_all();
    assert_eq!(refusal(vault.data_key(two.id())), VaultError::Erased);
}

#[test]
fn a_key_read_before_an_erasure_does_not_enter_memory_after_it() {
    let cache = Cache::new();
    let (key, _) = DataKey::mint(&Keyring::create().unwrap()).unwrap();
    let LookUp::Absent(since) = cache.look_up(key.id()) else { panic!("nothing was kept") };
    cache.forget(&ids(&[&key]));
    cache.keep(&key, since);
    assert!(!is_kept(&cache, key.id()));
}

#[test]
fn an_opened_key_is_not_asked_for_twice() {
    let (vault, store) = vault();
    let id = vault.new_data_key().unwrap().id().to_owned();
    for _ in 0..5 {
        vault.data_key(&id).unwrap();
    }
    assert_eq!(store.finds.load(Ordering::SeqCst), 1);
}

#[test]
fn memory_is_bounded_and_the_least_used_keys_leave_first() {
    let (cache, keyring) = (Cache::new(), Keyring::create().unwrap());
    let LookUp::Absent(since) = cache.look_up("") else { panic!("nothing was kept") };
    let keys: Vec<DataKey> = (0..=CAPACITY).map(|_| DataKey::mint(&keyring).unwrap().0).collect();
    for key in &keys[..CAPACITY] {
        cache.keep(key, since);
    }
    assert!(is_kept(&cache, keys[0].id()));
    cache.keep(&keys[CAPACITY], since);
    assert!((CAPACITY / 2..=CAPACITY).contains(&cache.len()));
    for kept in [0, CAPACITY - 1, CAPACITY] {
        assert!(is_kept(&cache, keys[kept].id()));
    }
    assert!(!is_kept(&cache, keys[1].id()));
}
