//! What somebody must do by a time: listed, done, put off, and never outside her safe windows.

use goldaw::access::Role;
use goldaw::clock::{DAY, HOUR, Instant, MINUTE};
use goldaw::referrals::escalation::climb;
use goldaw::storage::By;
use serde_json::{Value, json};

use crate::support::floor::{Floor, Seat};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_partner_who_stays_silent_is_a_task_with_a_number_to_call,
    what_reaches_out_to_her_waits_for_her_window_and_is_not_late_meanwhile,
    nobody_plans_a_call_to_her_without_her_terms,
    a_task_is_put_off_and_ended_once,
    a_task_about_a_case_that_must_not_be_seen_is_not_there,
    tasks_come_in_the_order_they_are_due_page_by_page,
    a_case_that_is_closed_leaves_nothing_to_do,
    tasks_go_with_the_case_they_are_about,
    what_the_rules_want_done_after_a_call_is_a_task_once_it_is_over,
    a_rule_that_reaches_out_to_her_waits_for_her_window_or_has_somebody_look,
];

/// A case of a call that the operator has open.
fn case(seat: &Seat<'_>) -> String {
    let call = seat.call(&json!({"channel": "phone"})).text_of("id");
    seat.post("/cases", &json!({"contact": call})).expect(201).text_of("id")
}

/// She may be called on Wednesdays from ten to twelve; it is Monday at nine.
fn agree(seat: &Seat<'_>, case: &str, expires_at: Option<Instant>) {
    let terms = json!({"expires_at": expires_at, "may_call": true, "number": "65 123456", "if_another_answers": "a survey",
        "windows": [{"weekday": "wed", "from": "10:00", "to": "12:00"}]});
    seat.put(&format!("/cases/{case}/safe-contact"), 1, &terms).expect(200);
}

fn plan(seat: &Seat<'_>, kind: &str, case: &str, due: Instant) -> Value {
    seat.post_twice("/tasks", &json!({"kind": kind, "case": case, "due": due})).expect(201).json
}

fn end(seat: &Seat<'_>, task: &Value, body: &Value) -> crate::support::http::Answer {
    seat.post_twice(&format!("/tasks/{}/outcome", task["id"].as_str().unwrap()), body)
}

fn open(seat: &Seat<'_>) -> Vec<Value> {
    seat.get("/tasks").expect(200).json["items"].as_array().unwrap().clone()
}

fn a_partner_who_stays_silent_is_a_task_with_a_number_to_call(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let draft = seat.call(&json!({"channel": "phone", "answers": {"weapon": "yes"}})).place();
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    let ticket = seat.post(&format!("{draft}/tickets"), &needs).expect(201);
    assert!(open(&seat).is_empty(), "the program looks at what is due twice a second, in this story by hand");
    assert!(hotline.store.write_blocking(By::system(), climb).unwrap());
    let task = open(&seat).remove(0);
    assert_eq!(
        (&task["kind"], &task["level"], &task["service"]),
        (&json!("phone_task"), &json!("critical"), &json!(house.id))
    );
    assert_eq!((&task["ticket"], &task["referral"]), (&ticket.json["id"], &ticket.json["referrals"][0]["id"]));
    assert_eq!((&task["made_by"], &task["late"]), (&Value::Null, &json!(false)));
    hotline.wait(16 * MINUTE);
    assert_eq!(open(&seat)[0]["late"], json!(true));
    let done = end(&floor.seat("co-01", Role::Counselor), &task, &json!({"outcome": "not_reached"})).expect(200).json;
    assert_eq!(
        (&done["state"], &done["outcome"], &done["done_by"]),
        (&json!("done"), &json!("not_reached"), &json!("co-01"))
    );
    assert!(open(&seat).is_empty());
}

