//! The end of a shift: what is open, and who has taken it over.

use goldaw::access::Role;
use goldaw::clock::{HOUR, MINUTE};
use serde_json::{Value, json};

use crate::support::floor::{Floor, House, Seat};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_shift_leaves_high_risk_what_is_due_and_what_nobody_answered,
    who_takes_over_is_written_down_with_what_was_open,
    nobody_takes_over_what_they_must_not_know,
    what_somebody_else_took_over_shows_nobody_what_they_must_not_know,
];

/// A ticket for a shelter from a call with these answers.
fn ticket(seat: &Seat<'_>, house: &House, answers: &Value) -> Value {
    let draft = seat.call(&json!({"channel": "phone", "answers": answers})).place();
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    seat.post(&format!("{draft}/tickets"), &needs).expect(201).json
}

fn calm() -> Value {
    json!({"can_talk": "yes", "badly_hurt": "no", "perpetrator_present": "no", "safe_tonight": "yes"})
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn a_shift_leaves_high_risk_what_is_due_and_what_nobody_answered(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let (grave, low) = (ticket(&seat, &house, &json!({"weapon": "yes"})), ticket(&seat, &house, &calm()));
    let plan = |hours: i64| {
        let due = hotline.clock.now().plus(hours * HOUR);
        let task = json!({"kind": "case_review", "case": low["case"], "due": due});
        keeper.post("/tasks", &task).expect(201).text_of("id")
    };
    let (tonight, _next_week) = (plan(11), plan(100));
    let open = keeper.get("/handover").expect(200).json;
    assert_eq!(ids(&open["high_risk"]), [grave["id"].as_str().unwrap()]);
    assert_eq!((ids(&open["due"]), ids(&open["unanswered"]), &open["last"]), (vec![tonight], vec![], &Value::Null));
    hotline.wait(16 * MINUTE);
    let open = keeper.get("/handover").expect(200).json;
    assert_eq!(ids(&open["unanswered"]), [grave["referrals"][0]["id"].as_str().unwrap()], "Low has days to answer");
    keeper.post(&format!("/referrals/{}/accept", ids(&open["unanswered"])[0]), &json!({})).expect(200);
    assert!(ids(&keeper.get("/handover").expect(200).json["unanswered"]).is_empty());
}

fn who_takes_over_is_written_down_with_what_was_open(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let grave = ticket(&seat, &house, &json!({"weapon": "yes"}));
    let taken = seat.post_twice("/handover/acknowledge", &json!({})).expect(201).json;
    assert_eq!((&taken["by"], &taken["items"]["high_risk"]), (&json!("op-07"), &json!([grave["id"]])));
    assert_eq!(hotline.count("handovers"), 1);
    hotline.wait(MINUTE);
    let night = floor.seat("co-02", Role::Counselor);
    night.post("/handover/acknowledge", &json!({})).expect(201);
    let last = seat.get("/handover").expect(200).json["last"].clone();
    assert_eq!((&last["by"], &last["at"]), (&json!("co-02"), &json!(hotline.clock.now())));
}

fn nobody_takes_over_what_they_must_not_know(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let grave = ticket(&seat, &house, &json!({"weapon": "yes"}));
    let due = hotline.clock.now().plus(HOUR);
    keeper.post("/tasks", &json!({"kind": "case_review", "case": grave["case"], "due": due})).expect(201);
    let parties = json!({"parties": [{"staff": keeper.staff.reference}]});
    seat.put(&format!("/cases/{}/blocked", grave["case"].as_str().unwrap()), 1, &parties).expect(204);
    hotline.wait(HOUR);
    let open = |seat: &Seat<'_>| {
        let told = seat.get("/handover").expect(200).json;
        (ids(&told["high_risk"]).len(), ids(&told["due"]).len(), ids(&told["unanswered"]).len())
    };
    assert_eq!((open(&keeper), open(&seat)), ((0, 0, 0), (1, 1, 1)));
    assert_eq!(open(&floor.seat("op-08", Role::Operator)), (0, 1, 0), "operators see tickets of their own");
}

fn what_somebody_else_took_over_shows_nobody_what_they_must_not_know(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let brother = floor.seat("cd-02", Role::Coordinator);
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let (hers, other) =
        (ticket(&seat, &house, &json!({"weapon": "yes"})), ticket(&seat, &house, &json!({"weapon": "yes"})));
    let blocked = format!("/cases/{}/blocked", hers["case"].as_str().unwrap());
    seat.send("PUT", &blocked, &[], &json!({"parties": [{"staff": brother.staff.reference}]})).expect(204);
    seat.post("/tasks", &json!({"kind": "case_review", "case": hers["case"], "due": hotline.clock.now()})).expect(201);
    hotline.wait(16 * MINUTE);
    keeper.post("/handover/acknowledge", &json!({})).expect(201);
    let seen = |reader: &Seat<'_>| {
        let items = reader.get("/handover").expect(200).json["last"]["items"].clone();
        ["high_risk", "due", "unanswered"].map(|name| items[name].as_array().unwrap().len())
    };
    assert_eq!((seen(&keeper), seen(&brother)), ([2, 1, 2], [1, 0, 1]));
    let last = brother.get("/handover").json["last"]["items"].clone();
    assert_eq!(
        (&last["high_risk"], &last["unanswered"]),
        (&json!([other["id"]]), &json!([other["referrals"][0]["id"]]))
    );
}
