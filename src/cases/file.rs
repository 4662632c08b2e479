//! Opening a file, finding it again, and writing in it.

use serde::{Deserialize, Serialize};

use super::codes::{CloseReason, Status};
use super::model::{self, CaseRow};
use super::phone::e164;
use super::safe_contact::SafeContact;
use super::safety_plan::SafetyPlan;
use crate::access::Actor;
use crate::error::{Error, Result};
use crate::storage::{Db, Tx, read_reference};
use crate::vault::{BlindField, DataKey, Padding, Place, seal};

/// What is sealed in a case.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct File {
    /// How she may be reached; none: not at all.
    pub safe_contact: Option<SafeContact>,
    /// What she will do when it becomes dangerous.
    #[serde(default)]
    pub safety_plan: Option<SafetyPlan>,
}

impl File {
    pub(super) fn sealed(&self, key: &DataKey, case_id: &str, version: i32) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(self).map_err(|_| Error::Internal("a file cannot be written"))?;
        let row = format!("{case_id}#{version}");
        Ok(seal(key, &Place { table: "cases", column: "document", row: &row }, &bytes, Padding::SizeClass)?)
    }

    pub(super) fn opened(tx: &Tx<'_>, row: &CaseRow) -> Result<(DataKey, File)> {
        let key = tx.setting.vault.data_key(&row.key_id)?;
        let place = format!("{}#{}", row.id, row.version);
        let bytes =
            crate::vault::open(&key, &Place { table: "cases", column: "document", row: &place }, &row.document)?;
        let file = serde_json::from_slice(bytes.reveal()).map_err(|_| Error::Internal("a file cannot be read"))?;
        Ok((key, file))
    }
}

/// Opens a new, empty file with the level of a contact, named by its key; gives the file's row.
pub fn open(tx: &mut Tx<'_>, level: Option<(&str, &str)>) -> Result<CaseRow> {
    let key = tx.setting.vault.new_data_key()?;
    let id = tx.new_id()?;
    let row = CaseRow {
        reference: tx.new_reference('K')?,
        version: 1,
        status: Status::Open,
        close_reason: None,
        level: level.map(|(level, _)| level.to_owned()),
        level_from: level.map(|(_, contact)| contact.to_owned()),
        opened_by: tx.by.staff_id()?.to_owned(),
        opened_at: tx.now,
        closed_at: None,
        updated_at: tx.now,
        code_word_index: None,
        key_id: key.id().to_owned(),
        document: File::default().sealed(&key, &id, 1)?,
        merged_into: None,
        id,
    };
    model::insert(tx.db, &row)?;
    tx.step(("case", &row.id), "opened", None)?;
    tx.trail("cases.open", ("case", &row.reference), None)?;
    Ok(row)
}

/// The key of a case a contact may be tied to; a closed one opens again, unless the contact is tied
/// to it `already`. Errors: 422, the same for missing and blocked.
pub fn joinable(tx: &mut Tx<'_>, reference: &str, already: Option<&str>) -> Result<String> {
    let staff = tx.by.staff_id()?.to_owned();
    let row = model::unblocked(tx.db, &staff, reference).map_err(|error| match error {
        Error::NotFound => Error::invalid("/case", "not_found"),
        other => other,
    })?;
    if already != Some(row.id.as_str()) && model::reopen(tx.db, &row.id, tx.now)? {
        tx.step(("case", &row.id), "reopened", None)?;
    }
    Ok(row.id)
}

/// The reference of a case.
pub fn reference_of(db: &mut Db, id: &str) -> Result<String> {
    model::by_id(db, id).map(|row| row.reference)
}

/// What she gave to be found again.
#[derive(Debug, Clone)]
pub enum LookUp {
    /// The reference on her slip.
    Reference(String),
    /// The word she chose.
    CodeWord(String),
    /// A number, which alone proves nothing.
    Phone(String),
    /// A number and the word.
    PhoneAndWord(String, String),
}

