//! Who works on a ticket.

use goldaw::access::Role;
use goldaw::clock::MINUTE;
use goldaw::error::Error;
use goldaw::referrals::model::{self, TicketState};
use goldaw::referrals::moves::Order;
use goldaw::referrals::states::CancelReason;
use goldaw::referrals::{claim, views};
use goldaw::storage::Tx;

use super::{Desk, conflict, of};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    of_many_who_claim_at_once_one_gets_it_and_the_others_hear_who,
    a_silent_claim_returns_to_the_queue_and_work_keeps_it,
    a_claim_says_when_it_ends_and_warns_before,
    a_ticket_is_closed_only_when_nothing_is_left_to_do,
    a_ticket_opens_for_its_holder_and_for_nobody_else,
    who_must_not_know_finds_nothing,
];

fn of_many_who_claim_at_once_one_gets_it_and_the_others_hear_who(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, _) = desk.ticket();
    let crowd: Vec<_> = (0..8).map(|n| super::hire(hotline, &format!("co-1{n}"), Role::Counselor, None)).collect();
    let asked = crowd.into_iter().map(|who| {
        let (store, actor, reference) = (hotline.store.clone(), who.clone(), ticket.reference.clone());
        let work = move |tx: &mut Tx<'_>| claim::claim(tx, &actor, &reference);
        std::thread::spawn(move || (who.clone(), store.write_blocking(who.by(), work)))
    });
    let asked: Vec<_> = asked.collect();
    let outcomes: Vec<_> = asked.into_iter().map(|thread| thread.join().unwrap()).collect();
    let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(who, _)| who.clone()).collect();
    assert_eq!(winners.len(), 1);
    for (_, outcome) in outcomes.into_iter().filter(|(_, outcome)| outcome.is_err()) {
        assert_eq!(conflict(outcome), ("claimed", Some(winners[0].name.clone())));
    }
    assert_eq!(desk.steps(&ticket.id), ["issued", "claimed"]);
}

fn a_silent_claim_returns_to_the_queue_and_work_keeps_it(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, _) = desk.ticket();
    desk.claim(&desk.counselor, &ticket).unwrap();
    hotline.wait(14 * MINUTE);
    note(&desk, &ticket).unwrap();
    hotline.wait(14 * MINUTE);
    assert_eq!(conflict(desk.claim(&desk.colleague, &ticket)), ("claimed", Some("co-01".into())));
    hotline.wait(2 * MINUTE);
    desk.claim(&desk.colleague, &ticket).unwrap();
    assert_eq!(conflict(note(&desk, &ticket)).0, "claim_first");
    assert_eq!(desk.steps(&ticket.id), ["issued", "claimed", "noted", "claim_lapsed", "claimed"]);
}

fn a_claim_says_when_it_ends_and_warns_before(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, _) = desk.ticket();
    let seen = || {
        let (who, now) = (desk.counselor.clone(), hotline.clock.now());
        let row = desk.read(|db| goldaw::referrals::queue::high_risk(db, &who, now, 9)).remove(0);
        let row = serde_json::to_value(goldaw::referrals::queue::RowView::of(&row, &Default::default())).unwrap();
        let key = ticket.id.clone();
        let whole = desk.write(&desk.counselor, move |tx| views::opened(tx, &who, &key)).unwrap();
        let whole = serde_json::to_value(whole).unwrap();
        let said = |json: &serde_json::Value| (json["claim_until"].clone(), json["claim_ends_soon"].clone());
        assert_eq!(said(&row), said(&whole), "the queue and the ticket say the same");
        said(&row)
    };
    assert_eq!(seen(), (serde_json::Value::Null, false.into()));
    desk.claim(&desk.counselor, &ticket).unwrap();
    let until = serde_json::json!(hotline.clock.now().plus(15 * MINUTE));
    assert_eq!(seen(), (until.clone(), false.into()));
    hotline.wait(10 * MINUTE);
    assert_eq!(seen(), (until, true.into()), "the last five minutes");
    note(&desk, &ticket).unwrap();
    assert_eq!(seen().1, false, "work holds it for longer");
    hotline.wait(15 * MINUTE);
    assert_eq!(seen(), (serde_json::Value::Null, false.into()));
}

