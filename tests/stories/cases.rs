//! Cases over HTTP: found again by what she knows, kept from whom she fears, called only as she said.

mod closing;
mod merging;
mod repeats;
mod without_yes;

use goldaw::access::Role;
use goldaw::clock::{DAY, HOUR, SECOND};
use goldaw::input::instant;
use serde_json::{Value, json};

use crate::support::canary::{assert_nowhere, everything};
use crate::support::floor::{Floor, Seat};
use crate::support::{Hotline, number, on_both_engines};

on_both_engines![
    she_is_found_by_reference_or_word_and_a_number_alone_proves_nothing,
    a_look_up_needs_an_open_call_of_one_s_own,
    thirty_look_ups_an_hour_and_no_more,
    whoever_must_not_know_finds_nothing_anywhere,
    she_is_called_only_as_she_said_and_for_as_long_as_she_said,
    her_terms_come_back_as_she_gave_them_and_an_old_version_does_not_replace_them,
    her_plan_is_kept_beside_her_terms_and_two_who_write_at_once_do_not_undo_each_other,
    a_yes_is_heard_only_while_she_is_on_the_line,
    a_no_is_written_down_too,
    a_yes_to_a_referral_names_the_service,
    a_case_belongs_to_who_speaks_with_her,
];

/// A call with a case and her terms in it.
struct Known {
    call: String,
    case: String,
}

impl Known {
    fn contact(&self) -> &str {
        self.call.strip_prefix("/contacts/").unwrap()
    }

    fn place(&self) -> String {
        format!("/cases/{}", self.case)
    }
}

fn terms() -> Value {
    json!({
        "may_call": true, "number": "8 65 123456", "if_another_answers": "Wrong number, sorry.", "code_word": "Sünbül",
        "windows": [{"weekday": "mon", "from": "09:00", "to": "11:00"}, {"weekday": "sat", "from": "22:00", "to": "01:00"}],
        "dropped_call": "she_calls", "woman_only": true,
    })
}

fn known(seat: &Seat<'_>) -> Known {
    let call = seat.draft();
    let case = seat.post_twice("/cases", &json!({"contact": call.strip_prefix("/contacts/")})).expect(201);
    let known = Known { call, case: case.text_of("id") };
    seat.put(&format!("{}/safe-contact", known.place()), 1, &terms()).expect(200);
    known
}

/// What a look-up says, asked from an open call of this seat.
fn look_up(seat: &Seat<'_>, call: &str, by: Value) -> Value {
    let mut body = by;
    body["contact"] = json!(call.strip_prefix("/contacts/"));
    seat.post("/cases/lookup", &body).expect(200).json
}

fn she_is_found_by_reference_or_word_and_a_number_alone_proves_nothing(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let known = known(&first);
    let call = second.draft();
    let ask = |by: Value| look_up(&second, &call, by);
    let found = json!({"result": "found", "case": {"id": known.case, "status": "open", "level": "low"}});
    let level = ask(json!({"reference": known.case}))["case"]["level"].clone();
    let found = {
        let mut found = found;
        found["case"]["level"] = level;
        found
    };
    for by in [
        json!({"reference": known.case.to_lowercase().replace('-', " ")}),
        json!({"code_word": "sünbül"}),
        json!({"phone": "+993 65 12 34 56", "code_word": "SÜNBÜL"}),
    ] {
        assert_eq!(ask(by.clone()), found, "{by}");
    }
    assert_eq!(ask(json!({"phone": "65 123456"})), json!({"result": "possible_verify_the_word"}));
    for by in [
        json!({"phone": "65 123457"}),
        json!({"code_word": "sunbul"}),
        json!({"reference": "K-0000-0000-000"}),
        json!({"phone": "65 123457", "code_word": "sünbül"}),
        json!({"phone": "nonsense"}),
    ] {
        assert_eq!(ask(by.clone()), json!({"result": "nothing"}), "{by}");
    }
    for wrong in [json!({}), json!({"reference": known.case, "code_word": "x"}), json!({"contact": "x", "phone": "1"})]
    {
        second.post("/cases/lookup", &wrong).expect(422);
    }
    second.patch(&call, 1, &json!({"case": known.case})).expect(200);
    second.get(&known.place()).expect(200);
}