impl LookUp {
    /// From what a body may hold; `None` for a combination that is none.
    pub fn of(reference: Option<String>, word: Option<String>, phone: Option<String>) -> Option<LookUp> {
        match (reference, word, phone) {
            (Some(reference), None, None) => Some(LookUp::Reference(reference)),
            (None, Some(word), None) => Some(LookUp::CodeWord(word)),
            (None, None, Some(phone)) => Some(LookUp::Phone(phone)),
            (None, Some(word), Some(phone)) => Some(LookUp::PhoneAndWord(phone, word)),
            _ => None,
        }
    }
}

/// What a look-up says.
#[derive(Debug, Clone)]
pub enum Found {
    /// One case, proven.
    Case(Box<CaseRow>),
    /// A number is known: possible, verify the word.
    Possible,
    /// Nothing that may be said.
    Nothing,
}

/// Looks a case up. The trail has a row, without what was asked.
pub fn find_again(tx: &mut Tx<'_>, look_up: &LookUp) -> Result<Found> {
    let staff = tx.by.staff_id()?.to_owned();
    let vault = tx.setting.vault.clone();
    let region = tx.setting.config.place.phone_region.clone();
    let word_index = |word: &str| vault.blind_index(BlindField::CodeWord, &word.to_lowercase());
    let phone_index =
        |said: &str| e164(said, &region).map(|number| vault.blind_index(BlindField::PersonPhone, &number));
    let found = match look_up {
        LookUp::Reference(text) => match read_reference('K', text) {
            Some(reference) => one(model::unblocked(tx.db, &staff, &reference).map(|row| vec![row]))?,
            None => Found::Nothing,
        },
        LookUp::CodeWord(word) => one(model::with_code_word(tx.db, &staff, &word_index(word)))?,
        LookUp::Phone(said) => match phone_index(said) {
            Some(index) if !model::with_phone(tx.db, &staff, &index)?.is_empty() => Found::Possible,
            _ => Found::Nothing,
        },
        LookUp::PhoneAndWord(said, word) => {
            let holders = phone_index(said)
                .map(|index| model::with_phone(tx.db, &staff, &index))
                .transpose()?
                .unwrap_or_default();
            let known = model::with_code_word(tx.db, &staff, &word_index(word))?;
            one(Ok(known.into_iter().filter(|row| holders.contains(&row.id)).collect()))?
        }
    };
    let outcome = match &found {
        Found::Case(_) => "found",
        Found::Possible => "possible",
        Found::Nothing => "nothing",
    };
    tx.trail_outcome("cases.look_up", ("case", ""), None, outcome)?;
    Ok(found)
}

