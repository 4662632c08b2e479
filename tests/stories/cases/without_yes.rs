//! What is done without her yes, or at a time she did not call safe: only for a reason, never over
//! her no, and somebody looks at it afterwards. And who must not know has it taken from them.

use goldaw::access::Role;
use goldaw::clock::{DAY, HOUR, SECOND};
use serde_json::{Value, json};

use super::known;
use crate::support::floor::{Floor, House, Seat};
use crate::support::http::Answer;
use crate::support::{Engine, Hotline, on_both_engines};

on_both_engines![
    a_service_is_asked_without_her_yes_where_a_life_is_at_risk_and_she_cannot_be_asked,
    a_life_at_risk_days_ago_is_no_reason_today,
    nobody_goes_over_her_no_unless_she_is_a_child,
    whoever_finds_it_wrong_ends_what_rests_on_it,
    a_duty_to_report_is_read_out_before_she_says_yes,
    she_is_reached_outside_her_times_only_for_a_reason_that_is_reviewed,
    a_reason_written_down_when_her_window_has_opened_is_reviewed_all_the_same,
    nobody_calls_her_who_said_that_nobody_shall_call,
    what_a_blocked_party_has_of_a_case_is_taken_from_it,
];

const REASON: &str = "Unconscious on the line, her child says she bleeds.";

fn emergency() -> Value {
    json!({"cannot_be_asked": true, "reason": REASON, "fields": ["need", "district"]})
}

fn yes() -> Value {
    json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]})
}

/// A call of a life at risk.
fn grave(seat: &Seat<'_>) -> String {
    seat.call(&json!({"channel": "phone", "answers": {"weapon": "yes"}})).place()
}

fn ask(seat: &Seat<'_>, call: &str, houses: &[&House], on: (&str, Value)) -> Answer {
    let ids: Vec<&str> = houses.iter().map(|house| house.id.as_str()).collect();
    let mut need = json!({"need": "safe_house", "services": ids});
    need[on.0] = on.1;
    seat.post(&format!("{call}/tickets"), &json!({"needs": [need]}))
}

/// The one open review of a kind, with what it is about.
fn review(keeper: &Seat<'_>, kind: &str) -> Value {
    let open = keeper.get("/reviews").expect(200).json;
    let of: Vec<&Value> = open["items"].as_array().unwrap().iter().filter(|one| one["kind"] == kind).collect();
    assert_eq!(of.len(), 1, "{open}");
    keeper.get(&format!("/reviews/{}", of[0]["id"].as_str().unwrap())).expect(200).json
}

fn a_service_is_asked_without_her_yes_where_a_life_is_at_risk_and_she_cannot_be_asked(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let wrong = |call: &str, on: Value| ask(&seat, call, &[&house], ("emergency", on)).expect(422).problems();
    assert_eq!(wrong(&seat.draft(), emergency()), ["/needs/0/emergency: no_life_at_risk"]);
    let call = grave(&seat);
    let unsaid = json!({"cannot_be_asked": false, "reason": "short"});
    let both = ["/needs/0/emergency/reason: too_short", "/needs/0/emergency/cannot_be_asked: ask_her"];
    assert_eq!(wrong(&call, unsaid), both);
    let fake = json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "emergency"});
    let told = ask(&seat, &call, &[&house], ("consent", fake)).expect(422).problems();
    assert_eq!(told, ["/needs/0/consent/how: not_a_consent"]);
    let ticket = ask(&seat, &call, &[&house], ("emergency", emergency())).expect(201).json;
    assert_eq!(ticket["referrals"][0]["state"], "requested");
    let case = seat.get(&format!("/cases/{}", ticket["case"].as_str().unwrap())).expect(200).json;
    assert_eq!(
        (&case["consents"][0]["how"], &case["consents"][0]["given_by"]),
        (&json!("emergency"), &json!("best_interest"))
    );
    let review = review(&keeper, "referred_without_yes");
    assert_eq!(
        (&review["reason"], &review["contact"]),
        (&json!(REASON), &json!(call.trim_start_matches("/contacts/")))
    );
    assert_eq!(review["due"], json!(hotline.clock.now().plus(DAY)));
    assert_eq!(floor.deliver().len(), 1, "one letter to the partner; nobody stands in [oversight] page");
}

