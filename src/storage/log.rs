//! Keeps SQLite's write-ahead log short without making anybody wait for it.
//!
//! What is committed lies in the log until a checkpoint copies it into the database file. SQLite
//! does that by itself on the thread that commits, and whoever is in the queue waits for all of it
//! and a flush. Here a thread of its own copies, over a connection of its own, while batches go on,
//! and sends what it copied to the disk bit by bit: two gigabytes flushed at once, as a backup can
//! leave behind, would stand in the way of every commit's own flush. It never gets the last page,
//! because there is always a newer one, and only a log that was copied whole begins anew; so the
//! writing thread copies a rest that is small itself, between two batches. A log that had grown long
//! gives its place on the disk back in steps, too: two gigabytes are cut off in half a second, and the
//! engine does that inside a commit.
//!
//! Nothing rests on this but the length of a file: a page is on disk, in the log, before its caller
//! is answered. A checkpoint that fails is tried again; should the thread be gone, the writing
//! thread copies everything.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Integer;

use super::{Db, Place};
use crate::error::Result;

/// So many pages of 4 KiB are worth a checkpoint: pages written often are copied once.
const PAGES: i32 = 4000;

/// So few may be left for the writing thread: a few batches' worth.
const REST: i32 = 1000;

/// How often what is being copied is sent to the disk.
const PACE: Duration = Duration::from_millis(10);

/// Bytes of the log's file that stay when it begins anew.
const KEPT: u64 = 64 << 20;

/// Bytes that are cut off a longer one each time it begins anew: some ten milliseconds.
const CUT: u64 = 32 << 20;

/// The log as the writing thread sees it.
pub(super) struct Log {
    file: PathBuf,
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
        let file = match &place {
            Place::Sqlite(path) => PathBuf::from(format!("{}-wal", path.display())),
            Place::Postgres(_) => PathBuf::new(),
        };
        let (ask, asked) = sync_channel(1);
        let copied = Arc::new(AtomicBool::new(false));
        let told = copied.clone();
        let copier = std::thread::Builder::new()
            .name("checkpoints".into())
            .spawn(move || copy_when_asked(&place, &asked, &told))
            .map_err(|_| "the thread for checkpoints cannot be started".to_owned())?;
        Ok(Log { file, ask: Some(ask), copier: Some(copier), copied, copying: false, due: PAGES })
    }

    /// Takes checkpoints over from a connection that writes: SQLite's own would come inside a commit.
    pub(super) fn relieve(db: &mut Db) -> Result<()> {
        match db {
            Db::Sqlite(connection) => Ok(connection.batch_execute("PRAGMA wal_autocheckpoint = 0")?),
            Db::Postgres(_) => Ok(()),
        }
    }

    /// What there is to do between two batches. A failure is only noted: the log stays longer.
    pub(super) fn tend(&mut self, db: &mut Db) {
        let outcome = if self.copying { self.finish(db) } else { self.begin(db) };
        if outcome.is_err() {
            tracing::warn!(event = "checkpoint_failed");
        }
    }

    fn begin(&mut self, db: &mut Db) -> Result<()> {
        if length(db, LOOK)?.left() < self.due {
            return Ok(());
        }
        self.cut(db)?;
        self.copying = self.ask.as_ref().is_some_and(|ask| ask.try_send(()).is_ok());
        if !self.copying {
            length(db, COPY)?;
        }
        Ok(())
    }

    fn finish(&mut self, db: &mut Db) -> Result<()> {
        if !self.copied.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        self.copying = false;
        let left = length(db, LOOK)?.left();
        self.due = if left > PAGES { left + PAGES } else { PAGES };
        if left <= PAGES {
            length(db, COPY)?;
        }
        Ok(())
    }

    /// Says how long the file may stay when it next begins anew.
    fn cut(&self, db: &mut Db) -> Result<()> {
        let size = self.file.metadata().map_or(0, |known| known.len());
        if let Db::Sqlite(connection) = db
            && size > KEPT
        {
            let limit = size.saturating_sub(CUT).max(KEPT);
            connection.batch_execute(&format!("PRAGMA journal_size_limit = {limit}"))?;
        }
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

/// Tells the lengths and does nothing.
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
/// Copies what it can without waiting for anybody or making anybody wait.
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";

fn copy_when_asked(place: &Place, asked: &Receiver<()>, copied: &AtomicBool) {
    let Place::Sqlite(path) = place else { return };
    // Never closed: that would take this process's locks off the file from all its connections.
    let file = File::open(path).ok().map(ManuallyDrop::new);
    let mut connection = None;
    while asked.recv().is_ok() {
        if connection.is_none() {
            connection = place.connect().ok();
        }
        if connection.as_mut().is_none_or(|db| copy(db, file.as_deref()).is_err()) {
            tracing::warn!(event = "checkpoint_failed");
            connection = None;
        }
        copied.store(true, Ordering::SeqCst);
    }
}

/// Copies until little is left, or until what is left no longer shrinks: a reader of an old state keeps
/// it, or callers write as fast as this disk takes it. Then the writing thread decides.
fn copy(db: &mut Db, file: Option<&File>) -> Result<()> {
    let mut before = length(db, LOOK)?;
    loop {
        flushing(file, || length(db, COPY))?;
        let now = length(db, LOOK)?;
        if now.left() <= REST || now.left() >= before.left() {
            return Ok(());
        }
        before = now;
    }
}

/// Does `work` while what is written to `file` is sent to the disk bit by bit. How that goes does not
/// matter: the checkpoint makes its own flush at the end.
fn flushing<T>(file: Option<&File>, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                std::thread::sleep(PACE);
                let _ = file.map(File::sync_data);
            }
        });
        let outcome = work();
        done.store(true, Ordering::Release);
        outcome
    })
}

fn length(db: &mut Db, pragma: &str) -> Result<Length> {
    match db {
        Db::Sqlite(connection) => Ok(diesel::sql_query(pragma).get_result(connection)?),
        Db::Postgres(_) => Ok(Length { log: 0, checkpointed: 0 }),
    }
}
