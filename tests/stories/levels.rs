//! The level of a contact when somebody disagrees with the rules, when an earlier call says more than
//! this one, and the second look at both.

use goldaw::access::Role;
use goldaw::clock::{HOUR, MINUTE};
use goldaw::config::Config;
use goldaw::contacts;
use goldaw::referrals::model;
use goldaw::storage::Db;
use serde_json::{Value, json};

use crate::support::floor::{Floor, Seat};
use crate::support::http::Answer;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_higher_level_holds_at_once_and_a_lower_one_when_somebody_else_agreed,
    what_a_person_set_never_hides_what_is_heard_later,
    a_refused_lowering_leaves_what_stood_before,
    another_word_takes_the_place_of_one_that_waits,
    lowering_is_one_step_with_a_reason_and_never_from_silence,
    nobody_decides_what_they_proposed_and_nothing_is_decided_twice,
    the_clocks_of_a_ticket_follow_the_level_and_the_last_useful_moment_stays,
    the_last_high_or_critical_is_carried_to_her_next_call_until_it_is_reviewed,
    a_correction_of_the_call_itself_is_carried_nowhere,
    a_review_of_a_case_that_must_not_be_seen_is_not_there,
];

const WHY: &str = "How she stopped when the door went.";

/// What makes a call Low: the minimum set is answered, and nothing speaks.
fn calm(more: Value) -> Value {
    let mut answers =
        json!({"can_talk": "yes", "badly_hurt": "no", "perpetrator_present": "no", "safe_tonight": "yes"});
    answers.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"channel": "phone", "answers": answers})
}

fn low() -> Value {
    calm(json!({}))
}

fn high() -> Value {
    calm(json!({"threat_to_kill": "yes", "contact_within_24h": "no", "living_together": "no"}))
}

fn critical() -> Value {
    calm(json!({"weapon": "yes"}))
}

fn set(seat: &Seat<'_>, call: &str, level: &str) -> Answer {
    seat.post_twice(&format!("{call}/override"), &json!({"level": level, "reason": WHY}))
}

/// The level that is clocked, and that of the rules.
fn levels(seat: &Seat<'_>, call: &str) -> (String, String) {
    let told = seat.get(call).expect(200);
    (told.text_of("level"), told.json["assessment"]["level"].as_str().unwrap().to_owned())
}

fn are(clocked: &str, rules: &str) -> (String, String) {
    (clocked.into(), rules.into())
}

/// What waits for a second look at a level; that she calls often is another matter.
fn reviews(keeper: &Seat<'_>) -> Vec<Value> {
    let all = keeper.get("/reviews").expect(200).json["items"].as_array().unwrap().clone();
    all.into_iter().filter(|review| review["kind"] != "repeat_contacts").collect()
}

fn decide(keeper: &Seat<'_>, review: &Value, decision: &str) -> Answer {
    keeper.post_twice(&format!("/reviews/{}/decide", review["id"].as_str().unwrap()), &json!({"decision": decision}))
}

fn a_higher_level_holds_at_once_and_a_lower_one_when_somebody_else_agreed(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let call = seat.call(&low()).place();
    let told = set(&seat, &call, "critical").expect(200);
    assert_eq!((told.version(), levels(&seat, &call)), (2, are("critical", "low")));
    let said = &seat.get(&call).json["override"];
    assert_eq!(
        *said,
        json!({"level": "critical", "before": "low", "state": "raised", "reason": WHY, "by": "op-07", "at": hotline.clock.now()})
    );
    assert_eq!(reviews(&keeper), [Value::Null; 0], "nobody need look at a raised level");

    let call = seat.call(&high()).place();
    set(&seat, &call, "medium").expect(200);
    assert_eq!(levels(&seat, &call), are("high", "high"), "the higher is clocked until somebody has looked");
    let waiting = reviews(&keeper);
    let opened = keeper.get(&format!("/reviews/{}", waiting[0]["id"].as_str().unwrap())).expect(200).json;
    assert_eq!(
        (&opened["reason"], &opened["opened_by"], &opened["late"]),
        (&json!(WHY), &json!("op-07"), &json!(false))
    );
    assert_eq!((&opened["level"], &opened["proposed"]), (&json!("high"), &json!("medium")));
    assert_eq!(format!("/contacts/{}", opened["contact"].as_str().unwrap()), call);
    let decided = decide(&keeper, &waiting[0], "agree").expect(200).json;
    assert_eq!((&decided["state"], &decided["decided_by"]), (&json!("agreed"), &json!("cd-01")));
    assert_eq!(levels(&seat, &call), are("medium", "high"), "both stay visible");
    assert_eq!(reviews(&keeper), [Value::Null; 0]);
    let steps = seat.get(&format!("{call}/timeline")).json;
    let kinds: Vec<_> = steps["items"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["saved", "triaged", "level_set", "triaged"]);
}