fn what_reaches_out_to_her_waits_for_her_window_and_is_not_late_meanwhile(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let case = case(&seat);
    let now = hotline.clock.now();
    agree(&seat, &case, Some(now.plus(30 * DAY)));
    let wednesday_ten = now.plus(2 * DAY + HOUR);
    let task = plan(&seat, "check_in", &case, now.plus(HOUR));
    assert_eq!((&task["due"], &task["waiting_safe_window"]), (&json!(wednesday_ten), &json!(true)));
    let inside = plan(&seat, "call_back", &case, wednesday_ten.plus(90 * MINUTE));
    assert_eq!(inside["due"], json!(wednesday_ten.plus(90 * MINUTE)));
    let later = plan(&seat, "feedback", &case, wednesday_ten.plus(2 * HOUR));
    assert_eq!(later["due"], json!(wednesday_ten.plus(7 * DAY)), "a window that closes then is closed");
    let meeting = plan(&seat, "case_review", &case, now.plus(HOUR));
    assert_eq!((&meeting["due"], &meeting["waiting_safe_window"]), (&json!(now.plus(HOUR)), &json!(false)));
    assert_eq!(end(&seat, &task, &json!({"outcome": "done"})).expect(409).text_of("code"), "waits_for_her_window");
    hotline.wait(DAY);
    let of = |id: &Value| open(&seat).into_iter().find(|task| task["id"] == *id).unwrap();
    assert_eq!((&of(&task["id"])["late"], &of(&meeting["id"])["late"]), (&json!(false), &json!(true)));
    hotline.wait(DAY + HOUR + MINUTE);
    assert_eq!((&of(&task["id"])["late"], &of(&task["id"])["waiting_safe_window"]), (&json!(true), &json!(false)));
    end(&seat, &task, &json!({"outcome": "done"})).expect(200);
}

fn nobody_plans_a_call_to_her_without_her_terms(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let case = case(&seat);
    let ask = |kind: &str, due: Instant| seat.post("/tasks", &json!({"kind": kind, "case": case, "due": due}));
    let now = hotline.clock.now();
    assert_eq!(ask("call_back", now.plus(HOUR)).expect(409).text_of("code"), "no_safe_window");
    agree(&seat, &case, None);
    // Her terms end after a week: what lies beyond is not agreed.
    assert_eq!(ask("call_back", now.plus(8 * DAY)).expect(409).text_of("code"), "no_safe_window");
    assert_eq!(ask("phone_task", now.plus(HOUR)).expect(422).problems(), ["/kind: opens_by_itself"]);
    assert_eq!(ask("case_review", now.plus(-HOUR)).expect(422).problems(), ["/due: in_the_past"]);
    let lost = json!({"kind": "case_review", "case": "K-0000-0000-000", "due": now.plus(HOUR)});
    assert_eq!(seat.post("/tasks", &lost).expect(422).problems(), ["/case: not_found"]);
    let other = floor.seat("op-08", Role::Operator);
    let foreign = json!({"kind": "case_review", "case": case, "due": now.plus(HOUR)});
    assert_eq!(other.post("/tasks", &foreign).expect(422).problems(), ["/case: not_found"]);
    assert_eq!(hotline.count("tasks"), 0);
}

fn a_task_is_put_off_and_ended_once(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let case = case(&seat);
    let now = hotline.clock.now();
    let task = plan(&seat, "safety_plan", &case, now.plus(HOUR));
    let put_off = end(&seat, &task, &json!({"outcome": "rescheduled", "due": now.plus(DAY)})).expect(200).json;
    assert_eq!((&put_off["state"], &put_off["due"]), (&json!("open"), &json!(now.plus(DAY))));
    for (body, problem) in [
        (json!({"outcome": "rescheduled"}), "/due: required"),
        (json!({"outcome": "done", "due": now.plus(DAY)}), "/due: not_allowed"),
        (json!({"outcome": "rescheduled", "due": now.plus(-DAY)}), "/due: in_the_past"),
    ] {
        assert_eq!(end(&seat, &task, &body).expect(422).problems(), [problem]);
    }
    end(&seat, &task, &json!({"outcome": "done"})).expect(200);
    assert_eq!(end(&seat, &task, &json!({"outcome": "declined"})).expect(409).text_of("code"), "ended");
    let done = seat.get("/tasks?state=done&kind=safety_plan").expect(200).json;
    assert_eq!(done["items"].as_array().unwrap().len(), 1);
}

fn a_task_about_a_case_that_must_not_be_seen_is_not_there(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let case = case(&seat);
    let task = plan(&keeper, "case_review", &case, hotline.clock.now().plus(HOUR));
    assert_eq!(open(&keeper).len(), 1);
    let parties = json!({"parties": [{"staff": keeper.staff.reference}]});
    seat.put(&format!("/cases/{case}/blocked"), 1, &parties).expect(204);
    assert_eq!((open(&keeper).len(), open(&seat).len()), (0, 1));
    let missing = keeper.post("/tasks/T-0000-0000-000/outcome", &json!({"outcome": "done"})).expect(404);
    assert_eq!(end(&keeper, &task, &json!({"outcome": "done"})).expect(404).told(), missing.told());
}

