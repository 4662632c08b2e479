//! The key store: its own database, on either engine, behind the vault's [`KeyStore`].

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::r2d2::Pool;

use super::db::{Opener, WRITE, pool};
use super::schema::{data_keys, tombstones};
use super::{Db, Place};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::vault::{Found, KeyStore, KeyStoreError, WrappedKey};

/// The separate database of wrapped keys and tombstones.
pub struct KeyDb {
    pool: Pool<Opener>,
    clock: Clock,
}

impl KeyDb {
    /// Opens an existing, migrated key store. Errors: a sentence for the person who started the
    /// program.
    pub fn open(place: &Place, clock: Clock) -> Result<KeyDb, String> {
        if super::pending(place, super::Tree::Keys)? {
            return Err("the key store is behind this program: run `goldaw migrate` first".into());
        }
        Ok(KeyDb { pool: pool(place, 2)?, clock })
    }

    /// True when no key was ever minted here: a fresh store, for which a keyring may be made.
    pub fn is_empty(&self) -> Result<bool> {
        let mut db = self.pool.get().map_err(|_| Error::Unavailable)?;
        let keys: i64 = data_keys::table.count().get_result(&mut **db)?;
        let gone: i64 = tombstones::table.count().get_result(&mut **db)?;
        Ok(keys == 0 && gone == 0)
    }

    /// On SQLite, what the write-ahead log still holds of a destroyed key goes too. A reader can
    /// hold the log open for a moment; then the erasure is not done yet, and says so.
    fn empty_log(&self) -> Result<(), KeyStoreError> {
        #[derive(QueryableByName)]
        struct Checkpoint {
            #[diesel(sql_type = diesel::sql_types::Integer)]
            busy: i32,
        }
        let mut db = self.pool.get().map_err(|_| KeyStoreError::Unavailable)?;
        let Db::Sqlite(connection) = &mut **db else { return Ok(()) };
        let told: Checkpoint = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)")
            .get_result(connection)
            .map_err(|_| KeyStoreError::Unavailable)?;
        if told.busy == 0 { Ok(()) } else { Err(KeyStoreError::Unavailable) }
    }

    /// Commits `work` alone. The store has few writers (a batch of keys, an erasure), so it needs
    /// no group commit.
    fn alone<T>(&self, work: impl FnOnce(&mut Db) -> Result<T>) -> Result<T, KeyStoreError> {
        let mut db = self.pool.get().map_err(|_| KeyStoreError::Unavailable)?;
        let outcome = db.begin(WRITE).and_then(|()| work(&mut db)).and_then(|value| {
            db.commit()?;
            Ok(value)
        });
        outcome.map_err(|_| {
            // A connection left inside a transaction is dropped by the pool.
            let _ = db.rollback();
            KeyStoreError::Unavailable
        })
    }
}

fn key(id: String, version: i32, sealed: Vec<u8>) -> Found {
    Found::Key(WrappedKey { id, version: u32::try_from(version).unwrap_or_default(), sealed })
}

impl KeyStore for KeyDb {
    fn mint(&self, keys: &[WrappedKey]) -> Result<(), KeyStoreError> {
        let now = self.clock.now();
        self.alone(|db| {
            for key in keys {
                let row = (
                    data_keys::id.eq(&key.id),
                    data_keys::version.eq(i32::try_from(key.version).unwrap_or(i32::MAX)),
                    data_keys::sealed.eq(&key.sealed),
                    data_keys::minted_at.eq(now),
                );
                diesel::insert_into(data_keys::table).values(row).execute(db)?;
            }
            Ok(())
        })
    }

    fn find(&self, id: &str) -> Result<Found, KeyStoreError> {
        let mut db = self.pool.get().map_err(|_| KeyStoreError::Unavailable)?;
        // The tombstone first: after a restore a destroyed key may lie beside its tombstone.
        let gone: Option<String> = tombstones::table
            .find(id)
            .select(tombstones::id)
            .first(&mut **db)
            .optional()
            .map_err(|_| KeyStoreError::Unavailable)?;
        if gone.is_some() {
            return Ok(Found::Destroyed);
        }
        let row: Option<(String, i32, Vec<u8>)> = data_keys::table
            .find(id)
            .select((data_keys::id, data_keys::version, data_keys::sealed))
            .first(&mut **db)
            .optional()
            .map_err(|_| KeyStoreError::Unavailable)?;
        Ok(row.map_or(Found::Missing, |(id, version, sealed)| key(id, version, sealed)))
    }

    fn find_all(&self, ids: &[&str]) -> Result<Vec<Found>, KeyStoreError> {
        let mut db = self.pool.get().map_err(|_| KeyStoreError::Unavailable)?;
        // The tombstones first, as above.
        let gone: Vec<String> = tombstones::table
            .filter(tombstones::id.eq_any(ids))
            .select(tombstones::id)
            .load(&mut **db)
            .map_err(|_| KeyStoreError::Unavailable)?;
        let keys: Vec<(String, i32, Vec<u8>)> = data_keys::table
            .filter(data_keys::id.eq_any(ids))
            .select((data_keys::id, data_keys::version, data_keys::sealed))
            .load(&mut **db)
            .map_err(|_| KeyStoreError::Unavailable)?;
        let mut found: HashMap<String, Found> =
            keys.into_iter().map(|(id, version, sealed)| (id.clone(), key(id, version, sealed))).collect();
        found.extend(gone.into_iter().map(|id| (id, Found::Destroyed)));
        Ok(ids.iter().map(|id| found.get(*id).cloned().unwrap_or(Found::Missing)).collect())
    }

    fn destroy(&self, ids: &[String]) -> Result<(), KeyStoreError> {
        let now = self.clock.now();
        self.alone(|db| {
            for id in ids {
                diesel::delete(data_keys::table.find(id)).execute(db)?;
                let known: i64 = tombstones::table.find(id).count().get_result(db)?;
                if known == 0 {
                    let row = (tombstones::id.eq(id), tombstones::destroyed_at.eq(now));
                    diesel::insert_into(tombstones::table).values(row).execute(db)?;
                }
            }
            Ok(())
        })?;
        self.empty_log()
    }

    fn tombstones(&self) -> Result<Vec<String>, KeyStoreError> {
        let mut db = self.pool.get().map_err(|_| KeyStoreError::Unavailable)?;
        tombstones::table.select(tombstones::id).load(&mut **db).map_err(|_| KeyStoreError::Unavailable)
    }
}
