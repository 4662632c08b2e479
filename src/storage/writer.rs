//! Group commit on SQLite: one thread owns the write connection, runs what is waiting in one
//! transaction, flushes once, then answers everybody.
//!
//! The failure rules are the point. diesel's depth counter cannot be trusted after a panic: its
//! savepoint stays open, and committing then only releases it and reports success. So a panic, any
//! database error that is not a constraint, a wrong depth after a closure, or a failed COMMIT
//! discards the connection, and the whole batch is told 503: nobody hears yes for what is not on
//! disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant as Stopwatch;

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use metrics::{Gauge, Histogram};
use tokio::sync::oneshot;

use super::db::WRITE;
use super::log::Log;
use super::records::By;
use super::{Db, Place, Setting, Tx};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::telemetry::measures::{BATCH_WRITES, COMMIT_SECONDS, QUEUED_WRITES};

/// At most this many callers share one flush: a bound on how long the first of them waits.
const BATCH: usize = 64;

/// The queue in front of the writing thread. Dropping it lets the thread finish what is queued.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    waiting: Gauge,
}

/// One caller's work, its outcome until the commit, and the way back to it.
trait Job: Send {
    fn run(&mut self, db: &mut Db, setting: &Setting, clock: &Clock) -> Ran;
    /// Called once, after the commit (`Ok`) or instead of it.
    fn answer(self: Box<Self>, commit: Result<()>);
}

/// What came of one closure.
struct Ran {
    kept: bool,
    fatal: bool,
    promises: bool,
}

struct Call<T, F> {
    by: By,
    work: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: Fn(&mut Tx<'_>) -> Result<T> + Send> Job for Call<T, F> {
    fn run(&mut self, db: &mut Db, setting: &Setting, clock: &Clock) -> Ran {
        let mut tx = Tx::new(db, clock.now(), &self.by, setting);
        let outcome = (self.work)(&mut tx);
        let ran = Ran {
            kept: outcome.is_ok(),
            fatal: outcome.as_ref().is_err_and(Error::is_fatal),
            promises: outcome.is_ok() && tx.promises(),
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>, commit: Result<()>) {
        let told = match (commit, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(Error::Unavailable),
        };
        // A caller that hung up does not undo what is on disk; it asks again with its key.
        let _ = self.reply.send(told);
    }
}

impl Writer {
    /// Starts the thread. Errors: a sentence when the connection cannot be opened at all.
    pub(super) fn start(place: Place, setting: Setting, clock: Clock, queue: usize) -> Result<Writer, String> {
        let (send, receive) = sync_channel(queue);
        let waiting = metrics::gauge!(QUEUED_WRITES);
        let measures = Measures {
            waiting: waiting.clone(),
            batch: metrics::histogram!(BATCH_WRITES),
            commit: metrics::histogram!(COMMIT_SECONDS),
        };
        let tainted = Arc::new(AtomicBool::new(false));
        let log = Log::keep(place.clone())?;
        let mut desk = Desk { connection: None, log, place, setting, clock, tainted, measures };
        desk.connect()?;
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || desk.serve(&receive))
            .map_err(|_| "the writing thread cannot be started".to_owned())?;
        Ok(Writer { queue: Some(send), thread: Mutex::new(Some(thread)), waiting })
    }

    /// Queues `work`. Errors: 503 when the queue is full or the thread is gone.
    pub(super) fn submit<T, F>(&self, by: By, work: F) -> Result<oneshot::Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(Error::Unavailable)?;
        // Before it is sent: the thread may take it off at once.
        self.waiting.increment(1.0);
        queue.try_send(Box::new(Call { by, work, outcome: None, reply })).map_err(|refused| {
            self.waiting.decrement(1.0);
            match refused {
                TrySendError::Full(_) => Error::Busy,
                TrySendError::Disconnected(_) => Error::Unavailable,
            }
        })?;
        Ok(answer)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// What the thread has before it.
struct Desk {
    connection: Option<Db>,
    log: Log,
    place: Place,
    setting: Setting,
    clock: Clock,
    /// Set by the connection itself when any statement fails for another reason than a constraint:
    /// a verb that swallows such an error must not get its half committed.
    tainted: Arc<AtomicBool>,
    measures: Measures,
}

struct Measures {
    waiting: Gauge,
    batch: Histogram,
    commit: Histogram,
}

impl Desk {
    fn serve(&mut self, queue: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(next) = queue.try_recv()
            {
                batch.push(next);
            }
            let many = f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX));
            self.measures.waiting.decrement(many);
            self.measures.batch.record(many);
            self.commit_batch(batch);
            if let Some(db) = &mut self.connection {
                self.log.tend(db);
            }
        }
    }

    fn commit_batch(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let verdict = self.run_batch(&mut batch);
        if let Err(error) = &verdict {
            tracing::error!(event = "batch_discarded", callers = batch.len(), cause = %error);
            self.connection = None;
        }
        if let Ok(true) = verdict {
            self.setting.promised.notify_one();
        }
        for job in batch {
            job.answer(verdict.as_ref().map(|_| ()).map_err(|_| Error::Unavailable));
        }
    }

    /// One transaction for the whole batch; says whether anything was promised to the outbox.
    fn run_batch(&mut self, batch: &mut [Box<dyn Job>]) -> Result<bool> {
        if self.connection.is_none() {
            self.connect().map_err(|_| Error::Unavailable)?;
        }
        let Desk { connection, setting, clock, tainted, measures, .. } = self;
        let db = connection.as_mut().ok_or(Error::Unavailable)?;
        tainted.store(false, Ordering::SeqCst);
        let mut promised = false;
        db.begin(WRITE)?;
        for job in batch {
            db.nest()?;
            let ran = catch_unwind(AssertUnwindSafe(|| job.run(db, setting, clock)))
                .map_err(|_| Error::Internal("a verb panicked"))?;
            if ran.fatal || tainted.load(Ordering::SeqCst) || db.depth() != Some(2) {
                return Err(Error::Unavailable);
            }
            if ran.kept {
                db.commit()?
            } else {
                db.rollback()?
            }
            if db.depth() != Some(1) {
                return Err(Error::Unavailable);
            }
            promised |= ran.promises;
        }
        let begun = Stopwatch::now();
        db.commit()?;
        measures.commit.record(begun.elapsed());
        if tainted.load(Ordering::SeqCst) {
            return Err(Error::Unavailable);
        }
        Ok(promised)
    }

    fn connect(&mut self) -> Result<(), String> {
        let mut db = self.place.connect()?;
        let tainted = self.tainted.clone();
        db.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = event
                && !is_constraint(error)
            {
                tainted.store(true, Ordering::SeqCst);
            }
        });
        Log::relieve(&mut db).map_err(|_| "SQLite does not leave its checkpoints to others".to_owned())?;
        self.connection = Some(db);
        Ok(())
    }
}

fn is_constraint(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::NotFound
            | DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation
                    | DatabaseErrorKind::ForeignKeyViolation
                    | DatabaseErrorKind::NotNullViolation
                    | DatabaseErrorKind::CheckViolation,
                _
            )
    )
}
