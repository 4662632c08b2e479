//! The published cases, replayed against the shipped packs.

use std::collections::BTreeMap;

use crate::packs::{assessed, load, noon, pack, shipped};
use goldaw::triage::{Answer, ClockState, Facts, InstrumentResult, Number, RuleSet, ScoreRange, assess};

/// One published case: its facts by key, and the columns after them.
struct Case {
    line: String,
    facts: BTreeMap<String, String>,
    columns: Vec<String>,
}

impl Case {
    fn fact(&self, key: &str) -> &str {
        self.facts.get(key).map_or("", String::as_str)
    }

    /// The items of a list such as `yes=1,3a`; `-` is none.
    fn items(&self) -> Vec<String> {
        let list = self.fact("yes");
        let items = list.split(',').filter(|item| !matches!(*item, "" | "-"));
        items.map(str::to_owned).collect()
    }

    fn outcome(&self) -> &str {
        self.columns.last().map_or("", String::as_str)
    }

    fn score(&self) -> Number {
        Number::whole(self.columns[0].parse().unwrap())
    }
}

fn cases(text: &str) -> Vec<Case> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let mut columns = line.split('|').map(|column| column.trim().to_owned());
            columns.next();
            let facts = columns.next().unwrap();
            let pairs = facts.split_whitespace().filter_map(|p| p.split_once('='));
            Case {
                line: line.to_owned(),
                facts: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
                columns: columns.collect(),
            }
        })
        .collect()
}

/// The result of an instrument when these items are yes and all others no.
fn result(rules: &RuleSet, instrument: &str, yes: &[String]) -> InstrumentResult {
    let mut facts = Facts::new();
    let found = rules.instruments().find(|i| i.id == instrument).unwrap();
    for item in &found.items {
        facts.set(rules, item, Answer::No).unwrap();
    }
    for item in yes {
        assert!(facts.get(item).is_some(), "{item} is no item of {instrument}");
        facts.set(rules, item, Answer::Yes).unwrap();
    }
    let mut results = assess(rules, &facts, noon()).instruments;
    assert_eq!(results.len(), 1);
    results.remove(0)
}

fn shipped_result(instrument: &str, prefix: &str, items: &[String]) -> InstrumentResult {
    let yes: Vec<String> = items.iter().map(|item| format!("{prefix}{item}")).collect();
    result(shipped(), instrument, &yes)
}

fn band(result: &InstrumentResult) -> &str {
    let band = result.band.as_ref().unwrap();
    assert_eq!(band.min, band.max, "{} is not settled", result.id);
    band.min.as_str()
}

fn exactly(number: Number) -> Option<ScoreRange> {
    Some(ScoreRange { min: number, max: number })
}

#[test]
fn the_danger_assessment_scores_as_published() {
    for case in cases(include_str!("../vectors/da.txt")) {
        let result = shipped_result("danger_assessment", "da_", &case.items());
        assert_eq!(result.score, exactly(case.score()), "{}", case.line);
        assert_eq!(band(&result), case.outcome(), "{}", case.line);
    }
}

#[test]
fn the_lethality_screen_triggers_as_published() {
    for case in cases(include_str!("../vectors/lap.txt")) {
        let mut items = case.items();
        if case.fact("belief") == "1" {
            items.push("belief".into());
        }
        let result = shipped_result("lethality_screen", "lap_", &items);
        assert_eq!(band(&result), case.outcome().replace(' ', "_"), "{}", case.line);
        let trigger = case.columns[0].trim_start_matches("trigger=");
        assert_eq!(result.trigger.as_deref(), Some(trigger), "{}", case.line);
    }
}

#[test]
fn dash_counts_and_lets_judgement_raise() {
    for case in cases(include_str!("../vectors/dash.txt")) {
        let mut items = first(&case);
        items.extend((case.fact("pj") == "1").then(|| "judgement".to_owned()));
        items.extend((case.fact("esc") == "1").then(|| "escalation".to_owned()));
        let result = shipped_result("dash", "dash_", &items);
        assert_eq!(result.score, exactly(case.score()), "{}", case.line);
        let (expected, reason) = match case.outcome() {
            "below threshold" => ("below_threshold", "none"),
            other => ("high", other.trim_start_matches("high (").trim_end_matches(')')),
        };
        assert_eq!(band(&result), expected, "{}", case.line);
        assert_eq!(result.reason.as_deref(), Some(reason), "{}", case.line);
    }
}

/// As many items as the case counts, the first ones.
fn first(case: &Case) -> Vec<String> {
    let count: usize = case.fact("yes").parse().unwrap();
    (1..=count).map(|item| item.to_string()).collect()
}

#[test]
fn the_columbia_screener_takes_the_highest_answer() {
    for case in cases(include_str!("../vectors/cssrs.txt")) {
        let named = |item: &String| match item.as_str() {
            "6life" => "6_lifetime".to_owned(),
            "6recent" => "6_recent".to_owned(),
            other => other.to_owned(),
        };
        let items: Vec<String> = case.items().iter().map(named).collect();
        let result = shipped_result("cssrs", "cssrs_", &items);
        assert_eq!(band(&result), case.outcome(), "{}", case.line);
    }
}

