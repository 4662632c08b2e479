//! Many callers, one flush. Whatever goes wrong in the middle, nobody hears yes for what is not on
//! disk. On PostgreSQL every caller has a transaction of their own, so only the one who failed is
//! told so.

use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use goldaw::error::{Error, Result};
use goldaw::storage::schema::staff;
use goldaw::storage::{By, Db, Tx};

use super::{keep, keeps, refusal, still_writes};
use crate::support::proof::{Dice, rounds};
use crate::support::{Engine, Hotline, Work, is_503, number, on_both_engines, recovers_within, work};

on_both_engines![
    all_of_a_batch_is_kept,
    a_panic_in_mid_batch_leaves_nothing,
    a_panic_inside_a_savepoint_leaves_nothing,
    a_swallowed_error_is_not_half_committed,
    a_swallowed_constraint_is_never_a_yes_without_rows,
    a_savepoint_left_open_leaves_nothing,
    a_transaction_ended_by_hand_leaves_nothing,
    a_commit_that_fails_is_told_to_all,
    a_refusal_undoes_only_its_own,
    a_taken_row_leaves_the_rest_usable,
    whatever_a_batch_meets_a_yes_is_on_disk,
];

fn all_of_a_batch_is_kept(hotline: &Hotline) {
    let told = hotline.together((0..100).map(|_| keeps("t")).collect());
    assert!(told.iter().all(Result::is_ok));
    assert_eq!(hotline.count("steps"), 100);
}

/// Runs `spoiler` between two good writes and checks who was told what.
fn spoils_the_batch(hotline: &Hotline, spoiler: Work<()>) {
    let before = hotline.count("steps");
    let told = hotline.together(vec![keeps("before"), spoiler, keeps("after")]);
    assert!(is_503(&told[1]), "the one that failed: {:?}", told[1]);
    if hotline.engine == Engine::Sqlite {
        assert!(told.iter().all(is_503), "one batch, one answer: {told:?}");
    }
    let yes = told.iter().filter(|told| told.is_ok()).count() as i64;
    assert_eq!(hotline.count("steps") - before, yes);
    still_writes(hotline);
}

fn a_panic_in_mid_batch_leaves_nothing(hotline: &Hotline) {
    spoils_the_batch(
        hotline,
        work(|tx| {
            keep(tx, "lost")?;
            panic!("planned");
        }),
    );
}

fn a_panic_inside_a_savepoint_leaves_nothing(hotline: &Hotline) {
    spoils_the_batch(
        hotline,
        work(|tx| {
            keep(tx, "lost")?;
            tx.unless_taken(|_| -> QueryResult<()> { panic!("planned") })?;
            Ok(())
        }),
    );
}

fn a_swallowed_error_is_not_half_committed(hotline: &Hotline) {
    spoils_the_batch(
        hotline,
        work(|tx| {
            keep(tx, "half")?;
            let _ = tx.db.batch_execute("INSERT INTO nowhere VALUES (1)");
            Ok(())
        }),
    );
    spoils_the_batch(
        hotline,
        work(|tx| {
            keep(tx, "half")?;
            let _ =
                diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT nothing FROM nowhere").get_result::<i64>(tx.db);
            Ok(())
        }),
    );
}

/// SQLite undoes only the statement that broke the constraint; PostgreSQL gives up the whole
/// transaction and answers COMMIT with a silent rollback.
fn a_swallowed_constraint_is_never_a_yes_without_rows(hotline: &Hotline) {
    let told = hotline.store.write_blocking(By::system(), |tx| {
        keep(tx, "kept or refused")?;
        hire(tx.db, "one")?;
        let _ = hire(tx.db, "one");
        Ok(())
    });
    assert_eq!(hotline.count("steps"), i64::from(told.is_ok()), "told {told:?}");
    assert_eq!(hotline.count("staff"), i64::from(told.is_ok()));
    still_writes(hotline);
}

fn a_savepoint_left_open_leaves_nothing(hotline: &Hotline) {
    spoils_the_batch(
        hotline,
        work(|tx| {
            <Db as Connection>::TransactionManager::begin_transaction(tx.db)?;
            keep(tx, "lost")
        }),
    );
    spoils_the_batch(
        hotline,
        work(|tx| {
            keep(tx, "lost")?;
            // One level too many taken away: the caller's own savepoint, or the transaction.
            <Db as Connection>::TransactionManager::rollback_transaction(tx.db)?;
            Ok(())
        }),
    );
}

fn a_transaction_ended_by_hand_leaves_nothing(hotline: &Hotline) {
    spoils_the_batch(
        hotline,
        work(|tx| {
            keep(tx, "lost")?;
            tx.db.batch_execute("ROLLBACK")?;
            Ok(())
        }),
    );
}

fn a_commit_that_fails_is_told_to_all(hotline: &Hotline) {
    let dangling = work(|tx: &mut Tx<'_>| {
        keep(tx, "lost")?;
        tx.db.batch_execute(match tx.db {
            Db::Sqlite(_) => "PRAGMA defer_foreign_keys = ON",
            Db::Postgres(_) => {
                "ALTER TABLE sessions ALTER CONSTRAINT sessions_staff_id_fkey DEFERRABLE INITIALLY DEFERRED"
            }
        })?;
        let values = "('s1', 'h1', 'nobody', 0, 0, 0)";
        tx.db.batch_execute(&format!(
            "INSERT INTO sessions (id, token_hash, staff_id, created_at, expires_at, seen_at) VALUES {values}"
        ))?;
        Ok(())
    });
    let told = hotline.together(vec![keeps("before"), dangling, keeps("after")]);
    assert!(told[1].is_err());
    if hotline.engine == Engine::Sqlite {
        assert!(told.iter().all(is_503), "{told:?}");
    }
    assert_eq!(hotline.count("steps"), told.iter().filter(|told| told.is_ok()).count() as i64);
    assert_eq!(hotline.count("sessions"), 0);
    still_writes(hotline);
}

