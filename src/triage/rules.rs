//! A rule set: everything the packs say, compiled and cross-referenced.

use std::collections::HashMap;

use super::assessment::RuleSetId;
use super::condition::{Condition, Interval, Quantity};
use super::fault::Fault;
use super::instrument::Instrument;
use super::level::Level;
use super::name::{Name, Words};
use super::number::Number;
use super::pack;

/// One TOML source of rules. A pack may be one file or many.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PackSource {
    /// The name used in fault reports, such as `goldaw-hotline/critical.toml`.
    pub name: String,
    /// The TOML text.
    pub text: String,
}

/// What kind of answer an indicator takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A number or a bracket.
    Number,
    /// A moment or a stretch of time.
    Time,
    /// One of a list of codes.
    Choice,
}

impl Kind {
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Bool => "yes or no",
            Self::Number => "a number or {\"min\", \"max\"}",
            Self::Time => "an RFC 3339 moment or {\"earliest\", \"latest\"}",
            Self::Choice => "one of its options",
        }
    }
}

/// Where an indicator's answer comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// It is asked, and recorded under `answers`.
    Asked,
    /// It is derived from the contact's structured fields and never asked here.
    Contact,
}

/// One thing that can be known.
#[derive(Clone, Debug, PartialEq)]
pub struct Indicator {
    /// Its id.
    pub id: Name,
    /// What kind of answer it takes.
    pub kind: Kind,
    /// Whether it is asked or derived.
    pub source: Source,
    /// The tier it is asked in; `None` when it is never asked first.
    pub tier: Option<u8>,
    /// The question the operator says aloud, by language.
    pub question: Words,
    /// What the operator should know about it, by language.
    pub guidance: Words,
    /// The part of the form it belongs to.
    pub part: Name,
    /// The options of a choice.
    pub options: Vec<Name>,
    /// The least a number can be.
    pub min: Number,
    /// The most a number can be.
    pub max: Option<Number>,
    /// Whether a number is a count, without decimals.
    pub whole: bool,
    /// Whether it is asked until answered, even when it can no longer change the level.
    pub always: bool,
    /// The instrument it is an item of.
    pub instrument: Option<Name>,
    /// The contact indicator that records the same thing; when that one is
    /// known, this one is not asked.
    pub(crate) twin: Option<usize>,
}

impl Indicator {
    /// What the number or moment can be while it is unknown.
    pub(crate) fn range(&self) -> Interval {
        match self.kind {
            Kind::Number => Interval { lo: self.min.millionths(), hi: self.max.map_or(i64::MAX, Number::millionths) },
            _ => Interval::ANY,
        }
    }
}

/// A rule: a condition and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its id.
    pub id: Name,
    /// The condition as written.
    pub when: Name,
    /// The floor it sets.
    pub level: Option<Level>,
    /// Steps it raises the level by.
    pub raise_by: u8,
    /// Service types to offer.
    pub needs: Vec<Name>,
    /// Marks to set.
    pub flags: Vec<Name>,
    /// Indicators to ask next.
    pub asks: Vec<Name>,
    /// Things staff must do.
    pub tasks: Vec<Name>,
    /// Service types not to offer.
    pub excludes: Vec<Name>,
    /// The reason, by language.
    pub say: Words,
    /// Words that must be said first, by language.
    pub warn: Words,
    /// Where the rule comes from.
    pub source: Name,
    pub(crate) condition: Condition,
    pub(crate) assume: Vec<usize>,
    pub(crate) ask_indicators: Vec<usize>,
    pub(crate) clock: Option<RuleClock>,
    /// Every indicator it looks at, instruments' items included.
    pub(crate) mentions: Vec<usize>,
    /// The instruments it looks at.
    pub(crate) instruments: Vec<usize>,
}

/// The window a rule starts, and the hours since it began.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RuleClock {
    pub(crate) window: usize,
    pub(crate) since: Quantity,
}

/// A treatment or evidence window.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Its id.
    pub id: Name,
    /// How long it stays open, in hours, its last moment included.
    pub lasts: Number,
    /// Hours by which it is best used.
    pub ideal: Option<Number>,
    /// Hours needed to get there.
    pub margin: Number,
    /// What to say about it, by language.
    pub say: Words,
    /// Where the figures come from.
    pub source: Name,
}

/// Facts that cannot hold together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constraint {
    pub(crate) id: Name,
    pub(crate) never: Condition,
    pub(crate) say: Words,
    pub(crate) mentions: Vec<usize>,
}

/// What must be answered before a level can be given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Minimum {
    /// When it applies; always, if there is no condition.
    pub(crate) when: Option<Condition>,
    /// One of each group must be answered.
    pub(crate) groups: Vec<Vec<usize>>,
}

/// The tier that comes first in some situation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lead {
    pub(crate) when: Condition,
    pub(crate) tier: u8,
    /// When not empty, nothing else is asked below High.
    pub(crate) only: Vec<usize>,
}

/// Everything the packs say, checked and ready to assess by.
#[derive(Clone, Debug)]
pub struct RuleSet {
    pub(crate) id: RuleSetId,
    pub(crate) languages: Vec<String>,
    pub(crate) indicators: Vec<Indicator>,
    pub(crate) positions: HashMap<Name, usize>,
    /// Ids with their positions, sorted by id.
    pub(crate) sorted: Vec<(Name, usize)>,
    pub(crate) ranges: Vec<Interval>,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) windows: Vec<Window>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) minimums: Vec<Minimum>,
    pub(crate) leads: Vec<Lead>,
    /// The rules that look at each indicator, instruments' items included.
    pub(crate) rules_by_indicator: Vec<Vec<usize>>,
}

impl RuleSet {
    /// Reads, checks and compiles the sources, and runs the cases they carry.
    /// `languages` are the codes every text must exist in.
    ///
    /// # Errors
    /// Every [`Fault`] found, in the order of the sources; never only the first.
    pub fn load(sources: &[PackSource], languages: &[&str]) -> Result<Self, Vec<Fault>> {
        pack::load(sources, languages)
    }

    /// Which rules these are.
    #[must_use]
    pub const fn id(&self) -> &RuleSetId {
        &self.id
    }

    /// The version of the leading pack.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.id.version
    }

    /// SHA-256 over the sources, in lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.id.sha256
    }

    /// The languages every text exists in.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Every indicator, in the order of the packs.
    pub fn indicators(&self) -> impl ExactSizeIterator<Item = &Indicator> {
        self.indicators.iter()
    }

    /// One indicator.
    #[must_use]
    pub fn indicator(&self, id: &str) -> Option<&Indicator> {
        self.indicators.get(*self.positions.get(id)?)
    }

    /// Every rule, in the order of the packs.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.iter()
    }

    /// One rule.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Every instrument, in the order of the packs.
    pub fn instruments(&self) -> impl ExactSizeIterator<Item = &Instrument> {
        self.instruments.iter()
    }

    /// Every window, in the order of the packs.
    pub fn windows(&self) -> impl ExactSizeIterator<Item = &Window> {
        self.windows.iter()
    }
}
