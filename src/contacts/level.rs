//! The level that is shown and clocked: what the rules say, what her case brings along, and what a
//! person set. All of them stay visible; here they become one.

use diesel::prelude::*;

use super::assessed;
use super::codes::Status;
use super::document::{Document, open_at, seal_at};
use super::model::{self, ContactRow, Scope};
use crate::access::Actor;
use crate::cases;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::schema::overrides;
use crate::storage::{Db, Moved, Tx, codes};
use crate::tasks::{self, Decision, Kind, NewReview, Review};
use crate::triage::{Assessment, Level};
use crate::vault::DataKey;

/// A reason shorter than this says nothing to whoever reviews it.
const SHORTEST_REASON: usize = 10;
const LONGEST_REASON: usize = 500;

codes! {
    /// Where a level that a person set stands.
    pub enum Set {
        /// It is higher than what stood before, and holds at once.
        Raised = "raised",
        /// It is lower, and holds once somebody else has agreed.
        InReview = "in_review",
        /// Somebody else agreed.
        Agreed = "agreed",
        /// Somebody else did not: what stood before holds again.
        Refused = "refused",
        /// Another took its place first.
        Replaced = "replaced",
    }
}

/// A level that a person set for a contact.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = overrides, treat_none_as_default_value = false)]
pub struct Override {
    /// Key.
    pub id: String,
    /// Whose.
    pub contact_id: String,
    /// The level that was set.
    pub level: String,
    /// What the rules said then.
    pub rules_level: String,
    /// What was clocked until then.
    pub level_before: String,
    /// Where it stands.
    pub state: Set,
    /// What it took the place of, and what holds again if it is refused.
    pub previous_id: Option<String>,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub at: Instant,
    /// Why, sealed under the contact's key.
    pub document: Vec<u8>,
}

/// All that makes a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The rules', or a higher one that is held.
    pub(super) rules: Level,
    /// The last High or Critical of another contact of her case, until it is reviewed.
    pub(super) carried: Option<Level>,
    /// What a person set.
    pub(super) set: Option<SetLevel>,
}

/// A person's word, and what it was said about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SetLevel {
    pub(super) level: Level,
    pub(super) rules: Level,
    pub(super) before: Level,
    pub(super) state: Set,
}

impl Standing {
    fn without_a_person(self) -> Level {
        self.carried.map_or(self.rules, |carried| self.rules.or_higher(carried))
    }

    /// The level to show and clock. Nothing that a person set hides a level the rules reach later.
    pub(super) fn clocked(self) -> Level {
        let base = self.without_a_person();
        match self.set {
            // Of two that rank alike, the person's: High says more than that nobody asked.
            Some(set) if set.state == Set::Raised => set.level.or_higher(base),
            Some(set) if set.state == Set::InReview => set.before.or_higher(base),
            Some(set) if set.state == Set::Agreed && base.rank() <= set.rules.rank() => set.level,
            Some(set) if set.state == Set::Agreed => set.level.or_higher(base),
            _ => base,
        }
    }

    /// The level it would have without what her case brings along.
    fn own(self) -> Level {
        Standing { carried: None, ..self }.clocked()
    }
}

/// The body of `POST /contacts/{id}/override`.
#[derive(Debug, Clone)]
pub struct Setting {
    level: Level,
    reason: String,
}

impl FromJson for Setting {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let level = f.required::<OnScale>("level");
            let reason = f.required_text("reason", LONGEST_REASON);
            if reason.as_ref().is_some_and(|words| words.trim().chars().count() < SHORTEST_REASON) {
                f.problem("reason", "too_short");
                return None;
            }
            Some(Setting { level: level?.0, reason: reason? })
        })
    }
}

/// A place on the scale. Nobody can set that nothing is known.
struct OnScale(Level);

impl FromJson for OnScale {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let codes = Level::SCALE.map(Level::code);
        at.takes(|| serde_json::json!({"type": "string", "enum": codes}));
        let read = match json {
            Json::Text(code) => Level::SCALE.into_iter().find(|level| level.code() == code),
            _ => None,
        };
        if read.is_none() {
            at.problem_allowing("not_allowed", Some(codes.map(str::to_owned).to_vec()));
        }
        read.map(OnScale)
    }
}

