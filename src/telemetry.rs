//! Logs: one JSON object a line, of named fields only. The event, never the person.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::ChronoUtc;

/// Starts logging to standard error. A second start, as in tests, is without effect.
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
        .try_init();
}
