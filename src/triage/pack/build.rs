//! From tables to a rule set.

use std::collections::HashMap;

use super::check;
use super::declare::{Ids, Languages, indicators, inside_quotes, windows};
use super::instruments::{Compiling, scopes};
use super::source::{ClockTable, ConstraintTable, Found, LeadTable, MinimumTable, Placed, RuleTable, Tables};
use super::typing::{Scope, condition, did_you_mean, hours};
use crate::triage::assessment::RuleSetId;
use crate::triage::condition::{Condition, Interval};
use crate::triage::fault::{Findings, Place};
use crate::triage::instrument::Instrument;
use crate::triage::level::Level;
use crate::triage::name::{Name, Words};
use crate::triage::rules::{Constraint, Indicator, Lead, Minimum, PackSource, Rule, RuleClock, RuleSet, Window};
use crate::triage::spelling::closest;
use crate::triage::support::{instruments_named, mentioned, mentioned_in_quantity};

/// The one list of service types for wish, need and service.
const SERVICE_TYPES: [&str; 11] = [
    "medical",
    "psychosocial",
    "safe_house",
    "legal",
    "police",
    "social_support",
    "child_protection",
    "livelihoods",
    "education",
    "transport",
    "other",
];

/// Builds and checks the rule set; `None` when there is no leading pack.
pub(crate) fn build(
    tables: &Tables,
    sources: &[PackSource],
    languages: &[&str],
    findings: &mut Findings,
) -> Option<RuleSet> {
    let id = identity(tables, sources, findings);
    let spoken = Languages(languages);
    let indicators = indicators(tables, &spoken, findings);
    let windows = windows(tables, &spoken, findings);
    let positions = positions_of(&indicators);
    let mut sorted: Vec<(Name, usize)> = positions.clone().into_iter().collect();
    sorted.sort();
    let ranges: Vec<Interval> = indicators.iter().map(Indicator::range).collect();
    let lengths = lengths_of(&windows);
    let scope = Scope {
        indicators: &indicators,
        positions: &positions,
        ranges: &ranges,
        instruments: &scopes(tables),
        windows: &lengths,
        own_score: None,
    };
    let instruments = instruments(tables, sources, &scope, findings);
    let mut compiler =
        Compiler { sources, languages: spoken, scope: &scope, instruments: &instruments, windows: &windows, findings };
    let rules = compiler.rules(tables);
    let constraints = compiler.constraints(tables);
    let minimums = compiler.minimums(tables);
    let leads = compiler.leads(tables);
    let rules_by_indicator = rules_by_indicator(&rules, indicators.len());
    let rule_set = RuleSet {
        id: id?,
        languages: languages.iter().map(|code| (*code).to_owned()).collect(),
        indicators,
        positions,
        sorted,
        ranges,
        instruments,
        windows,
        rules,
        constraints,
        minimums,
        leads,
        rules_by_indicator,
    };
    check::check(&rule_set, tables, findings);
    Some(rule_set)
}

fn positions_of(indicators: &[Indicator]) -> HashMap<Name, usize> {
    let ids = indicators.iter().map(|indicator| indicator.id.clone());
    ids.zip(0..).collect()
}

/// How long each window lasts, in millionths of an hour.
fn lengths_of(windows: &[Window]) -> HashMap<String, i64> {
    windows.iter().map(|window| (window.id.to_string(), window.lasts.millionths())).collect()
}

/// The id and version of the one leading pack, and the digest of everything.
fn identity(tables: &Tables, sources: &[PackSource], findings: &mut Findings) -> Option<RuleSetId> {
    let mut leading = tables.packs.iter().filter(|found| found.item.lead);
    let Some(first) = leading.next() else {
        findings.suggest(
            &Place::new(0, &(0..0)),
            "no pack leads the rule set",
            Some("add [pack] with an id, a version and `lead = true` to one source".to_owned()),
        );
        return None;
    };
    for other in leading {
        findings.add(&other.place, "only one pack can lead the rule set");
    }
    Some(RuleSetId {
        id: Name::from(first.item.id.as_str()),
        version: Name::from(first.item.version.as_str()),
        sha256: Name::from(super::digest(sources)),
    })
}

fn instruments(tables: &Tables, sources: &[PackSource], scope: &Scope<'_>, findings: &mut Findings) -> Vec<Instrument> {
    let mut ids = Ids::default();
    let mut instruments = Vec::new();
    for found in &tables.instruments {
        ids.define(&found.item.id, &found.place, findings);
        let mut compiling = Compiling { sources, scope, findings: &mut *findings };
        instruments.push(compiling.instrument(found));
    }
    instruments
}