fn a_look_up_needs_an_open_call_of_one_s_own(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let known = known(&first);
    let over = second.call(&json!({"channel": "phone", "finish": true})).text_of("id");
    for contact in [known.contact(), &over, "C-0000-0000-000"] {
        let told = second.post("/cases/lookup", &json!({"contact": contact, "code_word": "sünbül"})).expect(422);
        assert!(told.problems()[0].starts_with("/contact: not_"), "{told:?}");
    }
    let mine = second.draft();
    look_up(&second, &mine, json!({"phone": "65 123456"}));
    let query = "SELECT count(*) AS value FROM trail WHERE action = 'cases.look_up' AND outcome = 'possible'";
    assert_eq!(number(&mut hotline.stranger(), query), 1);
    assert_eq!(
        number(&mut hotline.stranger(), "SELECT count(*) AS value FROM trail WHERE subject LIKE '%65123456%'"),
        0
    );
}

fn thirty_look_ups_an_hour_and_no_more(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, other) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let (call, theirs) = (seat.draft(), other.draft());
    let body = json!({"contact": call.strip_prefix("/contacts/"), "phone": "65 123456"});
    for _ in 0..30 {
        seat.post("/cases/lookup", &body).expect(200);
    }
    let told = seat.post("/cases/lookup", &body).expect(429);
    assert!(told.header("retry-after").parse::<u32>().unwrap() > 0);
    look_up(&other, &theirs, json!({"phone": "65 123456"}));
}

fn whoever_must_not_know_finds_nothing_anywhere(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, brother) = (floor.operator(), floor.seat("co-01", Role::Counselor));
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let known = known(&first);
    first.patch(&known.call, 1, &json!({"rejoin_word": "narpyz"})).expect(200);
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    let ticket = first.post(&format!("{}/tickets", known.call), &needs).expect(201);
    let referral = ticket.json["referrals"][0]["id"].as_str().unwrap().to_owned();
    let ticket = format!("/tickets/{}", ticket.text_of("id"));
    brother.get(&ticket).expect(200);
    let parties = json!({"parties": [{"staff": brother.staff.reference}, {"staff": keeper.staff.reference}]});
    first.send("PUT", &format!("{}/blocked", known.place()), &[], &parties).expect(204);
    let missing = brother.get("/contacts/C-0000-0000-000").expect(404).told();
    let mine = brother.draft();
    for told in [
        brother.post(&format!("{}/rejoin", known.call), &json!({"word": "narpyz"})),
        brother.get(&known.place()),
        brother.get(&ticket),
        brother.post(&format!("{ticket}/claim"), &json!({})),
        brother.get(&format!("/referrals/{referral}")),
        brother.get(&known.call),
        keeper.get(&known.call),
        keeper.get(&ticket),
        keeper.get(&format!("{}/timeline", known.call)),
    ] {
        assert_eq!(told.expect(404).told(), missing);
    }
    for by in [json!({"reference": known.case}), json!({"code_word": "sünbül"}), json!({"phone": "65 123456"})] {
        assert_eq!(look_up(&brother, &mine, by), json!({"result": "nothing"}));
    }
    assert_eq!(brother.get("/tickets").json["items"], json!([]));
    assert!(!keeper.get("/contacts").text.contains(known.contact()));
    assert_eq!(keeper.get("/reports/response-times").json["items"], json!([]));
    let tied = |case: &str| brother.patch(&mine, 1, &json!({"case": case})).expect(422).told();
    assert_eq!(tied(&known.case), tied("K-0000-0000-000"));
}

