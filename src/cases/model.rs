//! The rows of a case and every query on them.

use diesel::prelude::*;

use super::codes::{GivenBy, How, Scope, Status};
use crate::access::{Actor, Role};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::Db;
use crate::storage::schema::{blocked_parties, case_phones, cases, consents, contacts, tickets};

/// A case: its clear columns and what is sealed.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = cases, treat_none_as_default_value = false)]
pub struct CaseRow {
    /// Key.
    pub id: String,
    /// `K-…`
    pub reference: String,
    /// Grows by one with every change of the file.
    pub version: i32,
    /// Open or closed.
    pub status: Status,
    /// Why it was closed.
    pub close_reason: Option<String>,
    /// What it brings along to her next contact, if that is High or Critical.
    pub level: Option<String>,
    /// Who opened it.
    pub opened_by: String,
    /// When.
    pub opened_at: Instant,
    /// When it was closed.
    pub closed_at: Option<Instant>,
    /// When it last changed.
    pub updated_at: Instant,
    /// Blind index of the code word.
    pub code_word_index: Option<String>,
    /// Key of the file.
    pub key_id: String,
    /// The sealed file.
    pub document: Vec<u8>,
    /// The contact its level comes from.
    pub level_from: Option<String>,
}

/// A consent.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = consents, treat_none_as_default_value = false)]
pub struct ConsentRow {
    /// Key.
    pub id: String,
    /// `Y-…`
    pub reference: String,
    /// Whose.
    pub case_id: String,
    /// In which contact.
    pub contact_id: Option<String>,
    /// What for.
    pub scope: Scope,
    /// For which service.
    pub service_id: Option<String>,
    /// Yes or no.
    pub given: bool,
    /// By whom.
    pub given_by: GivenBy,
    /// In what form.
    pub how: How,
    /// Codes of fields, separated by commas.
    pub fields: String,
    /// Who wrote it down.
    pub recorded_by: String,
    /// When it was given.
    pub at: Instant,
    /// When it ends.
    pub expires_at: Option<Instant>,
    /// When it was taken back.
    pub withdrawn_at: Option<Instant>,
}

/// Keeps the level of a case and the contact it comes from.
pub fn set_level(db: &mut Db, case_id: &str, level: &str, from: &str) -> Result<()> {
    let changed = (cases::level.eq(level), cases::level_from.eq(from));
    diesel::update(cases::table.find(case_id)).set(changed).execute(db)?;
    Ok(())
}

/// A case by key.
pub fn by_id(db: &mut Db, id: &str) -> Result<CaseRow> {
    Ok(cases::table.find(id).select(CaseRow::as_select()).first(db)?)
}

/// A case this person may open: an operator through her own open call, a counselor through a
/// ticket she holds or a contact she recorded. Blocked is nonexistent. Errors: 404.
pub fn find_in(db: &mut Db, actor: &Actor, reference: &str, now: Instant) -> Result<CaseRow> {
    let hidden = blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(&actor.id))
        .select(blocked_parties::case_id);
    let own = contacts::table
        .filter(contacts::operator_id.eq(&actor.id))
        .filter(contacts::case_id.is_not_null())
        .select(contacts::case_id.assume_not_null());
    let visible = cases::table.filter(cases::reference.eq(reference)).filter(cases::id.ne_all(hidden));
    let row = match actor.role {
        Role::Operator => visible
            .filter(cases::id.eq_any(own.filter(contacts::status.eq("draft"))))
            .select(CaseRow::as_select())
            .first(db)?,
        Role::Counselor => {
            let held = tickets::table
                .filter(tickets::claimed_by.eq(&actor.id))
                .filter(tickets::state.eq("open"))
                .filter(tickets::claim_until.gt(now))
                .select(tickets::case_id);
            visible.filter(cases::id.eq_any(own).or(cases::id.eq_any(held))).select(CaseRow::as_select()).first(db)?
        }
        _ => return Err(Error::NotFound),
    };
    Ok(row)
}

/// A case by reference, unless it must not be seen by this person.
pub fn unblocked(db: &mut Db, staff_id: &str, reference: &str) -> Result<CaseRow> {
    let hidden = blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(staff_id))
        .select(blocked_parties::case_id);
    Ok(cases::table
        .filter(cases::reference.eq(reference))
        .filter(cases::id.ne_all(hidden))
        .select(CaseRow::as_select())
        .first(db)?)
}

/// Cases with this code word, except those hidden from this person.
pub fn with_code_word(db: &mut Db, staff_id: &str, index: &str) -> Result<Vec<CaseRow>> {
    let hidden = blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(staff_id))
        .select(blocked_parties::case_id);
    Ok(cases::table
        .filter(cases::code_word_index.eq(index))
        .filter(cases::id.ne_all(hidden))
        .select(CaseRow::as_select())
        .load(db)?)
}

