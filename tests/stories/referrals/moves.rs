//! The state table in motion: every state, every move, every hand.

use goldaw::access::{Actor, Role};
use goldaw::error::Error;
use goldaw::notifications;
use goldaw::referrals::issue::Named;
use goldaw::referrals::model::Referral;
use goldaw::referrals::moves::{self, Order, Reroute};
use goldaw::referrals::states::{CancelReason, DeclineReason, FailReason, Move, State};
use goldaw::storage::Tx;

use super::{Desk, conflict};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    every_move_in_the_table_leads_where_it_says_and_no_other_changes_anything,
    a_no_asks_the_next_service_she_named_and_the_last_no_asks_nobody,
    the_last_place_is_given_once_and_given_back_by_a_failure,
    a_late_yes_counts_if_it_is_the_first,
    a_consent_taken_back_closes_what_rests_on_it,
    a_service_whose_consent_is_gone_is_never_asked_again,
    a_partner_that_must_not_know_loses_what_it_was_shown,
    a_counselor_moves_only_what_she_holds,
];

fn order(mv: Move) -> Order {
    match mv {
        Move::Acknowledge => Order::Acknowledge,
        Move::Accept => Order::Accept,
        Move::Decline => Order::Decline(DeclineReason::OutOfArea),
        Move::Told => Order::Told,
        Move::Start => Order::Start,
        Move::Complete => Order::Complete { confirmed: Some(true) },
        Move::Fail => Order::Fail(FailReason::NoShow),
        Move::HandBack => Order::HandBack(DeclineReason::CannotProvide),
        Move::Cancel => Order::Cancel(CancelReason::SurvivorDeclined),
        Move::Reroute => Order::Reroute(Box::default()),
        Move::Reopen => Order::Reopen,
    }
}

/// The shortest way into each state.
fn way(state: State) -> &'static [Move] {
    match state {
        State::Requested => &[],
        State::Received => &[Move::Acknowledge],
        State::Accepted => &[Move::Accept],
        State::InProgress => &[Move::Accept, Move::Start],
        State::Completed => &[Move::Accept, Move::Start, Move::Complete],
        State::Failed => &[Move::Accept, Move::Fail],
        State::Cancelled => &[Move::Cancel],
    }
}

/// A referral in a state, on a ticket of its own.
fn standing(desk: &Desk<'_>, state: State) -> Referral {
    let (ticket, mut referral) = desk.ticket_naming(&[&desk.second, &desk.first]);
    desk.claim(&desk.counselor, &ticket).unwrap();
    for mv in way(state) {
        referral = desk.mv(&desk.coordinator, &referral, &order(*mv)).unwrap();
    }
    assert_eq!(referral.state, state);
    referral
}

fn every_move_in_the_table_leads_where_it_says_and_no_other_changes_anything(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let partner = desk.partner_of(&desk.second);
    for state in State::ALL {
        let mut referral = standing(&desk, *state);
        for actor in [&partner, &desk.counselor, &desk.coordinator, &desk.operator] {
            for mv in Move::ALL {
                let before = (desk.steps(&referral.id), hotline.count("trail"));
                let outcome = desk.mv(actor, &referral, &order(*mv));
                if mv.is_for(actor.role).is_err() {
                    assert!(matches!(outcome, Err(Error::Forbidden)), "{state} {mv} {}", actor.role);
                } else if let Some(to) = mv.from(*state) {
                    let moved = outcome.unwrap_or_else(|error| panic!("{state} {mv} {}: {error}", actor.role));
                    assert_eq!(moved.state, to, "{state} {mv} {}", actor.role);
                    // The places of this suite are many, but not without end.
                    if moved.state.is_live() {
                        end(&desk, &moved);
                    }
                    referral = standing(&desk, *state);
                    continue;
                } else {
                    assert_eq!(conflict(outcome).0, "illegal_move", "{state} {mv} {}", actor.role);
                }
                assert_eq!((desk.steps(&referral.id), hotline.count("trail")), before, "{state} {mv} {}", actor.role);
                assert_eq!(desk.referral(&referral).version, referral.version);
            }
        }
    }
}

fn end(desk: &Desk<'_>, referral: &Referral) {
    desk.mv(&desk.coordinator, referral, &Order::Cancel(CancelReason::Other)).unwrap();
}

fn a_no_asks_the_next_service_she_named_and_the_last_no_asks_nobody(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let no = Order::Decline(DeclineReason::NoCapacity);
    let next = desk.mv(&desk.partner_of(&desk.first), &referral, &no).unwrap();
    assert_eq!((next.state, &next.service_id, next.unroutable), (State::Requested, &desk.second.id, false));
    for letter in desk.letters(&referral) {
        let waits = letter.service_id.as_ref() == Some(&desk.second.id);
        let expected = if waits { notifications::State::Pending } else { notifications::State::Cancelled };
        assert_eq!(letter.state, expected);
    }
    let nobody = desk.mv(&desk.partner_of(&desk.second), &referral, &no).unwrap();
    assert_eq!((nobody.state, nobody.unroutable), (State::Requested, true));
    assert_eq!(desk.steps(&referral.id), ["issued", "asked", "declined", "asked", "declined", "unroutable"]);
    let again = Order::Reroute(Box::new(Reroute {
        service: Some(goldaw::referrals::issue::Named(desk.first.reference.clone())),
        consent: None,
    }));
    let asked = desk.mv(&desk.coordinator, &referral, &again).unwrap();
    assert_eq!((asked.unroutable, &asked.service_id), (false, &desk.first.id));
    assert_eq!(desk.letters(&referral).len(), 3, "a service asked again gets a new letter");
}

