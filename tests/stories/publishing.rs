//! Publishing rules: proposed on the machine, approved by two coordinators, taken up by every process.

use std::time::Duration;

use goldaw::access::Role;
use goldaw::error::Error;
use goldaw::rules;
use goldaw::storage::By;
use goldaw::triage::{PackSource, RuleSet};
use serde_json::{Value, json};

use crate::support::floor::Floor;
use crate::support::program::Program;
use crate::support::{Engine, Hotline, on_both_engines, recovers_within};

on_both_engines![
    two_coordinators_approve_and_nobody_twice,
    a_proposal_says_what_it_would_change,
    of_two_who_approve_at_once_one_is_first_and_one_is_second,
];

const OWN: &str = r#"
[pack]
id = "own"
version = "1"

[[rule]]
id = "any-weapon-used"
when = "weapon_used"
level = "critical"
say = { tk = "x", ru = "x", en = "A weapon was used." }
source = "test"

[[case]]
name = "a weapon"
facts = { weapon_used = "yes" }
but = { weapon_used = "unknown" }
expect = { fires = ["any-weapon-used"], level = "critical" }
"#;

/// Keeps the rules in force, as every start does, and proposes others; gives the reference.
fn proposed(hotline: &Hotline) -> String {
    let (now, shipped) = (hotline.setting.rules.now(), rules::shipped());
    let mut sources = shipped.clone();
    sources.push(PackSource { name: "own.toml".into(), text: OWN.into() });
    let others = RuleSet::load(&sources, &["tk", "ru", "en"]).unwrap();
    let propose = move |tx: &mut goldaw::storage::Tx<'_>| {
        rules::keep(tx, &now, &shipped)?;
        rules::propose(tx, &others, &sources)
    };
    let first = hotline.store.write_blocking(By::system(), propose.clone()).unwrap();
    let again = hotline.store.write_blocking(By::system(), propose).unwrap();
    assert_eq!(first.reference, again.reference, "proposed twice, it waits once");
    first.reference
}

fn in_force(hotline: &Hotline) -> Option<String> {
    hotline.store.read_blocking(rules::published).unwrap().map(|row| row.reference)
}

fn two_coordinators_approve_and_nobody_twice(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.seat("cd-01", Role::Coordinator), floor.seat("cd-02", Role::Coordinator));
    let reference = proposed(hotline);
    let place = format!("/triage/publications/{reference}");
    let approve = format!("{place}/approve");
    let told = first.post_twice(&approve, &json!({})).expect(200).json;
    assert_eq!(
        (&told["first_by"], &told["second_by"], &told["in_force"]),
        (&json!("cd-01"), &Value::Null, &json!(false))
    );
    assert_eq!(first.post(&approve, &json!({})).expect(409).text_of("code"), "own_approval");
    assert_eq!(in_force(hotline), None);
    let told = second.post_twice(&approve, &json!({})).expect(200).json;
    assert_eq!((&told["second_by"], &told["in_force"]), (&json!("cd-02"), &json!(true)));
    assert_eq!(first.post(&approve, &json!({})).expect(409).text_of("code"), "published");
    assert_eq!(in_force(hotline), Some(reference.clone()));
    let all = first.get("/triage/publications").expect(200).json;
    assert_eq!((all["items"].as_array().unwrap().len(), &all["items"][0]["id"]), (1, &json!(reference)));
    for role in [Role::Operator, Role::Counselor, Role::Admin, Role::Auditor] {
        floor.seat(&format!("x-{}", role.code()), role).get(&place).expect(403);
    }
    first.post("/triage/publications/G-0000-0000-000/approve", &json!({})).expect(404);
}

fn a_proposal_says_what_it_would_change(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let told = keeper.get(&format!("/triage/publications/{}", proposed(hotline))).expect(200).json;
    let changes: Vec<_> =
        told["changes"].as_array().unwrap().iter().map(|c| (&c["how"], &c["kind"], &c["id"])).collect();
    let added = json!("added");
    assert_eq!(
        changes,
        [
            (&added, &json!("case"), &json!("a weapon")),
            (&added, &json!("pack"), &json!("own")),
            (&added, &json!("rule"), &json!("any-weapon-used")),
        ]
    );
}

