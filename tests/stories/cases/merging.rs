//! Two cases that turn out to be one woman's.

use goldaw::access::Role;
use goldaw::clock::SECOND;
use serde_json::{Value, json};

use super::{Known, look_up, terms, yes};
use crate::support::floor::{Floor, House, Seat};
use crate::support::http::Answer;
use crate::support::{Hotline, number, on_both_engines};

on_both_engines![
    both_references_and_both_words_lead_to_the_one_that_is_kept,
    what_was_sealed_in_either_opens_in_the_one_that_is_kept,
    the_kept_one_s_own_terms_and_plan_stay,
    nobody_who_was_blocked_in_either_sees_the_result,
    a_service_that_must_not_know_is_asked_no_longer,
    a_merge_needs_both_to_be_seen_and_says_no_more,
    of_two_who_merge_at_once_exactly_one_does,
    of_an_edit_and_a_merge_at_once_nothing_is_lost,
    the_higher_level_is_carried_on_and_a_death_is_not_merged_away,
    a_case_that_was_merged_twice_leads_to_the_last,
];

/// A call of a seat with a case of its own, and these terms, if any.
fn case(seat: &Seat<'_>, terms: Option<Value>) -> Known {
    let call = seat.draft();
    let made = seat.post("/cases", &json!({"contact": call.strip_prefix("/contacts/")})).expect(201);
    let known = Known { call, case: made.text_of("id") };
    if let Some(terms) = terms {
        seat.put(&format!("{}/safe-contact", known.place()), 1, &terms).expect(200);
    }
    known
}

fn other_terms() -> Value {
    json!({"may_call": true, "number": "8 61 000001", "if_another_answers": "A delivery.", "code_word": "Narpyz",
        "windows": [{"weekday": "mon", "from": "09:00", "to": "11:00"}]})
}

fn merge(seat: &Seat<'_>, kept: &Known, version: i64, other: &Known) -> Answer {
    let (key, tag) = (goldaw::storage::new_reference('I').unwrap(), format!("\"{version}\""));
    let headers = [("if-match", tag.as_str()), ("idempotency-key", key.as_str())];
    let ask =
        || seat.send("POST", &format!("{}/merge", kept.place()), &headers, &json!({"case": other.case.to_lowercase()}));
    let (first, again) = (ask(), ask());
    assert_eq!((first.status, first.told()), (again.status, again.told()), "asked again");
    first
}

fn both_references_and_both_words_lead_to_the_one_that_is_kept(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-01", Role::Counselor);
    let (kept, other) = (case(&seat, Some(terms())), case(&seat, Some(other_terms())));
    seat.post(&format!("{}/consents", other.place()), &yes(other.contact())).expect(201);
    let bare = seat.send("POST", &format!("{}/merge", kept.place()), &[], &json!({"case": other.case}));
    assert_eq!(bare.status, 428);
    let told = merge(&seat, &kept, 2, &other).expect(200);
    assert_eq!(
        (told.text_of("id"), told.version(), &told.json["merged"]),
        (kept.case.clone(), 3, &json!([other.case]))
    );
    assert_eq!(told.json["consents"].as_array().unwrap().len(), 1);
    let through = seat.get(&other.place()).expect(200);
    assert_eq!(through.told(), seat.get(&kept.place()).told());
    assert_eq!(seat.get(&other.call).text_of("case"), kept.case);
    let operator = floor.operator();
    let call = operator.draft();
    for by in [
        json!({"reference": other.case}),
        json!({"code_word": "sünbül"}),
        json!({"code_word": "narpyz"}),
        json!({"phone": "61 000001", "code_word": "narpyz"}),
        json!({"phone": "65 123456", "code_word": "narpyz"}),
    ] {
        assert_eq!(look_up(&operator, &call, by.clone())["case"]["id"], json!(kept.case), "{by}");
    }
    let tied = operator.patch(&call, 1, &json!({"case": other.case})).expect(200);
    assert_eq!(tied.text_of("case"), kept.case);
    let mut said = terms();
    said["code_word"] = json!("Çynar");
    seat.put(&format!("{}/safe-contact", other.place()), 3, &said).expect(200);
    for (word, found) in [("çynar", "found"), ("sünbül", "nothing"), ("narpyz", "nothing")] {
        assert_eq!(look_up(&operator, &call, json!({"code_word": word}))["result"], json!(found), "{word}");
    }
    let query = "SELECT count(*) AS value FROM trail WHERE action IN ('cases.merge', 'cases.merged')";
    assert_eq!(number(&mut hotline.stranger(), query), 2);
}

