//! The classification table of the safety page, played line by line by a scripted mail server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant as Stopwatch};

use goldaw::clock::Instant;
use goldaw::config::{Config, SmtpTls};
use goldaw::notifications::channels::{Carrier, Delivery, Files, Gate, Outgoing, Smtp};
use goldaw::notifications::{Class, Letter};

use super::mail_server::Act::{Close, CutAfter, Drip, Say, Wait};
use super::mail_server::{MailServer, Part};

/// What came of it, and how often the gate was passed.
struct Tried {
    class: Class,
    cause: String,
    gates: usize,
}

pub fn outgoing(text: &str) -> Outgoing {
    let letter =
        Letter { subject: "A request".into(), text: text.into(), html: "<p>x</p>".into(), reference: "P".into() };
    let (reference, address) = ("N-7K4M-9QX2-PDH".into(), "desk@partner.example".into());
    Outgoing { reference, attempt: 1, address, letter, date: Instant(1_795_406_400_000_000) }
}

fn config(server: &MailServer) -> Config {
    let mut config = Config::defaults(std::path::Path::new("/nonexistent")).unwrap();
    config.smtp.host = "localhost".into();
    config.smtp.port = server.port;
    config.smtp.tls = SmtpTls::None;
    config
}

fn try_once(config: &Config, letter: &Outgoing, limit: Duration) -> Tried {
    let gates = Arc::new(AtomicUsize::new(0));
    let counted = gates.clone();
    let gate = Gate::new(limit, move || counted.fetch_add(1, Ordering::SeqCst) == 0);
    let Delivery { class, cause } = Smtp::new(&config.smtp).unwrap().carry(letter, &gate);
    Tried { class, cause, gates: gates.load(Ordering::SeqCst) }
}

fn plays(part: Part) -> (Tried, MailServer) {
    let server = MailServer::playing([part]);
    let tried = try_once(&config(&server), &outgoing("Hello"), Duration::from_secs(4));
    (tried, server)
}

/// Each part ends in this class, with the gate passed or not.
fn all_end(class: Class, gates: usize, parts: impl IntoIterator<Item = Part>) {
    for (place, part) in parts.into_iter().enumerate() {
        let (tried, _) = plays(part);
        assert_eq!((tried.class, tried.gates), (class, gates), "part {place}: {}", tried.cause);
    }
}

fn part(change: impl FnOnce(&mut Part)) -> Part {
    let mut part = Part::default();
    change(&mut part);
    part
}

#[test]
fn a_2yz_to_the_final_dot_is_sent_and_the_letter_is_whole() {
    let (tried, server) = plays(Part::default());
    assert_eq!((tried.class, tried.gates), (Class::Sent, 1), "{}", tried.cause);
    assert_eq!(server.seen().letters.len(), 1);
    assert_eq!(server.seen().commands, ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]);
    all_end(Class::Sent, 1, [part(|p| p.quit = Close), part(|p| p.dot = Say("252 odd, but yes\r\n"))]);
}

#[test]
fn nobody_there_is_tried_again() {
    let mut config = config(&MailServer::playing([]));
    config.smtp.port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(try_once(&config, &outgoing("Hello"), Duration::from_secs(2)).class, Class::Retry);
    config.smtp.host = "nowhere.invalid".into();
    assert_eq!(try_once(&config, &outgoing("Hello"), Duration::from_secs(2)).class, Class::Retry);
}

#[test]
fn trouble_before_the_letter_is_tried_again() {
    all_end(
        Class::Retry,
        0,
        [
            part(|p| p.banner = Close),
            part(|p| p.banner = Say("554 not today\r\n")),
            part(|p| p.banner = Say("421 busy\r\n")),
            part(|p| p.banner = Say("what is this?\r\n")),
            part(|p| p.banner = Wait(Duration::from_secs(5), "220 late\r\n")),
            part(|p| p.ehlo = Say("502 never heard of it\r\n")),
            part(|p| p.ehlo = Close),
            part(|p| p.mail = Say("421 closing\r\n")),
            part(|p| p.mail = Say("451 later\r\n")),
            part(|p| p.rcpt = Say("450 later\r\n")),
            part(|p| p.rcpt = Say("\u{fffd}garbage\r\n")),
            part(|p| p.rcpt = Close),
            part(|p| p.data = Say("451 later\r\n")),
            part(|p| p.data = Say("250 but not 354\r\n")),
            part(|p| p.data = Close),
        ],
    );
}

