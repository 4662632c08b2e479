//! Whole copies of a database: taken while others go on writing, each of one moment, checked; and
//! put back into an empty place. A place that is being filled carries a mark until it is whole, and
//! no house opens over a mark.

mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::db::Db;
use super::schema::tombstones;
use super::{Place, house};
use crate::clock::Instant;

/// Where diesel writes down which steps were taken; it is made by asking.
const MIGRATIONS: &str = "__diesel_schema_migrations";

/// What a copy, or a database, holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// `sqlite` or `postgres`: a copy goes back into the same engine only.
    pub engine: String,
    /// The schema on PostgreSQL; `main` on SQLite.
    pub schema: String,
    /// The newest migration.
    pub migration: String,
    /// How many rows each table has.
    pub rows: BTreeMap<String, i64>,
}

/// What a copy's file is called after its first part.
pub fn ending(place: &Place) -> &'static str {
    match place {
        Place::Sqlite(_) => "db",
        Place::Postgres(_) => "dump",
    }
}

/// [`ending`] by the engine a copy names.
pub fn ending_of(engine: &str) -> &'static str {
    if engine == "sqlite" { "db" } else { "dump" }
}

/// Copies a database as it is at one moment into a new file of mode 0600, and checks the copy.
/// Errors: a sentence.
pub fn take(place: &Place, into: &Path) -> Result<Contents, String> {
    match place {
        Place::Sqlite(path) => sqlite::take(path, into),
        Place::Postgres(url) => postgres::take(place, url, into),
    }
}

/// Fills an empty place from a copy. Errors: a sentence.
pub fn put_back(place: &Place, from: &Path) -> Result<(), String> {
    match place {
        Place::Sqlite(path) => sqlite::put_back(path, from),
        Place::Postgres(url) => postgres::put_back(place, url, from),
    }
}

/// What a place holds now. Errors: a sentence.
pub fn contents(place: &Place) -> Result<Contents, String> {
    told(&mut place.connect()?)
}

/// True when there is no table in it but perhaps the one that lists migrations, or no file. Errors: a sentence when it cannot be looked at.
pub fn is_empty(place: &Place) -> Result<bool, String> {
    match place {
        Place::Sqlite(path) if !path.exists() => Ok(true),
        place => Ok(tables(&mut place.connect()?)?.iter().all(|table| table == MIGRATIONS)),
    }
}

/// The note on the mark of a restore that has not come to its end. Errors: a sentence.
pub fn unfinished(place: &Place) -> Result<Option<String>, String> {
    match place {
        Place::Sqlite(path) => sqlite::mark(path),
        Place::Postgres(_) => postgres::mark(&mut place.connect()?),
    }
}

/// Marks a place: what is in it from now on is not whole. Errors: a sentence.
pub fn begin(place: &Place, note: &str) -> Result<(), String> {
    match place {
        Place::Sqlite(path) => sqlite::begin(path, note),
        Place::Postgres(_) => postgres::begin(&mut place.connect()?, note),
    }
}

/// Empties a place of all but its mark. Errors: a sentence.
pub fn clear(place: &Place) -> Result<(), String> {
    match place {
        Place::Sqlite(path) => sqlite::clear(path),
        Place::Postgres(_) => postgres::clear(&mut place.connect()?),
    }
}

/// Takes the mark away: what is there is whole, and on disk. Errors: a sentence.
pub fn finish(place: &Place) -> Result<(), String> {
    match place {
        Place::Sqlite(path) => sqlite::finish(path),
        Place::Postgres(_) => postgres::finish(&mut place.connect()?),
    }
}

/// The keyring some data is bound to, asked without opening the house. Errors: a sentence.
pub fn bound_to(data: &Place) -> Result<Option<String>, String> {
    house::bound_to(&mut data.connect()?)
        .map_err(|_| "the data does not say which keyring it belongs to: run `goldaw migrate` first".into())
}

/// The ids of all destroyed keys, asked without opening the house. Errors: a sentence.
pub fn tombstones(keys: &Place) -> Result<Vec<String>, String> {
    let all = tombstones::table.select(tombstones::id).order(tombstones::id);
    all.load(&mut keys.connect()?).map_err(|_| "the key store cannot be read".into())
}

/// Remembers in the data that a backup was made. Errors: a sentence.
pub fn remember(data: &Place, folder: &str, at: Instant) -> Result<(), String> {
    let mut db = data.connect()?;
    db.begin(super::db::WRITE)
        .and_then(|()| house::remember_backup(&mut db, folder, at))
        .and_then(|()| db.commit())
        .map_err(|_| "that a backup was made could not be written down in the data".into())
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// Counts everything.
fn told(db: &mut Db) -> Result<Contents, String> {
    let engine = if matches!(db, Db::Sqlite(_)) { "sqlite" } else { "postgres" };
    let schema = match db {
        Db::Sqlite(_) => "main".to_owned(),
        Db::Postgres(_) => line(db, "SELECT current_schema()::text AS value")?,
    };
    let mut rows = BTreeMap::new();
    for table in tables(db)? {
        let count = format!("SELECT count(*) AS value FROM \"{table}\"");
        let number: Number = match db {
            Db::Sqlite(connection) => diesel::sql_query(count).get_result(connection),
            Db::Postgres(connection) => diesel::sql_query(count).get_result(connection),
        }
        .map_err(unreadable)?;
        rows.insert(table, number.value);
    }
    let migration = match rows.contains_key(MIGRATIONS) {
        true => line(db, &format!("SELECT coalesce(max(version), '') AS value FROM {MIGRATIONS}"))?,
        false => String::new(),
    };
    Ok(Contents { engine: engine.to_owned(), schema, migration, rows })
}

/// The tables of a database, without the mark of a restore.
fn tables(db: &mut Db) -> Result<Vec<String>, String> {
    let names = match db {
        Db::Sqlite(_) => "SELECT name AS value FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        Db::Postgres(_) => "SELECT tablename::text AS value FROM pg_tables WHERE schemaname = current_schema()",
    };
    let mut names = lines(db, names)?;
    names.retain(|name| name != postgres::MARK);
    Ok(names)
}

fn lines(db: &mut Db, query: &str) -> Result<Vec<String>, String> {
    let lines: QueryResult<Vec<Line>> = match db {
        Db::Sqlite(connection) => diesel::sql_query(query).load(connection),
        Db::Postgres(connection) => diesel::sql_query(query).load(connection),
    };
    Ok(lines.map_err(unreadable)?.into_iter().map(|line| line.value).collect())
}

pub(super) fn line(db: &mut Db, query: &str) -> Result<String, String> {
    lines(db, query)?.pop().ok_or_else(|| "the database does not answer a question about itself".into())
}

/// The engine's own words may hold a value; they are not repeated.
fn unreadable(_: diesel::result::Error) -> String {
    "the database cannot be read".into()
}
