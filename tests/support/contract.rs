//! The published contract, held against every answer that any story gets: an address, a status, a
//! media type, a member or a value that it does not name fails the story.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use goldaw::server;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

static CONTRACT: LazyLock<Value> = LazyLock::new(|| closed(server::contract(&server::routes(), "")));

/// The contract as stories hold it: closed to members it does not name.
pub fn contract() -> &'static Value {
    &CONTRACT
}

/// What is wrong with a value, by a schema of the contract's.
pub fn wrong(schema: &Value, value: &Value) -> Vec<String> {
    validator(schema).iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Fails unless this answer is one the contract names. What is no address of the contract's is the
/// business of who asks.
pub fn hold(asked: (&str, &str), status: u16, media: &str, text: &str) {
    let (method, path) = asked;
    let path = path.split('?').next().unwrap();
    let Some((template, operation)) = operation(method, path) else { return };
    let place = format!("{method} {template} {status}");
    let answer = operation["responses"].get(status.to_string());
    let answer = answer.unwrap_or_else(|| panic!("{place}: a status the contract does not name: {text}"));
    let answer = match answer.get("$ref").and_then(Value::as_str) {
        Some(shared) => CONTRACT.pointer(shared.trim_start_matches('#')).unwrap(),
        None => answer,
    };
    let media = media.split(';').next().unwrap().trim();
    let Some(content) = answer.get("content") else {
        assert_eq!(text, "", "{place}: a body the contract does not name");
        return;
    };
    let told = content.get(media).unwrap_or_else(|| panic!("{place}: a media type it does not name: {media:?}"));
    if media.ends_with("json") {
        let body: Value = serde_json::from_str(text).unwrap();
        let wrong = wrong(&told["schema"], &body);
        assert!(wrong.is_empty(), "{place}: not as the contract says: {}\n{body:#}", wrong.join("\n"));
    }
}

fn operation(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let paths = CONTRACT["paths"].as_object().unwrap();
    let fits = |template: &str| {
        let (known, asked) = (template.split('/'), path.split('/'));
        template.split('/').count() == path.split('/').count()
            && known.zip(asked).all(|(known, asked)| known.starts_with('{') || known == asked)
    };
    // As in the server, a literal address stands before a pattern.
    let found = paths.get_key_value(path).or_else(|| paths.iter().find(|(template, _)| fits(template)));
    let (template, methods) = found?;
    Some((template, methods.get(method.to_ascii_lowercase())?))
}

fn validator(schema: &Value) -> Arc<Validator> {
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let made = || {
        let whole = json!({"allOf": [schema], "components": CONTRACT["components"]});
        Arc::new(jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap())
    };
    known.entry(schema.to_string()).or_insert_with(made).clone()
}

/// The contract lets clients meet members they do not know; our own answers must not have any.
fn closed(mut contract: Value) -> Value {
    let schemas = contract["components"]["schemas"].as_object_mut().unwrap();
    for (name, schema) in schemas.iter_mut().filter(|(name, _)| *name != "Problem") {
        if let Value::Object(members) = schema {
            close(name, members);
        }
    }
    contract
}

fn close(name: &str, schema: &mut Map<String, Value>) {
    let is_open = schema.contains_key("properties") && !schema.contains_key("additionalProperties");
    // A shape of several is closed where each of them is.
    if is_open && !["Capacity", "Eligibility", "Stock"].contains(&name) {
        schema.insert("unevaluatedProperties".into(), false.into());
    }
}