fn a_life_at_risk_days_ago_is_no_reason_today(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let (soon, late) = (grave(&seat), grave(&seat));
    for call in [&soon, &late] {
        seat.post(&format!("{call}/finish"), &json!({})).expect(200);
    }
    hotline.wait(12 * HOUR);
    ask(&seat, &soon, &[&house], ("emergency", emergency())).expect(201);
    hotline.wait(SECOND);
    let told = ask(&seat, &late, &[&house], ("emergency", emergency())).expect(422).problems();
    assert_eq!(told, ["/needs/0/emergency: too_long_ago"]);
}

fn nobody_goes_over_her_no_unless_she_is_a_child(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    for (age, allowed) in [("26_40", false), ("unknown", false), ("12_17", true)] {
        let person = json!({"age_band": age, "sex": "female"});
        let call = seat.call(&json!({"channel": "phone", "person": person, "answers": {"weapon": "yes"}})).place();
        let case = seat.post("/cases", &json!({"contact": call.trim_start_matches("/contacts/")})).expect(201);
        let no = json!({"contact": call.trim_start_matches("/contacts/"), "scope": "referral", "service": house.id,
            "given": false, "given_by": "survivor", "how": "verbal"});
        seat.post(&format!("/cases/{}/consents", case.text_of("id")), &no).expect(201);
        let told = ask(&seat, &call, &[&house], ("emergency", emergency()));
        match allowed {
            true => drop(told.expect(201)),
            false => assert_eq!(told.expect(422).problems(), ["/needs/0/emergency: she_said_no"], "{age}"),
        }
    }
}

fn whoever_finds_it_wrong_ends_what_rests_on_it(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let (house, next) = (floor.house(&keeper, "Shelter", "safe_house"), floor.house(&keeper, "Refuge", "safe_house"));
    let ticket = ask(&seat, &grave(&seat), &[&house, &next], ("emergency", emergency())).expect(201).json;
    let review = review(&keeper, "referred_without_yes");
    let decide = format!("/reviews/{}/decide", review["id"].as_str().unwrap());
    keeper.post(&decide, &json!({"decision": "refuse"})).expect(200);
    let referral =
        keeper.get(&format!("/referrals/{}", ticket["referrals"][0]["id"].as_str().unwrap())).expect(200).json;
    assert_eq!((&referral["state"], &referral["reason"]), (&json!("cancelled"), &json!("consent_withdrawn")));
    assert_eq!(floor.deliver().len(), 0, "the letter had not gone, and does not go");
}

fn a_duty_to_report_is_read_out_before_she_says_yes(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let service = format!("/services/{}", house.id);
    keeper.patch(&service, keeper.get(&service).version(), &json!({"duty_to_report": true})).expect(200);
    let call = seat.draft();
    let told = ask(&seat, &call, &[&house], ("consent", yes())).expect(422).problems();
    assert_eq!(told, ["/needs/0/consent/duty_to_report_read: must_be_read_out"]);
    let mut read = yes();
    read["duty_to_report_read"] = json!(true);
    ask(&seat, &call, &[&house], ("consent", read)).expect(201);
}

fn she_is_reached_outside_her_times_only_for_a_reason_that_is_reviewed(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let known = known(&seat);
    let tonight = hotline.clock.now().plus(12 * HOUR);
    let plan = |more: Value| {
        let mut body = json!({"kind": "call_back", "case": known.case, "due": tonight});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        seat.post("/tasks", &body)
    };
    assert_eq!(plan(json!({"outside_reason": "why"})).expect(422).problems(), ["/outside_reason: too_short"]);
    let waits = plan(json!({})).expect(201).json;
    assert_eq!(waits["waiting_safe_window"], true);
    let reason = "He is away until tomorrow, she sent word.";
    let safe = json!({"due": waits["due"], "outside_reason": reason});
    assert_eq!(plan(safe).expect(422).problems(), ["/outside_reason: not_needed"]);
    let outside = plan(json!({"outside_reason": reason})).expect(201).json;
    assert_eq!((&outside["due"], &outside["waiting_safe_window"]), (&json!(tonight), &json!(false)));
    let end = |body: Value| seat.post(&format!("/tasks/{}/outcome", waits["id"].as_str().unwrap()), &body);
    assert_eq!(end(json!({"outcome": "done"})).expect(409).text_of("code"), "waits_for_her_window");
    let put_off = json!({"outcome": "rescheduled", "due": tonight, "outside_reason": reason});
    assert_eq!(end(put_off).expect(422).problems(), ["/outside_reason: not_allowed"]);
    hotline.wait(SECOND);
    let again = "She rang and asked to be called back at once.";
    end(json!({"outcome": "done", "outside_reason": again})).expect(200);
    let review = review(&keeper, "called_outside");
    assert_eq!((&review["case"], &review["reason"]), (&json!(known.case), &json!(format!("{reason}\n{again}"))));
}

