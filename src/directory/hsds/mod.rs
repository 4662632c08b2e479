//! The directory in the form that others read and write: Open Referral HSDS 3.0
//! (<https://docs.openreferral.org>), as JSON and as CSV tables.
//!
//! **What a file holds.** Organisations and services as an HSDS file lists them: names, status,
//! ages, hours, languages, areas served, place. What HSDS has no member for stands in `attributes`
//! whose taxonomy term has a code that begins with `goldaw:` (`terms.rs` lists them). A file written
//! here and read here, in the same or in another house, loses nothing of that.
//!
//! **What never leaves.** How a service is reached (its addresses for letters, the number for phone
//! tasks, the people to ask for, the code its focal point opens letters with): a partner does not
//! see that of others either. And a confidential place: neither an address nor an area, beyond the
//! areas the service says it serves.
//!
//! **What a file can do.** It adds and changes, it never removes: what it does not name stays as it
//! is. An entry is known again by its HSDS id, so a file read twice changes nothing the second time.
//! It cannot bring addresses for letters (a coordinator enters them, and a second person confirms
//! them), cannot make a confidential place public, and cannot turn back what a service said was
//! free: its capacity counts only if it was stated later than the one that is known. Everything is
//! checked before anything is written; one fault in one row and nothing is. Members of HSDS that
//! have no place here are counted and told, never dropped unsaid.

pub mod api;
mod import;
mod read;
mod tables;
mod terms;
mod write;

#[cfg(test)]
mod tests;

pub use import::{Outcome, Tally, import};
pub use read::Incoming;
pub use tables::{Package, Table, Tables};
pub use write::Document;

use sha2::{Digest, Sha256};

use super::areas::Areas;
use super::model;
use crate::error::Result;
use crate::storage::Tx;

/// Everything that may leave. Who took it along stands in the trail.
pub fn export(tx: &mut Tx<'_>, areas: &Areas) -> Result<Document> {
    tx.trail("directory.export", ("directory", "hsds"), None)?;
    let ids = model::hsds_ids(tx.db)?;
    let organisations = model::list_organisations(tx.db, None, i64::from(i32::MAX))?;
    let services = model::list_services(tx.db, areas, &super::ServiceFilter::default(), None, i64::from(i32::MAX))?;
    let place = &tx.setting.config.place;
    Ok(Document::of(&organisations, &services, &write::House { ids: &ids, areas, languages: &place.languages }))
}

/// An id computed from what it names: the same today and tomorrow, and it says nothing else. A
/// reference is random, so two houses do not meet.
fn derived(parts: &[&str]) -> String {
    let digest = Sha256::digest(format!("goldaw hsds\n{}", parts.join("\n")));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// How an area's code is called where HSDS lets a publisher say what kind of code it is.
const AREA_CODE: &str = "area-code";
/// A schedule with these words is never shut.
const ALWAYS: &str = "24/7";
