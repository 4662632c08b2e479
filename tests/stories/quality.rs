//! Whether help was any good: she is asked when it is safe, and whoever complains is heard by nobody
//! whom the complaint is about.

use diesel::prelude::*;
use goldaw::access::Role;
use goldaw::clock::{DAY, HOUR, MINUTE};
use goldaw::storage::By;
use goldaw::storage::schema::complaints;
use serde_json::{Value, json};

use crate::support::floor::{Floor, House, Seat};
use crate::support::http::Answer;
use crate::support::{Hotline, number, on_both_engines};

on_both_engines![
    she_is_asked_in_her_window_a_week_after_help_ended_and_once,
    nobody_asks_without_terms_or_against_her_word,
    her_terms_that_end_sooner_bring_the_question_forward,
    her_own_word_is_kept_apart_and_the_question_is_settled,
    who_is_not_safe_is_looked_at_today,
    no_feedback_without_a_question_or_before_her_window,
    what_she_says_by_herself_waits_for_no_window,
    taking_the_consent_back_takes_the_question_back,
    each_service_is_counted_and_small_counts_are_for_coordinators,
    a_complaint_is_sealed_and_decided_by_somebody_else,
    nobody_hears_or_decides_a_complaint_about_themselves,
    a_complaint_of_a_hidden_case_is_not_there_even_after_a_merge,
    a_grave_complaint_pages_and_the_letter_names_the_review_only,
    whoever_complains_names_only_what_they_work_with,
    complaints_are_listed_by_service_page_by_page,
    a_complaint_of_an_erased_case_has_no_words,
];

/// The people of a story, and a shelter.
struct Desk<'a> {
    hotline: &'a Hotline,
    operator: Seat<'a>,
    keeper: Seat<'a>,
    house: House,
}

/// Somebody for whom help was asked.
struct Her {
    call: String,
    case: String,
    referral: String,
}

