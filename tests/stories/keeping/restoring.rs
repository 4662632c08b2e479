//! What comes back, what stays away, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};
use goldaw::clock::Clock;
use goldaw::config::Config;
use goldaw::notifications::{self, Channel, GIVE_UP_AFTER, Letter, Promise};
use goldaw::storage::{By, Db, KeyDb, Store};
use goldaw::vault::{Keyring, RootKey, Vault};

use super::{back_up, house, names, on_both_programs, read, record, restore, said};
use crate::support::canary::files_below;
use crate::support::program::Program;
use crate::support::{Engine, count, number, recovers_within, setting, stranger};

on_both_programs![
    what_was_recorded_comes_back_and_what_came_later_does_not,
    what_was_erased_stays_erased,
    a_restored_house_sends_nothing_until_it_is_released,
];

fn what_was_recorded_comes_back_and_what_came_later_does_not(engine: Engine) {
    let (program, operator) = house(engine);
    let folder = program.folder().join("backups");
    let mut serving = program.serve();
    let client = serving.client(&operator);
    let call = record(&client, "before");
    let backup = back_up(&program, &folder, &[]);
    let later = record(&client, "after");
    let place = program.empty_place();
    assert!(restore(&backup, &place, &[]).contains("Restored 1 contacts"));
    assert_eq!(read(&client, &later).0, 200, "the house goes on");
    serving.kill();
    let open = "SELECT count(*) AS value FROM sessions WHERE ended_at IS NULL";
    assert_eq!(number(&mut stranger(&place.place()), open), 0);

    let restored = place.serve();
    assert!(restored.is_ready());
    assert_eq!(restored.with_token_of(&client).get("me").0, 401, "nobody is signed in any more");
    let client = restored.client(&operator);
    let (status, told) = read(&client, &call);
    assert_eq!((status, told["narrative"].as_str()), (200, Some(said("before").as_str())));
    assert_eq!(read(&client, &later).0, 404);
    assert_eq!(record(&client, "before"), call, "the key of a request is remembered");
    record(&client, "new");
}

fn what_was_erased_stays_erased(engine: Engine) {
    let (program, operator) = house(engine);
    let folder = program.folder().join("backups");
    let mut serving = program.serve();
    let client = serving.client(&operator);
    let (erased, kept) = (record(&client, "erased"), record(&client, "kept"));
    let old = back_up(&program, &folder, &[]);
    serving.kill();
    let key = key_of(&program, &erased);
    let sealed = sealed_key(&program, &key);
    vault(&program).erase(std::slice::from_ref(&key)).unwrap();
    let newest = back_up(&program, &folder, &["--keys-only"]);

    let place = program.empty_place();
    restore(&old, &place, &["--keys", newest.to_str().unwrap()]);
    let serving = place.serve();
    let client = serving.client(&operator);
    assert_eq!(read(&client, &erased).0, 404);
    assert_eq!(read(&client, &kept).0, 200);
    drop(serving);
    let mut places = files_below(place.folder());
    places.extend(files_below(&newest));
    for (path, bytes) in places {
        assert!(!bytes.windows(sealed.len()).any(|part| part == sealed), "the destroyed key lies in {path}");
    }
    assert_eq!(count(&mut stranger(&place.keys()), "tombstones"), 1);

    // The ids of what was destroyed travel with the data too.
    let data = back_up(&program, &folder, &["--data-only"]);
    assert_eq!(fs::read_to_string(data.join("data/tombstones.txt")).unwrap(), format!("{key}\n"));
}

/// The key that seals a call.
fn key_of(program: &Program, reference: &str) -> String {
    let key = diesel::dsl::sql::<Text>("SELECT key_id FROM contacts WHERE reference = ").bind::<Text, _>(reference);
    match stranger(&program.place()) {
        Db::Sqlite(mut connection) => key.get_result(&mut connection).unwrap(),
        Db::Postgres(mut connection) => key.get_result(&mut connection).unwrap(),
    }
}

/// A data key as the key store holds it.
fn sealed_key(program: &Program, id: &str) -> Vec<u8> {
    let sealed = diesel::dsl::sql::<Binary>("SELECT sealed FROM data_keys WHERE id = ").bind::<Text, _>(id);
    match stranger(&program.keys()) {
        Db::Sqlite(mut connection) => sealed.get_result(&mut connection).unwrap(),
        Db::Postgres(mut connection) => sealed.get_result(&mut connection).unwrap(),
    }
}

/// The vault of a house that is not served now.
fn vault(program: &Program) -> Vault {
    let root = RootKey::load(program.root_key()).unwrap();
    let keyring = Keyring::load(&program.data().join("keyring.json"), &root).unwrap();
    Vault::new(keyring, Arc::new(KeyDb::open(&program.keys(), Clock::machine()).unwrap()))
}

