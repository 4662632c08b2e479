//! Whose contacts somebody may see, and which of them they may open.

use diesel::prelude::*;

use super::{ContactRow, Query};
use crate::access::{Actor, Role};
use crate::clock::Instant;
use crate::contacts::codes::Status;
use crate::error::{Error, Result};
use crate::storage::Tx;
use crate::storage::schema::{blocked_parties, contacts, tickets};

/// Whose contacts somebody may see; one rule for reading, listing and counting.
pub struct Scope {
    actor_id: String,
    role: Role,
    now: Instant,
}

impl Scope {
    /// The scope of an actor at a moment: a claim that has lapsed or ended gives none.
    pub fn of(actor: &Actor, now: Instant) -> Scope {
        Scope { actor_id: actor.id.clone(), role: actor.role, now }
    }

    /// The scope of whoever acts in a transaction.
    pub fn of_by(tx: &Tx<'_>) -> Result<Scope> {
        let role = Role::from_code(tx.by.role).ok_or(Error::Forbidden)?;
        Ok(Scope { actor_id: tx.by.staff_id()?.to_owned(), role, now: tx.now })
    }

    /// Contacts this scope covers, as a query: one's own; for a counselor also those of tickets she
    /// holds; for a coordinator all. A case that must not be seen by this person is not there.
    pub(super) fn visible(&self) -> Query {
        match self.role {
            Role::Coordinator => self.known(),
            Role::Counselor => self.known().filter(
                contacts::operator_id
                    .eq(self.actor_id.clone())
                    .or(contacts::id.eq_any(held(self.actor_id.clone(), self.now))),
            ),
            _ => self.own(),
        }
    }

    /// The same in parts, of which each has an index in the order of a list: asked for either of two
    /// things at once, an engine reads and sorts all there is.
    pub(super) fn parts(&self) -> Vec<Query> {
        match self.role {
            Role::Coordinator => vec![self.known()],
            Role::Counselor => {
                vec![self.own(), self.known().filter(contacts::id.eq_any(held(self.actor_id.clone(), self.now)))]
            }
            _ => vec![self.own()],
        }
    }

    fn known(&self) -> Query {
        let hidden = blocked_parties::table
            .filter(blocked_parties::party_kind.eq("staff"))
            .filter(blocked_parties::party_id.eq(self.actor_id.clone()))
            .select(blocked_parties::case_id);
        contacts::table
            .filter(contacts::case_id.is_null().or(contacts::case_id.assume_not_null().ne_all(hidden)))
            .into_boxed()
    }

    fn own(&self) -> Query {
        self.known().filter(contacts::operator_id.eq(self.actor_id.clone()))
    }

    /// Whether this person may open what is sealed in a contact they can see: who records it while
    /// it is a draft, and the counselor who holds its ticket or recorded it.
    pub fn opens(&self, row: &ContactRow) -> bool {
        match self.role {
            Role::Counselor => true,
            Role::Operator => row.status == Status::Draft,
            _ => false,
        }
    }
}

/// The contacts of tickets that somebody holds at a moment.
#[diesel::dsl::auto_type(no_type_alias)]
fn held(actor_id: String, now: Instant) -> _ {
    tickets::table
        .filter(tickets::claimed_by.eq(actor_id))
        .filter(tickets::state.eq("open"))
        .filter(tickets::claim_until.gt(now))
        .select(tickets::contact_id)
}
