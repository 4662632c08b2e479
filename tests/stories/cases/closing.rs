//! A case that is over, one that is not, and a death.

use goldaw::access::Role;
use goldaw::clock::{DAY, MINUTE};
use serde_json::{Value, json};

use super::{Known, known, terms};
use crate::support::floor::{Floor, House, Seat};
use crate::support::http::Answer;
use crate::support::{Hotline, number, on_both_engines};

on_both_engines![
    a_case_is_closed_when_nothing_is_left_to_do_and_what_she_will_need_was_looked_at,
    whoever_closed_the_last_ticket_sees_the_case_until_it_is_closed_or_a_week_is_over,
    a_closed_case_opens_with_her_next_contact_and_not_with_the_one_it_was_closed_in,
    help_is_asked_for_in_no_closed_case,
    a_death_stops_every_letter_and_call_at_once,
    a_call_about_the_dead_makes_nobody_ring_her_number,
    a_death_wins_over_an_answer_that_comes_at_the_same_moment,
    of_two_who_close_at_once_one_does,
    no_case_is_closed_while_a_ticket_is_being_issued,
    the_review_of_a_death_is_not_there_for_whoever_must_not_know,
];

fn close(seat: &Seat<'_>, known: &Known, reason: &str) -> Answer {
    let body = json!({"reason": reason, "checklist": {"terms_looked_at": true, "knows_how_to_return": true}});
    seat.post_twice(&format!("{}/close", known.place()), &body)
}

fn needs(house: &House) -> Value {
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]})
}

fn ticket(seat: &Seat<'_>, known: &Known, house: &House) -> Answer {
    seat.post(&format!("{}/tickets", known.call), &needs(house)).expect(201)
}

fn referral(ticket: &Answer) -> String {
    format!("/referrals/{}", ticket.json["referrals"][0]["id"].as_str().unwrap())
}

fn reviews(keeper: &Seat<'_>) -> Vec<Value> {
    keeper.get("/reviews").expect(200).json["items"].as_array().unwrap().clone()
}

fn a_case_is_closed_when_nothing_is_left_to_do_and_what_she_will_need_was_looked_at(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-01", Role::Counselor);
    let house = floor.house(&floor.seat("cd-01", Role::Coordinator), "Shelter", "safe_house");
    let known = known(&seat);
    let issued = ticket(&seat, &known, &house);
    let place = format!("/tickets/{}", issued.text_of("id"));
    assert_eq!(close(&seat, &known, "moved").expect(409).text_of("code"), "tickets_open");
    seat.post(&format!("{place}/claim"), &json!({})).expect(200);
    seat.post(&format!("{}/cancel", referral(&issued)), &json!({"reason": "survivor_declined"})).expect(200);
    assert_eq!(close(&seat, &known, "moved").expect(409).text_of("code"), "tickets_open");
    seat.post(&format!("{place}/close"), &json!({"reason": "her_wish"})).expect(200);
    let refused = |body: Value| seat.post(&format!("{}/close", known.place()), &body).expect(422).problems();
    let (terms, back) = ("/checklist: terms_not_looked_at", "/checklist: way_back_not_told");
    assert_eq!(refused(json!({"reason": "needs_met"})), [terms, back]);
    assert_eq!(refused(json!({"reason": "her_wish", "checklist": {"terms_looked_at": true}})), [back]);
    assert_eq!(refused(json!({"reason": "lost_contact"})), [terms], "she cannot be told");
    assert_eq!(refused(json!({"reason": "merged"})), ["/reason: not_allowed"]);
    let closed = close(&seat, &known, "needs_met").expect(200);
    assert_eq!((closed.version(), closed.text_of("close_reason")), (3, "needs_met".into()));
    let told = seat.get(&known.place()).expect(200);
    assert_eq!((told.text_of("status"), &told.json["closed_at"]), ("closed".into(), &json!(hotline.clock.now())));
    assert_eq!(told.json["safe_contact"]["code_word"], terms_word(), "the file opens under its new version");
    assert_eq!(close(&seat, &known, "moved").expect(409).text_of("code"), "closed");
    assert_eq!(reviews(&floor.seat("cd-02", Role::Coordinator)), [Value::Null; 0]);
    let query = "SELECT count(*) AS value FROM trail WHERE action = 'cases.close' AND reason = 'needs_met'";
    assert_eq!(number(&mut hotline.stranger(), query), 1);
}

fn terms_word() -> Value {
    terms()["code_word"].clone()
}

fn whoever_closed_the_last_ticket_sees_the_case_until_it_is_closed_or_a_week_is_over(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, hers) = (floor.operator(), floor.seat("co-01", Role::Counselor));
    let house = floor.house(&floor.seat("cd-01", Role::Coordinator), "Shelter", "safe_house");
    let ended = |call: &Known| {
        let issued = ticket(&seat, call, &house);
        let place = format!("/tickets/{}", issued.text_of("id"));
        assert_eq!(hers.get(&call.place()).status, 404);
        hers.post(&format!("{place}/claim"), &json!({})).expect(200);
        hers.post(&format!("{}/cancel", referral(&issued)), &json!({"reason": "other"})).expect(200);
        hers.post(&format!("{place}/close"), &json!({"reason": "her_wish"})).expect(200);
    };
    let (first, second) = (known(&seat), known(&seat));
    ended(&first);
    ended(&second);
    hotline.wait(7 * DAY - MINUTE);
    close(&hers, &first, "her_wish").expect(200);
    hers.get(&first.place()).expect(404);
    hers.get(&second.place()).expect(200);
    hotline.wait(MINUTE);
    hers.get(&second.place()).expect(404);
    close(&hers, &second, "her_wish").expect(404);
}

