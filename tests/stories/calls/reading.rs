//! Lists: one's own, filtered, and in pages that neither repeat nor skip.

use std::collections::BTreeSet;

use goldaw::access::Role;
use goldaw::clock::SECOND;
use serde_json::json;

use crate::support::floor::Floor;
use crate::support::{Hotline, MORNING, on_both_engines};

on_both_engines![
    one_sees_one_s_own_calls_and_another_s_is_not_there,
    a_list_is_filtered_by_what_stands_in_clear,
    pages_of_a_list_neither_repeat_nor_skip_while_calls_come_in,
    a_counselor_s_list_has_her_own_calls_and_those_she_holds_once_each_in_order,
    a_cursor_tells_nothing_and_cannot_be_made_up,
    a_read_of_what_is_sealed_leaves_its_row_in_the_trail,
];

fn one_sees_one_s_own_calls_and_another_s_is_not_there(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (mine, theirs) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let counselor = floor.seat("co-01", Role::Counselor);
    let call = mine.draft();
    let missing = theirs.get("/contacts/C-0000-0000-000").expect(404).told();
    for seat in [&theirs, &counselor] {
        for told in [
            seat.get(&call),
            seat.get(&format!("{call}/timeline")),
            seat.get(&format!("{call}/assessments")),
            seat.patch(&call, 1, &json!({})),
            seat.post(&format!("{call}/finish"), &json!({})),
            seat.post(&format!("{call}/rejoin"), &json!({"word": "x"})),
        ] {
            assert_eq!(told.expect(404).told(), missing);
        }
        assert_eq!(seat.get("/contacts").json["items"], json!([]));
    }
    assert_eq!(mine.get(&call.to_lowercase().replace('-', "")).expect(200).place(), call, "however it is said");
}

fn a_list_is_filtered_by_what_stands_in_clear(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    for (kind, minutes, finish) in
        [("support", 0, false), ("silent", 1, true), ("support", 2, true), ("test", 3, false)]
    {
        hotline.clock.set(MORNING.plus(minutes * 60 * SECOND));
        let answers =
            if kind == "silent" { json!({"perpetrator_present": "yes", "strangled": "yes"}) } else { json!({}) };
        seat.call(&json!({"channel": "phone", "kind": kind, "finish": finish, "answers": answers}));
    }
    let many =
        |query: &str| seat.get(&format!("/contacts?{query}")).expect(200).json["items"].as_array().unwrap().len();
    let later = MORNING.plus(60 * SECOND);
    for (query, expected) in [
        ("limit=200".to_owned(), 4),
        ("status=finished".into(), 2),
        ("kind=support".into(), 2),
        ("level=critical".into(), 1),
        ("kind=support&status=draft".into(), 1),
        (format!("from={later}"), 3),
        (format!("to={later}"), 1),
        ("kind=prank".into(), 0),
    ] {
        assert_eq!(many(&query), expected, "{query}");
    }
    for wrong in
        ["status=x", "kind=x", "level=x", "from=x", "to=2026-11-23", "limit=0", "limit=201", "limit=-1", "order=asc"]
    {
        seat.get(&format!("/contacts?{wrong}")).expect(422);
    }
}

fn pages_of_a_list_neither_repeat_nor_skip_while_calls_come_in(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    // Several begin in one moment.
    let made: BTreeSet<String> = (0..11)
        .map(|number| {
            hotline.clock.set(MORNING.plus(number / 4 * SECOND));
            seat.draft()
        })
        .collect();
    let mut next = Some("/contacts?limit=3&status=draft".to_owned());
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = seat.get(&path).expect(200);
        seen.extend(
            page.json["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| format!("/contacts/{}", call["id"].as_str().unwrap())),
        );
        hotline.wait(SECOND);
        seat.draft();
        next = page.next();
    }
    assert_eq!((seen.len(), seen.into_iter().collect::<BTreeSet<_>>()), (11, made));
}

fn a_counselor_s_list_has_her_own_calls_and_those_she_holds_once_each_in_order(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (operator, counselor) = (floor.operator(), floor.seat("co-01", Role::Counselor));
    let clinic = floor.house(&floor.seat("cd-01", Role::Coordinator), "Clinic", "medical");
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "medical", "services": [clinic.id], "consent": consent}]});
    let person = json!({"age_band": "26_40", "sex": "female", "area": "TM-M-BAY"});
    let heard = json!({"channel": "phone", "caller_role": "survivor", "person": person});
    // Hers, held, hers and held, hers; and one between them that is none of hers.
    let expected: Vec<String> = [true, false, true, true]
        .into_iter()
        .enumerate()
        .map(|(number, own)| {
            hotline.wait(SECOND);
            operator.draft();
            let seat = if own { &counselor } else { &operator };
            let call = seat.call(&heard).place();
            if matches!(number, 1 | 2) {
                let ticket = seat.post(&format!("{call}/tickets"), &needs).expect(201);
                counselor.post(&format!("/tickets/{}/claim", ticket.text_of("id")), &json!({})).expect(200);
            }
            call
        })
        .collect();
    let (mut next, mut seen) = (Some("/contacts?limit=1".to_owned()), Vec::new());
    while let Some(path) = next {
        let page = counselor.get(&path).expect(200);
        let items = page.json["items"].as_array().unwrap();
        seen.extend(items.iter().map(|call| format!("/contacts/{}", call["id"].as_str().unwrap())));
        next = page.next();
    }
    assert_eq!(seen, expected.into_iter().rev().collect::<Vec<_>>());
}

fn a_cursor_tells_nothing_and_cannot_be_made_up(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    for _ in 0..3 {
        seat.draft();
    }
    let next = seat.get("/contacts?limit=1").next().unwrap();
    let (_, cursor) = next.rsplit_once("after=").unwrap();
    assert!(!cursor.contains(&MORNING.0.to_string()) && !next.contains("C-"));
    let mut forged = cursor.to_owned();
    let last = forged.pop().unwrap();
    forged.push(if last == '0' { '1' } else { '0' });
    for wrong in [forged.as_str(), "x", "00", "é", &"0".repeat(900)] {
        let wrong = wrong.replace('é', "%C3%A9");
        assert_eq!(seat.get(&format!("/contacts?after={wrong}")).expect(422).problems(), ["?after: not_a_cursor"]);
    }
}

fn a_read_of_what_is_sealed_leaves_its_row_in_the_trail(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat.draft();
    let before = hotline.count("trail");
    seat.get(&call).expect(200);
    seat.get(&format!("{call}/assessments")).expect(200);
    assert_eq!(hotline.count("trail"), before + 2);
    seat.get("/contacts").expect(200);
    assert_eq!(hotline.count("trail"), before + 2, "a list shows nothing sealed");
}
