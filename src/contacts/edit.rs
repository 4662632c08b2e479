//! Changing a contact: a draft by merge patches, a finished one by amendments.

use super::assessed;
use super::codes::{AmendReason, Status};
use super::document::{Document, open_at, seal_at};
use super::duties;
use super::form::ContactForm;
use super::level::{bring, follow, review_carried, review_what_it_carries, standing};
use super::model::{self, ContactRow, Edited, RevisionRow, Scope};
use super::record::{Against, narrative_text, rejoin_index, sealed_narrative, split};
use super::repeats::review_repeats;
use crate::access::Actor;
use crate::cases;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{self, At, Fields, FromJson, Json};
use crate::storage::Tx;
use crate::triage::{Assessment, Level};
use crate::vault::{DataKey, VaultError};

/// The body of an amendment.
#[derive(Debug, Clone)]
pub struct Amendment {
    /// Why.
    pub reason: AmendReason,
    /// Why, in words; sealed with what is replaced.
    pub note: Option<String>,
    /// What changes, as a merge patch.
    pub patch: Json,
}

impl FromJson for Amendment {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let reason = f.required("reason");
            let note = f.text("note", 500);
            let patch = f.required("patch");
            Some(Amendment { reason: reason?, note, patch: patch? })
        })
    }
}

/// What a patch does to her own words.
enum Words {
    Kept,
    Removed,
    Replaced(String),
}

struct NarrativePatch(Words);

impl FromJson for NarrativePatch {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        match json {
            Json::Object(members) => match members.first() {
                None => Some(NarrativePatch(Words::Kept)),
                Some((_, Json::Null)) => Some(NarrativePatch(Words::Removed)),
                Some((_, words)) => {
                    narrative_text(words, &at.member("narrative")).map(|words| NarrativePatch(Words::Replaced(words)))
                }
            },
            _ => None,
        }
    }
}

/// Saves a change to a draft. Errors: 404, 409 once it is finished, 412 when it changed since
/// `version`, 422 with every problem.
pub fn change(tx: &mut Tx<'_>, actor: &Actor, id: (&str, i32), patch: &Json, against: Against<'_>) -> Result<String> {
    let row = model::find_in(tx.db, &Scope::of(actor, tx.now), id.0)?;
    if row.status != Status::Draft {
        return Err(Error::conflict("finished"));
    }
    rewrite(tx, &row, id.1, patch, against)?;
    tx.trail("contacts.change", ("contact", &row.reference), None)?;
    Ok(row.id)
}

/// Changes a finished contact; what stood before is kept, sealed. Errors as [`change`], and 409
/// while it is a draft.
pub fn amend(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: (&str, i32),
    amendment: &Amendment,
    against: Against<'_>,
) -> Result<String> {
    let row = model::find_in(tx.db, &Scope::of(actor, tx.now), id.0)?;
    if row.status != Status::Finished {
        return Err(Error::conflict("not_finished"));
    }
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let narrative = narrative(tx, &row)?;
    let before = open_at(&key, "document", &row.id, row.version, &row.document)?;
    rewrite(tx, &row, id.1, &amendment.patch, against)?;
    let revision_id = tx.new_id()?;
    let kept = serde_json::to_vec(&(String::from_utf8_lossy(&before), narrative, &amendment.note))
        .map_err(|_| Error::Internal("a revision cannot be written"))?;
    let revision = RevisionRow {
        document: seal_at(&key, "revision", &revision_id, 0, &kept)?,
        id: revision_id,
        contact_id: row.id.clone(),
        version: row.version,
        reason: amendment.reason.code().to_owned(),
        recorded_by: actor.id.clone(),
        at: tx.now,
    };
    model::insert_revision(tx.db, &revision)?;
    tx.step(("contact", &row.id), "amended", Some(amendment.reason.code()))?;
    tx.trail("contacts.amend", ("contact", &row.reference), Some(amendment.reason.code()))?;
    Ok(row.id)
}

/// Her own words, if there are any and they were not purged.
fn narrative(tx: &Tx<'_>, row: &ContactRow) -> Result<Option<String>> {
    let key = narrative_key(tx, row)?;
    Ok(key.map(|key| opened_narrative(&key, row)).transpose()?.flatten())
}

