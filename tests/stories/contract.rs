//! The published contract: whole, true, and readable. That every answer is as it says is held by
//! every story, see `support::contract`.

use std::collections::BTreeSet;

use goldaw::error::KINDS;
use goldaw::server;
use serde_json::Value;

use crate::support::contract::{contract, wrong};
use crate::support::http::TestApp;
use crate::support::{Engine, Hotline};

fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = contract()["paths"].as_object().unwrap();
    let each = |(path, methods): (&'static String, &'static Value)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    };
    paths.iter().flat_map(each).collect()
}

/// Calls back for every value inside a value, with its place.
fn walk(value: &Value, place: &str, tell: &mut impl FnMut(&Value, &str)) {
    tell(value, place);
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| walk(member, &format!("{place}/{name}"), tell))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| walk(item, &format!("{place}/{at}"), tell))
        }
        _ => {}
    }
}

#[test]
fn every_address_of_the_router_stands_in_it_and_no_other() {
    let table = server::routes();
    let known: BTreeSet<String> =
        table.entries().iter().map(|entry| format!("{} {}", entry.method, entry.path)).collect();
    let told: BTreeSet<String> =
        operations().iter().map(|(path, method, _)| format!("{} {path}", method.to_uppercase())).collect();
    assert_eq!(known, told);
    let ids: BTreeSet<&str> = operations().iter().map(|(_, _, told)| told["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), known.len(), "each has a name of its own");
}

#[test]
fn each_operation_tells_its_purpose_its_path_and_who_may() {
    for (path, method, told) in operations() {
        let place = format!("{method} {path}");
        assert!(told["summary"].as_str().is_some_and(|words| words.len() > 3), "{place}");
        let parameters = told["parameters"].as_array().unwrap();
        let named: BTreeSet<&str> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named, in_path, "{place}");
        let guarded = !told["security"].as_array().unwrap().is_empty();
        assert_eq!(told.get("description").is_some(), guarded, "{place}");
        let statuses = told["responses"].as_object().unwrap();
        assert!(statuses.keys().any(|status| status.starts_with('2')), "{place}");
        assert!(!guarded || (statuses.contains_key("401") && statuses.contains_key("403")), "{place}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_says_something() {
    let mut count = 0;
    walk(contract(), "", &mut |value, place| {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            assert!(contract().pointer(target.trim_start_matches('#')).is_some(), "{place}: {target}");
            count += 1;
        }
        if let Some(members) =
            value.get("properties").and_then(Value::as_object).filter(|_| !place.ends_with("properties"))
        {
            for (name, schema) in members {
                let says = schema.as_object().is_some_and(|schema| !schema.is_empty());
                assert!(says, "{place}: the reader of {name} does not say what it takes");
            }
        }
    });
    assert!(count > 300, "{count} references");
}

#[test]
fn every_example_is_right_by_its_schema_and_every_body_has_one() {
    let mut seen = 0;
    for (path, method, told) in operations() {
        let place = format!("{method} {path}");
        if let Some(content) = told.pointer("/requestBody/content/application~1json") {
            let asks = content["schema"]["properties"].as_object().is_some_and(|members| !members.is_empty());
            assert_eq!(content.get("example").is_some(), asks, "{place}");
            if let Some(example) = content.get("example") {
                assert_eq!(wrong(&content["schema"], example), [""; 0], "{place}");
                seen += 1;
            }
        }
        for (status, answer) in told["responses"].as_object().unwrap() {
            let Some(content) = answer.pointer("/content/application~1json") else { continue };
            if let Some(example) = content.get("example") {
                assert_eq!(wrong(&content["schema"], example), [""; 0], "{place} {status}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen} examples");
}

#[test]
fn the_served_document_is_this_one_and_the_page_shows_all_of_it_without_a_script() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = TestApp::start(&hotline);
    let served = app.get("/openapi.json", "");
    assert_eq!((served.status, served.header("content-type")), (200, "application/json"));
    assert_eq!(served.json["openapi"], "3.1.0");
    assert_eq!(served.json["paths"].as_object().unwrap().len(), contract()["paths"].as_object().unwrap().len());
    let page = app.get("/docs", "");
    assert_eq!(page.status, 200);
    for (path, _, told) in operations() {
        assert!(page.text.contains(path) && page.text.contains(told["operationId"].as_str().unwrap()), "{path}");
    }
    assert!(!page.text.contains("<script") && !page.text.contains("style=\""));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(app.get("/docs/style.css", "").header("content-type"), "text/css; charset=utf-8");
}

#[test]
fn the_type_of_every_problem_leads_to_a_page_that_explains_it() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = TestApp::start(&hotline);
    for kind in KINDS {
        let page = app.get(&format!("/problems/{}", kind.slug), "");
        assert_eq!(page.status, 200, "{}", kind.slug);
        assert!(page.text.contains("<h1>"), "{}", kind.slug);
        let shared = &contract()["components"]["responses"][kind.status.as_str()];
        assert!(shared["description"].as_str().unwrap().contains(kind.meaning), "{}", kind.slug);
    }
    assert_eq!(app.get("/problems/nothing", "").status, 404);
    let refused = app.get("/nowhere", "");
    assert_eq!(app.get(refused.json["type"].as_str().unwrap(), "").status, 200);
}