fn rules_by_indicator(rules: &[Rule], indicators: usize) -> Vec<Vec<usize>> {
    let mut by_indicator = vec![Vec::new(); indicators];
    for (place, rule) in rules.iter().enumerate() {
        for indicator in &rule.mentions {
            if let Some(list) = by_indicator.get_mut(*indicator) {
                list.push(place);
            }
        }
    }
    by_indicator
}

/// Compiles rules and everything else that refers to indicators.
struct Compiler<'a> {
    sources: &'a [PackSource],
    languages: Languages<'a>,
    scope: &'a Scope<'a>,
    instruments: &'a [Instrument],
    windows: &'a [Window],
    findings: &'a mut Findings,
}

impl Compiler<'_> {
    fn rules(&mut self, tables: &Tables) -> Vec<Rule> {
        let mut ids = Ids::default();
        let mut rules = Vec::new();
        for found in &tables.rules {
            ids.define(&found.item.id, &found.place, self.findings);
            rules.extend(self.rule(found));
        }
        rules
    }

    fn rule(&mut self, found: &Found<RuleTable>) -> Option<Rule> {
        let (table, source) = (&found.item, found.place.source);
        let id = table.id.get_ref();
        let at = Place::new(source, &table.id.span());
        let say = self.texts(&table.say, id, &at);
        let what = format!("the warning of `{id}`");
        let warn = self.languages.require_if_any(&table.warn, &what, &at, self.findings);
        let condition = self.when(&table.when, source);
        let assume = self.positions(&table.assume, source);
        let ask_indicators = self.positions(&table.ask, source);
        self.check_effects(table, &at, source);
        let clock = table.clock.as_ref().map(|clock| self.clock(clock, source));
        let (condition, clock) = (condition?, clock.map_or(Some(None), |c| c.map(Some))?);
        let (mut mentions, instruments) = self.mentions(&condition);
        self.check_assumptions(table, &mentions, source);
        if let Some(clock) = &clock {
            mentioned_in_quantity(&clock.since, &mut |i| note(i, &mut mentions));
        }
        Some(Rule {
            id: Name::from(id.as_str()),
            when: Name::from(table.when.get_ref().as_str()),
            level: table.level.as_ref().map(|level| *level.get_ref()),
            raise_by: table.raise_by,
            needs: names(table.needs.iter().map(|n| n.get_ref())),
            flags: names(table.flag.iter()),
            asks: names(table.ask.iter().map(|a| a.get_ref())),
            tasks: names(table.task.iter()),
            excludes: names(table.exclude.iter().map(|e| e.get_ref())),
            say,
            warn,
            source: Name::from(table.source.as_str()),
            condition,
            assume,
            ask_indicators,
            clock,
            mentions,
            instruments,
        })
    }

    fn texts(&mut self, texts: &super::source::Texts, id: &str, at: &Place) -> Words {
        let what = format!("`{id}`");
        self.languages.require(texts, &what, at, self.findings)
    }

    fn check_effects(&mut self, table: &RuleTable, at: &Place, source: usize) {
        let id = table.id.get_ref();
        if let Some(level) = table.level.as_ref().filter(|l| *l.get_ref() == Level::NotAssessed) {
            let place = Place::new(source, &level.span());
            self.findings.add(&place, "a rule cannot conclude `not_assessed`");
        }
        let nothing = table.level.is_none()
            && table.raise_by == 0
            && table.needs.is_empty()
            && table.clock.is_none()
            && table.flag.is_empty()
            && table.ask.is_empty()
            && table.task.is_empty()
            && table.warn.is_empty()
            && table.exclude.is_empty();
        if nothing {
            self.findings.add(at, format!("nothing follows from `{id}`"));
        }
        for service in table.needs.iter().chain(&table.exclude) {
            if !SERVICE_TYPES.contains(&service.get_ref().as_str()) {
                self.findings.suggest(
                    &Place::new(source, &service.span()),
                    format!("there is no service type `{}`", service.get_ref()),
                    closest(service.get_ref(), SERVICE_TYPES.into_iter()).map(did_you_mean),
                );
            }
        }
    }

    /// An assumption about something the condition never looks at is a slip.
    fn check_assumptions(&mut self, table: &RuleTable, mentions: &[usize], source: usize) {
        for assumed in &table.assume {
            let position = self.scope.positions.get(assumed.get_ref().as_str());
            if position.is_some_and(|position| !mentions.contains(position)) {
                self.findings.add(
                    &Place::new(source, &assumed.span()),
                    format!("`when` does not look at `{}`", assumed.get_ref()),
                );
            }
        }
    }

    fn clock(&mut self, table: &ClockTable, source: usize) -> Option<RuleClock> {
        let wanted = table.window.get_ref().as_str();
        let window = self.windows.iter().position(|window| window.id == wanted);
        if window.is_none() {
            let known = self.windows.iter().map(|window| window.id.as_str());
            self.findings.suggest(
                &Place::new(source, &table.window.span()),
                format!("there is no window `{wanted}`"),
                closest(wanted, known).map(did_you_mean),
            );
        }
        let start = inside_quotes(self.sources, source, &table.since);
        let since = hours(table.since.get_ref(), &start, self.scope, self.findings);
        Some(RuleClock { window: window?, since: since? })
    }

    /// Every indicator a condition looks at, through instruments too, and the
    /// instruments.
    fn mentions(&self, condition: &Condition) -> (Vec<usize>, Vec<usize>) {
        let (mut indicators, mut through) = (Vec::new(), Vec::new());
        mentioned(condition, &mut |i| note(i, &mut indicators));
        instruments_named(condition, &mut |i| note(i, &mut through));
        for instrument in through.iter().filter_map(|i| self.instruments.get(*i)) {
            for item in instrument.positions() {
                note(item, &mut indicators);
            }
        }
        (indicators, through)
    }

    /// Declared constraints, and one for every pair that an instrument excludes.
    fn constraints(&mut self, tables: &Tables) -> Vec<Constraint> {
        let mut ids = Ids::default();
        let mut constraints = Vec::new();
        for found in &tables.constraints {
            ids.define(&found.item.id, &found.place, self.findings);
            constraints.extend(self.constraint(found));
        }
        for instrument in self.instruments {
            for (a, b) in &instrument.exclusions {
                let name = |i: &usize| self.scope.indicators.get(*i).map_or("", |i| &i.id);
                constraints.push(Constraint {
                    id: Name::from(format!("{}-and-{}", name(a), name(b))),
                    never: Condition::All(vec![Condition::Yes(*a), Condition::Yes(*b)]),
                    say: Words::default(),
                    mentions: vec![*a, *b],
                });
            }
        }
        constraints
    }

    fn constraint(&mut self, found: &Found<ConstraintTable>) -> Option<Constraint> {
        let (table, source) = (&found.item, found.place.source);
        let at = Place::new(source, &table.id.span());
        let say = self.texts(&table.say, table.id.get_ref(), &at);
        let never = self.when(&table.never, source)?;
        let (mentions, _) = self.mentions(&never);
        Some(Constraint { id: Name::from(table.id.get_ref().as_str()), never, say, mentions })
    }

    fn minimums(&mut self, tables: &Tables) -> Vec<Minimum> {
        let minimum = |found: &Found<MinimumTable>| {
            let source = found.place.source;
            let when = match &found.item.when {
                Some(when) => Some(self.when(when, source)?),
                None => None,
            };
            let groups = found.item.answer.iter();
            Some(Minimum { when, groups: groups.map(|group| self.positions(group, source)).collect() })
        };
        tables.minimums.iter().filter_map(minimum).collect()
    }

    fn leads(&mut self, tables: &Tables) -> Vec<Lead> {
        let lead = |found: &Found<LeadTable>| {
            let only = self.positions(&found.item.only, found.place.source);
            Some(Lead { when: self.when(&found.item.when, found.place.source)?, tier: found.item.tier, only })
        };
        tables.leads.iter().filter_map(lead).collect()
    }

    fn when(&mut self, text: &Placed, source: usize) -> Option<Condition> {
        let start = inside_quotes(self.sources, source, text);
        condition(text.get_ref(), &start, self.scope, self.findings)
    }

    fn positions(&mut self, ids: &[Placed], source: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for id in ids {
            match self.scope.positions.get(id.get_ref().as_str()) {
                Some(position) => found.push(*position),
                None => {
                    let known = self.scope.indicators.iter().map(|i| i.id.as_str());
                    self.findings.suggest(
                        &Place::new(source, &id.span()),
                        format!("there is no indicator `{}`", id.get_ref()),
                        closest(id.get_ref(), known).map(did_you_mean),
                    );
                }
            }
        }
        found
    }
}

fn note(position: usize, found: &mut Vec<usize>) {
    if !found.contains(&position) {
        found.push(position);
    }
}

fn names<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<Name> {
    texts.map(|text| Name::from(text.as_str())).collect()
}
