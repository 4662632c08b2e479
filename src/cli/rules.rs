//! `goldaw rules`: packs are checked, tried and compared without a database; what was recorded is
//! explained, and replayed, in a house ([`super::replay`]).

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use serde::Deserialize;

use super::house::{House, Start};
use super::{Faults, Where, print, replay};
use crate::clock::{Clock, Instant};
use crate::config::Config;
use crate::rules::{self as packs, Change, How};
use crate::storage::By;
use crate::triage::{Answer, Facts, PackSource, RuleSet, assess};

const DIFF: &str = "\
Examples:
  goldaw rules diff shipped /etc/goldaw/triage
  goldaw rules diff old.toml new.toml
`shipped` means the packs inside the program. Exit code 0 also when they differ.";

const PUBLISH: &str = "\
The packs are checked and their cases run; then the proposal waits, with what it would change, for
two coordinators (POST /api/v1/triage/publications/G-…/approve). After the second approval every
running process takes it up within seconds. From then on packs in files are only proposals.";

const EVALUATE: &str = "\
Example:
  echo '{\"answers\":{\"perpetrator_present\":\"yes\",\"strangled\":\"yes\"},\"facts\":{\"age\":31}}' | goldaw rules evaluate
prints one assessment on one line. \"at\" may name the moment of the assessment (RFC 3339).";

#[derive(Debug, Subcommand)]
pub(super) enum Rules {
    /// Check packs wholly and run the cases they carry; all faults are listed, with file and line.
    Check {
        /// Pack files or folders; those inside the program when none is given.
        packs: Vec<PathBuf>,
        /// Languages every text must exist in.
        #[arg(long, value_delimiter = ',', default_value = "tk,ru,en")]
        languages: Vec<String>,
    },
    /// Read one JSON object of answers and facts a line; print one assessment a line.
    #[command(after_help = EVALUATE)]
    Evaluate {
        /// Pack files or folders; those inside the program when none is given.
        #[arg(long = "pack", value_name = "PATH")]
        packs: Vec<PathBuf>,
    },
    /// What differs between two packs: rules, questions, windows, cases, key by key.
    #[command(after_help = DIFF)]
    Diff {
        /// A pack file or folder, or `shipped`.
        before: PathBuf,
        /// A pack file or folder, or `shipped`.
        after: PathBuf,
    },
    /// Propose rules for publication; two coordinators approve them, one after the other.
    #[command(after_help = PUBLISH)]
    Publish {
        /// Pack files or folders; those of this house ([triage] packs_dir) when none is given.
        #[arg(long = "pack", value_name = "PATH")]
        packs: Vec<PathBuf>,
        #[command(flatten)]
        place: Where,
    },
    /// Why a contact has its level, under the rules of its day; the trail keeps that it was asked.
    Explain {
        /// The contact's reference.
        #[arg(value_name = "C-…")]
        contact: String,
        #[command(flatten)]
        place: Where,
    },
    /// What other rules would have made of everything recorded: counts only, nothing changes.
    #[command(after_help = replay::HELP)]
    Replay(replay::Replay),
}

/// One line of input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    answers: BTreeMap<String, Answer>,
    #[serde(default)]
    facts: BTreeMap<String, Answer>,
    at: Option<Instant>,
}

pub(super) fn run(command: &Rules) -> Result<(), Faults> {
    match command {
        Rules::Check { packs, languages } => {
            let rules = load(packs, languages)?;
            let (indicators, count) = (rules.indicators().len(), rules.rules().len());
            print(&format!(
                "{} {}: {indicators} indicators, {count} rules, no faults\n",
                rules.id().id,
                rules.version()
            ))
        }
        Rules::Evaluate { packs } => evaluate(&load(packs, &languages()?)?, std::io::stdin().lock()),
        Rules::Diff { before, after } => diff(before, after),
        Rules::Publish { packs, place } => publish(packs, place),
        Rules::Explain { contact, place } => replay::explain(contact, place),
        Rules::Replay(command) => replay::run(command),
    }
}

fn publish(paths: &[PathBuf], place: &Where) -> Result<(), Faults> {
    let house = House::open(place.settings()?, Start::Serve)?;
    let app = &house.app;
    let sources = if paths.is_empty() { packs::sources(&app.config)? } else { folders(paths)? };
    let rules = packs::check(&sources, &app.config.place.languages)?;
    let published = app.store.read_blocking(packs::published).map_err(super::told)?;
    let before = match &published {
        Some(row) if row.sha256 == rules.sha256() => return print("These rules are in force.\n"),
        Some(row) => app.store.read_blocking(|db| packs::kept(db, &row.sha256)).map_err(super::told)?,
        None => packs::shipped(),
    };
    let changes = packs::diff(&before, &sources).map_err(|told| vec![told])?;
    let (proposed, kept) = (Arc::new(rules), Arc::new(sources));
    let row =
        app.store.write_blocking(By::system(), move |tx| packs::propose(tx, &proposed, &kept)).map_err(super::told)?;
    changes.iter().try_for_each(|change| print(&told(change)))?;
    print(&format!("{} waits for two coordinators.\n", row.reference))
}

fn languages() -> Result<Vec<String>, Faults> {
    Ok(Config::defaults(std::path::Path::new("")).map_err(|told| vec![told])?.place.languages)
}

fn diff(before: &Path, after: &Path) -> Result<(), Faults> {
    let sources = |path: &Path| if path == Path::new("shipped") { Ok(packs::shipped()) } else { packs::folder(path) };
    let changes = packs::diff(&sources(before)?, &sources(after)?).map_err(|told| vec![told])?;
    if changes.is_empty() {
        return print("They say the same.\n");
    }
    changes.iter().try_for_each(|change| print(&told(change)))
}

fn told(change: &Change) -> String {
    let (mark, keys) = match &change.how {
        How::Added => ('+', Vec::new()),
        How::Removed => ('-', Vec::new()),
        How::Changed(keys) => ('~', keys.clone()),
    };
    let mut text = format!("{mark} {} {}\n", change.kind, change.id);
    for (key, before, after) in keys {
        let said = |value: Option<toml::Value>| value.map_or("nothing".to_owned(), |value| value.to_string());
        text.push_str(&format!("    {key}: {} -> {}\n", said(before), said(after)));
    }
    text
}

pub(super) fn load(paths: &[PathBuf], languages: &[String]) -> Result<RuleSet, Faults> {
    if paths.is_empty() {
        return packs::check(&packs::shipped(), languages);
    }
    packs::check(&folders(paths)?, languages)
}

fn folders(paths: &[PathBuf]) -> Result<Vec<PackSource>, Faults> {
    let mut sources = Vec::new();
    for path in paths {
        sources.extend(packs::folder(path)?);
    }
    Ok(sources)
}

fn evaluate(rules: &RuleSet, lines: impl BufRead) -> Result<(), Faults> {
    let clock = Clock::machine();
    for (number, line) in lines.lines().enumerate() {
        let wrong = |told: String| vec![format!("line {}: {told}", number + 1)];
        let line = line.map_err(|_| wrong("not text".into()))?;
        if line.trim().is_empty() {
            continue;
        }
        let Line { answers, facts, at } = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
        let mut known = Facts::new();
        for (id, answer) in answers.into_iter().chain(facts) {
            known.set(rules, &id, answer).map_err(|error| wrong(error.to_string()))?;
        }
        let assessment = assess(rules, &known, at.unwrap_or_else(|| clock.now()).utc());
        let told = serde_json::to_string(&assessment).map_err(|error| wrong(error.to_string()))?;
        print(&format!("{told}\n"))?;
    }
    Ok(())
}