#[test]
fn a_line_cut_before_the_final_dot_is_tried_again() {
    let server = MailServer::playing([part(|p| p.data = CutAfter(1000))]);
    // Larger than what two sockets hold between them, so that the cut comes while it is written.
    let large = outgoing(&"x".repeat(24 << 20));
    let tried = try_once(&config(&server), &large, Duration::from_secs(20));
    assert_eq!((tried.class, tried.gates, tried.cause.as_str()), (Class::Retry, 1, "body nothing"));
    assert!(server.seen().letters.is_empty());
}

#[test]
fn an_address_that_is_refused_is_permanent() {
    let refusing = |reply| part(|p| p.rcpt = Say(reply));
    all_end(Class::Permanent, 0, [refusing("550 nobody\r\n"), refusing("551 moved\r\n"), refusing("553 bad name\r\n")]);
    all_end(Class::Permanent, 1, [part(|p| p.dot = Say("550 spam\r\n")), part(|p| p.dot = Say("554 no\r\n"))]);
    assert_eq!(plays(refusing("550 nobody\r\n")).0.cause, "rcpt 550");
}

#[test]
fn an_address_that_is_none_never_reaches_the_server() {
    let server = MailServer::playing([Part::default()]);
    let mut letter = outgoing("Hello");
    letter.address = "desk@partner.example>\r\nRCPT TO:<x@y.example".into();
    assert_eq!(try_once(&config(&server), &letter, Duration::from_secs(2)).class, Class::Permanent);
    assert!(server.seen().commands.is_empty());
}

#[test]
fn a_4yz_to_the_final_dot_is_tried_again() {
    all_end(Class::Retry, 1, [part(|p| p.dot = Say("451 disk\r\n")), part(|p| p.dot = Say("421 closing\r\n"))]);
}

#[test]
fn silence_close_or_garbage_after_the_final_dot_is_doubt() {
    all_end(
        Class::Ambiguous,
        1,
        [
            part(|p| p.dot = Close),
            part(|p| p.dot = Wait(Duration::from_secs(9), "250 too late\r\n")),
            part(|p| p.dot = Say("certainly\r\n")),
            part(|p| p.dot = Say("\u{1f600}\r\n")),
            part(|p| p.dot = Say("354 go on\r\n")),
        ],
    );
}

#[test]
fn a_server_out_of_step_is_never_believed() {
    // One answer too many: the one to DATA would be heard as the one to the final dot.
    let (tried, server) = plays(part(|p| p.rcpt = Say("250 yes\r\n250 yes again\r\n")));
    assert_eq!((tried.class, tried.gates), (Class::Retry, 0), "{}", tried.cause);
    assert!(server.seen().letters.is_empty());
    let early = part(|p| (p.data, p.dot) = (Say("354 go on\r\n250 taken\r\n"), Say("550 spam\r\n")));
    assert_eq!(plays(early).0.class, Class::Ambiguous);
}

#[test]
fn a_closed_gate_keeps_the_letter_in_the_house() {
    let server = MailServer::playing([Part::default()]);
    let gate = Gate::new(Duration::from_secs(4), || false);
    let delivery = Smtp::new(&config(&server).smtp).unwrap().carry(&outgoing("Hello"), &gate);
    assert_eq!(delivery.class, Class::Retry);
    sleep(Duration::from_millis(100));
    assert!(server.seen().letters.is_empty());
}

#[test]
fn starttls_is_never_done_without() {
    let server = MailServer::playing([Part::default()]);
    let mut config = config(&server);
    config.smtp.tls = SmtpTls::Starttls;
    config.smtp.username = "desk".into();
    let tried = try_once(&config, &outgoing("Hello"), Duration::from_secs(4));
    assert_eq!((tried.class, tried.cause.as_str()), (Class::Config, "starttls lacks"));
    assert!(!server.seen().has("AUTH") && !server.seen().has("MAIL"));
}

