//! What stories stand on: a fresh hotline on either engine, and a way to tell one story on both.
//!
//! ```ignore
//! on_both_engines![a_step_is_kept];
//!
//! fn a_step_is_kept(hotline: &Hotline) {
//!     hotline.store.write_blocking(By::system(), |tx| tx.step(("task", "t1"), "opened", None)).unwrap();
//!     assert_eq!(hotline.count("steps"), 1);
//! }
//! ```
//! makes the tests `a_step_is_kept::sqlite` and `a_step_is_kept::postgres`.

pub mod canary;
pub mod contract;
pub mod floor;
pub mod http;
pub mod postgres;
pub mod program;
pub mod proof;

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Stopwatch};

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use goldaw::clock::{Clock, Instant};
use goldaw::config::Config;
use goldaw::error::{Error, Result};
use goldaw::state::App;
use goldaw::storage::{By, Db, KeyDb, Place, Setting, Store, Tree, Tx, migrate};
use goldaw::triage::{InForce, PackSource, RuleSet};
use goldaw::vault::{Keyring, Vault};
use tempfile::TempDir;

use postgres::Lent;

/// When stories begin: 2026-11-23T04:00:00Z, a Monday morning at nine in Ashgabat.
pub const MORNING: Instant = Instant(1_795_406_400_000_000);

/// Which database a story is told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Turns each story, a `fn(&Hotline)`, into two tests on fresh hotlines: `story::sqlite` and
/// `story::postgres`.
macro_rules! on_both_engines {
    ($($story:ident),+ $(,)?) => {
        $(mod $story {
            #[test]
            fn sqlite() {
                super::$story(&$crate::support::Hotline::open($crate::support::Engine::Sqlite));
            }

            #[test]
            fn postgres() {
                super::$story(&$crate::support::Hotline::open($crate::support::Engine::Postgres));
            }
        })+
    };
}
pub(crate) use on_both_engines;

/// One deployment, fresh and migrated: data, key store, vault with a new keyring, a clock that
/// stands at [`MORNING`] until moved. Everything goes when it is dropped.
pub struct Hotline {
    pub engine: Engine,
    pub store: Store,
    pub vault: Arc<Vault>,
    pub clock: Clock,
    pub setting: Setting,
    pub data: Place,
    pub keys: Place,
    // Dropped last: what lies in them is in use until the store is closed.
    pub folder: TempDir,
    _lent: Option<Lent>,
}

impl Hotline {
    /// With the default configuration.
    pub fn open(engine: Engine) -> Hotline {
        Hotline::with(engine, |_| {})
    }

    /// With a configuration of its own.
    pub fn with(engine: Engine, change: impl FnOnce(&mut Config)) -> Hotline {
        let folder = TempDir::new().unwrap();
        let mut config = Config::defaults(folder.path()).unwrap();
        let lent = (engine == Engine::Postgres).then(Lent::migrated);
        if let Some(lent) = &lent {
            config.database.url.clone_from(&lent.url);
            config.database.keys_url.clone_from(&lent.keys_url);
        }
        change(&mut config);
        let data = Place::from_url(&config.database.url).unwrap();
        let keys = Place::from_url(&config.database.keys_url).unwrap();
        if engine == Engine::Sqlite {
            migrate(&data, Tree::Data).unwrap();
            migrate(&keys, Tree::Keys).unwrap();
        }
        let clock = Clock::held(MORNING);
        let setting = setting(config, &keys, &clock);
        let store = Store::open(&data, setting.clone(), clock.clone()).unwrap();
        let vault = setting.vault.clone();
        Hotline { engine, store, vault, clock, setting, data, keys, folder, _lent: lent }
    }

    /// What handlers hold.
    pub fn app(&self) -> App {
        App::new(self.store.clone(), self.setting.clone(), self.clock.clone())
    }

    /// A second look at the same data, as after a restart: nothing of the first store is shared.
    pub fn reopened(&self) -> Store {
        Store::open(&self.data, self.setting.clone(), self.clock.clone()).unwrap()
    }

    /// A connection that goldaw knows nothing of.
    pub fn stranger(&self) -> Db {
        stranger(&self.data)
    }

    /// How many rows a table has, as a stranger sees it.
    pub fn count(&self, table: &str) -> i64 {
        count(&mut self.stranger(), table)
    }

    /// Moves the clock by so many microseconds.
    pub fn wait(&self, micros: i64) {
        self.clock.set(self.clock.now().plus(micros));
    }

