//! Stories of triage: what an operator can rely on.

use std::collections::BTreeSet;

use crate::packs::{LANGUAGES, assessed, facts, load, noon, pack, shipped, shipped_sources};
use chrono::TimeDelta;
use goldaw::triage::{
    Answer, Assessment, ClockState, FactError, Facts, HoursLeft, Kind, Level, Number, OpenQuestion, RuleSet, Span,
    assess, open_questions,
};

const MINIMUM: &str = r#""can_talk": "yes", "badly_hurt": "no", "perpetrator_present": "no", "safe_tonight": "yes""#;

fn open(json: &str) -> Vec<OpenQuestion> {
    open_questions(shipped(), &facts(shipped(), json), noon())
}

fn fired<'a>(assessment: &'a Assessment, rule: &str) -> &'a goldaw::triage::Fired {
    let found = assessment.fired.iter().find(|fired| fired.rule == rule);
    found.unwrap_or_else(|| panic!("{rule} did not fire"))
}

fn clock<'a>(assessment: &'a Assessment, name: &str) -> &'a goldaw::triage::Clock {
    assessment.clocks.iter().find(|clock| clock.name == name).unwrap()
}

#[test]
fn he_is_there_and_pressed_on_her_neck() {
    let result = assessed(r#"{"perpetrator_present": "yes", "strangled": "yes", "weapon": "unknown"}"#);
    assert_eq!(result.level, Level::Critical);
    assert_eq!((result.at_least, result.at_most), (Level::Critical, Level::Critical));
    let neck = fired(&result, "strangled-recently");
    assert_eq!(neck.because, ["strangled", "hours_since_strangulation"]);
    assert_eq!(neck.assumed, ["hours_since_strangulation"]);
}

#[test]
fn silence_is_not_safety() {
    let result = assessed("{}");
    assert_eq!(result.level, Level::NotAssessed);
    assert_eq!(result.level.clocked(), Level::High);
    assert_eq!(result.minimum_missing.len(), 4);
    assert_eq!(assessed(&format!("{{{MINIMUM}}}")).level, Level::Low);
}

#[test]
fn do_not_know_does_not_complete_the_minimum_set() {
    let unsure = MINIMUM.replace(r#""badly_hurt": "no""#, r#""badly_hurt": "unknown""#);
    assert_eq!(assessed(&format!("{{{unsure}}}")).level, Level::NotAssessed);
}

#[test]
fn an_unknown_time_keeps_the_windows_open() {
    let result = assessed(r#"{"penetration": "yes"}"#);
    assert_eq!(result.level, Level::High);
    assert_eq!(clock(&result, "pep").state, ClockState::Unknown);
    assert_eq!(clock(&result, "pep").closes_at.as_ref().unwrap().earliest, None);
    assert_eq!(result.care_by, Some(noon()));
}

/// The windows of the default pack, in hours, with the answers that start them.
const WINDOWS: [(&str, i64, &str, &str); 9] = [
    ("pep", 72, "penetration", "hours_since_penetration"),
    ("pep", 72, "forced_sex", "hours_since_forced_sex"),
    ("emergency_contraception", 120, "penetration", "hours_since_penetration"),
    ("emergency_contraception", 120, "forced_sex", "hours_since_forced_sex"),
    ("hepatitis_b", 336, "penetration", "hours_since_penetration"),
    ("hepatitis_b", 336, "forced_sex", "hours_since_forced_sex"),
    ("forensic", 120, "penetration", "hours_since_penetration"),
    ("forensic", 120, "forced_sex", "hours_since_forced_sex"),
    ("forensic", 120, "sexual_contact", "hours_since_incident"),
];

/// Minutes since it happened, as a range, to the clock of a window.
fn ran(window: (&str, &str, &str), minutes: (i64, i64)) -> goldaw::triage::Clock {
    let (name, what, since) = window;
    let hours = |minutes| Number::hours_from_minutes(minutes);
    let mut facts = Facts::new();
    facts.set(shipped(), what, Answer::Yes).unwrap();
    facts.set(shipped(), since, Answer::Number(Span { min: hours(minutes.0), max: Some(hours(minutes.1)) })).unwrap();
    clock(&assess(shipped(), &facts, noon()), name).clone()
}

#[test]
fn every_window_is_open_to_its_last_minute_and_closed_a_minute_later() {
    for (name, hours, what, since) in WINDOWS {
        let (window, last) = ((name, what, since), hours * 60);
        for (from, to, state) in [
            (last - 1, last - 1, ClockState::Open),
            (last, last, ClockState::Open),
            (last + 1, last + 1, ClockState::Closed),
            // Ranges on either side of the edge, touching it, and over it.
            (last - 120, last - 1, ClockState::Open),
            (last - 120, last, ClockState::Open),
            (last - 1, last + 1, ClockState::Unknown),
            (last, last + 1, ClockState::Unknown),
            (last + 1, last + 120, ClockState::Closed),
        ] {
            assert_eq!(ran(window, (from, to)).state, state, "{name} by {what}, {from} to {to} minutes");
        }
        let at_the_last = ran(window, (last, last));
        assert_eq!(
            (at_the_last.hours_left, at_the_last.last_useful),
            (Some(HoursLeft { min: 0, max: 0 }), Some(noon()))
        );
        let over_the_edge = ran(window, (last - 60, last + 60));
        assert_eq!(
            (over_the_edge.hours_left, over_the_edge.last_useful),
            (Some(HoursLeft { min: 0, max: 1 }), Some(noon()))
        );
        assert_eq!(ran(window, (last + 1, last + 1)).last_useful, None);
        assert_eq!(ran(window, (last - 90, last - 90)).hours_left, Some(HoursLeft { min: 1, max: 1 }), "rounded down");
    }
}

#[test]
fn a_bracket_leaves_between_two_whole_numbers_of_hours() {
    let result = assessed(r#"{"penetration": "yes", "hours_since_penetration": {"min": 30.5, "max": 51.5}}"#);
    let pep = clock(&result, "pep");
    assert_eq!(pep.state, ClockState::Open);
    assert_eq!(pep.hours_left, Some(HoursLeft { min: 20, max: 41 }));
    let closes = pep.closes_at.as_ref().unwrap();
    assert_eq!(closes.earliest, Some(noon() + TimeDelta::minutes(20 * 60 + 30)));
    assert_eq!(closes.latest, noon() + TimeDelta::minutes(41 * 60 + 30));
    assert_eq!(result.care_by, Some(noon() + TimeDelta::minutes(16 * 60 + 30)));
}

#[test]
fn a_bracket_over_the_edge_is_unknown_and_due_at_once() {
    let result = assessed(r#"{"penetration": "yes", "hours_since_penetration": {"min": 24, "max": 96}}"#);
    assert_eq!(clock(&result, "pep").state, ClockState::Unknown);
    assert_eq!(clock(&result, "pep").hours_left, Some(HoursLeft { min: 0, max: 48 }));
    assert_eq!(result.care_by, Some(noon()));
}

#[test]
fn longer_ago_has_no_end() {
    let result = assessed(r#"{"penetration": "yes", "hours_since_penetration": {"min": 120}}"#);
    assert_eq!(clock(&result, "pep").state, ClockState::Closed);
    assert_eq!(clock(&result, "emergency_contraception").state, ClockState::Unknown);
}

#[test]
fn strangulation_counts_as_recent_up_to_seven_days() {
    let level = |hours: &str| {
        let json = format!(r#"{{"strangled": "yes", "hours_since_strangulation": {hours}}}"#);
        assessed(&json).level
    };
    assert_eq!(level("168"), Level::Critical);
    assert_ne!(level("168.02"), Level::Critical);
    assert_eq!(level(r#"{"min": 100, "max": 300}"#), Level::Critical);
}

#[test]
fn seventeen_is_a_child_and_eighteen_is_not() {
    let flags = |age: u8| assessed(&format!(r#"{{"age": {age}}}"#)).flags;
    assert_eq!(flags(17), ["child_protection"]);
    assert!(flags(18).is_empty());
    assert_eq!(assessed(r#"{"sounds_under_18": "yes"}"#).flags, ["child_protection"]);
}

#[test]
fn left_him_and_never_lived_together_is_kept_flagged_and_not_scored() {
    let result = assessed(r#"{"da_3": "yes", "da_3a": "yes", "da_2": "yes"}"#);
    assert_eq!(result.contradictions[0].facts, ["da_3", "da_3a"]);
    let score = &result.instruments[0];
    assert!(score.withheld && score.score.is_none() && score.band.is_none());
}

#[test]
fn from_two_items_that_exclude_each_other_only_what_both_ways_agree_on_is_concluded() {
    let fires = |others: &str| {
        let result = assessed(&format!(r#"{{"da_3": "yes", "da_3a": "yes", {others}}}"#));
        let mut rules = result.fired.iter().map(|fired| fired.rule.as_str());
        rules.any(|rule| rule == "danger-assessment-increased")
    };
    // Ten points: 7 if they never lived together, 14 if she left him.
    assert!(!fires(r#""da_2": "yes", "da_4": "yes", "da_1": "yes""#));
    // Twelve: 9 or 16, and both are at least increased.
    assert!(fires(r#""da_2": "yes", "da_4": "yes", "da_5": "yes""#));
}

#[test]
fn a_reassuring_band_is_an_interval_while_items_are_missing() {
    let result = assessed(r#"{"lap_4": "yes", "lap_5": "yes", "lap_6": "yes", "lap_7": "unknown"}"#);
    let band = result.instruments[0].band.clone().unwrap();
    assert_eq!((band.min.as_str(), band.max.as_str()), ("not_screened_in", "high_danger"));
    assert_eq!(result.instruments[0].missing.len(), 8);
    assert_eq!(result.instruments[0].trigger, None);
}

#[test]
fn a_dormant_instrument_is_scored_when_sent_and_never_asked() {
    assert!(open("{}").iter().all(|question| !question.id.starts_with("lap_")));
    assert_eq!(assessed(r#"{"lap_1": "yes"}"#).level, Level::High);
    assert!(open(r#"{"lap_4": "yes"}"#).iter().all(|q| !q.id.starts_with("lap_")));
}

#[test]
fn police_is_not_offered_when_he_is_police() {
    assert_eq!(assessed(r#"{"perpetrator_official": "yes"}"#).excluded, ["police"]);
}

#[test]
fn the_legal_warning_comes_first() {
    let result = assessed(r#"{"sex": "male", "sexual_contact": "yes"}"#);
    assert_eq!(result.warnings.len(), 1);
    assert!(LANGUAGES.iter().all(|code| result.warnings[0].text.get(code).is_some()));
}

#[test]
fn the_first_questions_are_the_fixed_tiers() {
    let first: Vec<String> = open("{}").iter().take(3).map(|q| q.id.to_string()).collect();
    assert_eq!(first[..2], ["can_talk", "if_cut_off"]);
    assert_eq!(open("{}")[2].tier, 3);
    assert_eq!(open(r#"{"can_talk": "yes", "rushed": "no"}"#)[0].tier, 12);
}

#[test]
fn a_caller_who_wants_information_is_asked_one_safety_question() {
    let asked = |json| -> Vec<String> { open(json).iter().map(|q| q.id.to_string()).collect() };
    assert_eq!(asked(r#"{"kind": "information"}"#), ["safe_tonight"]);
    assert!(asked(r#"{"kind": "information", "safe_tonight": "no"}"#).len() > 1);
}

#[test]
fn a_question_says_how_far_it_could_raise_the_level_alone_and_together() {
    let asked = open(&format!("{{{MINIMUM}}}"));
    let reach = |id: &str| {
        let question = asked.iter().find(|question| question.id == id).unwrap();
        (question.alone, question.could_reach)
    };
    assert_eq!(reach("weapon"), (Level::Critical, Level::Critical));
    // Meeting him matters only after a threat, a weapon or strangling.
    assert_eq!(reach("contact_within_24h"), (Level::Low, Level::Critical));
    assert_eq!(reach("stalked"), (Level::Medium, Level::High));
    assert_eq!(reach("needs_most"), (Level::Low, Level::Low));
}

#[test]
fn a_refused_answer_is_unknown_and_not_asked_again() {
    let refused = r#"{"strangled": "yes", "hours_since_strangulation": "declined"}"#;
    assert_eq!(assessed(refused).level, Level::Critical);
    assert!(open(refused).iter().all(|q| q.id != "hours_since_strangulation"));
    let minimum = MINIMUM.replace(r#""badly_hurt": "no""#, r#""badly_hurt": "declined""#);
    assert_eq!(assessed(&format!("{{{minimum}}}")).level, Level::NotAssessed);
}

#[test]
fn what_can_no_longer_matter_is_not_asked() {
    let critical = open(r#"{"perpetrator_present": "yes"}"#);
    assert!(critical.iter().all(|question| question.id != "documents_taken"));
    assert!(open(r#"{"age": 30}"#).iter().all(|question| question.id != "under_18"));
    assert!(open(r#"{"weapon": "declined"}"#).iter().all(|question| question.id != "weapon"));
}

#[test]
fn nothing_is_open_once_everything_is_answered() {
    let mut facts = Facts::new();
    for question in open("{}") {
        let indicator = shipped().indicator(&question.id).unwrap();
        let answer = match indicator.options.first() {
            Some(option) => Answer::Choice(option.to_string()),
            None if question.id == "safe_tonight" => Answer::Yes,
            None if indicator.kind == Kind::Number => Answer::NotApplicable,
            None => Answer::No,
        };
        facts.set(shipped(), &question.id, answer).unwrap();
    }
    assert_eq!(open_questions(shipped(), &facts, noon()), []);
}

#[test]
fn an_assessment_survives_storage_unchanged() {
    let result =
        assessed(r#"{"penetration": "yes", "hours_since_penetration": 20.5, "strangled": "yes", "da_2": "yes"}"#);
    let stored = serde_json::to_string(&result).unwrap();
    assert_eq!(serde_json::from_str::<Assessment>(&stored).unwrap(), result);
}

#[test]
fn answers_read_and_write_the_same_json() {
    for json in [
        r#""yes""#,
        r#""declined""#,
        "17",
        "72.1",
        r#"{"min":24,"max":96}"#,
        r#"{"min":120}"#,
        r#""she_calls""#,
        r#""2026-03-01T12:00:00Z""#,
    ] {
        let answer: Answer = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&answer).unwrap(), json);
    }
    for wrong in [r#"{"min":2,"min":3}"#, r#"{"min":3,"max":2}"#, r#"{"max":2}"#, "null", "true"] {
        assert!(serde_json::from_str::<Answer>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_wrong_fact_is_refused_with_a_hint() {
    let mut facts = Facts::new();
    let error = facts.set(shipped(), "strangeld", Answer::Yes).unwrap_err();
    assert_eq!(error.to_string(), "there is no indicator `strangeld`; did you mean `strangled`?");
    assert!(matches!(facts.set(shipped(), "age", Answer::Yes), Err(FactError::WrongKind { .. })));
    assert!(matches!(facts.set(shipped(), "age", Answer::whole(400)), Err(FactError::OutOfRange { .. })));
    let half = serde_json::from_str("17.5").unwrap();
    assert!(matches!(facts.set(shipped(), "age", half), Err(FactError::NotWhole { .. })));
    let option = Answer::Choice("woman".into());
    assert!(matches!(facts.set(shipped(), "sex", option), Err(FactError::UnknownOption { .. })));
    assert!(facts.is_empty());
}

#[test]
fn facts_from_other_rules_are_named_not_lost() {
    let other = load(&pack("[[indicator]]\nid = \"old\"\nkind = \"bool\"\nsource = \"contact\"\n"));
    let mut facts = Facts::new();
    facts.set(&other, "old", Answer::Yes).unwrap();
    assert_eq!(assess(shipped(), &facts, noon()).unrecognised, ["old"]);
}

/// Start-up runs the cases; here they are counted.
#[test]
fn every_rule_of_the_default_pack_has_a_case_that_fires_it_and_says_what_just_does_not() {
    let mut shown = BTreeSet::new();
    for source in shipped_sources() {
        let pack: toml::Table = toml::from_str(&source.text).unwrap();
        let cases = pack.get("case").and_then(toml::Value::as_array).into_iter().flatten();
        for case in cases.filter(|case| case.get("but").is_some()) {
            let fires = case["expect"].get("fires").and_then(toml::Value::as_array).unwrap();
            shown.extend(fires.iter().map(|rule| rule.as_str().unwrap().to_owned()));
        }
    }
    let rules: BTreeSet<String> = shipped().rules().map(|rule| rule.id.to_string()).collect();
    assert_eq!(rules.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_text_an_operator_says_exists_in_every_language() {
    let rules = shipped();
    assert!(rules.rules().all(|rule| LANGUAGES.iter().all(|l| rule.say.get(l).is_some())));
    let asked = open("{}");
    assert!(asked.iter().all(|question| {
        let indicator = rules.indicator(&question.id).unwrap();
        LANGUAGES.iter().all(|l| indicator.question.get(l).is_some())
    }));
}

#[test]
fn the_digest_names_the_rules_exactly() {
    let mut sources = shipped_sources();
    let before = shipped().sha256().to_owned();
    assert_eq!(before.len(), 64);
    sources[0].text.push_str("\n# changed\n");
    assert_ne!(load(&sources).sha256(), before);
}

#[test]
fn a_level_can_be_raised_by_steps_and_never_past_critical() {
    let rules = load(&pack(
        r#"
        [[indicator]]
        id = "a"
        kind = "bool"
        source = "contact"
        [[indicator]]
        id = "b"
        kind = "bool"
        source = "contact"
        [[rule]]
        id = "floor"
        when = "a"
        level = "high"
        say = { tk = "a", ru = "a", en = "a" }
        source = "test"
        [[rule]]
        id = "raise"
        when = "b"
        raise_by = 3
        say = { tk = "b", ru = "b", en = "b" }
        source = "test"
        "#,
    ));
    let level = |json| assess(&rules, &facts(&rules, json), noon());
    assert_eq!(level(r#"{"a": "yes", "b": "yes"}"#).level, Level::Critical);
    assert_eq!(level(r#"{"a": "yes"}"#).at_most, Level::Critical);
    assert_eq!(level(r#"{"a": "yes", "b": "no"}"#).at_most, Level::High);
}

#[test]
fn moments_can_be_compared_and_subtracted() {
    let rules = load(&pack(
        r#"
        [[indicator]]
        id = "happened"
        kind = "time"
        source = "contact"
        [[rule]]
        id = "recent"
        when = "now - happened <= 7d and happened <= now"
        level = "high"
        say = { tk = "a", ru = "a", en = "a" }
        source = "test"
        "#,
    ));
    let level = |json| assess(&rules, &facts(&rules, json), noon()).level;
    assert_eq!(level(r#"{"happened": "2026-02-22T12:00:00Z"}"#), Level::High);
    assert_eq!(level(r#"{"happened": "2026-02-22T11:59:59Z"}"#), Level::Low);
    assert_eq!(level(r#"{"happened": "2026-03-01T12:00:01Z"}"#), Level::Low);
}

#[test]
fn loading_an_empty_list_says_what_is_missing() {
    let faults = RuleSet::load(&[], &LANGUAGES).unwrap_err();
    assert!(faults[0].message.contains("no pack leads"), "{}", faults[0]);
}