fn a_restored_house_sends_nothing_until_it_is_released(engine: Engine) {
    let (program, _) = house(engine);
    promise_a_letter(&program);
    let backup = back_up(&program, &program.folder().join("backups"), &[]);
    let place = program.empty_place();
    assert!(restore(&backup, &place, &[]).contains("1 letters wait"));
    let mail = place.data().join("mail");
    let letters = || fs::read_dir(&mail).map(|all| all.flatten().filter(|file| is_letter(&file.path())).count());

    let serving = place.serve();
    let mut worker = place.command(&["worker"]).spawn().unwrap();
    // Several looks at the outbox, by two processes.
    std::thread::sleep(Duration::from_millis(1800));
    assert_eq!(letters().unwrap_or(0), 0, "nothing leaves");
    assert!(serving.is_ready());
    let listed = place.done(&["outbox", "list"]);
    assert!(listed.contains("Held since") && listed.contains("1 pending"), "{listed}");
    assert!(place.done(&["doctor"]).contains("outbox release"));
    worker.kill().unwrap();
    worker.wait().unwrap();

    assert!(place.done(&["outbox", "release"]).contains("Released"));
    assert!(place.done(&["outbox", "release"]).contains("not held"));
    recovers_within(Duration::from_secs(10), || match letters() {
        Ok(1) => Ok(()),
        _ => Err(goldaw::error::Error::Unavailable),
    });
}

fn is_letter(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "eml")
}

fn promise_a_letter(program: &Program) {
    let config = Config::defaults(&program.data()).unwrap();
    let clock = Clock::machine();
    let store = Store::open(&program.place(), setting(config, &program.keys(), &clock), clock).unwrap();
    let promise = Promise {
        referral_id: None,
        case_id: None,
        service_id: None,
        endpoint_id: "endpoint".into(),
        channel: Channel::Email,
        address: "clinic@example.org".into(),
        kind: "request".into(),
        revision: 1,
        urgent: false,
        letter: Letter {
            subject: "Something waits".into(),
            text: format!("It waits: {}", notifications::LINK),
            html: "<p>It waits.</p>".into(),
            reference: "P-1".into(),
        },
        give_up_after: GIVE_UP_AFTER,
    };
    store.write_blocking(By::system(), move |tx| notifications::promise(tx, &promise).map(|_| ())).unwrap();
}

#[test]
fn a_restore_refuses_what_does_not_fit_and_changes_nothing() {
    let (program, operator) = house(Engine::Sqlite);
    let folder = program.folder().join("backups");
    let serving = program.serve();
    let old = back_up(&program, &folder, &["--keys-only"]);
    record(&serving.client(&operator), "call");
    let backup = back_up(&program, &folder, &[]);
    let place = program.empty_place();
    let from = |path: &Path, more: &[&str]| {
        let told = place.refused(&[&["restore", "--from", path.to_str().unwrap()], more].concat());
        assert!(!place.data().exists(), "something was made: {told}");
        told
    };
    assert!(from(&folder, &[]).contains("name one of those in it"));
    assert!(from(&old, &[]).contains("no copy of the data"));
    assert!(from(&backup, &["--keys", old.to_str().unwrap()]).contains("take newer keys"));

    let stranger_to_it = Program::new();
    stranger_to_it.done(&["migrate"]);
    let told = stranger_to_it.refused(&["restore", "--from", backup.to_str().unwrap()]);
    assert!(told.contains("does not belong to this keyring") && told.contains("nothing was changed"), "{told}");
    let foreign = back_up(&stranger_to_it, &folder, &["--keys-only"]);
    assert!(from(&backup, &["--keys", foreign.to_str().unwrap()]).contains("two different houses"));
    let told = program.refused(&["restore", "--from", backup.to_str().unwrap()]);
    assert!(told.contains("not empty"), "{told}");

    for file in ["data/data.db", "data/tombstones.txt", "keys/keys.db", "keys/keyring.json"] {
        let path = backup.join(file);
        let whole = fs::read(&path).unwrap();
        let mut bent = whole.clone();
        match bent.get(5000).is_some() {
            true => bent[5000] ^= 1,
            false => bent.push(b'x'),
        }
        fs::write(&path, &bent).unwrap();
        assert!(from(&backup, &[]).contains("not as it was"), "{file}");
        fs::write(&path, &whole).unwrap();
    }
    restore(&backup, &place, &[]);
}

#[test]
fn a_backup_is_closed_to_others_and_holds_no_root_key_and_none_of_her_words() {
    let (program, operator) = house(Engine::Sqlite);
    let folder = program.folder().join("backups");
    record(&program.serve().client(&operator), "call");
    let backup = back_up(&program, &folder, &[]);
    assert_eq!(names(&backup), ["data", "keys"]);
    let root = fs::read_to_string(program.root_key()).unwrap();
    let files = files_below(&folder);
    crate::support::canary::assert_nowhere(&files, &[&said("call"), root.trim()]);
    for (path, _) in &files {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
    }
    for folder in [&folder, &backup, &backup.join("data"), &backup.join("keys")] {
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700, "{folder:?}");
    }
}

#[test]
fn old_copies_of_keys_go_with_the_next_whole_backup_and_data_stays() {
    let (program, _) = house(Engine::Sqlite);
    let folder = program.folder().join("backups");
    let old = back_up(&program, &folder, &[]);
    let manifest = old.join("keys/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let at = text.split("\"taken_at\": \"").nth(1).unwrap().split('"').next().unwrap();
    fs::write(&manifest, text.replace(at, "2026-01-01T00:00:00Z")).unwrap();
    back_up(&program, &folder, &["--data-only"]);
    back_up(&program, &folder, &["--keep-keys", "36500"]);
    assert_eq!(names(&old), ["data", "keys"], "not yet");
    let newest = back_up(&program, &folder, &[]);
    assert_eq!((names(&old), names(&newest)), (vec!["data".to_owned()], vec!["data".to_owned(), "keys".to_owned()]));
    restore(&old, &program.empty_place(), &["--keys", newest.to_str().unwrap()]);
}
