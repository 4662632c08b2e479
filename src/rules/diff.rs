//! What differs between two packs, table by table, as they are written: nothing a pack can say is
//! left out of the comparison, and the order of files and tables does not count.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::triage::PackSource;

/// One table that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The kind of table: `rule`, `indicator`, `case` …
    pub kind: String,
    /// Its id; the name of a case; for a table without either, what it is about.
    pub id: String,
    /// How it differs.
    pub how: How,
}

/// How a table differs.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Keys with what they say in the first and in the second.
    Changed(Vec<(String, Option<Value>, Option<Value>)>),
}

/// What differs, by kind and id. Errors: a sentence for a source that is not TOML.
pub fn diff(before: &[PackSource], after: &[PackSource]) -> Result<Vec<Change>, String> {
    let (before, mut after) = (tables(before)?, tables(after)?);
    let mut changes = Vec::new();
    for ((kind, id), old) in before {
        let how = match after.remove(&(kind.clone(), id.clone())) {
            None => How::Removed,
            Some(new) if new == old => continue,
            Some(new) => How::Changed(keys(&old, &new)),
        };
        changes.push(Change { kind, id, how });
    }
    changes.extend(after.into_keys().map(|(kind, id)| Change { kind, id, how: How::Added }));
    changes.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    Ok(changes)
}

fn keys(old: &Table, new: &Table) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let pairs = names.into_iter().map(|name| (name, old.get(name), new.get(name)));
    pairs
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| (name.clone(), old.cloned(), new.cloned()))
        .collect()
}

/// Every table of the sources by kind and id.
fn tables(sources: &[PackSource]) -> Result<BTreeMap<(String, String), Table>, String> {
    let mut all = BTreeMap::new();
    for source in sources {
        let document: Table = toml::from_str(&source.text).map_err(|_| format!("{} is not TOML", source.name))?;
        for (kind, value) in document {
            let entries = match value {
                Value::Array(entries) => entries,
                one => vec![one],
            };
            for (place, entry) in entries.into_iter().enumerate() {
                if let Value::Table(table) = entry {
                    let name = named(&table, place);
                    // Cases may share a name; each is compared with its own like.
                    let mut key = (kind.clone(), name.clone());
                    for number in 2.. {
                        if !all.contains_key(&key) {
                            break;
                        }
                        key.1 = format!("{name} ({number})");
                    }
                    all.insert(key, table);
                }
            }
        }
    }
    Ok(all)
}

fn named(table: &Table, place: usize) -> String {
    let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    text("id").or_else(|| text("name")).or_else(|| text("when")).unwrap_or_else(|| format!("number {}", place + 1))
}
