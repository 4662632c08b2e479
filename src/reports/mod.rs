//! What a coordinator looks at to see whether help comes in time: for every ticket, when each step
//! happened to the second, how long it took since the one before, what was due when, and what was
//! late. The moments are those of the `steps` table and of the records themselves; nothing is
//! measured twice.
//!
//! This is the *work view*: it is for people inside the house and never leaves it. Somebody who may
//! see aggregates only gets counts, medians and 90th percentiles, and none over fewer than
//! [`FEWEST`] durations. The verb is [`response_times`].
//!
//! And where help is missing: [`service_gaps`] counts what was asked for in places where no open
//! service gives it. It counts calls and referrals and shows neither. [`feedback`]
//! counts what was said of each service.

pub mod api;
mod feedback;
mod model;
mod response_times;
mod service_gaps;

pub use feedback::{Heard, feedback};
pub use model::Wanted;
pub use response_times::{FEWEST, Grouping, Moment, ReferralTimes, Stage, Summary, Term, TicketTimes};
pub use service_gaps::{FEWEST_IN_A_DISTRICT, Gap, service_gaps};

use crate::clock::{DAY, Instant};
use crate::error::{Error, Result};
use crate::storage::Db;
use response_times::Tally;

/// The longest window, in days.
pub const LONGEST_WINDOW: i64 = 93;
/// Tickets that one summary may look at.
const MOST: usize = 20_000;
/// Tickets read at a time for a summary.
const CHUNK: i64 = 500;

/// One page of tickets with their times, newest first. Errors: 422 for a window that is empty or
/// longer than [`LONGEST_WINDOW`].
pub fn response_times(
    db: &mut Db,
    wanted: &Wanted,
    after: Option<&(Instant, String)>,
    limit: i64,
    now: Instant,
) -> Result<Vec<TicketTimes>> {
    check_window(wanted)?;
    model::page(db, wanted, after, limit, now)
}

/// The summary of the whole window, group by group. Errors: 422 for a window that is empty or too
/// long, or holds more tickets than one summary may look at.
pub fn summary(db: &mut Db, wanted: &Wanted, grouping: Grouping, now: Instant) -> Result<Vec<Summary>> {
    check_window(wanted)?;
    let (mut tally, mut after, mut seen) = (Tally::new(grouping), None, 0);
    loop {
        let chunk = model::page(db, wanted, after.as_ref(), CHUNK, now)?;
        seen += chunk.len();
        if seen > MOST {
            return Err(Error::invalid("?from", "too_many_tickets"));
        }
        chunk.iter().for_each(|ticket| tally.add(ticket));
        match chunk.last() {
            Some(last) => after = Some((last.issued_at, last.key.clone())),
            None => return Ok(tally.summaries()),
        }
    }
}

fn check_window(wanted: &Wanted) -> Result<()> {
    match wanted.to.since(wanted.from) {
        length if length <= 0 => Err(Error::invalid("?to", "not_after_from")),
        length if length > LONGEST_WINDOW * DAY => Err(Error::invalid("?from", "window_too_long")),
        _ => Ok(()),
    }
}
