//! What every write leaves behind: steps, the trail row, the replayed key. The only tables whose
//! rows the engine numbers, so that their order is the order of commits.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use super::schema::{idempotency, steps, trail};
use super::{Db, Tx, new_id};
use crate::clock::Instant;
use crate::error::{Error, Result};

/// Who acts, as steps and trail record it: ids and roles, never a person's name in words.
#[derive(Debug, Clone)]
pub struct By {
    /// The key of the staff member; `None` for the program itself and for partners.
    pub id: Option<String>,
    /// The staff number, such as `op-07`, or `system` or `partner`.
    pub name: String,
    /// The role's code.
    pub role: &'static str,
    /// The request this belongs to; empty outside a request.
    pub request: String,
}

impl By {
    /// The program itself: worker, demo, command line.
    pub fn system() -> By {
        By { id: None, name: "system".into(), role: "system", request: String::new() }
    }

    /// A partner's focal point, known only by the link and code that were used.
    pub fn partner(request: &str) -> By {
        By { id: None, name: "partner".into(), role: "partner", request: request.to_owned() }
    }

    /// The key of the staff member who acts. Errors: 403 for anyone without one.
    pub fn staff_id(&self) -> Result<&str> {
        self.id.as_deref().ok_or(Error::Forbidden)
    }
}

/// One transition of one thing.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = steps)]
pub struct Step {
    /// The key of the thing.
    pub subject_id: String,
    /// What happened, such as `triaged` or `accepted`.
    pub kind: String,
    /// When.
    pub at: Instant,
    /// Whose doing.
    pub actor_id: Option<String>,
    /// In which role.
    pub actor_role: String,
    /// A code that belongs to the kind: a level, a reason, a reference.
    pub detail: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = steps, treat_none_as_default_value = false)]
struct NewStep<'a> {
    id: String,
    subject_kind: &'a str,
    subject_id: &'a str,
    kind: &'a str,
    at: Instant,
    actor_id: Option<&'a str>,
    actor_role: &'a str,
    detail: Option<&'a str>,
}

#[derive(Insertable)]
#[diesel(table_name = trail, treat_none_as_default_value = false)]
struct NewTrail<'a> {
    id: String,
    at: Instant,
    actor_id: Option<&'a str>,
    actor_name: &'a str,
    actor_role: &'a str,
    action: &'a str,
    subject_kind: &'a str,
    subject: &'a str,
    reason: Option<&'a str>,
    outcome: &'a str,
    request_id: &'a str,
}

diesel::define_sql_function! {
    /// The value, or the other one for NULL.
    fn coalesce(value: Nullable<BigInt>, otherwise: BigInt) -> BigInt;
}

/// The next number of a table on SQLite, where only one transaction writes at a time. No SQL text
/// of our own: a statement with some would be prepared anew each time.
macro_rules! next_position {
    ($table:ident) => {
        coalesce($table::table.select($table::position + 1).order($table::position.desc()).single_value(), 1)
    };
}

/// A transition that is about to be written.
pub struct Transition<'a> {
    /// `contact`, `ticket`, `referral`, `notification`, `task` or `case`.
    pub subject: (&'a str, &'a str),
    /// What happens.
    pub kind: &'a str,
    /// When; usually the transaction's moment.
    pub at: Instant,
    /// A code that belongs to the kind.
    pub detail: Option<&'a str>,
}

