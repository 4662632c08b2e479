//! Reading the trail: newest first, page by page, and not unseen.

use goldaw::access::Role;
use goldaw::clock::{MINUTE, SECOND};
use goldaw::storage::By;
use serde_json::{Value, json};

use crate::support::floor::{Floor, Seat};
use crate::support::http::TestApp;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    the_trail_is_read_newest_first_and_page_by_page,
    the_trail_is_narrowed_by_time_person_action_and_subject,
    only_those_who_may_read_it_do_and_each_reading_is_in_it,
    a_case_that_must_not_be_known_is_in_nobody_s_trail_but_the_auditor_s,
    nobody_reads_of_a_complaint_about_themselves,
];

fn acts(hotline: &Hotline, many: usize) {
    for number in 0..many {
        // Two rows share each moment, so that the key decides between them.
        hotline.wait(if number % 2 == 0 { SECOND } else { 0 });
        let by = By { name: format!("op-0{}", number % 3), ..By::system() };
        let subject = format!("C-{number}");
        hotline
            .store
            .write_blocking(by, move |tx| tx.trail("contacts.record", ("contact", &subject), Some("because")))
            .unwrap();
    }
}

fn the_trail_is_read_newest_first_and_page_by_page(hotline: &Hotline) {
    let app = TestApp::start(hotline);
    let token = app.sign_in(hotline, "audit-1", Role::Auditor).token;
    acts(hotline, 25);
    let mut path = "/api/v1/audit?limit=7&action=contacts.record".to_owned();
    let mut seen: Vec<(String, String)> = Vec::new();
    loop {
        let page = app.get(&path, &token);
        assert_eq!(page.status, 200, "{}", page.text);
        let items = page.json["items"].as_array().unwrap();
        assert!(items.len() <= 7);
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        seen.extend(items.iter().map(|row| (text(row, "at"), text(row, "subject"))));
        match page.next() {
            Some(next) => path = next,
            None => break,
        }
    }
    assert!(seen.is_sorted_by(|a, b| a.0 >= b.0), "{seen:?}");
    let mut subjects: Vec<String> = seen.into_iter().map(|(_, subject)| subject).collect();
    let mut written: Vec<String> = (0..25).map(|number| format!("C-{number}")).collect();
    subjects.sort();
    written.sort();
    assert_eq!(subjects, written, "every row once");
}

fn the_trail_is_narrowed_by_time_person_action_and_subject(hotline: &Hotline) {
    let app = TestApp::start(hotline);
    let token = app.sign_in(hotline, "audit-1", Role::Auditor).token;
    acts(hotline, 6);
    let count = |filter: &str| {
        let page = app.get(&format!("/api/v1/audit?{filter}"), &token);
        assert_eq!(page.status, 200, "{}", page.text);
        page.json["items"].as_array().unwrap().len()
    };
    assert_eq!(count("actor=op-01"), 2);
    assert_eq!(count("subject=C-4"), 1);
    assert_eq!(count("action=contacts.record&actor=op-02&subject=C-2"), 1);
    let from = hotline.clock.now();
    assert_eq!(count(&format!("action=contacts.record&from={from}")), 2);
    assert_eq!(count(&format!("action=contacts.record&to={from}")), 4);
    let row = &app.get("/api/v1/audit?subject=C-4", &token).json["items"][0];
    assert_eq!(row["actor"], "op-01");
    assert_eq!((&row["reason"], &row["outcome"]), (&"because".into(), &"done".into()));
    for wrong in ["from=yesterday", "actor=%27%20OR%201", "limit=0", "after=00", "who=op-01"] {
        assert_eq!(app.get(&format!("/api/v1/audit?{wrong}"), &token).status, 422, "{wrong}");
    }
}

