//! What the doctor finds, and what to do about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use diesel::connection::SimpleConnection;
use serde_json::Value;

use super::{back_up, house, on_both_programs, record, restore};
use crate::support::program::{Key, Program};
use crate::support::{Engine, stranger};

on_both_programs![a_house_that_is_well_has_no_fault, a_house_behind_its_program_is_told_to_migrate];

/// The report, and whether the exit code says that all is well.
fn report(program: &Program) -> (Value, bool) {
    let output = program.run(&["doctor", "--json"], "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let told: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{:?}", output.stderr));
    for finding in told["findings"].as_array().unwrap() {
        assert_eq!(finding["state"] == "ok", finding["fix"].is_null(), "{finding}");
    }
    (told, output.status.success())
}

/// A finding about this that is not well, with these words in it; and what to do.
fn finds(program: &Program, about: &str, words: &str, fix: &str) {
    let (told, well) = report(program);
    let found = told["findings"].as_array().unwrap().iter().any(|finding| {
        let says = |member: &str, words: &str| finding[member].as_str().is_some_and(|text| text.contains(words));
        finding["about"] == about && finding["state"] == "fault" && says("told", words) && says("fix", fix)
    });
    assert!(found && !well, "{about}: {words}: {told:#}");
}

fn a_house_that_is_well_has_no_fault(engine: Engine) {
    let (program, operator) = house(engine);
    let serving = program.serve();
    record(&serving.client(&operator), "call");
    back_up(&program, &program.folder().join("backups"), &[]);
    let (told, well) = report(&program);
    assert!(well && told["faults"] == 0, "{told:#}");
    for about in ["disk", "flush", "clock", "permissions", "root key", "keyring", "token key", "database", "key store"]
    {
        assert!(told["findings"].as_array().unwrap().iter().any(|finding| finding["about"] == about), "{about}");
    }
    let pages = told["findings"].as_array().unwrap().iter().find(|finding| finding["about"] == "paging").unwrap();
    assert_eq!((&pages["state"], &pages["fix"]), (&"warning".into(), &"[oversight] page".into()));
    let lines = program.done(&["doctor"]);
    assert!(lines.contains("data and keyring belong together") && lines.contains("a key from it opens"), "{lines}");
    assert!(lines.contains("the newest backup is of"), "{lines}");
}

fn a_house_behind_its_program_is_told_to_migrate(engine: Engine) {
    let (program, _) = house(engine);
    let mut db = stranger(&program.place());
    db.batch_execute("DROP TABLE house; DELETE FROM __diesel_schema_migrations WHERE version = '20261122000020'")
        .unwrap();
    finds(&program, "database", "behind", "goldaw migrate");
    db.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')").unwrap();
    finds(&program, "database", "newer program", "install");
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["outbox", "list"]] {
        assert!(program.refused(command).contains("newer goldaw"), "{command:?}");
    }
}

#[test]
fn nothing_at_all_is_said_as_such_and_nothing_is_made() {
    let program = Program::new();
    finds(&program, "database", "not there", "goldaw migrate");
    assert!(!program.data().exists() && !program.root_key().exists());
}

/// Puts something in the place of a file for as long as `look` takes.
fn with_other_bytes(path: &Path, bytes: Option<&[u8]>, look: impl FnOnce()) {
    let kept = fs::read(path).unwrap();
    let mode = fs::metadata(path).unwrap().permissions();
    fs::remove_file(path).unwrap();
    if let Some(bytes) = bytes {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    look();
    let _ = fs::remove_file(path);
    fs::write(path, kept).unwrap();
    fs::set_permissions(path, mode).unwrap();
}

fn a_house_with_a_call() -> (Program, Key) {
    let (program, operator) = house(Engine::Sqlite);
    let mut serving = program.serve();
    record(&serving.client(&operator), "call");
    serving.stop();
    (program, operator)
}

#[test]
fn lost_wrong_and_foreign_keys_are_told_apart() {
    let (program, _) = a_house_with_a_call();
    let other = Program::new();
    other.done(&["migrate"]);
    let keyring = program.data().join("keyring.json");
    let digits = format!("{}\n", "0f".repeat(32));
    with_other_bytes(program.root_key(), None, || finds(&program, "root key", "does not exist", "root key back"));
    with_other_bytes(program.root_key(), Some(b"x"), || finds(&program, "root key", "64 hexadecimal", "root key back"));
    with_other_bytes(program.root_key(), Some(digits.as_bytes()), || {
        finds(&program, "keyring", "does not belong to this keyring", "root key this house was made with");
    });
    with_other_bytes(&keyring, Some(b"{}"), || finds(&program, "keyring", "damaged", "newest backup"));
    with_other_bytes(&keyring, None, || finds(&program, "keyring", "does not exist", "newest backup"));
    with_other_bytes(&program.data().join("token.key"), None, || finds(&program, "token key", "missing", "back"));
    // The other house's keyring and its root: they fit each other, but not this data.
    let foreign = fs::read(other.data().join("keyring.json")).unwrap();
    let root = fs::read(other.root_key()).unwrap();
    with_other_bytes(&keyring, Some(&foreign), || {
        with_other_bytes(program.root_key(), Some(&root), || {
            finds(&program, "house", "another house", "keyring.json back");
            finds(&program, "data keys", "does not open", "same backup");
            let told = program.refused(&["serve", "--listen", "127.0.0.1:0"]);
            assert!(told.contains("another house"), "{told}");
            assert!(program.refused(&["migrate"]).contains("another house"));
        });
    });
    assert!(report(&program).1, "well again");
}

#[test]
fn a_damaged_missing_or_open_file_is_found_with_its_remedy() {
    let (program, _) = a_house_with_a_call();
    let data = program.data().join("goldaw.db");
    let whole = fs::read(&data).unwrap();
    let mut bent = whole.clone();
    for page in bent.chunks_exact_mut(4096).skip(3).step_by(7) {
        page[..64].fill(0xA5);
    }
    for bytes in [&bent[..], &whole[..whole.len() / 2], b"no database at all, but text of some length", &[0xff; 9000]] {
        with_other_bytes(&data, Some(bytes), || finds(&program, "database", "", "goldaw restore"));
    }
    with_other_bytes(&data, None, || finds(&program, "database", "not there", "goldaw restore"));
    with_other_bytes(&program.data().join("keys.db"), None, || finds(&program, "key store", "not there", "put"));
    fs::set_permissions(program.data(), fs::Permissions::from_mode(0o755)).unwrap();
    finds(&program, "permissions", "others on this machine can read", "chmod");
    fs::set_permissions(program.data(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(report(&program).1, "well again");
}

#[test]
fn a_mail_server_that_is_not_there_and_settings_that_are_wrong_are_found() {
    let (program, _) = house(Engine::Sqlite);
    program.configure("[smtp]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none\"\n");
    finds(&program, "mail", "connect", "[smtp] host");
    program.configure("[place]\nareas_file = \"/nonexistent\"\n");
    finds(&program, "areas", "", "areas_file");
    program.configure("[smtp]\nhots = \"x\"\n");
    finds(&program, "settings", "hots", "goldaw config");
}

#[test]
fn a_cut_off_restore_is_found() {
    let (program, _) = house(Engine::Sqlite);
    let backup = back_up(&program, &program.folder().join("backups"), &[]);
    let place = program.empty_place();
    restore(&backup, &place, &[]);
    assert!(report(&place).1, "held is no fault");
    fs::write(place.data().join("goldaw.db.restoring"), "").unwrap();
    finds(&place, "database", "cut off", "goldaw restore");
}
