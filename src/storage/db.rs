//! The two engines behind one connection type, how they are opened, and what is checked then.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::{Duration, Instant as Stopwatch};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, Pool, PooledConnection, R2D2Connection};
use diesel::sql_types::{BigInt, Text};

use crate::clock::Instant;
use crate::error::{Error, Result};

/// One connection to either engine.
#[derive(diesel::MultiConnection)]
pub enum Db {
    /// A file in the data folder.
    Sqlite(SqliteConnection),
    /// A server.
    Postgres(PgConnection),
}

/// Where a database is; the URL's scheme decides the engine.
#[derive(Clone)]
pub enum Place {
    /// `sqlite:/path/to/file.db`
    Sqlite(PathBuf),
    /// `postgres://…`; several hosts may be named.
    Postgres(String),
}

impl Place {
    /// Reads a URL. Errors: a sentence without the URL, because it may hold a password.
    pub fn from_url(url: &str) -> Result<Place, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" | ":memory:" => {
                    Err("a SQLite URL needs the path of a file: sqlite:/var/lib/goldaw/goldaw.db".into())
                }
                path => Ok(Place::Sqlite(path.into())),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Place::Postgres(url.to_owned()));
        }
        Err("a database URL starts with sqlite: or postgres://".into())
    }

    /// Opens a connection and proves its settings. Errors: a sentence for the log.
    pub(super) fn connect(&self) -> Result<Db, String> {
        match self {
            Place::Sqlite(path) => connect_sqlite(path),
            Place::Postgres(url) => connect_postgres(url),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Sqlite(path) => write!(f, "SQLite at {}", path.display()),
            Place::Postgres(_) => f.write_str("PostgreSQL"),
        }
    }
}

/// What SQLite must say back, pragma by pragma. `journal_size_limit` gives back what the log took while
/// a long reader, such as a backup, kept it from beginning anew.
const PRAGMAS: &[(&str, &str, &str)] = &[
    ("busy_timeout", "2000", "2000"),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", "2"),
    ("foreign_keys", "ON", "1"),
    ("secure_delete", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
    ("temp_store", "MEMORY", "2"),
    ("journal_size_limit", "67108864", "67108864"),
];

fn connect_sqlite(path: &std::path::Path) -> Result<Db, String> {
    create_private(path)?;
    let url = path.to_str().ok_or("the path of the database is not valid text")?;
    let mut connection = SqliteConnection::establish(url).map_err(|_| "the SQLite file cannot be opened".to_owned())?;
    for (name, value, expected) in PRAGMAS {
        connection
            .batch_execute(&format!("PRAGMA {name} = {value}"))
            .map_err(|_| format!("SQLite does not take the setting {name}"))?;
        let said: String = diesel::dsl::sql::<Text>(&format!("PRAGMA {name}"))
            .get_result(&mut connection)
            .map_err(|_| format!("SQLite does not tell its setting {name}"))?;
        if said != *expected {
            return Err(format!("SQLite keeps {name} at a value that is not safe here"));
        }
    }
    Ok(Db::Sqlite(connection))
}

/// SQLite would create the file readable by others; so it is made first, 0600. One that was copied
/// here more openly is closed; the files beside it take its mode.
fn create_private(path: &std::path::Path) -> Result<(), String> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(_) => return Err(format!("the database file {} cannot be made", path.display())),
    }
    let closed = std::fs::metadata(path).is_ok_and(|known| known.permissions().mode() & 0o077 == 0);
    if closed || std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).is_ok() {
        return Ok(());
    }
    Err(format!("the database file {} can be read by others, and cannot be closed to them", path.display()))
}

fn connect_postgres(url: &str) -> Result<Db, String> {
    let mut connection =
        PgConnection::establish(url).map_err(|_| "the PostgreSQL server does not answer".to_owned())?;
    connection
        .batch_execute("SET TIME ZONE 'UTC'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'; SET application_name = 'goldaw'")
        .map_err(|_| "the PostgreSQL session cannot be set up".to_owned())?;
    Ok(Db::Postgres(connection))
}

/// How a transaction begins, in the words of each engine.
#[derive(Clone, Copy)]
pub(super) struct Begin {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// To read, as of one moment. PostgreSQL would plan the page of a list anew each time, because without
/// knowing its limit it takes the plan it has for a dear one; the planning was a quarter of the page.
pub(super) const SNAPSHOT: Begin = Begin {
    sqlite: "BEGIN DEFERRED",
    postgres: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan",
};

/// To write; on PostgreSQL, where several write at once, beside others.
pub(super) const WRITE: Begin = Begin { sqlite: "BEGIN IMMEDIATE", postgres: "BEGIN ISOLATION LEVEL READ COMMITTED" };

impl Db {
    /// A transaction that sees one moment. Whatever `work` does is rolled back.
    pub(super) fn snapshot<T>(&mut self, work: impl FnOnce(&mut Db) -> Result<T>) -> Result<T> {
        self.begin(SNAPSHOT)?;
        self.seen(work)
    }

