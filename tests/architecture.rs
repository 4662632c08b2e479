//! The shape of the house, read from its source: which room may use which, who may name an engine,
//! the web or the mail, where time comes from, what never leaves.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test, and says which")]

use std::collections::BTreeSet;
use std::path::Path;

/// Every room, from the door to the foundation: a file uses only its own and those after it.
const ROOMS: &[&str] = &[
    "main",
    "cli",
    "server",
    "console",
    "reports",
    "live",
    "oversight",
    "referrals",
    "contacts",
    "tasks",
    "cases",
    "notifications",
    "rules",
    "directory",
    "identity",
    "audit",
    "access",
    "state",
    "storage",
    "vault",
    "triage",
    "config",
    "telemetry",
    "input",
    "clock",
    "error",
];

/// What may stand at the top, beside files that begin with a dot.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "Dockerfile",
    "src",
    "migrations",
    "config",
    "tests",
    "scripts",
];

#[test]
fn every_file_keeps_to_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files_below(&root, &mut files);
    assert!(files.len() > 10, "the reader of src finds it");
    let broken: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_str().unwrap();
            violations(path, &std::fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn each_rule_can_be_broken() {
    let planted = [
        ("storage/db.rs", "use crate::contacts::record;", "storage may not use contacts"),
        ("vault/mod.rs", "use crate::{clock::Clock, storage::{Db, Place}};", "vault may not use storage"),
        ("clock.rs", "use super::state::App;", "clock may not use state"),
        ("tasks/model.rs", "fn due() { crate::referrals::late(); }", "tasks may not use referrals"),
        ("helpers/mod.rs", "fn help() {}", "helpers is not a room"),
        ("cases/model.rs", "use actix_web::web;", "may not name actix_web"),
        ("reports/mod.rs", "use diesel::SqliteConnection;", "may not name SqliteConnection"),
        ("cases/mod.rs", "fn open(db: &mut diesel::pg::PgConnection) {}", "may not name PgConnection"),
        ("referrals/api.rs", "let mailer = lettre::SmtpTransport::relay(host);", "may not name lettre"),
        ("contacts/mod.rs", "let now = chrono::Utc::now();", "may not name Utc::now"),
        ("vault/pool.rs", "let key = unsafe { *pointer };", "declares unsafe"),
        (
            "cases/model.rs",
            "#[derive(Debug, Queryable)]\n#[diesel(table_name = cases)]\n#[derive(Serialize)]\npub struct Row {}",
            "Row is a row and may not be Serialize",
        ),
        (
            "cases/model.rs",
            "#[derive(\n    Queryable,\n    serde::Serialize,\n)]\nstruct Row {}",
            "Row is a row and may not be Serialize",
        ),
        (
            "cases/model.rs",
            "#[derive(Selectable)]\nstruct Row {}\nimpl Serialize for Row {}",
            "Row is a row and may not be Serialize",
        ),
    ];
    for (path, source, expected) in planted {
        let found = violations(path, source);
        assert!(found.iter().any(|told| told.contains(expected)), "{path}: {expected}: found {found:?}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let fine = [
        ("contacts/api.rs", "use actix_web::web;\nuse crate::access::Permit;\nuse crate::contacts::record;"),
        ("storage/db.rs", "use diesel::{PgConnection, SqliteConnection};\nuse super::records::By;"),
        ("triage/assess.rs", "use super::rules::RuleSet;\nmod tests {\n    use super::super::rules::Rule;\n}"),
        ("clock.rs", "Instant::from(Utc::now())"),
        ("cases/mod.rs", "// crate::server is named here, unsafe and lettre too.\n#![forbid(unsafe_code)]"),
        ("tasks/task.rs", "Unsafe = \"unsafe\","),
        ("cases/model.rs", "#[derive(Queryable)]\nstruct Row {}\n#[derive(Serialize)]\nstruct View {}"),
        ("lib.rs", "pub mod server;"),
    ];
    for (path, source) in fine {
        assert_eq!(violations(path, source), [""; 0], "{path}");
    }
}

#[test]
fn the_top_of_the_house_stays_as_it_is() {
    let listed =
        std::process::Command::new("git").args(["ls-files"]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let top: BTreeSet<&str> = listed.lines().filter_map(|file| file.split('/').next()).collect();
    assert!(top.contains("src"), "git lists the files");
    let strange: Vec<_> = top.iter().filter(|name| !name.starts_with('.') && !TOP.contains(name)).collect();
    assert!(strange.is_empty(), "these do not belong at the top: {strange:?}");
}

#[test]
fn the_log_has_the_events_and_fields_that_are_written_down_and_no_others() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files_below(&root, &mut files);
    let (mut events, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for file in &files {
        let source = without_comments(&std::fs::read_to_string(file).unwrap());
        assert!(!source.contains("use tracing::"), "{}: write tracing:: where you log", file.display());
        for (event, named) in logged(&source) {
            events.insert(event.unwrap_or_else(|| panic!("{} logs without an event", file.display())));
            fields.extend(named);
        }
    }
    let known = |list: &[(&str, &str)]| list.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(events, known(goldaw::telemetry::EVENTS));
    assert_eq!(fields, known(goldaw::telemetry::FIELDS));
}

#[test]
fn every_field_of_a_log_line_is_seen() {
    let source = "tracing::warn!(event = \"a\", cause = %error.of(1, \"b\"), %reference, ?debug, x.y = 1);\n\
        tracing::info!(\n    event = \"c\",\n    \"words, {}\", name\n);";
    let seen = logged(source);
    assert_eq!(seen[0], (Some("a".into()), ["event", "cause", "reference", "debug", "x.y"].map(String::from).to_vec()));
    assert_eq!(seen[1].0, Some("c".into()));
    assert!(seen[1].1.contains(&"\"words".to_owned()), "a message in words is a field nobody knows: {seen:?}");
}

/// Event and field names of each line that is logged.
fn logged(source: &str) -> Vec<(Option<String>, Vec<String>)> {
    let calls = ["error", "warn", "info", "debug", "trace", "event"];
    let calls = calls.iter().flat_map(|level| source.split(&format!("tracing::{level}!(")).skip(1).collect::<Vec<_>>());
    calls
        .map(|call| {
            let arguments = arguments(call);
            let names = arguments.iter().map(|argument| {
                let name = argument.split('=').next().unwrap_or_default();
                name.trim().trim_start_matches(['%', '?']).trim().to_owned()
            });
            let event =
                arguments.iter().find_map(|argument| argument.trim().strip_prefix("event = \"")?.strip_suffix('"'));
            (event.map(str::to_owned), names.collect())
        })
        .collect()
}

/// What stands between commas up to the bracket that closes.
fn arguments(call: &str) -> Vec<String> {
    let (mut all, mut depth) = (vec![String::new()], 0);
    for c in call.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        all.last_mut().unwrap().push(c);
    }
    all.retain(|argument| !argument.trim().is_empty());
    all
}

/// What a file, by its path below `src`, does that it may not.
fn violations(path: &str, source: &str) -> Vec<String> {
    let source = without_comments(source);
    let room = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
    let mut told = Vec::new();
    if room != "lib" {
        let Some(place) = ROOMS.iter().position(|known| *known == room) else {
            return vec![format!("{path}: {room} is not a room of the house")];
        };
        for used in rooms_used(path, &source) {
            if ROOMS.iter().position(|known| *known == used).is_some_and(|other| other < place) {
                told.push(format!("{path}: {room} may not use {used}"));
            }
        }
    }
    let web = path.ends_with("api.rs") || ["console", "access", "identity", "server", "error"].contains(&room);
    for (name, allowed) in [
        ("actix_web", web),
        ("SqliteConnection", room == "storage"),
        ("PgConnection", room == "storage"),
        ("lettre", room == "notifications"),
        ("Utc::now", room == "clock"),
    ] {
        if !allowed && has_word(&source, name) {
            told.push(format!("{path}: may not name {name}"));
        }
    }
    // As a word of the language; a call can be unsafe, too, and that is a code in quotes.
    if has_word(&source.replace("\"unsafe\"", ""), "unsafe") {
        told.push(format!("{path}: declares unsafe"));
    }
    told.extend(rows_that_leave(&source).map(|row| format!("{path}: {row} is a row and may not be Serialize")));
    told
}

/// The first name of every path that starts at the crate, written `crate::` or as enough `super::`.
fn rooms_used(path: &str, source: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in source.match_indices("crate::") {
        used.extend(first_names(&source[at + "crate::".len()..]));
    }
    let depth = path.split('/').filter(|part| *part != "mod.rs").count();
    let to_the_crate = format!("use {}", "super::".repeat(depth));
    for line in source.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix(&to_the_crate)) {
        used.extend(first_names(line));
    }
    used
}

/// `a` of `a::b`, and `a` and `c` of `{a::b, c::{d, e}}`.
fn first_names(rest: &str) -> Vec<String> {
    let word = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut names, mut depth, mut begun) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                names.push(word(&group[begun..at]));
                begun = at + 1;
            }
            '}' if depth == 0 => {
                names.push(word(&group[begun..at]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

/// Types that are read from a table and could be written out.
fn rows_that_leave(source: &str) -> impl Iterator<Item = String> {
    let (mut derived, mut rows, mut leaving) = (String::new(), Vec::new(), Vec::new());
    // Attributes may run over several lines and come apart: gather until the item they stand on.
    for item in source.split_inclusive(['{', ';', '}']) {
        derived.clear();
        for part in item.split("#[derive(").skip(1) {
            derived.push_str(part.split(")]").next().unwrap_or(part));
            derived.push(',');
        }
        let names: Vec<&str> = derived.split(',').filter_map(|name| name.trim().rsplit("::").next()).collect();
        let name = ["struct ", "enum "].iter().find_map(|kind| item.split_once(kind)).map(|(_, rest)| rest);
        let Some(name) = name.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()) else {
            continue;
        };
        if ["Queryable", "QueryableByName", "Selectable"].iter().any(|row| names.contains(row)) {
            rows.push(name.to_owned());
            if names.contains(&"Serialize") {
                leaving.push(name.to_owned());
            }
        }
    }
    let by_hand = rows.into_iter().filter(|row| has_word(source, &format!("Serialize for {row}"))).collect::<Vec<_>>();
    leaving.into_iter().chain(by_hand)
}

fn has_word(source: &str, word: &str) -> bool {
    let part_of_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    source.match_indices(word).any(|(at, _)| {
        !part_of_name(source[..at].chars().next_back()) && !part_of_name(source[at + word.len()..].chars().next())
    })
}

fn without_comments(source: &str) -> String {
    source.lines().map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn rust_files_below(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files_below(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}
