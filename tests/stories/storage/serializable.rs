//! PostgreSQL lets writers run side by side, and asks for a repeat when that would show.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use goldaw::error::{Error, Result};
use goldaw::storage::{By, Isolation, Tx};

use super::keep;
use crate::support::{Engine, Hotline, count, is_503, number, on_both_engines};

on_both_engines![those_who_count_and_then_add_never_count_the_same];

/// Each counts the rows and writes one with that count: a result that one after the other could
/// not give would show the same count twice.
fn those_who_count_and_then_add_never_count_the_same(hotline: &Hotline) {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = hotline.store.clone();
            std::thread::spawn(move || -> Vec<Result<()>> {
                (0..5)
                    .map(|_| {
                        store.write_blocking(By::system(), |tx| {
                            let seen = count(tx.db, "steps");
                            tx.step(("task", &seen.to_string()), "counted", None)
                        })
                    })
                    .collect()
            })
        })
        .collect();
    let told: Vec<Result<()>> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let yes = told.iter().filter(|told| told.is_ok()).count() as i64;
    assert!(told.iter().all(|told| told.is_ok() || is_503(told)), "{told:?}");
    let mut stranger = hotline.stranger();
    assert_eq!(number(&mut stranger, "SELECT count(*) AS value FROM steps"), yes);
    assert_eq!(number(&mut stranger, "SELECT count(DISTINCT subject_id) AS value FROM steps"), yes);
}

/// Raises an error as PostgreSQL would, on the first `times` tries.
fn fails(
    times: u32,
    tries: &Arc<AtomicU32>,
    code: &'static str,
    words: &'static str,
) -> impl Fn(&mut Tx<'_>) -> Result<()> + use<> {
    let tries = tries.clone();
    move |tx| {
        keep(tx, "t")?;
        if tries.fetch_add(1, Ordering::SeqCst) < times {
            tx.db.batch_execute(&format!("DO $$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = '{code}'; END $$"))?;
        }
        Ok(())
    }
}

#[test]
fn a_transaction_that_must_be_repeated_is_repeated() {
    let hotline = Hotline::open(Engine::Postgres);
    let cases = [("40001", "could not serialize access"), ("40P01", "deadlock detected")];
    for (row, (code, words)) in (1..).zip(cases) {
        let tries = Arc::new(AtomicU32::new(0));
        hotline.store.write_blocking(By::system(), fails(6, &tries, code, words)).unwrap();
        assert_eq!(tries.load(Ordering::SeqCst), 7, "{code}: six repeats");
        assert_eq!(hotline.count("steps"), row, "{code}: written once");
    }
}

#[test]
fn after_six_repeats_the_caller_is_told_to_come_back() {
    let hotline = Hotline::open(Engine::Postgres);
    let tries = Arc::new(AtomicU32::new(0));
    let told = hotline.store.write_blocking(By::system(), fails(9, &tries, "40001", "could not serialize access"));
    assert!(matches!(told, Err(Error::Repeat)) && is_503(&told), "{told:?}");
    assert_eq!(tries.load(Ordering::SeqCst), 7);
    assert_eq!(hotline.count("steps"), 0);
}

#[test]
fn two_that_really_collide_both_get_through() {
    let hotline = Hotline::open(Engine::Postgres);
    let meeting = Arc::new(std::sync::Barrier::new(2));
    let tries = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (store, meeting, tries) = (hotline.store.clone(), meeting.clone(), tries.clone());
            std::thread::spawn(move || {
                store.write_blocking(By::system(), move |tx| {
                    let seen = count(tx.db, "steps");
                    // Both have counted before either writes; a repeat does not wait.
                    if tries.fetch_add(1, Ordering::SeqCst) < 2 {
                        meeting.wait();
                    }
                    tx.step(("task", &seen.to_string()), "counted", None)
                })
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert!(tries.load(Ordering::SeqCst) > 2, "one of them was repeated");
    let distinct = "SELECT count(DISTINCT subject_id) AS value FROM steps";
    assert_eq!(number(&mut hotline.stranger(), distinct), 2);
}

/// Each adds a row where the other has looked up a foreign key.
#[test]
fn two_that_only_add_are_not_in_each_other_s_way() {
    assert_eq!(tries_of_two_that_add(Isolation::New), 2);
    assert!(tries_of_two_that_add(Isolation::Serial) > 2, "or this story proves nothing");
}

fn add_staff(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    Ok(tx.db.batch_execute(&format!(
        "INSERT INTO staff (id, reference, version, name, role, passphrase_hash, totp_last_step, active, created_at, updated_at)
            VALUES ('{name}', '{name}', 1, '{name}', 'operator', '', 0, true, 0, 0)"
    ))?)
}

fn tries_of_two_that_add(isolation: Isolation) -> u32 {
    let hotline = Hotline::open(Engine::Postgres);
    let meeting = Arc::new(std::sync::Barrier::new(2));
    let tries = Arc::new(AtomicU32::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let adding: Vec<_> = ["one", "two"]
            .into_iter()
            .map(|name| {
                let (store, meeting, tries) = (hotline.store.clone(), meeting.clone(), tries.clone());
                tokio::spawn(async move {
                    let add = move |tx: &mut Tx<'_>| {
                        add_staff(tx, name)?;
                        tx.db.batch_execute(&format!(
                            "INSERT INTO sessions (id, token_hash, staff_id, created_at, expires_at, seen_at)
                                VALUES ('{name}', '{name}', '{name}', 0, 0, 0)"
                        ))?;
                        // Both have looked before either adds more; a repeat does not wait.
                        if tries.fetch_add(1, Ordering::SeqCst) < 2 {
                            meeting.wait();
                        }
                        add_staff(tx, &format!("{name} more"))
                    };
                    store.write_as(isolation, By::system(), add).await
                })
            })
            .collect();
        for one in adding {
            one.await.unwrap().unwrap();
        }
    });
    assert_eq!(hotline.count("sessions"), 2);
    tries.load(Ordering::SeqCst)
}
