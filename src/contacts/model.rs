//! The rows of a contact and every query on them.

mod reporting;
mod scope;

pub use reporting::{FactsRow, insert_facts, mark_finished, update_facts};
pub use scope::Scope;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::codes::{Channel, Direction, Kind, Status};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::Db;
use crate::storage::schema::{assessments, contact_facts, contacts, revisions};

/// A contact: its clear columns and what is sealed.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = contacts, treat_none_as_default_value = false)]
pub struct ContactRow {
    /// Key.
    pub id: String,
    /// `C-…`
    pub reference: String,
    /// Grows by one with every change.
    pub version: i32,
    /// Draft or finished.
    pub status: Status,
    /// Kind.
    pub kind: Kind,
    /// Channel.
    pub channel: Channel,
    /// Direction.
    pub direction: Direction,
    /// The level shown and clocked, as triage's code.
    pub level: Option<String>,
    /// Who records it.
    pub operator_id: String,
    /// Her case, if she has one.
    pub case_id: Option<String>,
    /// When it began.
    pub opened_at: Instant,
    /// When it was finished.
    pub finished_at: Option<Instant>,
    /// When the call reached the queue.
    pub queued_at: Option<Instant>,
    /// When it was answered.
    pub answered_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// When it last changed.
    pub updated_at: Instant,
    /// Blind index of the rejoin word.
    pub rejoin_index: Option<String>,
    /// Key of the document.
    pub key_id: String,
    /// Key of the narrative.
    pub narrative_key_id: Option<String>,
    /// The sealed document.
    pub document: Vec<u8>,
    /// Her own words, sealed apart.
    pub narrative: Option<Vec<u8>>,
    /// The level that a person set, if it stands.
    pub override_id: Option<String>,
}

/// What an edit may change of a row.
#[derive(AsChangeset)]
#[diesel(table_name = contacts, treat_none_as_null = true)]
pub struct Edited {
    /// The new version.
    pub version: i32,
    /// Draft or finished.
    pub status: Status,
    /// Kind.
    pub kind: Kind,
    /// Channel.
    pub channel: Channel,
    /// Direction.
    pub direction: Direction,
    /// Level.
    pub level: Option<String>,
    /// Case.
    pub case_id: Option<String>,
    /// Times.
    pub finished_at: Option<Instant>,
    /// Times.
    pub queued_at: Option<Instant>,
    /// Times.
    pub answered_at: Option<Instant>,
    /// Times.
    pub ended_at: Option<Instant>,
    /// Times.
    pub updated_at: Instant,
    /// Rejoin word.
    pub rejoin_index: Option<String>,
    /// Key of the narrative.
    pub narrative_key_id: Option<String>,
    /// The sealed document.
    pub document: Vec<u8>,
    /// The sealed narrative.
    pub narrative: Option<Vec<u8>>,
}

/// What another level changes of a row.
#[derive(AsChangeset)]
#[diesel(table_name = contacts, treat_none_as_null = true)]
pub struct Levelled {
    /// The new version.
    pub version: i32,
    /// Level.
    pub level: Option<String>,
    /// What a person set.
    pub override_id: Option<String>,
    /// The sealed document, for its new version.
    pub document: Vec<u8>,
    /// When.
    pub updated_at: Instant,
}

/// One stored assessment.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = assessments, treat_none_as_default_value = false)]
pub struct AssessmentRow {
    /// Key.
    pub id: String,
    /// Whose.
    pub contact_id: String,
    /// Which version of it was assessed.
    pub contact_version: i32,
    /// The level.
    pub level: String,
    /// The rule set's digest.
    pub rule_set: String,
    /// When.
    pub at: Instant,
    /// The assessment, whole, sealed under the contact's key.
    pub document: Vec<u8>,
}

/// What an amendment replaced.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = revisions, treat_none_as_default_value = false)]
pub struct RevisionRow {
    /// Key.
    pub id: String,
    /// Whose.
    pub contact_id: String,
    /// The version that was replaced.
    pub version: i32,
    /// Why, as a code.
    pub reason: String,
    /// By whom.
    pub recorded_by: String,
    /// When.
    pub at: Instant,
    /// What stood before and the words beside it, sealed.
    pub document: Vec<u8>,
}

