//! Reviews: what they are about, and the second person's decision.

use diesel::dsl::max;
use diesel::prelude::*;

use crate::access::Actor;
use crate::clock::{HOUR, Instant};
use crate::error::{Error, Result};
use crate::storage::schema::{blocked_parties, cases, complaints, contacts, reviews};
use crate::storage::{Db, Tx, codes};

/// The letter of references of reviews.
const LETTER: char = 'V';

codes! {
    /// What is looked at.
    pub enum Kind {
        /// Somebody set a contact's level lower than it was.
        LoweredLevel = "lowered_level",
        /// A contact has a level only because an earlier one of the same case had it.
        CarriedLevel = "carried_level",
        /// A case was closed because she died.
        Death = "death",
        /// A case had three contacts in seven days.
        RepeatContacts = "repeat_contacts",
        /// In a contact, help was called without her yes.
        CalledWithoutYes = "called_without_yes",
        /// In a contact, services were asked without her yes.
        ReferredWithoutYes = "referred_without_yes",
        /// She was, or shall be, reached outside the times she called safe.
        CalledOutside = "called_outside",
        /// Somebody complained.
        Complaint = "complaint",
    }
}

impl Kind {
    /// Whether another level is proposed. Other reviews only ask that somebody looks.
    pub fn proposes(self) -> bool {
        matches!(self, Kind::LoweredLevel | Kind::CarriedLevel)
    }

    /// Whether it is about a case; else about a contact or a complaint.
    pub fn is_of_a_case(self) -> bool {
        matches!(self, Kind::Death | Kind::RepeatContacts | Kind::CalledOutside)
    }
}

codes! {
    /// Where a review stands.
    pub enum State {
        /// Nobody has decided.
        Open = "open",
        /// What was proposed holds.
        Agreed = "agreed",
        /// It does not.
        Refused = "refused",
        /// Something else took its place before anybody decided.
        Withdrawn = "withdrawn",
    }
}

codes! {
    /// What the second person says.
    pub enum Decision {
        /// What was proposed shall hold.
        Agree = "agree",
        /// It shall not.
        Refuse = "refuse",
    }
}

/// A review.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = reviews, treat_none_as_default_value = false)]
pub struct Review {
    /// Key; never shown.
    pub id: String,
    /// `V-…`
    pub reference: String,
    /// What is looked at.
    pub kind: Kind,
    /// The key of the contact, the case or the complaint.
    pub subject_id: String,
    /// The level it has, by code.
    pub level: String,
    /// The level it would have; the same where none is proposed.
    pub proposed: String,
    /// Where it stands.
    pub state: State,
    /// Who proposed it; nobody when it follows from the rules.
    pub opened_by: Option<String>,
    /// Since when.
    pub opened_at: Instant,
    /// By when somebody should have decided.
    pub due: Instant,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When it ended.
    pub decided_at: Option<Instant>,
}

/// What a review is opened with.
pub struct NewReview<'a> {
    /// What is looked at.
    pub kind: Kind,
    /// The key of the contact, the case or the complaint.
    pub subject_id: &'a str,
    /// The level it has, by code.
    pub level: &'a str,
    /// The level it would have; the same where none is proposed.
    pub proposed: &'a str,
    /// Who proposed it.
    pub opened_by: Option<&'a str>,
}

/// Opens a review, due within `[oversight] review_hours`.
pub fn open(tx: &mut Tx<'_>, new: &NewReview<'_>) -> Result<Review> {
    let row = Review {
        id: tx.new_id()?,
        reference: tx.new_reference(LETTER)?,
        kind: new.kind,
        subject_id: new.subject_id.to_owned(),
        level: new.level.to_owned(),
        proposed: new.proposed.to_owned(),
        state: State::Open,
        opened_by: new.opened_by.map(str::to_owned),
        opened_at: tx.now,
        due: tx.now.plus(tx.setting.config.oversight.review_hours * HOUR),
        decided_by: None,
        decided_at: None,
    };
    diesel::insert_into(reviews::table).values(&row).execute(tx.db)?;
    tx.step(("review", &row.id), "opened", Some(new.kind.code()))?;
    Ok(row)
}

/// When somebody last decided a review of this kind.
pub fn last_decided(db: &mut Db, kind: Kind, subject_id: &str) -> Result<Option<Instant>> {
    Ok(reviews::table
        .filter(reviews::subject_id.eq(subject_id))
        .filter(reviews::kind.eq(kind))
        .filter(reviews::state.eq_any([State::Agreed, State::Refused]))
        .select(max(reviews::decided_at))
        .first(db)?)
}

