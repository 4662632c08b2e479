//! Logs: one JSON object a line, of named fields only. The event, never the person. Every event and
//! every field there is stands here, and a test refuses others; beside them each line has the
//! `timestamp`, the `level` and the `target`, which is the place in the code.

pub mod measures;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::ChronoUtc;

/// What can happen, by the name under `event`.
pub const EVENTS: &[(&str, &str)] = &[
    ("listening", "requests are answered from now on"),
    ("listening_for_metrics", "so is Prometheus"),
    ("working", "a worker without a server works from now on"),
    ("stopping", "the signal to stop has come"),
    ("stopped", "everything has ended"),
    ("store_still_held", "something did not let go of the store in time; what was acknowledged is on disk"),
    ("request", "a request was answered"),
    ("internal_error", "a request met a defect of ours and was answered 500"),
    ("panic", "some code gave up: a defect of ours; only the request or batch it was in has ended"),
    ("batch_discarded", "a commit failed; its callers were told 503"),
    ("checkpoint_failed", "the write-ahead log stays longer for now; nothing is lost, it is tried again"),
    ("keys_not_minted", "no keys were made ahead; the first calls make their own"),
    ("letter_attempt", "a letter was tried; `class` says what came of it"),
    ("letter_config", "a letter could not be tried because the mail settings are wrong"),
    ("letter_too_late", "an outcome came after another worker had taken the letter up"),
    ("letter_not_settled", "an outcome could not be written down; the letter is taken up after its lease"),
    ("letters_cut_off", "letters were under way when time was up at stopping"),
    ("ladder_not_climbed", "rungs that are due could not be climbed; it is tried again"),
    ("lease_over", "a worker died or hangs; its letter was taken up"),
    ("outbox_not_read", "letters that are due could not be looked for; it is tried again"),
    ("replays_not_forgotten", "old idempotency keys could not be removed; it is tried again"),
    ("rules_in_force", "after SIGHUP the packs were read again, and calls are assessed by them from now on"),
    ("rules_refused", "after SIGHUP the packs have faults, one a line in `cause`; the rules in force stay"),
    ("certificate_renewed", "a new TLS certificate is in use"),
    ("certificate_not_renewed", "a new TLS certificate cannot be used; the old one stays in use"),
];

/// What is said about an event.
pub const FIELDS: &[(&str, &str)] = &[
    ("event", "its name"),
    ("method", "a known HTTP method, or `other`"),
    ("route", "the pattern of an address, such as `/api/v1/contacts/{id}`, or `none`; never what was typed"),
    ("status", "the HTTP status of the answer"),
    ("ms", "milliseconds until the answer was ready"),
    ("request_id", "the id in the answer's `X-Request-Id`, its problem document and its rows in the trail"),
    ("reference", "a letter's random reference"),
    ("class", "what came of an attempt"),
    ("state", "where a letter stands now"),
    ("millis", "milliseconds an attempt took"),
    ("fence", "how often a letter was taken up"),
    ("letters", "how many"),
    ("callers", "how many"),
    (
        "cause",
        "in words of this program's own, with a reply code, a path of its settings or a line of a rule pack at most",
    ),
    ("place", "file and line of the code"),
    ("rule_set", "the SHA-256 of the rules"),
    ("address", "where this program listens; never where a caller is"),
];

/// Starts logging to standard error. A second start, as in tests, is without effect. A panic
/// is logged by its place in the code.
pub fn start(level: &str) {
    let level = match level {
        "error" | "warn" | "debug" => level,
        _ => "info",
    };
    // Libraries log what they like; only this crate's events are known to hold nothing personal.
    let filter = EnvFilter::try_new(format!("off,goldaw={level}")).unwrap_or_else(|_| EnvFilter::new("off"));
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_timer(ChronoUtc::rfc_3339())
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        // A log that cannot be written must not end the program that writes calls.
        .log_internal_errors(false)
        .try_init();
    std::panic::set_hook(Box::new(|told| {
        // Where, never what: the message of a panic can hold the value it stumbled over.
        let place = told.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(event = "panic", place);
    }));
}