/// What makes the level of a contact, `rules` being what its answers say.
pub(super) fn standing(tx: &mut Tx<'_>, row: &ContactRow, rules: Level) -> Result<Standing> {
    let carried = carried(tx.db, row)?;
    let set = row.override_id.as_deref().map(|id| by_id(tx.db, id)).transpose()?;
    Ok(Standing { rules, carried, set: set.map(|set| set.set()).transpose()? })
}

/// What her case brings along to this contact.
pub(super) fn carried(db: &mut Db, row: &ContactRow) -> Result<Option<Level>> {
    let Some(case_id) = &row.case_id else { return Ok(None) };
    let case = cases::model::by_id(db, case_id)?;
    let level = case.level.as_deref().and_then(Level::from_code);
    let brought = level.filter(|level| matches!(level, Level::High | Level::Critical));
    Ok(brought.filter(|_| case.level_from.as_deref() != Some(row.id.as_str())))
}

impl Override {
    fn set(&self) -> Result<SetLevel> {
        let level = |code: &str| Level::from_code(code).ok_or(Error::Internal("a level cannot be read"));
        Ok(SetLevel {
            level: level(&self.level)?,
            rules: level(&self.rules_level)?,
            before: level(&self.level_before)?,
            state: self.state,
        })
    }

    /// Why it was set, in the words of whoever set it.
    pub(super) fn reason(&self, key: &DataKey) -> Result<String> {
        let words = open_at(key, "override", &self.id, 0, &self.document)?;
        Ok(String::from_utf8_lossy(&words).into_owned())
    }
}

/// What a person set, by key.
pub(super) fn by_id(db: &mut Db, id: &str) -> Result<Override> {
    Ok(overrides::table.find(id).select(Override::as_select()).first(db)?)
}

/// Sets a level beside that of the rules: a higher one at once, a lower one as soon as a coordinator
/// agrees; until then the higher is clocked. Lowering what was Critical pages the coordinators.
/// Gives the contact's key. Errors: 404; 422 for the level it has (`already_so`), for more than one
/// step below what rules and case say (`more_than_one_level`), and for less than High while too
/// little is known (`assess_first`).
pub fn set(tx: &mut Tx<'_>, actor: &Actor, reference: &str, asked: &Setting) -> Result<String> {
    let row = model::find_in(tx.db, &Scope::of(actor, tx.now), reference)?;
    let standing = standing_now(tx, &row)?;
    let (before, base) = (standing.clocked(), standing.without_a_person());
    if asked.level == before {
        return Err(Error::invalid("/level", "already_so"));
    }
    let raised = asked.level.rank() >= before.rank();
    if !raised && base == Level::NotAssessed && asked.level.rank() < Level::High.rank() {
        return Err(Error::invalid("/level", "assess_first"));
    }
    if asked.level.rank() + 1 < base.rank() {
        return Err(Error::invalid("/level", "more_than_one_level"));
    }
    let previous_id = replaced(tx, &row)?;
    let id = tx.new_id()?;
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let new = Override {
        document: seal_at(&key, "override", &id, 0, asked.reason.as_bytes())?,
        id,
        contact_id: row.id.clone(),
        level: asked.level.code().to_owned(),
        rules_level: standing.rules.code().to_owned(),
        level_before: before.code().to_owned(),
        state: if raised { Set::Raised } else { Set::InReview },
        previous_id,
        set_by: actor.id.clone(),
        at: tx.now,
    };
    diesel::insert_into(overrides::table).values(&new).execute(tx.db)?;
    if !raised {
        let (level, proposed) = (before.code(), asked.level.code());
        let opened_by = Some(actor.id.as_str());
        let review =
            tasks::open(tx, &NewReview { kind: Kind::LoweredLevel, subject_id: &row.id, level, proposed, opened_by })?;
        if before == Level::Critical {
            tasks::page(tx, row.case_id.as_deref(), ("review", &review.id), (&review.reference, 1))?;
        }
    }
    let standing = Standing { set: Some(new.set()?), ..standing };
    write(tx, &row, Some(&new.id), standing)?;
    tx.step(("contact", &row.id), "level_set", Some(asked.level.code()))?;
    tx.trail("contacts.override", ("contact", &row.reference), Some(asked.level.code()))?;
    Ok(row.id)
}

/// Makes room for another: one that waits for its review will not get it. Gives what the new one
/// takes the place of.
fn replaced(tx: &mut Tx<'_>, row: &ContactRow) -> Result<Option<String>> {
    let Some(id) = &row.override_id else { return Ok(None) };
    let standing = by_id(tx.db, id)?;
    if standing.state != Set::InReview {
        return Ok(Some(standing.id));
    }
    turn(tx.db, id, Set::Replaced)?;
    tasks::withdraw(tx, Kind::LoweredLevel, &row.id)?;
    Ok(standing.previous_id)
}