fn needs(houses: &[&House]) -> Value {
    let consent = json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need", "safe_contact"]});
    let services: Vec<&str> = houses.iter().map(|house| house.id.as_str()).collect();
    json!({"needs": [{"need": "safe_house", "services": services, "consent": consent}]})
}

fn what_was_sealed_in_either_opens_in_the_one_that_is_kept(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-01", Role::Counselor);
    let house = floor.house(&floor.seat("cd-01", Role::Coordinator), "Shelter", "safe_house");
    let (kept, other) = (case(&seat, None), case(&seat, Some(other_terms())));
    seat.put(&format!("{}/safety-plan", kept.place()), 1, &json!({"signal": "a red cloth"})).expect(200);
    let issued = seat.post(&format!("{}/tickets", other.call), &needs(&[&house])).expect(201);
    let ticket = format!("/tickets/{}", issued.text_of("id"));
    seat.post(&format!("{ticket}/claim"), &json!({})).expect(200);
    seat.post(&format!("{ticket}/notes"), &json!({"text": "She is at her aunt's."})).expect(200);
    let told = merge(&seat, &kept, 2, &other).expect(200).json;
    assert_eq!(told["safe_contact"]["number"], json!("+99361000001"), "it had none of its own");
    assert_eq!((&told["safety_plan"]["signal"], &told["may_call_now"]), (&json!("a red cloth"), &json!(true)));
    let told = seat.get(&ticket).expect(200);
    assert_eq!(told.text_of("case"), kept.case);
    assert_eq!(told.json["notes"][0]["text"], json!("She is at her aunt's."));
    assert_eq!(told.json["survivor"]["may_call"], json!(true), "{told:?}");
    seat.post(&format!("{ticket}/notes"), &json!({"text": "Until five."})).expect(200);
    let again = seat.post(&format!("{}/tickets", kept.call), &needs(&[&house])).expect(409);
    assert_eq!(again.text_of("code"), "need_already_live", "it is one woman's need");
    seat.put(&format!("{}/safe-contact", kept.place()), 3, &terms()).expect(200);
}

fn the_kept_one_s_own_terms_and_plan_stay(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-01", Role::Counselor);
    let (kept, other) = (case(&seat, Some(terms())), case(&seat, Some(other_terms())));
    seat.put(&format!("{}/safety-plan", other.place()), 2, &json!({"signal": "theirs"})).expect(200);
    seat.put(&format!("{}/safety-plan", other.place()), 3, &json!({"signal": "a lamp"})).expect(200);
    let told = merge(&seat, &kept, 2, &other).expect(200);
    assert_eq!(told.version(), 5, "no version of either is one of the result");
    assert_eq!(told.json["safe_contact"]["code_word"], terms()["code_word"]);
    assert_eq!(told.json["safety_plan"]["signal"], json!("a lamp"));
    for place in [kept.place(), other.place()] {
        for version in [2, 4] {
            seat.put(&format!("{place}/safety-plan"), version, &json!({})).expect(412);
        }
    }
}

fn block(seat: &Seat<'_>, known: &Known, parties: Value) {
    seat.send("PUT", &format!("{}/blocked", known.place()), &[], &json!({"parties": parties})).expect(204);
}

fn nobody_who_was_blocked_in_either_sees_the_result(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, house) = (
        floor.seat("co-01", Role::Counselor),
        floor.house(&floor.seat("cd-09", Role::Coordinator), "Shelter", "safe_house"),
    );
    let (brother, cousin) = (floor.seat("co-02", Role::Counselor), floor.seat("co-03", Role::Counselor));
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let (kept, other) = (case(&seat, Some(terms())), case(&seat, Some(other_terms())));
    // Each of them is in the file from which he is not blocked: with a call, a ticket and a review.
    let his = brother.call(&json!({"channel": "phone", "case": other.case})).place();
    let theirs = cousin.call(&json!({"channel": "phone", "case": kept.case})).place();
    let issued = seat.post(&format!("{}/tickets", other.call), &needs(&[&house])).expect(201);
    let ticket = format!("/tickets/{}", issued.text_of("id"));
    brother.post(&format!("{ticket}/claim"), &json!({})).expect(200);
    seat.call(&json!({"channel": "phone", "case": other.case}));
    let review = keeper.get("/reviews").json["items"][0]["id"].as_str().unwrap().to_owned();
    block(&seat, &kept, json!([{"staff": brother.staff.reference}, {"staff": keeper.staff.reference}]));
    block(&seat, &other, json!([{"staff": cousin.staff.reference}]));
    brother.get(&other.place()).expect(200);
    cousin.get(&kept.place()).expect(200);
    merge(&seat, &kept, 2, &other).expect(200);
    let missing = brother.get("/contacts/C-0000-0000-000").expect(404).told();
    for blocked in [&brother, &cousin, &keeper] {
        for path in [&his, &theirs, &kept.call, &other.call, &ticket] {
            assert_eq!(blocked.get(path).expect(404).told(), missing, "{path}");
        }
        assert_eq!(blocked.get("/tickets").json["items"], json!([]));
    }
    for blocked in [&brother, &cousin] {
        assert_eq!(blocked.get(&kept.place()).expect(404).told(), missing);
        assert_eq!(blocked.get(&other.place()).expect(404).told(), missing);
        let mine = blocked.draft();
        for by in [
            json!({"reference": kept.case}),
            json!({"reference": other.case}),
            json!({"code_word": "sünbül"}),
            json!({"code_word": "narpyz"}),
            json!({"phone": "65 123456"}),
            json!({"phone": "61 000001"}),
        ] {
            assert_eq!(look_up(blocked, &mine, by), json!({"result": "nothing"}));
        }
    }
    assert_eq!(keeper.get(&format!("/reviews/{review}")).expect(404).told(), missing);
    seat.post(&format!("{ticket}/claim"), &json!({})).expect(200);
}

