//! Queues, locks, snapshots, settings of connections, modes of files.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use goldaw::error::Error;
use goldaw::storage::{By, Db, Place, Store};

use super::{keep, still_writes};
use crate::support::{Engine, Hotline, count, is_503, number, on_both_engines, recovers_within};

on_both_engines![a_read_sees_one_moment, a_read_cannot_write, what_is_kept_is_there_after_a_restart];

fn a_read_sees_one_moment(hotline: &Hotline) {
    let store = hotline.store.clone();
    let seen = hotline.store.read_blocking(move |db| {
        let first = count(db, "steps");
        store.write_blocking(By::system(), |tx| keep(tx, "meanwhile"))?;
        Ok((first, count(db, "steps")))
    });
    assert_eq!(seen.unwrap(), (0, 0));
    assert_eq!(hotline.count("steps"), 1);
}

fn a_read_cannot_write(hotline: &Hotline) {
    let _ = hotline.store.read_blocking(|db| {
        let _ = db.batch_execute("DELETE FROM areas; INSERT INTO leases VALUES ('a', 'b', 1, 1)");
        Ok(())
    });
    assert_eq!(hotline.count("leases"), 0);
    still_writes(hotline);
}

fn what_is_kept_is_there_after_a_restart(hotline: &Hotline) {
    still_writes(hotline);
    assert_eq!(hotline.reopened().read_blocking(|db| Ok(count(db, "steps"))).unwrap(), 1);
}

#[test]
fn more_writes_than_may_wait_are_told_busy() {
    let hotline = Hotline::with(Engine::Sqlite, |config| config.database.queue = 2);
    let held = hotline.hold_writer();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told: Vec<_> = runtime.block_on(async {
        let asked: Vec<_> = (0..4)
            .map(|_| {
                let store = hotline.store.clone();
                tokio::spawn(async move { store.write(By::system(), |tx| keep(tx, "t")).await })
            })
            .collect();
        tokio::task::yield_now().await;
        held.release();
        let mut told = Vec::new();
        for answer in asked {
            told.push(answer.await.unwrap());
        }
        told
    });
    assert!(matches!(told.as_slice(), [Ok(()), Ok(()), Err(Error::Busy), Err(Error::Busy)]), "{told:?}");
    assert!(is_503(&told[3]));
    assert_eq!(hotline.count("steps"), 2);
}

#[test]
fn without_a_free_connection_postgres_writes_are_told_busy() {
    let hotline = Hotline::with(Engine::Postgres, |config| config.database.connections = 1);
    let held = hotline.hold_writer();
    let told = hotline.store.write_blocking(By::system(), |tx| keep(tx, "t"));
    assert!(matches!(told, Err(Error::Busy)) && is_503(&told), "{told:?}");
    held.release();
    still_writes(&hotline);
}

#[test]
fn while_a_stranger_holds_the_file_nobody_is_told_yes() {
    let hotline = Hotline::open(Engine::Sqlite);
    let mut stranger = hotline.stranger();
    stranger.batch_execute("BEGIN IMMEDIATE").unwrap();
    let told = hotline.store.write_blocking(By::system(), |tx| keep(tx, "t"));
    assert!(is_503(&told), "{told:?}");
    assert_eq!(hotline.store.read_blocking(|db| Ok(count(db, "steps"))).unwrap(), 0, "reads go on");
    stranger.batch_execute("ROLLBACK").unwrap();
    let took =
        recovers_within(Duration::from_secs(5), || hotline.store.write_blocking(By::system(), |tx| keep(tx, "later")));
    assert!(took < Duration::from_secs(5));
    assert_eq!(hotline.count("steps"), 1);
}

#[test]
fn sqlite_keeps_every_setting_that_safety_rests_on() {
    let hotline = Hotline::open(Engine::Sqlite);
    let settings = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("secure_delete", "1"),
        ("trusted_schema", "0"),
        ("cell_size_check", "1"),
        ("temp_store", "2"),
        ("journal_size_limit", "67108864"),
    ];
    let say = |db: &mut Db, name: &str| -> String {
        let Db::Sqlite(connection) = db else { unreachable!() };
        diesel::dsl::sql::<Text>(&format!("PRAGMA {name}")).get_result(connection).unwrap()
    };
    for (name, value) in settings {
        assert_eq!(hotline.store.read_blocking(|db| Ok(say(db, name))).unwrap(), value, "{name} when reading");
        let written = hotline.store.write_blocking(By::system(), move |tx| Ok(say(tx.db, name)));
        assert_eq!(written.unwrap(), value, "{name} when writing");
    }
    let own = hotline.store.write_blocking(By::system(), move |tx| Ok(say(tx.db, "wal_autocheckpoint")));
    assert_eq!(own.unwrap(), "0", "no checkpoint inside a caller's commit");
}

