//! One tree of portable SQL for each database, applied unchanged to both engines.

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::db::Db;
use super::schema::{contacts, data_keys, staff, tombstones};
use super::{Place, house};

const DATA: EmbeddedMigrations = embed_migrations!("migrations/data");
const KEYS: EmbeddedMigrations = embed_migrations!("migrations/keys");
/// The steps that made the tables which are looked at before anything else. A migration that was cut
/// off leaves a database with some of them.
const STAFF: &str = "20261122000001";
const CONTACTS: &str = "20261122000005";
const BINDING: &str = "20261122000020";

/// Which of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// Calls, cases, tickets, trail.
    Data,
    /// The key store, apart from the data so that a backup cannot undo an erasure.
    Keys,
}

impl Tree {
    fn source(self) -> EmbeddedMigrations {
        match self {
            Tree::Data => DATA,
            Tree::Keys => KEYS,
        }
    }
}

/// Applies what is missing; gives how many steps that were. Errors: a sentence for the terminal.
pub fn migrate(place: &Place, tree: Tree) -> Result<usize, String> {
    let mut db = place.connect()?;
    alone(&mut db)?;
    let applied = db.run_pending_migrations(tree.source()).map_err(|error| format!("a migration failed: {error}"))?;
    Ok(applied.len())
}

/// True when something is missing.
pub fn pending(place: &Place, tree: Tree) -> Result<bool, String> {
    let mut db = place.connect()?;
    db.has_pending_migration(tree.source()).map_err(|_| "the migrations of the database cannot be read".into())
}

/// What databases hold, as far as the keys that opened them are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holdings {
    /// There are staff.
    pub accounts: bool,
    /// There are calls.
    pub contacts: bool,
    /// The key store has keys, or remembers destroyed ones.
    pub keys: bool,
    /// The fingerprint of the keyring the data is bound to.
    pub bound: Option<String>,
}

/// Looks before any key is made. A table that is not there yet holds nothing.
pub fn holdings(data: &Place, keys: &Place) -> Result<Holdings, String> {
    let mut held = Holdings::default();
    let mut db = data.connect()?;
    let applied = applied(&mut db)?;
    let has = |step: &str| applied.iter().any(|version| version == step);
    held.accounts = has(STAFF) && any(staff::table.select(staff::id).first::<String>(&mut db))?;
    held.contacts = has(CONTACTS) && any(contacts::table.select(contacts::id).first::<String>(&mut db))?;
    if has(BINDING) {
        held.bound = house::bound_to(&mut db).map_err(|_| "the database cannot be read")?;
    }
    let mut db = keys.connect()?;
    if !self::applied(&mut db)?.is_empty() {
        held.keys = any(data_keys::table.select(data_keys::id).first::<String>(&mut db))?
            || any(tombstones::table.select(tombstones::id).first::<String>(&mut db))?;
    }
    Ok(held)
}

/// The versions that were applied, newest first.
fn applied(db: &mut Db) -> Result<Vec<String>, String> {
    let versions = db.applied_migrations().map_err(|_| "the migrations of the database cannot be read")?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

/// The steps this program knows, and those a database has had.
pub(super) fn versions(db: &mut Db, tree: Tree) -> Result<(Vec<String>, Vec<String>), String> {
    Ok((known(tree)?, applied(db)?))
}

fn known(tree: Tree) -> Result<Vec<String>, String> {
    let all =
        MigrationSource::<Sqlite>::migrations(&tree.source()).map_err(|_| "the built-in migrations are damaged")?;
    Ok(all.iter().map(|step| step.name().version().to_string()).collect())
}

/// The newest step for the data that this program knows; it begins with its day, such as `20261122`.
pub fn newest_known() -> Result<String, String> {
    Ok(known(Tree::Data)?.into_iter().max().unwrap_or_default())
}

fn any(first: diesel::QueryResult<String>) -> Result<bool, String> {
    first.optional().map(|row| row.is_some()).map_err(|_| "the database cannot be read".into())
}

/// Takes every step back, newest first: what a test of both directions needs.
pub fn revert_all(place: &Place, tree: Tree) -> Result<usize, String> {
    let mut db = place.connect()?;
    db.revert_all_migrations(tree.source())
        .map(|reverted| reverted.len())
        .map_err(|error| format!("a migration cannot be taken back: {error}"))
}

/// Two programs that start together must not migrate together. The lock goes with the connection.
fn alone(db: &mut Db) -> Result<(), String> {
    match db {
        Db::Postgres(connection) => connection
            .batch_execute("SET statement_timeout = 0; SELECT pg_advisory_lock(472390841)")
            .map_err(|_| "the lock for migrations cannot be had".into()),
        Db::Sqlite(_) => Ok(()),
    }
}