fn a_service_that_must_not_know_is_asked_no_longer(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.seat("co-01", Role::Counselor), floor.seat("cd-01", Role::Coordinator));
    let (first, second) = (floor.house(&keeper, "Shelter", "safe_house"), floor.house(&keeper, "Haven", "safe_house"));
    let (kept, other) = (case(&seat, None), case(&seat, None));
    let issued = seat.post(&format!("{}/tickets", other.call), &needs(&[&first, &second])).expect(201);
    block(&seat, &kept, json!([{"organisation": first.organisation}]));
    merge(&seat, &kept, 1, &other).expect(200);
    let referral = format!("/referrals/{}", issued.json["referrals"][0]["id"].as_str().unwrap());
    let told = keeper.get(&referral).expect(200);
    assert_eq!((told.text_of("state"), &told.json["service"]["id"]), ("requested".into(), &json!(second.id)));
    let letters = floor.deliver();
    let to: Vec<_> = letters.iter().map(|letter| letter.address.as_str()).collect();
    assert_eq!(to, ["haven@example.org"]);
}

fn a_merge_needs_both_to_be_seen_and_says_no_more(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, colleague) = (floor.seat("co-01", Role::Counselor), floor.seat("co-02", Role::Counselor));
    let (kept, other) = (case(&seat, None), case(&colleague, None));
    let nowhere = Known { call: String::new(), case: "K-0000-0000-000".into() };
    let missing = merge(&seat, &kept, 1, &nowhere).expect(422);
    assert_eq!(missing.problems(), ["/case: not_found"]);
    assert_eq!(merge(&seat, &kept, 1, &other).expect(422).told(), missing.told());
    let missing = merge(&seat, &nowhere, 1, &kept).expect(404);
    assert_eq!(merge(&seat, &other, 1, &kept).expect(404).told(), missing.told());
    assert_eq!(merge(&seat, &kept, 1, &kept).expect(422).problems(), ["/case: the_same"]);
    assert_eq!(merge(&floor.operator(), &kept, 1, &other).status, 403);
    assert_eq!(merge(&floor.seat("cd-01", Role::Coordinator), &kept, 1, &other).status, 403);
    // A ticket that she holds opens the other to her.
    let house = floor.house(&floor.seat("cd-02", Role::Coordinator), "Shelter", "safe_house");
    let issued = colleague.post(&format!("{}/tickets", other.call), &needs(&[&house])).expect(201);
    seat.post(&format!("/tickets/{}/claim", issued.text_of("id")), &json!({})).expect(200);
    merge(&seat, &kept, 1, &other).expect(200);
}

type Asked<'a> = (&'a Seat<'a>, &'static str, String, i64, Value);

/// Two people at one moment; gives the two statuses.
fn at_once(floor: &Floor<'_>, asked: [Asked<'_>; 2]) -> [u16; 2] {
    let app = &floor.app;
    let ready = asked.map(|(seat, method, path, version, body)| {
        (app.token_of(floor.hotline, &seat.staff), method, path, format!("\"{version}\""), body.to_string())
    });
    std::thread::scope(|scope| {
        ready
            .each_ref()
            .map(|(token, method, path, tag, body)| {
                scope.spawn(move || {
                    let headers = [("content-type", "application/json"), ("if-match", tag.as_str())];
                    app.ask(method, &format!("/api/v1{path}"), token, &headers, Some(body)).status
                })
            })
            .map(|thread| thread.join().unwrap())
    })
}

