//! What leaves this room. A view names its fields; a row never leaves.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::assessed;
use super::classify::{age_at, contexts, gbv_type, is_child};
use super::codes::{Channel, Context, GbvType, Kind, Status};
use super::document::Document;
use super::edit::{narrative_key, opened_narrative};
use super::emergency::{self, EmergencyView, Taken};
use super::form::{ContactForm, Incident};
use super::level::{self, Override, Set};
use super::links;
use super::model::{self, AssessmentRow, ContactRow, ListedRow, Scope};
use super::record::{Against, Plain, Prepared};
use crate::access::Actor;
use crate::cases;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::identity;
use crate::storage::Tx;
use crate::storage::records::{Step, steps_of};
use crate::triage::{Assessment, Level, OpenQuestion, open_questions};
use crate::vault::DataKey;

/// A contact for somebody who was let in. Its seals are opened outside the transaction, when it is
/// rendered: other callers wait for the transaction.
pub struct Opened {
    row: ContactRow,
    case: Option<String>,
    carried: Option<Level>,
    linked: Vec<String>,
    contents: Contents,
}

enum Contents {
    Plain(Arc<Plain>),
    Sealed(Box<Sealed>),
}

/// What is sealed beside the document, and the keys that open all of it.
struct Sealed {
    key: DataKey,
    narrative_key: Option<DataKey>,
    assessment: AssessmentRow,
    set: Option<(Override, String)>,
    calls: Vec<Taken>,
}

impl Opened {
    /// What is inside. Errors: 500 for a seal that does not open.
    fn plain(&self) -> Result<Arc<Plain>> {
        match &self.contents {
            Contents::Plain(plain) => Ok(plain.clone()),
            Contents::Sealed(sealed) => {
                let (row, Sealed { key, narrative_key, assessment, .. }) = (&self.row, sealed.as_ref());
                Ok(Arc::new(Plain {
                    document: Document::opened(key, &row.id, row.version, &row.document)?,
                    narrative: narrative_key.as_ref().map(|key| opened_narrative(key, row)).transpose()?.flatten(),
                    assessment: assessed::opened(key, assessment)?,
                }))
            }
        }
    }

    fn set(&self) -> Result<Option<OverrideView<'_>>> {
        let Contents::Sealed(sealed) = &self.contents else { return Ok(None) };
        let Sealed { key, set: Some((set, by)), .. } = sealed.as_ref() else { return Ok(None) };
        let (level, before) = (set.level.as_str(), set.level_before.as_str());
        Ok(Some(OverrideView { level, before, state: set.state, reason: set.reason(key)?, by, at: set.at }))
    }

    fn emergency_calls(&self) -> Result<Vec<EmergencyView<'_>>> {
        match &self.contents {
            Contents::Sealed(sealed) => sealed.calls.iter().map(|call| call.view(&sealed.key)).collect(),
            Contents::Plain(_) => Ok(Vec::new()),
        }
    }
}

/// Takes a contact by its key, with the keys that open it, for an answer to somebody who was let in.
pub fn open(tx: &mut Tx<'_>, id: &str) -> Result<Opened> {
    let row = model::by_id(tx.db, id)?;
    opening(tx, row)
}

fn opening(tx: &mut Tx<'_>, row: ContactRow) -> Result<Opened> {
    let sealed = Sealed {
        key: tx.setting.vault.data_key(&row.key_id)?,
        narrative_key: narrative_key(tx, &row)?,
        assessment: model::latest_assessment(tx.db, &row.id)?,
        set: set_level(tx, &row)?,
        calls: emergency::taken(tx, &row.id)?,
    };
    let contents = Contents::Sealed(Box::new(sealed));
    let carried = level::carried(tx.db, &row)?;
    let case = row.case_id.as_deref().map(|id| cases::reference_of(tx.db, id)).transpose()?;
    let scope = Scope::of_by(tx)?;
    let linked = links::linked(tx.db, &scope, &row.id)?;
    Ok(Opened { row, case, carried, linked, contents })
}