    /// Keeps the writing thread of SQLite busy, so that all that is asked until
    /// [`Held::release`] shares one commit. On PostgreSQL, where writers do not wait for each
    /// other, one connection is busy.
    pub fn hold_writer(&self) -> Held {
        let (begun, has_begun) = channel();
        let (release, released) = channel::<()>();
        let released = Mutex::new(released);
        let store = self.store.clone();
        let thread = std::thread::spawn(move || {
            store.write_blocking(By::system(), move |_| {
                begun.send(()).ok();
                released.lock().unwrap().recv().ok();
                Ok(())
            })
        });
        has_begun.recv().unwrap();
        Held { release, thread }
    }

    /// Runs all of `works` at once, in the order given: on SQLite as one batch with one commit.
    pub fn together<T: Send + 'static>(&self, works: Vec<Work<T>>) -> Vec<Result<T>> {
        let held = self.hold_writer();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcomes = runtime.block_on(async {
            let asked: Vec<_> = works
                .into_iter()
                .map(|work| {
                    let store = self.store.clone();
                    tokio::spawn(async move { store.write(By::system(), work).await })
                })
                .collect();
            // One turn of the loop polls each of them once, which queues it.
            tokio::task::yield_now().await;
            held.release();
            let mut outcomes = Vec::new();
            for answer in asked {
                outcomes.push(answer.await.unwrap());
            }
            outcomes
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
        outcomes
    }
}

/// One write among several, see [`Hotline::together`].
pub type Work<T> = Box<dyn Fn(&mut Tx<'_>) -> Result<T> + Send>;

/// A boxed [`Work`].
pub fn work<T>(work: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> Work<T> {
    Box::new(work)
}

/// The writing thread, held up.
pub struct Held {
    release: Sender<()>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Held {
    /// Lets it go on, and waits for its own commit.
    pub fn release(self) {
        self.release.send(()).unwrap();
        self.thread.join().unwrap().unwrap();
    }
}

/// What stands around a store, with a fresh keyring over the key store at `keys`.
pub fn setting(config: Config, keys: &Place, clock: &Clock) -> Setting {
    let keys = KeyDb::open(keys, clock.clone()).unwrap();
    let vault = Vault::new(Keyring::create().unwrap(), Arc::new(keys));
    Setting {
        vault: Arc::new(vault),
        rules: InForce::new(rules()),
        config: Arc::new(config),
        promised: Arc::new(tokio::sync::Notify::new()),
        level_moved: goldaw::referrals::follow,
    }
}

/// The rules stories are told under: those that are shipped, instruments included.
fn rules() -> RuleSet {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/triage");
    let mut sources = Vec::new();
    for folder in [folder.clone(), folder.join("goldaw-hotline")] {
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|kind| kind == "toml"));
        files.sort();
        sources.extend(files.iter().map(|file| PackSource {
            name: file.file_name().unwrap().display().to_string(),
            text: std::fs::read_to_string(file).unwrap(),
        }));
    }
    RuleSet::load(&sources, &["tk", "ru", "en"]).unwrap()
}

/// A plain connection, opened without any of goldaw's settings.
pub fn stranger(place: &Place) -> Db {
    match place {
        Place::Sqlite(path) => {
            let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
            diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).unwrap();
            Db::Sqlite(connection)
        }
        Place::Postgres(url) => Db::Postgres(PgConnection::establish(url).unwrap()),
    }
}

/// How many rows a table has.
pub fn count(db: &mut Db, table: &str) -> i64 {
    number(db, &format!("SELECT count(*) AS value FROM {table}"))
}

/// The one number a query gives, under the name `value`.
pub fn number(db: &mut Db, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = BigInt)]
        value: i64,
    }
    let told: Number = match db {
        Db::Sqlite(connection) => diesel::sql_query(query).get_result(connection).unwrap(),
        Db::Postgres(connection) => diesel::sql_query(query).get_result(connection).unwrap(),
    };
    told.value
}

/// Tries until it succeeds; gives how long that took. Fails the story after `longest`.
pub fn recovers_within<T>(longest: Duration, mut attempt: impl FnMut() -> Result<T>) -> Duration {
    let begun = Stopwatch::now();
    loop {
        match attempt() {
            Ok(_) => return begun.elapsed(),
            Err(error) if begun.elapsed() > longest => panic!("still failing after {longest:?}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// True for what a caller may try again: nothing was stored, the answer is 503 and says when.
pub fn is_503(outcome: &Result<impl Sized>) -> bool {
    use actix_web::ResponseError;
    outcome.as_ref().is_err_and(|error: &Error| error.status_code() == 503 && error.retry_after().is_some())
}
