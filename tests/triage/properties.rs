//! What must hold for every set of answers, tried on generated ones.
//!
//! Where an instrument says that an item is not asked (skip logic) or that a
//! human judgement was not made, that item is known, not unknown; such items
//! are not "resolved" here. The same goes for dormant instruments, whose
//! questions are never put to anybody.

use std::sync::OnceLock;

use crate::packs::{facts, load, noon, pack, shipped, shipped_sources};
use goldaw::triage::{
    Answer, Assessment, Facts, Indicator, Kind, Level, Number, Rule, RuleSet, Source, Span, assess, open_questions,
};
use proptest::prelude::*;

/// A yes to these is protective, or takes points off.
const NOT_A_DANGER: [&str; 5] = ["can_talk", "safe_tonight", "rushed", "limits_line", "da_3a"];

/// What a generated call knows about one indicator.
fn answer(indicator: &'static Indicator, calm: u32) -> BoxedStrategy<Option<Answer>> {
    let known = known_answer(indicator);
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Answer::Unknown)),
        1 => Just(Some(Answer::Declined)),
        1 => Just(Some(Answer::NotApplicable)),
        calm => Just(Some(harmless(indicator))),
        2 => known.prop_map(Some),
    ]
    .boxed()
}

pub fn harmless(indicator: &Indicator) -> Answer {
    match indicator.kind {
        Kind::Bool if indicator.id == "safe_tonight" => Answer::Yes,
        Kind::Bool => Answer::No,
        Kind::Number if indicator.whole => Answer::whole(30),
        _ => Answer::NotApplicable,
    }
}

pub fn known_answer(indicator: &'static Indicator) -> BoxedStrategy<Answer> {
    match indicator.kind {
        Kind::Bool => prop_oneof![Just(Answer::Yes), Just(Answer::No)].boxed(),
        Kind::Choice => proptest::sample::select(&indicator.options[..])
            .prop_map(|option| Answer::Choice(option.to_string()))
            .boxed(),
        Kind::Number => {
            let top: i32 = if indicator.whole { 40 } else { 400 };
            let exact = (0..top).prop_map(Answer::whole);
            let bracket = (0..top, 0..top).prop_map(|(a, b): (i32, i32)| {
                let (min, max) = (Number::whole(a.min(b)), Number::whole(a.max(b)));
                Answer::Number(Span::between(min, max).unwrap())
            });
            let open = (0..top).prop_map(|a| Answer::Number(Span::at_least(Number::whole(a))));
            prop_oneof![exact, bracket, open].boxed()
        }
        Kind::Time => Just(Answer::Unknown).boxed(),
    }
}

/// A call: mostly calm, so that the unknowns decide, or anything at all.
fn call() -> impl Strategy<Value = Facts> {
    prop_oneof![
        1 => Just(2_u32).prop_flat_map(|calm| told(shipped().indicators().collect(), calm)),
        1 => Just(60_u32).prop_flat_map(|calm| told(shipped().indicators().collect(), calm)),
        4 => pointed(),
    ]
}

/// A calm call in which only what a few rules look at is anything but harmless:
/// here one answer decides the level.
fn pointed() -> impl Strategy<Value = Facts> {
    let rules: Vec<&'static Rule> = shipped().rules().collect();
    proptest::collection::vec(proptest::sample::select(rules), 1..4).prop_flat_map(|rules| {
        let words = rules.iter().flat_map(|rule| words(&rule.when)).collect::<Vec<_>>();
        let looked_at = |i: &&Indicator| {
            let owner = i.instrument.as_deref();
            words.contains(&i.id.as_str()) || owner.is_some_and(|owner| words.contains(&owner))
        };
        let open: Vec<&'static Indicator> = shipped().indicators().filter(looked_at).collect();
        told(open, 1).prop_map(|told| {
            let mut facts = Facts::new();
            for indicator in shipped().indicators().filter(|i| i.instrument.is_none()) {
                facts.set(shipped(), &indicator.id, harmless(indicator)).unwrap();
            }
            for indicator in shipped().indicators() {
                match told.get(&indicator.id) {
                    Some(answer) => facts.set(shipped(), &indicator.id, answer.clone()).unwrap(),
                    None if open_to_doubt(&told, indicator) => facts.clear(&indicator.id),
                    None => {}
                }
            }
            facts
        })
    })
}

/// Some of what was not told was not asked either.
fn open_to_doubt(told: &Facts, indicator: &Indicator) -> bool {
    !told.is_empty() && (indicator.id.len() + told.len()).is_multiple_of(9)
}

fn words(condition: &'static str) -> Vec<&'static str> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    condition.split(|c| !letter(c)).collect()
}

fn told(indicators: Vec<&'static Indicator>, calm: u32) -> impl Strategy<Value = Facts> {
    let answers: Vec<_> = indicators.iter().map(|i| answer(i, calm)).collect();
    answers.prop_map(move |answers| {
        let mut facts = Facts::new();
        for (indicator, answer) in indicators.iter().zip(answers) {
            if let Some(answer) = answer {
                facts.set(shipped(), &indicator.id, answer).unwrap();
            }
        }
        facts
    })
}