fn a_reason_written_down_when_her_window_has_opened_is_reviewed_all_the_same(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let known = known(&seat);
    let asked = |kind: &str| json!({"kind": kind, "case": known.case, "due": hotline.clock.now().plus(12 * HOUR)});
    let task = seat.post("/tasks", &asked("call_back")).expect(201).json;
    let other = seat.post("/tasks", &asked("case_review")).expect(201).text_of("id");
    let reason = "I called before she was alone, she had sent word.";
    let end = |task: &str| {
        seat.post(&format!("/tasks/{task}/outcome"), &json!({"outcome": "done", "outside_reason": reason}))
    };
    let due = goldaw::input::instant(task["due"].as_str().unwrap()).unwrap();
    hotline.clock.set(due.plus(SECOND));
    end(task["id"].as_str().unwrap()).expect(200);
    assert_eq!(review(&keeper, "called_outside")["reason"], json!(reason));
    assert_eq!(end(&other).expect(422).problems(), ["/outside_reason: not_allowed"]);
}

fn nobody_calls_her_who_said_that_nobody_shall_call(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let known = known(&seat);
    seat.put(&format!("{}/safe-contact", known.place()), 2, &json!({"may_call": false})).expect(200);
    let due = hotline.clock.now().plus(HOUR);
    let body =
        json!({"kind": "call_back", "case": known.case, "due": due, "outside_reason": "I want to know how she is."});
    assert_eq!(seat.post("/tasks", &body).expect(409).text_of("code"), "she_refused");
    assert_eq!((hotline.count("tasks"), hotline.count("reviews")), (0, 0));
}

fn what_a_blocked_party_has_of_a_case_is_taken_from_it(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let brother = floor.seat("co-01", Role::Counselor);
    let (house, next) = (floor.house(&keeper, "Shelter", "safe_house"), floor.house(&keeper, "Refuge", "safe_house"));
    let ticket = ask(&seat, &seat.draft(), &[&house, &next], ("consent", yes())).expect(201).json;
    let place = format!("/tickets/{}", ticket["id"].as_str().unwrap());
    brother.post(&format!("{place}/claim"), &json!({})).expect(200);
    let parties = json!({"parties": [{"staff": brother.staff.reference}, {"organisation": house.organisation}]});
    let blocked = format!("/cases/{}/blocked", ticket["case"].as_str().unwrap());
    seat.send("PUT", &blocked, &[], &parties).expect(204);
    let now = keeper.get(&place).expect(200).json;
    assert_eq!((&now["claimed_by"], &now["referrals"][0]["service"]["id"]), (&Value::Null, &json!(next.id)));
    let letters = floor.deliver();
    assert_eq!(letters.len(), 1, "the first letter had not gone");
    assert!(letters[0].address.contains("refuge"), "{}", letters[0].address);
}

#[test]
fn a_page_goes_out_at_once_and_names_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let hotline = Hotline::with(engine, |config| config.oversight.page = vec!["duty@example.org".into()]);
        let floor = Floor::open(&hotline);
        let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
        let house = floor.house(&keeper, "Shelter", "safe_house");
        ask(&seat, &grave(&seat), &[&house], ("emergency", emergency())).expect(201);
        let letters = floor.deliver();
        let page = letters.iter().find(|letter| letter.address == "duty@example.org").unwrap();
        assert!(page.letter.text.contains(review(&keeper, "referred_without_yes")["id"].as_str().unwrap()));
        assert!(!page.letter.text.contains("bleeds"));
    }
}
