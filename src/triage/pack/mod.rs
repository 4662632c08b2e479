//! Reading and checking rule packs.

mod build;
mod cases;
mod check;
mod declare;
mod instruments;
mod options;
mod reach;
mod read;
mod source;
mod syntax;
mod typing;

use sha2::{Digest, Sha256};

use super::fault::{Fault, Findings, Place};
use super::rules::{PackSource, RuleSet};

/// Reads, checks and compiles the sources, then runs the cases they carry.
///
/// Cases are only run on a sound rule set: on a broken one their failures would
/// hide the cause.
pub(crate) fn load(sources: &[PackSource], languages: &[&str]) -> Result<RuleSet, Vec<Fault>> {
    let mut findings = Findings::default();
    let tables = read::read(sources, &mut findings);
    let cases = tables.cases.iter();
    let built = build::build(&tables, sources, languages, &mut findings);
    if let Some(rules) = built.as_ref().filter(|_| findings.is_empty()) {
        for case in cases {
            cases::run(rules, case, &mut findings);
        }
    }
    match built {
        Some(rules) if findings.is_empty() => Ok(rules),
        _ => {
            if findings.is_empty() {
                findings.add(&Place::new(0, &(0..0)), "the packs could not be read");
            }
            Err(findings.into_faults(sources))
        }
    }
}

/// SHA-256 over every source's name and text, each with its length, so that no
/// two sets of sources share a digest by moving text between them.
fn digest(sources: &[PackSource]) -> String {
    let mut hasher = Sha256::new();
    for source in sources {
        for part in [&source.name, &source.text] {
            hasher.update(part.len().to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        hex.push_str(&format!("{byte:02x}"));
    }
    hex
}