fn turn(db: &mut Db, id: &str, state: Set) -> Result<()> {
    diesel::update(overrides::table.find(id)).set(overrides::state.eq(state)).execute(db)?;
    Ok(())
}

/// What makes its level as it is stored.
fn standing_now(tx: &mut Tx<'_>, row: &ContactRow) -> Result<Standing> {
    let (document, assessment) = opened(tx, row)?;
    standing(tx, row, document.level(&assessment))
}

fn opened(tx: &mut Tx<'_>, row: &ContactRow) -> Result<(Document, Assessment)> {
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let document = Document::opened(&key, &row.id, row.version, &row.document)?;
    Ok((document, assessed::opened(&key, &model::latest_assessment(tx.db, &row.id)?)?))
}

/// Writes what follows from a standing: a new version with its level, the level of her case, and the
/// clocks of whoever follows.
fn write(tx: &mut Tx<'_>, row: &ContactRow, override_id: Option<&str>, standing: Standing) -> Result<()> {
    let level = standing.clocked();
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let (document, assessment) = opened(tx, row)?;
    let sealed = document.sealed(&key, &row.id, row.version + 1)?;
    model::set_level(
        tx.db,
        row,
        &model::Levelled {
            version: row.version + 1,
            level: Some(level.code().to_owned()),
            override_id: override_id.map(str::to_owned),
            document: sealed,
            updated_at: tx.now,
        },
    )?;
    if row.level.as_deref() != Some(level.code()) {
        tx.step(("contact", &row.id), "triaged", Some(level.code()))?;
    }
    if let Some(case_id) = &row.case_id {
        bring(tx, case_id, &row.id, standing)?;
    }
    follow(tx, &row.id, level, &assessment)
}

/// Tells whoever keeps clocks for this contact what its level is now.
pub(super) fn follow(tx: &mut Tx<'_>, contact_id: &str, level: Level, assessment: &Assessment) -> Result<()> {
    let moved = Moved { contact_id, level, care_by: assessment.care_by.map(Instant::from) };
    (tx.setting.level_moved)(tx, &moved)
}

/// Keeps the level of a case: her latest contact's own, unless an earlier one was High or Critical
/// and nobody has reviewed that.
pub(super) fn bring(tx: &mut Tx<'_>, case_id: &str, contact_id: &str, standing: Standing) -> Result<()> {
    let own = standing.own();
    if standing.carried.is_none_or(|carried| own.rank() >= carried.rank()) {
        cases::model::set_level(tx.db, case_id, own.code(), contact_id)?;
    }
    Ok(())
}

/// A contact that ends with a level only because of an earlier one: somebody else says whether that
/// level still holds.
pub(super) fn review_carried(tx: &mut Tx<'_>, row: &ContactRow, standing: Standing) -> Result<()> {
    let (clocked, own) = (standing.clocked(), standing.own());
    if row.status != Status::Finished
        || own.rank() >= clocked.rank()
        || tasks::open_of(tx.db, Kind::CarriedLevel, &row.id)?.is_some()
    {
        return Ok(());
    }
    let new = NewReview {
        kind: Kind::CarriedLevel,
        subject_id: &row.id,
        level: clocked.code(),
        proposed: own.code(),
        opened_by: None,
    };
    tasks::open(tx, &new).map(|_| ())
}

/// [`review_carried`] for a contact as it is stored.
pub(super) fn review_what_it_carries(tx: &mut Tx<'_>, contact_id: &str) -> Result<()> {
    let row = model::by_id(tx.db, contact_id)?;
    if carried(tx.db, &row)?.is_none() {
        return Ok(());
    }
    let standing = standing_now(tx, &row)?;
    review_carried(tx, &row, standing)
}

/// The contact a review of a level is about, and why somebody set its level, in their words. The
/// caller writes the trail row. Errors: 404 for whoever must not know of the contact.
pub fn reviewed(tx: &mut Tx<'_>, actor: &Actor, review: &Review) -> Result<(String, Option<String>)> {
    let row = subject(tx, actor, review)?;
    let set = if review.kind == Kind::LoweredLevel { in_review(tx.db, &row)? } else { None };
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let reason = set.map(|set| set.reason(&key)).transpose()?;
    Ok((row.reference, reason))
}

