//! Rules over HTTP and on the command line: readable by staff, tried without storing anything,
//! compared, and held against everything that was recorded.

use std::cell::RefCell;
use std::time::Duration;

use diesel::prelude::*;
use goldaw::access::Role;
use goldaw::clock::{DAY, SECOND};
use goldaw::contacts::{self, Against, Replay};
use goldaw::directory::Areas;
use goldaw::error::Error;
use goldaw::storage::By;
use goldaw::storage::schema::contacts as rows;
use goldaw::triage::{Level, PackSource, RuleSet};
use serde_json::{Value, json};

use crate::support::floor::Floor;
use crate::support::program::Program;
use crate::support::{Engine, Hotline, on_both_engines, recovers_within};

on_both_engines![
    the_rules_say_what_is_asked_why_and_from_where,
    answers_and_facts_are_tried_and_nothing_is_stored,
    what_no_indicator_takes_is_refused_without_its_words,
    a_call_and_a_trial_of_its_answers_agree,
    the_rules_in_force_replayed_change_nothing,
    a_replay_says_whose_level_other_rules_would_change_and_which_rules_do_it,
    a_level_is_explained_under_the_rules_of_its_day,
];

fn the_rules_say_what_is_asked_why_and_from_where(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let told = floor.operator().get("/triage/rules").expect(200).json;
    let indicators = told["indicators"].as_array().unwrap();
    let strangled = indicators.iter().find(|indicator| indicator["id"] == "strangled").unwrap();
    assert!(["tk", "ru", "en"].iter().all(|language| strangled["question"][language].is_string()), "{strangled}");
    let rules = told["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["id"].is_string() && rule["source"].as_str().is_some_and(|s| !s.is_empty())));
    assert!(rules.len() > 20 && told["rule_set"]["sha256"].as_str().unwrap().len() == 64);
    assert_eq!(floor.seat("pa", Role::Admin).get("/triage/rules").expect(200).json, told);
}

fn answers_and_facts_are_tried_and_nothing_is_stored(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let before = (hotline.count("steps"), hotline.count("contacts"));
    let try_out = |body: Value| seat.send("POST", "/triage/evaluate", &[], &body).expect(200).json;
    let told = try_out(json!({"answers": {"perpetrator_present": "yes", "strangled": "yes"}, "facts": {"age": 31}}));
    assert_eq!((&told["level"], &told["at_least"]), (&json!("critical"), &json!("critical")));
    assert!(!told["fired"].as_array().unwrap().is_empty() && told["open_questions"].is_array());
    let nothing = try_out(json!({}));
    assert!(
        nothing["fired"].as_array().unwrap().is_empty() && !nothing["open_questions"].as_array().unwrap().is_empty()
    );
    assert_eq!(try_out(json!({"at": "2026-11-22T09:30:00Z"}))["at"], "2026-11-22T09:30:00Z");
    assert_eq!((hotline.count("steps"), hotline.count("contacts")), before);
}

fn what_no_indicator_takes_is_refused_without_its_words(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    for (body, problem) in [
        (json!({"answers": {"quuxindicator": "yes"}}), "/answers: unknown_indicator"),
        (json!({"facts": {"quuxindicator": "yes"}}), "/answers: unknown_indicator"),
        (json!({"answers": {"strangled": 3}}), "/answers/strangled: wrong_kind_of_answer"),
        (json!({"answers": {"age": 5000}}), "/answers/age: out_of_range"),
        (json!({"answers": {"strangled": {"quux": 1}}}), "/answers: not_an_answer"),
        (json!({"answers": []}), "/answers: not_an_object"),
        (json!({"at": "quux"}), "/at: not_a_time"),
    ] {
        let told = seat.send("POST", "/triage/evaluate", &[], &body).expect(422);
        assert_eq!((told.problems(), told.text.contains("quux")), (vec![problem.to_owned()], false), "{body}");
    }
}

fn a_call_and_a_trial_of_its_answers_agree(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let answers = json!({"perpetrator_present": "no", "strangled": "yes", "weapon": "unknown"});
    let call =
        seat.call(&json!({"channel": "phone", "kind": "support", "caller_role": "survivor", "answers": answers}));
    let facts = json!({"kind": "support", "caller_role": "survivor"});
    let tried = seat.send("POST", "/triage/evaluate", &[], &json!({"answers": answers, "facts": facts})).expect(200);
    for member in ["level", "at_least", "at_most", "fired", "needs", "clocks", "open_questions", "rule_set"] {
        assert_eq!(call.json["assessment"][member], tried.json[member], "{member}");
    }
}

#[test]
fn the_command_line_evaluates_line_by_line_and_names_the_line_it_cannot_read() {
    let program = Program::new();
    let lines = "{\"answers\":{\"perpetrator_present\":\"yes\",\"strangled\":\"yes\"}}\n\n{\"facts\":{\"age\":31},\"at\":\"2026-11-22T09:30:00Z\"}\n";
    let output = program.run(&["rules", "evaluate"], lines);
    let told: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (told.len(), &told[0]["level"], &told[1]["at"]),
        (2, &json!("critical"), &json!("2026-11-22T09:30:00Z"))
    );
    for (lines, expected) in [
        ("{}\n{\"answers\":{\"quuxindicator\":\"yes\"}}\n", "line 2"),
        ("nonsense\n", "line 1"),
        ("{\"quux\":1}\n", "line 1"),
    ] {
        let output = program.run(&["rules", "evaluate"], lines);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && told.contains(expected), "{told}");
    }
    assert!(!program.data().exists(), "nothing was made");
}

