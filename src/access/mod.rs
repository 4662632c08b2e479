//! Who is asking, and may they: what every room asks before it answers.
//!
//! A handler's first parameter is a [`Permit`] (or [`Open`], for the few addresses that anyone may
//! ask); a route without one does not compile, because [`Routes`] takes nothing else. The permit
//! is checked before the body is read, so a stranger learns nothing from our validation. The rest
//! of a request comes through this room too: [`Posted`] and [`Keyed`] bodies, [`IfMatch`],
//! [`Reference`] in the path, [`Params`] of the query, [`Page`] of a list.

mod answer;
mod contract;
mod page;
mod permits;
mod request;
mod routes;
mod session;
pub mod token;

pub use answer::{Answer, Css, Csv, Done, Flow, Html, Items, Media, Plain, Text};
pub use contract::{Given, Gives, Operation, Taken, Takes};
pub use page::{Page, Paged};
pub use permits::*;
pub use request::{
    Body, Filtered, IfMatch, Keyed, Nothing, Params, Part, Patched, Posted, Query, Reference, RequestId,
};
pub use routes::{Entry, Routes};
pub use session::{Denials, signed_in};

use crate::storage::{By, codes};

codes! {
    /// What a member of staff is here for.
    pub enum Role {
        /// Answers calls and records them.
        Operator = "operator",
        /// Picks up tickets and stays with the survivor.
        Counselor = "counselor",
        /// Watches times, reviews, directory and rules.
        Coordinator = "coordinator",
        /// Works at an organisation that is asked for help.
        Partner = "partner",
        /// Keeps the installation and its staff.
        Admin = "admin",
        /// Reads the trail and the aggregates.
        Auditor = "auditor",
    }
}

/// A member of staff with a live session.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The key of the staff row.
    pub id: String,
    /// The reference that may be shown.
    pub reference: String,
    /// The staff number, such as `op-07`.
    pub name: String,
    /// The role.
    pub role: Role,
    /// For partners: their organisation's key.
    pub organisation_id: Option<String>,
    /// The key of the session.
    pub session_id: String,
    /// The id of this request.
    pub request: String,
}

impl Actor {
    /// As steps and trail record it.
    pub fn by(&self) -> By {
        By { id: Some(self.id.clone()), name: self.name.clone(), role: self.role.code(), request: self.request.clone() }
    }
}