fn subject(tx: &mut Tx<'_>, actor: &Actor, review: &Review) -> Result<ContactRow> {
    let reference = model::by_id(tx.db, &review.subject_id)?.reference;
    model::find_in(tx.db, &Scope::of(actor, tx.now), &reference)
}

/// The override that stands, if it waits for its review.
fn in_review(db: &mut Db, row: &ContactRow) -> Result<Option<Override>> {
    let standing = row.override_id.as_deref().map(|id| by_id(db, id)).transpose()?;
    Ok(standing.filter(|set| set.state == Set::InReview))
}

/// Decides a review of a level, and lets the level follow. Errors: 404; 409 as [`tasks::decide`].
pub fn decide(tx: &mut Tx<'_>, actor: &Actor, review: &Review, decision: Decision) -> Result<()> {
    let row = subject(tx, actor, review)?;
    tasks::decide(tx, actor, review, decision)?;
    match review.kind {
        Kind::LoweredLevel => {
            let set = in_review(tx.db, &row)?.ok_or(Error::Internal("a review without what it is about"))?;
            let (state, stands) = match decision {
                Decision::Agree => (Set::Agreed, Some(set.id.as_str())),
                Decision::Refuse => (Set::Refused, set.previous_id.as_deref()),
            };
            turn(tx.db, &set.id, state)?;
            if decision == Decision::Agree {
                // What her case brought along was part of what was looked at.
                let_go(tx, &row)?;
                tasks::withdraw(tx, Kind::CarriedLevel, &row.id)?;
            }
            let changed = ContactRow { override_id: stands.map(str::to_owned), ..row.clone() };
            let standing = standing_now(tx, &changed)?;
            write(tx, &row, stands, standing)
        }
        Kind::CarriedLevel if decision == Decision::Agree => {
            let_go(tx, &row)?;
            let standing = standing_now(tx, &row)?;
            write(tx, &row, row.override_id.as_deref(), standing)
        }
        _ => Ok(()),
    }
}

/// From now on the level of her case is this contact's own.
fn let_go(tx: &mut Tx<'_>, row: &ContactRow) -> Result<()> {
    let Some(case_id) = &row.case_id else { return Ok(()) };
    let level = row.level.as_deref().unwrap_or_default();
    cases::model::set_level(tx.db, case_id, level, &row.id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level() -> impl Strategy<Value = Level> {
        prop::sample::select(Level::ALL.to_vec())
    }

    fn standing() -> impl Strategy<Value = Standing> {
        let states = prop::sample::select(Set::ALL.to_vec());
        let on_scale = prop::sample::select(Level::SCALE.to_vec());
        let set = (on_scale, level(), level(), states);
        let set = set.prop_map(|(level, rules, before, state)| SetLevel { level, rules, before, state });
        let carried = prop::sample::select(vec![None, Some(Level::High), Some(Level::Critical)]);
        (level(), carried, prop::option::of(set)).prop_map(|(rules, carried, set)| Standing { rules, carried, set })
    }

    proptest! {
        #[test]
        fn only_what_somebody_agreed_to_is_lower_than_rules_and_case(standing in standing()) {
            let agreed = standing.set.is_some_and(|set| set.state == Set::Agreed);
            prop_assert!(agreed || standing.clocked().rank() >= standing.without_a_person().rank());
        }

        #[test]
        fn what_was_agreed_holds_no_lower_than_it_says_and_hides_nothing_the_rules_reach_later(standing in standing()) {
            if let Some(set) = standing.set.filter(|set| set.state == Set::Agreed) {
                let (clocked, base) = (standing.clocked().rank(), standing.without_a_person().rank());
                prop_assert!(clocked >= set.level.rank());
                prop_assert!(base <= set.rules.rank() || clocked >= base);
            }
        }

        #[test]
        fn a_higher_level_of_the_rules_never_lowers_what_is_clocked(standing in standing(), higher in level()) {
            prop_assume!(higher.rank() >= standing.rules.rank());
            let then = Standing { rules: higher, ..standing };
            prop_assert!(then.clocked().rank() >= standing.clocked().rank());
        }

        #[test]
        fn what_waits_for_a_review_clocks_no_lower_than_before(standing in standing()) {
            if let Some(set) = standing.set.filter(|set| set.state == Set::InReview) {
                prop_assert!(standing.clocked().rank() >= set.before.rank());
            }
        }
    }
}
