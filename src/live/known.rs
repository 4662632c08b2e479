//! Who may hear of what: the rules of the lists, asked of the rooms that keep them.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::access::{
    Actor, DecideReviews, KeepCases, KeepOutbox, KeepTasks, Permission, ReadContacts, ReadDirectory, ReadReferrals,
    ReadTickets, Role, TakeOver,
};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::Db;
use crate::storage::tail::Taken;
use crate::{cases, contacts, directory, notifications, oversight, referrals, tasks};

/// A step that somebody may know of.
#[derive(Debug, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Heard<'a> {
    /// The kind of thing: the event's name.
    #[serde(skip)]
    pub subject: &'a str,
    /// Its reference.
    id: String,
    /// What happened to it.
    kind: &'a str,
}

/// Those of some steps that a person may know of at a moment, in their order, each once.
pub(super) fn known<'a>(db: &mut Db, actor: &Actor, now: Instant, steps: &'a [Taken]) -> Result<Vec<Heard<'a>>> {
    let mut keys: HashMap<&str, Vec<String>> = HashMap::new();
    for step in steps {
        keys.entry(&step.subject_kind).or_default().push(step.subject_id.clone());
    }
    let mut names: HashMap<(&str, String), String> = HashMap::new();
    for (kind, ids) in keys {
        let known = references(db, actor, (kind, &ids), now)?;
        names.extend(known.into_iter().map(|(id, reference)| ((kind, id), reference)));
    }
    let mut told = HashSet::new();
    let inside = actor.role != Role::Partner;
    let for_them =
        |step: &&Taken| inside || step.subject_kind != "referral" || referrals::states::is_for_partners(&step.kind);
    let heard = steps.iter().filter(for_them).filter_map(|step| {
        let id = names.get(&(step.subject_kind.as_str(), step.subject_id.clone()))?;
        told.insert((id, &step.kind)).then(|| Heard { subject: &step.subject_kind, id: id.clone(), kind: &step.kind })
    });
    Ok(heard.collect())
}

/// Those of some things of one kind that a person may know of, as key and reference.
fn references(
    db: &mut Db,
    actor: &Actor,
    (kind, ids): (&str, &[String]),
    now: Instant,
) -> Result<Vec<(String, String)>> {
    let known = match kind {
        "contact" if may::<ReadContacts>(actor) => {
            contacts::model::references_in(db, &contacts::Scope::of(actor, now), ids)
        }
        "case" if may::<KeepCases>(actor) => cases::model::references_in(db, actor, ids, now),
        "ticket" if may::<ReadTickets>(actor) => referrals::model::tickets_in(db, actor, ids),
        "referral" if may::<ReadReferrals>(actor) => referrals::model::referrals_in(db, actor, ids),
        "task" if may::<KeepTasks>(actor) => tasks::model::references_in(db, actor, ids),
        "review" if may::<DecideReviews>(actor) => tasks::references_in(db, actor, ids),
        "handover" if may::<TakeOver>(actor) => oversight::handover::references_of(db, ids),
        "notification" if may::<KeepOutbox>(actor) => notifications::references_in(db, actor, ids),
        "organisation" if may::<ReadDirectory>(actor) => directory::references_of_organisations(db, ids),
        "service" if may::<ReadDirectory>(actor) => directory::references_of_services(db, ids),
        _ => Ok(Vec::new()),
    };
    match known {
        Err(Error::NotFound) => Ok(Vec::new()),
        other => other,
    }
}

fn may<P: Permission>(actor: &Actor) -> bool {
    P::ROLES.contains(&actor.role)
}
