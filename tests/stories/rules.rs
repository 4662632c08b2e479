//! Rules over HTTP and on the command line: readable by staff, tried without storing anything.

use goldaw::access::Role;
use serde_json::{Value, json};

use crate::support::floor::Floor;
use crate::support::program::Program;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    the_rules_say_what_is_asked_why_and_from_where,
    answers_and_facts_are_tried_and_nothing_is_stored,
    what_no_indicator_takes_is_refused_without_its_words,
    a_call_and_a_trial_of_its_answers_agree,
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
