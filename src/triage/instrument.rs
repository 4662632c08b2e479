//! Published risk instruments as data: how answers become a score and a band.

use super::assessment::{BandRange, InstrumentResult, Known, ScoreRange};
use super::condition::{Condition, Fact, Interval, Reading, Stance, View};
use super::name::Name;
use super::number::Number;
use super::truth::Truth;

/// An instrument: its items, its scoring and its bands.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// Its id.
    pub id: Name,
    /// The people it was made for.
    pub population: Name,
    /// What it cannot do.
    pub limits: Name,
    /// Where its scoring comes from.
    pub source: Name,
    /// Why it is dormant: scored when its answers are sent, never asked.
    pub dormant: Option<Name>,
    /// The names of its bands, lowest first.
    pub bands: Vec<Name>,
    /// The ids of its items, overrides included.
    pub items: Vec<Name>,
    pub(crate) scoring: Scoring,
    pub(crate) scored: Vec<Item>,
    /// Two items of which only one can be true.
    pub(crate) exclusions: Vec<(usize, usize)>,
    pub(crate) ladder: Vec<Band>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) marks_are: MarkKind,
    pub(crate) protocols: Vec<(Name, Condition)>,
    /// Score from which a looked-up figure applies, lowest first.
    pub(crate) bins: Vec<(i64, i64)>,
    pub(crate) skips: Vec<Skip>,
    /// Human judgements and tick boxes; one that is not recorded was not made.
    pub(crate) overrides: Vec<usize>,
    pub(crate) applies: Option<Condition>,
    pub(crate) ask_when: Option<Condition>,
}

/// How the items make a score.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scoring {
    /// The weights of the items answered yes, added up.
    Sum,
    /// The greatest weight among the items answered yes.
    Max,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) indicator: usize,
    /// In millionths; 0 for an unscored item.
    pub(crate) weight: i64,
    /// Whether a condition of the instrument looks at it, whatever its weight.
    pub(crate) decides: bool,
}

/// A band is reached by score, by a condition, or both.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) from: Option<i64>,
    pub(crate) when: Option<Condition>,
    /// Items that the published rule reads as yes while unanswered.
    pub(crate) assume: Vec<usize>,
}

/// A named way into a band. It can only raise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) name: Name,
    pub(crate) when: Condition,
    pub(crate) band: usize,
}

/// What an instrument calls its marks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MarkKind {
    None,
    Trigger,
    Reason,
}

/// Items that are not asked when a condition holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Skip {
    pub(crate) when: Condition,
    pub(crate) items: Vec<usize>,
}

impl Instrument {
    /// Whether any of its items has been recorded, in whatever way.
    pub(crate) fn is_recorded(&self, facts: &[Fact]) -> bool {
        self.positions().any(|i| !matches!(facts.get(i), None | Some(Fact::NotAsked)))
    }

    /// Whether its questions may be put to her.
    pub(crate) fn is_asked(&self, view: View<'_>) -> bool {
        let wanted =
            |condition: &Option<Condition>| condition.as_ref().is_none_or(|c| view.judge(c, Stance::STRICT).is_true());
        self.dormant.is_none() && wanted(&self.ask_when)
    }

    pub(crate) fn positions(&self) -> impl Iterator<Item = usize> {
        self.scored.iter().map(|item| item.indicator)
    }

    /// Marks items that the instrument's own flow leaves out. Only items that
    /// were not asked are touched: an answer that was given always counts.
    pub(crate) fn leave_out(&self, view: View<'_>) -> Vec<usize> {
        let mut left_out: Vec<usize> = self.overrides.clone();
        for skip in &self.skips {
            if view.judge(&skip.when, Stance::STRICT).is_true() {
                left_out.extend(&skip.items);
            }
        }
        left_out.retain(|i| view.fact(*i) == Fact::NotAsked);
        left_out
    }

    /// What the answers say, or `None` when the instrument is not in play.
    ///
    /// It is in play once an item is recorded. One that is dormant, or that is
    /// certainly not going to be asked, adds nothing to what is possible.
    pub(crate) fn read(&self, view: View<'_>) -> Option<Reading> {
        let may_be_asked = self.dormant.is_none()
            && self.ask_when.as_ref().is_none_or(|c| view.judge(c, Stance::STRICT).is_possible());
        if !may_be_asked && !self.is_recorded(view.facts) {
            return None;
        }
        let score = self.score(view);
        let view = View { own_score: score, ..view };
        let (mut band, mut band_as_read) = (Interval::exact(0), 0);
        let mut reach = |place: usize, strict: Truth, as_read: Truth| {
            let place = i64::try_from(place).unwrap_or(i64::MAX) * super::condition::ONE;
            if strict.is_true() {
                band.lo = band.lo.max(place);
            }
            if strict.is_true() || as_read.is_true() {
                band_as_read = band_as_read.max(place);
            }
            if strict.is_possible() {
                band.hi = band.hi.max(place);
            }
        };
        for (place, rung) in self.ladder.iter().enumerate() {
            let (strict, as_read) = rung.is_reached(view);
            reach(place, strict, as_read);
        }
        for mark in &self.marks {
            let strict = view.judge(&mark.when, Stance::STRICT);
            reach(mark.band, strict, strict);
        }
        Some(Reading { score, value: self.look_up(score), band, band_as_read })
    }

