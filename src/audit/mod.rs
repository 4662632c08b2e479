//! The trail: who did what to which record, when, why and how it ended. Every room writes its own
//! rows, in the transaction of what it does ([`Tx::trail`](crate::storage::Tx::trail)); this room
//! reads them. A row holds staff numbers, references and codes, and nothing about a survivor.
//!
//! Reading the trail is itself in the trail. An auditor reads all of it; coordinators and
//! administrators nothing about a case that must not exist for them. The verb is [`look_up`].

pub mod api;
mod hidden;
mod model;

pub use model::{Entry, Wanted};

use crate::access::Actor;
use crate::clock::Instant;
use crate::error::Result;
use crate::storage::Tx;

/// The newest rows that fit and that the reader may know of, after the given place in the list. One
/// row of the trail says that somebody looked. Errors: those of storage.
pub fn look_up(
    tx: &mut Tx<'_>,
    reader: &Actor,
    wanted: &Wanted,
    after: Option<&(Instant, String)>,
    limit: i64,
) -> Result<Vec<Entry>> {
    let found = model::find(tx.db, reader, wanted, after, limit)?;
    tx.trail("audit.read", ("trail", "trail"), None)?;
    Ok(found)
}
