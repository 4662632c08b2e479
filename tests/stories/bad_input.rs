//! What nobody should send, sent to every address there is. The table comes from the router, so a
//! new address is asked too. Whatever comes: no 5xx, a problem document, none of the sender's words
//! back, nothing stored that was refused, and the same answers on both engines.

mod tricks;
mod world;

use goldaw::access::Entry;
use goldaw::server;
use serde_json::{Value, json};

use crate::support::floor::Floor;
use crate::support::http::Answer;
use crate::support::proof::Dice;
use crate::support::{Engine, Hotline, on_both_engines};
use world::World;

on_both_engines![
    a_body_that_cannot_be_read_is_refused_everywhere,
    a_query_nobody_asked_for_is_refused_everywhere,
    a_path_that_leads_nowhere_is_not_found_everywhere,
    headers_that_cannot_be_read_are_refused_everywhere,
];

/// Text that must never come back.
pub const MARK: &str = "zq-marked-zq";

/// Addresses that take no body at all: what is sent is not looked at.
const BODYLESS: [&str; 3] =
    ["POST /api/v1/auth/logout", "DELETE /api/v1/me/sessions", "DELETE /api/v1/me/sessions/{id}"];

fn name(entry: &Entry) -> String {
    format!("{} {}", entry.method, entry.path)
}

fn takes_a_body(entry: &Entry) -> bool {
    entry.method != "GET" && !BODYLESS.contains(&name(entry).as_str())
}

/// What must hold for every refusal.
fn assert_clean(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}: {answer:?}");
    assert!(!answer.text.contains(MARK), "{what}: {answer:?}");
    assert!(
        answer.headers.values().all(|value| !value.as_bytes().windows(MARK.len()).any(|w| w == MARK.as_bytes())),
        "{what}"
    );
}

/// Asks, and checks that a refusal left nothing behind.
fn refused(world: &World<'_>, entry: &Entry, asked: &world::Asked<'_>, expected: &[u16], what: &str) {
    let before = world.stored();
    let answer = world.ask(entry, asked);
    let what = format!("{what} at {}", name(entry));
    assert_clean(&answer, &what);
    assert!(expected.contains(&answer.status), "{what}: {expected:?}, but {answer:?}");
    assert_eq!(world.stored(), before, "{what}: refused and stored");
}

fn a_body_that_cannot_be_read_is_refused_everywhere(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let world = World::on(&floor);
    let big = format!("{{\"{MARK}\":\"{}\"}}", MARK.repeat(6000));
    let many = format!("{{{}}}", (0..3000).map(|n| format!("\"{n}\":{n}")).collect::<Vec<_>>().join(","));
    let deep =
        [format!("{}1{}", "[".repeat(60), "]".repeat(60)), "[".repeat(30_000), format!("{}1", "{\"a\":".repeat(3000))];
    let unreadable = [
        "{",
        "}",
        "nonsense zq-marked-zq",
        "{\"zq-marked-zq\":",
        "{\"zq-marked-zq\":1,\"zq-marked-zq\":2}",
        "{'a':1}",
        "{\"a\":1}{\"a\":1}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":01}",
        "{\"a\":\"\u{1}\"}",
        "[1,2",
        "\u{feff}{}",
    ];
    let wrong = ["[]", "17", "null", "true", "\"zq-marked-zq\"", "{\"zq-marked-zq\":\"zq-marked-zq\"}"];
    for entry in server::routes().entries().iter().filter(|entry| takes_a_body(entry)) {
        let page = entry.path.starts_with("/p/");
        let refused = |body: &str, expected: &[u16], what: &str| {
            refused(&world, entry, &world::Asked { body: Some(body), ..world.usual() }, expected, what);
        };
        unreadable.iter().for_each(|body| refused(body, &[400], body));
        deep.iter().for_each(|body| refused(body, if page { &[400, 413] } else { &[400] }, "nested deep"));
        wrong.iter().for_each(|body| refused(body, &[422], body));
        refused(&big, &[413], "too large");
        refused(&many, &[422, 413], "many members");
        for kind in [
            "text/plain",
            "text/html",
            "multipart/form-data; boundary=zq-marked-zq",
            "",
            "zq-marked-zq",
            "application/xml",
        ] {
            let asked = world::Asked { kind, body: Some("{\"zq-marked-zq\":1}"), ..world.usual() };
            super::bad_input::refused(&world, entry, &asked, &[415], kind);
        }
    }
}

fn a_query_nobody_asked_for_is_refused_everywhere(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let world = World::on(&floor);
    // A page or its forms may carry what a mail program appends to links.
    for entry in server::routes().entries().iter().filter(|entry| !entry.path.starts_with("/p/")) {
        let body = world.body_of(entry).to_string();
        let body = takes_a_body(entry).then_some(body.as_str());
        for (query, expected) in [
            ("zq-marked-zq=1", &[422][..]),
            ("zq-marked-zq", &[422]),
            ("limit=5&zq-marked-zq=1", &[422]),
            ("zq-marked-zq=1&zq-marked-zq=2", &[400, 422]),
            ("%ff=%fe", &[400, 422]),
            ("limit=zq-marked-zq", &[422]),
            ("after=zq-marked-zq", &[422]),
            ("limit=99999999999999999999", &[422]),
            ("limit=1&limit=1", &[400, 422]),
        ] {
            refused(&world, entry, &world::Asked { query, body, ..world.usual() }, expected, query);
        }
    }
}

