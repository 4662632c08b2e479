//! A fresh hotline for stories about letters. `open` is the one place that knows how it is made.

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use diesel::connection::SimpleConnection;
use goldaw::clock::{Clock, HOUR};
use goldaw::config::{Config, SmtpTls};
use goldaw::notifications::channels::{Carrier, Channels, Delivery, Gate, Outgoing};
use goldaw::notifications::{self, Attempt, Channel, Class, Letter, Notification, Promise, State};
use goldaw::storage::records::steps_of;
use goldaw::storage::{By, Setting, Store};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::mail_server::MailServer;
use crate::support::{Engine, Hotline};

/// Turns each story, a `fn(Engine)`, into two tests: `story::sqlite` and `story::postgres`. Unlike
/// other stories these begin with a configuration of their own.
macro_rules! on_each_engine {
    ($($story:ident),+ $(,)?) => {
        $(mod $story {
            #[test]
            fn sqlite() {
                super::$story($crate::support::Engine::Sqlite);
            }

            #[test]
            fn postgres() {
                super::$story($crate::support::Engine::Postgres);
            }
        })+
    };
}
pub(crate) use on_each_engine;

/// A hotline whose clock runs, because leases on PostgreSQL go by the database's own, and threads
/// for its workers.
pub struct World {
    pub runtime: Runtime,
    pub store: Store,
    pub setting: Setting,
    pub hotline: Hotline,
}

fn open(engine: Engine, change: impl FnOnce(&mut Config)) -> World {
    let hotline = Hotline::with(engine, |config| {
        config.worker.poll_ms = 20;
        change(config);
    });
    let setting = hotline.setting.clone();
    let store = Store::open(&hotline.data, setting.clone(), Clock::machine()).unwrap();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    World { runtime, store, setting, hotline }
}

/// A worker of its own; stops and drains when told, or dies at once when dropped.
pub struct Working {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Working {
    /// As by SIGTERM.
    pub fn stop(self, world: &World) {
        self.stop.send(true).unwrap();
        world.runtime.block_on(self.task).unwrap();
    }

    /// As by kill -9, as far as the database can tell.
    pub fn die(self, world: &World) {
        self.task.abort();
        let _ = world.runtime.block_on(self.task);
        // The tasks it held are dropped by other threads, a moment later.
        std::thread::sleep(Duration::from_millis(200));
    }
}

impl World {
    pub fn new(engine: Engine) -> World {
        open(engine, |_| {})
    }

    /// With a mail server, and one second for each letter.
    pub fn mailing(engine: Engine, server: &MailServer) -> World {
        let port = server.port;
        open(engine, move |config| {
            (config.smtp.host, config.smtp.port, config.smtp.tls) = ("localhost".into(), port, SmtpTls::None);
            config.worker.send_seconds = 2;
        })
    }

    pub fn work(&self) -> Working {
        self.work_with(Channels::from_config(&self.setting.config).unwrap())
    }

    pub fn work_by(&self, carrier: impl Carrier + 'static) -> Working {
        self.work_with(Channels::default().with(Channel::Email, Arc::new(carrier)))
    }

    pub fn work_with(&self, channels: Channels) -> Working {
        let (stop, stopped) = watch::channel(false);
        let run = notifications::run(self.store.clone(), channels, self.setting.config.clone(), stopped);
        Working { stop, task: self.runtime.spawn(run) }
    }

    pub fn promise(&self, promise: &Promise) -> Notification {
        let promise = promise.clone();
        self.store.write_blocking(By::system(), move |tx| notifications::promise(tx, &promise)).unwrap()
    }

    pub fn find(&self, promised: &Notification) -> Notification {
        self.store.read_blocking(|db| notifications::find(db, None, &promised.reference)).unwrap()
    }

    pub fn attempts(&self, promised: &Notification) -> Vec<Attempt> {
        self.store.read_blocking(|db| notifications::attempts_of(db, std::slice::from_ref(&promised.id))).unwrap()
    }

    pub fn classes(&self, promised: &Notification) -> Vec<Class> {
        self.attempts(promised).iter().map(|attempt| attempt.class).collect()
    }

    /// The steps of a letter, each with its detail.
    pub fn steps(&self, promised: &Notification) -> Vec<String> {
        let steps = self.store.read_blocking(|db| steps_of(db, std::slice::from_ref(&promised.id))).unwrap();
        steps.iter().map(|s| format!("{} {}", s.kind, s.detail.as_deref().unwrap_or("")).trim().to_owned()).collect()
    }

    pub fn until(&self, promised: &Notification, state: State) -> Notification {
        self.wait(|| self.find(promised).state == state, &format!("never {state}"));
        self.find(promised)
    }

    pub fn wait(&self, done: impl Fn() -> bool, else_told: &str) {
        let begun = Stopwatch::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(15), "{else_told}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lets time pass for every letter: all its moments lie so much earlier.
    pub fn let_pass(&self, micros: i64) {
        let earlier = move |column: &str| format!("{column} = {column} - {micros}");
        let sets: Vec<String> = ["not_before", "lease_until", "give_up_at", "created_at"].map(earlier).to_vec();
        let update = format!("UPDATE notifications SET {}", sets.join(", "));
        // Workers are in the way on PostgreSQL; each of their transactions is short.
        let pass = || {
            let update = update.clone();
            self.store.write_blocking(By::system(), move |tx| Ok(tx.db.batch_execute(&update)?)).is_ok()
        };
        self.wait(pass, "time does not pass");
    }
}

/// A calm letter to an endpoint without a service, about a referral of the same name.
pub fn calm(endpoint: &str) -> Promise {
    Promise {
        referral_id: Some(format!("referral of {endpoint}")),
        case_id: None,
        service_id: None,
        endpoint_id: endpoint.into(),
        channel: Channel::Email,
        address: format!("{endpoint}@partner.example"),
        kind: "request".into(),
        revision: 1,
        urgent: false,
        letter: Letter {
            subject: "A request is waiting: P-1".into(),
            text: "Open it here:\n{link}\n".into(),
            html: "<a href=\"{link}\">Open</a>".into(),
            reference: "P-1".into(),
        },
        give_up_after: 48 * HOUR,
    }
}

pub fn urgent(endpoint: &str) -> Promise {
    Promise { urgent: true, ..calm(endpoint) }
}

/// A carrier that is a closure.
pub struct Playing<F>(pub F);

impl<F: Fn(&Outgoing, &Gate) -> Delivery + Send + Sync> Carrier for Playing<F> {
    fn carry(&self, outgoing: &Outgoing, gate: &Gate) -> Delivery {
        (self.0)(outgoing, gate)
    }
}