fn a_closed_case_opens_with_her_next_contact_and_not_with_the_one_it_was_closed_in(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let first = known(&seat);
    let draft = seat.call(&json!({"channel": "phone", "case": first.case}));
    close(&seat, &first, "transferred").expect(200);
    let version = draft.version();
    seat.patch(&draft.place(), version, &json!({"language": "tk"})).expect(200);
    assert_eq!(seat.get(&first.place()).text_of("status"), "closed", "she is still speaking in it");
    seat.call(&json!({"channel": "phone", "case": first.case}));
    let told = seat.get(&first.place()).expect(200);
    assert_eq!(told.text_of("status"), "open");
    assert_eq!((&told.json["closed_at"], &told.json["close_reason"]), (&Value::Null, &Value::Null));
    close(&seat, &first, "transferred").expect(200);
}

fn help_is_asked_for_in_no_closed_case(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let hers = floor.seat("co-01", Role::Counselor);
    let known = known(&seat);
    close(&seat, &known, "her_wish").expect(200);
    let issued = ticket(&seat, &known, &house);
    assert_eq!(seat.get(&known.place()).text_of("status"), "open", "she changed her mind");
    hers.post(&format!("/tickets/{}/claim", issued.text_of("id")), &json!({})).expect(200);
    hers.post(&format!("{}/accept", referral(&issued)), &json!({})).expect(200);
    hers.post(&format!("{}/fail", referral(&issued)), &json!({"reason": "no_show"})).expect(200);
    hers.post(&format!("/tickets/{}/close", issued.text_of("id")), &json!({"reason": "lost_contact"})).expect(200);
    close(&hers, &known, "lost_contact").expect(200);
    keeper.post(&format!("{}/reopen", referral(&issued)), &json!({})).expect(200);
    assert_eq!(seat.get(&known.place()).text_of("status"), "open", "and so did the coordinator");
}

/// A call with terms, a ticket whose letter waits, and a time at which she may be called.
fn asked_for(seat: &Seat<'_>, house: &House) -> (Known, Answer) {
    let known = known(seat);
    let issued = ticket(seat, &known, house);
    assert_eq!(seat.get(&known.place()).expect(200).json["may_call_now"], true, "it is Monday, nine o'clock");
    (known, issued)
}

fn a_death_stops_every_letter_and_call_at_once(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let (first, second) = (floor.house(&keeper, "Shelter", "safe_house"), floor.house(&keeper, "Clinic", "medical"));
    let (known, issued) = asked_for(&seat, &first);
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let more = json!({"needs": [{"need": "medical", "services": [second.id], "consent": consent}]});
    let other = seat.post(&format!("{}/tickets", known.call), &more).expect(201);
    let hers = floor.seat("co-01", Role::Counselor);
    hers.post(&format!("/tickets/{}/claim", other.text_of("id")), &json!({})).expect(200);
    hers.post(&format!("{}/accept", referral(&other)), &json!({})).expect(200);
    let died = seat.post_twice(&format!("{}/close", known.place()), &json!({"reason": "died"})).expect(200);
    assert_eq!(died.text_of("close_reason"), "died");
    assert_eq!(floor.deliver().len(), 0, "not one letter left");
    for ticket in [&issued, &other] {
        let told = keeper.get(&format!("/tickets/{}", ticket.text_of("id"))).expect(200);
        assert_eq!((told.text_of("state"), told.text_of("close_reason")), ("closed".into(), "died".into()));
        let told = keeper.get(&referral(ticket)).expect(200);
        assert_eq!((told.text_of("state"), told.text_of("reason")), ("cancelled".into(), "died".into()));
    }
    assert_eq!(hers.post(&format!("{}/told", referral(&other)), &json!({})).expect(409).text_of("code"), "closed");
    let told = seat.get(&known.place()).expect(200);
    assert_eq!(told.json["may_call_now"], false);
    let (place, version) = (format!("{}/safe-contact", known.place()), told.version());
    assert_eq!(seat.put(&place, version, &terms()).expect(409).text_of("code"), "died");
    let again = seat.post(&format!("{}/tickets", known.call), &needs(&first)).expect(409);
    assert_eq!(again.text_of("code"), "died");
    let waiting = reviews(&keeper);
    assert_eq!(waiting.len(), 1);
    assert_eq!((&waiting[0]["kind"], &waiting[0]["proposed"]), (&json!("death"), &Value::Null));
    let review = format!("/reviews/{}", waiting[0]["id"].as_str().unwrap());
    let opened = keeper.get(&review).expect(200).json;
    assert_eq!((&opened["case"], &opened["contact"]), (&json!(known.case), &Value::Null));
    assert_eq!(opened["opened_by"], json!("op-07"));
    let decided = keeper.post_twice(&format!("{review}/decide"), &json!({"decision": "agree"})).expect(200);
    assert_eq!(decided.text_of("state"), "agreed");
    assert_eq!(seat.get(&known.place()).text_of("status"), "closed", "somebody has looked, no more");
}

