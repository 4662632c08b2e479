use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use super::super::pool::{BATCH, LOW};
use super::*;

fn eventually(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never happened");
        thread::sleep(Duration::from_millis(2));
    }
}

fn take(vault: &Vault, count: usize) {
    for _ in 0..count {
        vault.new_data_key().unwrap();
    }
}

#[test]
fn threads_taking_keys_never_get_the_same_one_and_few_batches_are_minted() {
    let (vault, store) = vault();
    let mut takers = Vec::new();
    for _ in 0..8 {
        let vault = vault.clone();
        takers.push(thread::spawn(move || -> Vec<String> {
            (0..300).map(|_| vault.new_data_key().unwrap().id().to_owned()).collect()
        }));
    }
    let taken: Vec<String> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
    let different: HashSet<&String> = taken.iter().collect();
    assert_eq!((taken.len(), different.len()), (2400, 2400));
    let stored = store.keys.lock().unwrap();
    assert!(taken.iter().all(|id| stored.contains_key(id)));
    assert!((2400 / BATCH..=2400 / BATCH + 2).contains(&store.mints()), "{}", store.mints());
    assert_eq!(store.most_at_once.load(Ordering::SeqCst), 1);
}

#[test]
fn one_batch_serves_many_takers_without_another_mint() {
    let (vault, store) = vault();
    take(&vault, BATCH - LOW);
    assert_eq!(store.mints(), 1);
    take(&vault, 1);
    eventually(|| store.mints() == 2);
}

#[test]
fn keys_minted_ahead_are_there_before_the_first_is_asked_for() {
    let (vault, store) = vault();
    vault.mint_ahead().unwrap();
    vault.mint_ahead().unwrap();
    assert_eq!(store.mints(), 1, "what is there is not minted again");
    store.set_down(true);
    take(&vault, 1);
}

#[test]
fn nobody_waits_for_a_refill_while_keys_remain() {
    let (vault, store) = vault();
    take(&vault, 1);
    store.stall(true);
    take(&vault, BATCH - 1);
    eventually(|| store.mints() == 2);

    let waiting = thread::spawn({
        let vault = vault.clone();
        move || vault.new_data_key().is_ok()
    });
    thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished(), "the pool is empty, so this one waits");
    store.stall(false);
    assert!(waiting.join().unwrap());
    assert_eq!(store.mints(), 2);
}

#[test]
fn an_empty_pool_and_a_store_that_is_down_say_unavailable_until_it_is_back() {
    let (vault, store) = vault();
    store.set_down(true);
    assert_eq!(refusal(vault.new_data_key()), VaultError::Unavailable);
    assert_eq!(refusal(vault.new_data_key()), VaultError::Unavailable);
    store.set_down(false);
    assert!(vault.new_data_key().is_ok());
}

#[test]
fn keys_minted_before_the_store_went_down_are_still_given_out() {
    let (vault, store) = vault();
    take(&vault, 1);
    store.set_down(true);
    take(&vault, BATCH - 1);
    assert_eq!(refusal(vault.new_data_key()), VaultError::Unavailable);
    store.set_down(false);
    take(&vault, BATCH);
}

#[test]
fn those_who_wait_for_a_failing_mint_all_hear_of_it_at_once() {
    let (vault, store) = vault();
    store.stall(true);
    store.set_down(true);
    let takers: Vec<_> = (0..6)
        .map(|_| {
            let vault = vault.clone();
            thread::spawn(move || refusal(vault.new_data_key()))
        })
        .collect();
    eventually(|| store.mints() == 1);
    thread::sleep(Duration::from_millis(200));
    store.stall(false);
    for taker in takers {
        assert_eq!(taker.join().unwrap(), VaultError::Unavailable);
    }
    assert!(store.mints() < 6);
}

#[test]
fn a_store_that_panics_leaves_the_pool_usable() {
    let (vault, store) = vault();
    store.panics.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| vault.new_data_key().is_ok())).is_err());
    store.panics.store(false, Ordering::SeqCst);
    assert!(vault.new_data_key().is_ok());
}

#[test]
fn a_minted_key_is_the_one_the_store_gives_back() {
    let (vault, _) = vault();
    let made = vault.new_data_key().unwrap();
    let found = vault.data_key(made.id()).unwrap();
    assert_eq!(made.material().bytes(), found.material().bytes());
    assert_eq!((made.id().len(), made.version()), (32, found.version()));
}
