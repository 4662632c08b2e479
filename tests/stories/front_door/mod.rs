//! The door strangers stand before: TLS, clients that are slow or mean harm, and what Prometheus and
//! finders of holes are told.

mod figures;
mod secrecy;
mod slow;

use goldaw::access::Routes;
use goldaw::server;

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