fn a_path_that_leads_nowhere_is_not_found_everywhere(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let world = World::on(&floor);
    for entry in server::routes().entries().iter().filter(|entry| entry.path.contains("{id}")) {
        let body = world.body_of(entry).to_string();
        let body = takes_a_body(entry).then_some(body.as_str());
        for id in [
            MARK,
            "0",
            "-1",
            "%00",
            "%ff",
            "..",
            "%2e%2e",
            "C-0000-0000-001",
            "0000-0000-000",
            "%27%20OR%201=1--",
            "%F0%9F%92%94",
            "019ab000-0000-7000-8000-000000000000",
        ] {
            let asked = world::Asked { id: Some(id), body, ..world.usual() };
            refused(&world, entry, &asked, &[404], id);
        }
    }
}

fn headers_that_cannot_be_read_are_refused_everywhere(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let world = World::on(&floor);
    let mut keyed = 0;
    for entry in server::routes().entries().iter().filter(|entry| takes_a_body(entry) && !entry.roles.is_empty()) {
        let body = world.body_of(entry).to_string();
        for key in
            ["short", "zq-marked-zq with spaces", &MARK.repeat(20), "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}"]
        {
            let asked = world::Asked { key: Some(key), id: Some("0000-0000-000"), body: Some(&body), ..world.usual() };
            let answer = world.ask(entry, &asked);
            assert!(answer.status < 500 && !answer.text.contains(MARK), "{}: {answer:?}", name(entry));
            keyed += usize::from(answer.status == 400);
        }
        if matches!(entry.method.as_str(), "PATCH" | "PUT") && !entry.path.ends_with("/blocked") {
            for tag in ["1", "\"zq-marked-zq\"", "W/\"1\"", "*", "\"99999999999\"", "\"1\", \"2\"", "\"\""] {
                refused(
                    &world,
                    entry,
                    &world::Asked { tag: Some(tag), body: Some(&body), ..world.usual() },
                    &[400],
                    tag,
                );
            }
            refused(
                &world,
                entry,
                &world::Asked { tag: None, body: Some(&body), ..world.usual() },
                &[428],
                "no If-Match",
            );
        }
    }
    assert!(keyed > 80, "most take a key: {keyed} refusals");
}

/// What a leaf of a body is replaced with.
fn wrong_leaves() -> Vec<Value> {
    vec![
        json!(MARK),
        json!(format!("{MARK}\u{0}")),
        json!(format!("\u{202E}{MARK}")),
        json!(""),
        json!("2026-02-30T25:61:00Z"),
        json!("+12026-01-01T00:00:00Z"),
        json!("2026-1-1"),
        json!(1e300),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(true),
        json!([]),
        json!({}),
        json!([MARK]),
        json!({MARK: MARK}),
        json!(MARK.repeat(3000)),
        json!([[[[[[MARK]]]]]]),
    ]
}

/// Every body with one place of it made wrong.
fn spoiled(body: &Value, dice: &mut Dice) -> Vec<(String, Value)> {
    let wrong = wrong_leaves();
    let mut all = Vec::new();
    for pointer in pointers(body, String::new()) {
        for _ in 0..2 {
            let value = &wrong[dice.throw(wrong.len() as u64) as usize];
            let mut spoiled = body.clone();
            *spoiled.pointer_mut(&pointer).unwrap() = value.clone();
            let shown: String = value.to_string().chars().take(40).collect();
            all.push((format!("{pointer} = {shown}"), spoiled));
        }
    }
    all
}

fn pointers(value: &Value, here: String) -> Vec<String> {
    let mut all = vec![here.clone()];
    match value {
        Value::Object(members) => {
            all.extend(members.iter().flat_map(|(name, value)| pointers(value, format!("{here}/{name}"))))
        }
        Value::Array(items) => {
            all.extend(items.iter().enumerate().flat_map(|(n, value)| pointers(value, format!("{here}/{n}"))))
        }
        _ => {}
    }
    all
}

/// One line for each spoiled body: what was wrong, and what was answered.
fn answers(engine: Engine) -> Vec<String> {
    let hotline = Hotline::open(engine);
    let floor = Floor::asking_all(&hotline);
    let world = World::on(&floor);
    let mut dice = Dice::new();
    let mut told = Vec::new();
    for entry in server::routes().entries().iter().filter(|entry| takes_a_body(entry) && !entry.path.starts_with("/p/"))
    {
        for (what, body) in spoiled(&world.body_of(entry), &mut dice) {
            let before = world.stored();
            let answer = world.ask(entry, &world::Asked { body: Some(&body.to_string()), ..world.usual() });
            let what = format!("{}: {what}", name(entry));
            if answer.status >= 400 {
                assert_clean(&answer, &what);
                assert_eq!(world.stored(), before, "{what}: refused and stored");
            }
            told.push(format!("{what} -> {} {} {}", answer.status, answer.json["code"], answer.json["errors"]));
        }
    }
    told
}

#[test]
fn a_body_with_one_wrong_place_is_answered_alike_on_both_engines() {
    let (sqlite, postgres) = (answers(Engine::Sqlite), answers(Engine::Postgres));
    assert!(sqlite.len() > 400, "{} bodies", sqlite.len());
    for (one, other) in sqlite.iter().zip(&postgres) {
        assert_eq!(one, other);
    }
    let refused = sqlite.iter().filter(|line| line.contains("-> 422")).count();
    assert!(refused * 2 > sqlite.len(), "{refused} of {} were refused for what was wrong in them", sqlite.len());
}
