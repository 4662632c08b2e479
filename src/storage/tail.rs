//! New steps, as they are committed.
//!
//! On PostgreSQL a step is numbered when it is written, and may be committed after one with a higher
//! number. So each number that was passed over is looked for until no transaction can hold it any
//! more. On SQLite, where one transaction writes at a time, none is ever passed over.

use std::time::{Duration, Instant as Stopwatch};

use diesel::prelude::*;

use super::Db;
use super::schema::steps;
use crate::error::Result;

/// Steps that are read at once.
const AT_ONCE: i64 = 1000;
/// How long a number that was passed over is looked for: longer than any transaction lasts.
const OPEN: Duration = Duration::from_secs(120);
/// How far back transactions that are open when the tail begins can have numbers.
const BACK: i64 = 1000;
/// Numbers that are looked for at once. More were passed over only where the engine left some out.
const MOST_MISSING: usize = 10_000;

/// A transition, as it is told of.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = steps)]
pub struct Taken {
    position: i64,
    /// What kind of thing it is: `contact`, `ticket`, `referral`, …
    pub subject_kind: String,
    /// The key of the thing.
    pub subject_id: String,
    /// What happened to it.
    pub kind: String,
}

/// Where a reader of all steps is.
#[derive(Debug, Clone)]
pub struct Tail {
    last: i64,
    missing: Vec<(i64, Stopwatch)>,
}

impl Tail {
    /// Behind every step that is committed, so that only later ones are read.
    pub fn at_end(db: &mut Db) -> Result<Tail> {
        let newest: Vec<i64> =
            steps::table.order(steps::position.desc()).limit(BACK).select(steps::position).load(db)?;
        let mut tail = Tail { last: newest.last().copied().unwrap_or_default(), missing: Vec::new() };
        newest.iter().rev().for_each(|position| tail.pass(*position));
        Ok(tail)
    }

    /// The next steps committed since, in the order of their numbers; none when there are no more.
    pub fn next(&mut self, db: &mut Db) -> Result<Vec<Taken>> {
        let mut read = self.found_late(db)?;
        let newer: Vec<Taken> = steps::table
            .filter(steps::position.gt(self.last))
            .order(steps::position)
            .limit(AT_ONCE)
            .select(Taken::as_select())
            .load(db)?;
        newer.iter().for_each(|step| self.pass(step.position));
        read.extend(newer);
        Ok(read)
    }

    /// Those that were passed over and are there now.
    fn found_late(&mut self, db: &mut Db) -> Result<Vec<Taken>> {
        self.missing.retain(|(_, since)| since.elapsed() < OPEN);
        if self.missing.is_empty() {
            return Ok(Vec::new());
        }
        let missing: Vec<i64> = self.missing.iter().map(|(position, _)| *position).collect();
        let found: Vec<Taken> = steps::table
            .filter(steps::position.eq_any(missing))
            .order(steps::position)
            .select(Taken::as_select())
            .load(db)?;
        self.missing.retain(|(position, _)| found.iter().all(|step| step.position != *position));
        Ok(found)
    }

    fn pass(&mut self, position: i64) {
        let now = Stopwatch::now();
        let room = MOST_MISSING.saturating_sub(self.missing.len());
        self.missing.extend((self.last + 1..position).rev().take(room).map(|position| (position, now)));
        self.last = position;
    }
}
