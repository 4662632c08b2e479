//! `goldaw rules`: packs are checked, and tried, without a database.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;

use clap::Subcommand;
use serde::Deserialize;

use super::{Faults, print};
use crate::clock::{Clock, Instant};
use crate::config::Config;
use crate::rules as packs;
use crate::triage::{Answer, Facts, RuleSet, assess};

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
    }
}

fn languages() -> Result<Vec<String>, Faults> {
    Ok(Config::defaults(std::path::Path::new("")).map_err(|told| vec![told])?.place.languages)
}

fn load(paths: &[PathBuf], languages: &[String]) -> Result<RuleSet, Faults> {
    if paths.is_empty() {
        return packs::check(&packs::shipped(), languages);
    }
    let mut sources = Vec::new();
    for path in paths {
        sources.extend(packs::folder(path)?);
    }
    packs::check(&sources, languages)
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
