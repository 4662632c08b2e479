//! Every trick at every address of the router, byte by byte over a plain connection, so that what no
//! client of ours could send is sent too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use goldaw::access::Entry;
use goldaw::server;
use goldaw::storage::new_reference;
use serde_json::{Value, json};

use super::world::{Asked, World};
use super::{MARK, name, takes_a_body};
use crate::support::floor::Floor;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    every_trick_is_refused_at_every_address_and_leaves_nothing,
    a_wrong_way_is_told_so_at_every_address,
    a_body_that_stalls_or_breaks_off_is_refused_at_every_address,
];

/// A day that is none; it must not come back either.
const NO_DAY: &str = "2026-02-30T25:61:00Z";

/// A body nobody should send.
struct Trick {
    name: &'static str,
    kind: &'static str,
    body: Vec<u8>,
    /// False where some field could rightly take it: a text takes a day that is none.
    refused: bool,
}

fn tricks(right: &Value) -> Vec<Trick> {
    let json = |name, body: Vec<u8>| Trick { name, kind: "application/json", body, refused: true };
    let text = |name, body: String| json(name, body.into_bytes());
    let all = |name, wrong: Value| text(name, everywhere(right, &wrong).to_string());
    let typed = |kind| Trick { name: "wrong content type", kind, body: right.to_string().into_bytes(), refused: true };
    vec![
        text("malformed", format!("{{\"{MARK}\":")),
        text("oversized", format!("{{\"{MARK}\":\"{}\"}}", "x".repeat(70_000))),
        text("no object", format!("[\"{MARK}\"]")),
        all("wrongly typed", json!({MARK: [MARK]})),
        text("unknown field", with_member(right, &format!("\"{MARK}\":\"{MARK}\""))),
        text("duplicate key", with_first_member_twice(right)),
        all("NUL", json!(format!("{MARK}\u{0}"))),
        json("bare NUL", format!("{{\"{MARK}\":\"\0\"}}").into_bytes()),
        all("bidi override", json!(format!("\u{202e}{MARK}"))),
        Trick { refused: false, ..all("wrong date", json!(NO_DAY)) },
        all("deep nesting", json!([[[[[[[[MARK]]]]]]]])),
        text("bottomless nesting", "[".repeat(50_000)),
        json("invalid UTF-8", [b"{\"", MARK.as_bytes(), b"\":\"\xff\xfe\"}"].concat()),
        json("overlong UTF-8", [b"{\"", MARK.as_bytes(), b"\":\"\xc0\x80\"}"].concat()),
        json("surrogate in UTF-8", [b"{\"", MARK.as_bytes(), b"\":\"\xed\xa0\x80\"}"].concat()),
        text("huge number", everywhere(right, &json!("huge")).to_string().replace("\"huge\"", &"9".repeat(400))),
        text("infinite number", everywhere(right, &json!("huge")).to_string().replace("\"huge\"", "1e999")),
        typed("text/plain"),
        typed("application/zq-marked-zq"),
        typed("application/json-zq-marked-zq"),
    ]
}

/// The body with every value in it made wrong; where it has none, one that nobody knows.
fn everywhere(right: &Value, wrong: &Value) -> Value {
    match right {
        Value::Object(members) if members.is_empty() => json!({ MARK: wrong }),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), everywhere(value, wrong))).collect()
        }
        Value::Array(items) if !items.is_empty() => items.iter().map(|item| everywhere(item, wrong)).collect(),
        _ => wrong.clone(),
    }
}

fn with_member(right: &Value, member: &str) -> String {
    let text = right.to_string();
    let comma = if text == "{}" { "" } else { "," };
    format!("{}{comma}{member}}}", text.strip_suffix('}').unwrap())
}

fn with_first_member_twice(right: &Value) -> String {
    let first = right.as_object().unwrap().iter().next();
    let member = first.map_or_else(|| format!("\"{MARK}\":1"), |(name, value)| format!("\"{name}\":{value}"));
    let again = format!("{{{member},{member}");
    again + &with_member(right, "").trim_start_matches('{').replacen(&member, "", 1).replace(",}", "}")
}

/// An answer as it came.
#[derive(Debug)]
struct Told {
    status: u16,
    head: String,
    body: String,
}

impl Told {
    /// Reads as much as its head says, and does not wait for the server to close.
    fn read(stream: TcpStream) -> Option<Told> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let status = head.get(9..12)?.parse().ok()?;
        let mut told = Told { status, head: head.to_ascii_lowercase(), body: String::new() };
        let length = told.header("content-length").parse().unwrap_or(0);
        stream.take(length).read_to_string(&mut told.body).unwrap();
        Some(told)
    }

    fn header(&self, name: &str) -> &str {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
    }

    /// Never a defect of ours; and a refusal is a problem document that repeats nothing.
    fn assert_clean(&self, what: &str) {
        assert!(self.status < 500, "{what}: {self:?}");
        if self.status >= 400 {
            assert_eq!(self.header("content-type"), "application/problem+json", "{what}: {self:?}");
            let document: Value = serde_json::from_str(&self.body).unwrap();
            let id = document["request_id"].as_str().unwrap();
            assert!(id.len() == 16 && id == self.header("x-request-id"), "{what}: {self:?}");
            for sent in [MARK, NO_DAY] {
                assert!(!self.head.contains(&sent.to_lowercase()) && !self.body.contains(sent), "{what}: {self:?}");
            }
        }
    }
}

/// A request's head and the bytes after it, still to be answered.
fn begin(floor: &Floor<'_>, head: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(floor.app.address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // One that was refused by its head may be closed before its body is written.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    stream
}

