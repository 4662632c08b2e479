//! Several calls about one event.

use goldaw::access::Role;
use serde_json::{Value, json};

use crate::support::floor::{Floor, Seat};
use crate::support::http::Answer;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    two_calls_about_one_event_name_each_other,
    a_link_needs_both_to_be_seen_and_names_nobody_else_s,
    two_who_link_the_same_two_make_one_link,
];

fn id(call: &str) -> &str {
    call.strip_prefix("/contacts/").unwrap()
}

fn link(seat: &Seat<'_>, call: &str, other: &str) -> Answer {
    seat.post_twice(&format!("{call}/link"), &json!({"contact": id(other)}))
}

fn two_calls_about_one_event_name_each_other(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let (hers, neighbour, doctor) = (seat.draft(), seat.draft(), seat.draft());
    assert_eq!(seat.get(&hers).json.get("linked"), None);
    let told = link(&seat, &hers, &neighbour).expect(200);
    assert_eq!((told.version(), &told.json["linked"]), (1, &json!([id(&neighbour)])));
    assert_eq!(seat.get(&neighbour).json["linked"], json!([id(&hers)]));
    link(&seat, &doctor, &hers).expect(200);
    let linked = seat.get(&hers).json["linked"].as_array().unwrap().len();
    assert_eq!((linked, seat.get(&doctor).json["linked"].clone()), (2, json!([id(&hers)])));
    link(&seat, &neighbour, &hers).expect(200);
    assert_eq!(hotline.count("contact_links"), 2, "the other way round it is the same");
    assert_eq!(link(&seat, &hers, &hers).expect(422).problems(), ["/contact: the_same"]);
    let told = seat.post(&format!("{hers}/link"), &json!({"contact": "K-0000-0000-000"})).expect(422);
    assert_eq!(told.problems(), ["/contact: not_a_reference"]);
}

fn a_link_needs_both_to_be_seen_and_names_nobody_else_s(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, other) = (floor.operator(), floor.seat("op-08", Role::Operator));
    let counselor = floor.seat("co-01", Role::Counselor);
    let (mine, theirs) = (seat.draft(), other.draft());
    let missing = link(&seat, &mine, "/contacts/C-0000-0000-000").expect(422);
    assert_eq!(missing.problems(), ["/contact: not_found"]);
    assert_eq!(link(&seat, &mine, &theirs).expect(422).told(), missing.told());
    let missing = link(&seat, "/contacts/C-0000-0000-000", &mine).expect(404);
    assert_eq!(link(&seat, &theirs, &mine).expect(404).told(), missing.told());

    let second = seat.draft();
    link(&seat, &mine, &second).expect(200);
    let case = seat.post("/cases", &json!({"contact": id(&second)})).expect(201).text_of("id");
    let parties = json!({"parties": [{"staff": counselor.staff.reference}]});
    seat.send("PUT", &format!("/cases/{case}/blocked"), &[], &parties).expect(204);
    let house = floor.house(&floor.seat("cd-01", Role::Coordinator), "Shelter", "safe_house");
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    let ticket = seat.post(&format!("{mine}/tickets"), &needs).expect(201);
    counselor.post(&format!("/tickets/{}/claim", ticket.text_of("id")), &json!({})).expect(200);
    let told = counselor.get(&mine).expect(200);
    assert_eq!(told.json.get("linked"), None, "for her the other does not exist");
    let timeline = counselor.get(&format!("{mine}/timeline")).expect(200).text;
    assert!(
        !timeline.contains(id(&second)) && !timeline.contains("linked"),
        "nor does anything tell that there is one"
    );
    let read = |name, role| floor.seat(name, role).get("/audit?action=contacts.link").expect(200).json["items"].clone();
    assert_eq!(read("cd-02", Role::Coordinator), json!([]), "a row names one contact, and tells of two");
    assert_eq!(read("au-01", Role::Auditor).as_array().unwrap().len(), 2);
    assert_eq!(link(&counselor, &mine, &second).expect(422).problems(), ["/contact: not_found"]);
    assert_eq!(seat.get(&mine).json["linked"], json!([id(&second)]));
}

fn two_who_link_the_same_two_make_one_link(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, app) = (floor.operator(), &floor.app);
    for round in 0..4 {
        let (first, second) = (seat.draft(), seat.draft());
        std::thread::scope(|scope| {
            for (call, other) in [(&first, &second), (&second, &first)] {
                let (token, body) = (app.token_of(hotline, &seat.staff), json!({"contact": id(other)}).to_string());
                scope.spawn(move || {
                    let headers = [("content-type", "application/json")];
                    let told = app.ask("POST", &format!("/api/v1{call}/link"), &token, &headers, Some(&body));
                    assert_eq!(told.status, 200, "{told:?}");
                });
            }
        });
        assert_eq!(hotline.count("contact_links"), round + 1);
        assert_ne!(seat.get(&first).json["linked"], Value::Null);
    }
}