fn what_a_person_set_never_hides_what_is_heard_later(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let call = seat.call(&high()).place();
    set(&seat, &call, "medium").expect(200);
    decide(&keeper, &reviews(&keeper)[0], "agree").expect(200);
    let version = seat.get(&call).version();
    let grows = json!({"language": "tk"});
    assert_eq!(seat.patch(&call, version, &grows).expect(200).text_of("level"), "medium", "nothing new was heard");
    let worse = json!({"answers": {"weapon": "yes"}});
    assert_eq!(seat.patch(&call, version + 1, &worse).expect(200).text_of("level"), "critical");
    let better = json!({"answers": {"weapon": "no"}});
    assert_eq!(seat.patch(&call, version + 2, &better).expect(200).text_of("level"), "medium");

    let call = seat.call(&low()).place();
    set(&seat, &call, "high").expect(200);
    assert_eq!(seat.patch(&call, 2, &worse).expect(200).text_of("level"), "critical");
    assert_eq!(seat.patch(&call, 3, &better).expect(200).text_of("level"), "high", "a raised level stays");
}

fn a_refused_lowering_leaves_what_stood_before(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let call = seat.call(&low()).place();
    set(&seat, &call, "critical").expect(200);
    set(&seat, &call, "low").expect(200);
    assert_eq!(levels(&seat, &call), are("critical", "low"), "taking a raise back waits, too");
    decide(&keeper, &reviews(&keeper)[0], "refuse").expect(200);
    let told = seat.get(&call).expect(200).json;
    assert_eq!((&told["level"], &told["override"]["state"]), (&json!("critical"), &json!("raised")));
    set(&seat, &call, "low").expect(200);
    decide(&keeper, &reviews(&keeper)[0], "agree").expect(200);
    assert_eq!(levels(&seat, &call), are("low", "low"));
    let ended = keeper.get("/reviews?state=refused").expect(200).json;
    assert_eq!(ended["items"].as_array().unwrap().len(), 1);
}

fn another_word_takes_the_place_of_one_that_waits(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let call = seat.call(&high()).place();
    set(&seat, &call, "medium").expect(200);
    set(&seat, &call, "critical").expect(200);
    assert_eq!(levels(&seat, &call), are("critical", "high"));
    assert_eq!(reviews(&keeper), [Value::Null; 0], "what was withdrawn need not be decided");
    let withdrawn = keeper.get("/reviews?state=withdrawn").expect(200).json["items"][0].clone();
    let told = decide(&keeper, &withdrawn, "agree").expect(409);
    assert_eq!(told.text_of("code"), "decided");
    assert_eq!(levels(&seat, &call), are("critical", "high"));
}

fn lowering_is_one_step_with_a_reason_and_never_from_silence(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let (silent, grave) = (seat.draft(), seat.call(&critical()).place());
    let refused = |call: &str, level: &str, reason: &str| {
        seat.post(&format!("{call}/override"), &json!({"level": level, "reason": reason})).expect(422).problems()
    };
    assert_eq!(refused(&grave, "medium", WHY), ["/level: more_than_one_level"]);
    assert_eq!(refused(&grave, "critical", WHY), ["/level: already_so"]);
    assert_eq!(refused(&grave, "not_assessed", WHY), ["/level: not_allowed"]);
    assert_eq!(refused(&grave, "high", "  so so   "), ["/reason: too_short"]);
    assert_eq!(refused(&silent, "medium", WHY), ["/level: assess_first"]);
    set(&seat, &silent, "high").expect(200);
    assert_eq!(levels(&seat, &silent), are("high", "not_assessed"), "somebody listened, and says High");
    assert_eq!(hotline.count("overrides"), 1);
    assert_eq!(hotline.count("reviews"), 0);
    let bare = seat.send("POST", &format!("{grave}/override"), &[], &json!({"level": "high", "reason": WHY}));
    assert_eq!(bare.status, 400, "a key is needed, because an answer may be lost");
}

