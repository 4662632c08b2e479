//! One tree of portable SQL for each database, applied unchanged to both engines.

use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Place;
use super::db::Db;

const DATA: EmbeddedMigrations = embed_migrations!("migrations/data");
const KEYS: EmbeddedMigrations = embed_migrations!("migrations/keys");

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
