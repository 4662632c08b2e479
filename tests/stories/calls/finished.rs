//! A finished call: changed only by an amendment, and shown to fewer people.

use goldaw::access::Role;
use goldaw::clock::DAY;
use serde_json::json;

use crate::support::canary::{assert_nowhere, everything};
use crate::support::floor::Floor;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_finished_call_changes_only_by_an_amendment,
    an_amendment_keeps_what_stood_before_and_nobody_reads_it_from_the_disk,
    a_call_can_be_amended_months_later,
    whoever_finished_a_call_keeps_a_receipt,
    a_coordinator_sees_that_there_was_a_call_and_nothing_of_hers,
    the_same_key_is_the_same_call_and_another_body_is_refused,
    asking_again_with_a_key_shows_no_more_than_reading_would,
];

fn a_finished_call_changes_only_by_an_amendment(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-02", Role::Counselor);
    let call = seat.call(&json!({"channel": "phone", "language": "tk", "finish": true})).place();
    assert_eq!(seat.patch(&call, 1, &json!({"language": "ru"})).expect(409).text_of("code"), "finished");
    let amend = format!("{call}/amend");
    let body = json!({"reason": "correction", "patch": {"language": "ru"}});
    seat.send("POST", &amend, &[], &body).expect(428);
    assert_eq!(seat.send("POST", &amend, &[("if-match", "\"7\"")], &body).expect(412).json["version"], 1);
    let headers = [("if-match", "\"1\""), ("idempotency-key", "one-amendment")];
    for _ in 0..2 {
        let told = seat.send("POST", &amend, &headers, &body).expect(200);
        assert_eq!((told.version(), told.text_of("language")), (2, "ru".into()));
    }
    let wrong = json!({"reason": "because", "patch": []});
    let told = seat.send("POST", &amend, &[("if-match", "\"2\"")], &wrong).expect(422);
    assert_eq!(told.problems(), ["/reason: not_allowed", "/patch: not_an_object"]);
    let draft = seat.draft();
    let early = seat.send("POST", &format!("{draft}/amend"), &[("if-match", "\"1\"")], &body).expect(409);
    assert_eq!((early.text_of("code"), hotline.count("revisions")), ("not_finished".into(), 1));
}

fn an_amendment_keeps_what_stood_before_and_nobody_reads_it_from_the_disk(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let seat = floor.seat("co-02", Role::Counselor);
    let before =
        json!({"channel": "phone", "person": {"name": "Zyqqabefore"}, "narrative": "quuxbefore", "finish": true});
    let call = seat.call(&before).place();
    let body = json!({"reason": "wrong_person", "note": "quuxnote of mine",
        "patch": {"person": {"name": "Zyqqaafter"}, "narrative": "quuxafter"}});
    let told = seat.send("POST", &format!("{call}/amend"), &[("if-match", "\"1\"")], &body).expect(200);
    assert_eq!((&told.json["person"]["name"], &told.json["narrative"]), (&json!("Zyqqaafter"), &json!("quuxafter")));
    assert_eq!(hotline.count("revisions"), 1);
    assert_nowhere(&everything(hotline), &["Zyqqabefore", "Zyqqaafter", "quuxbefore", "quuxafter", "quuxnote"]);
    let steps = seat.get(&format!("{call}/timeline")).json["items"].to_string();
    assert!(steps.contains("\"amended\"") && steps.contains("wrong_person") && !steps.contains("quux"), "{steps}");
}

fn a_call_can_be_amended_months_later(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat.call(&json!({"channel": "phone", "finish": true})).place();
    hotline.wait(200 * DAY);
    let body = json!({"reason": "new_information", "patch": {"language": "tk"}});
    seat.send("POST", &format!("{call}/amend"), &[("if-match", "\"1\"")], &body).expect(200);
}

fn whoever_finished_a_call_keeps_a_receipt(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let body = json!({"channel": "phone", "person": {"age": 31}, "answers": {"strangled": "yes"}, "narrative": "hers"});
    let call = seat.call(&body).place();
    assert_eq!(seat.get(&call).json["person"]["age"], 31);
    seat.post(&format!("{call}/finish"), &json!({})).expect(200);
    let receipt = seat.get(&call).expect(200);
    let members: Vec<&String> = receipt.json.as_object().unwrap().keys().collect();
    let clear = ["channel", "finished_at", "id", "kind", "level", "opened_at", "status", "version"];
    assert_eq!((members.len(), clear.iter().all(|name| receipt.json.get(name).is_some())), (clear.len(), true));
    seat.get(&format!("{call}/assessments")).expect(404);
}

fn a_coordinator_sees_that_there_was_a_call_and_nothing_of_hers(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let (operator, coordinator) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let hers = json!({"channel": "phone", "person": {"name": "Zyqqa", "age": 31, "area": "TM-M-BAY"},
        "answers": {"strangled": "yes"}, "narrative": "quuxwords", "rejoin_word": "narpyz"});
    let draft = operator.call(&hers).place();
    let over = operator.call(&json!({"channel": "phone", "narrative": "quuxwords", "finish": true})).place();
    for call in [&draft, &over] {
        for text in
            [coordinator.get(call).expect(200).text, coordinator.get(&format!("{call}/timeline")).expect(200).text]
        {
            assert!(
                !["Zyqqa", "31", "BAY", "strangled", "quux", "narpyz", "person"].iter().any(|word| text.contains(word)),
                "{text}"
            );
        }
        coordinator.get(&format!("{call}/assessments")).expect(404);
        coordinator.patch(call, 1, &json!({"language": "tk"})).expect(403);
    }
    assert_eq!(coordinator.get("/contacts").json["items"].as_array().unwrap().len(), 2);
}

fn the_same_key_is_the_same_call_and_another_body_is_refused(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, other) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let body = json!({"channel": "phone", "language": "tk"});
    let first = seat.post_under("the-same-key", "/contacts", &body).expect(201);
    let again = seat.post_under("the-same-key", "/contacts", &body).expect(201);
    assert_eq!((&first.json, first.header("etag")), (&again.json, again.header("etag")));
    let reused = seat.post_under("the-same-key", "/contacts", &json!({"channel": "sms"})).expect(422);
    assert_eq!(reused.json["type"], "/problems/key-reused");
    let theirs = other.post_under("the-same-key", "/contacts", &json!({"channel": "sms"})).expect(201);
    assert_ne!(theirs.text_of("id"), first.text_of("id"), "a key belongs to who sent it");
    assert_eq!(hotline.count("contacts"), 2);
    seat.send("POST", "/contacts", &[], &body).expect(400);
    seat.post_under("short", "/contacts", &body).expect(400);
    // A refusal is not an answer to keep: the corrected body may come under the same key.
    seat.post_under("another-key", "/contacts", &json!({"channel": "pigeon"})).expect(422);
    seat.post_under("another-key", "/contacts", &body).expect(201);
}

fn asking_again_with_a_key_shows_no_more_than_reading_would(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let body = json!({"channel": "phone", "rejoin_word": "narpyz"});
    let call = first.post_under("my-own-key", "/contacts", &body).expect(201).place();
    second.post(&format!("{call}/rejoin"), &json!({"word": "narpyz"})).expect(200);
    second.patch(&call, 1, &json!({"narrative": "quuxwords told to another"})).expect(200);
    let again = first.post_under("my-own-key", "/contacts", &body);
    assert!(!again.text.contains("quux"), "{again:?}");
    first.get(&call).expect(404);
}