#[test]
fn tls_that_goes_wrong_is_a_fault_in_the_settings() {
    let offering = |starttls| part(|p| (p.ehlo, p.starttls) = (Say("250-here\r\n250 STARTTLS\r\n"), Say(starttls)));
    for (starttls, class) in [
        ("220 go on\r\nthis is no TLS at all, it is only text\r\n", Class::Config),
        ("501 no\r\n", Class::Config),
        ("454 not now\r\n", Class::Retry),
        // The server's certificate is good, but nobody told us to trust its authority.
        ("220 go on\r\n", Class::Config),
    ] {
        let server = MailServer::playing([offering(starttls)]);
        let mut config = config(&server);
        config.smtp.tls = SmtpTls::Starttls;
        let tried = try_once(&config, &outgoing("Hello"), Duration::from_secs(4));
        assert_eq!((tried.class, tried.gates), (class, 0), "{starttls}: {}", tried.cause);
        assert!(!server.seen().has("MAIL"));
    }
}

#[test]
fn a_certificate_of_the_configured_authority_is_trusted_for_its_own_name_only() {
    let ca_file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stories/notifications/ca.pem");
    let offering = part(|p| p.ehlo = Say("250-here\r\n250 STARTTLS\r\n"));
    for (tls, part) in [(SmtpTls::Starttls, offering), (SmtpTls::Required, part(|p| p.tls = true))] {
        let server = MailServer::playing([part]);
        let mut config = config(&server);
        (config.smtp.tls, config.smtp.ca_file) = (tls, ca_file.into());
        let tried = try_once(&config, &outgoing("Hello"), Duration::from_secs(4));
        assert_eq!(tried.class, Class::Sent, "{}", tried.cause);
        assert_eq!(server.seen().letters.len(), 1);
        config.smtp.host = "127.0.0.1".into();
        let tried = try_once(&config, &outgoing("Hello"), Duration::from_secs(4));
        assert_eq!(tried.class, Class::Config, "{}", tried.cause);
    }
}

#[test]
fn a_refused_password_is_a_fault_in_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let password_file = folder.path().join("password");
    let signing_in = |auth| part(|p| (p.ehlo, p.auth) = (Say("250-here\r\n250 AUTH PLAIN\r\n"), Say(auth)));
    for (password, part, class) in [
        (None, signing_in("235 welcome\r\n"), Class::Config),
        (Some("secret\n"), signing_in("535 no\r\n"), Class::Config),
        (Some("secret\n"), signing_in("454 later\r\n"), Class::Retry),
        (Some("secret\n"), Part::default(), Class::Config),
        (Some("secret\n"), signing_in("235 welcome\r\n"), Class::Sent),
    ] {
        let _ = std::fs::remove_file(&password_file);
        if let Some(password) = password {
            std::fs::write(&password_file, password).unwrap();
        }
        let server = MailServer::playing([part]);
        let mut config = config(&server);
        (config.smtp.username, config.smtp.password_file) = ("desk".into(), password_file.clone());
        let tried = try_once(&config, &outgoing("Hello"), Duration::from_secs(4));
        assert_eq!(tried.class, class, "{}", tried.cause);
    }
}

#[test]
fn a_server_that_is_slow_but_in_time_is_waited_for() {
    let (tried, _) = plays(part(|p| p.dot = Drip(Duration::from_millis(50), "250 taken\r\n")));
    assert_eq!(tried.class, Class::Sent);
    let begun = Stopwatch::now();
    let (tried, _) = plays(part(|p| p.mail = Wait(Duration::from_secs(9), "250 yes\r\n")));
    assert_eq!((tried.class, tried.gates), (Class::Retry, 0));
    assert!(begun.elapsed() < Duration::from_secs(6));
}

#[test]
fn a_file_holds_what_the_server_would_have_got_and_a_repeat_is_the_same_file() {
    use std::os::unix::fs::PermissionsExt;
    let server = MailServer::playing([Part::default()]);
    let mut config = config(&server);
    let folder = tempfile::tempdir().unwrap();
    config.files.mail_dir = folder.path().join("new").join("mail");
    for attempt in [1, 2] {
        let letter = Outgoing { attempt, ..outgoing("Hello\n.\nagain") };
        let gate = Gate::new(Duration::from_secs(4), || true);
        assert_eq!(Files::new(&config).unwrap().carry(&letter, &gate).class, Class::Sent);
    }
    assert_eq!(try_once(&config, &outgoing("Hello\n.\nagain"), Duration::from_secs(4)).class, Class::Sent);
    let names: Vec<_> = std::fs::read_dir(&config.files.mail_dir).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(names, [config.files.mail_dir.join("N-7K4M-9QX2-PDH.eml")]);
    assert_eq!(std::fs::metadata(&names[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let file = std::fs::read_to_string(&names[0]).unwrap();
    assert_eq!(file.trim_end(), server.seen().letters[0].trim_end());
}
