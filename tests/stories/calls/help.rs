//! Calling an ambulance or the police for her.

use goldaw::access::Role;
use goldaw::clock::{MINUTE, SECOND};
use serde_json::{Value, json};

use crate::support::canary::{assert_nowhere, everything};
use crate::support::floor::{Floor, Seat};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    help_that_was_called_is_written_down_with_her_yes_and_nobody_reads_it_from_the_disk,
    calling_without_her_yes_needs_a_reason_and_somebody_looks_at_it,
    help_is_called_while_she_is_on_the_line,
    where_she_is_fetched_is_kept_only_with_her_yes,
    whoever_must_not_know_of_her_learns_nothing_of_the_help,
];

fn call(agreed: bool) -> Value {
    json!({"called": "ambulance", "agreed": agreed})
}

fn reviews(keeper: &Seat<'_>) -> Vec<Value> {
    keeper.get("/reviews").expect(200).json["items"].as_array().unwrap().clone()
}

fn help_that_was_called_is_written_down_with_her_yes_and_nobody_reads_it_from_the_disk(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let draft = seat.draft();
    let mut body = call(true);
    body["said"] = json!("Whelpqx, hurt, by the gate");
    body["reference"] = json!("Wcarqx-12");
    body["pickup_place"] = json!("Wgateqx street 9");
    body["pickup_agreed"] = json!(true);
    hotline.wait(MINUTE);
    let told = seat.post_twice(&format!("{draft}/emergency-call"), &body).expect(200);
    let kept = json!([{"called": "ambulance", "agreed": true, "at": hotline.clock.now(), "by": "op-07",
        "said": "Whelpqx, hurt, by the gate", "reference": "Wcarqx-12", "pickup_place": "Wgateqx street 9"}]);
    assert_eq!(told.json["emergency_calls"], kept);
    assert_eq!(told.version(), 1, "nobody who is writing in the draft is disturbed");
    seat.patch(&draft, 1, &json!({"language": "tk"})).expect(200);
    seat.post(&format!("{draft}/emergency-call"), &json!({"called": "police", "agreed": true})).expect(200);
    assert_eq!(seat.get(&draft).json["emergency_calls"].as_array().unwrap().len(), 2);
    assert_nowhere(&everything(hotline), &["Whelpqx", "Wcarqx", "Wgateqx"]);
    assert_eq!(hotline.count("reviews"), 0);
    let steps = seat.get(&format!("{draft}/timeline")).text;
    assert!(steps.contains("emergency_call") && !steps.contains("qx"), "{steps}");
    assert_eq!(seat.send("POST", &format!("{draft}/emergency-call"), &[], &call(true)).status, 400);
}

fn calling_without_her_yes_needs_a_reason_and_somebody_looks_at_it(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let draft = seat.draft();
    let place = format!("{draft}/emergency-call");
    assert_eq!(seat.post(&place, &call(false)).expect(422).problems(), ["/reason: required"]);
    let mut body = call(false);
    body["reason"] = json!("  so so  ");
    assert_eq!(seat.post(&place, &body).expect(422).problems(), ["/reason: too_short"]);
    for reason in ["She had stopped answering.", "The child took the phone and cried."] {
        body["reason"] = json!(reason);
        hotline.wait(SECOND);
        seat.post_twice(&place, &body).expect(200);
    }
    let waiting = reviews(&keeper);
    assert_eq!((waiting.len(), &waiting[0]["kind"]), (1, &json!("called_without_yes")));
    let review = format!("/reviews/{}", waiting[0]["id"].as_str().unwrap());
    let opened = keeper.get(&review).expect(200).json;
    assert_eq!(opened["reason"], json!("She had stopped answering.\nThe child took the phone and cried."));
    assert_eq!((&opened["case"], &opened["proposed"]), (&Value::Null, &Value::Null));
    assert_eq!(format!("/contacts/{}", opened["contact"].as_str().unwrap()), draft);
    assert_eq!(
        keeper.post(&format!("{review}/decide"), &json!({"decision": "agree"})).expect(200).text_of("state"),
        "agreed"
    );
    assert_eq!(reviews(&keeper), [Value::Null; 0]);
    seat.post(&place, &body).expect(200);
    assert_eq!(reviews(&keeper).len(), 1, "another call, another look");
}

