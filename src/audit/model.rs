//! The trail's rows and the one query on them.

use diesel::prelude::*;

use super::hidden;
use crate::access::{Actor, Role};
use crate::clock::Instant;
use crate::error::Result;
use crate::storage::Db;
use crate::storage::schema::trail;

/// One row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = trail)]
pub struct Entry {
    /// Its key; never shown.
    pub id: String,
    /// When.
    pub at: Instant,
    /// The staff number, or `system` or `partner`.
    pub actor_name: Option<String>,
    /// In which role.
    pub actor_role: String,
    /// What was done, such as `contacts.record`.
    pub action: String,
    /// To what kind of thing.
    pub subject_kind: String,
    /// To which: a reference.
    pub subject: String,
    /// Why: a code.
    pub reason: Option<String>,
    /// How it ended: `done`, `denied` or another code.
    pub outcome: String,
    /// The request it belongs to.
    pub request_id: String,
}

/// Which rows. What is not given does not matter.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Not before.
    pub from: Option<Instant>,
    /// Before.
    pub to: Option<Instant>,
    /// This staff number.
    pub actor: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// This reference.
    pub subject: Option<String>,
}

/// Rows that fit, newest first: all of them for an auditor, and for anybody else none about what they
/// must not know of.
pub(super) fn find(
    db: &mut Db,
    reader: &Actor,
    wanted: &Wanted,
    after: Option<&(Instant, String)>,
    limit: i64,
) -> Result<Vec<Entry>> {
    let mut query = match reader.role {
        Role::Auditor => trail::table.into_boxed(),
        _ => hidden::without(trail::table.into_boxed(), &reader.id),
    };
    if let Some(from) = wanted.from {
        query = query.filter(trail::at.ge(from));
    }
    if let Some(to) = wanted.to {
        query = query.filter(trail::at.lt(to));
    }
    if let Some(actor) = &wanted.actor {
        query = query.filter(trail::actor_name.eq(actor));
    }
    if let Some(action) = &wanted.action {
        query = query.filter(trail::action.eq(action));
    }
    if let Some(subject) = &wanted.subject {
        query = query.filter(trail::subject.eq(subject));
    }
    if let Some((at, id)) = after {
        query = query.filter(trail::at.le(*at)).filter(trail::at.lt(*at).or(trail::id.lt(id)));
    }
    let newest = query.order((trail::at.desc(), trail::id.desc())).limit(limit);
    Ok(newest.select(Entry::as_select()).load(db)?)
}
