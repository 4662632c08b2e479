//! Queues: the same tickets whichever way they are asked for, in one order, page by page.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use goldaw::access::Role;
use goldaw::clock::{HOUR, MINUTE};
use goldaw::referrals::claim::take_back;
use goldaw::referrals::model;
use goldaw::storage::schema::tickets;
use goldaw::storage::{By, Moved};
use goldaw::triage::Level;
use serde_json::{Value, json};

use crate::support::floor::{Floor, Seat};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    every_queue_is_a_part_of_all_and_pages_lose_and_double_none,
    a_lapsed_claim_returns_to_the_queue_by_itself,
    what_is_kept_for_the_queue_is_what_the_referrals_say,
];

/// Every row of a queue, three at a time.
fn walk(seat: &Seat<'_>, filters: &str) -> Vec<Value> {
    let (mut rows, mut next) = (Vec::new(), Some(format!("/tickets?limit=3{filters}")));
    while let Some(place) = next {
        let page = seat.get(&place).expect(200);
        rows.extend(page.json["items"].as_array().unwrap().clone());
        next = page.next();
    }
    rows
}

fn rank(level: &Value) -> u8 {
    Level::from_code(level.as_str().unwrap()).unwrap().rank()
}

/// Tickets of all levels; some with a window that closes soon, some claimed, some nobody can take.
fn work(floor: &Floor<'_>, keeper: &Seat<'_>) {
    let (operator, counselor) = (floor.operator(), floor.seat("co-01", Role::Counselor));
    let hotline = floor.hotline;
    let houses = [floor.house(keeper, "First", "safe_house"), floor.house(keeper, "Clinic", "medical")];
    let levels = [Level::Critical, Level::High, Level::Medium, Level::Low, Level::NotAssessed];
    for number in 0..20_usize {
        let area = ["TM-M-BAY", "TM-M", "TM-S"][number % 3];
        let draft = operator.call(&json!({"channel": "phone", "person": {"area": area}})).place();
        let (house, need) = [(&houses[0], "safe_house"), (&houses[1], "medical")][number % 2];
        let consent =
            json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
        let needs = json!({"needs": [{"need": need, "services": [house.id], "consent": consent}]});
        let ticket = operator.post(&format!("{draft}/tickets"), &needs).expect(201);
        let care_by = (number % 4 == 0).then(|| hotline.clock.now().plus(number as i64 * HOUR));
        let (contact, level) = (draft.trim_start_matches("/contacts/").to_owned(), levels[number % 5]);
        let follow = move |tx: &mut goldaw::storage::Tx<'_>| {
            let id = goldaw::contacts::find(tx.db, &contact)?.id;
            goldaw::referrals::follow(tx, &Moved { contact_id: &id, level, care_by })
        };
        hotline.store.write_blocking(By::system(), follow).unwrap();
        let referral = ticket.json["referrals"][0]["id"].as_str().unwrap().to_owned();
        if number % 3 == 1 {
            counselor.post(&format!("/tickets/{}/claim", ticket.text_of("id")), &json!({})).expect(200);
        }
        match number % 7 {
            2 => drop(keeper.post(&format!("/referrals/{referral}/accept"), &json!({})).expect(200)),
            4 => drop(keeper.post(&format!("/referrals/{referral}/decline"), &json!({"reason": "other"})).expect(200)),
            _ => {}
        }
        hotline.wait(7 * MINUTE);
    }
}

fn every_queue_is_a_part_of_all_and_pages_lose_and_double_none(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    work(&floor, &keeper);
    for _ in 0..6 {
        // A claim that has lapsed and was not taken back yet stands where it stood: no row comes twice.
        let untidy = walk(&keeper, "");
        assert_eq!(
            (untidy.len(), untidy.iter().map(|row| row["id"].to_string()).collect::<BTreeSet<_>>().len()),
            (20, 20)
        );
        // As the program does by itself.
        while hotline.store.write_blocking(By::system(), take_back).unwrap() {}
        let all = walk(&keeper, "");
        let ids: BTreeSet<&str> = all.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!((all.len(), ids.len()), (20, 20));
        let places: Vec<_> = all
            .iter()
            .map(|row| (255 - rank(&row["effective_level"]), row["due"]["next"].as_str().unwrap_or("9999").to_owned()))
            .collect();
        assert!(places.is_sorted(), "{places:?}");
        let part = |filters: &str, takes: &dyn Fn(&Value) -> bool| {
            let expected: Vec<&Value> = all.iter().filter(|row| takes(row)).collect();
            assert_eq!(walk(&keeper, filters).iter().collect::<Vec<_>>(), expected, "{filters}");
            expected.len()
        };
        part("&queue=unclaimed", &|row| row["claimed_by"].is_null());
        part("&queue=past_target", &|row| row["late"] == json!(true));
        assert!(part("&queue=waiting_partner", &|row| row["waiting_partner"] == json!(true)) > 0);
        assert!(part("&queue=unroutable", &|row| row["unroutable"] == json!(true)) > 0);
        assert_eq!(part("&queue=mine", &|_| false), 0);
        assert_eq!(part("&need=medical", &|row| row["needs"] == json!(["medical"])), 10);
        part("&area=TM-M", &|row| row["district"] != "TM-S");
        for level in ["critical", "high", "medium", "low", "not_assessed"] {
            part(&format!("&level={level}"), &|row| row["effective_level"] == json!(level));
        }
        part("&queue=unclaimed&level=critical&need=safe_house", &|row| {
            row["claimed_by"].is_null() && row["effective_level"] == "critical" && row["needs"] == json!(["safe_house"])
        });
        hotline.wait(3 * HOUR);
    }
}

fn a_lapsed_claim_returns_to_the_queue_by_itself(hotline: &Hotline) {
    let desk = super::Desk::at(hotline);
    let (ticket, _) = desk.ticket();
    desk.claim(&desk.counselor, &ticket).unwrap();
    let back = || hotline.store.write_blocking(By::system(), take_back).unwrap();
    assert!(!back(), "it is held");
    hotline.wait(HOUR);
    assert!(back() && !back());
    let now = desk.read(|db| model::ticket(db, &ticket.id));
    assert_eq!((now.claimed_by, now.claim_until), (None, None));
    assert_eq!(desk.steps(&ticket.id), ["issued", "claimed", "claim_lapsed"]);
    desk.claim(&desk.colleague, &ticket).unwrap();
}

fn what_is_kept_for_the_queue_is_what_the_referrals_say(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    work(&floor, &keeper);
    let kept = || {
        let columns = (tickets::id, tickets::queue_needs, tickets::queue_waits, tickets::queue_unroutable);
        let rows = tickets::table.order(tickets::id).select(columns);
        rows.load::<(String, String, bool, bool)>(&mut hotline.stranger()).unwrap()
    };
    let before = kept();
    assert!(before.iter().any(|row| row.2) && before.iter().any(|row| !row.2) && before.iter().any(|row| row.3));
    // The migration makes the same of the referrals alone.
    let up = include_str!("../../../migrations/data/2026-11-22-000046_queue_rows/up.sql");
    let made = up.split(';').find(|statement| statement.trim_start().starts_with("UPDATE tickets")).unwrap();
    let forget = "UPDATE tickets SET queue_needs = '', queue_waits = FALSE, queue_unroutable = FALSE";
    hotline.stranger().batch_execute(&format!("{forget};{made}")).unwrap();
    assert_eq!(kept(), before);
}
