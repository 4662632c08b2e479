//! `kill -9` while a house is copied, migrated and put back. After each, the house serves, nothing
//! acknowledged is lost, no half passes for a whole, and a second try mends what the first left.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use goldaw::storage::Place;
use serde_json::json;

use super::{back_up, house, names, on_both_programs, record, restore};
use crate::support::program::{Client, Program};
use crate::support::proof::{Dice, rounds};
use crate::support::{Engine, count, number, stranger};

/// Callers at once.
const HANDS: usize = 3;

on_both_programs![
    a_backup_that_is_killed_is_whole_or_says_that_it_is_not,
    a_migration_that_is_killed_is_whole_or_not_begun_after_the_next,
    a_migration_that_was_cut_off_after_any_step_goes_on,
    a_restore_that_is_killed_opens_nothing_half_and_is_mended_by_the_next,
];

/// Runs a command and kills it after a while, unless it has ended; true if it ended well.
fn killed(program: &Program, arguments: &[&str], after: Duration) -> bool {
    let mut child = program.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let _ = child.kill();
    child.wait().unwrap().success()
}

/// Records the call with this number; its key says whose. Told 503, which PostgreSQL may answer when
/// writes collide, it asks again with the same key, as a client would.
fn call(client: &Client, hand: usize, number: u64) {
    let key = format!("call-{hand}-{number}");
    let body = json!({"channel": "phone", "kind": "support", "caller_role": "survivor",
        "answers": {"strangled": "yes"}, "finish": true});
    for _ in 0..100 {
        match client.send("POST", "contacts", &[("idempotency-key", &key)], &body) {
            Some((201, _)) => return,
            Some((503, _)) => std::thread::sleep(Duration::from_millis(10)),
            other => panic!("the house serves all the time: {other:?}"),
        }
    }
    panic!("the house is busy all the time");
}

/// Callers who record all the time while `work` goes on; gives how many calls were acknowledged.
fn under_load<T>(client: &Client, from: &[u64; HANDS], work: impl FnOnce() -> T) -> ([u64; HANDS], T) {
    let over = AtomicBool::new(false);
    let mut made = *from;
    let outcome = std::thread::scope(|scope| {
        for (hand, made) in made.iter_mut().enumerate() {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    call(client, hand, *made + 1);
                    *made += 1;
                }
            });
        }
        let outcome = work();
        over.store(true, Ordering::SeqCst);
        outcome
    });
    (made, outcome)
}

fn a_backup_that_is_killed_is_whole_or_says_that_it_is_not(engine: Engine) {
    let (program, operator) = house(engine);
    let folder = program.folder().join("backups");
    let serving = program.serve();
    let client = serving.client(&operator);
    let mut dice = Dice::new();
    let (mut made, mut known, all) = ([0; HANDS], Vec::new(), rounds(4));
    for _ in 0..all {
        let after = Duration::from_micros(dice.throw(600_000));
        let before = made;
        (made, _) =
            under_load(&client, &before, || killed(&program, &["backup", "--to", folder.to_str().unwrap()], after));
        for backup in whole(&folder) {
            if !known.iter().any(|(path, _, _)| *path == backup) {
                known.push((backup, before, made));
            }
        }
    }
    let before = made;
    let (after, last) = under_load(&client, &made, || back_up(&program, &folder, &[]));
    assert!(names(&folder).iter().all(|name| !name.ends_with(".unfinished")), "leftovers are cleaned");
    known.push((last, before, after));
    let calls: u64 = after.iter().sum();
    assert_eq!(count(&mut stranger(&program.place()), "contacts"), i64::try_from(calls).unwrap(), "none lost or twice");
    for (backup, before, after) in &known {
        let place = program.empty_place();
        restore(backup, &place, &[]);
        is_of_its_moment(&place, before, after);
    }
    println!(
        "proof: backup: {engine:?}: {all} kills under load, {calls} calls acknowledged, 0 lost; {} whole backups, all \
         restored, each with every call acknowledged before it and none from after it",
        known.len()
    );
}

/// Backups under their final names.
fn whole(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir() && !path.to_str().unwrap().ends_with(".unfinished")).collect()
}

