//! `goldaw serve` and `goldaw worker`: the processes that keep running, and how they stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::house::{House, Start, keep_rules, published};
use super::{Faults, Where, print, told};
use crate::clock::DAY;
use crate::notifications::{self, channels::Channels};
use crate::server::{self, Parts};
use crate::state::App;
use crate::storage::By;
use crate::telemetry;
use crate::{referrals, rules};

pub(super) const HELP: &str = "\
Examples:
  goldaw serve --data /var/lib/goldaw
  goldaw serve --listen 127.0.0.1:0
SIGTERM and SIGINT stop it: nothing new is accepted, requests and letters under way are finished,
and what was acknowledged is on disk. SIGHUP reads the rule packs again: if all of them are sound,
calls are assessed by them from then on; if not, nothing changes and the log names every fault.";

/// Beyond the time that requests and letters under way have, for closing the store.
const CLOSING: Duration = Duration::from_secs(1);

/// How often the database is asked whether other rules were published.
const LOOK: Duration = Duration::from_secs(2);

pub(super) fn serve(place: &Where, listen: Option<SocketAddr>) -> Result<(), Faults> {
    let mut config = place.settings()?;
    if let Some(listen) = listen {
        config.server.listen = listen;
    }
    telemetry::start(&config.log.level);
    let house = House::open(config, Start::Serve)?;
    let scheme = if house.app.config.server.has_tls() { "https" } else { "http" };
    run(house, true, |address| {
        tracing::info!(event = "listening", address = %address);
        print(&format!("Listening on {scheme}://{address}\n"))
    })
}

pub(super) fn worker(place: &Where) -> Result<(), Faults> {
    let config = place.settings()?;
    telemetry::start(&config.log.level);
    run(House::open(config, Start::Serve)?, false, |_| Ok(()))
}

/// Runs until told to stop, then lets what is under way end. `ready` is called once requests are
/// answered.
pub(super) fn run(house: House, web: bool, ready: impl FnOnce(SocketAddr) -> Result<(), Faults>) -> Result<(), Faults> {
    let cannot = |error: std::io::Error| vec![format!("the runtime cannot be started: {error}")];
    allow_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(cannot)?;
    let outcome = runtime.block_on(async {
        let (stop, hangup) = (Stop::listen().map_err(cannot)?, signal(SignalKind::hangup()).map_err(cannot)?);
        if web { web_and_worker(house, ready, (stop, hangup)).await } else { worker_alone(house, stop).await }
    });
    runtime.shutdown_timeout(CLOSING);
    tracing::info!(event = "stopped");
    outcome
}

async fn web_and_worker(
    house: House,
    ready: impl FnOnce(SocketAddr) -> Result<(), Faults>,
    (mut stop, hangup): (Stop, Signal),
) -> Result<(), Faults> {
    let House { app, tokens, areas, .. } = house;
    let listen = app.config.server.listen;
    let worker = Worker::begin(&app)?;
    let figures = Figures::begin(&app)?;
    if app.vault.mint_ahead().is_err() {
        tracing::warn!(event = "keys_not_minted");
    }
    let listening = server::listen(Parts { app: app.clone(), tokens, areas }).map_err(|error| deaf(listen, &error))?;
    let (address, http) = (listening.address, listening.stop());
    let mut serving = tokio::spawn(listening.serve());
    ready(address)?;
    let reloading = tokio::spawn(keep_rules_current(app.clone(), hangup));
    let ended = tokio::select! {
        () = stop.asked() => false,
        _ = &mut serving => true,
    };
    reloading.abort();
    let _ = reloading.await;
    if ended {
        return Err(vec!["the server ended by itself".into()]);
    }
    tracing::info!(event = "stopping");
    tokio::join!(http.drain(), worker.end());
    let _ = serving.await;
    Figures::end(figures).await;
    close(app).await;
    Ok(())
}

async fn worker_alone(house: House, mut stop: Stop) -> Result<(), Faults> {
    let worker = Worker::begin(&house.app)?;
    let figures = Figures::begin(&house.app)?;
    tracing::info!(event = "working");
    stop.asked().await;
    tracing::info!(event = "stopping");
    worker.end().await;
    Figures::end(figures).await;
    close(house.app).await;
    Ok(())
}

/// Takes up rules that were published, here or by another process; and at each SIGHUP, while nothing
/// was ever published, the packs as they are now. A set with any fault changes nothing, and is told of
/// once.
async fn keep_rules_current(app: App, mut asked: Signal) {
    let mut looks = tokio::time::interval(LOOK);
    let mut refused = Faults::new();
    loop {
        let by_signal = tokio::select! {
            signal = asked.recv() => if signal.is_some() { true } else { return },
            _ = looks.tick() => false,
        };
        let reading = app.clone();
        let read = tokio::task::spawn_blocking(move || reload(&reading, by_signal)).await;
        match read.unwrap_or_else(|_| Err(vec!["the packs could not be read".into()])) {
            Ok(taken_up) => {
                refused.clear();
                if let Some(sha256) = taken_up {
                    tracing::info!(event = "rules_in_force", rule_set = sha256);
                }
            }
            Err(faults) if by_signal || faults != refused => {
                for cause in &faults {
                    tracing::error!(event = "rules_refused", cause);
                }
                refused = faults;
            }
            Err(_) => {}
        }
    }
}

