//! A pack's own tests: facts in, expectations out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use toml::Spanned;

use super::source::{CaseTable, Expect, ExpectInstrument, Found, Placed};
use super::typing::did_you_mean;
use crate::triage::answer::Answer;
use crate::triage::assess::assess;
use crate::triage::assessment::{Assessment, InstrumentResult, ScoreRange};
use crate::triage::facts::{FactError, Facts};
use crate::triage::fault::{Findings, Place};
use crate::triage::level::Level;
use crate::triage::name::Name;
use crate::triage::number::Number;
use crate::triage::questions::open_questions;
use crate::triage::rules::RuleSet;

/// Runs one case and reports every expectation it misses.
pub(crate) fn run(rules: &RuleSet, case: &Found<CaseTable>, findings: &mut Findings) {
    let mut running = Running { rules, case: &case.item, place: &case.place, findings };
    if let Some(mut facts) = running.facts() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        running.compare(&assess(rules, &facts, now));
        running.compare_question(&facts, now);
        if running.set(&mut facts, &case.item.but) && !case.item.but.is_empty() {
            running.just_missed(&assess(rules, &facts, now));
        }
    }
}

struct Running<'a> {
    rules: &'a RuleSet,
    case: &'a CaseTable,
    place: &'a Place,
    findings: &'a mut Findings,
}

