//! Reading the trail: newest first, page by page, and not unseen.

use goldaw::access::Role;
use goldaw::clock::{MINUTE, SECOND};
use goldaw::storage::By;
use serde_json::Value;

use crate::support::http::TestApp;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    the_trail_is_read_newest_first_and_page_by_page,
    the_trail_is_narrowed_by_time_person_action_and_subject,
    only_those_who_may_read_it_do_and_each_reading_is_in_it,
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
