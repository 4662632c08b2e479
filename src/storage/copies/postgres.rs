//! Copies of a PostgreSQL database, by PostgreSQL's own programs: `pg_dump` under a snapshot that
//! the rows are counted under too, `pg_restore` in one transaction.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use diesel::connection::SimpleConnection;

use super::{Contents, line, lines, tables, told};
use crate::storage::db::SNAPSHOT;
use crate::storage::{Db, Place};

/// The table that marks a database which is being filled.
pub(super) const MARK: &str = "goldaw_restoring";
/// Where Debian keeps each version's programs.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Of a program's complaint, the words that are shown.
const SHOWN: usize = 300;

pub(super) fn take(place: &Place, url: &str, into: &Path) -> Result<Contents, String> {
    let mut db = unhurried(place)?;
    let (dump, restore) = (program("pg_dump", &mut db)?, program("pg_restore", &mut db)?);
    db.begin(SNAPSHOT).map_err(|_| "no snapshot can be had")?;
    let snapshot = line(&mut db, "SELECT pg_export_snapshot() AS value")?;
    let schema = line(&mut db, "SELECT current_schema()::text AS value")?;
    let mut command = asking(&dump, url);
    command.args(["--format=custom", "--compress=1", "--no-owner", "--no-privileges", "--no-password"]);
    command.args([format!("--schema={}", quoted(&schema)), format!("--snapshot={snapshot}")]);
    write_into(command, into)?;
    let contents = told(&mut db)?;
    let _ = db.rollback();
    let listed = run(Command::new(&restore).arg("--list").arg(into), "pg_restore")?;
    check(&String::from_utf8_lossy(&listed.stdout), &contents.rows)?;
    Ok(contents)
}

pub(super) fn put_back(place: &Place, url: &str, from: &Path) -> Result<(), String> {
    let mut db = unhurried(place)?;
    let restore = program("pg_restore", &mut db)?;
    let schema = line(&mut db, "SELECT current_schema()::text AS value")?;
    let mut command = asking(&restore, url);
    command.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password"]);
    // The schema is there already: only what is in it comes back.
    command.arg(format!("--schema={}", schema)).arg(from);
    run(&mut command, "pg_restore").map(drop)
}

pub(super) fn mark(db: &mut Db) -> Result<Option<String>, String> {
    let there = format!("SELECT coalesce(to_regclass('{MARK}')::text, '') AS value");
    if line(db, &there)?.is_empty() {
        return Ok(None);
    }
    Ok(Some(lines(db, &format!("SELECT note AS value FROM {MARK}"))?.concat()))
}

pub(super) fn begin(db: &mut Db, note: &str) -> Result<(), String> {
    let note = note.replace('\'', "''");
    let write = format!(
        "BEGIN; CREATE TABLE IF NOT EXISTS {MARK} (note TEXT NOT NULL); DELETE FROM {MARK};
         INSERT INTO {MARK} VALUES ('{note}'); COMMIT"
    );
    db.batch_execute(&write).map_err(|_| "the database cannot be marked as being filled".into())
}

pub(super) fn clear(db: &mut Db) -> Result<(), String> {
    // A restore that was killed leaves a pg_restore behind, which would commit after us.
    let orphans = "SELECT pg_terminate_backend(pid, 5000)::text AS value FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND application_name = 'pg_restore'";
    lines(db, orphans)?;
    let drops: String = tables(db)?.iter().map(|table| format!("DROP TABLE {} CASCADE;", quoted(table))).collect();
    db.batch_execute(&format!("BEGIN; {drops} COMMIT")).map_err(|_| "the database cannot be emptied".into())
}

pub(super) fn finish(db: &mut Db) -> Result<(), String> {
    db.batch_execute(&format!("DROP TABLE {MARK}")).map_err(|_| "the mark of the restore cannot be taken away".into())
}

/// A connection that may take as long as a whole database takes.
fn unhurried(place: &Place) -> Result<Db, String> {
    let mut db = place.connect()?;
    db.batch_execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        .map_err(|_| "the PostgreSQL session cannot be set up".to_owned())?;
    Ok(db)
}

/// One of PostgreSQL's programs, not older than the server. Errors: what to install.
fn program(name: &str, db: &mut Db) -> Result<PathBuf, String> {
    let server = line(db, "SELECT current_setting('server_version_num') AS value")?;
    let server: u32 = server.parse().map(|number: u32| number / 10_000).unwrap_or_default();
    let mut newest = None;
    for path in places(name) {
        let Some(major) = major(&path) else { continue };
        if major >= server {
            return Ok(path);
        }
        newest = newest.max(Some(major));
    }
    let found = newest.map_or("it is not installed".into(), |major| format!("the newest here is {major}"));
    Err(format!("{name} {server} or newer is needed, and {found}: apt-get install postgresql-client-{server}"))
}