#[test]
fn asq_reads_an_unanswered_fifth_question_as_acute_only_after_a_positive_screen() {
    for case in cases(include_str!("../vectors/asq.txt")) {
        let yes = case.items();
        let mut answers: BTreeMap<String, &str> =
            (1..=4).map(|i| (format!("asq_{i}"), if yes.contains(&i.to_string()) { "yes" } else { "no" })).collect();
        if case.fact("q5") != "na" {
            answers.insert("asq_5".into(), case.fact("q5"));
        }
        let assessment = assessed(&serde_json::to_string(&answers).unwrap());
        let expected = case.outcome().replace([' ', '-'], "_");
        assert_eq!(band(&assessment.instruments[0]), expected, "{}", case.line);
    }
}

#[test]
fn da5_bands_and_the_strangulation_protocol() {
    for case in cases(include_str!("../vectors/da5.txt")) {
        let result = shipped_result("da5", "da5_", &case.items());
        assert_eq!(result.score, exactly(case.score()), "{}", case.line);
        let (words, protocol) = match case.outcome().split_once(" + ") {
            Some((words, _)) => (words, true),
            None => (case.outcome(), false),
        };
        let expected = match words {
            "usual referral" => "usual_referral",
            "full DA / advocate" => "advocate",
            other => other,
        };
        assert_eq!(band(&result), expected, "{}", case.line);
        assert_eq!(!result.protocols.is_empty(), protocol, "{}", case.line);
    }
}

#[test]
fn da_le_is_high_from_seven_or_by_judgement() {
    for case in cases(include_str!("../vectors/dale.txt")) {
        let mut items = first(&case);
        items.extend((case.fact("ovr") == "1").then(|| "override".to_owned()));
        let result = shipped_result("da_le", "dale_", &items);
        let expected = if case.outcome().starts_with("high") { "high" } else { "not_high" };
        assert_eq!(band(&result), expected, "{}", case.line);
    }
    let seven: Vec<String> = (1..=7).map(|item| item.to_string()).collect();
    assert_eq!(band(&shipped_result("da_le", "dale_", &seven)), "high");
}

#[test]
fn odara_is_looked_up_in_its_bins() {
    let rules = load(&pack(include_str!("../vectors/odara.toml")));
    for case in cases(include_str!("../vectors/odara.txt")) {
        let items: Vec<String> = first(&case).iter().map(|i| format!("odara_{i}")).collect();
        let result = result(&rules, "odara", &items);
        let percent: i32 = case.outcome().trim_end_matches('%').parse().unwrap();
        assert_eq!(result.value, exactly(Number::whole(percent)), "{}", case.line);
    }
}

#[test]
fn strangulation_within_a_week_or_with_signs_needs_a_doctor_today() {
    for case in cases(include_str!("../vectors/str.txt")) {
        let mut answers = serde_json::Map::new();
        let ever = if case.fact("ever") == "1" { "yes" } else { "no" };
        answers.insert("strangled".into(), ever.into());
        if let Ok(days) = case.fact("days").parse::<i32>() {
            answers.insert("hours_since_strangulation".into(), (days * 24).into());
        }
        if case.fact("symptoms") == "voice" {
            answers.insert("strangulation_voice".into(), "yes".into());
        }
        let needs = assessed(&serde_json::to_string(&answers).unwrap()).needs;
        let expected = case.outcome().contains("same-day medical");
        assert_eq!(needs.iter().any(|n| n == "medical"), expected, "{}", case.line);
    }
}

#[test]
fn treatment_windows_include_their_last_moment() {
    for case in cases(include_str!("../vectors/win.txt")) {
        let hours = case.fact("h");
        let assessment = assessed(&format!(r#"{{"penetration": "yes", "hours_since_penetration": {hours}}}"#));
        let state = |name: &str| {
            let clock = assessment.clocks.iter().find(|clock| clock.name == name);
            clock.map(|clock| clock.state)
        };
        let expected = |word: &str| {
            if case.outcome().contains(&format!("{word} open")) {
                Some(ClockState::Open)
            } else {
                Some(ClockState::Closed)
            }
        };
        assert_eq!(state("pep"), expected("PEP"), "{}", case.line);
        assert_eq!(state("emergency_contraception"), expected("EC"), "{}", case.line);
    }
}

#[test]
fn every_lethality_screen_agrees_with_the_published_rule() {
    let rules = shipped();
    for answers in 0_u32..1 << 11 {
        let yes = |item: u32| answers >> (item - 1) & 1 == 1;
        let items: Vec<String> = (1..=11).filter(|i| yes(*i)).map(|i| format!("lap_{i}")).collect();
        let result = result(rules, "lethality_screen", &items);
        let trigger = if yes(1) || yes(2) || yes(3) {
            "1-3"
        } else if (4..=11).filter(|i| yes(*i)).count() >= 4 {
            "4-11"
        } else {
            "none"
        };
        let expected = if trigger == "none" { "not_screened_in" } else { "high_danger" };
        assert_eq!((band(&result), result.trigger.as_deref()), (expected, Some(trigger)));
    }
}

#[test]
fn every_who_answer_sheet_agrees_with_any_three_of_six() {
    for answers in 0_u32..1 << 6 {
        let yes = (1..=6).filter(|i| answers >> (i - 1) & 1 == 1);
        let items: Vec<String> = yes.map(|i| format!("who_{i}")).collect();
        let result = result(shipped(), "who_danger", &items);
        let expected = if answers.count_ones() >= 3 { "reached" } else { "not_reached" };
        assert_eq!(band(&result), expected);
    }
}