fn of_two_who_approve_at_once_one_is_first_and_one_is_second(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seats = [floor.seat("cd-01", Role::Coordinator), floor.seat("cd-02", Role::Coordinator)];
    let reference = proposed(hotline);
    std::thread::scope(|scope| {
        for seat in &seats {
            let approve = format!("/triage/publications/{reference}/approve");
            let token = floor.app.token_of(hotline, &seat.staff);
            let app = &floor.app;
            scope.spawn(move || {
                let headers = [("content-type", "application/json")];
                let told = app.ask("POST", &format!("/api/v1{approve}"), &token, &headers, Some("{}"));
                assert_eq!(told.status, 200, "{told:?}");
            });
        }
    });
    let row = hotline.store.read_blocking(rules::published).unwrap().unwrap();
    assert!(row.first_by.is_some() && row.second_by.is_some() && row.first_by != row.second_by);
}

#[test]
fn every_process_takes_up_what_was_published_and_files_no_longer_count() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let program = Program::on(engine);
        program.done(&["migrate"]);
        let key = program.engage("op-07", "operator");
        let packs = program.folder().join("packs");
        std::fs::create_dir(&packs).unwrap();
        program.configure(&format!("[triage]\npacks_dir = \"{}\"\n", packs.display()));
        let mut serving = vec![program.serve(), program.serve()];
        std::fs::write(packs.join("own.toml"), OWN.replace("level = \"critical\" }", "level = \"low\" }")).unwrap();
        assert!(program.refused(&["rules", "publish"]).contains("own.toml"), "its case is not green");
        std::fs::write(packs.join("own.toml"), OWN).unwrap();
        let told = program.done(&["rules", "publish"]);
        assert!(
            told.contains("+ rule any-weapon-used\n") && told.ends_with(" waits for two coordinators.\n"),
            "{told}"
        );
        assert_eq!(program.done(&["rules", "publish"]), told, "it waits already");

        let level = |serving: &crate::support::program::Serving, key_of: &str| {
            let body = json!({"channel": "phone", "answers": {"weapon_used": "yes"}});
            let (status, call) = serving.client(&key).post("contacts", key_of, &body);
            assert_eq!(status, 201, "{call}");
            call["assessment"]["level"].as_str().unwrap().to_owned()
        };
        assert_eq!(level(&serving[0], "before-anybody-approved"), "not_assessed");
        approved_by_two(&program);
        for (place, one) in serving.iter().enumerate() {
            let mut tries = 0;
            recovers_within(Duration::from_secs(20), || {
                tries += 1;
                let level = level(one, &format!("after-{place}-{tries}"));
                if level == "critical" { Ok(()) } else { Err(Error::Unavailable) }
            });
        }
        // Another file is a proposal now, and no more than that: at a signal, and at a start.
        std::fs::write(packs.join("own.toml"), OWN.replace("critical", "high")).unwrap();
        serving[0].signal("HUP");
        recovers_within(Duration::from_secs(10), || {
            if serving[0].log().matches("rules_in_force").count() >= 2 { Ok(()) } else { Err(Error::Unavailable) }
        });
        assert_eq!(level(&serving[0], "after-the-signal"), "critical");
        serving.clear();
        assert_eq!(level(&program.serve(), "after-a-start"), "critical");
        std::fs::write(packs.join("own.toml"), OWN).unwrap();
        assert_eq!(program.done(&["rules", "publish"]), "These rules are in force.\n");
    }
}

/// What two coordinators do, by hand: they sign in with a second factor, which a story of its own tells.
fn approved_by_two(program: &Program) {
    let mut db = crate::support::stranger(&program.place());
    let approve =
        "UPDATE publications SET first_by = 'a', first_at = proposed_at, second_by = 'b', second_at = proposed_at";
    let changed = match &mut db {
        goldaw::storage::Db::Sqlite(db) => diesel::RunQueryDsl::execute(diesel::sql_query(approve), db),
        goldaw::storage::Db::Postgres(db) => diesel::RunQueryDsl::execute(diesel::sql_query(approve), db),
    };
    assert_eq!(changed.unwrap(), 1);
}
