//! Reading TOML. Every table of a file is read on its own, so that one fault
//! does not hide the next.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::source::{Found, Tables};
use super::typing::did_you_mean;
use crate::triage::fault::{Findings, Place};
use crate::triage::rules::PackSource;
use crate::triage::spelling::closest;

const TABLES: [&str; 9] =
    ["pack", "indicator", "instrument", "window", "rule", "constraint", "minimum", "lead", "case"];

/// Reads every source as far as it can be read.
pub(crate) fn read(sources: &[PackSource], findings: &mut Findings) -> Tables {
    let mut tables = Tables::default();
    for (number, source) in sources.iter().enumerate() {
        let (document, errors) = DeTable::parse_recoverable(&source.text);
        for error in &errors {
            let place = Place::new(number, &error.span().unwrap_or_default());
            findings.add(&place, error.message());
        }
        // After a syntax error the tables may be mangled; more faults would mislead.
        if errors.is_empty() {
            tables.take(number, document.into_inner(), findings);
        }
    }
    tables
}

impl Tables {
    fn take(&mut self, source: usize, document: DeTable<'_>, findings: &mut Findings) {
        for (key, value) in document {
            let place = Place::new(source, &key.span());
            match key.get_ref().as_ref() {
                "pack" => self.packs.extend(one(source, value, findings)),
                "indicator" => each(&mut self.indicators, source, value, findings),
                "instrument" => each(&mut self.instruments, source, value, findings),
                "window" => each(&mut self.windows, source, value, findings),
                "rule" => each(&mut self.rules, source, value, findings),
                "constraint" => each(&mut self.constraints, source, value, findings),
                "minimum" => each(&mut self.minimums, source, value, findings),
                "lead" => each(&mut self.leads, source, value, findings),
                "case" => each(&mut self.cases, source, value, findings),
                other => findings.suggest(
                    &place,
                    format!("there is no table `{other}` in a pack"),
                    Some(format!("use one of {}", TABLES.join(", "))),
                ),
            }
        }
    }
}

fn each<T: DeserializeOwned>(
    into: &mut Vec<Found<T>>,
    source: usize,
    value: Spanned<DeValue<'_>>,
    findings: &mut Findings,
) {
    let place = Place::new(source, &value.span());
    match value.into_inner() {
        DeValue::Array(entries) => {
            for entry in entries {
                into.extend(one(source, entry, findings));
            }
        }
        _ => findings.suggest(
            &place,
            "this table must be a list",
            Some("write it with double brackets, like [[rule]]".to_owned()),
        ),
    }
}

fn one<T: DeserializeOwned>(source: usize, value: Spanned<DeValue<'_>>, findings: &mut Findings) -> Option<Found<T>> {
    let place = Place::new(source, &value.span());
    match T::deserialize(ValueDeserializer::from(value)) {
        Ok(item) => Some(Found { place, item }),
        Err(error) => {
            let at = error.span().map_or_else(|| place.clone(), |span| Place::new(source, &span));
            let (message, suggestion) = worded(error.message());
            findings.suggest(&at, message, suggestion);
            None
        }
    }
}

/// Turns serde's list of expected names into a "did you mean".
fn worded(message: &str) -> (String, Option<String>) {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let meant = match names.split_first() {
        Some((wrong, expected)) if message.starts_with("unknown") => closest(wrong, expected.iter().copied()),
        _ => None,
    };
    (message.to_owned(), meant.map(did_you_mean))
}