    fn score(&self, view: View<'_>) -> Interval {
        let excluded = |i: usize| {
            self.exclusions.iter().find(|(a, b)| {
                (*a == i || *b == i) && view.fact(*a).truth().is_possible() && view.fact(*b).truth().is_possible()
            })
        };
        let mut total = Interval::exact(0);
        for item in &self.scored {
            let part = match excluded(item.indicator) {
                // Of two that exclude each other only one counts, and there is
                // no telling which; they are added as one, at the first.
                Some((first, second)) if *first == item.indicator => {
                    let other = self.weight_of(*second);
                    Interval { lo: item.weight.min(other).min(0), hi: item.weight.max(other).max(0) }
                }
                Some(_) => continue,
                None => item.part(view.fact(item.indicator)),
            };
            total = match self.scoring {
                Scoring::Sum => total.plus(part),
                Scoring::Max => Interval { lo: total.lo.max(part.lo), hi: total.hi.max(part.hi) },
            };
        }
        total
    }

    fn weight_of(&self, indicator: usize) -> i64 {
        self.scored.iter().find(|item| item.indicator == indicator).map_or(0, |item| item.weight)
    }

    /// The figures of every bin the score can fall into.
    fn look_up(&self, score: Interval) -> Interval {
        let ends = self.bins.iter().skip(1).map(|(from, _)| from - 1);
        let reached = self
            .bins
            .iter()
            .zip(ends.chain(std::iter::once(i64::MAX)))
            .filter(|((from, _), end)| score.lo <= *end && score.hi >= *from)
            .map(|((_, value), _)| *value);
        Interval { lo: reached.clone().min().unwrap_or(i64::MIN), hi: reached.max().unwrap_or(i64::MAX) }
    }

    /// The result to show. `disputed` are facts that contradict each other.
    pub(crate) fn report(
        &self,
        view: View<'_>,
        reading: Reading,
        disputed: &[usize],
        name_of: impl Fn(usize) -> Option<Name>,
    ) -> InstrumentResult {
        let withheld = self.positions().any(|i| disputed.contains(&i));
        let shown = View { own_score: reading.score, ..view };
        let band = Interval { lo: reading.band_as_read, hi: reading.band.hi };
        let mark = (!withheld).then(|| self.mark(shown, band)).flatten();
        let holds = |condition: &Condition| shown.judge(condition, Stance::STRICT).is_true();
        InstrumentResult {
            id: self.id.clone(),
            score: (!withheld).then(|| range(reading.score)),
            band: if withheld { None } else { self.band(band) },
            missing: self
                .scored
                .iter()
                .filter(|item| item.matters() && !view.fact(item.indicator).is_known())
                .filter_map(|item| name_of(item.indicator))
                .collect(),
            value: (!withheld && !self.bins.is_empty()).then(|| range(reading.value)),
            trigger: mark.clone().filter(|_| self.marks_are == MarkKind::Trigger),
            reason: mark.filter(|_| self.marks_are == MarkKind::Reason),
            protocols: self.protocols.iter().filter(|(_, when)| holds(when)).map(|(name, _)| name.clone()).collect(),
            withheld,
            dormant: self.dormant.is_some(),
            in_population: match self.applies.as_ref().map(|c| view.judge(c, Stance::STRICT)) {
                Some(Truth::False) => Known::No,
                Some(Truth::Unknown) => Known::Unknown,
                Some(Truth::True) | None => Known::Yes,
            },
            population: self.population.clone(),
            limits: self.limits.clone(),
            source: self.source.clone(),
        }
    }

    /// The first mark that holds; `none` once no mark can hold.
    fn mark(&self, view: View<'_>, band: Interval) -> Option<Name> {
        let first = self.marks.iter().find(|mark| view.judge(&mark.when, Stance::STRICT).is_true());
        match first {
            Some(mark) => Some(mark.name.clone()),
            None => (band.hi == 0).then(|| Name::from("none")),
        }
    }

    fn band(&self, band: Interval) -> Option<BandRange> {
        let name = |place: i64| {
            let place = usize::try_from(place / super::condition::ONE).ok()?;
            self.bands.get(place).cloned()
        };
        Some(BandRange { min: name(band.lo)?, max: name(band.hi)? })
    }
}

impl Item {
    fn part(&self, fact: Fact) -> Interval {
        match fact.truth() {
            Truth::True => Interval::exact(self.weight),
            Truth::False => Interval::exact(0),
            Truth::Unknown => Interval { lo: self.weight.min(0), hi: self.weight.max(0) },
        }
    }

    /// Whether its answer can change the score or the band.
    const fn matters(&self) -> bool {
        self.weight != 0 || self.decides
    }
}

impl Band {
    /// Whether the band is reached: for certain, and as the published rule
    /// reads unanswered items.
    fn is_reached(&self, view: View<'_>) -> (Truth, Truth) {
        let by_score = self.from.map_or(Truth::False, |from| {
            super::condition::Comparison::AtLeast.of(view.own_score, Interval::exact(from))
        });
        let judge = |stance| {
            let by_condition = self.when.as_ref().map_or(Truth::False, |when| view.judge(when, stance));
            Truth::any([by_score, by_condition].into_iter())
        };
        let as_read = Stance { assumed: &self.assume, ..Stance::STRICT };
        (judge(Stance::STRICT), judge(as_read))
    }
}

const fn range(interval: Interval) -> ScoreRange {
    ScoreRange { min: Number::from_millionths(interval.lo), max: Number::from_millionths(interval.hi) }
}