fn of_two_who_merge_at_once_exactly_one_does(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, colleague) = (floor.seat("co-01", Role::Counselor), floor.seat("co-02", Role::Counselor));
    let shared = || {
        let known = case(&seat, None);
        colleague.call(&json!({"channel": "phone", "case": known.case}));
        known
    };
    let merge = |by, kept: &Known, other: &Known| {
        (by, "POST", format!("{}/merge", kept.place()), 1, json!({"case": other.case}))
    };
    for round in 0..4 {
        let (first, second, third) = (shared(), shared(), shared());
        // Each into the other, or both the same way, or one into two.
        let asked = match round % 3 {
            0 => [merge(&seat, &first, &second), merge(&colleague, &second, &first)],
            1 => [merge(&seat, &first, &second), merge(&colleague, &first, &second)],
            _ => [merge(&seat, &first, &second), merge(&colleague, &third, &second)],
        };
        let mut told = at_once(&floor, asked);
        told.sort_unstable();
        assert!(told[0] == 200 && [409, 412].contains(&told[1]), "{round}: {told:?}");
        let query = "SELECT count(*) AS value FROM cases WHERE merged_into IS NOT NULL";
        assert_eq!(number(&mut hotline.stranger(), query), round + 1);
    }
    let lost = "SELECT count(*) AS value FROM contacts JOIN cases ON cases.id = case_id WHERE merged_into IS NOT NULL";
    assert_eq!(number(&mut hotline.stranger(), lost), 0);
}

fn of_an_edit_and_a_merge_at_once_nothing_is_lost(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, colleague) = (floor.seat("co-01", Role::Counselor), floor.seat("co-02", Role::Counselor));
    for round in 0..6 {
        let (kept, other) = (case(&seat, None), case(&seat, None));
        colleague.call(&json!({"channel": "phone", "case": kept.case}));
        colleague.call(&json!({"channel": "phone", "case": other.case}));
        let edited = if round % 2 == 0 { &kept } else { &other };
        let edit = (&colleague, "PUT", format!("{}/safe-contact", edited.place()), 1, other_terms());
        let merge = (&seat, "POST", format!("{}/merge", kept.place()), 1, json!({"case": other.case}));
        let told = at_once(&floor, [edit, merge]);
        let terms = seat.get(&other.place()).expect(200).json["safe_contact"].clone();
        match (round % 2, told) {
            (0, [200, 412]) => {}
            (1, [200, 200]) => assert_eq!(terms["code_word"], json!("Narpyz"), "what came first came along"),
            (_, [412, 200]) => assert_eq!(terms, Value::Null),
            other => panic!("{other:?}"),
        }
    }
}

fn the_higher_level_is_carried_on_and_a_death_is_not_merged_away(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-01", Role::Counselor);
    let grave = seat.call(&json!({"channel": "phone", "answers": {"weapon": "yes"}}));
    let other = seat.post("/cases", &json!({"contact": grave.text_of("id")})).expect(201).text_of("id");
    let (kept, other) = (case(&seat, None), Known { call: grave.place(), case: other });
    assert_eq!(merge(&seat, &kept, 1, &other).expect(200).text_of("level"), "critical");
    let next = seat.call(&json!({"channel": "phone", "case": kept.case}));
    assert_eq!((next.text_of("level"), &next.json["carried"]), ("critical".into(), &json!("critical")));
    let dead = case(&seat, None);
    seat.post(&format!("{}/close", dead.place()), &json!({"reason": "died"})).expect(200);
    assert_eq!(merge(&seat, &kept, 2, &dead).expect(409).text_of("code"), "died");
    assert_eq!(merge(&seat, &dead, 2, &kept).expect(409).text_of("code"), "died");
}

fn a_case_that_was_merged_twice_leads_to_the_last(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.seat("co-01", Role::Counselor);
    let first = case(&seat, None);
    hotline.wait(SECOND);
    let (second, third) = (case(&seat, Some(terms())), case(&seat, None));
    merge(&seat, &second, 2, &first).expect(200);
    let told = merge(&seat, &third, 1, &second).expect(200);
    assert_eq!((told.version(), &told.json["merged"]), (4, &json!([first.case, second.case])));
    for place in [first.place(), second.place()] {
        assert_eq!(seat.get(&place).expect(200).text_of("id"), third.case);
    }
    assert_eq!(told.json["safe_contact"]["code_word"], terms()["code_word"]);
    let reviews = floor.seat("cd-01", Role::Coordinator).get("/reviews").json["items"].clone();
    assert_eq!((reviews.as_array().unwrap().len(), &reviews[0]["kind"]), (1, &json!("repeat_contacts")));
    assert_eq!(merge(&seat, &third, 4, &first).expect(409).text_of("code"), "merged");
    let call = seat.draft();
    assert_eq!(look_up(&seat, &call, json!({"code_word": "sünbül"}))["case"]["id"], json!(third.case));
}
