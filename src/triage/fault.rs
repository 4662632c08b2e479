//! What is wrong with a rule pack, and where.

use std::fmt;
use std::ops::Range;

/// One fault in a pack. A pack with any fault is refused, and all of them are
/// listed, so that an editor is told everything in one go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The source it is in.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would probably put it right.
    pub suggestion: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " ({suggestion})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// A place in one of the sources: which, and the bytes concerned.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    pub(crate) source: usize,
    pub(crate) start: usize,
}

impl Place {
    pub(crate) const fn new(source: usize, span: &Range<usize>) -> Self {
        Self { source, start: span.start }
    }
}

/// A fault before its place is turned into line and column.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) suggestion: Option<String>,
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn add(&mut self, place: &Place, message: impl Into<String>) {
        self.suggest(place, message, None);
    }

    pub(crate) fn suggest(&mut self, place: &Place, message: impl Into<String>, suggestion: Option<String>) {
        self.0.push(Finding { place: place.clone(), message: message.into(), suggestion });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults in reading order, with line and column.
    pub(crate) fn into_faults(mut self, sources: &[super::rules::PackSource]) -> Vec<Fault> {
        self.0.sort_by(|a, b| a.place.cmp(&b.place));
        self.0
            .into_iter()
            .map(|finding| {
                let source = sources.get(finding.place.source);
                let text = source.map_or("", |source| source.text.as_str());
                let before = text.get(..finding.place.start).unwrap_or(text);
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                Fault {
                    file: source.map_or_else(String::new, |source| source.name.clone()),
                    line: before.matches('\n').count() + 1,
                    column: before.get(line_start..).unwrap_or("").chars().count() + 1,
                    message: finding.message,
                    suggestion: finding.suggestion,
                }
            })
            .collect()
    }
}