/// Gives the reviews of a case to the one it was merged into. Of two that are open and ask the same,
/// the kept one's is enough.
pub fn hand_over(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<()> {
    for kind in Kind::ALL.iter().copied().filter(|kind| kind.is_of_a_case()) {
        if open_of(tx.db, kind, to)?.is_some() {
            withdraw(tx, kind, from)?;
        }
    }
    diesel::update(reviews::table.filter(reviews::subject_id.eq(from)))
        .set(reviews::subject_id.eq(to))
        .execute(tx.db)?;
    Ok(())
}

/// The open review of this kind for a contact or case.
pub fn open_of(db: &mut Db, kind: Kind, subject_id: &str) -> Result<Option<Review>> {
    Ok(reviews::table
        .filter(reviews::subject_id.eq(subject_id))
        .filter(reviews::state.eq(State::Open))
        .filter(reviews::kind.eq(kind))
        .select(Review::as_select())
        .first(db)
        .optional()?)
}

/// Ends an open review without a decision: something else took its place.
pub fn withdraw(tx: &mut Tx<'_>, kind: Kind, subject_id: &str) -> Result<()> {
    let open = open_of(tx.db, kind, subject_id)?;
    open.map_or(Ok(()), |review| end(tx, &review, State::Withdrawn, None))
}

/// Decides an open review. Errors: 409 `decided`; 409 `own_review` for whoever proposed it, because
/// the second look is somebody else's.
pub fn decide(tx: &mut Tx<'_>, actor: &Actor, review: &Review, decision: Decision) -> Result<()> {
    if review.state != State::Open {
        return Err(Error::conflict("decided"));
    }
    if review.opened_by.as_deref() == Some(actor.id.as_str()) {
        return Err(Error::conflict("own_review"));
    }
    let state = match decision {
        Decision::Agree => State::Agreed,
        Decision::Refuse => State::Refused,
    };
    end(tx, review, state, Some(&actor.id))?;
    tx.trail("reviews.decide", ("review", &review.reference), Some(state.code()))
}

fn end(tx: &mut Tx<'_>, review: &Review, state: State, by: Option<&str>) -> Result<()> {
    let still = reviews::table.find(&review.id).filter(reviews::state.eq(State::Open));
    let ended = (reviews::state.eq(state), reviews::decided_by.eq(by), reviews::decided_at.eq(tx.now));
    if diesel::update(still).set(ended).execute(tx.db)? != 1 {
        return Err(Error::Repeat);
    }
    tx.step(("review", &review.id), state.code(), None)
}

/// A review somebody may know of: never of a case they must not see. Errors: 404.
pub fn find(db: &mut Db, actor: &Actor, reference: &str) -> Result<Review> {
    Ok(visible(db, actor)?.filter(reviews::reference.eq(reference.to_owned())).select(Review::as_select()).first(db)?)
}

/// Reviews in one state, soonest due first; `after` is the last row's `(due, id)`.
pub fn list(
    db: &mut Db,
    actor: &Actor,
    state: State,
    after: Option<&(Instant, String)>,
    limit: i64,
) -> Result<Vec<Review>> {
    let mut query = visible(db, actor)?.filter(reviews::state.eq(state));
    if let Some((due, id)) = after {
        let later = reviews::due.gt(*due).or(reviews::id.gt(id.clone()));
        query = query.filter(reviews::due.ge(*due)).filter(later);
    }
    Ok(query.order((reviews::due, reviews::id)).limit(limit).select(Review::as_select()).load(db)?)
}

/// Those of some reviews that somebody may know of, as key and reference.
pub fn references_in(db: &mut Db, actor: &Actor, ids: &[String]) -> Result<Vec<(String, String)>> {
    let these = visible(db, actor)?.filter(reviews::id.eq_any(ids.to_vec()));
    Ok(these.select((reviews::id, reviews::reference)).load(db)?)
}

fn visible(db: &mut Db, actor: &Actor) -> Result<reviews::BoxedQuery<'static, <Db as Connection>::Backend>> {
    let complaints = hidden_complaints(db, &actor.id)?;
    let cases = blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(actor.id.clone()))
        .select(blocked_parties::case_id);
    let hidden = contacts::table
        .filter(contacts::case_id.is_not_null())
        .filter(contacts::case_id.assume_not_null().eq_any(cases.clone()))
        .select(contacts::id);
    // No two of these have one key: whatever a review is about, one of the three hides it.
    let shown = reviews::table.filter(reviews::subject_id.ne_all(hidden)).filter(reviews::subject_id.ne_all(cases));
    Ok(shown.filter(reviews::subject_id.ne_all(complaints)).into_boxed())
}

/// Complaints that a member of staff must not know of: about themselves, or of a case, or one merged
/// into it, that is hidden from them.
pub fn hidden_complaints(db: &mut Db, staff_id: &str) -> Result<Vec<String>> {
    let blocked = || {
        let staff = blocked_parties::table.filter(blocked_parties::party_kind.eq("staff"));
        staff.filter(blocked_parties::party_id.eq(staff_id)).select(blocked_parties::case_id)
    };
    let merged = cases::table.filter(cases::merged_into.assume_not_null().eq_any(blocked())).select(cases::id);
    let of_case = complaints::case_id.assume_not_null();
    let hidden = complaints::about_id.eq(staff_id).or(of_case.eq_any(blocked())).or(of_case.eq_any(merged));
    Ok(complaints::table.filter(hidden).select(complaints::id).load(db)?)
}