fn help_is_called_while_she_is_on_the_line(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, other) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let draft = seat.draft();
    let place = format!("{draft}/emergency-call");
    let began = hotline.clock.now();
    hotline.wait(5 * MINUTE);
    let finished = hotline.clock.now();
    let at = |moment| {
        let mut body = call(true);
        body["at"] = json!(moment);
        body
    };
    seat.post(&place, &at(began)).expect(200);
    assert_eq!(seat.post(&place, &at(began.plus(-SECOND))).expect(422).problems(), ["/at: outside_the_contact"]);
    assert_eq!(seat.post(&place, &at(finished.plus(SECOND))).expect(422).problems(), ["/at: in_the_future"]);
    seat.post(&format!("{draft}/finish"), &json!({})).expect(200);
    hotline.wait(MINUTE);
    assert_eq!(seat.post(&place, &call(true)).expect(422).problems(), ["/at: outside_the_contact"]);
    assert_eq!(seat.post(&place, &at(finished.plus(SECOND))).expect(422).problems(), ["/at: outside_the_contact"]);
    let told = seat.post(&place, &at(finished)).expect(200);
    assert_eq!(told.json.get("emergency_calls"), None, "her part is over: a receipt, and it is written down");
    assert_eq!(hotline.count("emergency_calls"), 2);
    let missing = other.get("/contacts/C-0000-0000-000").expect(404).told();
    assert_eq!(other.post(&place, &at(finished)).expect(404).told(), missing);
}

fn where_she_is_fetched_is_kept_only_with_her_yes(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let draft = seat.draft();
    let place = format!("{draft}/emergency-call");
    for agreed in [Value::Null, json!(false)] {
        let mut body = call(true);
        body["pickup_place"] = json!("Wgateqx");
        body["pickup_agreed"] = agreed;
        assert_eq!(seat.post(&place, &body).expect(422).problems(), ["/pickup_agreed: must_be_said"]);
    }
    assert_eq!(hotline.count("emergency_calls"), 0);
    let mut body = call(true);
    body["pickup_place"] = json!("Wgateqx");
    body["pickup_agreed"] = json!(true);
    seat.post(&place, &body).expect(200);
    let key: String = {
        use diesel::prelude::*;
        use goldaw::storage::schema::emergency_calls;
        emergency_calls::table
            .select(emergency_calls::place_key_id.assume_not_null())
            .first(&mut hotline.stranger())
            .unwrap()
    };
    hotline.vault.erase(&[key]).unwrap();
    let told = seat.get(&draft).expect(200).json["emergency_calls"][0].clone();
    assert_eq!((&told["called"], told.get("pickup_place")), (&json!("ambulance"), None), "it can be destroyed alone");
}

fn whoever_must_not_know_of_her_learns_nothing_of_the_help(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let draft = seat.draft();
    let mut body = call(false);
    body["reason"] = json!("She had stopped answering.");
    seat.post(&format!("{draft}/emergency-call"), &body).expect(200);
    let review = format!("/reviews/{}", reviews(&keeper)[0]["id"].as_str().unwrap());
    let case = seat.post("/cases", &json!({"contact": draft.strip_prefix("/contacts/")})).expect(201).text_of("id");
    let parties = json!({"parties": [{"staff": keeper.staff.reference}]});
    seat.send("PUT", &format!("/cases/{case}/blocked"), &[], &parties).expect(204);
    assert_eq!(reviews(&keeper), [Value::Null; 0]);
    let missing = keeper.get("/reviews/V-0000-0000-000").expect(404).told();
    assert_eq!(keeper.get(&review).expect(404).told(), missing);
}
