//! Writing on PostgreSQL: SERIALIZABLE, repeated when the engine asks for it; and READ COMMITTED for
//! what only adds rows that nobody knows of yet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant as Stopwatch};

use diesel::r2d2::Pool;

use super::db::{Begin, Opener, WRITE, begun};
use super::records::By;
use super::{Db, Isolation, Setting, Tx};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::telemetry::measures::COMMIT_SECONDS;

/// Tries beyond the first. On small tables strangers' rows share a page, and the engine asks for a
/// repeat that the data do not need: with three, of 32 who wrote at once some were told 503.
const REPEATS: u32 = 6;

/// Runs `work` until it commits, fails for a reason of its own, or was repeated often enough.
pub(super) fn repeat<T>(
    pool: &Pool<Opener>,
    around: (&Setting, &Clock, &By),
    isolation: Isolation,
    work: &impl Fn(&mut Tx<'_>) -> Result<T>,
) -> Result<T> {
    let how = match isolation {
        Isolation::Serial => Begin { postgres: "BEGIN ISOLATION LEVEL SERIALIZABLE", ..WRITE },
        Isolation::New => WRITE,
    };
    let mut tries = 0;
    loop {
        let mut db = begun(pool, how)?;
        match once(&mut db, around, tries > 0, work) {
            Err(Error::Repeat) if tries < REPEATS => {
                tries += 1;
                // Two that collided must not collide again in step.
                let jitter = super::random_bytes::<1>().map_or(7, |[byte]| u64::from(byte) / 16);
                std::thread::sleep(Duration::from_millis(jitter * u64::from(tries)));
            }
            outcome => return outcome,
        }
    }
}

/// One try, in a transaction that has begun.
fn once<T>(
    db: &mut Db,
    (setting, clock, by): (&Setting, &Clock, &By),
    repeated: bool,
    work: &impl Fn(&mut Tx<'_>) -> Result<T>,
) -> Result<T> {
    let mut tx = Tx::new(db, clock.now(), by, setting).repeated(repeated);
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut tx)));
    let promises = tx.promises();
    let Ok(outcome) = outcome else {
        // The savepoints a panic leaves open are why the pool drops a connection with any depth.
        return Err(Error::Unavailable);
    };
    if db.depth() != Some(1) {
        return Err(Error::Unavailable);
    }
    match outcome {
        Ok(value) => {
            let begun = Stopwatch::now();
            db.commit().inspect_err(|_| drop(db.rollback()))?;
            metrics::histogram!(COMMIT_SECONDS).record(begun.elapsed());
            if promises {
                setting.promised.notify_one();
            }
            Ok(value)
        }
        Err(error) => {
            // Rolling back a broken connection fails; the first error is the one to tell.
            let _ = db.rollback();
            Err(error)
        }
    }
}
