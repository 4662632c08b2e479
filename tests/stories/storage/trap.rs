//! The trap the writing thread is built around, shown on diesel alone: without it, the stories
//! about panics would prove nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use goldaw::storage::{Db, Place};

use crate::support::{count, stranger};

#[test]
fn a_caught_panic_makes_diesel_report_a_commit_that_never_happened() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Sqlite(folder.path().join("naive.db"));
    let Db::Sqlite(mut naive) = stranger(&place) else { unreachable!() };
    naive.batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE kept (id INTEGER)").unwrap();

    // A writer as one would write it first: one transaction, one savepoint for each caller.
    AnsiTransactionManager::begin_transaction_sql(&mut naive, "BEGIN IMMEDIATE").unwrap();
    let mut told = Vec::new();
    for caller in 0..5 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            naive.transaction(|db| {
                diesel::sql_query(format!("INSERT INTO kept VALUES ({caller})")).execute(db)?;
                assert_ne!(caller, 2, "planned");
                QueryResult::Ok(())
            })
        }));
        told.push(matches!(outcome, Ok(Ok(()))));
    }
    let committed = AnsiTransactionManager::commit_transaction(&mut naive);

    assert!(committed.is_ok(), "diesel says the batch is committed");
    assert_eq!(told, [true, true, false, true, true], "four callers would be told yes");
    assert_eq!(count(&mut stranger(&place), "kept"), 0, "and nothing is on disk");
}