fn only_those_who_may_read_it_do_and_each_reading_is_in_it(hotline: &Hotline) {
    let app = TestApp::start(hotline);
    let operator = app.sign_in(hotline, "op-07", Role::Operator).token;
    assert_eq!(app.get("/api/v1/audit", &operator).status, 403);
    let auditor = app.sign_in(hotline, "audit-1", Role::Auditor).token;
    hotline.wait(MINUTE);
    for readings in 0..3 {
        let seen = app.get("/api/v1/audit?action=audit.read&actor=audit-1", &auditor);
        assert_eq!(seen.json["items"].as_array().unwrap().len(), readings);
    }
    let denied = app.get("/api/v1/audit?actor=op-07", &auditor);
    assert_eq!(denied.json["items"][0]["outcome"], "denied");
    assert_eq!(denied.json["items"][0]["action"], "audit.read");
}

/// The subjects of a person's trail, but for what is about staff and the trail itself.
fn subjects(seat: &Seat<'_>, query: &str) -> Vec<String> {
    let rows = seat.get(&format!("/audit?limit=200{query}")).expect(200).json["items"].as_array().unwrap().clone();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let about = |row: &&Value| !["staff", "session", "trail"].contains(&row["subject_kind"].as_str().unwrap());
    rows.iter().filter(about).map(|row| text(row, "subject_kind") + " " + &text(row, "action")).collect()
}

fn a_case_that_must_not_be_known_is_in_nobody_s_trail_but_the_auditor_s(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let [kin, in_law, auditor] = [("cd-02", Role::Coordinator), ("ad-01", Role::Admin), ("au-01", Role::Auditor)]
        .map(|(name, role)| floor.seat(name, role));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let before = [&kin, &in_law].map(|seat| subjects(seat, ""));
    let call = seat.call(&json!({"channel": "phone", "answers": {"weapon": "yes"}})).text_of("id");
    let case = seat.post("/cases", &json!({"contact": call})).expect(201).text_of("id");
    let parties = json!({"parties": [{"staff": kin.staff.reference}, {"staff": in_law.staff.reference}]});
    seat.send("PUT", &format!("/cases/{case}/blocked"), &[], &parties).expect(204);
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    let ticket = seat.post(&format!("/contacts/{call}/tickets"), &needs).expect(201);
    keeper.post(&format!("/referrals/{}/accept", ticket.json["referrals"][0]["id"].as_str().unwrap()), &json!({}));
    seat.post("/tasks", &json!({"kind": "case_review", "case": case, "due": hotline.clock.now()})).expect(201);
    let quiet = json!({"level": "high", "reason": "how quiet she became"});
    seat.post(&format!("/contacts/{call}/override"), &quiet).expect(200);
    let review = keeper.get("/reviews").json["items"][0]["id"].as_str().unwrap().to_owned();
    keeper.post(&format!("/reviews/{review}/decide"), &json!({"decision": "agree"})).expect(200);
    seat.post("/complaints", &json!({"about": "hotline", "kind": "delay", "text": "words", "case": case})).expect(201);
    seat.post("/cases/lookup", &json!({"contact": call, "phone": "65 123456"})).expect(200);
    assert_eq!([&kin, &in_law].map(|seat| subjects(seat, "")), before);
    assert!(subjects(&kin, &format!("&subject={call}")).is_empty());
    for reader in [&keeper, &auditor] {
        let seen = subjects(reader, "");
        for kind in ["contact", "case", "consent", "ticket", "referral", "task", "review", "complaint"] {
            assert!(seen.iter().any(|row| row.starts_with(&format!("{kind} "))), "{kind}: {seen:?}");
        }
    }
    assert_eq!(subjects(&keeper, "&action=cases.look_up").len(), 0, "who was known to the house is for the auditor");
    assert_eq!(subjects(&auditor, "&action=cases.look_up").len(), 1);
}

fn nobody_reads_of_a_complaint_about_themselves(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let other = floor.seat("cd-02", Role::Coordinator);
    let of_her = json!({"about": "cd-01", "kind": "conduct", "text": "words"});
    seat.post("/complaints", &of_her).expect(201);
    assert_eq!(subjects(&other, "&action=complaints.make").len(), 1);
    assert_eq!(subjects(&keeper, "&action=complaints.make").len(), 0);
}