fn nobody_decides_what_they_proposed_and_nothing_is_decided_twice(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let second = floor.seat("cd-02", Role::Coordinator);
    let call = seat.call(&high()).place();
    set(&keeper, &call, "medium").expect(200);
    let review = reviews(&keeper).remove(0);
    assert_eq!(decide(&keeper, &review, "agree").expect(409).text_of("code"), "own_review");
    assert_eq!(levels(&seat, &call), are("high", "high"));
    decide(&second, &review, "agree").expect(200);
    assert_eq!(decide(&second, &review, "refuse").expect(409).text_of("code"), "decided");
    assert_eq!(levels(&seat, &call), are("medium", "high"));
    hotline.wait(25 * HOUR);
    set(&seat, &seat.call(&high()).place(), "medium").expect(200);
    hotline.wait(25 * HOUR);
    assert_eq!(reviews(&keeper)[0]["late"], json!(true));
}

#[test]
fn lowering_critical_pages_the_coordinators_and_says_nothing() {
    for engine in [crate::support::Engine::Sqlite, crate::support::Engine::Postgres] {
        let on_duty =
            |config: &mut Config| config.oversight.page = vec!["duty@example.org".into(), "night@example.org".into()];
        let hotline = Hotline::with(engine, on_duty);
        let floor = Floor::open(&hotline);
        let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
        set(&seat, &seat.call(&high()).place(), "medium").expect(200);
        assert_eq!(floor.deliver().len(), 0, "High can wait for a look at the list");
        let call = seat.call(&critical()).place();
        set(&seat, &call, "high").expect(200);
        let letters = floor.deliver();
        let mut to: Vec<_> = letters.iter().map(|letter| letter.address.as_str()).collect();
        to.sort_unstable();
        assert_eq!(to, ["duty@example.org", "night@example.org"]);
        let review = reviews(&keeper).into_iter().find(|review| review["level"] == "critical").unwrap();
        for letter in &letters {
            let all = serde_json::to_string(&letter.letter).unwrap();
            assert!(all.contains(review["id"].as_str().unwrap()), "it names what to look for");
            for secret in ["ritical", WHY, call.strip_prefix("/contacts/").unwrap(), "/p/", "op-07"] {
                assert!(!all.contains(secret), "{secret} in {all}");
            }
        }
    }
}

fn the_clocks_of_a_ticket_follow_the_level_and_the_last_useful_moment_stays(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let exposed = calm(
        json!({"threat_to_kill": "yes", "contact_within_24h": "no", "living_together": "no", "penetration": "yes",
        "hours_since_penetration": 50}),
    );
    let call = seat.call(&exposed).place();
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    seat.post(&format!("{call}/tickets"), &needs).expect(201);
    let began = hotline.clock.now();
    let stands = || {
        let row = |db: &mut Db| {
            let contact = contacts::find(db, call.trim_start_matches("/contacts/"))?;
            let ticket = model::open_of_contact(db, &contact.id)?.remove(0);
            let referral = model::referrals_of(db, &ticket.id)?.remove(0);
            Ok((ticket.level, ticket.claim_due, referral.accept_due, ticket.care_by.unwrap()))
        };
        hotline.store.read_blocking(row).unwrap()
    };
    let care_by = stands().3;
    let at = |minutes: i64| began.plus(minutes * MINUTE);
    assert_eq!(stands(), ("high".into(), at(15), at(60), care_by));
    hotline.wait(12 * MINUTE);
    set(&seat, &call, "critical").expect(200);
    assert_eq!(
        stands(),
        ("critical".into(), at(15), at(12 + 15), care_by),
        "its targets start now, and nothing is due later than it was"
    );
    hotline.wait(MINUTE);
    set(&seat, &call, "medium").expect(200);
    assert_eq!(stands(), ("critical".into(), at(15), at(27), care_by), "until somebody has looked");
    decide(&keeper, &reviews(&keeper)[0], "agree").expect(200);
    let medium = ("medium".to_owned(), care_by.min(began.plus(4 * HOUR)), care_by, care_by);
    assert_eq!(stands(), medium, "as if issued so; a window of treatment is no slower for a lower level");
    let told = keeper.get("/tickets?queue=all").expect(200).json;
    assert_eq!(told["items"][0]["level"], json!("medium"));
}