/// Keys of cases with this number, except those hidden from this person.
pub fn with_phone(db: &mut Db, staff_id: &str, index: &str) -> Result<Vec<String>> {
    let hidden = blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(staff_id))
        .select(blocked_parties::case_id);
    Ok(case_phones::table
        .filter(case_phones::phone_index.eq(index))
        .filter(case_phones::case_id.ne_all(hidden))
        .select(case_phones::case_id)
        .load(db)?)
}

/// Adds a case.
pub fn insert(db: &mut Db, row: &CaseRow) -> Result<()> {
    diesel::insert_into(cases::table).values(row).execute(db)?;
    Ok(())
}

/// Replaces the sealed file if it is still at `version`. Errors: 412 when it is not.
pub fn update_file(db: &mut Db, row: &CaseRow, document: &[u8], code_word: Option<&str>, now: Instant) -> Result<()> {
    let changed = diesel::update(cases::table.filter(cases::id.eq(&row.id)).filter(cases::version.eq(row.version)))
        .set((
            cases::version.eq(row.version + 1),
            cases::document.eq(document),
            cases::code_word_index.eq(code_word),
            cases::updated_at.eq(now),
        ))
        .execute(db)?;
    if changed == 1 {
        return Ok(());
    }
    let current: i32 = cases::table.find(&row.id).select(cases::version).first(db)?;
    Err(Error::Stale { current })
}

/// Opens a closed case again; without effect on an open one.
pub fn reopen(db: &mut Db, id: &str, now: Instant) -> Result<bool> {
    let changed = diesel::update(cases::table.filter(cases::id.eq(id)).filter(cases::status.eq(Status::Closed)))
        .set((
            cases::status.eq(Status::Open),
            cases::closed_at.eq(None::<Instant>),
            cases::close_reason.eq(None::<String>),
            cases::updated_at.eq(now),
        ))
        .execute(db)?;
    Ok(changed == 1)
}

/// Adds a consent.
pub fn insert_consent(db: &mut Db, row: &ConsentRow) -> Result<()> {
    diesel::insert_into(consents::table).values(row).execute(db)?;
    Ok(())
}

/// All consents of a case, newest first.
pub fn consents_of(db: &mut Db, case_id: &str) -> Result<Vec<ConsentRow>> {
    Ok(consents::table
        .filter(consents::case_id.eq(case_id))
        .order((consents::at.desc(), consents::id.desc()))
        .select(ConsentRow::as_select())
        .load(db)?)
}

/// A consent of a case by its reference.
pub fn consent(db: &mut Db, case_id: &str, reference: &str) -> Result<ConsentRow> {
    Ok(consents::table
        .filter(consents::case_id.eq(case_id))
        .filter(consents::reference.eq(reference))
        .select(ConsentRow::as_select())
        .first(db)?)
}

/// A consent by key.
pub fn consent_by_id(db: &mut Db, id: &str) -> Result<ConsentRow> {
    Ok(consents::table.find(id).select(ConsentRow::as_select()).first(db)?)
}

/// Marks a consent as taken back; false when it already was.
pub fn withdraw_consent(db: &mut Db, id: &str, now: Instant) -> Result<bool> {
    let changed = diesel::update(consents::table.filter(consents::id.eq(id)).filter(consents::withdrawn_at.is_null()))
        .set(consents::withdrawn_at.eq(now))
        .execute(db)?;
    Ok(changed == 1)
}

/// Notes a number's blind index for a case, once.
pub fn note_phone(db: &mut Db, case_id: &str, index: &str) -> Result<()> {
    let known: i64 = case_phones::table.find((case_id, index)).count().get_result(db)?;
    if known == 0 {
        let row = (case_phones::case_id.eq(case_id), case_phones::phone_index.eq(index));
        diesel::insert_into(case_phones::table).values(row).execute(db)?;
    }
    Ok(())
}

/// Notes a party that must not see a case; false when it was noted before.
pub fn note_blocked(db: &mut Db, row: (&str, &str, &str, &str), by: &str, now: Instant) -> Result<bool> {
    let (id, case_id, kind, party) = row;
    let known: i64 = blocked_parties::table
        .filter(blocked_parties::case_id.eq(case_id))
        .filter(blocked_parties::party_kind.eq(kind))
        .filter(blocked_parties::party_id.eq(party))
        .count()
        .get_result(db)?;
    if known > 0 {
        return Ok(false);
    }
    let row = (
        blocked_parties::id.eq(id),
        blocked_parties::case_id.eq(case_id),
        blocked_parties::party_kind.eq(kind),
        blocked_parties::party_id.eq(party),
        blocked_parties::at.eq(now),
        blocked_parties::recorded_by.eq(by),
    );
    diesel::insert_into(blocked_parties::table).values(row).execute(db)?;
    Ok(true)
}

/// The parties that must not see a case: kind and key.
pub fn blocked_of(db: &mut Db, case_id: &str) -> Result<Vec<(String, String)>> {
    Ok(blocked_parties::table
        .filter(blocked_parties::case_id.eq(case_id))
        .order(blocked_parties::at.asc())
        .select((blocked_parties::party_kind, blocked_parties::party_id))
        .load(db)?)
}
