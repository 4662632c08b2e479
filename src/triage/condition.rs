//! Compiled conditions and their evaluation under strong Kleene logic.
//!
//! Ids are positions in the rule set, so that nothing is looked up by name
//! while somebody waits. An atom is unknown unless everything it could turn out
//! to be agrees; that makes every conclusion hold however the unknowns resolve.

use super::truth::Truth;

/// Something that is true, false or unknown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// The yes/no indicator at this position.
    Yes(usize),
    /// Whether the indicator at this position was declined.
    Declined(usize),
    /// Whether the choice indicator has one of these options, by bit.
    Chosen {
        indicator: usize,
        options: u64,
    },
    /// A comparison of two quantities.
    Compare {
        left: Quantity,
        op: Comparison,
        right: Quantity,
    },
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// Something with a size. Numbers are millionths; moments are millionths of an
/// hour since 1970; bands count from 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Quantity {
    Constant(i64),
    Indicator(usize),
    Now,
    Count(Vec<Condition>),
    /// The score of the instrument whose own conditions are being evaluated.
    OwnScore,
    Score(usize),
    Band(usize),
    Value(usize),
    Sum(Box<Self>, Box<Self>),
    Difference(Box<Self>, Box<Self>),
}

/// How two quantities are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    Less,
    AtMost,
    Equal,
    Different,
    AtLeast,
    More,
}

/// Two ends, both included; the extremes of `i64` stand for "no end".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Interval {
    pub(crate) lo: i64,
    pub(crate) hi: i64,
}

impl Interval {
    pub(crate) const ANY: Self = Self { lo: i64::MIN, hi: i64::MAX };

    pub(crate) const fn exact(value: i64) -> Self {
        Self { lo: value, hi: value }
    }

    pub(crate) const fn is_exact(self) -> bool {
        self.lo == self.hi
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { lo: add(self.lo, other.lo), hi: add(self.hi, other.hi) }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self { lo: add(self.lo, negate(other.hi)), hi: add(self.hi, negate(other.lo)) }
    }
}

/// Addition that keeps an endless end endless.
fn add(a: i64, b: i64) -> i64 {
    match (a, b) {
        (i64::MIN, _) | (_, i64::MIN) => i64::MIN,
        (i64::MAX, _) | (_, i64::MAX) => i64::MAX,
        _ => a.saturating_add(b),
    }
}

const fn negate(value: i64) -> i64 {
    match value {
        i64::MIN => i64::MAX,
        i64::MAX => i64::MIN,
        value => -value,
    }
}

impl Comparison {
    pub(crate) fn of(self, a: Interval, b: Interval) -> Truth {
        match self {
            Self::AtMost => certainly(a.hi <= b.lo, a.lo > b.hi),
            Self::Less => certainly(a.hi < b.lo, a.lo >= b.hi),
            Self::Equal => certainly(a.is_exact() && a == b, a.hi < b.lo || b.hi < a.lo),
            Self::AtLeast => Self::AtMost.of(b, a),
            Self::More => Self::Less.of(b, a),
            Self::Different => Self::Equal.of(a, b).not(),
        }
    }
}

const fn certainly(holds: bool, fails: bool) -> Truth {
    if holds {
        Truth::True
    } else if fails {
        Truth::False
    } else {
        Truth::Unknown
    }
}

/// One indicator's answer as logic sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fact {
    NotAsked,
    Unknown,
    Declined,
    NotApplicable,
    No,
    Yes,
    /// A number, or a moment, between two ends.
    Between(Interval),
    /// The option at this position.
    Option(u8),
}

impl Fact {
    pub(crate) const fn is_known(self) -> bool {
        !matches!(self, Self::NotAsked | Self::Unknown | Self::Declined)
    }

    pub(crate) const fn truth(self) -> Truth {
        match self {
            Self::Yes => Truth::True,
            Self::No | Self::NotApplicable => Truth::False,
            _ => Truth::Unknown,
        }
    }
}

/// What an instrument says, for conditions that refer to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) score: Interval,
    pub(crate) value: Interval,
    /// The band, whatever the unknowns turn out to be.
    pub(crate) band: Interval,
    /// The lowest band when the instrument's own rule for unanswered items applies.
    pub(crate) band_as_read: i64,
}

/// Everything a condition can look at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) facts: &'a [Fact],
    /// What a number or moment can be while it is unknown, by indicator.
    pub(crate) ranges: &'a [Interval],
    /// What each instrument says; `None` while it is not in play.
    pub(crate) readings: &'a [Option<Reading>],
    pub(crate) own_score: Interval,
    /// Now, in millionths of an hour since 1970.
    pub(crate) now: i64,
}

/// Which unknowns are to be read in favour of a condition.
#[derive(Clone, Copy)]
pub(crate) struct Stance<'a> {
    /// Indicators read the dangerous way while unknown.
    pub(crate) assumed: &'a [usize],
    /// One more such indicator: the question whose effect is being weighed.
    pub(crate) supposed: Option<usize>,
    /// Whether instruments apply their own rules for unanswered items.
    pub(crate) as_read: bool,
}

impl Stance<'_> {
    /// Nothing is assumed: what holds, holds however the unknowns resolve.
    pub(crate) const STRICT: Self = Self { assumed: &[], supposed: None, as_read: false };

    fn covers(&self, indicator: usize) -> bool {
        self.supposed == Some(indicator) || self.assumed.contains(&indicator)
    }
}

/// Which way assumed conditions inside a count are taken.
#[derive(Clone, Copy)]
enum Lean {
    None,
    Up,
    Down,
}

