//! The shipped packs and short ways to say facts, for the triage tests.

use std::path::Path;
use std::sync::OnceLock;

use chrono::{DateTime, TimeZone, Utc};
use goldaw::triage::{Answer, Assessment, Facts, PackSource, RuleSet, assess};

pub const LANGUAGES: [&str; 3] = ["tk", "ru", "en"];

/// Every source under `config/triage`, in the order of their names.
pub fn shipped_sources() -> Vec<PackSource> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/triage");
    let mut sources = Vec::new();
    gather(&root, &root, &mut sources);
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    sources
}

fn gather(root: &Path, folder: &Path, sources: &mut Vec<PackSource>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            sources.push(PackSource {
                name: path.strip_prefix(root).unwrap().display().to_string(),
                text: std::fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

/// The shipped rule set, loaded once.
pub fn shipped() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(|| load(&shipped_sources()))
}

pub fn load(sources: &[PackSource]) -> RuleSet {
    RuleSet::load(sources, &LANGUAGES).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

/// A rule set of one source with nothing but a head and this text.
pub fn pack(text: &str) -> Vec<PackSource> {
    let head = "[pack]\nid = \"test\"\nversion = \"1\"\nlead = true\n";
    vec![PackSource { name: "test.toml".into(), text: format!("{head}{text}") }]
}

pub fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap()
}

/// Facts from JSON, the way they are recorded: `{"strangled": "yes"}`.
pub fn facts(rules: &RuleSet, json: &str) -> Facts {
    let answers: std::collections::BTreeMap<String, Answer> = serde_json::from_str(json).unwrap();
    let mut facts = Facts::new();
    for (id, answer) in answers {
        facts.set(rules, &id, answer).unwrap_or_else(|error| panic!("{error}"));
    }
    facts
}

/// The shipped rules over facts in JSON, at noon.
pub fn assessed(json: &str) -> Assessment {
    assess(shipped(), &facts(shipped(), json), noon())
}