type Query = contacts::BoxedQuery<'static, <Db as Connection>::Backend>;

/// A contact by reference, whoever asks.
pub fn find(db: &mut Db, reference: &str) -> Result<ContactRow> {
    Ok(contacts::table.filter(contacts::reference.eq(reference)).select(ContactRow::as_select()).first(db)?)
}

/// A contact by reference inside a scope. Errors: 404, the same for missing and not yours.
pub fn find_in(db: &mut Db, scope: &Scope, reference: &str) -> Result<ContactRow> {
    Ok(scope
        .visible()
        .filter(contacts::reference.eq(reference.to_owned()))
        .select(ContactRow::as_select())
        .first(db)?)
}

/// Those of some contacts that a scope covers, as key and reference, in the order they began.
pub fn references_in(db: &mut Db, scope: &Scope, ids: &[String]) -> Result<Vec<(String, String)>> {
    let these = scope.visible().filter(contacts::id.eq_any(ids.to_vec()));
    Ok(these.order((contacts::opened_at, contacts::id)).select((contacts::id, contacts::reference)).load(db)?)
}

/// A contact by key.
pub fn by_id(db: &mut Db, id: &str) -> Result<ContactRow> {
    Ok(contacts::table.find(id).select(ContactRow::as_select()).first(db)?)
}

/// What a list shows: clear columns only.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = contacts)]
pub struct ListedRow {
    /// Key.
    pub id: String,
    /// `C-…`
    pub reference: String,
    /// Version.
    pub version: i32,
    /// Draft or finished.
    pub status: Status,
    /// Kind.
    pub kind: Kind,
    /// Channel.
    pub channel: Channel,
    /// Level.
    pub level: Option<String>,
    /// Began.
    pub opened_at: Instant,
    /// Finished.
    pub finished_at: Option<Instant>,
}

/// Filters of a list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this status.
    pub status: Option<Status>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only this level.
    pub level: Option<String>,
    /// Began at or after.
    pub from: Option<Instant>,
    /// Began before.
    pub to: Option<Instant>,
}

/// Contacts inside a scope, newest first, after a place in that order.
pub fn list(
    db: &mut Db,
    scope: &Scope,
    filter: Filter,
    after: Option<(Instant, String)>,
    limit: i64,
) -> Result<Vec<ListedRow>> {
    let mut rows: Vec<ListedRow> = Vec::new();
    for part in scope.parts() {
        let page = filter
            .applied(part, after.as_ref())
            .order((contacts::opened_at.desc(), contacts::id.desc()))
            .limit(limit)
            .select(ListedRow::as_select());
        rows.extend(page.load(db)?);
    }
    // A page of each part holds the page of all; what is in both is there once.
    rows.sort_by(|a, b| (b.opened_at, &b.id).cmp(&(a.opened_at, &a.id)));
    rows.dedup_by(|a, b| a.id == b.id);
    rows.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(rows)
}

impl Filter {
    fn applied(&self, mut query: Query, after: Option<&(Instant, String)>) -> Query {
        match self.status {
            // Drafts are few, and have an index of their own, which is found by the word itself.
            Some(Status::Draft) => query = query.filter(contacts::status.eq(sql::<Text>("'draft'"))),
            Some(status) => query = query.filter(contacts::status.eq(status)),
            None => {}
        }
        if let Some(kind) = self.kind {
            query = query.filter(contacts::kind.eq(kind));
        }
        if let Some(level) = self.level.clone() {
            query = query.filter(contacts::level.eq(level));
        }
        if let Some(from) = self.from {
            query = query.filter(contacts::opened_at.ge(from));
        }
        if let Some(to) = self.to {
            query = query.filter(contacts::opened_at.lt(to));
        }
        if let Some((at, id)) = after {
            let later = contacts::opened_at.lt(*at).or(contacts::id.lt(id.clone()));
            query = query.filter(contacts::opened_at.le(*at)).filter(later);
        }
        query
    }
}

