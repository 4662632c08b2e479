//! The contract as tables for people: every member on a line of its own, the nested ones below.

use std::collections::BTreeMap;

use serde_json::Value;

/// Members nested deeper than this are left to the machine's document.
const DEEPEST: usize = 3;

/// What belongs to one resource.
pub(super) struct Chapter<'a> {
    pub name: &'a str,
    pub calls: Vec<Call<'a>>,
}

/// One address and method.
pub(super) struct Call<'a> {
    pub id: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    /// The path without what all share.
    pub short: &'a str,
    pub summary: &'a str,
    pub who: &'a str,
    pub parameters: Vec<Row<'a>>,
    pub body: Vec<Row<'a>>,
    /// A body as it may look.
    pub example: String,
    pub answers: Vec<Good<'a>>,
    pub refusals: Vec<&'a str>,
}

/// A good answer.
pub(super) struct Good<'a> {
    pub status: &'a str,
    pub rows: Vec<Row<'a>>,
    /// As it may look.
    pub example: String,
}

/// One member.
pub(super) struct Row<'a> {
    pub name: &'a str,
    pub shape: String,
    pub required: bool,
    pub told: &'a str,
    pub depth: usize,
}

/// The document by resource, in the order of their names.
pub(super) fn chapters(document: &Value) -> Vec<Chapter<'_>> {
    let mut chapters: BTreeMap<&str, Vec<Call<'_>>> = BTreeMap::new();
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let name = text(operation.get("tags").and_then(|tags| tags.get(0)));
            chapters.entry(name).or_default().push(call(document, path, method, operation));
        }
    }
    chapters.into_iter().map(|(name, calls)| Chapter { name, calls }).collect()
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

fn call<'a>(document: &'a Value, path: &'a str, method: &'a str, operation: &'a Value) -> Call<'a> {
    let answers = || operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    let is_good = |status: &str| status.starts_with(['2', '3']);
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    Call {
        id: text(operation.get("operationId")),
        method,
        path,
        short: path.strip_prefix("/api/v1").unwrap_or(path),
        summary: text(operation.get("summary")),
        who: operation.get("description").map_or("For anyone.", |told| text(Some(told))),
        parameters: parameters.map(|told| parameter(document, told)).collect(),
        body: schema(operation.get("requestBody")).map(|schema| rows(document, schema)).unwrap_or_default(),
        example: example(operation.get("requestBody")),
        answers: answers()
            .filter(|(status, _)| is_good(status))
            .map(|(status, told)| Good {
                status,
                rows: schema(Some(told)).map(|schema| rows(document, schema)).unwrap_or_default(),
                example: example(Some(told)),
            })
            .collect(),
        refusals: answers().map(|(status, _)| status.as_str()).filter(|status| !is_good(status)).collect(),
    }
}

fn parameter<'a>(document: &'a Value, told: &'a Value) -> Row<'a> {
    let schema = told.get("schema").unwrap_or(&Value::Null);
    Row {
        name: text(told.get("name")),
        shape: shape(document, schema),
        required: told.get("required") == Some(&Value::Bool(true)),
        told: text(told.get("description").or_else(|| schema.get("description"))),
        depth: 0,
    }
}

/// The schema of a body or an answer in JSON, if it has one.
fn schema(told: Option<&Value>) -> Option<&Value> {
    content(told)?.get("schema")
}

fn example(told: Option<&Value>) -> String {
    let example = content(told).and_then(|content| content.get("example"));
    example.and_then(|example| serde_json::to_string_pretty(example).ok()).unwrap_or_default()
}

fn content(told: Option<&Value>) -> Option<&Value> {
    told?.get("content")?.get("application/json")
}

fn rows<'a>(document: &'a Value, schema: &'a Value) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    add_members(document, schema, 0, &mut rows);
    rows
}

/// Adds the members of an object, or of a list's items, or of each of several shapes.
fn add_members<'a>(document: &'a Value, schema: &'a Value, depth: usize, rows: &mut Vec<Row<'a>>) {
    if depth > DEEPEST {
        return;
    }
    let schema = resolved(document, schema);
    for shape in alternatives(schema) {
        add_members(document, shape, depth, rows);
    }
    if let Some(items) = schema.get("items") {
        add_members(document, items, depth, rows);
    }
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        names.into_iter().any(|known| known == name)
    };
    for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if rows.iter().any(|row| row.depth == depth && row.name == name && depth == 0) {
            continue;
        }
        let told = member.get("description").or_else(|| resolved(document, member).get("description"));
        rows.push(Row { name, shape: shape(document, member), required: required(name), told: text(told), depth });
        add_members(document, member, depth + 1, rows);
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let found = schema.get("$ref").and_then(Value::as_str).and_then(|at| document.pointer(at.trim_start_matches('#')));
    found.unwrap_or(schema)
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|name| schema.get(name)?.as_array()).flatten()
}

/// A member's shape in a few words.
fn shape(document: &Value, schema: &Value) -> String {
    let schema = resolved(document, schema);
    if let Some(codes) = schema.get("enum").and_then(Value::as_array) {
        let codes: Vec<&str> = codes.iter().filter_map(Value::as_str).collect();
        return codes.join(" | ");
    }
    if let Some(only) = schema.get("const") {
        return only.as_str().map_or_else(|| only.to_string(), str::to_owned);
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", shape(document, items));
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        other => other.and_then(Value::as_str),
    };
    let kind = text(schema.get("format")).split(' ').next().filter(|format| !format.is_empty()).or(kind);
    match (kind, schema.get("minimum").or_else(|| schema.get("maximum"))) {
        (Some("integer" | "number" | "int32" | "int64"), Some(_)) => {
            let end = |name| schema.get(name).map(Value::to_string).unwrap_or_default();
            format!("{}–{}", end("minimum"), end("maximum"))
        }
        (Some("int32" | "int64" | "uint" | "uint8" | "uint32"), None) => "integer".into(),
        (Some(kind), _) => kind.into(),
        (None, _) => {
            let shapes: Vec<String> = alternatives(schema).map(|other| shape(document, other)).collect();
            let said: Vec<&str> = shapes.iter().map(String::as_str).filter(|said| *said != "null").collect();
            said.join(" or ")
        }
    }
}