fn the_last_high_or_critical_is_carried_to_her_next_call_until_it_is_reviewed(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let first = seat.call(&critical());
    let case = seat.post("/cases", &json!({"contact": first.text_of("id")})).expect(201).text_of("id");
    seat.post(&format!("{}/finish", first.place()), &json!({})).expect(200);

    let again = |form: Value, finish: bool| {
        let mut form = form;
        form["case"] = json!(case);
        form["finish"] = json!(finish);
        seat.call(&form)
    };
    let second = again(low(), false);
    assert_eq!((second.text_of("level"), &second.json["carried"]), ("critical".into(), &json!("critical")));
    assert_eq!(second.json["assessment"]["level"], json!("low"));
    assert_eq!(reviews(&keeper).len(), 0, "she is still speaking");
    seat.post(&format!("{}/finish", second.place()), &json!({})).expect(200);
    let waiting = reviews(&keeper);
    assert_eq!((&waiting[0]["kind"], &waiting[0]["proposed"]), (&json!("carried_level"), &json!("low")));
    assert_eq!(waiting[0]["opened_by"], Value::Null);

    decide(&keeper, &waiting[0], "refuse").expect(200);
    let third = again(high(), true);
    assert_eq!(third.text_of("level"), "critical", "it was looked at, and stays");
    let waiting = reviews(&keeper);
    decide(&keeper, &waiting[0], "agree").expect(200);
    let receipt = seat.get(&third.place()).expect(200);
    assert_eq!(receipt.text_of("level"), "high");
    let fourth = again(low(), false);
    assert_eq!((fourth.text_of("level"), &fourth.json["carried"]), ("high".into(), &json!("high")), "her last one");
    let patched = seat.patch(&fourth.place(), 1, &json!({"answers": {"weapon": "yes"}})).expect(200);
    assert_eq!(patched.text_of("level"), "critical");
    assert_eq!(again(low(), false).text_of("level"), "critical");
}

fn a_correction_of_the_call_itself_is_carried_nowhere(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat.call(&critical());
    let case = seat.post("/cases", &json!({"contact": call.text_of("id")})).expect(201).text_of("id");
    let version = seat.get(&call.place()).version();
    let corrected = seat.patch(&call.place(), version, &json!({"answers": {"weapon": "no"}})).expect(200);
    assert_eq!(corrected.text_of("level"), "low", "its own earlier level is not another call's");
    let mut next = low();
    next["case"] = json!(case);
    assert_eq!(seat.call(&next).text_of("level"), "low");
    assert_eq!(hotline.count("reviews"), 0);
}

fn a_review_of_a_case_that_must_not_be_seen_is_not_there(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let second = floor.seat("cd-02", Role::Coordinator);
    let call = seat.call(&high());
    let case = seat.post("/cases", &json!({"contact": call.text_of("id")})).expect(201).text_of("id");
    set(&seat, &call.place(), "medium").expect(200);
    let review = reviews(&keeper).remove(0);
    let parties = json!({"parties": [{"staff": keeper.staff.reference}]});
    seat.put(&format!("/cases/{case}/blocked"), 1, &parties).expect(204);
    assert_eq!(reviews(&keeper), [Value::Null; 0]);
    let path = format!("/reviews/{}", review["id"].as_str().unwrap());
    let (hidden, missing) = (keeper.get(&path).expect(404), keeper.get("/reviews/V-0000-0000-000").expect(404));
    assert_eq!(hidden.told(), missing.told());
    decide(&keeper, &review, "agree").expect(404);
    assert_eq!(reviews(&second).len(), 1);
    decide(&second, &review, "agree").expect(200);
}
