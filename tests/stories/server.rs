//! How the server answers what it should not have been asked.

use goldaw::access::{Done, Open, Role, Routes};
use goldaw::server;
use serde_json::json;

use crate::support::http::{Answer, TestApp};
use crate::support::{Engine, Hotline};

/// Text that must never come back.
const MARK: &str = "zq-marked-zq";

/// One shape for everything that goes wrong.
fn assert_problem(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    assert_eq!(answer.json["type"], format!("/problems/{slug}"), "{answer:?}");
    assert_eq!(answer.json["status"], status);
    assert_eq!(answer.json["request_id"], answer.header("x-request-id"));
    assert_dressed(answer);
    assert!(!answer.text.contains(MARK), "{answer:?}");
    assert!(answer.headers.values().all(|value| !value.to_str().unwrap().contains(MARK)), "{answer:?}");
}

fn assert_dressed(answer: &Answer) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let id = answer.header("x-request-id");
    assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
}

#[test]
fn addresses_and_methods_that_do_not_exist_are_told_in_one_shape() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = TestApp::start(&hotline);
    assert_problem(&app.get(&format!("/{MARK}"), ""), 404, "not-found");
    assert_problem(&app.get(&format!("/api/v1/contacts/{MARK}/nothing"), ""), 404, "not-found");
    let wrong = app.post("/health/live", "", &json!({}));
    assert_problem(&wrong, 405, "method-not-allowed");
    assert_eq!(wrong.header("allow"), "GET");
    let wrong = app.ask("DELETE", "/api/v1/contacts", "", &[], None);
    assert_eq!((wrong.status, wrong.header("allow")), (405, "POST, GET"));
    assert_problem(&app.ask("BREW", "/health/live", "", &[], None), 405, "method-not-allowed");
    let head = app.ask("HEAD", "/nowhere", "", &[], None);
    assert_eq!((head.status, head.text.as_str()), (404, ""));
    assert_dressed(&head);
}

#[test]
fn a_healthy_server_says_so_with_every_header_on() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = TestApp::start(&hotline);
    for path in ["/health/live", "/health/ready"] {
        let answer = app.get(path, "");
        assert_eq!(answer.status, 200);
        assert_dressed(&answer);
    }
    assert_ne!(app.get("/health/live", "").header("x-request-id"), app.get("/health/live", "").header("x-request-id"));
    assert_problem(&app.get(&format!("/health/live?{MARK}=1"), ""), 422, "invalid");
}

#[test]
fn a_stranger_is_asked_to_sign_in_before_anything_else_is_looked_at() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = TestApp::start(&hotline);
    for answer in [
        app.get("/api/v1/audit", ""),
        app.get(&format!("/api/v1/audit?{MARK}"), MARK),
        app.ask("POST", "/api/v1/contacts", "", &[("content-type", "text/plain")], Some(MARK)),
    ] {
        assert_problem(&answer, 401, "signed-out");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[test]
fn a_body_that_cannot_be_taken_is_refused_by_what_is_wrong_with_it() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = TestApp::start(&hotline);
    let token = app.sign_in(&hotline, "op-07", Role::Operator).token;
    let send = |kind: &str, body: &str| {
        app.ask(
            "POST",
            "/api/v1/contacts",
            &token,
            &[("content-type", kind), ("idempotency-key", "key-00001")],
            Some(body),
        )
    };
    assert_problem(&send("text/plain", MARK), 415, "unsupported-media-type");
    assert_problem(&send("application/json", &format!("{{\"{MARK}")), 400, "malformed");
    assert_problem(&send("application/json", &format!("{{\"{MARK}\":1,\"{MARK}\":2}}")), 400, "malformed");
    assert_problem(&send("application/json", &format!("{{\"{MARK}\":1}}")), 422, "invalid");
    assert_problem(&send("application/json", &format!("\"{}\"", MARK.repeat(10_000))), 413, "too-large");
    let chunked = format!(
        "POST /api/v1/contacts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nidempotency-key: key-00001\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{}0\r\n\r\n",
        format!("1000\r\n{}\r\n", "7".repeat(4096)).repeat(20)
    );
    assert!(app.raw(chunked.as_bytes()).starts_with("HTTP/1.1 413 "));
}

#[test]
fn odd_paths_and_long_queries_are_refused_clearly() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = TestApp::start(&hotline);
    let token = app.sign_in(&hotline, "op-07", Role::Operator).token;
    for path in ["%ff%fe", "%00", "..%2f..%2fetc", "C-7K4M-9QX2-PDH%0d%0aX:1", "%3Cscript%3E", "%F0%9F%92%94"] {
        assert_problem(&app.get(&format!("/api/v1/contacts/{path}"), &token), 404, "not-found");
    }
    assert_problem(&app.get(&format!("/api/v1/contacts?after={}", "a".repeat(2100)), &token), 400, "malformed");
    assert_problem(&app.get(&format!("/{}", "a".repeat(2000)), &token), 404, "not-found");
    assert_problem(&app.get("/api/v1/contacts?limit=1&limit=2", &token), 400, "malformed");
    assert_problem(&app.get(&format!("/api/v1/contacts?limit={MARK}"), &token), 422, "invalid");
}

#[test]
fn bytes_that_are_not_http_are_refused_and_the_server_goes_on() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = TestApp::start(&hotline);
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(40_000));
    for (bytes, status) in [
        (b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), "400"),
        (b"GET / HTTP/9.9\r\n\r\n".to_vec(), "400"),
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), "400"),
        (b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_vec(), "400"),
        (many.into_bytes(), "4"),
    ] {
        let told = app.raw(&bytes);
        // A client that is still writing may see its connection reset instead of the answer.
        assert!(told.is_empty() || told.starts_with(&format!("HTTP/1.1 {status}")), "{told}");
    }
    assert_eq!(app.get("/health/live", "").status, 200);
}

async fn stumble(_: Open) -> goldaw::error::Result<Done> {
    panic!("{MARK}")
}

#[test]
fn a_handler_that_panics_ends_its_own_request_and_no_other() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app =
        TestApp::with(&hotline, || server::routes().with(Routes::at("/stumble").get("", stumble, "Stumbles")), |_| {});
    for _ in 0..3 {
        assert_problem(&app.get("/stumble", ""), 500, "internal");
        assert_eq!(app.get("/health/live", "").status, 200);
    }
}