/// As `.cargo/config.toml` asks for. Nothing fails without it but the figures.
#[test]
fn sqlite_is_built_to_plan_a_statement_once_and_to_share_no_lock_between_connections() {
    let hotline = Hotline::open(Engine::Sqlite);
    let used = |db: &mut Db, option: &str| -> i64 {
        number(db, &format!("SELECT sqlite_compileoption_used('{option}') AS value"))
    };
    let db = &mut hotline.stranger();
    assert_eq!(used(db, "ENABLE_QPSG"), 1);
    assert_eq!(used(db, "DEFAULT_MEMSTATUS=0"), 1);
    assert_eq!(used(db, "ENABLE_MEMORY_MANAGEMENT"), 0);
}

/// Copied beside the writing, and so whole that it can begin anew. SQLite's own checkpoints, inside a
/// caller's commit, are off.
#[test]
fn the_log_begins_anew_while_callers_go_on_writing() {
    let hotline = Hotline::open(Engine::Sqlite);
    let longest = write_until_the_log_begins_anew(&hotline);
    assert!(longest > 1000, "a log of {longest} pages is not worth a flush of the database file");
}

/// As a backup does.
#[test]
fn a_reader_holds_the_log_and_when_it_leaves_the_log_begins_anew() {
    let hotline = Hotline::open(Engine::Sqlite);
    let mut reader = hotline.stranger();
    reader.batch_execute("BEGIN; SELECT count(*) FROM steps").unwrap();
    let mut stranger = hotline.stranger();
    while pages_in_the_log(&mut stranger) < 12_000 {
        write_much(&hotline);
    }
    assert_eq!(count(&mut reader, "steps"), 0);
    reader.batch_execute("ROLLBACK").unwrap();
    let longest = write_until_the_log_begins_anew(&hotline);
    assert!(longest >= 12_000, "a reader of an old state was overtaken");
}

fn write_much(hotline: &Hotline) {
    let much = "x".repeat(100_000);
    hotline.store.write_blocking(By::system(), move |tx| tx.step(("task", "t"), "opened", Some(&much))).unwrap();
}

/// How many pages it had grown to.
fn write_until_the_log_begins_anew(hotline: &Hotline) -> i32 {
    let mut stranger = hotline.stranger();
    let mut longest = pages_in_the_log(&mut stranger);
    loop {
        write_much(hotline);
        let pages = pages_in_the_log(&mut stranger);
        if pages < longest {
            return longest;
        }
        longest = pages;
        assert!(longest < 40_000, "nobody empties the log");
    }
}

fn pages_in_the_log(stranger: &mut Db) -> i32 {
    #[derive(QueryableByName)]
    struct Told {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        log: i32,
    }
    let Db::Sqlite(connection) = stranger else { unreachable!() };
    diesel::sql_query("PRAGMA wal_checkpoint(NOOP)").get_result::<Told>(connection).unwrap().log
}

#[test]
fn postgres_confirms_after_flushing_and_speaks_utc() {
    let hotline = Hotline::open(Engine::Postgres);
    for (name, value) in [("fsync", "on"), ("synchronous_commit", "on"), ("TimeZone", "UTC")] {
        let said: String = hotline
            .store
            .write_blocking(By::system(), move |tx| {
                Ok(diesel::dsl::sql::<Text>(&format!("SHOW {name}")).get_result(tx.db)?)
            })
            .unwrap();
        assert_eq!(said, value, "{name}");
    }
}

/// As when it is restarted, or another takes its place.
#[test]
fn a_postgres_that_ended_its_connections_is_gone_to_again_and_nobody_is_told() {
    let hotline = Hotline::with(Engine::Postgres, |config| config.database.connections = 3);
    for _ in 0..3 {
        still_writes(&hotline);
        hotline.stranger().batch_execute(ENDED).unwrap();
        still_writes(&hotline);
        hotline.stranger().batch_execute(ENDED).unwrap();
        hotline.store.read_blocking(|db| Ok(count(db, "steps"))).unwrap();
    }
}

const ENDED: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'goldaw'";

#[test]
fn nobody_else_can_read_the_files() {
    let hotline = Hotline::open(Engine::Sqlite);
    hotline.vault.new_data_key().unwrap();
    still_writes(&hotline);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(hotline.folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        files.push(entry.file_name().into_string().unwrap());
    }
    for expected in ["goldaw.db", "goldaw.db-wal", "goldaw.db-shm", "keys.db"] {
        assert!(files.iter().any(|file| file == expected), "{expected} among {files:?}");
    }
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let hotline = Hotline::open(Engine::Sqlite);
    let Place::Sqlite(path) = &hotline.data else { unreachable!() };
    let copied = hotline.folder.path().join("restored.db");
    hotline.stranger().batch_execute(&format!("VACUUM INTO '{}'", copied.display())).unwrap();
    std::fs::set_permissions(&copied, std::fs::Permissions::from_mode(0o644)).unwrap();
    let place = Place::Sqlite(copied.clone());
    Store::open(&place, hotline.setting.clone(), hotline.clock.clone()).unwrap();
    assert_eq!(copied.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_store_behind_on_migrations_does_not_open() {
    let hotline = Hotline::open(Engine::Sqlite);
    let place = Place::Sqlite(hotline.folder.path().join("new.db"));
    let told = Store::open(&place, hotline.setting.clone(), hotline.clock.clone());
    assert!(told.err().unwrap().contains("goldaw migrate"));
}
