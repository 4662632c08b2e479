//! Compiling instruments: scoring, bands and the ways into them.

use std::collections::HashMap;

use super::declare::{inside_quotes, item_ids};
use super::source::{BandTable, Found, InstrumentTable, MarkTable, Placed, ScoringWord, Tables};
use super::typing::{InstrumentScope, Scope, condition, did_you_mean};
use crate::triage::condition::{Condition, Interval, ONE, Reading};
use crate::triage::fault::{Findings, Place};
use crate::triage::instrument::{Band, Instrument, Item, Mark, MarkKind, Scoring, Skip};
use crate::triage::name::Name;
use crate::triage::rules::PackSource;
use crate::triage::spelling::closest;
use crate::triage::support::mentioned;

/// What expressions may ask of each instrument, known before any is compiled.
pub(crate) fn scopes(tables: &Tables) -> HashMap<String, InstrumentScope> {
    let scope = |(position, found): (usize, &Found<InstrumentTable>)| {
        let table = &found.item;
        let bands: Vec<String> = table.bands.iter().map(|b| b.name.get_ref().clone()).collect();
        let last = i64::try_from(bands.len().saturating_sub(1)).unwrap_or(0) * ONE;
        let values = table.bins.iter().map(|bin| bin.value.millionths());
        let widest = Reading {
            score: widest_score(table),
            value: Interval { lo: values.clone().min().unwrap_or(0), hi: values.max().unwrap_or(0) },
            band: Interval { lo: 0, hi: last },
            band_as_read: 0,
        };
        let scope = InstrumentScope { position, bands, widest, has_value: !table.bins.is_empty() };
        (table.id.get_ref().clone(), scope)
    };
    tables.instruments.iter().enumerate().map(scope).collect()
}

fn widest_score(table: &InstrumentTable) -> Interval {
    let weights = table.items.iter().map(|(_, weight)| weight.millionths());
    match table.scoring {
        ScoringWord::Sum => {
            Interval { lo: weights.clone().map(|w| w.min(0)).sum(), hi: weights.map(|w| w.max(0)).sum() }
        }
        ScoringWord::Max => Interval { lo: 0, hi: weights.max().unwrap_or(0).max(0) },
    }
}

/// Compiles one instrument. Anything that does not resolve is reported and left
/// out; the rule set is refused then anyway.
pub(crate) struct Compiling<'a> {
    pub(crate) sources: &'a [PackSource],
    pub(crate) scope: &'a Scope<'a>,
    pub(crate) findings: &'a mut Findings,
}