fn indicator() -> impl Strategy<Value = &'static Indicator> {
    let all: Vec<&'static Indicator> = shipped().indicators().collect();
    proptest::sample::select(all)
}

fn with(facts: &Facts, id: &str, answer: Answer) -> Facts {
    let mut changed = facts.clone();
    changed.set(shipped(), id, answer).unwrap();
    changed
}

fn result(facts: &Facts) -> Assessment {
    assess(shipped(), facts, noon())
}

/// Whether this unknown could still turn out to be something.
fn can_be_resolved(facts: &Facts, indicator: &Indicator) -> bool {
    let flow = ["cssrs_", "asq_5", "lap_belief", "da_3a", "dash_judgement", "dash_escalation", "dale_override"];
    match facts.get(&indicator.id) {
        Some(Answer::Unknown) => true,
        Some(Answer::Number(span)) => !span.is_exact(),
        Some(_) => false,
        None => match &indicator.instrument {
            _ if flow.iter().any(|id| indicator.id.starts_with(id)) => false,
            Some(owner) => {
                let found = shipped().instruments().find(|i| i.id == *owner).unwrap();
                // ASQ is not put to adults; of the others a first answer is needed.
                let may_be_asked =
                    found.dormant.is_none() && ["age", "under_18"].iter().all(|id| facts.get(id).is_none());
                may_be_asked || found.items.iter().any(|i| facts.get(i).is_some())
            }
            None => true,
        },
    }
}

/// An answer that lies inside what was known before.
fn narrowed(before: Option<&Answer>, picked: Answer) -> Answer {
    match (before, picked) {
        (Some(Answer::Number(span)), Answer::Number(_)) => Answer::Number(Span::exact(span.min)),
        (_, picked) => picked,
    }
}