#[test]
fn a_call_is_read_and_finished_after_the_question_it_answers_was_dropped() {
    let program = Program::new();
    program.done(&["migrate"]);
    let key = program.engage("op-07", "operator");
    let packs = program.folder().join("packs");
    std::fs::create_dir(&packs).unwrap();
    let question = "question.en = \"Asked?\"\nquestion.ru = \"Asked?\"\nquestion.tk = \"Asked?\"";
    let pack = format!(
        "[pack]\nid = \"own\"\nversion = \"1\"\n\n[[indicator]]\nid = \"own_question\"\nkind = \"bool\"\n{question}\n"
    );
    std::fs::write(packs.join("own.toml"), pack).unwrap();
    program.configure(&format!("[triage]\npacks_dir = \"{}\"\n", packs.display()));
    let mut asking = program.serve();
    let body = json!({"channel": "phone", "answers": {"own_question": "yes", "strangled": "yes"}});
    let (status, call) = asking.client(&key).post("contacts", "the-first-key", &body);
    assert_eq!(status, 201, "{call}");
    asking.stop();
    program.configure("");
    let serving = program.serve();
    let client = serving.client(&key);
    let place = format!("contacts/{}", call["id"].as_str().unwrap());
    let (status, read) = client.get(&place);
    assert_eq!((status, &read["answers"]["own_question"]), (200, &json!("yes")), "{read}");
    assert_eq!(client.post(&format!("{place}/finish"), "the-second-key", &json!({})).0, 200);
}

#[test]
fn the_command_line_checks_packs_and_names_every_fault_with_its_line() {
    let program = Program::new();
    assert!(program.done(&["rules", "check"]).contains("no faults"));
    let pack = program.folder().join("broken.toml");
    std::fs::write(&pack, "[pack]\nid = \"broken\"\nversion = \"1\"\nnonsense = true\n").unwrap();
    let output = program.run(&["rules", "check", pack.to_str().unwrap()], "");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("broken.toml"), "{told}");
}

/// A pack beside the shipped ones, with one rule.
const STRICTER: &str = r#"
[pack]
id = "stricter"
version = "1"

[[rule]]
id = "any-weapon-used"
when = "weapon_used"
level = "critical"
say = { tk = "x", ru = "x", en = "A weapon was used." }
source = "test"
"#;

fn with(text: &str) -> Vec<PackSource> {
    let mut sources = goldaw::rules::shipped();
    sources.push(PackSource { name: "stricter.toml".into(), text: text.into() });
    sources
}

/// Everything of the last 90 days by these rules, and how far it was told to be.
fn replayed(hotline: &Hotline, rules: &RuleSet) -> (Replay, Vec<u64>) {
    let areas = Areas::load(&hotline.setting.config).unwrap();
    let against = Against { config: &hotline.setting.config, rules, areas: &areas };
    let told = RefCell::new(Vec::new());
    let since = hotline.clock.now().plus(-90 * DAY);
    let outcome = contacts::replay(&hotline.store, &hotline.vault, against, since, |done| told.borrow_mut().push(done));
    (outcome.unwrap(), told.into_inner())
}

