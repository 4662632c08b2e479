//! Calling an ambulance or the police for her, from a contact: who was called, what was said, and
//! whether she said yes. Without her yes it needs a reason, and somebody looks at it afterwards.

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::codes::Status;
use super::document::{open_at, seal_at};
use super::model::{self, ContactRow, Scope};
use crate::access::Actor;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::identity;
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::schema::emergency_calls;
use crate::storage::{Db, Tx, codes};
use crate::tasks::{self, Kind, NewReview, Review};
use crate::vault::{DataKey, VaultError};

/// A reason shorter than this says nothing to whoever reviews it.
const SHORTEST_REASON: usize = 10;
const LONGEST: usize = 500;
const LONGEST_REFERENCE: usize = 80;

codes! {
    /// Who was called.
    pub enum Called {
        /// An ambulance.
        Ambulance = "ambulance",
        /// The police.
        Police = "police",
        /// Somebody else.
        Other = "other",
    }
}

/// The body of `POST /contacts/{id}/emergency-call`.
#[derive(Debug, Clone)]
pub struct EmergencyCall {
    called: Called,
    agreed: bool,
    at: Option<Instant>,
    said: Said,
    pickup_place: Option<String>,
}

/// What is sealed of it under the contact's key.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Said {
    said: Option<String>,
    reference: Option<String>,
    reason: Option<String>,
}

impl FromJson for EmergencyCall {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let called = f.required("called");
            let agreed = f.required("agreed");
            let when = f.optional("at");
            let said = f.text("said", LONGEST);
            let reference = f.text("reference", LONGEST_REFERENCE);
            let reason = f.text("reason", LONGEST);
            let pickup_place = f.text("pickup_place", LONGEST);
            let may_be_kept = f.optional("pickup_agreed").unwrap_or(false);
            let reasoned =
                reason.as_ref().is_some_and(|words: &String| words.trim().chars().count() >= SHORTEST_REASON);
            if agreed == Some(false) && !reasoned {
                f.problem("reason", if reason.is_some() { "too_short" } else { "required" });
            }
            if pickup_place.is_some() && !may_be_kept {
                f.problem("pickup_agreed", "must_be_said");
            }
            let said = Said { said, reference, reason };
            Some(EmergencyCall { called: called?, agreed: agreed?, at: when, said, pickup_place })
        })
    }
}

/// An emergency call as it is stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = emergency_calls, treat_none_as_default_value = false)]
pub struct EmergencyRow {
    /// Key.
    pub id: String,
    /// In which contact.
    pub contact_id: String,
    /// Who was called.
    pub called: Called,
    /// Her yes or no.
    pub agreed: bool,
    /// When.
    pub at: Instant,
    /// By whom it was written down.
    pub recorded_by: String,
    /// When that was.
    pub recorded_at: Instant,
    /// What was said, sealed under the contact's key.
    pub document: Vec<u8>,
    /// The key of the place.
    pub place_key_id: Option<String>,
    /// Where she is fetched, sealed under that key.
    pub place: Option<Vec<u8>>,
}

/// Writes an emergency call down; gives the contact's key. Like a spoken consent it belongs to the
/// contact: to a live one, or with a time inside one that is over. Errors: 404; 422
/// `/at: outside_the_contact` or `in_the_future`.
pub fn call(tx: &mut Tx<'_>, actor: &Actor, reference: &str, form: &EmergencyCall) -> Result<String> {
    let row = model::find_in(tx.db, &Scope::of(actor, tx.now), reference)?;
    let at = form.at.unwrap_or(tx.now);
    if at > tx.now {
        return Err(Error::invalid("/at", "in_the_future"));
    }
    let now_and_live = form.at.is_none() && row.status == Status::Draft;
    if !now_and_live && (at < row.opened_at || row.finished_at.is_some_and(|end| at > end)) {
        return Err(Error::invalid("/at", "outside_the_contact"));
    }
    let id = tx.new_id()?;
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let said = serde_json::to_vec(&form.said).map_err(|_| Error::Internal("an emergency call cannot be written"))?;
    let place = form.pickup_place.as_ref().map(|place| sealed_place(tx, &id, place)).transpose()?;
    let new = EmergencyRow {
        document: seal_at(&key, "emergency_call", &id, 0, &said)?,
        id,
        contact_id: row.id.clone(),
        called: form.called,
        agreed: form.agreed,
        at,
        recorded_by: actor.id.clone(),
        recorded_at: tx.now,
        place_key_id: place.as_ref().map(|(key, _)| key.clone()),
        place: place.map(|(_, sealed)| sealed),
    };
    diesel::insert_into(emergency_calls::table).values(&new).execute(tx.db)?;
    if !form.agreed {
        review(tx, actor, &row)?;
    }
    tx.step(("contact", &row.id), "emergency_call", Some(form.called.code()))?;
    let yes = if form.agreed { "agreed" } else { "not_agreed" };
    tx.trail("contacts.emergency_call", ("contact", &row.reference), Some(yes))?;
    Ok(row.id)
}

