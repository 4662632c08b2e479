//! Reading and checking rule packs.

use super::fault::Fault;
use super::rules::{PackSource, RuleSet};

/// Reads, checks and compiles the sources.
pub(crate) fn load(sources: &[PackSource], _languages: &[&str]) -> Result<RuleSet, Vec<Fault>> {
    let name = sources.first().map_or("", |source| source.name.as_str());
    Err(vec![Fault {
        file: name.to_owned(),
        line: 1,
        column: 1,
        message: "reading packs is not built yet".to_owned(),
        suggestion: None,
    }])
}
