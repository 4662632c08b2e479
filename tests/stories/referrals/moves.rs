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
use crate::support::{Hotline, number, on_both_engines};

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

/// Which moves each state has and where they lead: 3-domain's table by hand, apart from the code's.
const LEADS: [(State, &[(Move, State)]); 7] = [
    (
        State::Requested,
        &[
            (Move::Acknowledge, State::Received),
            (Move::Accept, State::Accepted),
            (Move::Decline, State::Requested),
            (Move::Reroute, State::Requested),
            (Move::Cancel, State::Cancelled),
        ],
    ),
    (
        State::Received,
        &[
            (Move::Accept, State::Accepted),
            (Move::Decline, State::Requested),
            (Move::Reroute, State::Requested),
            (Move::Cancel, State::Cancelled),
        ],
    ),
    (
        State::Accepted,
        &[
            (Move::Told, State::Accepted),
            (Move::Start, State::InProgress),
            (Move::Fail, State::Failed),
            (Move::HandBack, State::Requested),
            (Move::Cancel, State::Cancelled),
        ],
    ),
    (
        State::InProgress,
        &[
            (Move::Complete, State::Completed),
            (Move::Fail, State::Failed),
            (Move::HandBack, State::Requested),
            (Move::Cancel, State::Cancelled),
        ],
    ),
    (State::Completed, &[]),
    (State::Failed, &[(Move::Reopen, State::Requested)]),
    (State::Cancelled, &[]),
];

/// Who may, by hand: the partner what it does itself, a counselor what she hears by phone and calls
/// off, a coordinator all of it; nobody else anything.
fn may(role: Role, mv: Move) -> bool {
    match mv {
        Move::Reopen => role == Role::Coordinator,
        Move::Cancel | Move::Reroute => matches!(role, Role::Counselor | Role::Coordinator),
        _ => matches!(role, Role::Partner | Role::Counselor | Role::Coordinator),
    }
}

fn every_move_in_the_table_leads_where_it_says_and_no_other_changes_anything(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let hired = |name: &str, role| super::hire(hotline, name, role, None);
    let (admin, auditor) = (hired("ad-01", Role::Admin), hired("au-01", Role::Auditor));
    let partner = desk.partner_of(&desk.second);
    let mut cells = 0;
    for (state, leads) in LEADS {
        let mut referral = standing(&desk, state);
        for actor in [&partner, &desk.counselor, &desk.coordinator, &desk.operator, &admin, &auditor] {
            for mv in Move::ALL {
                cells += 1;
                let cell = format!("{state} {mv} {}", actor.role);
                let before = (desk.steps(&referral.id), hotline.count("trail"));
                let outcome = desk.mv(actor, &referral, &order(*mv));
                let to = leads.iter().find(|(known, _)| known == mv).map(|(_, to)| *to);
                match to.filter(|_| may(actor.role, *mv)) {
                    Some(to) => {
                        let moved = outcome.unwrap_or_else(|error| panic!("{cell}: {error}"));
                        assert_eq!(moved.state, to, "{cell}");
                        is_written_once(&desk, actor, &referral, *mv, before.0.len());
                        // The places of this suite are many, but not without end.
                        if moved.state.is_live() {
                            end(&desk, &moved);
                        }
                        referral = standing(&desk, state);
                    }
                    None => {
                        match outcome {
                            Err(Error::Forbidden) => assert!(!may(actor.role, *mv), "{cell}"),
                            other => assert!(conflict(other).0 == "illegal_move" && may(actor.role, *mv), "{cell}"),
                        }
                        assert_eq!((desk.steps(&referral.id), hotline.count("trail")), before, "{cell}");
                        assert_eq!(desk.referral(&referral).version, referral.version, "{cell}");
                    }
                }
            }
        }
    }
    assert_eq!(cells, State::ALL.len() * Move::ALL.len() * Role::ALL.len());
}

/// Of all that a move brings about, one step and one row of the trail say which it was, and whose.
fn is_written_once(desk: &Desk<'_>, actor: &Actor, referral: &Referral, mv: Move, before: usize) {
    let subject = std::slice::from_ref(&referral.id);
    let steps = desk.read(|db| goldaw::storage::records::steps_of(db, subject)).split_off(before);
    let own: Vec<_> = steps.iter().filter(|step| step.kind == mv.step()).collect();
    let by = (Some(actor.id.clone()), actor.role.code().to_owned());
    assert_eq!(own.len(), 1, "{mv}: {steps:?}");
    assert_eq!((own[0].actor_id.clone(), own[0].actor_role.clone()), by);
    // No way into a state has a move that leads out of it, so the row is the only one of its action.
    let rows = |whose: &str| {
        let action = format!("action = 'referrals.{}' AND outcome = 'done'", mv.step());
        let query = format!("SELECT count(*) AS value FROM trail WHERE {action} AND {whose}");
        number(&mut desk.hotline.stranger(), &query)
    };
    let about = format!("subject = '{}'", referral.reference);
    assert_eq!((rows(&about), rows(&format!("{about} AND actor_id = '{}'", actor.id))), (1, 1), "{mv}");
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
