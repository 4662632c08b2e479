//! Files a deployment writes by hand (areas, a directory) go through the same strict readers as
//! request bodies, so that one rule holds for both and every fault is told at once.

use crate::error::{Error, Problem};
use crate::input::{FromJson, Json, read};

/// The file as a tree. Errors: a sentence with the line, as the file's own author needs it.
pub(super) fn tree(text: &str) -> Result<Json, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    Ok(json(toml::Value::Table(table)))
}

fn json(value: toml::Value) -> Json {
    match value {
        toml::Value::String(text) => Json::Text(text),
        toml::Value::Integer(number) => Json::Number(number.into()),
        toml::Value::Float(number) => serde_json::Number::from_f64(number).map_or(Json::Null, Json::Number),
        toml::Value::Boolean(value) => Json::Bool(value),
        // Dates are quoted in these files; a bare one is read as what it looks like.
        toml::Value::Datetime(date) => Json::Text(date.to_string()),
        toml::Value::Array(items) => Json::List(items.into_iter().map(json).collect()),
        toml::Value::Table(members) => {
            Json::Object(members.into_iter().map(|(key, value)| (key, json(value))).collect())
        }
    }
}

/// The lists at the top of a file, by name; a name that nobody asked for is a fault.
pub(super) fn lists<'a, const N: usize>(tree: &'a Json, names: [&str; N], faults: &mut Vec<String>) -> [&'a [Json]; N] {
    let Json::Object(members) = tree else { return [&[]; N] };
    for (key, value) in members {
        match value {
            _ if !names.contains(&key.as_str()) => faults.push(format!("[{key}]: there is no such table")),
            Json::List(_) => {}
            _ => faults.push(format!("[{key}]: must be written [[{key}]]")),
        }
    }
    names.map(|name| match tree.get(name) {
        Some(Json::List(items)) => items.as_slice(),
        _ => &[],
    })
}

/// Reads one entry of such a list; its problems join `faults` under the entry's own name.
pub(super) fn entry<T: FromJson>(list: &str, name: &str, item: &Json, faults: &mut Vec<String>) -> Option<T> {
    match read(item) {
        Ok(value) => Some(value),
        Err(Error::Invalid(problems)) => {
            faults.extend(problems.iter().map(|problem| fault(list, name, problem)));
            None
        }
        Err(_) => {
            faults.push(format!("{list} {name}: cannot be read"));
            None
        }
    }
}

/// One problem as a line for the terminal.
pub(super) fn fault(list: &str, name: &str, problem: &Problem) -> String {
    let allowed = problem.allowed.as_ref().map(|list| format!(" (one of: {})", list.join(", "))).unwrap_or_default();
    format!("{list} {name}: {} {}{allowed}", problem.pointer, problem.code)
}

/// How an entry is called in faults: the text under `key`, else its place in the file.
pub(super) fn label(item: &Json, key: &str, index: usize) -> String {
    match item.get(key) {
        Some(Json::Text(text)) => text.clone(),
        _ => format!("number {}", index + 1),
    }
}