fn tasks_come_in_the_order_they_are_due_page_by_page(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let case = case(&seat);
    let now = hotline.clock.now();
    for hours in [5, 1, 3, 3, 2, 4] {
        plan(&seat, "appointment", &case, now.plus(hours * HOUR));
    }
    let (mut seen, mut next) = (Vec::new(), Some("/tasks?limit=2".to_owned()));
    while let Some(place) = next {
        let page = seat.get(&place).expect(200);
        seen.extend(page.json["items"].as_array().unwrap().iter().map(|task| task["due"].clone()));
        next = page.next();
    }
    assert_eq!(seen, [1, 2, 3, 3, 4, 5].map(|hours| json!(now.plus(hours * HOUR))));
}

fn a_case_that_is_closed_leaves_nothing_to_do(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let now = hotline.clock.now();
    for reason in ["lost_contact", "died"] {
        let case = case(&seat);
        agree(&seat, &case, None);
        plan(&seat, "check_in", &case, now.plus(HOUR));
        plan(&seat, "case_review", &case, now.plus(HOUR));
        assert_eq!(open(&seat).len(), 2);
        let done = json!({"reason": reason, "checklist": {"terms_looked_at": true}});
        seat.post(&format!("/cases/{case}/close"), &done).expect(200);
        assert!(open(&seat).is_empty(), "{reason}");
    }
    let ended = seat.get("/tasks?state=not_needed").expect(200).json;
    assert_eq!(ended["items"].as_array().unwrap().len(), 4);
}

fn tasks_go_with_the_case_they_are_about(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-01", Role::Counselor);
    let (kept, other) = (case(&seat), case(&seat));
    plan(&seat, "case_review", &other, hotline.clock.now().plus(HOUR));
    let merge = json!({"case": other});
    let version = seat.get(&format!("/cases/{kept}")).expect(200).version();
    let headers = [("if-match", &*format!("\"{version}\"")), ("idempotency-key", "a-key-of-mine")];
    seat.send("POST", &format!("/cases/{kept}/merge"), &headers, &merge).expect(200);
    assert_eq!(open(&seat)[0]["case"], json!(kept));
}

/// A call of a child in a case, still open.
fn child(seat: &Seat<'_>) -> (String, String) {
    let call = seat.call(&json!({"channel": "phone", "person": {"age": 16}}));
    let case = seat.post("/cases", &json!({"contact": call.text_of("id")})).expect(201).text_of("id");
    (call.place(), case)
}

fn kinds(seat: &Seat<'_>) -> Vec<String> {
    open(seat).iter().map(|task| task["kind"].as_str().unwrap().to_owned()).collect()
}

fn what_the_rules_want_done_after_a_call_is_a_task_once_it_is_over(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let (call, case) = child(&seat);
    assert!(open(&seat).is_empty());
    let done = seat.post(&format!("{call}/finish"), &json!({})).expect(200);
    let tasks = open(&seat);
    assert_eq!((tasks.len(), &tasks[0]["kind"], &tasks[0]["case"]), (1, &json!("case_review"), &json!(case)));
    assert_eq!(tasks[0]["due"], json!(hotline.clock.now().plus(DAY)));
    let amend = json!({"reason": "correction", "patch": {"person": {"age": 15}}});
    let tag = format!("\"{}\"", done.version());
    seat.send("POST", &format!("{call}/amend"), &[("if-match", &tag)], &amend).expect(200);
    assert_eq!(open(&seat).len(), 1, "a contact is finished once");
    seat.call(&json!({"channel": "phone", "person": {"age": 16}, "finish": true}));
    assert_eq!(open(&seat).len(), 1, "without a case there is nobody to do it for");
    seat.call(&json!({"channel": "phone", "case": case, "person": {"age": 16}, "finish": true}));
    assert_eq!(open(&seat).len(), 2);
}

fn a_rule_that_reaches_out_to_her_waits_for_her_window_or_has_somebody_look(hotline: &Hotline) {
    let mut sources = goldaw::rules::shipped();
    for source in &mut sources {
        source.text =
            source.text.replace("child_protection_review", "check_in").replace("same_day_medical", "fix_address");
    }
    let rules = goldaw::triage::RuleSet::load(&sources, &["tk", "ru", "en"]).unwrap();
    hotline.setting.rules.replace(std::sync::Arc::new(rules));
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let ((safe, case), (other, _)) = (child(&seat), child(&seat));
    agree(&seat, &case, Some(hotline.clock.now().plus(30 * DAY)));
    seat.post(&format!("{safe}/finish"), &json!({})).expect(200);
    let asked = open(&seat).remove(0);
    let wednesday_ten = json!(hotline.clock.now().plus(2 * DAY + HOUR));
    assert_eq!((&asked["kind"], &asked["due"]), (&json!("check_in"), &wednesday_ten));
    seat.post(&format!("{other}/finish"), &json!({})).expect(200);
    assert_eq!(kinds(&seat), ["case_review", "check_in"]);
}
