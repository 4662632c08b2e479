//! Whoever calls again and again.

use goldaw::access::Role;
use goldaw::clock::{DAY, MINUTE};
use serde_json::{Value, json};

use super::known;
use crate::support::floor::{Floor, Seat};
use crate::support::{Hotline, number, on_both_engines};

on_both_engines![
    the_third_contact_in_seven_days_is_looked_at_and_the_third_in_eight_is_not,
    one_review_at_a_time_and_what_was_looked_at_counts_no_more,
    of_two_third_contacts_at_once_one_opens_the_review,
];

fn reviews(keeper: &Seat<'_>) -> Vec<Value> {
    let all = keeper.get("/reviews").expect(200).json["items"].as_array().unwrap().clone();
    all.into_iter().filter(|review| review["kind"] == "repeat_contacts").collect()
}

fn the_third_contact_in_seven_days_is_looked_at_and_the_third_in_eight_is_not(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let known = known(&seat);
    let again = || seat.call(&json!({"channel": "phone", "case": known.case, "finish": true}));
    hotline.wait(4 * DAY);
    again();
    hotline.wait(3 * DAY);
    again();
    assert_eq!(reviews(&keeper), [Value::Null; 0], "the first is over");
    seat.call(&json!({"channel": "phone", "kind": "test", "case": known.case, "finish": true}));
    assert_eq!(reviews(&keeper), [Value::Null; 0], "a test is nobody's call");
    hotline.wait(DAY);
    let draft = seat.draft();
    assert_eq!(reviews(&keeper), [Value::Null; 0], "nobody knows yet whose it is");
    seat.patch(&draft, 1, &json!({"case": known.case})).expect(200);
    let waiting = reviews(&keeper);
    assert_eq!((waiting.len(), &waiting[0]["opened_by"]), (1, &Value::Null));
    let opened = keeper.get(&format!("/reviews/{}", waiting[0]["id"].as_str().unwrap())).expect(200).json;
    assert_eq!((&opened["case"], &opened["contact"]), (&json!(known.case), &Value::Null));
}

fn one_review_at_a_time_and_what_was_looked_at_counts_no_more(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let known = known(&seat);
    let again = || {
        hotline.wait(MINUTE);
        seat.call(&json!({"channel": "phone", "case": known.case, "finish": true}));
    };
    (0..4).for_each(|_| again());
    let waiting = reviews(&keeper);
    assert_eq!(waiting.len(), 1);
    let decide = format!("/reviews/{}/decide", waiting[0]["id"].as_str().unwrap());
    assert_eq!(keeper.post(&decide, &json!({"decision": "agree"})).expect(200).text_of("state"), "agreed");
    again();
    again();
    assert_eq!(reviews(&keeper), [Value::Null; 0]);
    again();
    assert_eq!(reviews(&keeper).len(), 1, "three more");
}

fn of_two_third_contacts_at_once_one_opens_the_review(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, app) = (floor.operator(), &floor.app);
    for round in 0..4 {
        let known = known(&seat);
        let body = json!({"channel": "phone", "case": known.case}).to_string();
        seat.call(&json!({"channel": "phone", "case": known.case}));
        std::thread::scope(|scope| {
            for place in 0..2 {
                let (token, body, key) = (app.token_of(hotline, &seat.staff), &body, format!("third-{round}-{place}"));
                scope.spawn(move || {
                    let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
                    assert_eq!(app.ask("POST", "/api/v1/contacts", &token, &headers, Some(body)).status, 201);
                });
            }
        });
        let query = "SELECT count(*) AS value FROM reviews WHERE kind = 'repeat_contacts'";
        assert_eq!(number(&mut hotline.stranger(), query), round + 1);
    }
}
