//! `kill -9` at any moment: what was acknowledged is there, whole and once; what was not is whole
//! or absent, and asking again with the same key does not double it.
//!
//! The story runs its own test again as a child. The child writes from several threads, each write
//! a step, a trail row and an idempotency row, and prints a line once it was told yes. The parent
//! kills it, looks at the database as a stranger, and starts it again where its lines ended, so
//! that every round also repeats the writes whose answer was lost.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use goldaw::clock::Clock;
use goldaw::storage::records::Replay;
use goldaw::storage::{By, Db, Place, Store};

use crate::support::proof::{Dice, rounds};
use crate::support::{Engine, Hotline, number, setting};

const THREADS: usize = 4;

#[test]
fn kill_9_loses_and_doubles_nothing_on_sqlite() {
    tell(Engine::Sqlite, "storage::kills::kill_9_loses_and_doubles_nothing_on_sqlite");
}

#[test]
fn kill_9_loses_and_doubles_nothing_on_postgres() {
    tell(Engine::Postgres, "storage::kills::kill_9_loses_and_doubles_nothing_on_postgres");
}

fn tell(engine: Engine, test: &str) {
    if let Ok(order) = std::env::var("GOLDAW_KILLED_CHILD") {
        return write_until_killed(&order);
    }
    let hotline = Hotline::open(engine);
    let mut dice = Dice::new();
    let mut acknowledged = [0_i64; THREADS];
    let (mut unanswered, all) = (0, rounds(15));
    for round in 0..all {
        kill_one(&hotline, test, &mut acknowledged, Duration::from_micros(dice.throw(120_000)));
        unanswered += look(&hotline, &acknowledged, round);
    }
    let sum: i64 = acknowledged.iter().sum();
    assert!(sum > 0, "a proof needs acknowledged writes");
    println!(
        "proof: {engine:?}: {all} kills, {sum} acknowledged, {unanswered} kept unanswered, 0 lost, 0 torn, 0 doubled"
    );
}

/// Starts the child, lets it run for `time` after its first acknowledgement, kills it, and takes
/// down what it said.
fn kill_one(hotline: &Hotline, test: &str, acknowledged: &mut [i64; THREADS], time: Duration) {
    let config = &hotline.setting.config;
    let from: Vec<String> = acknowledged.iter().map(i64::to_string).collect();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(
            "GOLDAW_KILLED_CHILD",
            format!("{}\n{}\n{}", config.database.url, config.database.keys_url, from.join(" ")),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let mut deadline = None;
    loop {
        line.clear();
        // A line without its end was not said.
        if said.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            break;
        }
        // The test harness begins the first line with words of its own.
        let yes = line.trim().split_once("yes ").and_then(|(_, said)| said.split_once(' '));
        if let Some((thread, number)) = yes {
            let thread: usize = thread.parse().unwrap();
            let number = number.parse().unwrap();
            assert_eq!(number, acknowledged[thread] + 1, "the child goes on where it was");
            acknowledged[thread] = number;
            let at = *deadline.get_or_insert_with(|| Instant::now() + time);
            if Instant::now() >= at {
                child.kill().unwrap();
            }
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(deadline.is_some(), "the child was told yes at least once");
}

/// Checks every row; gives how many writes are there whose answer was lost.
fn look(hotline: &Hotline, acknowledged: &[i64; THREADS], round: u64) -> i64 {
    let mut stranger = hotline.stranger();
    match &mut stranger {
        Db::Sqlite(connection) => {
            let said: String = diesel::dsl::sql::<Text>("PRAGMA integrity_check").get_result(connection).unwrap();
            assert_eq!(said, "ok", "round {round}");
        }
        // The server outlives the child, and may still be at its last COMMIT.
        Db::Postgres(_) => {
            let busy = "SELECT count(*) AS value FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
            while number(&mut stranger, busy) > 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
    let mut unanswered = 0;
    let steps = tally(&mut stranger, "steps", "subject_id");
    for (table, column) in [("trail", "subject"), ("idempotency", "key_mac")] {
        assert_eq!(tally(&mut stranger, table, column), steps, "round {round}: {table} and steps tell the same writes");
    }
    assert!(steps.values().all(|times| *times == 1), "round {round}: a write is there twice: {steps:?}");
    for (thread, last) in acknowledged.iter().enumerate() {
        let known = (1..=*last).filter(|number| steps.contains_key(&name(thread, *number))).count() as i64;
        assert_eq!(known, *last, "round {round}: acknowledged and lost, thread {thread}");
        // One write is under way on each thread, and no more.
        unanswered += i64::from(steps.contains_key(&name(thread, last + 1)));
        assert!(!steps.contains_key(&name(thread, last + 2)), "round {round}: nobody asked for this yet");
    }
    unanswered
}

fn tally(db: &mut Db, table: &str, column: &str) -> BTreeMap<String, i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        times: i64,
    }
    let query = format!("SELECT {column} AS name, count(*) AS times FROM {table} GROUP BY {column}");
    let rows: Vec<Row> = match db {
        Db::Sqlite(connection) => diesel::sql_query(query).load(connection).unwrap(),
        Db::Postgres(connection) => diesel::sql_query(query).load(connection).unwrap(),
    };
    rows.into_iter().map(|row| (row.name, row.times)).collect()
}

fn name(thread: usize, number: i64) -> String {
    format!("write-{thread}-{number}")
}

fn write_until_killed(order: &str) {
    let mut order = order.lines();
    let place = |url: Option<&str>| Place::from_url(url.unwrap()).unwrap();
    let (data, keys) = (place(order.next()), place(order.next()));
    let from: Vec<i64> = order.next().unwrap().split(' ').map(|number| number.parse().unwrap()).collect();
    let clock = Clock::machine();
    let config = goldaw::config::Config::defaults(std::path::Path::new("/nonexistent")).unwrap();
    let store = Store::open(&data, setting(config, &keys, &clock), clock).unwrap();
    let threads: Vec<_> = from
        .into_iter()
        .enumerate()
        .map(|(thread, last)| {
            let store = store.clone();
            std::thread::spawn(move || {
                for number in last + 1.. {
                    write_one(&store, thread, number);
                    // One call for the whole line: it is said or it is not.
                    std::io::stdout().write_all(format!("yes {thread} {number}\n").as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Writes until told yes, as a client would that was told 503.
fn write_one(store: &Store, thread: usize, number: i64) {
    loop {
        let told = store.write_blocking(By::system(), move |tx| {
            let name = name(thread, number);
            let replay = Replay { key_mac: name.clone(), body_mac: String::new() };
            tx.once(Some(&replay), 201, |tx| {
                tx.step(("task", &name), "opened", None)?;
                tx.trail("opened", ("task", &name), None)?;
                Ok(name.clone())
            })
        });
        if told.is_ok() {
            return;
        }
    }
}