impl View<'_> {
    /// Whether a condition holds.
    pub(crate) fn judge(&self, condition: &Condition, stance: Stance<'_>) -> Truth {
        self.judge_toward(condition, stance, true)
    }

    /// `wanted` is the outcome that the stance's assumptions work towards; it
    /// turns round under `not`.
    fn judge_toward(&self, condition: &Condition, stance: Stance<'_>, wanted: bool) -> Truth {
        match condition {
            Condition::Yes(i) => self.settle(self.fact(*i).truth(), *i, stance, wanted),
            Condition::Declined(i) => {
                let truth = match self.fact(*i) {
                    Fact::Declined => Truth::True,
                    Fact::NotAsked | Fact::Unknown => Truth::Unknown,
                    _ => Truth::False,
                };
                self.settle(truth, *i, stance, wanted)
            }
            Condition::Chosen { indicator, options } => {
                let truth = match self.fact(*indicator) {
                    Fact::Option(option) => Truth::of(options >> option & 1 == 1),
                    fact if fact.is_known() => Truth::False,
                    _ => Truth::Unknown,
                };
                self.settle(truth, *indicator, stance, wanted)
            }
            Condition::Compare { left, op, right } => self.compare(left, *op, right, stance, wanted),
            Condition::Not(inner) => self.judge_toward(inner, stance, !wanted).not(),
            Condition::All(parts) => Truth::all(parts.iter().map(|p| self.judge_toward(p, stance, wanted))),
            Condition::Any(parts) => Truth::any(parts.iter().map(|p| self.judge_toward(p, stance, wanted))),
        }
    }

    fn settle(&self, truth: Truth, indicator: usize, stance: Stance<'_>, wanted: bool) -> Truth {
        if truth == Truth::Unknown && stance.covers(indicator) {
            return Truth::of(wanted);
        }
        truth
    }

    fn compare(&self, left: &Quantity, op: Comparison, right: &Quantity, stance: Stance<'_>, wanted: bool) -> Truth {
        let with = |lean: Lean| {
            match (self.measure(left, stance, lean), self.measure(right, stance, lean)) {
                (Some(a), Some(b)) => op.of(a, b),
                // What does not apply cannot be long ago, recent or many.
                _ => Truth::False,
            }
        };
        let truth = with(Lean::None);
        let assumes = stance.supposed.is_some() || !stance.assumed.is_empty();
        if truth != Truth::Unknown || !assumes {
            return truth;
        }
        let settled = Truth::of(wanted);
        let by_count = with(Lean::Up) == settled || with(Lean::Down) == settled;
        if by_count || (self.rests_on(left, stance) && self.rests_on(right, stance)) {
            return settled;
        }
        truth
    }

    /// Whether everything inexact in a quantity is covered by the stance.
    fn rests_on(&self, quantity: &Quantity, stance: Stance<'_>) -> bool {
        match quantity {
            Quantity::Indicator(i) => {
                matches!(self.fact(*i), Fact::Between(span) if span.is_exact()) || stance.covers(*i)
            }
            Quantity::Sum(a, b) | Quantity::Difference(a, b) => self.rests_on(a, stance) && self.rests_on(b, stance),
            Quantity::Constant(_) | Quantity::Now => true,
            // Counts are settled by leaning, instruments by their own reading.
            other => self.measure(other, stance, Lean::None).is_some_and(Interval::is_exact),
        }
    }

    /// The ends of a quantity; `None` when it does not apply.
    pub(crate) fn size(&self, quantity: &Quantity) -> Option<Interval> {
        self.measure(quantity, Stance::STRICT, Lean::None)
    }

    fn measure(&self, quantity: &Quantity, stance: Stance<'_>, lean: Lean) -> Option<Interval> {
        Some(match quantity {
            Quantity::Constant(value) => Interval::exact(*value),
            Quantity::Now => Interval::exact(self.now),
            Quantity::Indicator(i) => match self.fact(*i) {
                Fact::Between(span) => span,
                fact if fact.is_known() => return None,
                _ => self.ranges.get(*i).copied().unwrap_or(Interval::ANY),
            },
            Quantity::Count(parts) => self.count(parts, stance, lean),
            Quantity::OwnScore => self.own_score,
            Quantity::Score(i) => self.reading(*i)?.score,
            Quantity::Value(i) => self.reading(*i)?.value,
            Quantity::Band(i) => {
                let reading = self.reading(*i)?;
                if stance.as_read { Interval { lo: reading.band_as_read, ..reading.band } } else { reading.band }
            }
            Quantity::Sum(a, b) => self.measure(a, stance, lean)?.plus(self.measure(b, stance, lean)?),
            Quantity::Difference(a, b) => self.measure(a, stance, lean)?.minus(self.measure(b, stance, lean)?),
        })
    }

    fn count(&self, parts: &[Condition], stance: Stance<'_>, lean: Lean) -> Interval {
        let (mut lo, mut hi) = (0, 0);
        for part in parts {
            let truth = match lean {
                Lean::None => self.judge(part, Stance::STRICT),
                Lean::Up => self.judge_toward(part, stance, true),
                Lean::Down => self.judge_toward(part, stance, false),
            };
            lo += i64::from(truth.is_true());
            hi += i64::from(truth.is_possible());
        }
        Interval { lo: lo * ONE, hi: hi * ONE }
    }

    pub(crate) fn fact(&self, indicator: usize) -> Fact {
        self.facts.get(indicator).copied().unwrap_or(Fact::NotAsked)
    }

    fn reading(&self, instrument: usize) -> Option<Reading> {
        self.readings.get(instrument).copied().flatten()
    }
}

/// One, in millionths.
pub(crate) const ONE: i64 = 1_000_000;