impl Tx<'_> {
    /// Writes one step of `(kind of thing, its key)` at this moment.
    pub fn step(&mut self, subject: (&str, &str), kind: &str, detail: Option<&str>) -> Result<()> {
        let at = self.now;
        self.steps(&[Transition { subject, kind, at, detail }])
    }

    /// Writes several steps in the order given.
    pub fn steps(&mut self, transitions: &[Transition<'_>]) -> Result<()> {
        let rows: Result<Vec<NewStep<'_>>> = transitions
            .iter()
            .map(|t| {
                Ok(NewStep {
                    id: new_id(self.now)?,
                    subject_kind: t.subject.0,
                    subject_id: t.subject.1,
                    kind: t.kind,
                    at: t.at,
                    actor_id: self.by.id.as_deref(),
                    actor_role: self.by.role,
                    detail: t.detail,
                })
            })
            .collect();
        match self.db {
            Db::Postgres(connection) => {
                diesel::insert_into(steps::table).values(&rows?).execute(connection)?;
            }
            Db::Sqlite(connection) => {
                for row in rows? {
                    diesel::insert_into(steps::table)
                        .values((row, steps::position.eq(next_position!(steps))))
                        .execute(connection)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the trail row of this write or sealed read: what was done to which reference, why
    /// (a code) and how it ended. No personal data, no free text.
    pub fn trail(&mut self, action: &str, subject: (&str, &str), reason: Option<&str>) -> Result<()> {
        self.trail_outcome(action, subject, reason, "done")
    }

    /// [`Tx::trail`] for something that did not succeed, such as `denied`.
    pub fn trail_outcome(
        &mut self,
        action: &str,
        subject: (&str, &str),
        reason: Option<&str>,
        outcome: &str,
    ) -> Result<()> {
        let row = NewTrail {
            id: new_id(self.now)?,
            at: self.now,
            actor_id: self.by.id.as_deref(),
            actor_name: &self.by.name,
            actor_role: self.by.role,
            action,
            subject_kind: subject.0,
            subject: subject.1,
            reason,
            outcome,
            request_id: &self.by.request,
        };
        match self.db {
            Db::Postgres(connection) => diesel::insert_into(trail::table).values(row).execute(connection)?,
            Db::Sqlite(connection) => diesel::insert_into(trail::table)
                .values((row, trail::position.eq(next_position!(trail))))
                .execute(connection)?,
        };
        Ok(())
    }

    /// Runs `first` unless this key was answered before; either way gives the key of the thing it
    /// made or moved. Errors: those of `first`; 422 when the key came with another body.
    pub fn once(
        &mut self,
        replay: Option<&Replay>,
        status: u16,
        first: impl FnOnce(&mut Self) -> Result<String>,
    ) -> Result<String> {
        let Some(replay) = replay else { return first(self) };
        if self.looks_first()
            && let Some(subject) = self.replayed(replay)?
        {
            return Ok(subject);
        }
        match first(self) {
            Ok(subject) => self.remember(replay, status, &subject).map(|()| subject),
            Err(error) if self.looks_first() || error.is_fatal() => Err(error),
            Err(error) => Err(self.refused(replay, error)),
        }
    }

    /// A refusal of something that was done under this key before is the refusal to do it twice.
    fn refused(&mut self, replay: &Replay, error: Error) -> Error {
        match self.replayed(replay) {
            Ok(Some(_)) => Error::Repeat,
            Err(Error::KeyReused) => Error::KeyReused,
            Ok(None) | Err(_) => error,
        }
    }

    /// Forgets keys older than `before`; gives how many.
    pub fn forget_replays(&mut self, before: Instant) -> Result<usize> {
        Ok(diesel::delete(idempotency::table.filter(idempotency::at.lt(before))).execute(self.db)?)
    }

    /// The first answer to this key, if there was one. Errors: 422 when the key came with another
    /// body.
    fn replayed(&mut self, replay: &Replay) -> Result<Option<String>> {
        let found: Option<(String, String)> = idempotency::table
            .find(&replay.key_mac)
            .select((idempotency::body_mac, idempotency::subject_id))
            .first(self.db)
            .optional()?;
        match found {
            None => Ok(None),
            Some((body, subject)) if body == replay.body_mac => Ok(Some(subject)),
            Some(_) => Err(Error::KeyReused),
        }
    }

    /// Remembers what this key made, in the same transaction.
    fn remember(&mut self, replay: &Replay, status: u16, subject_id: &str) -> Result<()> {
        let now = self.now;
        let row = (
            idempotency::key_mac.eq(&replay.key_mac),
            idempotency::body_mac.eq(&replay.body_mac),
            idempotency::status.eq(i32::from(status)),
            idempotency::subject_id.eq(subject_id),
            idempotency::at.eq(now),
        );
        let insert = |db: &mut Db| diesel::insert_into(idempotency::table).values(row).execute(db);
        if let Db::Sqlite(_) = self.db {
            // One transaction writes at a time, and it has just asked: nothing to catch.
            insert(self.db)?;
            return Ok(());
        }
        // Taken meanwhile by the same request on another connection: repeat, and replay it.
        self.unless_taken(insert)?.map(|_| ()).ok_or(Error::Repeat)
    }
}

/// A request's idempotency key and body, both as keyed hashes.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Of who asks, what for, and the key.
    pub key_mac: String,
    /// Of the body.
    pub body_mac: String,
}

/// The steps of some things, oldest first.
pub fn steps_of(db: &mut Db, subjects: &[String]) -> Result<Vec<Step>> {
    Ok(steps::table
        .filter(steps::subject_id.eq_any(subjects))
        .order((steps::at.asc(), steps::position.asc()))
        .select(Step::as_select())
        .load(db)?)
}