/// Calls of every level, one of them long ago, some with an answer whose time goes by.
fn recorded(hotline: &Hotline) -> Floor<'_> {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    for answers in [
        json!({}),
        json!({"weapon_used": "yes"}),
        json!({"weapon_used": "yes", "strangled": "yes", "hours_since_strangulation": 167}),
        json!({"stalked": "yes"}),
        json!({"can_talk": "yes", "badly_hurt": "no", "perpetrator_present": "no", "safe_tonight": "yes"}),
    ] {
        seat.call(&json!({"channel": "phone", "answers": answers}));
        hotline.wait(SECOND);
    }
    floor
}

fn the_rules_in_force_replayed_change_nothing(hotline: &Hotline) {
    let _floor = recorded(hotline);
    // A week later the neck was pressed longer ago; its assessment is replayed as of its own day.
    hotline.wait(7 * DAY);
    let (counted, told) = replayed(hotline, &hotline.setting.rules.now());
    assert_eq!((counted.replayed(), counted.changed(), counted.erased), (5, 0, 0));
    assert_eq!((counted.fires.len(), counted.silent.len(), told), (0, 0, vec![5]));
    hotline.wait(90 * DAY);
    assert_eq!(replayed(hotline, &hotline.setting.rules.now()).0, Replay::default(), "too long ago");
}

fn a_replay_says_whose_level_other_rules_would_change_and_which_rules_do_it(hotline: &Hotline) {
    let _floor = recorded(hotline);
    let before = (hotline.count("assessments"), hotline.count("steps"));
    let stricter = RuleSet::load(&with(STRICTER), &["tk", "ru", "en"]).unwrap();
    let (counted, _) = replayed(hotline, &stricter);
    assert_eq!((counted.replayed(), counted.changed()), (5, 1));
    assert_eq!(counted.levels[&(Level::NotAssessed, Level::Critical)], 1);
    assert_eq!(counted.levels[&(Level::Critical, Level::Critical)], 1);
    let fires: Vec<(&str, u64)> = counted.fires.iter().map(|(rule, count)| (rule.as_str(), *count)).collect();
    assert_eq!(fires, [("any-weapon-used", 1)], "only where the level changes");
    assert_eq!((hotline.count("assessments"), hotline.count("steps")), before, "nothing was changed");

    let keys: Vec<String> = rows::table.select(rows::key_id).load(&mut hotline.stranger()).unwrap();
    hotline.vault.erase(&keys[..1]).unwrap();
    let (counted, _) = replayed(hotline, &stricter);
    assert_eq!((counted.replayed(), counted.erased), (4, 1));
}

fn a_level_is_explained_under_the_rules_of_its_day(hotline: &Hotline) {
    let floor = recorded(hotline);
    let seat = floor.seat("op-08", Role::Operator);
    let call = seat.call(&json!({"channel": "phone", "answers": {"strangled": "yes"}}));
    let reference = call.text_of("id").to_owned();
    let (keeping, sources) = (hotline.setting.rules.now(), goldaw::rules::shipped());
    hotline.store.write_blocking(By::system(), move |tx| goldaw::rules::keep(tx, &keeping, &sources)).unwrap();
    let trail = hotline.count("trail");
    let (explained, clocked) =
        hotline.store.write_blocking(By::system(), move |tx| contacts::explained(tx, &reference)).unwrap();
    assert_eq!((hotline.count("trail"), clocked), (trail + 1, Some(explained.level)));
    assert_eq!(serde_json::to_value(&explained.fired).unwrap(), call.json["assessment"]["fired"]);
    let sha256 = explained.rule_set.sha256.to_string();
    let kept = hotline.store.read_blocking(move |db| goldaw::rules::kept(db, &sha256)).unwrap();
    assert_eq!(kept, goldaw::rules::shipped());
    assert!(hotline.store.read_blocking(|db| goldaw::rules::kept(db, "another")).is_err());
}

