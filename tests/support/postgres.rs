//! A database of its own for each story, cloned from a migrated template.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use goldaw::storage::{Place, Tree, migrate, random_bytes};

/// The name of the variable with the URL of a server where tests may make databases.
const SERVER: &str = "GOLDAW_TEST_POSTGRES";

/// A database on the test server, dropped with this value.
pub struct Database {
    pub url: String,
    name: String,
}

impl Database {
    /// Without a table in it.
    pub fn empty() -> Database {
        Database::made("")
    }

    /// With all migrations of one tree applied.
    pub fn migrated(tree: Tree) -> Database {
        Database::made(&format!(" TEMPLATE {}", template(tree)))
    }

    fn made(options: &str) -> Database {
        let random: [u8; 8] = random_bytes().unwrap();
        let name = format!("goldaw_test_{:016x}", u64::from_be_bytes(random));
        server().batch_execute(&format!("CREATE DATABASE {name}{options}")).unwrap();
        Database { url: url_of(&name), name }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A story that already failed must show its own cause, not this one.
        if let Ok(mut server) = PgConnection::establish(&server_url()) {
            let _ = server.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// The name of the migrated template, made by the first test that needs it. The name follows from
/// the migrations, so that a server outlives a change of them.
fn template(tree: Tree) -> String {
    let folder = match tree {
        Tree::Data => "migrations/data",
        Tree::Keys => "migrations/keys",
    };
    let mut hasher = DefaultHasher::new();
    for file in files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
        file.hash(&mut hasher);
        std::fs::read(&file).unwrap().hash(&mut hasher);
    }
    let name = format!("goldaw_template_{:016x}", hasher.finish());
    let mut server = server();
    // Tests are processes of their own: the lock, which goes with the connection, lets one of
    // them make the template; the new name at the end says that it is whole.
    server.batch_execute("SELECT pg_advisory_lock(913370227)").unwrap();
    let there: i64 = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!(
        "(SELECT count(*) FROM pg_database WHERE datname = '{name}')"
    )))
    .get_result(&mut server)
    .unwrap();
    if there == 0 {
        server.batch_execute(&format!("DROP DATABASE IF EXISTS {name}_begun")).unwrap();
        server.batch_execute(&format!("CREATE DATABASE {name}_begun")).unwrap();
        migrate(&Place::Postgres(url_of(&format!("{name}_begun"))), tree).unwrap();
        server.batch_execute(&format!("ALTER DATABASE {name}_begun RENAME TO {name}")).unwrap();
    }
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

fn server() -> PgConnection {
    PgConnection::establish(&server_url()).unwrap()
}

fn server_url() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| {
        panic!(
            "{SERVER} is not set, so this test has no PostgreSQL. Run scripts/test.sh, which starts one, or set \
             {SERVER} to a server where tests may make databases: postgres://postgres@localhost/postgres"
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