fn the_last_place_is_given_once_and_given_back_by_a_failure(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, one) = desk.ticket_naming(&[&desk.first]);
    let (_, other) = desk.ticket_naming(&[&desk.first]);
    let partner = desk.partner_of(&desk.first);
    let asked = [&one, &other].map(|referral| {
        let (store, who, reference) = (hotline.store.clone(), partner.clone(), referral.reference.clone());
        let work = move |tx: &mut Tx<'_>| moves::make(tx, &who, &reference, &Order::Accept);
        let by = partner.by();
        std::thread::spawn(move || store.write_blocking(by, work))
    });
    let outcomes = asked.map(|thread| thread.join().unwrap());
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let (won, lost) = if outcomes[0].is_ok() { (&one, &other) } else { (&other, &one) };
    assert_eq!(conflict(desk.mv(&partner, lost, &Order::Accept)).0, "no_capacity");
    desk.mv(&partner, won, &Order::Fail(FailReason::NoShow)).unwrap();
    assert_eq!(desk.mv(&partner, lost, &Order::Accept).unwrap().state, State::Accepted);
}

fn a_late_yes_counts_if_it_is_the_first(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (first, second) = (desk.partner_of(&desk.first), desk.partner_of(&desk.second));
    let (_, referral) = desk.ticket();
    desk.mv(&desk.coordinator, &referral, &Order::Reroute(Box::default())).unwrap();
    assert_eq!(conflict(desk.mv(&first, &referral, &Order::Acknowledge)).0, "illegal_move");
    let late = desk.mv(&first, &referral, &Order::Accept).unwrap();
    assert_eq!((late.state, &late.service_id), (State::Accepted, &desk.first.id));
    assert_eq!(conflict(desk.mv(&second, &referral, &Order::Accept)), ("illegal_move", Some("partner".into())));
    assert!(desk.letters(&referral).iter().all(|letter| letter.ended_at.is_some()));
}

fn a_consent_taken_back_closes_what_rests_on_it(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let [asked, later] = desk.hops(&referral).try_into().unwrap();
    let withdraw = |consent: String| {
        desk.write(&desk.operator, move |tx| goldaw::referrals::moves::consent_withdrawn(tx, &consent)).unwrap();
    };
    withdraw(later.consent_id);
    assert_eq!(desk.referral(&referral).state, State::Requested);
    withdraw(asked.consent_id);
    let ended = desk.referral(&referral);
    assert_eq!((ended.state, ended.reason.as_deref()), (State::Cancelled, Some("consent_withdrawn")));
    assert!(desk.letters(&referral).iter().all(|letter| letter.state == notifications::State::Cancelled));
}

fn a_service_whose_consent_is_gone_is_never_asked_again(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let [_, later] = desk.hops(&referral).try_into().unwrap();
    let consent = later.consent_id;
    desk.write(&desk.operator, move |tx| {
        let now = tx.now;
        goldaw::cases::model::withdraw_consent(tx.db, &consent, now)
    })
    .unwrap();
    let to_it = Reroute { service: Some(Named(desk.second.reference.clone())), consent: None };
    assert_eq!(conflict(desk.mv(&desk.coordinator, &referral, &Order::Reroute(Box::new(to_it)))).0, "no_consent");
    desk.mv(&desk.partner_of(&desk.first), &referral, &Order::Decline(DeclineReason::NoCapacity)).unwrap();
    assert!(desk.referral(&referral).unroutable);
}

fn a_partner_that_must_not_know_loses_what_it_was_shown(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, referral) = desk.ticket();
    let partner = desk.partner_of(&desk.first);
    desk.mv(&partner, &referral, &Order::Acknowledge).unwrap();
    let organisation = desk.first.organisation.id.clone();
    desk.write(&desk.operator, move |tx| {
        let case = goldaw::cases::model::by_id(tx.db, &ticket.case_id)?;
        goldaw::cases::block(tx, &case, &[("organisation", organisation.clone())])
    })
    .unwrap();
    assert!(matches!(desk.mv(&partner, &referral, &Order::Accept), Err(Error::NotFound)));
}

fn a_counselor_moves_only_what_she_holds(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, referral) = desk.ticket();
    assert_eq!(conflict(desk.mv(&desk.counselor, &referral, &Order::Accept)).0, "claim_first");
    desk.claim(&desk.counselor, &ticket).unwrap();
    desk.mv(&desk.counselor, &referral, &Order::Accept).unwrap();
    let told = conflict(desk.mv(&desk.coordinator, &referral, &Order::Accept));
    assert_eq!(told, ("illegal_move", Some("co-01".into())));
    let stranger: Actor = super::hire(hotline, "pa-other", Role::Partner, Some(&desk.clinic.organisation.id));
    assert!(matches!(desk.mv(&stranger, &referral, &Order::Start), Err(Error::NotFound)));
}
