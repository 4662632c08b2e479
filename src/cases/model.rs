//! The rows of a case and every query on them.

use diesel::prelude::*;

use super::codes::{CloseReason, GivenBy, How, Scope, Status};
use crate::access::{Actor, Role};
use crate::clock::{DAY, Instant};
use crate::error::{Error, Result};
use crate::storage::Db;
use crate::storage::schema::{blocked_parties, case_phones, cases, consents, contacts, notifications, tickets};

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
    /// Why it was closed; empty for one that was merged into another.
    pub close_reason: Option<CloseReason>,
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
    /// The case it turned out to be.
    pub merged_into: Option<String>,
}

/// For so long after she closed a ticket a counselor sees its case, if that is open: before it is
/// closed too, somebody must look at the terms once more.
const AFTERWARDS: i64 = 7 * DAY;

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
    /// Where there is none: why not, sealed under the contact's key.
    pub reason: Option<Vec<u8>>,
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

/// The key of the case that a reference leads to: its own, or that of the one it was merged into.
fn led_to(db: &mut Db, reference: &str) -> Result<String> {
    let (id, kept): (String, Option<String>) =
        cases::table.filter(cases::reference.eq(reference)).select((cases::id, cases::merged_into)).first(db)?;
    Ok(kept.unwrap_or(id))
}

/// The cases that must not be seen by a member of staff.
#[diesel::dsl::auto_type(no_type_alias)]
fn hidden_from(staff_id: String) -> _ {
    blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(staff_id))
        .select(blocked_parties::case_id)
}

/// A case this person may open. Errors: 404.
pub fn find_in(db: &mut Db, actor: &Actor, reference: &str, now: Instant) -> Result<CaseRow> {
    let id = led_to(db, reference)?;
    Ok(opened_by(actor, now)?.filter(cases::id.eq(id)).select(CaseRow::as_select()).first(db)?)
}

/// Those of some cases that this person may open, as key and reference.
pub fn references_in(db: &mut Db, actor: &Actor, ids: &[String], now: Instant) -> Result<Vec<(String, String)>> {
    let these = opened_by(actor, now)?.filter(cases::id.eq_any(ids.to_vec()));
    Ok(these.select((cases::id, cases::reference)).load(db)?)
}

type Query = cases::BoxedQuery<'static, <Db as Connection>::Backend>;

/// The cases a person may open: an operator through her own open call; a counselor through a ticket
/// she holds or has just closed, or a contact she recorded. Blocked is nonexistent. Errors: 404 for
/// everybody else.
fn opened_by(actor: &Actor, now: Instant) -> Result<Query> {
    let own = contacts::table
        .filter(contacts::operator_id.eq(actor.id.clone()))
        .filter(contacts::case_id.is_not_null())
        .select(contacts::case_id.assume_not_null());
    let visible = cases::table.filter(cases::id.ne_all(hidden_from(actor.id.clone())));
    match actor.role {
        Role::Operator => Ok(visible.filter(cases::id.eq_any(own.filter(contacts::status.eq("draft")))).into_boxed()),
        Role::Counselor => {
            let hers = tickets::table.filter(tickets::claimed_by.eq(actor.id.clone())).select(tickets::case_id);
            let held = hers.clone().filter(tickets::state.eq("open")).filter(tickets::claim_until.gt(now));
            let ended = hers.filter(tickets::state.eq("closed")).filter(tickets::closed_at.gt(now.plus(-AFTERWARDS)));
            let still = cases::status.eq(Status::Open).and(cases::id.eq_any(ended));
            Ok(visible.filter(cases::id.eq_any(own).or(cases::id.eq_any(held)).or(still)).into_boxed())
        }
        _ => Err(Error::NotFound),
    }
}

/// A case by reference, unless it must not be seen by this person.
pub fn unblocked(db: &mut Db, staff_id: &str, reference: &str) -> Result<CaseRow> {
    let id = led_to(db, reference)?;
    Ok(cases::table
        .filter(cases::id.eq(id))
        .filter(cases::id.ne_all(hidden_from(staff_id.to_owned())))
        .select(CaseRow::as_select())
        .first(db)?)
}

/// Cases with this code word, or merged with one that has it, except those hidden from this person.
pub fn with_code_word(db: &mut Db, staff_id: &str, index: &str) -> Result<Vec<CaseRow>> {
    let holders: Vec<(String, Option<String>)> =
        cases::table.filter(cases::code_word_index.eq(index)).select((cases::id, cases::merged_into)).load(db)?;
    let ids = holders.into_iter().map(|(id, kept)| kept.unwrap_or(id));
    Ok(cases::table
        .filter(cases::id.eq_any(ids.collect::<Vec<_>>()))
        .filter(cases::id.ne_all(hidden_from(staff_id.to_owned())))
        .select(CaseRow::as_select())
        .load(db)?)
}