impl<'a> Desk<'a> {
    fn at(hotline: &'a Hotline, floor: &'a Floor<'a>) -> Desk<'a> {
        let (operator, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
        let house = floor.house(&keeper, "Shelter", "safe_house");
        Desk { hotline, operator, keeper, house }
    }

    fn her(&self) -> Her {
        let call = self.operator.draft();
        let consent =
            json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
        let needs = json!({"needs": [{"need": "safe_house", "services": [self.house.id], "consent": consent}]});
        let ticket = self.operator.post(&format!("{call}/tickets"), &needs).expect(201);
        let referral = ticket.json["referrals"][0]["id"].as_str().unwrap().to_owned();
        Her { call, case: ticket.text_of("case"), referral }
    }

    /// She may be called on Wednesdays from ten to twelve for so many days; it is Monday at nine.
    fn agree(&self, her: &Her, days: i64) {
        let terms = json!({"expires_at": self.hotline.clock.now().plus(days * DAY), "may_call": true,
            "number": "65 123456", "if_another_answers": "a survey",
            "windows": [{"weekday": "wed", "from": "10:00", "to": "12:00"}]});
        self.operator.put(&format!("/cases/{}/safe-contact", her.case), 1, &terms).expect(200);
    }

    /// What she says of being called back; gives the consent's reference.
    fn callback(&self, her: &Her, given: bool) -> String {
        self.hotline.wait(MINUTE);
        let call = her.call.strip_prefix("/contacts/").unwrap();
        let said =
            json!({"contact": call, "scope": "callback", "given": given, "given_by": "survivor", "how": "verbal"});
        self.operator.post(&format!("/cases/{}/consents", her.case), &said).expect(201).text_of("id")
    }

    /// The shelter helps.
    fn help(&self, her: &Her) {
        for step in ["accept", "start", "complete"] {
            self.keeper.post(&format!("/referrals/{}/{step}", her.referral), &json!({})).expect(200);
        }
    }

    /// Help that ended so long ago that she may be asked now.
    fn helped_and_due(&self) -> Her {
        let her = self.her();
        self.agree(&her, 30);
        self.help(&her);
        self.hotline.wait(14 * DAY);
        her
    }

    fn questions(&self) -> Vec<Value> {
        self.keeper.get("/tasks?kind=feedback").expect(200).json["items"].as_array().unwrap().clone()
    }
}

fn said(her: &Her, received: &str, safe: &str) -> Value {
    json!({"referral": her.referral, "received": received, "safe": safe, "would_call_again": "yes"})
}

fn code(answer: Answer) -> String {
    answer.expect(409).text_of("code")
}

fn she_is_asked_in_her_window_a_week_after_help_ended_and_once(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let her = desk.her();
    desk.agree(&her, 30);
    assert!(desk.questions().is_empty());
    desk.help(&her);
    let asked = desk.questions();
    let wednesday_ten = hotline.clock.now().plus(9 * DAY + HOUR);
    assert_eq!((asked.len(), &asked[0]["due"]), (1, &json!(wednesday_ten)));
    assert_eq!((&asked[0]["referral"], &asked[0]["service"]), (&json!(her.referral), &json!(desk.house.id)));
    assert_eq!((&asked[0]["case"], &asked[0]["waiting_safe_window"]), (&json!(her.case), &json!(true)));
}

fn nobody_asks_without_terms_or_against_her_word(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let silent = desk.her();
    desk.callback(&silent, true);
    desk.help(&silent);
    let refused = desk.her();
    desk.agree(&refused, 30);
    desk.callback(&refused, true);
    desk.callback(&refused, false);
    desk.help(&refused);
    assert!(desk.questions().is_empty());
    let willing = desk.her();
    desk.agree(&willing, 30);
    desk.callback(&willing, true);
    desk.help(&willing);
    assert_eq!(desk.questions().len(), 1);
}

fn her_terms_that_end_sooner_bring_the_question_forward(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let her = desk.her();
    desk.agree(&her, 7);
    desk.help(&her);
    assert_eq!(desk.questions()[0]["due"], json!(hotline.clock.now().plus(2 * DAY + HOUR)), "Wednesday of this week");
}

fn her_own_word_is_kept_apart_and_the_question_is_settled(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let confirmed = |her: &Her| desk.keeper.get(&format!("/referrals/{}", her.referral)).json["help_confirmed"].clone();
    let her = desk.helped_and_due();
    assert_eq!(confirmed(&her), Value::Null, "what the partner reports is not her word");
    let heard = desk.operator.post_twice("/feedback", &said(&her, "yes", "yes")).expect(201);
    assert_eq!((&heard.json["referral"], &heard.json["received"]), (&json!(her.referral), &json!("yes")));
    assert_eq!(confirmed(&her), json!(true));
    let done = desk.keeper.get("/tasks?state=done&kind=feedback").json["items"][0].clone();
    assert_eq!((&done["outcome"], &done["done_by"]), (&json!("done"), &json!("op-07")));
    assert_eq!(code(desk.operator.post("/feedback", &said(&her, "no", "no"))), "ended");
    let not = desk.helped_and_due();
    desk.operator.post("/feedback", &said(&not, "no", "yes")).expect(201);
    let mute = desk.helped_and_due();
    desk.operator.post("/feedback", &said(&mute, "declined", "unknown")).expect(201);
    assert_eq!((confirmed(&not), confirmed(&mute)), (json!(false), Value::Null));
}

fn who_is_not_safe_is_looked_at_today(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let reviews = || desk.keeper.get("/tasks?kind=case_review").json["items"].as_array().unwrap().clone();
    let (well, afraid) = (desk.helped_and_due(), desk.helped_and_due());
    desk.operator.post("/feedback", &said(&well, "yes", "yes")).expect(201);
    assert!(reviews().is_empty());
    desk.operator.post("/feedback", &said(&afraid, "yes", "no")).expect(201);
    let open = reviews();
    assert_eq!((open.len(), &open[0]["case"]), (1, &json!(afraid.case)));
    assert_eq!(open[0]["due"], json!(hotline.clock.now().plus(4 * HOUR)));
}

fn no_feedback_without_a_question_or_before_her_window(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let unasked = desk.her();
    desk.help(&unasked);
    let lost = desk.operator.post("/feedback", &said(&unasked, "yes", "yes")).expect(422);
    assert_eq!(lost.problems(), ["/referral: not_found"]);
    let early = desk.her();
    desk.agree(&early, 30);
    desk.help(&early);
    assert_eq!(code(desk.operator.post("/feedback", &said(&early, "yes", "yes"))), "waits_for_her_window");
    let parties = json!({"parties": [{"staff": desk.keeper.staff.reference}]});
    desk.operator.put(&format!("/cases/{}/blocked", early.case), 2, &parties).expect(204);
    let hidden = desk.keeper.post("/feedback", &said(&early, "yes", "yes")).expect(422);
    assert_eq!(hidden.told(), lost.told(), "what is hidden is answered as what is not there");
    assert_eq!(hotline.count("feedback"), 0);
}

fn what_she_says_by_herself_waits_for_no_window(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let (her, other) = (desk.her(), desk.her());
    desk.agree(&her, 30);
    desk.help(&her);
    let tell = |call: &str| {
        let mut body = said(&her, "yes", "yes");
        body["contact"] = json!(call.trim_start_matches("/contacts/"));
        desk.operator.post("/feedback", &body)
    };
    assert_eq!(tell("C-0000-0000-000").expect(422).problems(), ["/contact: not_found"]);
    assert_eq!(tell(&other.call).expect(422).problems(), ["/contact: of_another_case"]);
    desk.operator.post(&format!("{}/finish", her.call), &json!({})).expect(200);
    assert_eq!(code(tell(&her.call)), "contact_is_finished");
    let again = desk.operator.call(&json!({"channel": "phone", "case": her.case})).place();
    tell(&again).expect(201);
    assert!(desk.questions().is_empty(), "nobody asks her again");
    assert_eq!(hotline.count("feedback"), 1);
}

fn taking_the_consent_back_takes_the_question_back(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let her = desk.her();
    desk.agree(&her, 30);
    let consent = desk.callback(&her, true);
    desk.help(&her);
    assert_eq!(desk.questions().len(), 1);
    desk.operator.post(&format!("/cases/{}/consents/{consent}/withdraw", her.case), &json!({})).expect(204);
    assert!(desk.questions().is_empty());
}

fn each_service_is_counted_and_small_counts_are_for_coordinators(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let auditor = floor.seat("au-01", Role::Auditor);
    let all: Vec<Her> = (0..6)
        .map(|_| {
            let her = desk.her();
            desk.agree(&her, 30);
            desk.keeper.put(&format!("/services/{}/capacity", desk.house.id), version(&desk), &free()).expect(200);
            desk.help(&her);
            her
        })
        .collect();
    hotline.wait(9 * DAY + HOUR);
    for (place, her) in all.iter().take(5).enumerate() {
        desk.operator.post("/feedback", &said(her, "yes", if place == 0 { "no" } else { "yes" })).expect(201);
    }
    let seen = |seat: &Seat<'_>| seat.get("/reports/feedback").expect(200).json["items"].clone();
    let counted = json!([{"service": desk.house.id, "asked": 6, "answered": 5, "received": {"yes": 5, "no": 0},
        "safe": {"yes": 4, "no": 1}, "would_call_again": {"yes": 5, "no": 0}}]);
    assert_eq!(seen(&desk.keeper), counted);
    let told = json!([{"service": desk.house.id, "asked": 6, "answered": 5, "received": {"yes": 5, "no": null},
        "safe": {"yes": null, "no": null}, "would_call_again": {"yes": 5, "no": null}}]);
    assert_eq!(seen(&auditor), told);
    let parties = json!({"parties": [{"staff": desk.keeper.staff.reference}]});
    desk.operator.put(&format!("/cases/{}/blocked", all[1].case), 2, &parties).expect(204);
    assert_eq!(seen(&desk.keeper)[0]["asked"], 5, "what is hidden from her is not counted for her");
}

fn free() -> Value {
    json!({"available": 9, "maximum": 9})
}

fn version(desk: &Desk<'_>) -> i64 {
    desk.keeper.get(&format!("/services/{}", desk.house.id)).version()
}

/// Writes a complaint down; gives its reference.
fn complain(seat: &Seat<'_>, about: &str, kind: &str, more: Value) -> String {
    let mut body = json!({"about": about, "kind": kind, "text": "She waited for an hour in the rain."});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    seat.post_twice("/complaints", &body).expect(201).text_of("id")
}

fn listed(seat: &Seat<'_>) -> Vec<Value> {
    seat.get("/complaints").expect(200).json["items"].as_array().unwrap().clone()
}

fn reviews(seat: &Seat<'_>) -> Vec<Value> {
    seat.get("/reviews").expect(200).json["items"].as_array().unwrap().clone()
}

fn a_complaint_is_sealed_and_decided_by_somebody_else(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let her = desk.her();
    let id = complain(&desk.keeper, &desk.house.id, "delay", json!({"referral": her.referral}));
    let row = listed(&desk.keeper).remove(0);
    assert_eq!((&row["service"], &row["case"]), (&json!(desk.house.id), &json!(her.case)));
    let place = format!("/reviews/{}", row["review"].as_str().unwrap());
    assert_eq!(desk.keeper.get(&place).expect(200).json["complaint"], json!(id));
    assert_eq!(code(desk.keeper.post(&format!("{place}/decide"), &json!({"decision": "agree"}))), "own_review");
    let other = floor.seat("cd-02", Role::Coordinator);
    assert_eq!(
        other.get(&format!("/complaints/{id}")).expect(200).text_of("text"),
        "She waited for an hour in the rain."
    );
    other.post(&format!("{place}/decide"), &json!({"decision": "agree"})).expect(200);
    assert_eq!(listed(&other)[0]["state"], "agreed");
    let sealed: Vec<Vec<u8>> = complaints::table.select(complaints::document).load(&mut hotline.stranger()).unwrap();
    assert!(!sealed[0].windows(6).any(|bytes| bytes == b"waited"));
    let read = "SELECT count(*) AS value FROM trail WHERE action = 'complaints.read'";
    assert_eq!(number(&mut hotline.stranger(), read), 1);
}

fn nobody_hears_or_decides_a_complaint_about_themselves(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let other = floor.seat("cd-02", Role::Coordinator);
    let by_number = complain(&desk.operator, "cd-01", "conduct", json!({}));
    complain(&desk.operator, &desk.keeper.staff.reference, "conduct", json!({}));
    let review = reviews(&other)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((listed(&desk.keeper).len(), reviews(&desk.keeper).len()), (0, 0));
    assert_eq!((listed(&other).len(), reviews(&other).len()), (2, 2));
    assert_eq!(listed(&other)[0]["staff"], "cd-01");
    for place in [format!("/complaints/{by_number}"), format!("/reviews/{review}")] {
        let nothing = desk.keeper.get(&format!("{}/0000-0000-000", place.rsplit_once('/').unwrap().0)).expect(404);
        assert_eq!(desk.keeper.get(&place).expect(404).told(), nothing.told(), "{place}");
        other.get(&place).expect(200);
    }
    desk.keeper.post(&format!("/reviews/{review}/decide"), &json!({"decision": "refuse"})).expect(404);
    assert!(hotline.count("complaints") == 2 && desk.operator.get("/complaints").status == 403);
}

fn a_complaint_of_a_hidden_case_is_not_there_even_after_a_merge(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let counselor = floor.seat("co-01", Role::Counselor);
    let case = || {
        let call = counselor.call(&json!({"channel": "phone"})).text_of("id");
        counselor.post("/cases", &json!({"contact": call})).expect(201).text_of("id")
    };
    let (kept, merged) = (case(), case());
    complain(&counselor, "hotline", "delay", json!({"case": merged}));
    assert_eq!((listed(&desk.keeper).len(), reviews(&desk.keeper).len()), (1, 1));
    let headers = [("if-match", "\"1\""), ("idempotency-key", "a-key-of-mine")];
    counselor.send("POST", &format!("/cases/{kept}/merge"), &headers, &json!({"case": merged})).expect(200);
    assert_eq!(listed(&desk.keeper).len(), 1);
    let parties = json!({"parties": [{"staff": desk.keeper.staff.reference}]});
    counselor.put(&format!("/cases/{kept}/blocked"), 2, &parties).expect(204);
    assert_eq!((listed(&desk.keeper).len(), reviews(&desk.keeper).len()), (0, 0));
}

fn a_grave_complaint_pages_and_the_letter_names_the_review_only(hotline: &Hotline) {
    let paging = Hotline::with(hotline.engine, |config| config.oversight.page = vec!["duty@example.org".into()]);
    let floor = Floor::open(&paging);
    let desk = Desk::at(&paging, &floor);
    for (kind, pages) in
        [("delay", 0), ("conduct", 0), ("breach_of_confidence", 1), ("sexual_exploitation_or_abuse", 2)]
    {
        complain(&desk.operator, &desk.house.id, kind, json!({}));
        assert_eq!(paging.count("notifications"), pages, "{kind}");
    }
    let reviews = reviews(&desk.keeper);
    for letter in floor.deliver() {
        let letter = letter.letter;
        let text = [letter.subject, letter.text, letter.html].join("\n");
        assert_eq!(reviews.iter().filter(|review| text.contains(review["id"].as_str().unwrap())).count(), 1);
        for word in ["abuse", "confidence", "Shelter", "rain", "complain", &desk.house.id] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

fn whoever_complains_names_only_what_they_work_with(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let her = desk.her();
    let (other, admin) = (floor.seat("op-08", Role::Operator), floor.seat("ad-01", Role::Admin));
    let ask = |seat: &Seat<'_>, about: &str, more: Value| {
        let mut body = json!({"about": about, "kind": "other", "text": "words"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        seat.post("/complaints", &body).expect(422).problems()
    };
    assert_eq!(ask(&other, "hotline", json!({"referral": her.referral})), ["/referral: not_found"]);
    assert_eq!(ask(&admin, "hotline", json!({"referral": her.referral})), ["/referral: not_found"]);
    assert_eq!(ask(&admin, "hotline", json!({"case": her.case})), ["/case: not_found"]);
    assert_eq!(ask(&other, "op-99", json!({})), ["/about: not_found"]);
    let both = json!({"referral": her.referral, "case": her.case});
    assert_eq!(ask(&desk.operator, "hotline", both), ["/case: name_one"]);
    assert_eq!(hotline.count("complaints"), 0);
    complain(&admin, "hotline", "other", json!({}));
    complain(&desk.operator, "hotline", "other", json!({"case": her.case}));
    let partner = floor.app.sign_in_partner(hotline, "pa-01", &desk.house.organisation);
    assert_eq!(floor.seated(partner.staff, partner.token).post("/complaints", &json!({})).status, 403);
}

fn complaints_are_listed_by_service_page_by_page(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let her = desk.helped_and_due();
    let mut of_service: Vec<String> = (0..4)
        .map(|_| {
            hotline.wait(MINUTE);
            complain(&desk.operator, "hotline", "other", json!({}));
            complain(&desk.operator, &desk.house.id, "delay", json!({}))
        })
        .collect();
    let mut feedback = said(&her, "no", "yes");
    feedback["complaint"] = json!({"kind": "demanded_payment", "text": "They wanted money."});
    hotline.wait(MINUTE);
    desk.operator.post("/feedback", &feedback).expect(201);
    of_service.push(listed(&desk.keeper)[0]["id"].as_str().unwrap().to_owned());
    of_service.reverse();
    let (mut seen, mut next) = (Vec::new(), Some(format!("/complaints?limit=2&service={}", desk.house.id)));
    while let Some(place) = next {
        let page = desk.keeper.get(&place).expect(200);
        seen.extend(page.json["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        next = page.next();
    }
    assert_eq!(seen, of_service);
}

fn a_complaint_of_an_erased_case_has_no_words(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let desk = Desk::at(hotline, &floor);
    let her = desk.her();
    let ids = [
        complain(&desk.operator, "hotline", "other", json!({"case": her.case})),
        complain(&desk.operator, "hotline", "other", json!({})),
    ];
    let case = her.case.clone();
    let key = move |tx: &mut goldaw::storage::Tx<'_>| {
        use goldaw::storage::schema::cases;
        Ok(cases::table.filter(cases::reference.eq(&case)).select(cases::key_id).first::<String>(tx.db)?)
    };
    let key = hotline.store.write_blocking(By::system(), key).unwrap();
    hotline.vault.erase(&[key]).unwrap();
    let text = |id: &str| desk.keeper.get(&format!("/complaints/{id}")).expect(200).json["text"].clone();
    assert_eq!(ids.map(|id| text(&id).is_null()), [true, false]);
}