/// Puts other rules in force, whole or not at all; gives their digest, or `None` when there is nothing
/// to do. They are kept before the first call is assessed by them. Errors: every fault with file and
/// line.
fn reload(app: &App, by_signal: bool) -> Result<Option<String>, Faults> {
    if let Some(read) = published(&app.store, &app.rules, &app.config)? {
        let sha256 = read.sha256().to_owned();
        app.rules.replace(read);
        return Ok(Some(sha256));
    }
    if !by_signal {
        return Ok(None);
    }
    if app.store.read_blocking(rules::published).map_err(told)?.is_some() {
        return Ok(Some(app.rules.now().sha256().to_owned()));
    }
    let sources = rules::sources(&app.config)?;
    let read = Arc::new(rules::check(&sources, &app.config.place.languages)?);
    keep_rules(&app.store, &read, sources)?;
    let sha256 = read.sha256().to_owned();
    app.rules.replace(read);
    Ok(Some(sha256))
}

/// Delivery, running beside whatever else this process does.
struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    climbing: JoinHandle<()>,
    forgetting: JoinHandle<()>,
}

/// Once an hour, forgets idempotency keys that are older than `[worker] replay_days`.
async fn forget_replays(app: App) {
    let mut hourly = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hourly.tick().await;
        let before = app.clock.now().plus(-app.config.worker.replay_days * DAY);
        if app.store.write(By::system(), move |tx| tx.forget_replays(before)).await.is_err() {
            tracing::warn!(event = "replays_not_forgotten");
        }
    }
}

impl Worker {
    fn begin(app: &App) -> Result<Worker, Faults> {
        let channels = Channels::from_config(&app.config).map_err(|told| vec![told])?;
        let (stop, stopped) = watch::channel(false);
        let climbing = tokio::spawn(referrals::escalation::run(app.store.clone(), app.config.clone(), stopped.clone()));
        let forgetting = tokio::spawn(forget_replays(app.clone()));
        let task = tokio::spawn(notifications::run(app.store.clone(), channels, app.config.clone(), stopped));
        Ok(Worker { stop, task, climbing, forgetting })
    }

    /// Takes nothing new; letters under way have their time.
    async fn end(self) {
        let _ = self.stop.send(true);
        self.forgetting.abort();
        let _ = self.forgetting.await;
        let _ = tokio::join!(self.task, self.climbing);
    }
}

/// `/metrics`, where it is wanted, beside whatever else this process does.
struct Figures {
    http: server::Stop,
    serving: JoinHandle<std::io::Result<()>>,
    tidying: JoinHandle<()>,
}

impl Figures {
    fn begin(app: &App) -> Result<Option<Figures>, Faults> {
        let Some(listen) = app.config.metrics.address() else { return Ok(None) };
        let listening = server::listen_for_metrics(app.clone(), listen).map_err(|error| deaf(listen, &error))?;
        tracing::info!(event = "listening_for_metrics", address = %listening.address);
        let http = listening.stop();
        let serving = tokio::spawn(listening.serve());
        Ok(Some(Figures { http, serving, tidying: tokio::spawn(server::tidy()) }))
    }

    async fn end(figures: Option<Figures>) {
        let Some(Figures { http, serving, tidying }) = figures else { return };
        tidying.abort();
        http.drain().await;
        let _ = serving.await;
    }
}

fn deaf(listen: SocketAddr, error: &std::io::Error) -> Faults {
    vec![format!("{listen}: cannot listen here: {error}")]
}

/// Each connection takes two files; of these a process may have 1024 unless it asks for more, which
/// programs that cannot count further do not.
fn allow_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is refused here shows itself, if ever, as a connection that has to wait.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Waits until nothing else holds the store, then drops it, which lets its writer finish what is
/// queued.
async fn close(app: App) {
    let closing = async {
        while !app.store.is_held_once() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        tracing::warn!(event = "store_still_held");
    }
    let _ = tokio::task::spawn_blocking(move || drop(app)).await;
}

/// SIGTERM, the interrupt key, or the end of the terminal it was started in.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    /// Where there is no terminal, SIGHUP asks for something else.
    hangup: Option<Signal>,
}

impl Stop {
    fn listen() -> std::io::Result<Stop> {
        let hangup = std::io::stdin().is_terminal().then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hangup })
    }

    async fn asked(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = hangup => {}
        }
    }
}
