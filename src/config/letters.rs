//! `[smtp]`, `[files]`, `[worker]` and `[partner]`: how letters leave, how long one may take, and how
//! long its link works.

use std::path::PathBuf;

use serde::Deserialize;

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// TLS from the first byte.
    Required,
    /// STARTTLS, refused when the server does not offer it.
    Starttls,
    /// Plain; only to this machine itself.
    None,
}

/// `[smtp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Host; empty means letters become files.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub tls: SmtpTls,
    /// Account; empty means none.
    pub username: String,
    /// File with the password.
    pub password_file: PathBuf,
    /// The neutral sender.
    pub from: String,
    /// The name in EHLO.
    pub hello: String,
    /// A further certificate authority, in PEM form.
    pub ca_file: PathBuf,
}

/// `[files]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Folder of `.eml` files.
    pub mail_dir: PathBuf,
}

/// `[worker]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Milliseconds between looks at the outbox.
    pub poll_ms: u64,
    /// Letters at once.
    pub at_once: usize,
    /// Seconds of a lease.
    pub lease_seconds: i64,
    /// Seconds one letter may take.
    pub send_seconds: u64,
    /// Minutes a partner has to acknowledge a letter that may have arrived, before it is repeated.
    pub acknowledge_minutes: i64,
    /// Days an idempotency key is kept.
    pub replay_days: i64,
}

/// `[partner]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// Hours a link works.
    pub link_hours: i64,
}
