//! Looking at a database without opening the house: what a doctor asks. Nothing is made or changed.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

use super::copies::line;
use super::db::Db;
use super::migrations::{Tree, versions};
use super::schema::{data_keys, steps};
use super::{Place, copies};
use crate::clock::Instant;
use crate::error::Result;

/// How a database stands to this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No file, or no table in it.
    Missing,
    /// Steps are missing.
    Behind,
    /// Up to this program.
    Current,
    /// A newer program was here.
    Ahead,
}

/// Whether a database is up to this program. Errors: a sentence when it cannot be looked at.
pub fn standing(place: &Place, tree: Tree) -> Result<Standing, String> {
    if copies::is_empty(place)? {
        return Ok(Standing::Missing);
    }
    let (known, applied) = versions(&mut place.connect()?, tree)?;
    if applied.iter().any(|version| !known.contains(version)) {
        return Ok(Standing::Ahead);
    }
    Ok(if known.iter().all(|version| applied.contains(version)) { Standing::Current } else { Standing::Behind })
}

/// Whether the engine finds its own file whole, and is set up to keep what it confirms. Errors: a
/// sentence.
pub fn integrity(place: &Place) -> Result<(), String> {
    let mut db = place.connect()?;
    if let Db::Postgres(_) = db {
        for (name, unsafe_value) in [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")] {
            if line(&mut db, &format!("SELECT current_setting('{name}') AS value"))? == unsafe_value {
                return Err(format!("the server has {name} = {unsafe_value}: what it confirms can be lost"));
            }
        }
        return Ok(());
    }
    whole(&mut db)
}

/// Whether every page, row and reference of a SQLite file is sound. Errors: a sentence.
pub(super) fn whole(db: &mut Db) -> Result<(), String> {
    let Db::Sqlite(connection) = db else { return Err("not SQLite".into()) };
    let unreadable = |_| "pages of the file cannot be read".to_owned();
    let said: Vec<String> = sql::<Text>("PRAGMA quick_check(1)").load(connection).map_err(unreadable)?;
    if said != ["ok"] {
        return Err("pages of the file are damaged".into());
    }
    let orphans: Vec<Orphan> = sql::<(Text, Nullable<BigInt>, Text, Integer)>("PRAGMA foreign_key_check")
        .load(connection)
        .map_err(unreadable)?;
    if orphans.is_empty() { Ok(()) } else { Err("there are rows that belong to nothing".into()) }
}

/// Table, row, the table it should be in, and by which rule.
type Orphan = (String, Option<i64>, String, i32);

/// Reads something from one moment. Errors: a sentence.
pub fn look<T>(place: &Place, work: impl FnOnce(&mut Db) -> Result<T>) -> Result<T, String> {
    place.connect()?.snapshot(work).map_err(|_| "the database cannot be read".into())
}

/// When the newest step was taken.
pub fn newest_step(db: &mut Db) -> Result<Option<Instant>> {
    Ok(steps::table.order(steps::position.desc()).select(steps::at).first(db).optional()?)
}

/// The id of some data key.
pub fn any_key(db: &mut Db) -> Result<Option<String>> {
    Ok(data_keys::table.select(data_keys::id).first(db).optional()?)
}