/// Keys of cases with this number, except those hidden from this person.
pub fn with_phone(db: &mut Db, staff_id: &str, index: &str) -> Result<Vec<String>> {
    Ok(case_phones::table
        .filter(case_phones::phone_index.eq(index))
        .filter(case_phones::case_id.ne_all(hidden_from(staff_id.to_owned())))
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

/// The words by which cases that were merged into this one were known find nothing any more.
pub fn forget_words_of_merged(db: &mut Db, id: &str) -> Result<()> {
    diesel::update(cases::table.filter(cases::merged_into.eq(id)))
        .set(cases::code_word_index.eq(None::<String>))
        .execute(db)?;
    Ok(())
}

/// Closes an open case; false when it is not open any more, or changed since it was read.
pub fn close(db: &mut Db, row: &CaseRow, reason: CloseReason, document: &[u8], now: Instant) -> Result<bool> {
    let still =
        cases::table.find(&row.id).filter(cases::version.eq(row.version)).filter(cases::status.eq(Status::Open));
    let closed = (
        cases::version.eq(row.version + 1),
        cases::document.eq(document),
        cases::status.eq(Status::Closed),
        cases::close_reason.eq(reason),
        cases::closed_at.eq(now),
        cases::updated_at.eq(now),
    );
    Ok(diesel::update(still).set(closed).execute(db)? == 1)
}

/// What a case becomes when another is merged into it.
#[derive(AsChangeset)]
#[diesel(table_name = cases, treat_none_as_null = true)]
pub struct United {
    /// Higher than that of either.
    pub version: i32,
    /// Open if either was.
    pub status: Status,
    /// Empty when it is open.
    pub close_reason: Option<CloseReason>,
    /// Empty when it is open.
    pub closed_at: Option<Instant>,
    /// The higher of both.
    pub level: Option<String>,
    /// Where that comes from.
    pub level_from: Option<String>,
    /// The word by which she is known.
    pub code_word_index: Option<String>,
    /// The file, sealed anew.
    pub document: Vec<u8>,
    /// When.
    pub updated_at: Instant,
}

/// Writes what a case becomes, and lets the other, and all that were merged into that, lead to it.
/// Errors: to be repeated when somebody changed either since it was read.
pub fn unite(db: &mut Db, (kept, other): (&CaseRow, &CaseRow), united: &United) -> Result<()> {
    let still = |row: &CaseRow| cases::table.find(row.id.clone()).filter(cases::version.eq(row.version));
    let whole = cases::merged_into.is_null();
    let written = diesel::update(still(kept).filter(whole)).set(united).execute(db)?;
    let led = (
        cases::merged_into.eq(&kept.id),
        cases::status.eq(Status::Closed),
        cases::closed_at.eq(united.updated_at),
        cases::close_reason.eq(None::<CloseReason>),
        cases::updated_at.eq(united.updated_at),
    );
    let pointed = diesel::update(still(other).filter(whole)).set(led).execute(db)?;
    if (written, pointed) != (1, 1) {
        return Err(Error::Repeat);
    }
    diesel::update(cases::table.filter(cases::merged_into.eq(&other.id)))
        .set(cases::merged_into.eq(&kept.id))
        .execute(db)?;
    Ok(())
}

/// The references of cases that were merged into one.
pub fn merged_into(db: &mut Db, id: &str) -> Result<Vec<String>> {
    Ok(cases::table
        .filter(cases::merged_into.eq(id))
        .order((cases::opened_at, cases::id))
        .select(cases::reference)
        .load(db)?)
}

/// Gives what hangs on a case to another: numbers, consents, letters, and who must not see it.
pub fn hand_over(db: &mut Db, from: &str, to: &str) -> Result<()> {
    let known = case_phones::table.filter(case_phones::case_id.eq(to)).select(case_phones::phone_index);
    let known: Vec<String> = known.load(db)?;
    diesel::delete(
        case_phones::table.filter(case_phones::case_id.eq(from)).filter(case_phones::phone_index.eq_any(known)),
    )
    .execute(db)?;
    diesel::update(case_phones::table.filter(case_phones::case_id.eq(from)))
        .set(case_phones::case_id.eq(to))
        .execute(db)?;
    diesel::update(consents::table.filter(consents::case_id.eq(from))).set(consents::case_id.eq(to)).execute(db)?;
    diesel::update(notifications::table.filter(notifications::case_id.eq(from)))
        .set(notifications::case_id.eq(to))
        .execute(db)?;
    let known: Vec<String> =
        blocked_parties::table.filter(blocked_parties::case_id.eq(to)).select(blocked_parties::party_id).load(db)?;
    diesel::update(
        blocked_parties::table
            .filter(blocked_parties::case_id.eq(from))
            .filter(blocked_parties::party_id.ne_all(known)),
    )
    .set(blocked_parties::case_id.eq(to))
    .execute(db)?;
    Ok(())
}

/// Opens a closed case again; without effect on an open one.
pub fn reopen(db: &mut Db, id: &str, now: Instant) -> Result<bool> {
    let changed = diesel::update(cases::table.filter(cases::id.eq(id)).filter(cases::status.eq(Status::Closed)))
        .set((
            cases::status.eq(Status::Open),
            cases::closed_at.eq(None::<Instant>),
            cases::close_reason.eq(None::<CloseReason>),
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

/// What stands in place of her yes, in one contact.
pub fn without_yes(db: &mut Db, contact_id: &str) -> Result<Vec<ConsentRow>> {
    Ok(consents::table
        .filter(consents::contact_id.eq(contact_id))
        .filter(consents::how.eq(How::Emergency))
        .order((consents::at, consents::id))
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