impl Compiling<'_> {
    pub(crate) fn instrument(&mut self, found: &Found<InstrumentTable>) -> Instrument {
        let (table, source) = (&found.item, found.place.source);
        let inner = Scope { own_score: Some(widest_score(table)), ..*self.scope };
        let mut own = Compiling { sources: self.sources, scope: &inner, findings: &mut *self.findings };
        let marks_are = own.mark_kind(found);
        let ladder = own.ladder(table, source);
        let marks = own.marks(table, source);
        let protocols = own.protocols(table, source);
        let skips = own.skips(table, source);
        let overrides = own.positions(&table.overrides, source);
        let exclusions = own.exclusions(table, source);
        let bins = own.bins(found);
        let applies = table.applies_when.as_ref().and_then(|w| own.when(w, source));
        let ask_when = table.ask_when.as_ref().and_then(|w| own.when(w, source));
        let deciding = deciding(&ladder, &marks);
        Instrument {
            id: Name::from(table.id.get_ref().as_str()),
            population: Name::from(table.population.as_str()),
            limits: Name::from(table.limits.as_str()),
            source: Name::from(table.source.as_str()),
            dormant: table.dormant.as_deref().map(Name::from),
            bands: named(table.bands.iter().map(|band| &band.name)),
            items: named(item_ids(table)),
            scoring: match table.scoring {
                ScoringWord::Sum => Scoring::Sum,
                ScoringWord::Max => Scoring::Max,
            },
            scored: own.items(table, source, &deciding),
            exclusions,
            ladder,
            marks,
            marks_are,
            protocols,
            bins,
            skips,
            overrides,
            applies,
            ask_when,
        }
    }

    fn protocols(&mut self, table: &InstrumentTable, source: usize) -> Vec<(Name, Condition)> {
        let protocols = table.protocols.iter();
        protocols
            .filter_map(|protocol| {
                let when = self.when(&protocol.when, source)?;
                Some((Name::from(protocol.name.as_str()), when))
            })
            .collect()
    }

    fn skips(&mut self, table: &InstrumentTable, source: usize) -> Vec<Skip> {
        let skips = table.skips.iter();
        skips
            .filter_map(|skip| {
                let items = self.positions(&skip.items, source);
                let when = self.when(&skip.when, source)?;
                Some(Skip { when, items })
            })
            .collect()
    }

    fn when(&mut self, text: &Placed, source: usize) -> Option<Condition> {
        let start = inside_quotes(self.sources, source, text);
        condition(text.get_ref(), &start, self.scope, self.findings)
    }

    fn position(&mut self, id: &Placed, source: usize) -> Option<usize> {
        let found = self.scope.positions.get(id.get_ref().as_str()).copied();
        if found.is_none() {
            let known = self.scope.indicators.iter().map(|i| i.id.as_str());
            self.findings.suggest(
                &Place::new(source, &id.span()),
                format!("there is no indicator `{}`", id.get_ref()),
                closest(id.get_ref(), known).map(did_you_mean),
            );
        }
        found
    }

    fn positions(&mut self, ids: &[Placed], source: usize) -> Vec<usize> {
        ids.iter().filter_map(|id| self.position(id, source)).collect()
    }

    fn items(&mut self, table: &InstrumentTable, source: usize, deciding: &[usize]) -> Vec<Item> {
        let weight = |id: &Placed| {
            table
                .items
                .iter()
                .find(|(item, _)| item.get_ref() == id.get_ref())
                .map_or(0, |(_, weight)| weight.millionths())
        };
        item_ids(table)
            .filter_map(|id| {
                let indicator = self.position(id, source)?;
                Some(Item { indicator, weight: weight(id), decides: deciding.contains(&indicator) })
            })
            .collect()
    }

    fn mark_kind(&mut self, found: &Found<InstrumentTable>) -> MarkKind {
        match (found.item.triggers.is_empty(), found.item.reasons.is_empty()) {
            (true, true) => MarkKind::None,
            (false, true) => MarkKind::Trigger,
            (true, false) => MarkKind::Reason,
            (false, false) => {
                let message = "an instrument has triggers or reasons, not both";
                self.findings.add(&found.place, message);
                MarkKind::None
            }
        }
    }

    fn ladder(&mut self, table: &InstrumentTable, source: usize) -> Vec<Band> {
        let mut last = None;
        let mut ladder = Vec::new();
        for (place, band) in table.bands.iter().enumerate() {
            self.check_rung(place, band, &mut last, source);
            ladder.push(Band {
                from: band.from.map(|from| from.millionths()),
                when: band.when.as_ref().and_then(|when| self.when(when, source)),
                assume: self.positions(&band.assume, source),
            });
        }
        ladder
    }

    /// Bands go upwards; the first needs no entry and the others are entered by
    /// score, by condition, or by a trigger.
    fn check_rung(&mut self, place: usize, band: &BandTable, last: &mut Option<i64>, source: usize) {
        let at = Place::new(source, &band.name.span());
        if place == 0 && (band.from.is_some() || band.when.is_some()) {
            let message = "the lowest band needs no entry: it is what is left";
            self.findings.add(&at, message);
        }
        if let Some(from) = band.from.map(|from| from.millionths()) {
            if last.is_some_and(|last| from <= last) {
                self.findings.add(&at, "bands are listed from the lowest up");
            }
            *last = Some(from);
        }
    }

    fn marks(&mut self, table: &InstrumentTable, source: usize) -> Vec<Mark> {
        let marks = table.triggers.iter().chain(&table.reasons);
        marks.filter_map(|mark| self.mark(mark, table, source)).collect()
    }

    fn mark(&mut self, mark: &MarkTable, table: &InstrumentTable, source: usize) -> Option<Mark> {
        let when = self.when(&mark.when, source);
        let wanted = mark.band.get_ref();
        let band = table.bands.iter().position(|b| b.name.get_ref() == wanted);
        if band.is_none() {
            let known = table.bands.iter().map(|b| b.name.get_ref().as_str());
            self.findings.suggest(
                &Place::new(source, &mark.band.span()),
                format!("there is no band `{wanted}`"),
                closest(wanted, known).map(did_you_mean),
            );
        }
        Some(Mark { name: Name::from(mark.name.get_ref().as_str()), when: when?, band: band? })
    }

    fn exclusions(&mut self, table: &InstrumentTable, source: usize) -> Vec<(usize, usize)> {
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (a, b) in &table.exclusions {
            let (Some(first), Some(second)) = (self.position(a, source), self.position(b, source)) else {
                continue;
            };
            let overlaps = |pair: &(usize, usize)| [pair.0, pair.1].iter().any(|i| *i == first || *i == second);
            if first == second || pairs.iter().any(overlaps) {
                let message = "an item can be in one exclusion, with another item";
                self.findings.add(&Place::new(source, &b.span()), message);
            }
            pairs.push((first, second));
        }
        pairs
    }

    fn bins(&mut self, found: &Found<InstrumentTable>) -> Vec<(i64, i64)> {
        let bins: Vec<(i64, i64)> =
            found.item.bins.iter().map(|bin| (bin.from.millionths(), bin.value.millionths())).collect();
        let rising = bins.windows(2).all(|pair| match pair {
            [a, b] => a.0 < b.0,
            _ => true,
        });
        let lowest = widest_score(&found.item).lo;
        if !rising || bins.first().is_some_and(|(from, _)| *from > lowest) {
            let message = "bins start at the lowest score and go up";
            self.findings.add(&found.place, message);
        }
        bins
    }
}

/// The items that conditions of the instrument look at.
fn deciding(ladder: &[Band], marks: &[Mark]) -> Vec<usize> {
    let mut found = Vec::new();
    let conditions = ladder.iter().filter_map(|band| band.when.as_ref()).chain(marks.iter().map(|mark| &mark.when));
    for condition in conditions {
        mentioned(condition, &mut |i| found.push(i));
    }
    found
}

fn named<'a>(ids: impl Iterator<Item = &'a Placed>) -> Vec<Name> {
    ids.map(|id| Name::from(id.get_ref().as_str())).collect()
}
