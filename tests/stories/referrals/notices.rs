//! Who is told what became of a referral.

use goldaw::access::Role;
use serde_json::{Value, json};

use crate::support::floor::{Floor, House, Seat};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    whoever_recorded_the_call_and_whoever_holds_the_ticket_are_told,
    nobody_else_is_told_and_nothing_of_a_hidden_case,
    notices_come_newest_first_page_by_page,
];

fn ticket(seat: &Seat<'_>, house: &House) -> Value {
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    seat.post(&format!("{}/tickets", seat.draft()), &needs).expect(201).json
}

fn mv(seat: &Seat<'_>, ticket: &Value, step: &str, body: &Value) {
    let referral = ticket["referrals"][0]["id"].as_str().unwrap();
    seat.post(&format!("/referrals/{referral}/{step}"), body).expect(200);
}

fn told(seat: &Seat<'_>) -> Vec<String> {
    let notices = seat.get("/me/notices").expect(200).json["items"].clone();
    notices.as_array().unwrap().iter().map(|notice| notice["kind"].as_str().unwrap().to_owned()).collect()
}

fn whoever_recorded_the_call_and_whoever_holds_the_ticket_are_told(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let counselor = floor.seat("co-01", Role::Counselor);
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let helped = ticket(&seat, &house);
    for step in ["acknowledge", "accept", "told", "start", "complete"] {
        mv(&keeper, &helped, step, &json!({}));
    }
    assert_eq!(told(&seat), ["completed", "accepted", "received"]);
    let refused = ticket(&seat, &house);
    mv(&keeper, &refused, "decline", &json!({"reason": "no_capacity"}));
    let notice = seat.get("/me/notices?limit=1").json["items"][0].clone();
    assert_eq!((&notice["kind"], &notice["ticket"]), (&json!("unroutable"), &refused["id"]));
    assert_eq!(notice["referral"], refused["referrals"][0]["id"]);
    assert!(told(&counselor).is_empty());
    counselor.post(&format!("/tickets/{}/claim", refused["id"].as_str().unwrap()), &json!({})).expect(200);
    assert_eq!(told(&counselor), ["unroutable", "declined"], "of the ticket she holds, and of no other");
}

fn nobody_else_is_told_and_nothing_of_a_hidden_case(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let counselor = floor.seat("co-01", Role::Counselor);
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let ticket = ticket(&seat, &house);
    counselor.post(&format!("/tickets/{}/claim", ticket["id"].as_str().unwrap()), &json!({})).expect(200);
    mv(&keeper, &ticket, "accept", &json!({}));
    assert_eq!((told(&seat).len(), told(&counselor).len()), (1, 1));
    assert!(told(&floor.seat("op-08", Role::Operator)).is_empty() && told(&keeper).is_empty());
    let parties = json!({"parties": [{"staff": counselor.staff.reference}]});
    seat.put(&format!("/cases/{}/blocked", ticket["case"].as_str().unwrap()), 1, &parties).expect(204);
    assert_eq!((told(&seat).len(), told(&counselor).len()), (1, 0));
}

fn notices_come_newest_first_page_by_page(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let tickets: Vec<Value> = (0..5).map(|_| ticket(&seat, &house)).collect();
    tickets.iter().for_each(|ticket| mv(&keeper, ticket, "accept", &json!({})));
    let (mut seen, mut next) = (Vec::new(), Some("/me/notices?limit=2".to_owned()));
    while let Some(place) = next {
        let page = seat.get(&place).expect(200);
        seen.extend(page.json["items"].as_array().unwrap().iter().map(|notice| notice["ticket"].clone()));
        next = page.next();
    }
    assert_eq!(seen, tickets.iter().rev().map(|ticket| ticket["id"].clone()).collect::<Vec<_>>());
}
