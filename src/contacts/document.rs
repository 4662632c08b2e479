//! The sealed document: the form, when elapsing answers were given, and a level that is held.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::ContactForm;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{self, Json};
use crate::triage::{Answer, Assessment, Facts, Level};
use crate::vault::{DataKey, Padding, Place, open, seal};

/// Everything about her and the call except her own words.
#[derive(Debug, Clone)]
pub struct Document {
    /// What was heard.
    pub form: ContactForm,
    /// When each answer was given, for those that age.
    pub said_at: BTreeMap<String, Instant>,
    /// A level reached by answers that have since become unknown.
    pub held: Option<Held>,
}

/// An answer that goes from yes to unknown in mid-call keeps its level until it is confirmed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The level that stays.
    pub level: Level,
    /// The indicators that were yes.
    pub by: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Beside {
    said_at: BTreeMap<String, Instant>,
    held: Option<Held>,
}

impl Document {
    /// A new document of a form. What it says was said when the contact began, however late it is
    /// written down.
    pub fn new(form: ContactForm, now: Instant) -> Document {
        let said = form.opened_at.map_or(now, |opened| opened.min(now));
        let said_at = form.answers.keys().map(|id| (id.clone(), said)).collect();
        Document { form, said_at, held: None }
    }

    /// This document with another form in its place: answers that changed were given at `said`.
    pub fn changed(self, form: ContactForm, said: Instant) -> Document {
        let before = &self.form.answers;
        let said_at = form
            .answers
            .iter()
            .map(|(id, answer)| {
                let same = before.get(id) == Some(answer);
                (id.clone(), if same { self.said_at.get(id).copied().unwrap_or(said) } else { said })
            })
            .collect();
        Document { form, said_at, held: self.held }
    }

    /// Holds `level` while anything that was a yes, in an answer or in a field, is no longer known.
    pub fn hold(&mut self, before: &Facts, after: &Facts, level: Level) {
        let settled = |id: &str| matches!(after.get(id), Some(Answer::Yes | Answer::No | Answer::NotApplicable));
        let held = self.held.take();
        let mut by: Vec<String> = held.iter().flat_map(|held| held.by.clone()).filter(|id| !settled(id)).collect();
        let doubted = before.iter().filter(|(id, answer)| **answer == Answer::Yes && !settled(id.as_str()));
        by.extend(doubted.map(|(id, _)| id.as_str().to_owned()));
        let highest = held.map_or(level, |held| held.level.or_higher(level));
        self.held = (!by.is_empty()).then_some(Held { level: highest, by });
    }

    /// The level to show and clock: the assessment's, or the held one if that is higher.
    pub fn level(&self, assessment: &Assessment) -> Level {
        self.held.as_ref().map_or(assessment.level, |held| assessment.level.or_higher(held.level))
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        let beside = Beside { said_at: self.said_at.clone(), held: self.held.clone() };
        serde_json::to_vec(&(&self.form, beside)).map_err(|_| Error::Internal("a document cannot be written"))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Document> {
        let broken = |_| Error::Internal("a document cannot be read");
        let (form, beside): (&serde_json::value::RawValue, Beside) = serde_json::from_slice(bytes).map_err(broken)?;
        // The same strict reader as for a request: what is stored was written by it.
        let form = input::read(&Json::parse(form.get().as_bytes())?)
            .map_err(|_| Error::Internal("a document cannot be read"))?;
        Ok(Document { form, said_at: beside.said_at, held: beside.held })
    }

    /// Seals it for one version of one contact: an older version put back in its place does not
    /// open. Errors: 503 without random bytes.
    pub fn sealed(&self, key: &DataKey, contact_id: &str, version: i32) -> Result<Vec<u8>> {
        seal_at(key, "document", contact_id, version, &self.bytes()?)
    }

    /// Opens what [`Document::sealed`] made.
    pub fn opened(key: &DataKey, contact_id: &str, version: i32, sealed: &[u8]) -> Result<Document> {
        Document::from_bytes(open_at(key, "document", contact_id, version, sealed)?.as_slice())
    }
}

/// Seals bytes into a column of the contact's row.
pub fn seal_at(key: &DataKey, column: &str, contact_id: &str, version: i32, bytes: &[u8]) -> Result<Vec<u8>> {
    let row = format!("{contact_id}#{version}");
    Ok(seal(key, &Place { table: "contacts", column, row: &row }, bytes, Padding::SizeClass)?)
}

/// Opens bytes from a column of the contact's row.
pub fn open_at(key: &DataKey, column: &str, contact_id: &str, version: i32, sealed: &[u8]) -> Result<Vec<u8>> {
    let row = format!("{contact_id}#{version}");
    let plain = open(key, &Place { table: "contacts", column, row: &row }, sealed)?;
    Ok(plain.reveal().clone())
}
