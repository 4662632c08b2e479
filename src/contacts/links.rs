//! Several contacts that report one event: hers, a neighbour's, a doctor's. They are linked, not
//! merged: each stays what somebody said, and the event can be counted once.

use diesel::prelude::*;

use super::model::{self, Scope};
use crate::access::{Actor, Reference};
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::schema::contact_links;
use crate::storage::{Db, Tx};

/// The body of `POST /contacts/{id}/link`.
#[derive(Debug, Clone)]
pub struct Linking {
    contact: String,
}

impl FromJson for Linking {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required::<Reference<'C'>>("contact").map(|other| Linking { contact: other.0 }))
    }
}

/// Says that two contacts report one event; gives the first one's key. Both ways round it is one
/// link, and saying it again changes nothing. Errors: 404; 422 for another that is missing or not to
/// be seen, alike, and for the contact itself.
pub fn link(tx: &mut Tx<'_>, actor: &Actor, reference: &str, form: &Linking) -> Result<String> {
    let scope = Scope::of(actor, tx.now);
    let row = model::find_in(tx.db, &scope, reference)?;
    let other = model::find_in(tx.db, &scope, &form.contact).map_err(|error| match error {
        Error::NotFound => Error::invalid("/contact", "not_found"),
        other => other,
    })?;
    if row.id == other.id {
        return Err(Error::invalid("/contact", "the_same"));
    }
    let (first, second) = if row.id < other.id { (&row.id, &other.id) } else { (&other.id, &row.id) };
    let new = (
        contact_links::contact_id.eq(first),
        contact_links::other_id.eq(second),
        contact_links::at.eq(tx.now),
        contact_links::linked_by.eq(&actor.id),
    );
    if tx.unless_taken(|db| diesel::insert_into(contact_links::table).values(new).execute(db))?.is_none() {
        return Ok(row.id);
    }
    // No step: whoever may read one timeline need not know of the other contact, and even "linked" would
    // tell that there is one. The trail tells its auditor.
    tx.trail("contacts.link", ("contact", &row.reference), None)?;
    tx.trail("contacts.link", ("contact", &other.reference), None)?;
    Ok(row.id)
}

/// The references of contacts that report the same event, as far as a scope covers them.
pub(super) fn linked(db: &mut Db, scope: &Scope, contact_id: &str) -> Result<Vec<String>> {
    let mut others: Vec<String> = contact_links::table
        .filter(contact_links::contact_id.eq(contact_id))
        .select(contact_links::other_id)
        .load(db)?;
    let back = contact_links::table.filter(contact_links::other_id.eq(contact_id)).select(contact_links::contact_id);
    others.extend(back.load::<String>(db)?);
    if others.is_empty() {
        return Ok(others);
    }
    Ok(model::references_in(db, scope, &others)?.into_iter().map(|(_, reference)| reference).collect())
}