fn sealed_place(tx: &Tx<'_>, id: &str, place: &str) -> Result<(String, Vec<u8>)> {
    let key = tx.setting.vault.new_data_key()?;
    let sealed = seal_at(&key, "pickup_place", id, 0, place.as_bytes())?;
    Ok((key.id().to_owned(), sealed))
}

fn review(tx: &mut Tx<'_>, actor: &Actor, row: &ContactRow) -> Result<()> {
    if tasks::open_of(tx.db, Kind::CalledWithoutYes, &row.id)?.is_some() {
        return Ok(());
    }
    let level = row.level.as_deref().unwrap_or("not_assessed");
    let opened_by = Some(actor.id.as_str());
    let new = NewReview { kind: Kind::CalledWithoutYes, subject_id: &row.id, level, proposed: level, opened_by };
    tasks::open(tx, &new).map(|_| ())
}

/// The contact in which help was called without her yes, and the reasons that were given, one a line.
/// The caller writes the trail row. Errors: 404 for whoever must not know of the contact.
pub fn reviewed(tx: &mut Tx<'_>, actor: &Actor, review: &Review) -> Result<(String, Option<String>)> {
    let reference = model::by_id(tx.db, &review.subject_id)?.reference;
    let row = model::find_in(tx.db, &Scope::of(actor, tx.now), &reference)?;
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let calls = of_contact(tx.db, &row.id)?;
    let reasons: Result<Vec<Option<String>>> =
        calls.iter().filter(|call| !call.agreed).map(|call| Ok(call.said(&key)?.reason)).collect();
    let reasons: Vec<String> = reasons?.into_iter().flatten().collect();
    Ok((row.reference, Some(reasons.join("\n"))))
}

fn of_contact(db: &mut Db, contact_id: &str) -> Result<Vec<EmergencyRow>> {
    Ok(emergency_calls::table
        .filter(emergency_calls::contact_id.eq(contact_id))
        .order((emergency_calls::at, emergency_calls::id))
        .select(EmergencyRow::as_select())
        .load(db)?)
}

impl EmergencyRow {
    fn said(&self, key: &DataKey) -> Result<Said> {
        let bytes = open_at(key, "emergency_call", &self.id, 0, &self.document)?;
        serde_json::from_slice(&bytes).map_err(|_| Error::Internal("an emergency call cannot be read"))
    }
}

/// An emergency call of a contact, with what opens it.
pub(super) struct Taken {
    row: EmergencyRow,
    place_key: Option<DataKey>,
    by: String,
}

/// The emergency calls of a contact, in the order they were made.
pub(super) fn taken(tx: &mut Tx<'_>, contact_id: &str) -> Result<Vec<Taken>> {
    let mut calls = Vec::new();
    for row in of_contact(tx.db, contact_id)? {
        let place_key = match row.place_key_id.as_deref().map(|id| tx.setting.vault.data_key(id)) {
            // Help has come, and where she was fetched is nobody's business any more.
            None | Some(Err(VaultError::Erased)) => None,
            Some(key) => Some(key?),
        };
        let by = identity::staff_number(tx.db, &row.recorded_by)?;
        calls.push(Taken { row, place_key, by });
    }
    Ok(calls)
}

/// An emergency call with its seals open.
#[derive(Serialize, JsonSchema)]
pub(super) struct EmergencyView<'a> {
    called: Called,
    agreed: bool,
    at: Instant,
    by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pickup_place: Option<String>,
}

impl Taken {
    pub(super) fn view(&self, key: &DataKey) -> Result<EmergencyView<'_>> {
        let row = &self.row;
        let Said { said, reference, reason } = row.said(key)?;
        let place = self.place_key.as_ref().zip(row.place.as_ref());
        let place = place.map(|(key, sealed)| open_at(key, "pickup_place", &row.id, 0, sealed)).transpose()?;
        let pickup_place = place.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (called, agreed, at, by) = (row.called, row.agreed, row.at, self.by.as_str());
        Ok(EmergencyView { called, agreed, at, by, said, reference, reason, pickup_place })
    }
}