/// What a person set, and the staff number of who did.
fn set_level(tx: &mut Tx<'_>, row: &ContactRow) -> Result<Option<(Override, String)>> {
    let Some(id) = &row.override_id else { return Ok(None) };
    let set = level::by_id(tx.db, id)?;
    let by = identity::staff_number(tx.db, &set.set_by)?;
    Ok(Some((set, by)))
}

/// What reading a contact gives: everything, or the receipt of somebody whose part is over.
pub enum Read {
    /// All of it; the trail has a row.
    Whole(Box<Opened>),
    /// Clear columns only.
    Receipt(Receipt),
}

/// Reads a contact. Errors: 404, the same for missing, blocked and not yours.
pub fn read(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<Read> {
    let scope = Scope::of(actor, tx.now);
    let row = model::find_in(tx.db, &scope, reference)?;
    if !scope.opens(&row) {
        return Ok(Read::Receipt(Receipt::of(&listed(&row))));
    }
    tx.trail("contacts.read", ("contact", &row.reference), None)?;
    Ok(Read::Whole(Box::new(opening(tx, row)?)))
}

/// The answer to a creation that was asked again: whole while it is as it was first answered, else
/// as much as its sender may read now. Errors: 404 when that is nothing.
pub fn again(tx: &mut Tx<'_>, actor: &Actor, id: &str) -> Result<Read> {
    let scope = Scope::of(actor, tx.now);
    let reference = model::by_id(tx.db, id)?.reference;
    let row = model::find_in(tx.db, &scope, &reference)?;
    if row.version == 1 || scope.opens(&row) {
        return Ok(Read::Whole(Box::new(opening(tx, row)?)));
    }
    Ok(Read::Receipt(Receipt::of(&listed(&row))))
}

fn listed(row: &ContactRow) -> ListedRow {
    ListedRow {
        id: row.id.clone(),
        reference: row.reference.clone(),
        version: row.version,
        status: row.status,
        kind: row.kind,
        channel: row.channel,
        level: row.level.clone(),
        opened_at: row.opened_at,
        finished_at: row.finished_at,
    }
}

/// A contact as a list shows it: nothing about her.
#[derive(Serialize, JsonSchema)]
pub struct Receipt {
    id: String,
    status: Status,
    version: i32,
    kind: Kind,
    channel: Channel,
    level: Option<String>,
    opened_at: Instant,
    finished_at: Option<Instant>,
}

impl Receipt {
    /// Shows a row.
    pub fn of(row: &ListedRow) -> Receipt {
        Receipt {
            id: row.reference.clone(),
            status: row.status,
            version: row.version,
            kind: row.kind,
            channel: row.channel,
            level: row.level.clone(),
            opened_at: row.opened_at,
            finished_at: row.finished_at,
        }
    }

    /// The version, for `ETag`.
    pub fn version(&self) -> i32 {
        self.version
    }
}

/// A contact, as much of it as the asker may see. What is written is one of the two; this names
/// their shapes.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used: the whole is written as text at once")]
pub enum ContactSeen {
    /// Everything.
    Whole(Box<ContactView<'static>>),
    /// What a list shows.
    Receipt(Receipt),
}

/// A contact with its seals open.
#[derive(Serialize, JsonSchema)]
pub struct ContactView<'a> {
    id: &'a str,
    status: Status,
    version: i32,
    level: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_child: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a str>,
    #[serde(flatten)]
    form: ContactForm,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incidents: Vec<IncidentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    narrative: Option<&'a str>,
    /// The level that a person set beside that of the rules.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    set: Option<OverrideView<'a>>,
    /// The High or Critical of another contact of her case that nobody has reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    carried: Option<Level>,
    /// Help that was called for her.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emergency_calls: Vec<EmergencyView<'a>>,
    /// Other contacts that report the same event, as far as the reader may know of them.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    linked: &'a [String],
    assessment: AssessmentView<'a>,
}

/// A level that a person set, whether it holds yet or not.
#[derive(Serialize, JsonSchema)]
struct OverrideView<'a> {
    level: &'a str,
    before: &'a str,
    state: Set,
    reason: String,
    by: &'a str,
    at: Instant,
}

