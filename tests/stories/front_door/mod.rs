//! The door strangers stand before: TLS, clients that are slow or mean harm, and what Prometheus and
//! finders of holes are told.

mod figures;
mod secrecy;
mod slow;

use goldaw::access::Routes;
use goldaw::server;
use serde_json::json;

use crate::support::http::TestApp;
use crate::support::{Engine, Hotline};

#[test]
fn whoever_finds_a_hole_is_told_whom_to_tell() {
    let hotline = Hotline::open(Engine::Sqlite);
    let told = |contact: &str, url: &str| {
        let change = |config: &mut goldaw::config::Config| {
            config.server.security_contact = contact.into();
            config.server.public_url = url.into();
        };
        TestApp::with(&hotline, server::routes as fn() -> Routes, change).get("/.well-known/security.txt", "")
    };
    let nobody = told("", "https://goldaw.example");
    assert_eq!((nobody.status, &nobody.json["type"]), (404, &"/problems/not-found".into()));
    let somebody = told("mailto:security@goldaw.example", "https://goldaw.example");
    assert_eq!((somebody.status, somebody.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(
        somebody.text,
        "Contact: mailto:security@goldaw.example\nExpires: 2027-05-22T04:00:00Z\nPreferred-Languages: tk, ru, en\n\
         Canonical: https://goldaw.example/.well-known/security.txt\n"
    );
    assert_eq!(somebody.header("strict-transport-security"), "max-age=31536000");
    // The RFC wants none that is not https.
    assert!(!told("tel:+99312123456", "http://127.0.0.1:8080").text.contains("Canonical"));
}

#[test]
fn behind_a_proxy_that_is_trusted_each_address_has_its_own_tries_whatever_it_says_of_itself() {
    let hotline = Hotline::open(Engine::Sqlite);
    let here = std::net::IpAddr::from([127, 0, 0, 1]);
    let app = TestApp::with(&hotline, server::routes, |config| config.server.trusted_proxies = vec![here]);
    let mut names = 0;
    let mut attempt = |forwarded: &str| {
        names += 1;
        let body = json!({"name": format!("op-{names}"), "passphrase": "not the right one"}).to_string();
        let headers = [("content-type", "application/json"), ("x-forwarded-for", forwarded)];
        app.ask("POST", "/api/v1/auth/login", "", &headers, Some(&body)).status
    };
    for _ in 0..30 {
        assert_eq!(attempt("198.51.100.7"), 401);
    }
    for disguised in ["198.51.100.7", "203.0.113.9, 198.51.100.7", "\u{e9}, 198.51.100.7", "127.0.0.1, 198.51.100.7"] {
        assert_eq!(attempt(disguised), 429, "{disguised}");
    }
    assert_eq!(attempt("198.51.100.8"), 401);
}
