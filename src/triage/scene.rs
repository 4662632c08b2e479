//! One contact seen through one rule set: what every rule and instrument makes
//! of the facts. Both the assessment and the open questions start from here.

use chrono::{DateTime, Utc};

use super::answer::Answer;
use super::condition::{Fact, Interval, Reading, Stance, View};
use super::facts::Facts;
use super::level::Level;
use super::name::Name;
use super::rules::{Indicator, Rule, RuleSet};
use super::truth::Truth;

/// The facts, instruments and rules of one moment.
pub(crate) struct Scene<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) facts: Vec<Fact>,
    pub(crate) readings: Vec<Option<Reading>>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) unrecognised: Vec<Name>,
    pub(crate) now: i64,
}

/// What became of one rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Whether it holds however the unknowns resolve.
    pub(crate) strict: Truth,
    /// Whether it holds once its own assumptions are made.
    pub(crate) fires: bool,
}

/// Floors and raises added up; the level is the highest floor, raised.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) floor: u8,
    pub(crate) raise: u8,
}

impl Tally {
    pub(crate) fn add(&mut self, rule: &Rule) {
        self.floor = self.floor.max(rule.level.map_or(0, Level::rank));
        self.raise = self.raise.saturating_add(rule.raise_by);
    }

    pub(crate) const fn level(self) -> Level {
        Level::from_rank(self.floor).raised(self.raise)
    }
}

impl<'a> Scene<'a> {
    pub(crate) fn of(rules: &'a RuleSet, facts: &Facts, now: DateTime<Utc>) -> Self {
        let (facts, unrecognised) = interned(rules, facts);
        let mut scene = Self {
            rules,
            facts,
            readings: vec![None; rules.instruments.len()],
            outcomes: Vec::new(),
            unrecognised,
            now: hours_since_1970(now),
        };
        scene.leave_out_skipped_items();
        for (place, instrument) in rules.instruments.iter().enumerate() {
            let reading = instrument.read(scene.view());
            if let Some(slot) = scene.readings.get_mut(place) {
                *slot = reading;
            }
        }
        scene.outcomes = rules.rules.iter().map(|rule| scene.outcome(rule)).collect();
        scene
    }

    fn leave_out_skipped_items(&mut self) {
        for instrument in &self.rules.instruments {
            if !instrument.is_recorded(&self.facts) {
                continue;
            }
            for item in instrument.leave_out(self.view()) {
                if let Some(fact) = self.facts.get_mut(item) {
                    *fact = Fact::NotApplicable;
                }
            }
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            facts: &self.facts,
            ranges: &self.rules.ranges,
            readings: &self.readings,
            own_score: Interval::ANY,
            now: self.now,
        }
    }

    /// The stance in which a rule makes its own assumptions.
    pub(crate) fn stance(rule: &Rule) -> Stance<'_> {
        Stance { assumed: &rule.assume, supposed: None, as_read: true }
    }

    pub(crate) fn outcome(&self, rule: &Rule) -> Outcome {
        let view = self.view();
        let strict = view.judge(&rule.condition, Stance::STRICT);
        let can_assume = !rule.assume.is_empty() || !rule.instruments.is_empty();
        let fires = strict.is_true()
            || strict == Truth::Unknown && can_assume && view.judge(&rule.condition, Self::stance(rule)).is_true();
        Outcome { strict, fires }
    }

    /// Each rule with what became of it.
    pub(crate) fn judged(&self) -> impl Iterator<Item = (&'a Rule, Outcome)> {
        self.rules.rules.iter().zip(self.outcomes.iter().copied())
    }

    /// The level from the rules whose outcome is picked.
    pub(crate) fn tally(&self, picked: impl Fn(Outcome) -> bool) -> Tally {
        let mut tally = Tally::default();
        for (rule, outcome) in self.judged() {
            if picked(outcome) {
                tally.add(rule);
            }
        }
        tally
    }

    /// The members of the minimum set that are unanswered: of each unanswered
    /// group, the first.
    pub(crate) fn minimum_missing(&self) -> Vec<usize> {
        let view = self.view();
        let mut missing = Vec::new();
        for minimum in &self.rules.minimums {
            let applies = minimum.when.as_ref().is_none_or(|when| view.judge(when, Stance::STRICT).is_possible());
            if !applies {
                continue;
            }
            for group in &minimum.groups {
                if group.iter().any(|i| view.fact(*i).is_known()) {
                    continue;
                }
                if let Some(first) = group.first().filter(|first| !missing.contains(*first)) {
                    missing.push(*first);
                }
            }
        }
        missing
    }
}

/// Answers by position, and the ids this rule set does not know.
fn interned(rules: &RuleSet, facts: &Facts) -> (Vec<Fact>, Vec<Name>) {
    let mut by_position = vec![Fact::NotAsked; rules.indicators.len()];
    let mut unrecognised = Vec::new();
    // Both sides are sorted by id, so one walk along them finds every pair.
    let mut ahead = rules.sorted.iter().peekable();
    for (id, answer) in facts.iter() {
        while ahead.next_if(|(known, _)| !known.is(id) && known < id).is_some() {}
        let position = ahead.next_if(|(known, _)| known.is(id) || known == id);
        let slot = position.and_then(|(_, p)| by_position.get_mut(*p));
        let indicator = position.and_then(|(_, p)| rules.indicators.get(*p));
        match (slot, indicator) {
            (Some(slot), Some(indicator)) => *slot = seen(indicator, answer),
            _ => unrecognised.push(id.clone()),
        }
    }
    (by_position, unrecognised)
}

fn seen(indicator: &Indicator, answer: &Answer) -> Fact {
    match answer {
        Answer::Yes => Fact::Yes,
        Answer::No => Fact::No,
        Answer::Unknown => Fact::Unknown,
        Answer::Declined => Fact::Declined,
        Answer::NotApplicable => Fact::NotApplicable,
        Answer::Number(span) => Fact::Between(Interval {
            lo: span.min.millionths(),
            hi: span.max.map_or(indicator.range().hi, |max| max.millionths()),
        }),
        Answer::Time(span) => {
            Fact::Between(Interval { lo: hours_since_1970(span.earliest.0), hi: hours_since_1970(span.latest.0) })
        }
        Answer::Choice(code) => indicator
            .options
            .iter()
            .position(|option| option == code.as_str())
            .and_then(|place| u8::try_from(place).ok())
            // Recorded under other rules, with an option these do not have.
            .map_or(Fact::Unknown, Fact::Option),
    }
}

/// A moment in millionths of an hour since 1970.
pub(crate) fn hours_since_1970(moment: DateTime<Utc>) -> i64 {
    // One hour is 3 600 000 ms, so a millionth of it is 3.6 ms.
    let milliseconds = i128::from(moment.timestamp_millis());
    i64::try_from((milliseconds * 5).div_euclid(18)).unwrap_or(i64::MAX)
}
