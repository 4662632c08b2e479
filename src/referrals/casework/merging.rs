//! Merging a case into another that is the same woman's. Both histories stay: contacts, tickets,
//! consents and whoever must not see either belong to the one that is kept. Where both had asked for
//! the same help, both requests stay live: which of them is a duplicate only a person can say.

use super::super::claim;
use super::super::model::{self, Ticket};
use super::blocking;
use crate::access::{Actor, Reference};
use crate::cases;
use crate::contacts;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::Tx;
use crate::tasks;

/// The body of `POST /cases/{id}/merge`.
#[derive(Debug, Clone)]
pub struct Merging {
    other: String,
}

impl FromJson for Merging {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required::<Reference<'K'>>("case").map(|other| Merging { other: other.0 }))
    }
}

/// Merges another case into this one, at the version that was read; gives the kept one's key. The
/// asker must be able to open both. Errors: 404; 412 when it changed since; 409 `merged` when the
/// other leads elsewhere already, `died`; 422 for another that is missing or not to be opened, alike,
/// and for the case itself.
pub fn merge(tx: &mut Tx<'_>, actor: &Actor, id: (&str, i32), form: &Merging) -> Result<String> {
    let kept = cases::find_in(tx, actor, id.0)?;
    if kept.version != id.1 {
        return Err(Error::Stale { current: kept.version });
    }
    let other = cases::find_in(tx, actor, &form.other).map_err(|error| match error {
        Error::NotFound => Error::invalid("/case", "not_found"),
        other => other,
    })?;
    // The reference leads to another case than it names: somebody was first.
    if other.reference != form.other {
        return Err(Error::conflict("merged"));
    }
    if other.id == kept.id {
        return Err(Error::invalid("/case", "the_same"));
    }
    let whole = cases::unite(tx, &kept, &other)?;
    contacts::model::move_to_case(tx.db, &other.id, &kept.id)?;
    tasks::hand_over(tx, &other.id, &kept.id)?;
    tasks::reseal(tx, &other, &whole)?;
    tasks::model::move_to_case(tx.db, &other.id, &kept.id)?;
    for ticket in model::of_case(tx.db, &other.id)? {
        claim::reseal_notes(tx, &ticket, &other, &whole)?;
        claim::saved(tx, &ticket, &Ticket { case_id: kept.id.clone(), ..ticket.clone() })?;
    }
    blocking::take_from_blocked(tx, &kept.id)?;
    contacts::review_repeats(tx, Some(&kept.id))?;
    Ok(kept.id)
}
