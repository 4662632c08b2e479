//! Logs: one JSON object a line, of named fields only. The event, never the person.

pub mod measures;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::ChronoUtc;

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
