//! Languages, and names that exist in several of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use serde_json::json;

use crate::input::{At, FromJson, Json, text, text_schema};

/// An ISO 639-1 code, or `sign`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Language(String);

impl Language {
    /// Reads a code: two small letters, or `sign`.
    pub fn from_code(code: &str) -> Option<Language> {
        let two = code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase());
        (two || code == "sign").then(|| Language(code.to_owned()))
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.0
    }
}

impl FromJson for Language {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        at.takes(|| json!({"type": "string", "pattern": "^([a-z]{2}|sign)$", "description": "ISO 639-1, or sign."}));
        let read = match json {
            Json::Text(code) => Language::from_code(code),
            _ => None,
        };
        if read.is_none() {
            at.problem("not_a_language");
        }
        read
    }
}

/// The longest name, in characters.
pub(super) const LONGEST_NAME: usize = 120;
/// The longest description, in characters.
pub(super) const LONGEST_DESCRIPTION: usize = 600;
/// In how many languages one thing may be named.
pub(super) const MOST_LANGUAGES: usize = 12;

/// A text per language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Names(BTreeMap<Language, String>);

impl Names {
    /// Reads names, one language at least.
    pub fn at_least_one(json: &Json, at: &At<'_>) -> Option<Names> {
        let names = Names::texts(json, at, LONGEST_NAME)?;
        if names.0.is_empty() {
            at.problem("required");
            return None;
        }
        Some(names)
    }

    /// Reads descriptions; there may be none.
    pub fn any_number(json: &Json, at: &At<'_>) -> Option<Names> {
        Names::texts(json, at, LONGEST_DESCRIPTION)
    }

    /// Texts that were read one by one.
    pub(super) fn of(texts: BTreeMap<Language, String>) -> Names {
        Names(texts)
    }

    fn texts(json: &Json, at: &At<'_>, longest: usize) -> Option<Names> {
        at.takes(|| {
            json!({
                "type": "object",
                "description": "A text per language.",
                "propertyNames": {"pattern": "^([a-z]{2}|sign)$"},
                "maxProperties": MOST_LANGUAGES,
                "additionalProperties": text_schema(longest),
            })
        });
        let Json::Object(members) = json else {
            at.problem("not_an_object");
            return None;
        };
        if members.len() > MOST_LANGUAGES {
            at.problem("too_many");
            return None;
        }
        // Every member is looked at before any fault ends the reading.
        let read: Vec<Option<(Language, String)>> = members
            .iter()
            .map(|(code, value)| {
                let language = Language::from_code(code);
                if language.is_none() {
                    at.problem("not_a_language");
                }
                let text = text(value, at, longest);
                Some((language?, text?))
            })
            .collect();
        read.into_iter().collect::<Option<BTreeMap<_, _>>>().map(Names)
    }

    /// The text in `language`; else in the first of `others` that has one; else in any.
    pub fn name_in(&self, language: &str, others: &[String]) -> &str {
        std::iter::once(language)
            .chain(others.iter().map(String::as_str))
            .find_map(|code| self.0.iter().find(|(known, _)| known.code() == code))
            .or_else(|| self.0.iter().next())
            .map_or("", |(_, name)| name)
    }

    /// Every language and its text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(language, text)| (language.code(), text.as_str()))
    }
}
