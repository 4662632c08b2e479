//! What a review is about, and what follows from its decision: each kind has its own answer.

use super::quality::complaints;
use crate::access::Actor;
use crate::cases;
use crate::contacts::{emergency, level};
use crate::error::Result;
use crate::referrals;
use crate::storage::Tx;
use crate::tasks::{self, Decision, Kind, Review};

/// What whoever decides must know: a contact, a case or a complaint, by reference, and the reason that was given.
#[derive(Default)]
pub struct About {
    /// `C-…`
    pub contact: Option<String>,
    /// `K-…`
    pub case: Option<String>,
    /// `Q-…`
    pub complaint: Option<String>,
    /// In the words of whoever gave it.
    pub reason: Option<String>,
}

/// Opens what a review is about. The caller writes the trail row. Errors: 404 for whoever must not
/// know of it.
pub fn about(tx: &mut Tx<'_>, actor: &Actor, review: &Review) -> Result<About> {
    if review.kind.is_of_a_case() {
        let case = Some(cases::reference_of(tx.db, &review.subject_id)?);
        let reason = match review.kind {
            Kind::CalledOutside => Some(tasks::reasons(tx, review)?),
            _ => None,
        };
        return Ok(About { case, reason, ..About::default() });
    }
    let (contact, reason) = match review.kind {
        Kind::Complaint => {
            let complaint = Some(complaints::reference_of(tx.db, &review.subject_id)?);
            return Ok(About { complaint, ..About::default() });
        }
        Kind::CalledWithoutYes => emergency::reviewed(tx, actor, review)?,
        Kind::ReferredWithoutYes => referrals::emergency::reviewed(tx, actor, review)?,
        _ => level::reviewed(tx, actor, review)?,
    };
    Ok(About { contact: Some(contact), reason, ..About::default() })
}

/// Decides a review. One that proposes a level lets the level follow; one of services that were asked
/// without her yes ends, if it is refused, what rests on that; any other only records that a
/// coordinator has looked. Errors: 404; 409 as [`tasks::decide`].
pub fn decide(tx: &mut Tx<'_>, actor: &Actor, review: &Review, decision: Decision) -> Result<()> {
    if review.kind.proposes() {
        return level::decide(tx, actor, review, decision);
    }
    tasks::decide(tx, actor, review, decision)?;
    match (review.kind, decision) {
        (Kind::ReferredWithoutYes, Decision::Refuse) => referrals::emergency::undo(tx, review),
        _ => Ok(()),
    }
}