fn note(desk: &Desk<'_>, ticket: &model::Ticket) -> goldaw::error::Result<String> {
    let (who, reference) = (desk.counselor.clone(), ticket.reference.clone());
    let form: claim::NoteForm = of(r#"{"text":"She is at her sister's until five."}"#);
    desk.write(&desk.counselor, move |tx| claim::note(tx, &who, &reference, &form))
}

fn a_ticket_is_closed_only_when_nothing_is_left_to_do(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, referral) = desk.ticket();
    desk.claim(&desk.counselor, &ticket).unwrap();
    let close = || {
        let (who, reference) = (desk.counselor.clone(), ticket.reference.clone());
        let form: claim::CloseForm = of(r#"{"reason":"her_wish"}"#);
        desk.write(&desk.counselor, move |tx| claim::close(tx, &who, &reference, &form))
    };
    assert_eq!(conflict(close()).0, "referrals_live");
    desk.mv(&desk.counselor, &referral, &Order::Cancel(CancelReason::SurvivorDeclined)).unwrap();
    close().unwrap();
    assert_eq!(desk.read(|db| model::ticket(db, &ticket.id)).state, TicketState::Closed);
    assert_eq!(conflict(desk.claim(&desk.colleague, &ticket)).0, "closed");
}

fn a_ticket_opens_for_its_holder_and_for_nobody_else(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, _) = desk.ticket();
    desk.claim(&desk.counselor, &ticket).unwrap();
    note(&desk, &ticket).unwrap();
    let seen = |actor: &goldaw::access::Actor| {
        let (who, id) = (actor.clone(), ticket.id.clone());
        let view = desk.write(actor, move |tx| views::opened(tx, &who, &id)).unwrap();
        serde_json::to_value(view).unwrap()
    };
    let holder = seen(&desk.counselor);
    assert_eq!(holder["survivor"]["language"], "tk");
    assert_eq!(holder["survivor"]["may_call"], false);
    assert_eq!(holder["notes"][0]["by"], "co-01");
    for actor in [&desk.operator, &desk.coordinator] {
        let receipt = seen(actor);
        assert!(receipt.get("survivor").is_none() && receipt.get("notes").is_none());
        assert_eq!((&receipt["claimed_by"], &receipt["referrals"][0]["state"]), (&"co-01".into(), &"requested".into()));
    }
    let row = seen(&desk.colleague);
    assert!(row.get("survivor").is_none() && row.get("referrals").is_none() && row.get("contact").is_none());
    assert_eq!((&row["needs"][0], &row["may_call"]), (&"safe_house".into(), &serde_json::Value::Null));
    let keys = [&ticket.id, &ticket.contact_id, &ticket.case_id];
    assert!(keys.iter().all(|key| !holder.to_string().contains(key.as_str())), "a key left the house");
}

fn who_must_not_know_finds_nothing(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, referral) = desk.ticket();
    let (case, party) = (ticket.case_id.clone(), desk.counselor.id.clone());
    let block = move |tx: &mut Tx<'_>| {
        let row = goldaw::cases::model::by_id(tx.db, &case)?;
        goldaw::cases::block(tx, &row, &[("staff", party.clone())])
    };
    desk.write(&desk.operator, block).unwrap();
    assert!(matches!(desk.claim(&desk.counselor, &ticket), Err(Error::NotFound)));
    assert!(matches!(desk.mv(&desk.counselor, &referral, &Order::Accept), Err(Error::NotFound)));
    assert!(desk.read(|db| Ok(model::ticket_for(db, &desk.counselor, &ticket.reference).is_err())));
    assert!(desk.read(|db| Ok(model::ticket_for(db, &desk.colleague, &ticket.reference).is_ok())));
}