#[test]
fn the_command_line_explains_replays_and_compares() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let program = Program::on(engine);
        program.done(&["migrate"]);
        let key = program.engage("op-07", "operator");
        let serving = program.serve();
        let body = json!({"channel": "phone", "answers": {"weapon_used": "yes", "threat_to_kill": "yes"}});
        let (_, call) = serving.client(&key).post("contacts", "the-first-key", &body);
        let reference = call["id"].as_str().unwrap();

        let told = program.done(&["rules", "explain", &reference.to_lowercase()]);
        for expected in [
            "high: at least high, at most critical",
            "threat-to-kill  ",
            "when    threat_to_kill",
            "because threat_to_kill",
            "source  ",
        ] {
            assert!(told.contains(expected), "{expected} in {told}");
        }
        assert!(program.refused(&["rules", "explain", "C-0000-0000-000"]).contains("not found"));

        let packs = program.folder().join("packs");
        std::fs::create_dir(&packs).unwrap();
        for source in with(STRICTER) {
            let path = packs.join(&source.name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, source.text).unwrap();
        }
        let packs = packs.to_str().unwrap();
        let told = program.done(&["rules", "replay", "--pack", packs, "--since", "1d"]);
        assert!(
            told.starts_with("1 contacts of the last 1 days, by goldaw-hotline 2026.1: 1 would have another level\n"),
            "{told}"
        );
        assert!(told.contains("fire now") && told.contains("1  any-weapon-used"), "{told}");
        assert_eq!(program.run(&["rules", "replay", "--since", "a week"], "").status.code(), Some(2));

        assert_eq!(program.done(&["rules", "diff", "shipped", "shipped"]), "They say the same.\n");
        assert_eq!(program.done(&["rules", "diff", "shipped", packs]), "+ pack stricter\n+ rule any-weapon-used\n");
        // A case of this file shares its name with one of another; a change of either shows.
        let critical = format!("{packs}/goldaw-hotline/critical.toml");
        let text = std::fs::read_to_string(&critical).unwrap();
        std::fs::write(&critical, text.replace("but = { age = 18 }", "but = { age = 19 }")).unwrap();
        let told = program.done(&["rules", "diff", "shipped", packs]);
        assert!(told.contains("but: { age = 18 } -> { age = 19 }"), "{told}");
        let file = format!("{packs}/stricter.toml");
        let looser = program.folder().join("looser.toml");
        std::fs::write(
            &looser,
            STRICTER.replace("critical", "high").replace("when = \"weapon_used\"", "when = \"weapon\""),
        )
        .unwrap();
        assert_eq!(
            program.done(&["rules", "diff", &file, looser.to_str().unwrap()]),
            "~ rule any-weapon-used\n    level: \"critical\" -> \"high\"\n    when: \"weapon_used\" -> \"weapon\"\n"
        );
    }
}

#[test]
fn packs_are_exchanged_whole_while_calls_come_in_and_a_broken_one_changes_nothing() {
    let program = Program::new();
    program.done(&["migrate"]);
    let key = program.engage("op-07", "operator");
    let packs = program.folder().join("packs");
    std::fs::create_dir(&packs).unwrap();
    program.configure(&format!("[triage]\npacks_dir = \"{}\"\n", packs.display()));
    let serving = program.serve();
    let client = serving.client(&key);
    let call = |key: &str| {
        let (status, call) =
            client.post("contacts", key, &json!({"channel": "phone", "answers": {"weapon_used": "yes"}}));
        assert_eq!(status, 201, "{call}");
        call
    };
    let reload = |expected: &str, times: usize| {
        serving.signal("HUP");
        recovers_within(Duration::from_secs(10), || {
            if serving.log().matches(expected).count() == times { Ok(()) } else { Err(Error::Unavailable) }
        });
    };
    let before = call("the-first-key");
    assert_eq!(before["assessment"]["level"], "not_assessed");

    std::fs::write(packs.join("stricter.toml"), STRICTER).unwrap();
    reload("rules_in_force", 1);
    let after = call("the-second-key");
    assert_eq!(after["assessment"]["level"], "critical");
    let sha256 = after["assessment"]["rule_set"]["sha256"].clone();
    assert_ne!(before["assessment"]["rule_set"]["sha256"], sha256);
    assert_eq!(client.get("triage/rules").1["rule_set"]["sha256"], sha256);

    std::fs::write(
        packs.join("stricter.toml"),
        STRICTER.replace("weapon_used", "wepon_used").replace("critical", "grave"),
    )
    .unwrap();
    reload("rules_refused", 1);
    assert!(serving.log().contains("stricter.toml:9") && serving.is_ready(), "{}", serving.log());
    assert_eq!(call("the-third-key")["assessment"]["rule_set"]["sha256"], sha256);
    assert!(program.refused(&["serve"]).contains("stricter.toml:9"), "it does not start with them either");

    // Without the pack, both are still explained by what stood in it then.
    std::fs::remove_file(packs.join("stricter.toml")).unwrap();
    for call in [before, after] {
        let told = program.done(&["rules", "explain", call["id"].as_str().unwrap()]);
        assert!(told.starts_with(call["assessment"]["level"].as_str().unwrap()), "{told}");
    }
}