fn she_is_called_only_as_she_said_and_for_as_long_as_she_said(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let known = known(&seat);
    for (when, may) in [
        ("2026-11-23T09:00:00+05:00", true),
        ("2026-11-23T10:59:59+05:00", true),
        ("2026-11-23T11:00:00+05:00", false),
        ("2026-11-28T22:30:00+05:00", true),
        ("2026-11-29T00:59:59+05:00", true),
        ("2026-11-29T01:00:00+05:00", false),
        ("2026-11-30T08:59:59+05:00", false),
        ("2026-11-30T09:30:00+05:00", false),
    ] {
        hotline.clock.set(instant(when).unwrap());
        assert_eq!(seat.get(&known.place()).expect(200).json["may_call_now"], may, "{when}");
    }
    // Past a week they had ended; said again, they hold again, until when she says.
    let until = hotline.clock.now().plus(HOUR);
    let mut again = terms();
    again["expires_at"] = json!(until);
    let place = format!("{}/safe-contact", known.place());
    assert_eq!(seat.put(&place, 2, &again).expect(200).json["may_call_now"], true);
    hotline.clock.set(until);
    assert_eq!(seat.get(&known.place()).json["may_call_now"], false);
    assert_eq!(seat.put(&place, 3, &json!({"may_call": false})).expect(200).json["may_call_now"], false);
}

fn her_terms_come_back_as_she_gave_them_and_an_old_version_does_not_replace_them(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let known = known(&seat);
    let kept = seat.get(&known.place()).expect(200);
    assert_eq!(kept.version(), 2);
    let hers = &kept.json["safe_contact"];
    for name in ["may_call", "if_another_answers", "code_word", "windows", "dropped_call", "woman_only"] {
        assert_eq!(hers[name], terms()[name], "{name}");
    }
    let now = hotline.clock.now();
    assert_eq!((&hers["number"], &hers["confirmed_at"]), (&json!("+99365123456"), &json!(now)));
    assert_eq!(hers["expires_at"], json!(now.plus(7 * DAY)));
    let place = format!("{}/safe-contact", known.place());
    assert_eq!(seat.put(&place, 1, &json!({})).expect(412).json["version"], 2);
    seat.send("PUT", &place, &[], &json!({})).expect(428);
    for wrong in [
        json!({"may_call": true}),
        json!({"may_leave_message": true}),
        json!({"windows": [{"weekday": "mon", "from": "9:00"}]}),
    ] {
        seat.put(&place, 2, &wrong).expect(422);
    }
    assert_eq!(seat.get(&known.place()).version(), 2);
}

fn her_plan_is_kept_beside_her_terms_and_two_who_write_at_once_do_not_undo_each_other(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let known = known(&seat);
    assert_eq!(seat.get(&known.place()).json["safety_plan"], Value::Null);
    let place = format!("{}/safety-plan", known.place());
    let plan =
        json!({"warning_signs": "Wplanqxsign", "signal": "Wplanqxcloth", "to_take": "Papers lie with Wplanqxaunt."});
    let kept = seat.put(&place, 2, &plan).expect(200);
    let (told, terms) = (&kept.json["safety_plan"], &kept.json["safe_contact"]);
    for name in ["warning_signs", "signal", "to_take"] {
        assert_eq!(told[name], plan[name]);
    }
    assert_eq!((&told["agreed_at"], &told["children"]), (&json!(hotline.clock.now()), &Value::Null));
    assert_eq!((kept.version(), &terms["code_word"]), (3, &json!("Sünbül")), "her terms are as they were");
    assert_eq!(seat.put(&place, 2, &json!({})).expect(412).json["version"], 3);
    seat.send("PUT", &place, &[], &plan).expect(428);
    assert_eq!(seat.put(&place, 3, &json!({"signal": 7})).expect(422).problems(), ["/signal: not_text"]);
    let told = seat.put(&format!("{}/safe-contact", known.place()), 3, &json!({"may_call": false})).expect(200);
    assert_eq!(told.json["safety_plan"]["signal"], json!("Wplanqxcloth"), "nor do her terms undo her plan");
    assert_nowhere(&everything(hotline), &["Wplanqxsign", "Wplanqxcloth", "Wplanqxaunt"]);
    let query = "SELECT count(*) AS value FROM trail WHERE action = 'cases.safety_plan'";
    assert_eq!(number(&mut hotline.stranger(), query), 1);
}

