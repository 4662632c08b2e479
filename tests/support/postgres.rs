//! Databases for stories on PostgreSQL. Making and dropping one for each story would flush more
//! than all stories together, so migrated ones are lent out: a story has one to itself, empty, for
//! as long as it lasts, and the next story gets it emptied again.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use goldaw::storage::{Place, Tree, migrate, random_bytes};

/// The name of the variable with the URL of a server where tests may do as they like.
const SERVER: &str = "GOLDAW_TEST_POSTGRES";

/// The lock under which templates are made, and the first of the pair that lends a database.
const LOCK: i32 = 913_370_227;

/// A database lent to one story. The connection holds the loan, so it ends with the process too.
pub struct Lent {
    pub url: String,
    /// The key store: its own schema, so that one database is enough.
    pub keys_url: String,
    _loan: PgConnection,
}

impl Lent {
    /// Migrated and empty.
    pub fn migrated() -> Lent {
        let mut loan = server();
        let template = template(&mut loan);
        let number = (1..).find(|number| truth(&mut loan, &format!("pg_try_advisory_lock({LOCK}, {number})"))).unwrap();
        let name = format!("{template}_{number}");
        if !exists(&mut loan, &name) {
            loan.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap();
        }
        let url = url_of(&name);
        let keys_url = keys_url_of(&url);
        PgConnection::establish(&url).unwrap().batch_execute(EMPTIED).unwrap();
        Lent { url, keys_url, _loan: loan }
    }
}

/// What a story before may have left: its connections, its rows, its numbers.
const EMPTIED: &str = "
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE
    it record;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR it IN SELECT schemaname, tablename FROM pg_tables
        WHERE schemaname IN ('public', 'keys') AND tablename <> '__diesel_schema_migrations'
    LOOP
        EXECUTE format('DELETE FROM %I.%I', it.schemaname, it.tablename);
    END LOOP;
    FOR it IN SELECT schemaname, sequencename FROM pg_sequences WHERE schemaname IN ('public', 'keys')
    LOOP
        PERFORM setval(format('%I.%I', it.schemaname, it.sequencename)::regclass, 1, false);
    END LOOP;
END $$";

/// A database without a table in it, for stories that change tables; dropped with this value.
pub struct Bare {
    pub url: String,
    name: String,
}

impl Bare {
    pub fn new() -> Bare {
        let random: [u8; 8] = random_bytes().unwrap();
        let name = format!("goldaw_bare_{:016x}", u64::from_be_bytes(random));
        server().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        Bare { url: url_of(&name), name }
    }

    /// With an empty schema for a key store.
    pub fn with_keys() -> Bare {
        let bare = Bare::new();
        PgConnection::establish(&bare.url).unwrap().batch_execute("CREATE SCHEMA keys").unwrap();
        bare
    }

    pub fn keys_url(&self) -> String {
        keys_url_of(&self.url)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // A story that already failed must show its own cause, not this one.
        if let Ok(mut server) = PgConnection::establish(&server_url()) {
            let _ = server.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// The name of the migrated template, made by the first story that needs it. The name follows from
/// the migrations, so that a server outlives a change of them.
fn template(server: &mut PgConnection) -> String {
    let mut hasher = DefaultHasher::new();
    for file in files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")) {
        file.hash(&mut hasher);
        std::fs::read(&file).unwrap().hash(&mut hasher);
    }
    let name = format!("goldaw_{:016x}", hasher.finish());
    // Stories may be processes of their own: under the lock one of them makes the template; the new
    // name at the end says that it is whole.
    server.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).unwrap();
    if !exists(server, &name) {
        server.batch_execute(&format!("DROP DATABASE IF EXISTS {name}_begun")).unwrap();
        server.batch_execute(&format!("CREATE DATABASE {name}_begun")).unwrap();
        let url = url_of(&format!("{name}_begun"));
        PgConnection::establish(&url).unwrap().batch_execute("CREATE SCHEMA keys").unwrap();
        migrate(&Place::Postgres(keys_url_of(&url)), Tree::Keys).unwrap();
        migrate(&Place::Postgres(url), Tree::Data).unwrap();
        server.batch_execute(&format!("ALTER DATABASE {name}_begun RENAME TO {name}")).unwrap();
    }
    server.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).unwrap();
    name
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn exists(server: &mut PgConnection, database: &str) -> bool {
    truth(server, &format!("EXISTS (SELECT FROM pg_database WHERE datname = '{database}')"))
}

fn truth(server: &mut PgConnection, expression: &str) -> bool {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(expression)).get_result(server).unwrap()
}

fn server() -> PgConnection {
    PgConnection::establish(&server_url()).unwrap()
}

fn server_url() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| {
        panic!(
            "{SERVER} is not set, so this test has no PostgreSQL. Run scripts/test.sh, which starts one, or set \
             {SERVER} to a server where tests may do as they like: postgres://postgres@localhost/postgres"
        )
    })
}

/// The test server's URL with another database in it.
fn url_of(database: &str) -> String {
    let url = server_url();
    let (address, options) = url.split_once('?').map_or((url.as_str(), String::new()), |(a, o)| (a, format!("?{o}")));
    let (server, _) = address.rsplit_once('/').unwrap();
    format!("{server}/{database}{options}")
}

fn keys_url_of(url: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}options=-csearch_path%3Dkeys")
}
