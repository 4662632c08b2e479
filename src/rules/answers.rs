//! Answers as they are sent: read strictly, and refused without being repeated.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::Problem;
use crate::input::{self, At, Json};
use crate::triage::{Answer, FactError};

/// Answers as sent: ids in the shape of an id, values in the shape of an answer.
pub fn read_answers(json: &Json, at: &At<'_>) -> Option<BTreeMap<String, Answer>> {
    at.takes(schema);
    let Json::Object(members) = json else {
        at.problem("not_an_object");
        return None;
    };
    if members.len() > MOST_ANSWERS {
        at.problem("too_many");
        return None;
    }
    let mut read = BTreeMap::new();
    for (id, value) in members.iter().filter(|(_, value)| *value != Json::Null) {
        match answer(value) {
            Some(answer) => {
                read.insert(id.clone(), answer);
            }
            // The id is the sender's text; it is not repeated.
            None => at.problem("not_an_answer"),
        }
    }
    Some(read)
}

/// Answers as a JSON Schema: which indicators there are, and of what kind, is the rule set's word
/// (`GET /triage/rules`).
fn schema() -> Value {
    let (number, moment) = (json!({"type": "number"}), json!({"type": "string", "format": "date-time"}));
    json!({
        "type": "object",
        "maxProperties": MOST_ANSWERS,
        "description": "Answers by indicator, as GET /triage/rules lists them: yes, no, unknown, declined, not_applicable, a code of its list, a number, a moment, or a range of either.",
        "additionalProperties": {"anyOf": [
            {"type": "string", "minLength": 1, "maxLength": 256},
            {"type": "number"},
            {
                "type": "object",
                "properties": {"min": number, "max": number},
                "required": ["min"],
                "additionalProperties": false,
            },
            {
                "type": "object",
                "properties": {"earliest": moment, "latest": moment},
                "required": ["earliest", "latest"],
                "additionalProperties": false,
            },
            {"type": "null"},
        ]},
    })
}

/// More than any pack asks.
const MOST_ANSWERS: usize = 1000;

fn answer(json: &Json) -> Option<Answer> {
    match json {
        Json::Text(word) => input::clean(word, 64).ok().map(|word| Answer::from_word(&word)),
        Json::Number(_) | Json::Object(_) => {
            let bytes = serde_json::to_vec(json).ok()?;
            serde_json::from_slice(&bytes).ok()
        }
        _ => None,
    }
}

/// What is wrong with an answer, as a place and a code.
pub fn problem(error: &FactError) -> Problem {
    let at = |id: &str| format!("/answers/{id}");
    let (pointer, code, allowed) = match error {
        FactError::UnknownIndicator { .. } => ("/answers".to_owned(), "unknown_indicator", None),
        FactError::WrongKind { id, .. } => (at(id), "wrong_kind_of_answer", None),
        FactError::UnknownOption { id, options } => {
            (at(id), "not_allowed", Some(options.iter().map(|option| option.as_str().to_owned()).collect()))
        }
        FactError::OutOfRange { id, .. } => (at(id), "out_of_range", None),
        FactError::NotWhole { id } => (at(id), "not_a_whole_number", None),
    };
    Problem { pointer, code, allowed }
}
