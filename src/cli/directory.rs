//! `goldaw directory`: organisations and services to and from Open Referral HSDS files, of any size.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::house::{House, Start};
use super::{Faults, Where, print, told};
use crate::directory::hsds::{self, Incoming, Outcome, Package, Table, Tables, Tally};
use crate::input::{Json, read};
use crate::storage::By;

const EXPORT: &str = "\
Examples:
  goldaw directory export > directory.json
  goldaw directory export --csv ./directory
Neither holds how services are reached, nor any confidential place.";

const IMPORT: &str = "\
Examples:
  goldaw directory import directory.json
  goldaw directory import ./directory
Everything is checked first; one fault and nothing is changed. Nothing is ever removed.
Addresses for letters do not come by file: a coordinator enters them.";

#[derive(Debug, Subcommand)]
pub(super) enum Directory {
    /// Write the directory as HSDS 3.0: JSON to standard output, or CSV tables into a folder.
    #[command(after_help = EXPORT)]
    Export {
        /// A new folder for the tables, instead of JSON.
        #[arg(long, value_name = "FOLDER")]
        csv: Option<PathBuf>,
        #[command(flatten)]
        place: Where,
    },
    /// Add and change what HSDS 3.0 says: a JSON file, or a folder of CSV tables.
    #[command(after_help = IMPORT)]
    Import {
        /// The file or the folder.
        path: PathBuf,
        #[command(flatten)]
        place: Where,
    },
}

pub(super) fn run(command: Directory) -> Result<(), Faults> {
    match command {
        Directory::Export { csv, place } => export(&House::open(place.settings()?, Start::Serve)?, csv.as_deref()),
        Directory::Import { path, place } => import(&place, &path),
    }
}

fn export(house: &House, folder: Option<&Path>) -> Result<(), Faults> {
    let areas = house.areas.clone();
    let document = house.app.store.write_blocking(By::system(), move |tx| hsds::export(tx, &areas)).map_err(told)?;
    let Some(folder) = folder else {
        let text = serde_json::to_string_pretty(&document).map_err(|error| vec![error.to_string()])?;
        return print(&format!("{text}\n"));
    };
    let broken = |error: std::io::Error| vec![format!("{}: {error}", folder.display())];
    std::fs::create_dir(folder).map_err(broken)?;
    let tables = Tables::of(&document).map_err(told)?;
    for table in Table::ALL {
        std::fs::write(folder.join(table.file()), tables.csv(*table).map_err(told)?).map_err(broken)?;
    }
    Ok(())
}

fn import(place: &Where, path: &Path) -> Result<(), Faults> {
    let broken = |error: std::io::Error| vec![format!("{}: {error}", path.display())];
    if !path.is_dir() {
        let json = Json::parse(&std::fs::read(path).map_err(broken)?).map_err(told)?;
        let incoming: Incoming = read(&json).map_err(told)?;
        return print(&summary(&written(place, incoming)?.map_err(told)?));
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(broken)? {
        let file = entry.map_err(broken)?.path();
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".csv") {
            files.push((name, std::fs::read_to_string(&file).map_err(broken)?));
        }
    }
    files.sort();
    let package = Package::parse(&files)?;
    let outcome = written(place, package.incoming.clone())?;
    print(&summary(&outcome.map_err(|error| package.told(error))?))
}

/// The outer fault is the house's, the inner one the file's.
fn written(place: &Where, incoming: Incoming) -> Result<crate::error::Result<Outcome>, Faults> {
    let house = House::open(place.settings()?, Start::Serve)?;
    let areas = house.areas.clone();
    Ok(house.app.store.write_blocking(By::system(), move |tx| hsds::import(tx, &areas, &incoming)))
}

fn summary(outcome: &Outcome) -> String {
    let line = |what: &str, tally: Tally| {
        format!("{what:<14}{} added, {} changed, {} unchanged\n", tally.added, tally.changed, tally.unchanged)
    };
    let mut text = line("organisations", outcome.organizations) + &line("services", outcome.services);
    for (member, rows) in &outcome.left_out {
        let _ = writeln!(text, "not kept: {member}, in {rows} rows");
    }
    text
}