    /// [`Db::snapshot`] in a transaction that has begun.
    pub(super) fn seen<T>(&mut self, work: impl FnOnce(&mut Db) -> Result<T>) -> Result<T> {
        let outcome = work(self);
        self.rollback()?;
        outcome
    }

    pub(super) fn begin(&mut self, how: Begin) -> Result<()> {
        match self {
            Db::Sqlite(connection) => AnsiTransactionManager::begin_transaction_sql(connection, how.sqlite)?,
            Db::Postgres(connection) => AnsiTransactionManager::begin_transaction_sql(connection, how.postgres)?,
        }
        Ok(())
    }

    /// Opens a savepoint inside the present transaction.
    pub(super) fn nest(&mut self) -> Result<()> {
        Ok(<Db as Connection>::TransactionManager::begin_transaction(self)?)
    }

    /// Commits the innermost savepoint or transaction. After an error a transaction may still be
    /// open.
    pub(super) fn commit(&mut self) -> Result<()> {
        if self.depth() == Some(1)
            && let Db::Postgres(connection) = self
        {
            // COMMIT after a failed statement is answered as if all were well, and rolls back. The
            // query before it is refused then, in the same round trip.
            return Ok(connection.batch_execute("SELECT 1; COMMIT")?);
        }
        Ok(<Db as Connection>::TransactionManager::commit_transaction(self)?)
    }

    /// Undoes the innermost savepoint or transaction.
    pub(super) fn rollback(&mut self) -> Result<()> {
        Ok(<Db as Connection>::TransactionManager::rollback_transaction(self)?)
    }

    /// How many transactions and savepoints are open; `None` when the connection is broken.
    pub(super) fn depth(&mut self) -> Option<u32> {
        let status = match self {
            Db::Sqlite(connection) => AnsiTransactionManager::transaction_manager_status_mut(connection),
            Db::Postgres(connection) => AnsiTransactionManager::transaction_manager_status_mut(connection),
        };
        Some(status.transaction_depth().ok()?.map_or(0, std::num::NonZeroU32::get))
    }

    /// One trivial query.
    pub(super) fn ping(&mut self) -> Result<()> {
        self.batch_execute("SELECT 1").map_err(Error::from)
    }

    /// The time on the database's own clock, which leases of several machines must share. On
    /// SQLite there is one machine, so it is the caller's.
    pub(super) fn time(&mut self, now: Instant) -> Result<Instant> {
        match self {
            Db::Sqlite(_) => Ok(now),
            Db::Postgres(connection) => {
                #[derive(QueryableByName)]
                struct Now {
                    #[diesel(sql_type = BigInt)]
                    micros: i64,
                }
                let told: Now = diesel::sql_query(
                    "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS micros",
                )
                .get_result(connection)?;
                Ok(Instant(told.micros))
            }
        }
    }
}

/// How long somebody waits for a connection before they are told to come again.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A server that answered so lately is not asked whether it is still there: to ask each time is two of the
/// seven round trips of reading a page.
const LATELY: Duration = Duration::from_secs(1);

/// Opens connections for the pool by URL scheme (the derive's own `establish` guesses).
pub(super) struct Opener(Place);

/// A connection of the pool.
pub(super) struct Pooled {
    db: Db,
    /// When it was last given back whole.
    answered: Stopwatch,
}

impl Deref for Pooled {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

/// Why a pool could not have a connection.
#[derive(Debug)]
pub(super) struct NotOpened(String);

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for NotOpened {}

impl ManageConnection for Opener {
    type Connection = Pooled;
    type Error = NotOpened;

    fn connect(&self) -> Result<Pooled, NotOpened> {
        Ok(Pooled { db: self.0.connect().map_err(NotOpened)?, answered: Stopwatch::now() })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), NotOpened> {
        match &mut pooled.db {
            // A file does not go away between two calls; a server does.
            Db::Postgres(connection) if pooled.answered.elapsed() > LATELY => {
                connection.ping().map_err(|_| NotOpened("the server went away".into()))
            }
            _ => Ok(()),
        }
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        let broken = std::thread::panicking() || pooled.depth() != Some(0) || R2D2Connection::is_broken(&mut pooled.db);
        pooled.answered = Stopwatch::now();
        broken
    }
}

pub(super) fn pool(place: &Place, connections: u32) -> Result<Pool<Opener>, String> {
    Pool::builder()
        .max_size(connections)
        .min_idle(Some(1))
        .connection_timeout(PATIENCE)
        .build(Opener(place.clone()))
        .map_err(|_| place.connect().err().unwrap_or_else(|| "the database does not answer".into()))
}

/// A connection in a transaction that has begun. If the server went away meanwhile, that is when it is
/// noticed, and nothing was done yet: the pool drops the connection, and the next one is tried. Errors:
/// 503 when none comes free in time, or none can begin.
pub(super) fn begun(pool: &Pool<Opener>, how: Begin) -> Result<PooledConnection<Opener>> {
    let mut left = pool.max_size();
    loop {
        let mut db = pool.get().map_err(|_| Error::Busy)?;
        match db.begin(how) {
            Ok(()) => return Ok(db),
            Err(error) if left == 0 => return Err(error),
            Err(_) => left -= 1,
        }
    }
}
