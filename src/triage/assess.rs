//! The assessment itself.

use chrono::{DateTime, Utc};

use super::assessment::{Assessment, Clock, Contradiction, Fired, InstrumentResult, Warning};
use super::clocks::{Exposure, clock};
use super::condition::{Fact, Stance};
use super::facts::Facts;
use super::level::Level;
use super::name::Name;
use super::rules::{Rule, RuleSet};
use super::scene::{Outcome, Scene};

/// Assesses the facts under the rules, as of `now`.
///
/// The same facts, rules and moment always give the same assessment. It decides
/// nothing: every level above Low comes with the rules and indicators behind it.
#[must_use]
pub fn assess(rules: &RuleSet, facts: &Facts, now: DateTime<Utc>) -> Assessment {
    let scene = Scene::of(rules, facts, now);
    let contradictions = contradictions(&scene);
    let disputed: Vec<usize> = contradictions
        .iter()
        .flat_map(|contradiction| contradiction.facts.iter())
        .filter_map(|id| rules.positions.get(id).copied())
        .collect();
    let fired: Vec<(&Rule, Outcome)> = scene.judged().filter(|(_, outcome)| outcome.fires).collect();
    let clocks = clocks(&scene, &fired, &disputed, now);
    let missing = scene.minimum_missing();
    let reached = scene.tally(|outcome| outcome.fires).level();
    let name = |position: &usize| rules.indicators.get(*position).map(|i| i.id.clone());
    Assessment {
        level: shown(reached, missing.is_empty()),
        at_least: scene.tally(|outcome| outcome.strict.is_true()).level(),
        at_most: scene.tally(|outcome| outcome.strict.is_possible()).level(),
        care_by: clocks.iter().filter_map(|clock| clock.last_useful).min(),
        instruments: instruments(&scene, &disputed),
        needs: gathered(&fired, |rule| &rule.needs),
        flags: gathered(&fired, |rule| &rule.flags),
        tasks: gathered(&fired, |rule| &rule.tasks),
        warnings: warnings(&fired),
        asks: asks(&scene, &fired).iter().filter_map(name).collect(),
        excluded: gathered(&fired, |rule| &rule.excludes),
        fired: fired.iter().map(|(rule, outcome)| explain(&scene, rule, *outcome, &disputed)).collect(),
        minimum_missing: missing.iter().filter_map(name).collect(),
        clocks,
        contradictions,
        unrecognised: scene.unrecognised,
        rule_set: rules.id.clone(),
        at: now,
    }
}

/// Until the minimum set is answered, only High and Critical can be said.
pub(crate) const fn shown(reached: Level, minimum_answered: bool) -> Level {
    if minimum_answered || reached.rank() >= Level::High.rank() { reached } else { Level::NotAssessed }
}

/// The unanswered indicators that the fired rules want asked next.
pub(crate) fn asks(scene: &Scene<'_>, fired: &[(&Rule, Outcome)]) -> Vec<usize> {
    let view = scene.view();
    let mut wanted: Vec<usize> = Vec::new();
    for (rule, _) in fired {
        for indicator in &rule.ask_indicators {
            if !view.fact(*indicator).is_known() && !wanted.contains(indicator) {
                wanted.push(*indicator);
            }
        }
    }
    wanted
}

fn contradictions(scene: &Scene<'_>) -> Vec<Contradiction> {
    let view = scene.view();
    let broken =
        scene.rules.constraints.iter().filter(|constraint| view.judge(&constraint.never, Stance::STRICT).is_true());
    broken
        .map(|constraint| Contradiction {
            constraint: constraint.id.clone(),
            text: constraint.say.clone(),
            facts: constraint
                .mentions
                .iter()
                .filter(|i| view.fact(**i).is_known())
                .filter_map(|i| scene.rules.indicators.get(*i))
                .map(|indicator| indicator.id.clone())
                .collect(),
        })
        .collect()
}

fn explain(scene: &Scene<'_>, rule: &Rule, outcome: Outcome, disputed: &[usize]) -> Fired {
    let view = scene.view();
    let stance = if outcome.strict.is_true() { Stance::STRICT } else { Scene::stance(rule) };
    let mut support = Vec::new();
    view.support(&rule.condition, stance, scene.rules, &mut support);
    let assumable = |i: &usize| !view.fact(*i).is_known() || is_bracket(view.fact(*i));
    let assumed: Vec<usize> = if outcome.strict.is_true() {
        Vec::new()
    } else {
        let own = rule.assume.iter().copied();
        let published = rule
            .instruments
            .iter()
            .filter_map(|i| scene.rules.instruments.get(*i))
            .flat_map(|instrument| instrument.ladder.iter())
            .flat_map(|band| band.assume.iter().copied());
        own.chain(published).filter(assumable).collect()
    };
    let names = |positions: &[usize]| -> Vec<Name> {
        positions.iter().filter_map(|i| scene.rules.indicators.get(*i)).map(|indicator| indicator.id.clone()).collect()
    };
    let contested: Vec<usize> = support.iter().copied().filter(|i| disputed.contains(i)).collect();
    Fired {
        rule: rule.id.clone(),
        level: rule.level,
        raise_by: rule.raise_by,
        text: rule.say.clone(),
        because: names(&support),
        assumed: names(&assumed),
        disputed: names(&contested),
    }
}

fn is_bracket(fact: Fact) -> bool {
    matches!(fact, Fact::Between(span) if !span.is_exact())
}

fn clocks(scene: &Scene<'_>, fired: &[(&Rule, Outcome)], disputed: &[usize], now: DateTime<Utc>) -> Vec<Clock> {
    let view = scene.view();
    let exposures = |window: usize| -> Vec<Exposure> {
        fired
            .iter()
            .filter_map(|(rule, _)| Some((*rule, rule.clock.as_ref()?)))
            .filter(|(_, started)| started.window == window)
            .filter_map(|(rule, started)| {
                Some(Exposure {
                    rule: rule.id.clone(),
                    since: view.size(&started.since)?,
                    disputed: rule.mentions.iter().any(|i| disputed.contains(i)),
                })
            })
            .collect()
    };
    scene.rules.windows.iter().enumerate().filter_map(|(place, window)| clock(window, &exposures(place), now)).collect()
}

fn instruments(scene: &Scene<'_>, disputed: &[usize]) -> Vec<InstrumentResult> {
    let name_of = |i: usize| scene.rules.indicators.get(i).map(|i| i.id.clone());
    scene
        .rules
        .instruments
        .iter()
        .zip(&scene.readings)
        .filter(|(instrument, _)| instrument.is_recorded(&scene.facts))
        .filter_map(|(instrument, reading)| Some(instrument.report(scene.view(), (*reading)?, disputed, name_of)))
        .collect()
}

fn gathered<'a>(fired: &[(&'a Rule, Outcome)], list: impl Fn(&'a Rule) -> &'a Vec<Name>) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for name in fired.iter().flat_map(|(rule, _)| list(rule)) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn warnings(fired: &[(&Rule, Outcome)]) -> Vec<Warning> {
    fired
        .iter()
        .filter(|(rule, _)| !rule.warn.is_empty())
        .map(|(rule, _)| Warning { rule: rule.id.clone(), text: rule.warn.clone() })
        .collect()
}
