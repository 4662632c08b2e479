//! Clients that take their time, or mean harm. Each is shown out, and an honest one is answered all
//! the while. The limits are set to a second here, so that the stories are short.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant as Stopwatch};

use goldaw::config::Config;
use goldaw::server;

use crate::support::http::TestApp;
use crate::support::{Engine, Hotline};

/// Far beyond every limit that is set here: a connection still open then has none.
const FOR_EVER: Duration = Duration::from_secs(20);

const LOGIN: &str = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
const ASK: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";

fn impatient(hotline: &Hotline) -> TestApp {
    TestApp::with(hotline, server::routes, hurried)
}

pub fn hurried(config: &mut Config) {
    config.server.head_seconds = 1;
    config.server.body_seconds = 1;
    config.server.keep_alive_seconds = 1;
}

fn connected(app: &TestApp) -> TcpStream {
    let stream = TcpStream::connect(app.address).unwrap();
    stream.set_read_timeout(Some(FOR_EVER)).unwrap();
    stream.set_write_timeout(Some(FOR_EVER)).unwrap();
    stream
}

/// What the server says until it closes; fails the story if it does not.
pub fn last_words(mut stream: impl Read) -> String {
    let mut told = Vec::new();
    let ended = stream.read_to_end(&mut told);
    let open = ended.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!open, "the connection stays open; so far: {}", String::from_utf8_lossy(&told));
    String::from_utf8_lossy(&told).into_owned()
}

/// Sends a byte now and then until the server closes or there are no more.
fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    for byte in bytes {
        std::thread::sleep(Duration::from_millis(100));
        if stream.write_all(&[*byte]).is_err() {
            return;
        }
    }
}

/// Reads one answer whose body is as long as its head says.
fn answer(stream: &mut TcpStream) -> String {
    let (mut told, mut byte) = (Vec::new(), [0]);
    while !told.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        told.push(byte[0]);
    }
    let head = String::from_utf8(told).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    head
}

#[test]
fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    let mut stream = connected(&app);
    drip(&mut stream, &[b'G'; 25]);
    assert!(last_words(stream).starts_with("HTTP/1.1 408 "));
    assert!(last_words(connected(&app)).starts_with("HTTP/1.1 408 "), "nor is one that never begins");
}

#[test]
fn neither_is_the_head_after_an_answer() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    let mut stream = connected(&app);
    stream.write_all(ASK.as_bytes()).unwrap();
    assert!(answer(&mut stream).starts_with("HTTP/1.1 200 "));
    // A byte now and then, for longer than all limits together.
    let begun = Stopwatch::now();
    while begun.elapsed() < FOR_EVER {
        std::thread::sleep(Duration::from_millis(100));
        if stream.write_all(b"G").is_err() {
            return;
        }
    }
    panic!("a second head may take for ever");
}

#[test]
fn a_connection_with_one_request_after_another_stays_open() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    let mut stream = connected(&app);
    for _ in 0..12 {
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(ASK.as_bytes()).unwrap();
        assert!(answer(&mut stream).starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn a_body_that_comes_slowly_or_stops_is_told_so() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    for head in
        [format!("{LOGIN}content-length: 100\r\n\r\n"), format!("{LOGIN}transfer-encoding: chunked\r\n\r\n64\r\n")]
    {
        for dripping in [true, false] {
            let mut stream = connected(&app);
            stream.write_all(head.as_bytes()).unwrap();
            if dripping {
                drip(&mut stream, &[b' '; 25]);
            }
            let told = last_words(stream);
            assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("/problems/too-slow"), "{told}");
        }
    }
}

#[test]
fn a_request_that_is_cut_off_is_no_request() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    let whole = format!("{LOGIN}content-length: 40\r\n\r\n{{\"name\": \"op-07\", \"passphrase\": \"x\"}}");
    for end in (1..whole.len()).step_by(7) {
        let mut stream = connected(&app);
        stream.write_all(&whole.as_bytes()[..end]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let told = last_words(stream);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 400 "), "{end}: {told}");
    }
    assert_eq!(app.get("/health/ready", "").status, 200);
    assert_eq!(hotline.count("sign_in_delays"), 0);
}

#[test]
fn a_body_nobody_asked_for_is_not_read_for_ever() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    for how in ["content-length: 1000000000", "transfer-encoding: chunked"] {
        let mut stream = connected(&app);
        let head = format!("POST /api/v1/contacts HTTP/1.1\r\nhost: x\r\n{how}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        drip(&mut stream, &b"1\r\nx\r\n".repeat(10));
        assert!(last_words(stream).starts_with("HTTP/1.1 401 "), "{how}");
    }
}

#[test]
fn a_head_that_is_too_big_is_refused() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    for head in [
        format!("GET /{} HTTP/1.1\r\n", "a".repeat(200_000)),
        format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(200_000)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(40_000)),
    ] {
        let mut stream = connected(&app);
        let _ = stream.write_all(head.as_bytes());
        // Still writing, it may see its connection reset instead of the answer.
        let told = last_words(stream);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}");
    }
    assert_eq!(app.get("/health/live", "").status, 200);
}

#[test]
fn many_who_say_nothing_do_not_keep_others_out() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    let idle: Vec<_> = (0..200).map(|_| connected(&app)).collect();
    for _ in 0..20 {
        assert_eq!(app.get("/health/ready", "").status, 200);
    }
    idle.into_iter().for_each(|stream| assert!(last_words(stream).starts_with("HTTP/1.1 408 ")));
}

#[test]
fn when_all_places_are_taken_the_next_one_waits_until_the_idle_are_shown_out() {
    let hotline = Hotline::open(Engine::Sqlite);
    let few = |config: &mut Config| {
        hurried(config);
        config.server.connections = 4;
    };
    let app = TestApp::with(&hotline, server::routes, few);
    let idle: Vec<_> = (0..8).map(|_| connected(&app)).collect();
    assert_eq!(app.get("/health/ready", "").status, 200);
    drop(idle);
}

#[test]
fn whoever_does_not_read_the_answers_is_shown_out() {
    let hotline = Hotline::open(Engine::Sqlite);
    let app = impatient(&hotline);
    let mut stream = connected(&app);
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let (asks, begun) = (ASK.repeat(1000), Stopwatch::now());
    while begun.elapsed() < FOR_EVER {
        match stream.write(asks.as_bytes()) {
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            _ => assert_eq!(app.get("/health/live", "").status, 200),
        }
    }
    panic!("a client that reads nothing may stay for ever");
}