/// On the search path first, then where Debian keeps them.
fn places(name: &str) -> Vec<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = versions.map(|version| version.path().join("bin").join(name)).collect();
    all.retain(|path| path.exists());
    all.insert(0, PathBuf::from(name));
    all
}

/// `pg_dump (PostgreSQL) 17.5 (Debian …)` is 17.
fn major(program: &Path) -> Option<u32> {
    let told = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    text.split_once("(PostgreSQL) ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A program that is told where to go, but the password only through its environment: everybody on
/// the machine can read command lines.
fn asking(program: &Path, url: &str) -> Command {
    let (url, password) = without_password(url);
    let mut command = Command::new(program);
    command.arg(format!("--dbname={url}")).stdin(Stdio::null());
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    command
}

/// The URL with no password in it, and the password.
fn without_password(url: &str) -> (String, Option<String>) {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let mut password = None;
    let mut plain = address.to_owned();
    if let Some((scheme, rest)) = address.split_once("://")
        && let Some((user, server)) = rest.split_once('/').map_or(rest, |(people, _)| people).rsplit_once('@')
        && let Some((name, secret)) = user.split_once(':')
    {
        password = Some(decoded(secret));
        let path = rest.split_once('/').map_or(String::new(), |(_, path)| format!("/{path}"));
        plain = format!("{scheme}://{name}@{server}{path}");
    }
    let mut kept = Vec::new();
    for part in query.into_iter().flat_map(|query| query.split('&')) {
        match part.strip_prefix("password=") {
            Some(secret) => password = Some(decoded(secret)),
            None => kept.push(part),
        }
    }
    if !kept.is_empty() {
        plain = format!("{plain}?{}", kept.join("&"));
    }
    (plain, password)
}

/// `%40` is `@`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.split_at_checked(2).filter(|_| *first == b'%');
        let byte = code.and_then(|(code, after)| {
            let byte = u8::from_str_radix(str::from_utf8(code).ok()?, 16).ok()?;
            Some((byte, after))
        });
        let (byte, after) = byte.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Through a pipe: when this program is killed, the other one ends too, and the file is ours from
/// its first byte.
fn write_into(mut command: Command, into: &Path) -> Result<(), String> {
    let cannot = |error: io::Error| format!("{}: {error}", into.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(into).map_err(cannot)?;
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("pg_dump cannot be started: {error}"))?;
    let copied = child.stdout.take().map(|mut stdout| io::copy(&mut stdout, &mut file)).transpose();
    let ended = child.wait_with_output().map_err(cannot)?;
    succeeded(&ended, "pg_dump")?;
    copied.map_err(cannot)?;
    file.sync_all().map_err(cannot)
}

fn run(command: &mut Command, name: &str) -> Result<Output, String> {
    let ended = command.output().map_err(|error| format!("{name} cannot be started: {error}"))?;
    succeeded(&ended, name).map(|()| ended)
}

fn succeeded(ended: &Output, name: &str) -> Result<(), String> {
    if ended.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&ended.stderr);
    let words: String = words.lines().next().unwrap_or("it said nothing").chars().take(SHOWN).collect();
    Err(format!("{name} failed: {words}"))
}

/// Every table has its data in the dump.
fn check(listed: &str, rows: &BTreeMap<String, i64>) -> Result<(), String> {
    for table in rows.keys() {
        let there =
            listed.lines().any(|line| line.contains(" TABLE DATA ") && line.split(' ').any(|word| word == table));
        if !there {
            return Err(format!("the dump lacks the table {table}"));
        }
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_leaves_the_url_wherever_it_stands() {
        let told = |url: &str| without_password(url);
        let secret = || Some("p@ss:w%rd".to_owned());
        assert_eq!(told("postgres://me:p%40ss%3Aw%25rd@h:5/db?a=b"), ("postgres://me@h:5/db?a=b".into(), secret()));
        assert_eq!(told("postgres://h/db?password=p%40ss%3Aw%25rd&x=y"), ("postgres://h/db?x=y".into(), secret()));
        assert_eq!(told("postgres://me:s@a,b:2/db").0, "postgres://me@a,b:2/db");
        assert_eq!(told("postgres://me:s@h").0, "postgres://me@h");
        for plain in ["postgres://me@h/db", "postgres:///db?host=/tmp", "postgres://me@%2Ftmp%2Fx/db?options=-ca%3Db:c"]
        {
            assert_eq!(told(plain), (plain.to_owned(), None));
        }
    }
}
