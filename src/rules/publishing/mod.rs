//! Publishing rules: whoever keeps the machine proposes a set that is wholly checked, and two
//! coordinators approve it, one after the other. From then on it is in force, in every process, until
//! another is published; packs in files are only what the next proposal is made of.

pub(super) mod api;

use diesel::prelude::*;

use super::model::{keep, kept};
use crate::access::Actor;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::schema::publications;
use crate::storage::{Db, Tx};
use crate::triage::{PackSource, RuleSet};

/// The letter of references of publications.
const LETTER: char = 'G';

/// Rules that were proposed.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = publications, treat_none_as_default_value = false)]
pub struct Publication {
    /// Key; never shown.
    pub id: String,
    /// `G-…`
    pub reference: String,
    /// Which rules, exactly.
    pub sha256: String,
    /// When.
    pub proposed_at: Instant,
    /// The coordinator who approved first.
    pub first_by: Option<String>,
    /// When.
    pub first_at: Option<Instant>,
    /// The one who approved second.
    pub second_by: Option<String>,
    /// When: from then on they are in force.
    pub second_at: Option<Instant>,
}

/// Proposes rules. One proposal of the same rules that still waits is given back.
pub fn propose(tx: &mut Tx<'_>, rules: &RuleSet, sources: &[PackSource]) -> Result<Publication> {
    keep(tx, rules, sources)?;
    let waiting = publications::table
        .filter(publications::sha256.eq(rules.sha256()))
        .filter(publications::second_at.is_null())
        .select(Publication::as_select())
        .first(tx.db)
        .optional()?;
    if let Some(waiting) = waiting {
        return Ok(waiting);
    }
    let row = Publication {
        id: tx.new_id()?,
        reference: tx.new_reference(LETTER)?,
        sha256: rules.sha256().to_owned(),
        proposed_at: tx.now,
        first_by: None,
        first_at: None,
        second_by: None,
        second_at: None,
    };
    diesel::insert_into(publications::table).values(&row).execute(tx.db)?;
    tx.trail("rules.propose", ("publication", &row.reference), None)?;
    Ok(row)
}

/// Approves a proposal; the second approval, by somebody else, puts it in force. Gives its key.
/// Errors: 404; 409 `published`, `own_approval`.
pub fn approve(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<String> {
    let row = find(tx.db, reference)?;
    if row.second_at.is_some() {
        return Err(Error::conflict("published"));
    }
    let still = publications::table.find(&row.id).filter(publications::second_at.is_null());
    let changed = match &row.first_by {
        None => {
            let first = (publications::first_by.eq(&actor.id), publications::first_at.eq(tx.now));
            diesel::update(still.filter(publications::first_by.is_null())).set(first).execute(tx.db)?
        }
        Some(first) if *first == actor.id => return Err(Error::conflict("own_approval")),
        Some(_) => {
            let second = (publications::second_by.eq(&actor.id), publications::second_at.eq(tx.now));
            diesel::update(still).set(second).execute(tx.db)?
        }
    };
    if changed != 1 {
        return Err(Error::Repeat);
    }
    let told = if row.first_by.is_none() { "first" } else { "second" };
    tx.trail("rules.approve", ("publication", &row.reference), Some(told))?;
    Ok(row.id)
}

/// The proposal with this reference. Errors: 404.
pub fn find(db: &mut Db, reference: &str) -> Result<Publication> {
    Ok(publications::table.filter(publications::reference.eq(reference)).select(Publication::as_select()).first(db)?)
}

/// The newest proposals, newest first.
pub fn newest(db: &mut Db, limit: i64) -> Result<Vec<Publication>> {
    let order = (publications::proposed_at.desc(), publications::id.desc());
    Ok(publications::table.order(order).limit(limit).select(Publication::as_select()).load(db)?)
}

/// What is in force by publication; `None` while nothing was ever published.
pub fn published(db: &mut Db) -> Result<Option<Publication>> {
    Ok(publications::table
        .filter(publications::second_at.is_not_null())
        .order((publications::second_at.desc(), publications::id.desc()))
        .select(Publication::as_select())
        .first(db)
        .optional()?)
}

/// The sources of what is in force by publication, if they are not those of `sha256`.
pub fn published_instead(db: &mut Db, sha256: &str) -> Result<Option<Vec<PackSource>>> {
    match published(db)? {
        Some(row) if row.sha256 != sha256 => kept(db, &row.sha256).map(Some),
        _ => Ok(None),
    }
}
