//! What is counted, for Prometheus: every name there is, and what it means. Labels come from closed
//! lists (patterns of addresses, methods, classes, states, levels): no reference, nobody's name,
//! nothing that somebody typed.
//!
//! Counting is for the whole process. Until [`start`] was called every counter is one that forgets,
//! at no cost, so nobody needs to ask whether anybody listens.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Requests by `route`, `method` and class of `status`.
pub const REQUESTS: &str = "goldaw_http_requests_total";
/// Seconds until an answer was ready, by `route` and `method`.
pub const REQUEST_SECONDS: &str = "goldaw_http_request_seconds";
/// Writes that wait for the writing thread of SQLite.
pub const QUEUED_WRITES: &str = "goldaw_queued_writes";
/// Writes that shared one commit on SQLite.
pub const BATCH_WRITES: &str = "goldaw_batch_writes";
/// Seconds a commit took, its flush to disk included.
pub const COMMIT_SECONDS: &str = "goldaw_commit_seconds";
/// Attempts at sending a letter, by `class` of what came of it.
pub const LETTER_ATTEMPTS: &str = "goldaw_letter_attempts_total";
/// Always 1; says which `version` this is.
pub const BUILD: &str = "goldaw_build_info";
/// When this process began to answer, in seconds since 1970.
pub const STARTED: &str = "process_start_time_seconds";

const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];
/// Up to the most that may share a commit.
const WRITES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

static KEPT: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count; a second time, as in tests, without effect. Call it before the parts that count
/// are made. Errors: a sentence.
pub fn start() -> Result<(), String> {
    if KEPT.get().is_some() {
        return Ok(());
    }
    let failed = |error: metrics_exporter_prometheus::BuildError| format!("nothing can be counted: {error}");
    let kept = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full(BATCH_WRITES.into()), &WRITES))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(failed)?;
    describe();
    metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let _ = KEPT.set(kept);
    Ok(())
}

fn describe() {
    metrics::describe_counter!(REQUESTS, "Requests by pattern of the address, method and class of status.");
    metrics::describe_histogram!(REQUEST_SECONDS, "Time from a request's head to its answer.");
    metrics::describe_gauge!(QUEUED_WRITES, "Writes that wait for SQLite's writing thread.");
    metrics::describe_histogram!(BATCH_WRITES, "Writes that shared one commit on SQLite.");
    metrics::describe_histogram!(COMMIT_SECONDS, "Time of a commit, its flush to disk included.");
    metrics::describe_counter!(LETTER_ATTEMPTS, "Attempts at sending a letter by what came of them.");
    metrics::describe_gauge!(BUILD, "Which version runs.");
    metrics::describe_gauge!(STARTED, "Start of the process in seconds since 1970.");
}

/// All that was counted, as Prometheus reads it; empty when nothing is.
pub fn text() -> String {
    KEPT.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Sums up what was measured since; to be called now and then, or it heaps up while nobody asks.
pub fn tidy() {
    if let Some(kept) = KEPT.get() {
        kept.run_upkeep();
    }
}