impl Running<'_> {
    fn facts(&mut self) -> Option<Facts> {
        let mut facts = Facts::new();
        let mut sound = true;
        for instrument in &self.case.rest_no {
            match self.items_of(instrument) {
                Some(items) => {
                    for item in items {
                        sound &= facts.set(self.rules, &item, Answer::No).is_ok();
                    }
                }
                None => sound = false,
            }
        }
        sound &= self.set(&mut facts, &self.case.facts);
        sound.then_some(facts)
    }

    /// Sets answers; says whether all of them could be.
    fn set(&mut self, facts: &mut Facts, answers: &BTreeMap<Placed, Answer>) -> bool {
        let mut sound = true;
        for (id, answer) in answers {
            if let Err(error) = facts.set(self.rules, id.get_ref(), answer.clone()) {
                let meant = match &error {
                    FactError::UnknownIndicator { suggestion, .. } => suggestion.clone(),
                    _ => None,
                };
                let at = Place::new(self.place.source, &id.span());
                self.findings.suggest(&at, error.to_string(), meant.map(did_you_mean));
                sound = false;
            }
        }
        sound
    }

    fn items_of(&mut self, id: &Placed) -> Option<Vec<Name>> {
        let wanted = id.get_ref().as_str();
        let found = self.rules.instruments.iter().find(|i| i.id == wanted);
        if found.is_none() {
            let at = Place::new(self.place.source, &id.span());
            self.findings.add(&at, format!("there is no instrument `{wanted}`"));
        }
        found.map(|instrument| instrument.items.clone())
    }

    fn missed(&mut self, what: &str, expected: &str, found: &str) {
        let name = &self.case.name;
        self.findings.add(self.place, format!("the case \"{name}\" expects {what} {expected}, but it is {found}"));
    }

    fn compare(&mut self, result: &Assessment) {
        let expect = &self.case.expect;
        self.levels(expect, result);
        self.rules_fired(expect, result);
        self.listed("a need", &expect.needs, &result.needs);
        self.listed("a flag", &expect.flags, &result.flags);
        self.listed("an exclusion", &expect.excluded, &result.excluded);
        self.listed("an ask", &expect.asks, &result.asks);
        let broken: Vec<Name> =
            result.contradictions.iter().map(|contradiction| contradiction.constraint.clone()).collect();
        self.listed("a contradiction", &expect.contradictions, &broken);
        for (name, state) in &expect.clocks {
            let found = result.clocks.iter().find(|clock| clock.name == name.as_str());
            if found.map(|clock| clock.state) != Some(*state) {
                let found = found.map_or("not running".to_owned(), |c| format!("{:?}", c.state));
                self.missed(&format!("the clock `{name}`"), &format!("{state:?}"), &found);
            }
        }
        for (id, wanted) in &expect.instruments {
            let result = result.instruments.iter().find(|r| r.id == id.get_ref().as_str());
            self.instrument(id, wanted, result);
        }
    }

    fn levels(&mut self, expect: &Expect, result: &Assessment) {
        let pairs = [
            ("level", expect.level, result.level),
            ("at_least", expect.at_least, result.at_least),
            ("at_most", expect.at_most, result.at_most),
        ];
        for (what, expected, found) in pairs {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                self.missed(what, Level::code(expected), found.code());
            }
        }
    }

    fn rules_fired(&mut self, expect: &Expect, result: &Assessment) {
        let known = |id: &str| self.rules.rule(id).is_some();
        let unknown: Vec<&Placed> =
            expect.fires.iter().chain(&expect.silent).filter(|id| !known(id.get_ref())).collect();
        for id in unknown {
            let at = Place::new(self.place.source, &id.span());
            self.findings.add(&at, format!("there is no rule `{}`", id.get_ref()));
        }
        let fired = |id: &Spanned<String>| result.fired.iter().any(|f| f.rule == id.get_ref().as_str());
        for id in expect.fires.iter().filter(|id| !fired(id)) {
            self.missed("to fire", id.get_ref(), "silent");
        }
        for id in expect.silent.iter().filter(|id| fired(id)) {
            self.missed("to stay silent", id.get_ref(), "fired");
        }
    }

    fn just_missed(&mut self, result: &Assessment) {
        for id in &self.case.expect.fires {
            if result.fired.iter().any(|fired| fired.rule == id.get_ref().as_str()) {
                self.missed("that what stands under `but` silences", id.get_ref(), "still fired");
            }
        }
    }

    fn listed(&mut self, what: &str, expected: &[String], found: &[Name]) {
        for wanted in expected {
            if !found.iter().any(|name| name == wanted.as_str()) {
                self.missed(what, wanted, &format!("only {found:?}"));
            }
        }
    }

    fn instrument(&mut self, id: &Placed, wanted: &ExpectInstrument, result: Option<&InstrumentResult>) {
        let id = id.get_ref();
        let Some(result) = result else {
            self.missed("the instrument", id, "not in play");
            return;
        };
        self.figure(&format!("the score of {id}"), wanted.score, result.score);
        self.figure(&format!("the value of {id}"), wanted.value, result.value);
        let band = result.band.as_ref().filter(|b| b.min == b.max).map(|b| &b.min);
        let words = [
            ("band", &wanted.band, band),
            ("trigger", &wanted.trigger, result.trigger.as_ref()),
            ("reason", &wanted.reason, result.reason.as_ref()),
            ("protocol", &wanted.protocol, result.protocols.first()),
        ];
        for (what, expected, found) in words {
            if let Some(expected) = expected.as_deref().filter(|e| found.is_none_or(|f| f != e)) {
                self.missed(&format!("the {what} of {id}"), expected, &format!("{found:?}"));
            }
        }
        if wanted.withheld.is_some_and(|withheld| withheld != result.withheld) {
            self.missed(&format!("withheld of {id}"), "otherwise", "not so");
        }
    }

    /// A figure is only as expected once it is settled.
    fn figure(&mut self, what: &str, wanted: Option<Number>, found: Option<ScoreRange>) {
        let settled = found.filter(|found| found.min == found.max);
        if let Some(wanted) = wanted.filter(|w| settled.is_none_or(|found| found.min != *w)) {
            self.missed(what, &wanted.to_string(), &format!("{found:?}"));
        }
    }

    fn compare_question(&mut self, facts: &Facts, now: DateTime<Utc>) {
        if let Some(expected) = &self.case.expect.first_question {
            let open = open_questions(self.rules, facts, now);
            let first = open.first().map_or("nothing open", |q| q.id.as_str());
            if first != expected {
                self.missed("the first question", expected, first);
            }
        }
    }
}