/// Everything acknowledged before the backup began is there, nothing from after it ended, no caller
/// has a gap, and every call has all that belongs to it.
fn is_of_its_moment(place: &Program, before: &[u64; HANDS], after: &[u64; HANDS]) {
    let mut db = stranger(&place.place());
    let calls = count(&mut db, "contacts");
    let (least, most) = (before.iter().sum::<u64>(), after.iter().sum::<u64>());
    assert!((least..=most).contains(&u64::try_from(calls).unwrap()), "{least} <= {calls} <= {most}");
    for part in [
        "SELECT count(DISTINCT contact_id) AS value FROM assessments",
        "SELECT count(*) AS value FROM contact_facts",
        "SELECT count(*) AS value FROM idempotency",
        "SELECT count(*) AS value FROM contacts c JOIN idempotency i ON i.subject_id = c.id",
        "SELECT count(*) AS value FROM contacts c JOIN assessments a ON a.contact_id = c.id AND a.contact_version = c.version",
        "SELECT count(*) AS value FROM contacts c JOIN trail t ON t.subject = c.reference AND t.action = 'contacts.record'",
        "SELECT count(*) AS value FROM steps WHERE kind = 'saved'",
    ] {
        assert_eq!(number(&mut db, part), calls, "{part}");
    }
    // Every key that seals something there is there.
    let keys = count(&mut stranger(&place.keys()), "data_keys");
    assert!(keys >= calls, "{keys} keys for {calls} calls");
}

fn a_migration_that_is_killed_is_whole_or_not_begun_after_the_next(engine: Engine) {
    let mut dice = Dice::new();
    let (all, mut cut) = (rounds(6), 0);
    for _ in 0..all {
        let program = Program::on(engine);
        cut += u64::from(!killed(&program, &["migrate"], Duration::from_micros(dice.throw(150_000))));
        program.done(&["migrate"]);
        let operator = program.engage("op-07", "operator");
        let serving = program.serve();
        record(&serving.client(&operator), "call");
        assert_eq!(count(&mut stranger(&program.place()), "house"), 1, "bound once");
    }
    println!(
        "proof: migration: {engine:?}: {all} kills, {cut} of them in the middle, every house whole after the next"
    );
}

/// The moments between two steps are short, and the kills of the story above seldom meet one.
fn a_migration_that_was_cut_off_after_any_step_goes_on(engine: Engine) {
    for (tree, of) in [("migrations/data", Program::place as fn(&Program) -> Place), ("migrations/keys", Program::keys)]
    {
        let steps = || FileBasedMigrations::from_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(tree)).unwrap();
        for cut in 1.. {
            let program = Program::on(engine);
            std::fs::create_dir(program.data()).unwrap();
            let mut db = stranger(&of(&program));
            for _ in 0..cut {
                db.run_next_migration(steps()).unwrap();
            }
            let more = db.has_pending_migration(steps()).unwrap();
            drop(db);
            program.done(&["migrate"]);
            assert_eq!(count(&mut stranger(&program.place()), "house"), 1, "{tree} cut off after {cut}: bound once");
            if !more {
                break;
            }
        }
    }
}

fn a_restore_that_is_killed_opens_nothing_half_and_is_mended_by_the_next(engine: Engine) {
    let (program, operator) = house(engine);
    let serving = program.serve();
    let client = serving.client(&operator);
    let (made, ()) = under_load(&client, &[0; HANDS], || std::thread::sleep(Duration::from_millis(300)));
    drop(serving);
    let backup = back_up(&program, &program.folder().join("backups"), &[]);
    let arguments = ["restore", "--from", backup.to_str().unwrap()];
    let mut dice = Dice::new();
    let (all, mut cut) = (rounds(if engine == Engine::Sqlite { 8 } else { 4 }), 0);
    for round in 0..all {
        let place = program.empty_place();
        // Some are killed twice.
        for _ in 0..=dice.throw(2) {
            killed(&place, &arguments, Duration::from_micros(dice.throw(400_000)));
            cut += u64::from(!opens_whole_or_not_at_all(&place, round));
        }
        let again = place.run(&arguments, "");
        let told = String::from_utf8_lossy(&again.stderr);
        assert!(again.status.success() || told.contains("not empty"), "round {round}: {told}");
        is_of_its_moment(&place, &made, &made);
        assert!(place.done(&["outbox", "list"]).contains("Held since"), "round {round}");
        record(&place.serve().client(&operator), "goes-on");
    }
    println!(
        "proof: restore: {engine:?}: {all} places, {cut} restores cut off, none opened half, all mended by the next"
    );
}

/// After a kill: no command opens a part of it. True when it is whole.
fn opens_whole_or_not_at_all(place: &Program, round: u64) -> bool {
    let listed = place.run(&["outbox", "list"], "");
    if listed.status.success() {
        let told = String::from_utf8_lossy(&listed.stdout);
        assert!(told.contains("Held since"), "round {round}: open and not held: {told}");
        return true;
    }
    let told = String::from_utf8_lossy(&listed.stderr);
    let clear = told.contains("run the same `goldaw restore` again") || told.contains("run `goldaw migrate` first");
    assert!(clear, "round {round}: {told}");
    false
}