fn yes(contact: &str) -> Value {
    json!({"contact": contact, "scope": "callback", "given": true, "given_by": "survivor", "how": "verbal"})
}

fn a_yes_is_heard_only_while_she_is_on_the_line(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-01", Role::Counselor);
    let known = known(&seat);
    let consents = format!("{}/consents", known.place());
    seat.post_twice(&consents, &yes(known.contact())).expect(201);
    hotline.wait(60 * SECOND);
    let said_at = hotline.clock.now();
    seat.post(&format!("{}/finish", known.call), &json!({})).expect(200);
    hotline.wait(60 * SECOND);
    let late = seat.post(&consents, &yes(known.contact())).expect(422);
    assert_eq!(late.problems(), ["/consented_at: outside_the_contact"]);
    for (at, expected) in
        [(said_at, 201), (said_at.plus(SECOND), 422), (said_at.plus(-DAY), 422), (said_at.plus(DAY), 422)]
    {
        let mut body = yes(known.contact());
        body["consented_at"] = json!(at);
        seat.post(&consents, &body).expect(expected);
    }
    let mut written = yes(known.contact());
    written["how"] = json!("written");
    seat.post(&consents, &written).expect(201);
    assert_eq!(hotline.count("consents"), 3);
}

fn a_no_is_written_down_too(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let known = known(&seat);
    let mut no = yes(known.contact());
    no["given"] = json!(false);
    assert_eq!(seat.post(&format!("{}/consents", known.place()), &no).expect(201).json["given"], false);
    let kept = seat.get(&known.place()).json["consents"].clone();
    assert_eq!(
        (kept.as_array().unwrap().len(), &kept[0]["given"], &kept[0]["scope"]),
        (1, &json!(false), &json!("callback"))
    );
    let query = "SELECT count(*) AS value FROM trail WHERE action = 'cases.consent' AND reason = 'refused'";
    assert_eq!(number(&mut hotline.stranger(), query), 1);
}

fn a_yes_to_a_referral_names_the_service(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let house = floor.house(&floor.seat("cd-01", Role::Coordinator), "Shelter", "safe_house");
    let known = known(&seat);
    let mut body = yes(known.contact());
    body["scope"] = json!("referral");
    body["named_aloud"] = json!(true);
    let consents = format!("{}/consents", known.place());
    assert_eq!(seat.post(&consents, &body).expect(422).problems(), ["/service: required"]);
    body["service"] = json!("S-0000-0000-000");
    assert_eq!(seat.post(&consents, &body).expect(422).problems(), ["/service: not_found"]);
    body["service"] = json!(house.id);
    seat.post(&consents, &body).expect(201);
    body["named_aloud"] = json!(false);
    assert_eq!(seat.post(&consents, &body).expect(422).problems(), ["/named_aloud: must_be_said"]);
    let other = seat.draft();
    body["named_aloud"] = json!(true);
    body["contact"] = json!(other.strip_prefix("/contacts/"));
    assert_eq!(seat.post(&consents, &body).expect(422).problems(), ["/contact: of_another_case"]);
}

fn a_case_belongs_to_who_speaks_with_her(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let known = known(&first);
    let missing = second.get("/cases/K-0000-0000-000").expect(404).told();
    for told in [
        second.get(&known.place()),
        second.put(&format!("{}/safe-contact", known.place()), 2, &json!({})),
        second.post(&format!("{}/consents", known.place()), &yes(known.contact())),
        second.send("PUT", &format!("{}/blocked", known.place()), &[], &json!({"parties": []})),
    ] {
        assert_eq!(told.expect(404).told(), missing);
    }
    first.post(&format!("{}/finish", known.call), &json!({})).expect(200);
    assert_eq!(first.get(&known.place()).expect(404).told(), missing, "her part is over");
}