fn a_call_about_the_dead_makes_nobody_ring_her_number(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let known = known(&seat);
    assert_eq!(seat.get(&known.place()).json["may_call_now"], true);
    seat.post(&format!("{}/close", known.place()), &json!({"reason": "died"})).expect(200);
    hotline.wait(MINUTE);
    seat.call(&json!({"channel": "phone", "caller_role": "family", "case": known.case}));
    let told = seat.get(&known.place()).expect(200);
    assert_eq!((told.text_of("status"), &told.json["may_call_now"]), ("open".into(), &json!(false)));
    assert_eq!(told.json["safe_contact"]["number"], json!("+99365123456"), "what she said can still be read");
}

fn a_death_wins_over_an_answer_that_comes_at_the_same_moment(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    for _ in 0..4 {
        let (known, issued) = asked_for(&seat, &house);
        let died = (format!("{}/close", known.place()), json!({"reason": "died"}));
        let accepted = (format!("{}/accept", referral(&issued)), json!({}));
        let [died, accepted] = at_once(&floor, [(&seat, died), (&keeper, accepted)]);
        assert!(died == 200 && [200, 409].contains(&accepted), "{died} {accepted}");
        assert_eq!(keeper.get(&referral(&issued)).text_of("state"), "cancelled");
    }
    let open = "SELECT count(*) AS value FROM notifications WHERE state IN ('pending', 'leased', 'maybe_sent')";
    assert_eq!(number(&mut hotline.stranger(), open), 0);
}

/// Two people, two POSTs, one moment; gives the two statuses.
fn at_once(floor: &Floor<'_>, asked: [(&Seat<'_>, (String, Value)); 2]) -> [u16; 2] {
    let app = &floor.app;
    let ready = asked.map(|(seat, (path, body))| (app.token_of(floor.hotline, &seat.staff), path, body.to_string()));
    std::thread::scope(|scope| {
        ready
            .each_ref()
            .map(|(token, path, body)| {
                scope.spawn(move || {
                    let headers = [("content-type", "application/json"), ("idempotency-key", path.as_str())];
                    app.ask("POST", &format!("/api/v1{path}"), token, &headers, Some(body)).status
                })
            })
            .map(|thread| thread.join().unwrap())
    })
}

fn of_two_who_close_at_once_one_does(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.seat("co-01", Role::Counselor), floor.seat("co-02", Role::Counselor));
    for _ in 0..4 {
        let known = known(&first);
        second.call(&json!({"channel": "phone", "case": known.case}));
        let body = json!({"reason": "moved", "checklist": {"terms_looked_at": true, "knows_how_to_return": true}});
        let close = (format!("{}/close", known.place()), body);
        let mut told = at_once(&floor, [(&first, close.clone()), (&second, close)]);
        told.sort_unstable();
        assert_eq!(told, [200, 409]);
    }
    let query = "SELECT count(*) AS value FROM steps WHERE subject_kind = 'case' AND kind = 'closed'";
    assert_eq!(number(&mut hotline.stranger(), query), 4);
}

fn no_case_is_closed_while_a_ticket_is_being_issued(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    for _ in 0..6 {
        let known = known(&seat);
        let body = json!({"reason": "moved", "checklist": {"terms_looked_at": true, "knows_how_to_return": true}});
        let close = (format!("{}/close", known.place()), body);
        let issue = (format!("{}/tickets", known.call), needs(&house));
        let [closed, issued] = at_once(&floor, [(&seat, close), (&seat, issue)]);
        assert!([200, 409].contains(&closed) && issued == 201, "{closed} {issued}");
        assert_eq!(seat.get(&known.place()).text_of("status"), "open");
    }
}

fn the_review_of_a_death_is_not_there_for_whoever_must_not_know(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let second = floor.seat("cd-02", Role::Coordinator);
    let known = known(&seat);
    seat.post(&format!("{}/close", known.place()), &json!({"reason": "died"})).expect(200);
    let review = format!("/reviews/{}", reviews(&keeper)[0]["id"].as_str().unwrap());
    let parties = json!({"parties": [{"staff": keeper.staff.reference}]});
    seat.send("PUT", &format!("{}/blocked", known.place()), &[], &parties).expect(204);
    assert_eq!(reviews(&keeper), [Value::Null; 0]);
    let missing = keeper.get("/reviews/V-0000-0000-000").expect(404).told();
    assert_eq!(keeper.get(&review).expect(404).told(), missing);
    let decided = keeper.post(&format!("{review}/decide"), &json!({"decision": "agree"}));
    assert_eq!(decided.expect(404).told(), missing);
    assert_eq!(reviews(&second).len(), 1);
    second.post(&format!("{review}/decide"), &json!({"decision": "refuse"})).expect(200);
}