/// Exactly one is a find; several with one word prove nothing.
fn one(rows: Result<Vec<CaseRow>>) -> Result<Found> {
    match rows {
        Ok(mut rows) if rows.len() == 1 => Ok(rows.pop().map_or(Found::Nothing, |row| Found::Case(Box::new(row)))),
        Ok(rows) if rows.is_empty() => Ok(Found::Nothing),
        Ok(_) => Ok(Found::Possible),
        Err(Error::NotFound) => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

/// A case this person may open. Errors: 404.
pub fn find_in(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<CaseRow> {
    model::find_in(tx.db, actor, reference, tx.now)
}

/// Reads a file: a sealed read, so the trail has a row.
pub fn read(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<(CaseRow, File)> {
    let row = find_in(tx, actor, reference)?;
    tx.trail("cases.read", ("case", &row.reference), None)?;
    let (_, file) = File::opened(tx, &row)?;
    Ok((row, file))
}

/// The terms of a case, for rooms that act on them.
pub fn terms(tx: &Tx<'_>, row: &CaseRow) -> Result<Option<SafeContact>> {
    Ok(File::opened(tx, row)?.1.safe_contact)
}

/// The case at the version somebody read, and what is sealed in it. Errors: 404; 412 when it changed
/// since.
fn at_version(tx: &mut Tx<'_>, actor: &Actor, id: (&str, i32)) -> Result<(CaseRow, DataKey, File)> {
    let row = find_in(tx, actor, id.0)?;
    if row.version != id.1 {
        return Err(Error::Stale { current: row.version });
    }
    let (key, file) = File::opened(tx, &row)?;
    Ok((row, key, file))
}

/// Writes her terms. Errors: 404; 409 `died` while the case is closed because she died; 412 when the
/// file changed since the version named.
pub fn set_safe_contact(tx: &mut Tx<'_>, actor: &Actor, id: (&str, i32), form: &SafeContact) -> Result<()> {
    let (row, key, file) = at_version(tx, actor, id)?;
    if row.close_reason == Some(CloseReason::Died) {
        return Err(Error::conflict("died"));
    }
    let terms = form.clone().settled(tx.now, &tx.setting.config.place.phone_region);
    let vault = tx.setting.vault.clone();
    let word = terms.code_word.as_ref().map(|word| vault.blind_index(BlindField::CodeWord, &word.to_lowercase()));
    if let Some(number) = &terms.number {
        remember_phone(tx, &row.id, number)?;
    }
    let file = File { safe_contact: Some(terms), ..file };
    let document = file.sealed(&key, &row.id, row.version + 1)?;
    model::update_file(tx.db, &row, &document, word.as_deref(), tx.now)?;
    model::forget_words_of_merged(tx.db, &row.id)?;
    tx.step(("case", &row.id), "safe_contact", None)?;
    tx.trail("cases.safe_contact", ("case", &row.reference), None)
}

/// Writes her safety plan. Errors: 404; 412 when the file changed since the version named.
pub fn set_safety_plan(tx: &mut Tx<'_>, actor: &Actor, id: (&str, i32), form: &SafetyPlan) -> Result<()> {
    let (row, key, file) = at_version(tx, actor, id)?;
    let file = File { safety_plan: Some(form.clone().agreed(tx.now)), ..file };
    let document = file.sealed(&key, &row.id, row.version + 1)?;
    model::update_file(tx.db, &row, &document, row.code_word_index.as_deref(), tx.now)?;
    tx.step(("case", &row.id), "safety_plan", None)?;
    tx.trail("cases.safety_plan", ("case", &row.reference), None)
}

/// Makes a number she gave findable, as a blind index; what is no number is not.
pub fn remember_phone(tx: &mut Tx<'_>, case_id: &str, number: &str) -> Result<()> {
    let Some(number) = e164(number, &tx.setting.config.place.phone_region) else { return Ok(()) };
    let index = tx.setting.vault.blind_index(BlindField::PersonPhone, &number);
    model::note_phone(tx.db, case_id, &index)
}

/// Blocks parties by key: from now on the case is nonexistent to them. There is no unblocking
/// here: she alone can say who may know again, and that is a new conversation.
pub fn block(tx: &mut Tx<'_>, row: &CaseRow, parties: &[(&str, String)]) -> Result<()> {
    let by = tx.by.staff_id()?.to_owned();
    for (kind, party) in parties {
        let id = tx.new_id()?;
        model::note_blocked(tx.db, (&id, &row.id, kind, party), &by, tx.now)?;
    }
    tx.step(("case", &row.id), "blocked", None)?;
    tx.trail("cases.block", ("case", &row.reference), None)
}

/// Who must not see a case.
#[derive(Debug, Clone, Default)]
pub struct Blocked {
    /// Keys of staff.
    pub staff: Vec<String>,
    /// Keys of organisations.
    pub organisations: Vec<String>,
}

/// The blocked parties of a case.
pub fn blocked(db: &mut Db, case_id: &str) -> Result<Blocked> {
    let mut blocked = Blocked::default();
    for (kind, party) in model::blocked_of(db, case_id)? {
        if kind == "staff" { blocked.staff.push(party) } else { blocked.organisations.push(party) }
    }
    Ok(blocked)
}
