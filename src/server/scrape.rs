//! `/metrics` for Prometheus, on a listener of its own: what this process has counted, and how work
//! stands, which is read from the database, at most once in a few seconds however often it is asked.
//! Without the database the rest is answered all the same, and `goldaw_database_up` is 0.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App as Site, HttpServer};
use tokio::sync::{Mutex, Semaphore};

use super::{Listening, answers, nowhere, patience};
use crate::access::{Filtered, Media, Open, Routes, Text};
use crate::clock::{Instant, SECOND};
use crate::error::Result;
use crate::referrals::{clocks, model};
use crate::state::App;
use crate::storage::Db;
use crate::telemetry::measures;
use crate::triage::Level;
use crate::{identity, notifications};

/// What was read is good for this long.
const FRESH: Duration = Duration::from_secs(3);
/// A scrape does not wait longer for the database.
const PATIENCE: Duration = Duration::from_secs(2);
/// Connections at once: Prometheus needs one.
const CONNECTIONS: usize = 32;
/// How often measurements are summed up while nobody asks.
const TIDY: Duration = Duration::from_secs(5);

/// Binds the listener. Errors: those of the operating system.
pub fn listen_for_metrics(app: App, at: SocketAddr) -> std::io::Result<Listening> {
    metrics::gauge!(measures::STARTED).set(seconds(app.clock.now().0));
    let config = app.config.server.clone();
    let (head, keep_alive) = (Duration::from_secs(config.head_seconds), Duration::from_secs(config.keep_alive_seconds));
    let desk = Data::new(Desk { app, reading: Arc::new(Semaphore::new(1)), kept: Mutex::new(None) });
    let build = move || {
        Site::new()
            .app_data(desk.clone())
            .configure(|server| Routes::at("").get("/metrics", metrics, "What is counted").mount(server))
            .default_service(web::to(nowhere))
            .wrap(from_fn(answers::surround))
    };
    let http = HttpServer::new(build)
        .workers(1)
        .max_connections(CONNECTIONS)
        .keep_alive(keep_alive)
        .client_request_timeout(head)
        .on_connect(move |io, data| patience::guard(io, data, keep_alive + head))
        .shutdown_timeout(config.drain_seconds)
        .disable_signals()
        .bind(at)?;
    let address = http.addrs().first().copied().unwrap_or(at);
    Ok(Listening { address, server: http.run(), feed: None })
}

/// Keeps what was measured small while nobody asks for it.
pub async fn tidy() {
    let mut now_and_then = tokio::time::interval(TIDY);
    loop {
        now_and_then.tick().await;
        measures::tidy();
    }
}

/// The text format Prometheus has read since 2014.
struct Exposition;

impl Media for Exposition {
    const TYPE: &'static str = "text/plain; version=0.0.4";
}

async fn metrics(_: Open, _: Filtered<()>, desk: Data<Desk>) -> Text<Exposition> {
    let mut text = measures::text();
    text.push_str(&desk.standing().await);
    Text::of(text)
}

struct Desk {
    app: App,
    /// Held while the database is read: one that hangs must not take a connection at each scrape.
    reading: Arc<Semaphore>,
    kept: Mutex<Option<(Stopwatch, String)>>,
}

impl Desk {
    async fn standing(&self) -> String {
        let mut kept = self.kept.lock().await;
        if let Some((read, text)) = kept.as_ref()
            && read.elapsed() < FRESH
        {
            return text.clone();
        }
        let text = render(self.read().await.as_ref());
        *kept = Some((Stopwatch::now(), text.clone()));
        text
    }

    async fn read(&self) -> Option<Standing> {
        let turn = self.reading.clone().try_acquire_owned().ok()?;
        let now = self.app.clock.now();
        let reading = self.app.store.read(move |db| {
            let _turn = turn;
            Standing::read(db, now)
        });
        tokio::time::timeout(PATIENCE, reading).await.ok()?.ok()
    }
}

/// How work stands now.
struct Standing {
    outbox: Vec<(&'static str, i64)>,
    oldest_due: f64,
    unclaimed: Vec<(&'static str, i64)>,
    oldest_unclaimed: Vec<(&'static str, f64)>,
    late: i64,
    signed_in: i64,
}

impl Standing {
    fn read(db: &mut Db, now: Instant) -> Result<Standing> {
        let age = |since: Option<Instant>| since.map_or(0.0, |since| seconds(now.since(since).max(0)));
        let outbox = notifications::outbox(db)?.counts.into_iter().map(|(state, many)| (state.code(), many)).collect();
        let oldest_due = age(notifications::oldest_due(db, now)?);
        let tickets = model::unclaimed(db, now)?;
        let (mut unclaimed, mut oldest_unclaimed) = (Vec::new(), Vec::new());
        for level in Level::SCALE.into_iter().chain([Level::NotAssessed]) {
            let mine = || tickets.iter().filter(|(code, ..)| clocks::level(code) == level);
            unclaimed.push((level.code(), mine().map(|(_, many, _)| many).sum()));
            oldest_unclaimed.push((level.code(), age(mine().filter_map(|(.., since)| *since).min())));
        }
        let late = model::late(db, now)?;
        let signed_in = identity::signed_in(db, now)?;
        Ok(Standing { outbox, oldest_due, unclaimed, oldest_unclaimed, late, signed_in })
    }
}

/// Microseconds as Prometheus wants them.
fn seconds(micros: i64) -> f64 {
    micros as f64 / SECOND as f64
}

fn render(standing: Option<&Standing>) -> String {
    let mut page = String::new();
    let up = i64::from(standing.is_some());
    gauge(&mut page, "goldaw_database_up", "Whether the database could be read.", "", &[("", up)]);
    let Some(standing) = standing else { return page };
    gauge(&mut page, "goldaw_outbox_letters", "Letters by state.", "state", &standing.outbox);
    let help = "How long the letter that waits longest has been due; 0 when none is.";
    gauge(&mut page, "goldaw_outbox_oldest_due_seconds", help, "", &[("", standing.oldest_due)]);
    let help = "Open tickets nobody holds, by level at issue.";
    gauge(&mut page, "goldaw_unclaimed_tickets", help, "level", &standing.unclaimed);
    let help = "How long ago the oldest of them was issued; 0 when there is none.";
    gauge(&mut page, "goldaw_unclaimed_tickets_oldest_seconds", help, "level", &standing.oldest_unclaimed);
    let help = "Referrals not accepted, or not begun, by the time they should have been.";
    gauge(&mut page, "goldaw_late_referrals", help, "", &[("", standing.late)]);
    gauge(&mut page, "goldaw_sessions", "Sessions of staff that have not ended.", "", &[("", standing.signed_in)]);
    page
}

/// One gauge; `label` names what its values are told apart by, and is empty where there is one.
fn gauge<V: Display>(page: &mut String, name: &str, help: &str, label: &str, values: &[(&str, V)]) {
    page.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
    for (code, value) in values {
        page.push_str(&match label {
            "" => format!("{name} {value}\n"),
            label => format!("{name}{{{label}=\"{code}\"}} {value}\n"),
        });
    }
}
