//! One tree of migrations for each database, the same on both engines, in both directions.

use std::collections::BTreeSet;
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use goldaw::storage::{Db, Place, Tree, migrate, pending, revert_all};

use crate::support::postgres::Bare;
use crate::support::{Engine, stranger};

const TREES: [(Tree, &str); 2] = [(Tree::Data, "migrations/data"), (Tree::Keys, "migrations/keys")];

/// A database without a table, and what keeps it.
struct Nowhere {
    place: Place,
    _kept: (tempfile::TempDir, Option<Bare>),
}

fn nowhere(engine: Engine) -> Nowhere {
    let folder = tempfile::tempdir().unwrap();
    let bare = (engine == Engine::Postgres).then(Bare::new);
    let place = match &bare {
        Some(bare) => Place::Postgres(bare.url.clone()),
        None => Place::Sqlite(folder.path().join("new.db")),
    };
    Nowhere { place, _kept: (folder, bare) }
}

#[test]
fn each_goes_up_down_and_up_on_sqlite() {
    each_goes_up_down_and_up(Engine::Sqlite);
}

#[test]
fn each_goes_up_down_and_up_on_postgres() {
    each_goes_up_down_and_up(Engine::Postgres);
}

fn each_goes_up_down_and_up(engine: Engine) {
    for (tree, folder) in TREES {
        let nowhere = nowhere(engine);
        let mut db = stranger(&nowhere.place);
        let source = || FileBasedMigrations::from_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let mut steps = 0;
        while db.has_pending_migration(source()).unwrap() {
            let before = described(&mut db);
            db.run_next_migration(source()).unwrap();
            let after = described(&mut db);
            assert_ne!(before, after, "step {steps} of {tree:?} does something");
            db.revert_last_migration(source()).unwrap();
            assert_eq!(described(&mut db), before, "step {steps} of {tree:?} is taken back whole");
            db.run_next_migration(source()).unwrap();
            assert_eq!(described(&mut db), after, "step {steps} of {tree:?} is the same the second time");
            steps += 1;
        }
        assert!(steps > 0);
        assert!(!pending(&nowhere.place, tree).unwrap(), "the program has the same steps built in");
    }
}

#[test]
fn all_go_down_and_up_again_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for (tree, _) in TREES {
            let nowhere = nowhere(engine);
            let applied = migrate(&nowhere.place, tree).unwrap();
            let full = described(&mut stranger(&nowhere.place));
            assert_eq!(migrate(&nowhere.place, tree).unwrap(), 0, "a second time there is nothing to do");
            assert_eq!(revert_all(&nowhere.place, tree).unwrap(), applied);
            assert_eq!(described(&mut stranger(&nowhere.place)), [""; 0]);
            assert_eq!(migrate(&nowhere.place, tree).unwrap(), applied);
            assert_eq!(described(&mut stranger(&nowhere.place)), full);
        }
    }
}

#[test]
fn the_program_sees_the_columns_the_tables_have() {
    let declared = declared_columns(include_str!("../../../src/storage/schema.rs"));
    assert!(declared.len() > 100, "the reader of schema.rs reads it");
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut there = BTreeSet::new();
        for (tree, _) in TREES {
            let nowhere = nowhere(engine);
            migrate(&nowhere.place, tree).unwrap();
            there.extend(columns(&mut stranger(&nowhere.place)));
        }
        let missing: Vec<_> = declared.difference(&there).collect();
        let unknown: Vec<_> = there.difference(&declared).collect();
        assert!(missing.is_empty() && unknown.is_empty(), "{engine:?}: schema.rs says {missing:?}, tables {unknown:?}");
    }
}

/// `table.column kind`, with `?` where it may be null, as `diesel::table!` has it.
fn declared_columns(source: &str) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    let (mut table, mut sql_name) = (String::new(), None);
    for line in source.lines().map(str::trim).filter(|line| !line.starts_with("diesel::joinable")) {
        if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with('{')) {
            table = name.to_owned();
        } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            sql_name = name.split('"').next().map(str::to_owned);
        } else if let Some((name, kind)) = line.trim_end_matches(',').split_once(" -> ") {
            let name = sql_name.take().unwrap_or_else(|| name.to_owned());
            let (kind, null) = match kind.strip_prefix("Nullable<") {
                Some(kind) => (kind.trim_end_matches('>'), "?"),
                None => (kind, ""),
            };
            columns.insert(format!("{table}.{name} {}{null}", kind.to_lowercase()));
        }
    }
    columns
}

/// The same from the database itself.
fn columns(db: &mut Db) -> BTreeSet<String> {
    let query = match db {
        Db::Sqlite(_) => {
            "SELECT t.name || '.' || c.name || ' ' || lower(c.type) || CASE c.\"notnull\" WHEN 1 THEN '' ELSE '?' END AS value
             FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
        }
        Db::Postgres(_) => {
            "SELECT table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN '' ELSE '?' END AS value
             FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let known = [("bytea", "binary"), ("boolean", "bool"), ("bigserial", "bigint")];
    texts(db, query)
        .into_iter()
        .filter(|line| !line.starts_with("__diesel") && !line.starts_with("sqlite_"))
        .map(|line| known.iter().fold(line, |line, (sql, rust)| line.replace(&format!(" {sql}"), &format!(" {rust}"))))
        .collect()
}

/// Tables, indexes and constraints, line by line.
fn described(db: &mut Db) -> Vec<String> {
    let query = match db {
        Db::Sqlite(_) => {
            "SELECT coalesce(sql, name) AS value FROM sqlite_master
             WHERE tbl_name NOT LIKE '\\_\\_diesel%' ESCAPE '\\' AND tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
        }
        Db::Postgres(_) => {
            "SELECT value FROM (
                SELECT table_name || '.' || column_name || ' ' || data_type || is_nullable || coalesce(column_default, '') AS value
                    FROM information_schema.columns WHERE table_schema = 'public'
                UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
                UNION ALL SELECT conrelid::regclass || pg_get_constraintdef(oid) FROM pg_constraint
                    WHERE connamespace = 'public'::regnamespace
                UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
            ) all_of_it WHERE value NOT LIKE '%\\_\\_diesel%' ORDER BY 1"
        }
    };
    texts(db, query)
}

fn texts(db: &mut Db, query: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let lines: Vec<Line> = match db {
        Db::Sqlite(connection) => diesel::sql_query(query).load(connection).unwrap(),
        Db::Postgres(connection) => diesel::sql_query(query).load(connection).unwrap(),
    };
    lines.into_iter().map(|line| line.value).collect()
}
