//! A draft: saved with every change, never blocking, taken up from another seat.

use goldaw::access::Role;
use serde_json::json;

use crate::support::floor::Floor;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_draft_grows_field_by_field_and_each_save_has_a_version,
    an_edit_that_saw_no_version_or_an_old_one_changes_nothing,
    a_patch_merges_objects_replaces_lists_and_null_means_not_asked,
    finishing_is_never_blocked_by_what_was_not_asked,
    whatever_kind_of_call_it_is_it_can_be_recorded_triaged_and_finished,
    a_yes_that_becomes_unknown_keeps_the_level_until_it_is_confirmed,
    the_word_takes_a_draft_to_another_seat,
    a_wrong_word_is_as_good_as_no_such_call,
    the_latest_assessment_is_that_of_the_latest_change,
];

fn a_draft_grows_field_by_field_and_each_save_has_a_version(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat.draft();
    let changes = [
        json!({"caller_role": "survivor"}),
        json!({"language": "tk", "voice": "woman_only", "interpreter": false}),
        json!({"person": {"age_band": "26_40"}}),
        json!({"person": {"area": "TM-M-BAY", "children_with_her": 2}}),
        json!({"answers": {"perpetrator_present": "yes"}}),
        json!({"answers": {"strangled": "yes"}}),
        json!({"incidents": [{"bracket": "today", "forms": {"physical": "yes"}}]}),
        json!({"wishes": ["medical"]}),
        json!({"narrative": "short"}),
        json!({"kind": "support", "limits_explained": true}),
    ];
    for (seen, change) in (1..).zip(&changes) {
        assert_eq!(seat.patch(&call, seen, change).expect(200).version(), seen + 1);
    }
    let told = seat.get(&call).expect(200);
    assert_eq!((told.version(), told.text_of("level")), (11, "critical".into()));
    assert_eq!(told.json["person"], json!({"age_band": "26_40", "area": "TM-M-BAY", "children_with_her": 2}));
    assert_eq!(told.json["answers"], json!({"perpetrator_present": "yes", "strangled": "yes"}));
    assert_eq!((&told.json["narrative"], &told.json["wishes"]), (&json!("short"), &json!(["medical"])));
}

fn an_edit_that_saw_no_version_or_an_old_one_changes_nothing(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat.draft();
    seat.patch(&call, 1, &json!({"language": "tk"})).expect(200);
    let change = json!({"language": "ru"});
    assert_eq!(seat.send("PATCH", &call, &[], &change).expect(428).json["type"], "/problems/version-missing");
    for wrong in ["1", "W/\"2\"", "*", "\"x\"", "\"99999999999\""] {
        seat.send("PATCH", &call, &[("if-match", wrong)], &change).expect(400);
    }
    for stale in [1, 3, -1] {
        assert_eq!(seat.patch(&call, stale, &change).expect(412).json["version"], 2);
    }
    let told = seat.get(&call).expect(200);
    assert_eq!((told.version(), told.text_of("language")), (2, "tk".into()));
}

fn a_patch_merges_objects_replaces_lists_and_null_means_not_asked(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat
        .call(&json!({"channel": "phone", "language": "tk", "wishes": ["medical", "legal"], "narrative": "hers",
        "person": {"age": 30, "sex": "female"}, "answers": {"strangled": "yes", "weapon": "no"}}));
    let change = json!({"language": null, "wishes": ["police"], "narrative": null, "nothing_there": null,
        "person": {"age": null, "children_with_her": 1}, "answers": {"strangled": null, "stalking": null}});
    assert_eq!(seat.patch(&call.place(), 1, &change).expect(200).version(), 2);
    let told = seat.get(&call.place()).json;
    assert_eq!(told["person"], json!({"sex": "female", "children_with_her": 1}));
    assert_eq!((&told["answers"], &told["wishes"]), (&json!({"weapon": "no"}), &json!(["police"])));
    assert!(told.get("language").is_none() && told.get("narrative").is_none());
    let emptied = seat.patch(&call.place(), 2, &json!({"person": null, "answers": null, "wishes": null})).expect(200);
    assert!(["person", "answers", "wishes"].iter().all(|name| emptied.json.get(name).is_none()), "{emptied:?}");
    assert_eq!(seat.patch(&call.place(), 3, &json!({"channel": null})).expect(422).problems(), ["/channel: required"]);
    assert_eq!(seat.patch(&call.place(), 3, &json!({})).expect(200).version(), 4);
}

fn finishing_is_never_blocked_by_what_was_not_asked(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat.draft();
    hotline.wait(90 * goldaw::clock::SECOND);
    let ending = json!({"ended_at": hotline.clock.now()});
    let told = seat.post_under("one-ending", &format!("{call}/finish"), &ending).expect(200);
    assert_eq!((told.text_of("status").as_str(), told.version()), ("finished", 2));
    assert_eq!(told.json["ended_at"], ending["ended_at"]);
    // Asked again, it is a finished call of hers: a receipt.
    let again = seat.post_under("one-ending", &format!("{call}/finish"), &ending).expect(200);
    assert_eq!((again.version(), &again.json["ended_at"]), (2, &json!(null)));
    seat.post(&format!("{call}/finish"), &json!({})).expect(409);
    let later = seat.draft();
    seat.post(&format!("{later}/finish"), &json!({"ended_at": "2020-01-01T00:00:00Z"})).expect(422);
    seat.send("POST", &format!("{later}/finish"), &[], &json!({})).expect(400);
}

