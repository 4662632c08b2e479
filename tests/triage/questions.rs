//! Whether asking what the program proposes settles the level sooner than going through the form.

use goldaw::triage::{Answer, Facts, Indicator, Source, assess, open_questions};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::packs::{noon, shipped};
use crate::properties::{harmless, known_answer};

const CALLS: usize = 400;

/// What she would answer to everything: most of it harmless, some of it not. In every second call
/// much is not.
fn call() -> impl Strategy<Value = Vec<(&'static Indicator, Answer)>> {
    let asked: Vec<&'static Indicator> = shipped().indicators().filter(|i| i.instrument.is_none()).collect();
    proptest::sample::select(vec![2_u32, 15]).prop_flat_map(move |share| {
        let answers: Vec<_> = asked
            .iter()
            .map(|&indicator| {
                prop_oneof![
                    100 - share => Just(harmless(indicator)).boxed(),
                    share => known_answer(indicator).boxed(),
                ]
                .prop_map(move |answer| (indicator, answer))
            })
            .collect();
        answers
    })
}

/// How many questions it takes until no answer can change the level any more.
fn questions(told: &[(&'static Indicator, Answer)], next: impl Fn(&Facts) -> Option<String>) -> usize {
    let rules = shipped();
    let mut facts = Facts::new();
    for (indicator, answer) in told.iter().filter(|(indicator, _)| indicator.source == Source::Contact) {
        facts.set(rules, &indicator.id, answer.clone()).unwrap();
    }
    for asked in 0.. {
        let assessment = assess(rules, &facts, noon());
        let Some(id) = next(&facts).filter(|_| assessment.at_least != assessment.at_most) else {
            return asked;
        };
        let (_, answer) = told.iter().find(|(indicator, _)| indicator.id == id.as_str()).unwrap();
        facts.set(rules, &id, answer.clone()).unwrap();
    }
    unreachable!()
}

/// The first open question; the form's next field where nothing is open, so that both go on until
/// the level is settled.
fn proposed(facts: &Facts) -> Option<String> {
    let open = open_questions(shipped(), facts, noon());
    let first = open.iter().find(|question| shipped().indicator(&question.id).unwrap().instrument.is_none());
    first.map(|question| question.id.to_string()).or_else(|| by_form(facts))
}

fn by_form(facts: &Facts) -> Option<String> {
    let asked = |indicator: &&Indicator| indicator.source == Source::Asked && indicator.instrument.is_none();
    shipped().indicators().filter(asked).find(|i| facts.get(&i.id).is_none()).map(|i| i.id.to_string())
}

#[test]
fn what_is_proposed_settles_the_level_in_no_more_questions_than_the_form() {
    let mut runner = TestRunner::deterministic();
    let (mut guided, mut plain) = (0, 0);
    for _ in 0..CALLS {
        let told = call().new_tree(&mut runner).unwrap().current();
        guided += questions(&told, proposed);
        plain += questions(&told, by_form);
    }
    let mean = |sum: usize| sum * 10 / CALLS;
    let (proposed, form) = (mean(guided), mean(plain));
    println!(
        "questions until the level is settled, on average of {CALLS} calls: {}.{} as proposed, {}.{} by the form",
        proposed / 10,
        proposed % 10,
        form / 10,
        form % 10
    );
    assert!(guided <= plain, "{guided} questions as proposed, {plain} by the form");
}
