//! Two people, one move: exactly one makes it, it is written down once, and the others hear who was
//! first. A few tries a round here; a hundred, and many more rounds, when `scripts/prove.sh tickets`
//! asks for them.

use std::sync::{Arc, Barrier};

use goldaw::access::{Actor, Role};
use goldaw::error::{Error, Result};
use goldaw::referrals::model::{self, Referral, Ticket};
use goldaw::referrals::moves::{self, Order};
use goldaw::referrals::states::{FailReason, State};
use goldaw::referrals::{claim, moves::withdraw};
use goldaw::storage::Tx;

use super::{Desk, conflict};
use crate::support::proof::{Dice, rounds};
use crate::support::{Engine, Hotline, number, on_both_engines};

on_both_engines![
    of_a_crowd_that_claims_one_gets_the_ticket,
    an_acceptance_and_a_consent_taken_back_end_with_nothing_shown,
    the_last_place_is_given_to_one_of_many,
    of_a_late_yes_and_the_next_one_s_yes_one_counts,
    of_two_endings_one_is_written_down,
];

/// What several do at once.
pub(super) type Try = Box<dyn Fn(&mut Tx<'_>) -> Result<String> + Send>;

/// Tries a round: a crowd when a proof is asked for.
fn crowd() -> usize {
    if std::env::var_os("GOLDAW_PROOF_ROUNDS").is_some() { 100 } else { 8 }
}

/// All at the same moment, each told in its own time. Told to come again, which an engine under
/// strain may answer, somebody comes again.
pub(super) fn at_once(hotline: &Hotline, tries: Vec<(Actor, Try)>) -> Vec<(Actor, Result<String>)> {
    let start = Arc::new(Barrier::new(tries.len()));
    let threads: Vec<_> = tries
        .into_iter()
        .map(|(who, work)| {
            let (store, start) = (hotline.store.clone(), start.clone());
            let work = Arc::new(std::sync::Mutex::new(work));
            std::thread::spawn(move || {
                start.wait();
                loop {
                    let work = work.clone();
                    let outcome = store.write_blocking(who.by(), move |tx| (work.lock().unwrap())(tx));
                    if !matches!(outcome, Err(Error::Busy | Error::Unavailable)) {
                        return (who, outcome);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// The one who won, and what the others heard.
fn one_winner(outcomes: Vec<(Actor, Result<String>)>) -> (Actor, Vec<(&'static str, Option<String>)>) {
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
    assert_eq!(won.len(), 1, "{won:?}");
    (won[0].0.clone(), lost.into_iter().map(|(_, outcome)| conflict(outcome)).collect())
}

fn mover(who: &Actor, referral: &Referral, order: &Order) -> (Actor, Try) {
    let (actor, reference, order) = (who.clone(), referral.reference.clone(), order.clone());
    (who.clone(), Box::new(move |tx| moves::make(tx, &actor, &reference, &order)))
}

fn trail(hotline: &Hotline, action: &str, subject: &str) -> i64 {
    let query = format!(
        "SELECT count(*) AS value FROM trail WHERE action = '{action}' AND subject = '{subject}' AND outcome = 'done'"
    );
    number(&mut hotline.stranger(), &query)
}

fn told(engine: Engine, what: &str, rounds: u64, tries: usize) {
    println!(
        "proof: {what}: {engine:?}: {rounds} rounds of {tries} tries at once, one winner in each, told to all others"
    );
}

fn of_a_crowd_that_claims_one_gets_the_ticket(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let crowd: Vec<_> =
        (0..crowd()).map(|n| super::hire(hotline, &format!("co-{n:03}"), Role::Counselor, None)).collect();
    let all = rounds(3);
    for _ in 0..all {
        let (ticket, referral) = desk.ticket_naming(&[&desk.second]);
        let tries = crowd.iter().map(|who| {
            let (actor, reference) = (who.clone(), ticket.reference.clone());
            (who.clone(), Box::new(move |tx: &mut Tx<'_>| claim::claim(tx, &actor, &reference)) as Try)
        });
        let (winner, heard) = one_winner(at_once(hotline, tries.collect()));
        assert!(heard.iter().all(|told| *told == ("claimed", Some(winner.name.clone()))), "{heard:?}");
        assert_eq!(desk.read(|db| model::ticket(db, &ticket.id)).claimed_by, Some(winner.id));
        assert_eq!((trail(hotline, "tickets.claim", &ticket.reference), desk.steps(&ticket.id)), (1, claimed()));
        end(&desk, &referral);
    }
    told(hotline.engine, "claim", all, crowd.len());
}

fn claimed() -> Vec<String> {
    vec!["issued".into(), "claimed".into()]
}

/// Leaves the place free for the next round.
fn end(desk: &Desk<'_>, referral: &Referral) {
    let now = desk.referral(referral);
    if now.state.is_live() {
        let why = goldaw::referrals::states::CancelReason::Other;
        desk.mv(&desk.coordinator, &now, &Order::Cancel(why)).unwrap();
    }
}

fn an_acceptance_and_a_consent_taken_back_end_with_nothing_shown(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let all = rounds(3);
    for _ in 0..all {
        let (ticket, referral) = desk.ticket_naming(&[&desk.second]);
        desk.claim(&desk.counselor, &ticket).unwrap();
        let consent = desk.hops(&referral)[0].consent_id.clone();
        let (case, consent) = desk.read(|db| {
            let case = goldaw::cases::model::by_id(db, &ticket.case_id)?;
            let given = goldaw::cases::model::consents_of(db, &case.id)?;
            Ok((case.reference, given.into_iter().find(|row| row.id == consent).unwrap().reference))
        });
        let mut dice = Dice::new();
        let tries = (0..crowd()).map(|_| {
            if dice.throw(2) == 0 {
                return mover(&desk.coordinator, &referral, &Order::Accept);
            }
            let (actor, case, consent) = (desk.counselor.clone(), case.clone(), consent.clone());
            let work: Try = Box::new(move |tx| withdraw(tx, &actor, &case, &consent).map(|()| "withdrawn".to_owned()));
            (desk.counselor.clone(), work)
        });
        let outcomes = at_once(hotline, tries.collect());
        let withdrawn = outcomes.iter().filter(|(_, outcome)| outcome.as_deref().ok() == Some("withdrawn")).count();
        let accepted =
            outcomes.iter().filter(|(who, outcome)| who.id == desk.coordinator.id && outcome.is_ok()).count();
        assert!(withdrawn == 1 && accepted <= 1, "{withdrawn} withdrawals, {accepted} acceptances");
        let now = desk.referral(&referral);
        assert_eq!((now.state, now.ladder_due), (State::Cancelled, None), "her word is the last");
        assert!(desk.letters(&now).iter().all(|letter| letter.ended_at.is_some()), "no letter is on its way");
        let accepts = desk.steps(&referral.id).iter().filter(|kind| *kind == "accepted").count();
        assert_eq!((accepts, trail(hotline, "referrals.accepted", &referral.reference)), (accepted, accepted as i64));
    }
    told(hotline.engine, "accept against withdraw", all, crowd());
}

fn the_last_place_is_given_to_one_of_many(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let all = rounds(3);
    for _ in 0..all {
        // `First` has one place; several women wait for it.
        let waiting: Vec<(Ticket, Referral)> = (0..4).map(|_| desk.ticket_naming(&[&desk.first])).collect();
        let tries = (0..crowd()).map(|n| mover(&desk.coordinator, &waiting[n % 4].1, &Order::Accept));
        let outcomes = at_once(hotline, tries.collect());
        assert_eq!(outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count(), 1);
        for (_, outcome) in outcomes.into_iter().filter(|(_, outcome)| outcome.is_err()) {
            let (code, detail) = conflict(outcome);
            assert!(code == "no_capacity" || (code, detail) == ("illegal_move", Some("cd-01".into())));
        }
        let accepted = waiting.iter().filter(|(_, referral)| desk.referral(referral).state == State::Accepted).count();
        assert_eq!(accepted, 1, "the place is taken once");
        waiting.iter().for_each(|(_, referral)| end(&desk, referral));
    }
    told(hotline.engine, "last place", all, crowd());
}

fn of_a_late_yes_and_the_next_one_s_yes_one_counts(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (early, late) = (desk.partner_of(&desk.second), desk.partner_of(&desk.first));
    let all = rounds(3);
    for _ in 0..all {
        let (_, referral) = desk.ticket();
        desk.mv(&desk.coordinator, &referral, &Order::Reroute(Box::default())).unwrap();
        let tries = (0..crowd()).map(|n| mover(if n % 2 == 0 { &early } else { &late }, &referral, &Order::Accept));
        let (winner, heard) = one_winner(at_once(hotline, tries.collect()));
        assert!(heard.iter().all(|told| *told == ("illegal_move", Some("partner".into()))), "{heard:?}");
        let now = desk.referral(&referral);
        let house = if winner.id == early.id { &desk.second } else { &desk.first };
        assert_eq!((now.state, &now.service_id), (State::Accepted, &house.id));
        assert_eq!(trail(hotline, "referrals.accepted", &referral.reference), 1);
        end(&desk, &now);
    }
    told(hotline.engine, "late acceptance", all, crowd());
}

fn of_two_endings_one_is_written_down(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let partner = desk.partner_of(&desk.second);
    let all = rounds(3);
    for _ in 0..all {
        let (_, referral) = desk.ticket_naming(&[&desk.second]);
        for order in [Order::Accept, Order::Start] {
            desk.mv(&partner, &referral, &order).unwrap();
        }
        let complete = Order::Complete { confirmed: None };
        let tries = (0..crowd()).map(|n| match n % 2 {
            0 => mover(&partner, &referral, &complete),
            _ => mover(&desk.coordinator, &referral, &Order::Fail(FailReason::NoShow)),
        });
        let (winner, heard) = one_winner(at_once(hotline, tries.collect()));
        assert!(heard.iter().all(|(code, who)| *code == "illegal_move" && who.is_some()), "{heard:?}");
        let ended = if winner.id == partner.id { (State::Completed, 1, 0) } else { (State::Failed, 0, 1) };
        let written = |action: &str| trail(hotline, action, &referral.reference);
        let now = desk.referral(&referral).state;
        assert_eq!((now, written("referrals.completed"), written("referrals.failed")), ended);
    }
    told(hotline.engine, "two endings", all, crowd());
}