/// Adds a contact.
pub fn insert(db: &mut Db, row: &ContactRow) -> Result<()> {
    diesel::insert_into(contacts::table).values(row).execute(db)?;
    Ok(())
}

/// Replaces what an edit may change, if the row is still at `version` and `status`. Errors: 412
/// when it is not.
pub fn update(db: &mut Db, id: &str, version: i32, status: Status, edited: &Edited) -> Result<()> {
    let changed = diesel::update(
        contacts::table
            .filter(contacts::id.eq(id))
            .filter(contacts::version.eq(version))
            .filter(contacts::status.eq(status)),
    )
    .set(edited)
    .execute(db)?;
    if changed == 1 {
        return Ok(());
    }
    let current: i32 = contacts::table.find(id).select(contacts::version).first(db)?;
    Err(Error::Stale { current })
}

/// Gives a contact another level, if it is still at the version that was read; its reporting row too.
/// Errors: to be repeated when it is not.
pub fn set_level(db: &mut Db, row: &ContactRow, levelled: &Levelled) -> Result<()> {
    let still = contacts::table.filter(contacts::id.eq(&row.id)).filter(contacts::version.eq(row.version));
    if diesel::update(still).set(levelled).execute(db)? != 1 {
        return Err(Error::Repeat);
    }
    diesel::update(contact_facts::table.find(&row.id)).set(contact_facts::level.eq(&levelled.level)).execute(db)?;
    Ok(())
}

/// Gives a draft to another seat.
pub fn hand_to(db: &mut Db, row: &ContactRow, operator_id: &str, now: Instant) -> Result<bool> {
    let changed = diesel::update(
        contacts::table
            .filter(contacts::id.eq(&row.id))
            .filter(contacts::operator_id.eq(&row.operator_id))
            .filter(contacts::status.eq(Status::Draft)),
    )
    .set((contacts::operator_id.eq(operator_id), contacts::updated_at.eq(now)))
    .execute(db)?;
    Ok(changed == 1)
}

/// Ties a contact that has no case to one.
pub fn tie_to_case(db: &mut Db, id: &str, case_id: &str) -> Result<bool> {
    let changed = diesel::update(contacts::table.filter(contacts::id.eq(id)).filter(contacts::case_id.is_null()))
        .set(contacts::case_id.eq(case_id))
        .execute(db)?;
    Ok(changed == 1)
}

/// How many contacts of a case, tests apart, began after a moment.
pub fn count_of_case(db: &mut Db, case_id: &str, since: Instant) -> Result<i64> {
    Ok(contacts::table
        .filter(contacts::case_id.eq(case_id))
        .filter(contacts::opened_at.gt(since))
        .filter(contacts::kind.ne(Kind::Test))
        .count()
        .get_result(db)?)
}

/// Gives every contact of a case to another.
pub fn move_to_case(db: &mut Db, from: &str, to: &str) -> Result<()> {
    diesel::update(contacts::table.filter(contacts::case_id.eq(from))).set(contacts::case_id.eq(to)).execute(db)?;
    Ok(())
}

/// Adds an assessment.
pub fn insert_assessment(db: &mut Db, row: &AssessmentRow) -> Result<()> {
    diesel::insert_into(assessments::table).values(row).execute(db)?;
    Ok(())
}

/// All assessments of a contact, oldest first.
pub fn assessments_of(db: &mut Db, contact_id: &str) -> Result<Vec<AssessmentRow>> {
    Ok(assessments::table
        .filter(assessments::contact_id.eq(contact_id))
        .order(assessments::contact_version.asc())
        .select(AssessmentRow::as_select())
        .load(db)?)
}

/// The assessment that holds now.
pub fn latest_assessment(db: &mut Db, contact_id: &str) -> Result<AssessmentRow> {
    Ok(assessments::table
        .filter(assessments::contact_id.eq(contact_id))
        .order(assessments::contact_version.desc())
        .select(AssessmentRow::as_select())
        .first(db)?)
}

/// Keeps what an amendment replaced.
pub fn insert_revision(db: &mut Db, row: &RevisionRow) -> Result<()> {
    diesel::insert_into(revisions::table).values(row).execute(db)?;
    Ok(())
}
