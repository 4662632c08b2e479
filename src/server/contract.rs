//! The published contract: OpenAPI 3.1, put together from the route table. What each address takes
//! and answers was told by its handler's own types, so there is nothing here to keep in step.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::access::{Entry, Given, Routes, Taken};
use crate::error::KINDS;

const ABOUT: &str = "\
Call logging, triage and referral for hotlines that support survivors of gender-based violence.

Times are RFC 3339 in UTC. What has an `id` shows a random reference, such as `C-7K4M-9QX2-PDH`; in a path it may be \
written in small letters and without dashes. Unknown members, duplicate keys and unknown query parameters are refused. \
Every problem is an RFC 9457 document that lists all that is wrong and never repeats what was sent.";

/// Requests and answers as they really look, by operation.
static EXAMPLES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).unwrap_or_default());

/// The whole document. `url` is where the service is reached.
pub fn document(routes: &Routes, url: &str) -> Value {
    let mut schemas = SchemaGenerator::new(SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    }));
    let mut paths: Map<String, Value> = Map::new();
    for entry in routes.entries() {
        let told = operation(entry, &mut schemas);
        let path = paths.entry(entry.path.clone()).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(entry.method.as_str().to_ascii_lowercase(), told);
        }
    }
    let mut definitions = schemas.take_definitions(true);
    definitions.insert("Problem".into(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Goldaw",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": problems(),
            "securitySchemes": {"bearer": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The access_token of POST /api/v1/auth/login or /api/v1/auth/token.",
            }},
        },
    })
}

/// The group an address is read in: the resource, or what a path outside the API is for.
fn group(path: &str) -> &str {
    let Some(resource) = path.strip_prefix("/api/v1/") else {
        return match path.split('/').nth(1) {
            Some("p") => "partner",
            Some("health") => "health",
            Some(".well-known") => "security",
            _ => "contract",
        };
    };
    resource.split('/').next().unwrap_or_default()
}

fn operation(entry: &Entry, schemas: &mut SchemaGenerator) -> Value {
    let told = &entry.operation;
    let mut answers: Map<String, Value> = Map::new();
    for status in &told.refusals {
        answers.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{status}")}));
    }
    for given in &told.answers {
        answer(&mut answers, &told.id, given, schemas);
    }
    let mut operation = json!({
        "operationId": told.id,
        "summary": told.summary,
        "tags": [group(&entry.path)],
        "parameters": told.parameters,
        "responses": answers,
        "security": if entry.roles.is_empty() { json!([]) } else { json!([{"bearer": []}]) },
    });
    if let Some(members) = operation.as_object_mut() {
        if !entry.roles.is_empty() {
            let roles: Vec<&str> = entry.roles.iter().map(|role| role.code()).collect();
            members.insert("description".into(), json!(format!("For {}.", roles.join(", "))));
        }
        if let Some(Taken { media, required, schema }) = &told.body {
            let told = with_example(json!({"schema": schema}), &told.id, "request");
            let content: Map<_, _> = media.iter().map(|kind| ((*kind).to_owned(), told.clone())).collect();
            members.insert("requestBody".into(), json!({"required": required, "content": content}));
        }
    }
    operation
}

/// Adds a good answer; one status may have several media types.
fn answer(answers: &mut Map<String, Value>, id: &str, given: &Given, schemas: &mut SchemaGenerator) {
    let status = StatusCode::from_u16(given.status).ok();
    let words = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
    let known = answers.remove(&given.status.to_string());
    // A page that tells of a problem stands beside its document.
    let mut told = match known {
        Some(shared) if shared.get("$ref").is_some() => problem(given.status),
        Some(own) => own,
        None => json!({"description": words, "headers": headers(given.status)}),
    };
    if let (Some(told), Some((media, schema))) = (told.as_object_mut(), given.content) {
        let content = told.entry("content").or_insert_with(|| json!({}));
        if let Some(content) = content.as_object_mut() {
            content.insert(media.to_owned(), with_example(json!({"schema": schema(schemas)}), id, "response"));
        }
    }
    answers.insert(given.status.to_string(), told);
}

fn with_example(mut content: Value, id: &str, part: &str) -> Value {
    let example = EXAMPLES.get(id).and_then(|both| both.get(part));
    if let (Some(content), Some(example)) = (content.as_object_mut(), example) {
        content.insert("example".into(), example.clone());
    }
    content
}

/// The headers of a good answer that mean something to a client.
fn headers(status: u16) -> Value {
    let text = |told: &str| json!({"description": told, "schema": {"type": "string"}});
    let mut headers = json!({"X-Request-Id": text("The id of this request in the log and the trail.")});
    if let Some(headers) = headers.as_object_mut() {
        match status {
            201 => {
                headers.insert("Location".into(), text("Where it is now."));
                headers.insert("ETag".into(), text("Its version, where it has one."));
            }
            200 => {
                headers.insert("ETag".into(), text("Its version, where it has one."));
                headers.insert("Link".into(), text("The next page of a list, if there is one: <…>; rel=\"next\"."));
            }
            303 => {
                headers.insert("Location".into(), text("The page as it stands now."));
            }
            _ => {}
        }
    }
    headers
}

fn problems() -> Map<String, Value> {
    KINDS.iter().map(|kind| (kind.status.as_str().to_owned(), problem(kind.status.as_u16()))).collect()
}

/// The answer that all problems of one status share.
fn problem(status: u16) -> Value {
    let kinds: Vec<_> = KINDS.iter().filter(|kind| kind.status.as_u16() == status).collect();
    let types: Vec<String> = kinds.iter().map(|kind| format!("/problems/{}", kind.slug)).collect();
    let told: Vec<String> = kinds.iter().map(|kind| format!("{}. {}", kind.title, kind.meaning)).collect();
    let mut headers = headers(0);
    if let (Some(headers), 429 | 503) = (headers.as_object_mut(), status) {
        let seconds = json!({"description": "Seconds until a try may succeed.", "schema": {"type": "integer"}});
        headers.insert("Retry-After".into(), seconds);
    }
    json!({
        "description": told.join(" Or: "),
        "headers": headers,
        "content": {"application/problem+json": {"schema": {
            "allOf": [{"$ref": "#/components/schemas/Problem"}],
            "properties": {"type": {"enum": types}, "status": {"const": status}},
        }}},
    })
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. Further members name a reference or a code, never free text.",
        "properties": {
            "type": {"type": "string", "description": "A stable slug under /problems/, which tells what it means."},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "request_id": {"type": "string", "description": "The same as in X-Request-Id, the log and the trail."},
            "code": {"type": "string", "description": "What exactly, from a fixed list."},
            "version": {"type": "integer", "description": "The version that is stored now."},
            "claimed_by": {"type": "string", "description": "Who was first, by staff number."},
            "errors": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "RFC 6901 into the body, or ?name for a query parameter.",
                    },
                    "code": {"type": "string", "description": "What is wrong, from a fixed list."},
                    "allowed": {"type": "array", "items": {"type": "string"}, "description": "What would be accepted."},
                },
                "required": ["pointer", "code"],
            }},
        },
        "required": ["type", "title", "status", "request_id"],
    })
}