/// The key of her own words, if there are any and they were not purged.
pub fn narrative_key(tx: &Tx<'_>, row: &ContactRow) -> Result<Option<DataKey>> {
    let Some(id) = &row.narrative_key_id else { return Ok(None) };
    match tx.setting.vault.data_key(id) {
        Ok(key) => Ok(Some(key)),
        Err(VaultError::Erased) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Her own words under their key.
pub fn opened_narrative(key: &DataKey, row: &ContactRow) -> Result<Option<String>> {
    let Some(sealed) = &row.narrative else { return Ok(None) };
    let words = open_at(key, "narrative", &row.id, 0, sealed)?;
    Ok(Some(String::from_utf8_lossy(&words).into_owned()))
}

/// Applies a patch to the row as it stands, assesses the result and writes it as the next version.
fn rewrite(tx: &mut Tx<'_>, row: &ContactRow, seen: i32, patch: &Json, against: Against<'_>) -> Result<()> {
    if row.version != seen {
        return Err(Error::Stale { current: row.version });
    }
    let vault = tx.setting.vault.clone();
    let key = vault.data_key(&row.key_id)?;
    let document = Document::opened(&key, &row.id, row.version, &row.document)?;
    let (words, patch) = split(patch, &["narrative"]);
    let NarrativePatch(words) = input::read(&words)?;
    let stored = serde_json::to_vec(&document.form).map_err(|_| Error::Internal("a form cannot be written"))?;
    let mut form: ContactForm = input::read(&Json::parse(&stored)?.merged(&patch))?;
    // When it began is part of its identity: references, lists and clocks rest on it.
    form.opened_at = Some(row.opened_at);
    let new_words = match &words {
        Words::Replaced(words) => Some(words.as_str()),
        _ => None,
    };
    let problems = against.settle(&mut form, new_words, tx.now);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let before = row.level.as_deref().and_then(Level::from_code).unwrap_or(Level::NotAssessed);
    let facts_before = against.facts(&document, tx.now);
    let said = if row.status == Status::Draft { tx.now } else { row.opened_at };
    let mut document = document.changed(form, said);
    document.hold(&facts_before, &against.facts(&document, tx.now), before);
    let assessment = against.assessed(&document, tx.now)?;
    let case_id = match &document.form.case {
        Some(reference) => Some(cases::joinable(tx, reference, row.case_id.as_deref())?),
        None => row.case_id.clone(),
    };
    let tied = ContactRow { case_id, ..row.clone() };
    let standing = standing(tx, &tied, document.level(&assessment))?;
    let level = standing.clocked();
    let (narrative_key_id, narrative) = match words {
        Words::Kept => (row.narrative_key_id.clone(), row.narrative.clone()),
        Words::Removed => (None, None),
        Words::Replaced(words) => {
            let (key, sealed) = sealed_narrative(&vault, &row.id, &words)?;
            (Some(key), Some(sealed))
        }
    };
    let form = &document.form;
    let edited = Edited {
        version: row.version + 1,
        status: row.status,
        kind: form.kind,
        channel: form.channel,
        direction: form.direction,
        level: Some(level.code().to_owned()),
        case_id: tied.case_id.clone(),
        finished_at: row.finished_at,
        queued_at: form.queued_at,
        answered_at: form.answered_at,
        ended_at: form.ended_at,
        updated_at: tx.now,
        rejoin_index: form.rejoin_word.as_ref().map(|word| rejoin_index(&vault, word)),
        document: document.sealed(&key, &row.id, row.version + 1)?,
        narrative_key_id,
        narrative,
    };
    model::update(tx.db, &row.id, row.version, row.status, &edited)?;
    model::update_facts(tx.db, &against.counted((&row.id, row.status), &document, level, row.opened_at))?;
    if row.level.as_deref() != Some(level.code()) {
        tx.step(("contact", &row.id), "triaged", Some(level.code()))?;
    }
    if let Some(case_id) = &tied.case_id {
        bring(tx, case_id, &row.id, standing)?;
    }
    review_carried(tx, &tied, standing)?;
    if tied.case_id != row.case_id {
        review_repeats(tx, tied.case_id.as_deref())?;
    }
    keep_assessment(tx, row, &key, standing.rules, &assessment)?;
    follow(tx, &row.id, level, &assessment)
}

/// Stores the assessment when level, fired rules or clocks changed.
fn keep_assessment(
    tx: &mut Tx<'_>,
    row: &ContactRow,
    key: &DataKey,
    level: Level,
    assessment: &Assessment,
) -> Result<()> {
    let latest = model::latest_assessment(tx.db, &row.id)?;
    let before: Assessment = assessed::opened(key, &latest)?;
    let fired = |a: &Assessment| a.fired.iter().map(|fired| fired.rule.clone()).collect::<Vec<_>>();
    let clocks =
        |a: &Assessment| a.clocks.iter().map(|c| (c.name.clone(), c.state, c.closes_at.clone())).collect::<Vec<_>>();
    let same =
        latest.level == level.code() && fired(&before) == fired(assessment) && clocks(&before) == clocks(assessment);
    if same {
        return Ok(());
    }
    model::insert_assessment(tx.db, &assessed::sealed(key, &row.id, row.version + 1, level, assessment)?)
}

/// Ends a draft. What was not answered keeps its safe reading; nothing blocks. Errors: 404; 409
/// when it is finished already.
pub fn finish(tx: &mut Tx<'_>, actor: &Actor, reference: &str, ended_at: Option<Instant>) -> Result<String> {
    let row = model::find_in(tx.db, &Scope::of(actor, tx.now), reference)?;
    if row.status != Status::Draft {
        return Err(Error::conflict("finished"));
    }
    if ended_at.is_some_and(|at| at < row.opened_at || at > tx.now) {
        return Err(Error::invalid("/ended_at", "out_of_range"));
    }
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let mut document = Document::opened(&key, &row.id, row.version, &row.document)?;
    document.form.ended_at = ended_at.or(document.form.ended_at);
    let edited = Edited {
        version: row.version + 1,
        status: Status::Finished,
        kind: row.kind,
        channel: row.channel,
        direction: row.direction,
        level: row.level.clone(),
        case_id: row.case_id.clone(),
        finished_at: Some(tx.now),
        queued_at: row.queued_at,
        answered_at: row.answered_at,
        ended_at: document.form.ended_at,
        updated_at: tx.now,
        rejoin_index: None,
        document: document.sealed(&key, &row.id, row.version + 1)?,
        narrative_key_id: row.narrative_key_id.clone(),
        narrative: row.narrative.clone(),
    };
    model::update(tx.db, &row.id, row.version, Status::Draft, &edited)?;
    model::mark_finished(tx.db, &row.id)?;
    tx.step(("contact", &row.id), "finished", None)?;
    review_what_it_carries(tx, &row.id)?;
    duties::open_latest(tx, &row, &key)?;
    tx.trail("contacts.finish", ("contact", &row.reference), None)?;
    Ok(row.id)
}

/// Takes a draft up from another seat. Errors: 404 for a wrong word too, so that nothing is
/// confirmed to a guesser, and for somebody who must not know of her.
pub fn rejoin(tx: &mut Tx<'_>, actor: &Actor, reference: &str, word: &str) -> Result<String> {
    let row = model::find(tx.db, reference)?;
    let index = rejoin_index(&tx.setting.vault, word);
    let hidden = match &row.case_id {
        Some(case_id) => cases::blocked(tx.db, case_id)?.staff.contains(&actor.id),
        None => false,
    };
    if row.status != Status::Draft || row.rejoin_index != Some(index) || hidden {
        return Err(Error::NotFound);
    }
    if row.operator_id != actor.id && !model::hand_to(tx.db, &row, &actor.id, tx.now)? {
        return Err(Error::conflict("taken_up_elsewhere"));
    }
    tx.step(("contact", &row.id), "rejoined", None)?;
    tx.trail("contacts.rejoin", ("contact", &row.reference), None)?;
    Ok(row.id)
}

/// Ties a contact to the case that was opened for it. Errors: 409 when it has one.
pub fn set_case(tx: &mut Tx<'_>, contact_id: &str, case_id: &str) -> Result<()> {
    if model::tie_to_case(tx.db, contact_id, case_id)? {
        tx.step(("contact", contact_id), "tied_to_case", None)
    } else {
        Err(Error::conflict("has_a_case"))
    }
}
