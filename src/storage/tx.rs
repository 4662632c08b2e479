//! What a verb works with: the connection inside its transaction, the moment, who acts, and what
//! stands around it.

use std::sync::Arc;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio::sync::Notify;

use super::records::By;
use super::{Db, new_id, new_reference};
use crate::clock::Instant;
use crate::config::Config;
use crate::error::Result;
use crate::triage::{InForce, Level};
use crate::vault::Vault;

/// The level of a contact, as it is now.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    /// The contact's key.
    pub contact_id: &'a str,
    /// The level to clock.
    pub level: Level,
    /// The last useful moment of an open treatment window.
    pub care_by: Option<Instant>,
}

/// Hears of a level in the transaction that moves it: clocks lie in a room that contacts know
/// nothing of.
pub type LevelMoved = fn(&mut Tx<'_>, &Moved<'_>) -> Result<()>;

/// What stands around every transaction. Clones share it.
#[derive(Clone)]
pub struct Setting {
    /// Keys, sealing and blind indexes.
    pub vault: Arc<Vault>,
    /// The rules calls are assessed by.
    pub rules: InForce,
    /// The configuration, targets included.
    pub config: Arc<Config>,
    /// Rung when a commit has left something in the outbox.
    pub promised: Arc<Notify>,
    /// Called when the level of a contact, or its last useful moment, may have moved.
    pub level_moved: LevelMoved,
}

/// One transaction. Everything written through it commits together or not at all.
pub struct Tx<'a> {
    /// The connection; queries of every room run on it.
    pub db: &'a mut Db,
    /// The moment of this transaction; one for all its rows.
    pub now: Instant,
    /// Who acts, for steps and trail.
    pub by: &'a By,
    /// Vault, rules and configuration.
    pub setting: &'a Setting,
    promises: bool,
    repeated: bool,
}

impl<'a> Tx<'a> {
    pub(super) fn new(db: &'a mut Db, now: Instant, by: &'a By, setting: &'a Setting) -> Self {
        Tx { db, now, by, setting, promises: false, repeated: false }
    }

    /// The same work once more, after the engine asked for that or a key was found to be taken.
    pub(super) fn repeated(self, repeated: bool) -> Self {
        Tx { repeated, ..self }
    }

    /// Whether a key is looked up before the work it stands for, or only when it turns out to be
    /// taken. On PostgreSQL a look-up that finds nothing reads a page of the index, to which others
    /// who do the same add theirs: each such pair would be asked to repeat. So the first try does
    /// without.
    pub(super) fn looks_first(&self) -> bool {
        self.repeated || matches!(self.db, Db::Sqlite(_))
    }

    /// A new key of this moment.
    pub fn new_id(&self) -> Result<String> {
        new_id(self.now)
    }

    /// A new random reference with this letter.
    pub fn new_reference(&self, letter: char) -> Result<String> {
        new_reference(letter)
    }

    /// The database's own time, for leases that several machines compare.
    pub fn shared_time(&mut self) -> Result<Instant> {
        self.db.time(self.now)
    }

    /// Runs `work` in a savepoint. `Ok(None)` when it met a row that is already there (a unique
    /// violation), with its own writes undone and the rest of the transaction unharmed.
    pub fn unless_taken<T>(&mut self, work: impl FnOnce(&mut Db) -> diesel::QueryResult<T>) -> Result<Option<T>> {
        self.db.nest()?;
        match work(self.db) {
            Ok(value) => {
                self.db.commit()?;
                Ok(Some(value))
            }
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
                self.db.rollback()?;
                Ok(None)
            }
            Err(error) => {
                self.db.rollback()?;
                Err(error.into())
            }
        }
    }

    /// Says that this transaction leaves something in the outbox: the worker is woken after the
    /// commit, never before.
    pub fn promise(&mut self) {
        self.promises = true;
    }

    pub(super) fn promises(&self) -> bool {
        self.promises
    }
}