impl World<'_> {
    fn head(&self, entry: &Entry, method: &str, path: &str, kind: &str, length: usize, anew: bool) -> String {
        let token = self.token(entry, anew);
        let bearer = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: application/json\r\n{bearer}\
             content-type: {kind}\r\ncontent-length: {length}\r\nif-match: \"1\"\r\nidempotency-key: {}\r\n\r\n",
            new_reference('I').unwrap()
        )
    }

    /// Sends a whole request; once more, if an address before has ended the session.
    fn told(&self, entry: &Entry, method: &str, path: &str, kind: &str, body: &[u8]) -> Told {
        let ask = |anew| {
            let head = self.head(entry, method, path, kind, body.len(), anew);
            Told::read(begin(self.floor, &head, body)).unwrap_or_else(|| panic!("no answer to {method} {path}"))
        };
        let told = ask(false);
        if told.status == 401 && !entry.roles.is_empty() { ask(true) } else { told }
    }
}

fn every_trick_is_refused_at_every_address_and_leaves_nothing(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let world = World::on(&floor);
    for entry in server::routes().entries() {
        let path = world.path(entry, &world.usual());
        let ask = |trick: &Trick| {
            let told = world.told(entry, entry.method.as_str(), &path, trick.kind, &trick.body);
            let what = format!("{} at {}", trick.name, name(entry));
            told.assert_clean(&what);
            let wrong = trick.refused && takes_a_body(entry);
            assert!(!wrong || (400..500).contains(&told.status), "{what}: {told:?}");
            told.status
        };
        let (wrong, doubtful): (Vec<_>, Vec<_>) =
            tricks(&world.body_of(entry)).into_iter().partition(|trick| trick.refused);
        let before = world.stored();
        for trick in &wrong {
            ask(trick);
        }
        let taken = doubtful.iter().any(|trick| ask(trick) < 400);
        assert!(taken || world.stored() == before, "refused and stored at {}", name(entry));
    }
}

/// A pattern with the same text in every place that takes one.
fn filled(pattern: &str, text: &str) -> String {
    let parts = pattern.split('/').map(|part| if part.starts_with('{') { text } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn a_wrong_way_is_told_so_at_every_address(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let world = World::on(&floor);
    let (routes, before) = (server::routes(), world.stored());
    for entry in routes.entries() {
        let path = world.path(entry, &world.usual());
        let ask = |method: &str, path: &str, expected: &[u16], what: &str| {
            let told = world.told(entry, method, path, "application/json", world.body_of(entry).to_string().as_bytes());
            let what = format!("{what} at {}", name(entry));
            told.assert_clean(&what);
            assert!(expected.contains(&told.status), "{what}: {expected:?}, but {told:?}");
        };
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if !routes.entries().iter().any(|other| other.path == entry.path && other.method == method) {
                ask(method, &path, &[405], "wrong method");
            }
        }
        let method = entry.method.as_str();
        for long in [format!("{path}/{}", MARK.repeat(100)), format!("{path}{}", "%2F..".repeat(400))] {
            ask(method, &long, &[404], "over-long path");
        }
        if !entry.path.starts_with("/p/") {
            ask(method, &format!("{path}?{MARK}={MARK}"), &[422], "unknown query");
            ask(method, &format!("{path}?{}", MARK.repeat(200)), &[400], "over-long query");
        }
        for odd in ["%19", "%0d%0aX:1", "%C2%90", "%00", "%ff", "%F0%9F%92%94", &"a".repeat(65)] {
            let odd = filled(&entry.path, odd);
            if odd != entry.path {
                let body = world.body_of(entry).to_string();
                let told = world.told(entry, method, &odd, "application/json", body.as_bytes());
                assert_eq!(told.status, 404, "{odd} at {}: {told:?}", name(entry));
            }
        }
        if entry.path.contains("{id}") {
            for letter in 'A'..='Z' {
                let wrong = new_reference(letter).unwrap();
                let wrong = world.path(entry, &Asked { id: Some(&wrong), ..world.usual() });
                ask(method, &wrong, &[404], "wrong reference");
            }
        }
    }
    assert_eq!(world.stored(), before, "refused and stored");
}

fn a_body_that_stalls_or_breaks_off_is_refused_at_every_address(hotline: &Hotline) {
    let floor = Floor::with(hotline, |config| config.server.body_seconds = 1);
    let world = World::on(&floor);
    let routes = server::routes();
    let before = world.stored();
    // What ends sessions comes last, when nobody needs them any more.
    let (reading, others): (Vec<_>, Vec<_>) = routes.entries().iter().partition(|entry| takes_a_body(entry));
    for entries in [reading, others] {
        for cut in [false, true] {
            let begun: Vec<_> = entries
                .iter()
                .map(|entry| {
                    let path = world.path(entry, &world.usual());
                    let head = world.head(entry, entry.method.as_str(), &path, "application/json", 100, true);
                    let stream = begin(&floor, &head, format!("{{\"{MARK}\":").as_bytes());
                    if cut {
                        stream.shutdown(Shutdown::Write).unwrap();
                    }
                    (name(entry), takes_a_body(entry), stream)
                })
                .collect();
            for (what, reads, stream) in begun {
                let told = Told::read(stream);
                // To one that has hung up, there may be nothing to say.
                assert!(told.is_some() || cut, "{what}: no answer to a body that stalls");
                let Some(told) = told else { continue };
                told.assert_clean(&what);
                // A page nobody has the link to is not found before its form is read.
                let expected = if cut { 400 } else { 408 };
                assert!(!reads || told.status == expected || what.contains(" /p/"), "{what}: {expected}, but {told:?}");
            }
        }
    }
    assert_eq!(world.stored(), before, "refused and stored");
}
