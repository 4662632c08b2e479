//! What is still worth asking, and in which order.

use chrono::{DateTime, Utc};

use super::assess::asks;
use super::assessment::OpenQuestion;
use super::condition::{Fact, Stance};
use super::facts::Facts;
use super::level::Level;
use super::rules::{Indicator, Kind, Lead, Rule, RuleSet, Source};
use super::scene::{Outcome, Scene, Tally};

/// The unanswered indicators worth asking, first one first: by tier, and inside
/// a tier by how far the answer could raise the level, alone and then together
/// with the others. Empty means that nothing is open now.
///
/// Separate from [`super::assess`] because it weighs every question in turn.
#[must_use]
pub fn open_questions(rules: &RuleSet, facts: &Facts, now: DateTime<Utc>) -> Vec<OpenQuestion> {
    let scene = Scene::of(rules, facts, now);
    let weighing = Weighing::of(&scene);
    let lead = lead(&scene);
    let mut open: Vec<(usize, OpenQuestion)> = rules
        .indicators
        .iter()
        .enumerate()
        .filter(|(position, _)| lead.is_none_or(|lead| weighing.allows(lead, *position)))
        .filter(|(position, indicator)| weighing.may_be_asked(*position, indicator))
        .filter_map(|(position, indicator)| Some((position, weighing.weigh(position, indicator)?)))
        .collect();
    open.sort_by_key(|(position, question)| {
        (
            lead.is_none_or(|lead| lead.tier != question.tier),
            question.tier,
            std::cmp::Reverse(question.alone.rank()),
            std::cmp::Reverse(question.could_reach.rank()),
            *position,
        )
    });
    open.into_iter().map(|(_, question)| question).collect()
}

/// What the situation puts first, if anything.
fn lead<'a>(scene: &Scene<'a>) -> Option<&'a Lead> {
    let view = scene.view();
    let mut leads = scene.rules.leads.iter();
    leads.find(|lead| view.judge(&lead.when, Stance::STRICT).is_true())
}

/// What every question is weighed against.
struct Weighing<'a> {
    scene: &'a Scene<'a>,
    reached: Tally,
    /// Indicators that fired rules or the minimum set want answered.
    wanted: Vec<usize>,
    /// Items of instruments that may be put to her now.
    asked_items: Vec<usize>,
}

impl<'a> Weighing<'a> {
    fn of(scene: &'a Scene<'a>) -> Self {
        let fired: Vec<(&Rule, Outcome)> = scene.judged().filter(|(_, outcome)| outcome.fires).collect();
        let mut wanted = asks(scene, &fired);
        wanted.extend(scene.minimum_missing());
        // What was assumed is worth knowing: the answer may lower the level.
        wanted.extend(
            fired
                .iter()
                .filter(|(_, outcome)| !outcome.strict.is_true())
                .flat_map(|(rule, _)| rule.assume.iter().copied()),
        );
        Self {
            scene,
            reached: scene.tally(|outcome| outcome.fires),
            wanted,
            asked_items: scene
                .rules
                .instruments
                .iter()
                .filter(|instrument| instrument.is_asked(scene.view()))
                .flat_map(|instrument| instrument.positions())
                .collect(),
        }
    }

    /// Whether the situation leaves room for this question. Danger always does.
    fn allows(&self, lead: &Lead, position: usize) -> bool {
        lead.only.is_empty() || lead.only.contains(&position) || self.reached.level().rank() >= Level::High.rank()
    }

    fn may_be_asked(&self, position: usize, indicator: &Indicator) -> bool {
        let view = self.scene.view();
        let known = |i: usize| view.fact(i).is_known();
        indicator.source == Source::Asked
            // A refusal is respected: what was declined is not asked again.
            && matches!(view.fact(position), Fact::NotAsked | Fact::Unknown)
            && !indicator.twin.is_some_and(known)
            && (indicator.instrument.is_none() || self.asked_items.contains(&position))
    }

    /// How far the answer could raise the level; `None` when it no longer matters.
    fn weigh(&self, position: usize, indicator: &Indicator) -> Option<OpenQuestion> {
        let alone = self.alone(position, indicator);
        let together = self.together(position);
        let level = self.reached.level();
        let raises = together.rank() > level.rank() || alone.rank() > level.rank();
        if !(raises || indicator.always || self.wanted.contains(&position)) {
            return None;
        }
        Some(OpenQuestion {
            id: indicator.id.clone(),
            tier: indicator.tier.unwrap_or(u8::MAX),
            alone,
            could_reach: together.or_higher(alone),
        })
    }

    fn rules_about(&self, position: usize) -> impl Iterator<Item = (&'a Rule, Outcome)> {
        let scene = self.scene;
        scene
            .rules
            .rules_by_indicator
            .get(position)
            .into_iter()
            .flatten()
            .filter_map(|i| Some((scene.rules.rules.get(*i)?, *scene.outcomes.get(*i)?)))
    }

    /// The level if this one question gets its most dangerous answer.
    fn alone(&self, position: usize, indicator: &Indicator) -> Level {
        let mut tally = self.reached;
        if indicator.instrument.is_some() && indicator.kind == Kind::Bool {
            self.answer_item(position, &mut tally);
            return tally.level();
        }
        let view = self.scene.view();
        for (rule, outcome) in self.rules_about(position) {
            let stance = Stance { supposed: Some(position), ..Scene::stance(rule) };
            if !outcome.fires && view.judge(&rule.condition, stance).is_true() {
                tally.add(rule);
            }
        }
        tally.level()
    }

    /// An instrument has to be read anew to see what a yes does to it.
    fn answer_item(&self, position: usize, tally: &mut Tally) {
        let scene = self.scene;
        let mut facts = scene.facts.clone();
        if let Some(fact) = facts.get_mut(position) {
            *fact = Fact::Yes;
        }
        let view = super::condition::View { facts: &facts, ..scene.view() };
        let readings: Vec<_> = scene
            .rules
            .instruments
            .iter()
            .zip(&scene.readings)
            .map(
                |(instrument, reading)| {
                    if instrument.positions().any(|item| item == position) { instrument.read(view) } else { *reading }
                },
            )
            .collect();
        let view = super::condition::View { readings: &readings, ..view };
        for (rule, outcome) in self.rules_about(position) {
            if !outcome.fires && view.judge(&rule.condition, Scene::stance(rule)).is_true() {
                tally.add(rule);
            }
        }
    }

    /// The level if this question and every other unknown that its rules look
    /// at get their most dangerous answers.
    fn together(&self, position: usize) -> Level {
        let mut tally = self.reached;
        for (rule, outcome) in self.rules_about(position) {
            if !outcome.fires && outcome.strict.is_possible() {
                tally.add(rule);
            }
        }
        tally.level()
    }
}