fn a_refusal_undoes_only_its_own(hotline: &Hotline) {
    let refused = work(|tx: &mut Tx<'_>| {
        keep(tx, "undone")?;
        Err(refusal())
    });
    let told = hotline.together(vec![keeps("before"), refused, keeps("after")]);
    assert!(matches!(told.as_slice(), [Ok(()), Err(Error::Conflict { .. }), Ok(())]), "{told:?}");
    assert_eq!(number(&mut hotline.stranger(), "SELECT count(*) AS value FROM steps WHERE subject_id = 'undone'"), 0);
    assert_eq!(hotline.count("steps"), 2);
}

fn a_taken_row_leaves_the_rest_usable(hotline: &Hotline) {
    let told = hotline.store.write_blocking(By::system(), |tx| {
        let first = tx.unless_taken(|db| hire(db, "one"))?;
        let second = tx.unless_taken(|db| hire(db, "one"))?;
        keep(tx, "after")?;
        Ok((first.is_some(), second.is_some()))
    });
    assert_eq!(told.unwrap(), (true, false));
    assert_eq!((hotline.count("staff"), hotline.count("steps")), (1, 1));
}

/// Batches of good writes, refusals and every kind of harm, in random order.
fn whatever_a_batch_meets_a_yes_is_on_disk(hotline: &Hotline) {
    let mut dice = Dice::new();
    let mut known: Vec<(String, bool)> = Vec::new();
    let all = rounds(12);
    for round in 0..all {
        let names: Vec<String> = (0..=dice.throw(9)).map(|n| format!("r{round}-{n}")).collect();
        let works = names.iter().map(|name| any_work(name.clone(), dice.throw(24))).collect();
        let told = hotline.together::<()>(works);
        known.extend(names.into_iter().zip(told.iter().map(Result::is_ok)));
    }
    let mut stranger = hotline.stranger();
    for (name, yes) in &known {
        let query = format!("SELECT count(*) AS value FROM steps WHERE subject_id = '{name}'");
        // Each work writes two rows about its name: both or none.
        assert_eq!(number(&mut stranger, &query), if *yes { 2 } else { 0 }, "{name} was told yes: {yes}");
    }
    let yes = known.iter().filter(|(_, yes)| *yes).count();
    assert!(yes > 0 && yes < known.len(), "a proof needs both answers");
    println!("proof: {:?}: {all} batches, {} writes, {yes} told yes and on disk, 0 wrong", hotline.engine, known.len());
}

fn any_work(name: String, kind: u64) -> Work<()> {
    work(move |tx| {
        keep(tx, &name)?;
        match kind {
            0 => panic!("planned"),
            1 => {
                let _ = tx.db.batch_execute("INSERT INTO nowhere VALUES (1)");
            }
            2 => <Db as Connection>::TransactionManager::begin_transaction(tx.db)?,
            3 | 4 => return Err(refusal()),
            5 => {
                tx.unless_taken(|db| hire(db, "one"))?;
            }
            _ => {}
        }
        keep(tx, &name)
    })
}

/// A member of staff; a second one of the same name is refused by the table.
fn hire(db: &mut Db, name: &str) -> QueryResult<usize> {
    let row = (
        staff::id.eq(name),
        staff::reference.eq(name),
        staff::version.eq(1),
        staff::name.eq(name),
        staff::role.eq("operator"),
        staff::passphrase_hash.eq(""),
        staff::totp_last_step.eq(0),
        staff::active.eq(true),
        staff::created_at.eq(0),
        staff::updated_at.eq(0),
    );
    diesel::insert_into(staff::table).values(row).execute(db)
}

#[test]
fn a_full_disk_in_mid_batch_leaves_nothing_and_passes() {
    let hotline = Hotline::open(Engine::Sqlite);
    let full = work(|tx: &mut Tx<'_>| {
        // As if the disk had not one page more, for as long as this connection lives.
        tx.db.batch_execute("PRAGMA max_page_count = 1")?;
        let much = "x".repeat(100_000);
        tx.step(("task", "lost"), "opened", Some(&much))
    });
    let told = hotline.together(vec![keeps("before"), full, keeps("after")]);
    assert!(told.iter().all(is_503), "{told:?}");
    assert_eq!(hotline.count("steps"), 0);
    assert_eq!(hotline.store.read_blocking(|db| Ok(crate::support::count(db, "steps"))).unwrap(), 0);
    recovers_within(Duration::from_secs(5), || hotline.store.write_blocking(By::system(), |tx| keep(tx, "later")));
}

#[test]
fn a_full_disk_that_a_verb_swallows_leaves_nothing() {
    let hotline = Hotline::open(Engine::Sqlite);
    let full = work(|tx: &mut Tx<'_>| {
        keep(tx, "half")?;
        tx.db.batch_execute("PRAGMA max_page_count = 1")?;
        let _ = tx.step(("task", "lost"), "opened", Some(&"x".repeat(100_000)));
        Ok(())
    });
    let told = hotline.together(vec![keeps("before"), full, keeps("after")]);
    assert!(told.iter().all(is_503), "{told:?}");
    assert_eq!(hotline.count("steps"), 0);
    still_writes(&hotline);
}