fn whatever_kind_of_call_it_is_it_can_be_recorded_triaged_and_finished(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let kinds = ["support", "information", "silent", "hang_up", "wrong_number", "prank", "abusive", "test"];
    for kind in kinds {
        let at_once = seat.call(&json!({"channel": "phone", "kind": kind, "finish": true}));
        assert_eq!((at_once.text_of("status").as_str(), at_once.text_of("kind").as_str()), ("finished", kind));
        let sounds =
            json!({"channel": "phone", "kind": kind, "answers": {"perpetrator_present": "yes", "strangled": "yes"}});
        let call = seat.call(&sounds);
        assert_eq!(call.text_of("level"), "critical", "{kind}: he may be beside her");
        seat.patch(&call.place(), 1, &json!({"kind": "support"})).expect(200);
    }
    for kind in kinds {
        let listed = seat.get(&format!("/contacts?kind={kind}&status=finished")).json;
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{kind}");
    }
}

fn a_yes_that_becomes_unknown_keeps_the_level_until_it_is_confirmed(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let yes = json!({"perpetrator_present": "yes", "strangled": "yes"});
    let call = seat.call(&json!({"channel": "phone", "answers": yes})).place();
    let after = |seen: i64, change: serde_json::Value| {
        seat.patch(&call, seen, &json!({"answers": change})).expect(200).text_of("level")
    };
    assert_eq!(after(1, json!({"perpetrator_present": "unknown", "strangled": "unknown"})), "critical");
    assert_eq!(after(2, json!({"perpetrator_present": null})), "critical");
    assert_eq!(after(3, json!({"strangled": "no"})), "critical", "one of two is confirmed");
    assert_ne!(after(4, json!({"perpetrator_present": "no"})), "critical");
    let levels: Vec<String> = seat.get(&format!("{call}/timeline")).json["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["kind"] == "triaged")
        .map(|step| step["detail"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((levels.len(), levels[0].as_str()), (2, "critical"));
}

fn the_word_takes_a_draft_to_another_seat(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let made = first.call(&json!({"channel": "phone", "language": "tk", "rejoin_word": "Sünbül"}));
    assert!(!made.text.contains("nbül"), "the word is not shown again");
    second.get(&made.place()).expect(404);
    let told = second.post_twice(&format!("{}/rejoin", made.place()), &json!({"word": "sünbül"})).expect(200);
    assert_eq!((told.version(), told.text_of("language")), (1, "tk".into()));
    second.patch(&made.place(), 1, &json!({"language": "ru"})).expect(200);
    first.get(&made.place()).expect(404);
    first.patch(&made.place(), 2, &json!({"language": "en"})).expect(404);
}

fn a_wrong_word_is_as_good_as_no_such_call(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let open = first.call(&json!({"channel": "phone", "rejoin_word": "narpyz"})).place();
    let over = first.call(&json!({"channel": "phone", "rejoin_word": "narpyz", "finish": true})).place();
    let wordless = first.draft();
    let missing = "/contacts/C-0000-0000-000".to_owned();
    let ask = |place: &str, word: &str| second.post(&format!("{place}/rejoin"), &json!({"word": word})).expect(404);
    let nothing = ask(&missing, "narpyz");
    for (place, word) in [(&open, "narpys"), (&over, "narpyz"), (&wordless, "narpyz"), (&wordless, "x")] {
        let told = ask(place, word);
        assert_eq!((told.told(), told.text.len()), (nothing.told(), nothing.text.len()));
    }
    assert_eq!(second.get(&open).expect(404).told(), nothing.told());
    second.post(&format!("{open}/rejoin"), &json!({})).expect(422);
}

fn the_latest_assessment_is_that_of_the_latest_change(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat.draft();
    // All in one moment of the clock, where only the version tells them apart.
    for round in 0..12 {
        let (answer, level) = if round % 2 == 0 { ("yes", "critical") } else { ("no", "") };
        let change = json!({"answers": {"perpetrator_present": answer, "strangled": answer}});
        let told = seat.patch(&call, round + 1, &change).expect(200);
        assert_eq!(told.json["assessment"]["level"] == "critical", level == "critical", "round {round}");
    }
    let kept = seat.get(&format!("{call}/assessments")).expect(200);
    let levels: Vec<bool> =
        kept.json["items"].as_array().unwrap().iter().map(|kept| kept["level"] == "critical").collect();
    assert_eq!(levels.len(), 13);
    assert!((1..13).all(|place| levels[place] == (place % 2 == 1)), "{levels:?}");
}
