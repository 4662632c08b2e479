//! Where rule packs come from: those inside the program, and those of a folder beside them.

use std::path::Path;

use rust_embed::RustEmbed;

use crate::config::Config;
use crate::triage::{PackSource, RuleSet};

#[derive(RustEmbed)]
#[folder = "config/triage/"]
struct Shipped;

/// The rules of this deployment, wholly checked. Errors: every fault with file and line.
pub fn load(config: &Config) -> Result<RuleSet, Vec<String>> {
    check(&sources(config)?, &config.place.languages)
}

/// The packs of this deployment: those inside the program, then those of its own folder.
pub fn sources(config: &Config) -> Result<Vec<PackSource>, Vec<String>> {
    let mut sources = shipped();
    if !config.triage.packs_dir.as_os_str().is_empty() {
        sources.extend(folder(&config.triage.packs_dir)?);
    }
    Ok(sources)
}

/// Checks packs and runs the cases they carry.
pub fn check(sources: &[PackSource], languages: &[String]) -> Result<RuleSet, Vec<String>> {
    let languages: Vec<&str> = languages.iter().map(String::as_str).collect();
    RuleSet::load(sources, &languages).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// The packs inside the program, in the order of their names.
pub fn shipped() -> Vec<PackSource> {
    let mut names: Vec<_> = Shipped::iter().collect();
    names.sort_unstable();
    names
        .into_iter()
        .filter_map(|name| {
            let file = Shipped::get(&name)?;
            Some(PackSource { text: String::from_utf8(file.data.into_owned()).ok()?, name: name.into_owned() })
        })
        .collect()
}

/// Every `.toml` below a folder (or that one file), in the order of their names.
pub fn folder(path: &Path) -> Result<Vec<PackSource>, Vec<String>> {
    let mut sources = Vec::new();
    gather(path, path, &mut sources).map_err(|error| vec![format!("{}: {error}", path.display())])?;
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

fn gather(root: &Path, path: &Path, sources: &mut Vec<PackSource>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            gather(root, &entry?.path(), sources)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "toml") || path == root {
        let name = path.strip_prefix(root).ok().filter(|name| !name.as_os_str().is_empty()).unwrap_or(path);
        sources.push(PackSource { name: name.display().to_string(), text: std::fs::read_to_string(path)? });
    }
    Ok(())
}
