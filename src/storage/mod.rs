//! Where everything is kept: one [`Store`] over two engines.
//!
//! `read` gives a consistent snapshot. `write` gives a [`Tx`]: whatever a verb does with it commits
//! whole or not at all, and no answer is given before its commit is on disk. On SQLite one thread
//! owns the write connection and many callers share one flush ([`writer`]); on PostgreSQL every
//! write is SERIALIZABLE and repeated when the engine asks for it ([`postgres`]). Nothing outside
//! this room names an engine.

pub mod checkup;
mod codes;
pub mod copies;
mod db;
pub mod house;
mod keys;
mod log;
mod migrations;
mod postgres;
pub mod records;
mod reference;
#[expect(missing_docs, reason = "diesel writes these modules; the migrations describe the columns")]
pub mod schema;
pub mod tail;
mod tx;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use diesel::r2d2::Pool;
use tokio::sync::Semaphore;

pub(crate) use codes::codes;
pub use db::{Db, Place};
pub use keys::KeyDb;
pub use migrations::{Holdings, Tree, holdings, migrate, newest_known, pending, revert_all};
pub use records::{By, Replay};
pub use reference::{new_id, new_reference, random_bytes, read_reference};
pub use tx::{LevelMoved, Moved, Setting, Tx};

use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use db::Opener;
use writer::Writer;

/// How a write stands to others that run beside it. On SQLite all stand in line, whatever they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// As if it ran alone: it may decide by what it reads.
    Serial,
    /// It adds rows that nobody knows of yet and decides nothing by what it reads. PostgreSQL would
    /// still find two such writes in each other's way: the foreign keys of one are looked up on the
    /// page to which the other adds its own, because keys ascend; one of ten was asked to repeat.
    New,
}

/// The data, on either engine. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    pool: Pool<Opener>,
    /// As many as there are connections, given out in the order in which they are asked for. The pool
    /// itself wakes anybody who waits, so that under load one of a hundred waited three times as long as
    /// most; and each who waits there holds a thread.
    turns: Arc<Semaphore>,
    writer: Option<Writer>,
    setting: Setting,
    clock: Clock,
}

impl Store {
    /// Opens an existing, migrated database. Errors: a sentence for the person who started the
    /// program: unreachable, behind on migrations, or a pragma the engine would not take.
    pub fn open(place: &Place, setting: Setting, clock: Clock) -> Result<Store, String> {
        if pending(place, Tree::Data)? {
            return Err("the database is behind this program: run `goldaw migrate` first".into());
        }
        let config: &Config = &setting.config;
        let pool = db::pool(place, config.database.connections)?;
        let writer = match place {
            Place::Sqlite(_) => {
                Some(Writer::start(place.clone(), setting.clone(), clock.clone(), config.database.queue)?)
            }
            Place::Postgres(_) => None,
        };
        let turns = Arc::new(Semaphore::new(config.database.connections.try_into().unwrap_or(1)));
        Ok(Store(Arc::new(Inner { pool, turns, writer, setting, clock })))
    }

    /// Runs `work` on a snapshot, off the async threads. Errors: those of `work`; 503 when no
    /// connection comes free in time.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Db) -> Result<T> + Send + 'static,
    {
        self.in_turn(move |store| store.read_blocking(work)).await
    }

    /// Runs `work` off the async threads, when it is its turn. Errors: those of `work`; 503 when that
    /// does not come in time.
    async fn in_turn<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T> + Send + 'static,
    {
        let turn = tokio::time::timeout(db::PATIENCE, self.0.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?.map_err(|_| Error::Unavailable)?;
        let store = self.clone();
        let kept = move || {
            let _turn = turn;
            work(&store)
        };
        tokio::task::spawn_blocking(kept).await.map_err(|_| Error::Unavailable)?
    }

    /// Runs `work`, which is one look-up by key and no more, so it needs no snapshot. On SQLite that
    /// takes some microseconds, less than the way to another thread and back: it is done here,
    /// unless no connection is free. Errors: those of `work`; 503 as for [`Store::read`].
    pub async fn look_up<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Db) -> Result<T> + Send + 'static,
    {
        if self.0.writer.is_some()
            && let Some(mut db) = self.0.pool.try_get()
        {
            return work(&mut db);
        }
        self.in_turn(|store| work(&mut *store.0.pool.get().map_err(|_| Error::Busy)?)).await
    }

    /// [`Store::read`] for threads that may wait: the worker's and the command line's.
    pub fn read_blocking<T>(&self, work: impl FnOnce(&mut Db) -> Result<T>) -> Result<T> {
        db::begun(&self.0.pool, db::SNAPSHOT)?.seen(work)
    }

    /// Runs `work` as one transaction and answers when it is on disk, whole. `work` may run more
    /// than once: it must have no effect but on its `Tx`. Errors: those of `work`, with everything
    /// it wrote undone; 503 when the queue is full or storage failed, with nothing acknowledged.
    pub async fn write<T, F>(&self, by: By, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_as(Isolation::Serial, by, work).await
    }

    /// [`Store::write`], saying how the work stands to others that run beside it.
    pub async fn write_as<T, F>(&self, isolation: Isolation, by: By, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match &self.0.writer {
            Some(writer) => writer.submit(by, work)?.await.map_err(|_| Error::Unavailable)?,
            None => self.in_turn(move |store| store.repeat(&by, isolation, &work)).await,
        }
    }

    /// [`Store::write`] for threads that may wait.
    pub fn write_blocking<T, F>(&self, by: By, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match &self.0.writer {
            Some(writer) => writer.submit(by, work)?.blocking_recv().map_err(|_| Error::Unavailable)?,
            None => self.repeat(&by, Isolation::Serial, &work),
        }
    }

    /// Resolves when a committed write has promised something to the outbox, or after `longest`.
    pub async fn promised(&self, longest: Duration) {
        let _ = tokio::time::timeout(longest, self.0.setting.promised.notified()).await;
    }

    /// True when a read works: what readiness means.
    pub async fn answers(&self) -> bool {
        self.read(|db| db.ping()).await.is_ok()
    }

    /// True when there is no other clone: dropping this one closes the store.
    pub fn is_held_once(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The clock all of this store's times come from.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn repeat<T>(&self, by: &By, isolation: Isolation, work: &impl Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        postgres::repeat(&self.0.pool, (&self.0.setting, &self.0.clock, by), isolation, work)
    }
}