fn is_danger(indicator: &Indicator) -> bool {
    indicator.kind == Kind::Bool && !NOT_A_DANGER.contains(&indicator.id.as_str())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn a_yes_to_a_danger_never_lowers_a_level(facts in call(), picked in indicator()) {
        prop_assume!(is_danger(picked));
        let (before, after) = (result(&facts), result(&with(&facts, &picked.id, Answer::Yes)));
        prop_assert!(after.level.rank() >= before.level.rank(), "{}", picked.id);
        prop_assert!(after.at_least.rank() >= before.at_least.rank(), "{}", picked.id);
        prop_assert!(after.at_most.rank() >= before.at_most.rank(), "{}", picked.id);
    }

    #[test]
    fn an_answer_taken_back_to_unknown_only_widens(facts in call(), picked in indicator()) {
        prop_assume!(facts.get(&picked.id).is_some());
        let (before, after) = (result(&facts), result(&with(&facts, &picked.id, Answer::Unknown)));
        prop_assert!(after.at_most.rank() >= before.at_most.rank(), "{}", picked.id);
        prop_assert!(after.at_least.rank() <= before.at_least.rank(), "{}", picked.id);
        // Likewise for one that is taken back altogether, unless an instrument's flow says more.
        if picked.instrument.is_none() {
            let mut cleared = facts.clone();
            cleared.clear(&picked.id);
            let after = result(&cleared);
            prop_assert!(after.at_most.rank() >= before.at_most.rank(), "{}", picked.id);
            prop_assert!(after.at_least.rank() <= before.at_least.rank(), "{}", picked.id);
        }
    }

    #[test]
    fn resolving_the_unknown_lands_inside_the_interval(
        facts in call(),
        answers in shipped().indicators().map(|i| (known_answer(i), any::<bool>())).collect::<Vec<_>>(),
    ) {
        let before = result(&facts);
        let mut changed = Vec::new();
        let mut resolved = facts.clone();
        for (indicator, (answer, chosen)) in shipped().indicators().zip(answers) {
            if chosen && can_be_resolved(&facts, indicator) {
                let answer = narrowed(facts.get(&indicator.id), answer);
                changed.push(format!("{}: {:?} -> {answer:?}", indicator.id, facts.get(&indicator.id)));
                resolved.set(shipped(), &indicator.id, answer).unwrap();
            }
        }
        let after = result(&resolved);
        prop_assert!(after.at_least.rank() >= before.at_least.rank(), "{:?}", changed);
        prop_assert!(after.at_most.rank() <= before.at_most.rank(), "{:?}", changed);
        if after.level != Level::NotAssessed {
            prop_assert!(after.level.rank() >= before.at_least.rank());
            prop_assert!(after.level.rank() <= before.at_most.rank());
        }
    }

    #[test]
    fn the_level_lies_in_its_interval_and_has_its_reasons(facts in call()) {
        let result = result(&facts);
        prop_assert!(result.at_least.rank() <= result.at_most.rank());
        if result.level == Level::NotAssessed {
            prop_assert!(!result.minimum_missing.is_empty());
        } else {
            prop_assert!(result.at_least.rank() <= result.level.rank());
            prop_assert!(result.level.rank() <= result.at_most.rank());
            let reason = result.fired.iter().any(|fired| fired.level == Some(result.level));
            prop_assert!(reason || result.level == Level::Low);
        }
        prop_assert!(result.fired.iter().all(|fired| !fired.because.is_empty()));
    }

    #[test]
    fn the_order_of_rules_and_answers_does_not_matter(facts in call()) {
        let (one, other) = (result(&facts), assess(backwards(), &facts, noon()));
        prop_assert_eq!(one.level, other.level);
        prop_assert_eq!((one.at_least, one.at_most), (other.at_least, other.at_most));
        prop_assert_eq!(one.care_by, other.care_by);
        let names = |result: &Assessment| {
            let mut names: Vec<String> = result.fired.iter().map(|f| f.rule.to_string()).collect();
            names.sort();
            names
        };
        prop_assert_eq!(names(&one), names(&other));
        let mut reversed = Facts::new();
        let answers: Vec<_> = facts.iter().collect();
        for (id, answer) in answers.into_iter().rev() {
            reversed.set(shipped(), id, answer.clone()).unwrap();
        }
        prop_assert_eq!(result(&reversed), one);
    }

    #[test]
    fn an_open_question_is_unanswered_and_reaches_no_further_than_it_says(facts in call()) {
        let before = result(&facts);
        for question in open_questions(shipped(), &facts, noon()) {
            let indicator = shipped().indicator(&question.id).unwrap();
            prop_assert_eq!(indicator.source, Source::Asked);
            prop_assert!(!facts.get(&question.id).is_some_and(Answer::is_known));
            prop_assert!(question.alone.rank() <= question.could_reach.rank());
            if indicator.kind == Kind::Bool && before.level != Level::NotAssessed {
                for answer in [Answer::Yes, Answer::No] {
                    let after = result(&with(&facts, &question.id, answer));
                    prop_assert!(after.level.rank() <= question.alone.rank(), "{}", question.id);
                }
            }
        }
    }

    #[test]
    fn a_stored_assessment_reads_back_the_same(facts in call()) {
        let result = result(&facts);
        let stored = serde_json::to_string(&result).unwrap();
        prop_assert_eq!(serde_json::from_str::<Assessment>(&stored).unwrap(), result);
    }

    /// Every way to answer the open items, tried one by one, gives exactly the ends.
    #[test]
    fn a_score_interval_is_exactly_what_its_unknowns_allow(
        answers in proptest::collection::vec(prop_oneof![3 => Just(0_u8), 3 => Just(1), 1 => Just(2)], 21),
    ) {
        let items: Vec<String> = (1..=20).map(|i| format!("da_{i}")).chain(["da_3a".into()]).collect();
        let clash = answers[2] != 0 && answers[20] != 0;
        prop_assume!(!clash && answers.iter().filter(|answer| **answer == 2).count() <= 8);
        let mut facts = Facts::new();
        for (item, answer) in items.iter().zip(&answers) {
            let answer = [Answer::No, Answer::Yes, Answer::Unknown][usize::from(*answer)].clone();
            facts.set(shipped(), item, answer).unwrap();
        }
        let score = result(&facts).instruments[0].score.unwrap();
        let sum = |unknown: i32| -> i32 {
            answers.iter().zip(WEIGHTS).map(|(answer, weight)| match *answer {
                0 => 0,
                1 => weight,
                _ => (weight * unknown).max(0) + (weight * (1 - unknown)).min(0),
            }).sum()
        };
        prop_assert_eq!(score.max, Number::whole(sum(1)));
        prop_assert_eq!(score.min, Number::whole(sum(0)));
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in r#"[a-z_ =<>"'().,0-9\[\]\n#-]{0,120}"#) {
        let _ = RuleSet::load(&pack(&text), &["en"]);
        let rule = format!("[[rule]]\nid = \"r\"\nwhen = '''{text}'''\nsay.en = \"x\"\nlevel = \"high\"\nsource = \"s\"");
        prop_assert!(RuleSet::load(&pack(&rule), &["en"]).is_err() || text.contains("'''"));
    }
}

/// Points of items 1 to 20 and 3a.
const WEIGHTS: [i32; 21] = [1, 5, 4, 4, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, -3];

/// The shipped rules with every source, and every table in it, in reverse.
fn backwards() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(|| {
        let mut sources = shipped_sources();
        sources.reverse();
        for source in &mut sources {
            let marked = source.text.replace("\n[[rule]]", "\u{1}[[rule]]").replace("\n[[case]]", "\u{1}[[case]]");
            let mut tables: Vec<&str> = marked.split('\u{1}').collect();
            let head = tables.remove(0).to_owned();
            if tables.iter().all(|table| !table.contains("[[indicator]]") && !table.contains("[[window]]")) {
                tables.reverse();
                source.text = format!("{head}\n{}", tables.join("\n"));
            }
        }
        load(&sources)
    })
}

#[test]
fn the_reversed_rules_really_are_in_another_order() {
    let first = |rules: &RuleSet| rules.rules().next().unwrap().id.clone();
    assert_ne!(first(shipped()), first(backwards()));
    assert_eq!(shipped().rules().len(), backwards().rules().len());
    let result = assess(backwards(), &facts(backwards(), r#"{"strangled": "yes"}"#), noon());
    assert_eq!(result.level, Level::Critical);
}