#[derive(Serialize, JsonSchema)]
struct IncidentView {
    #[serde(flatten)]
    incident: Incident,
    #[serde(skip_serializing_if = "Option::is_none")]
    gbv_type: Option<GbvType>,
    contexts: Vec<Context>,
}

/// An assessment and what is still worth asking.
#[derive(Serialize, JsonSchema)]
pub struct AssessmentView<'a> {
    #[serde(flatten)]
    assessment: &'a Assessment,
    open_questions: Vec<OpenQuestion>,
}

/// A whole contact as it is sent.
pub struct Shown {
    /// Its reference.
    pub id: String,
    /// Its version.
    pub version: i32,
    /// All of it, as JSON text.
    pub json: String,
}

/// The whole contact with the questions that could still change its level.
pub fn full(opened: &Opened, against: Against<'_>, now: Instant) -> Result<Shown> {
    let plain = opened.plain()?;
    let person = plain.document.form.person.as_ref();
    let facts = against.facts(&plain.document, now);
    let incidents = plain
        .document
        .form
        .incidents
        .iter()
        .map(|incident| IncidentView {
            gbv_type: gbv_type(incident),
            contexts: contexts(incident, age_at(incident, person, opened.row.opened_at, against.zone())),
            incident: incident.clone(),
        })
        .collect();
    let view = ContactView {
        id: &opened.row.reference,
        status: opened.row.status,
        version: opened.row.version,
        level: opened.row.level.as_deref(),
        finished_at: opened.row.finished_at,
        is_child: is_child(person, now, against.zone()),
        case: opened.case.as_deref(),
        // The word is for a mouth and an ear; it is not shown again.
        form: ContactForm { incidents: Vec::new(), case: None, rejoin_word: None, ..plain.document.form.clone() },
        incidents,
        narrative: plain.narrative.as_deref(),
        set: opened.set()?,
        carried: opened.carried,
        emergency_calls: opened.emergency_calls()?,
        linked: &opened.linked,
        assessment: AssessmentView {
            open_questions: open_questions(against.rules, &facts, now.utc()),
            assessment: &plain.assessment,
        },
    };
    let json = serde_json::to_string(&view).map_err(|_| Error::Internal("a view cannot be written"))?;
    Ok(Shown { id: opened.row.reference.clone(), version: opened.row.version, json })
}

impl Prepared {
    /// The contact as it was just recorded, for the answer to its sender: the same as [`full`] of
    /// the stored one, without opening what was sealed a moment ago.
    pub fn opened(self) -> Opened {
        let (row, plain) = self.parts();
        let case = plain.document.form.case.clone();
        Opened { row, case, carried: None, linked: Vec::new(), contents: Contents::Plain(plain) }
    }
}

/// All assessments of a contact, oldest first. A sealed read: the trail has a row.
pub fn assessments(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<Vec<Assessment>> {
    let scope = Scope::of(actor, tx.now);
    let row = model::find_in(tx.db, &scope, reference)?;
    if !scope.opens(&row) {
        return Err(Error::NotFound);
    }
    tx.trail("contacts.read_assessments", ("contact", &row.reference), None)?;
    let key = tx.setting.vault.data_key(&row.key_id)?;
    model::assessments_of(tx.db, &row.id)?.iter().map(|stored| assessed::opened(&key, stored)).collect()
}

/// One step.
#[derive(Serialize, JsonSchema)]
pub struct StepView {
    kind: String,
    at: Instant,
    by_role: String,
    detail: Option<String>,
}

/// The steps of a contact, oldest first: kinds, times and roles.
pub fn timeline(db: &mut crate::storage::Db, scope: &Scope, reference: &str) -> Result<Vec<StepView>> {
    let row = model::find_in(db, scope, reference)?;
    let steps = steps_of(db, &[row.id])?.into_iter();
    let view = |step: Step| StepView { kind: step.kind, at: step.at, by_role: step.actor_role, detail: step.detail };
    Ok(steps.map(view).collect())
}
