//! Keeps SQLite's write-ahead log short without making anybody wait for it.
//!
//! What is committed lies in the log until a checkpoint copies it into the database file. SQLite
//! does that by itself on the thread that commits, and whoever is in the queue waits for some
//! thousand pages and a flush. Here a thread of its own copies them, over a connection of its own,
//! while batches go on. It never gets the last page, because there is always a newer one, and only a
//! log that was copied whole begins anew; so the writing thread copies the small rest itself,
//! between two batches.
//!
//! Nothing rests on this but the length of a file: a page is on disk, in the log, before its caller
//! is answered. A checkpoint that fails is tried again, and should this thread be gone, SQLite's own
//! (`wal_autocheckpoint`) comes in later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use diesel::prelude::*;
use diesel::sql_types::Integer;

use super::{Db, Place};
use crate::error::Result;

/// So many pages of 4 KiB are worth a checkpoint: pages written often are copied once.
const PAGES: i32 = 4000;

/// The log as the writing thread sees it.
pub(super) struct Log {
    ask: Option<SyncSender<()>>,
    copier: Option<JoinHandle<()>>,
    copied: Arc<AtomicBool>,
    copying: bool,
    /// Pages to wait for. Beyond [`PAGES`] when a reader of an old state keeps some from being copied.
    due: i32,
}

/// How long the log is, and how much of it is in the database file already.
#[derive(QueryableByName)]
struct Length {
    #[diesel(sql_type = Integer)]
    log: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

impl Length {
    fn left(&self) -> i32 {
        self.log - self.checkpointed
    }
}

impl Log {
    /// Starts the thread. Errors: a sentence when there is none to be had.
    pub(super) fn keep(place: Place) -> Result<Log, String> {
        let (ask, asked) = sync_channel(1);
        let copied = Arc::new(AtomicBool::new(false));
        let told = copied.clone();
        let copier = std::thread::Builder::new()
            .name("checkpoints".into())
            .spawn(move || copy_when_asked(&place, &asked, &told))
            .map_err(|_| "the thread for checkpoints cannot be started".to_owned())?;
        Ok(Log { ask: Some(ask), copier: Some(copier), copied, copying: false, due: PAGES })
    }

    /// What there is to do between two batches. A failure is only noted: the log stays longer.
    pub(super) fn tend(&mut self, db: &mut Db) {
        let outcome = if self.copying { self.finish(db) } else { self.begin(db) };
        if outcome.is_err() {
            tracing::warn!(event = "checkpoint_failed");
        }
    }

    fn begin(&mut self, db: &mut Db) -> Result<()> {
        if length(db, "PRAGMA wal_checkpoint(NOOP)")?.left() >= self.due {
            self.copying = self.ask.as_ref().is_some_and(|ask| ask.try_send(()).is_ok());
        }
        Ok(())
    }

    fn finish(&mut self, db: &mut Db) -> Result<()> {
        if !self.copied.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        self.copying = false;
        self.due = PAGES;
        let rest = length(db, COPY)?.left();
        self.due = PAGES + rest;
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(copier) = self.copier.take() {
            let _ = copier.join();
        }
    }
}

/// Copies what it can without waiting for anybody or making anybody wait.
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";

fn copy_when_asked(place: &Place, asked: &Receiver<()>, copied: &AtomicBool) {
    let mut connection = None;
    while asked.recv().is_ok() {
        if connection.is_none() {
            connection = place.connect().ok();
        }
        if connection.as_mut().is_none_or(|db| length(db, COPY).is_err()) {
            tracing::warn!(event = "checkpoint_failed");
            connection = None;
        }
        copied.store(true, Ordering::SeqCst);
    }
}

fn length(db: &mut Db, pragma: &str) -> Result<Length> {
    match db {
        Db::Sqlite(connection) => Ok(diesel::sql_query(pragma).get_result(connection)?),
        Db::Postgres(_) => Ok(Length { log: 0, checkpointed: 0 }),
    }
}
