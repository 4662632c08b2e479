//! Two people, one move: exactly one makes it, it is written down once, and the others hear who was
//! first. A few tries a round here; a hundred, and many more rounds, when `scripts/prove.sh tickets`
//! asks for them.

use std::sync::{Arc, Barrier};

use goldaw::access::{Actor, Role};
use goldaw::cases::{self, CaseRow};
use goldaw::clock::SECOND;
use goldaw::directory::{self, Counts, Service};
use goldaw::error::{Error, Result};
use goldaw::referrals::casework::{Merging, merge};
use goldaw::referrals::model::{self, Referral, Ticket};
use goldaw::referrals::moves::{self, Order};
use goldaw::referrals::states::{FailReason, State};
use goldaw::referrals::{claim, moves::withdraw};
use goldaw::storage::Tx;

use super::{Desk, conflict, of};
use crate::support::proof::{Dice, rounds};
use crate::support::{Engine, Hotline, number, on_both_engines};

on_both_engines![
    of_a_crowd_that_claims_one_gets_the_ticket,
    an_acceptance_and_a_consent_taken_back_end_with_nothing_shown,
    the_last_place_is_given_to_one_of_many,
    of_a_late_yes_and_the_next_one_s_yes_one_counts,
    of_two_endings_one_is_written_down,
    of_two_completions_one_is_written_down,
    a_merge_beside_edits_and_claims_loses_nothing,
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
        let mut steps = desk.steps(&ticket.id);
        // Who wins often enough carries too much, which is written down as well.
        steps.retain(|kind| kind != "over_limit");
        assert_eq!((trail(hotline, "tickets.claim", &ticket.reference), steps), (1, claimed()));
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

/// Says that all its places are free again: what it completed counts until it does.
fn all_free(desk: &Desk<'_>, service: &Service) {
    desk.hotline.wait(SECOND);
    let (id, reference) = (service.id.clone(), service.reference.clone());
    let free = move |tx: &mut Tx<'_>| {
        let seen = directory::service_by_id(tx.db, &id)?.version;
        directory::state_capacity(tx, &reference, seen, Counts { available: 90, maximum: 90 }).map(|_| ())
    };
    desk.write(&desk.coordinator, free).unwrap();
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
        all_free(&desk, &desk.second);
    }
    told(hotline.engine, "two endings", all, crowd());
}

fn of_two_completions_one_is_written_down(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let partner = desk.partner_of(&desk.second);
    let all = rounds(3);
    for _ in 0..all {
        let (_, referral) = desk.ticket_naming(&[&desk.second]);
        for order in [Order::Accept, Order::Start] {
            desk.mv(&partner, &referral, &order).unwrap();
        }
        let complete = Order::Complete { confirmed: Some(true) };
        let tries =
            (0..crowd()).map(|n| mover(if n % 2 == 0 { &partner } else { &desk.coordinator }, &referral, &complete));
        let (winner, heard) = one_winner(at_once(hotline, tries.collect()));
        // A partner hears the role of whoever was first, the house their number.
        let who = if winner.id == partner.id { [partner.name.as_str(), "partner"] } else { ["cd-01", "coordinator"] };
        let is_told = |name: &Option<String>| name.as_deref().is_some_and(|name| who.contains(&name));
        assert!(heard.iter().all(|(code, name)| *code == "illegal_move" && is_told(name)), "{heard:?}");
        let now = desk.referral(&referral);
        let by_hotline = winner.id == desk.coordinator.id;
        assert_eq!((now.state, now.help_confirmed), (State::Completed, by_hotline.then_some(true)));
        let steps = desk.steps(&referral.id).iter().filter(|kind| *kind == "completed").count();
        assert_eq!((trail(hotline, "referrals.completed", &referral.reference), steps), (1, 1));
        all_free(&desk, &desk.second);
    }
    told(hotline.engine, "two completions", all, crowd());
}

/// Two cases of one woman, each with a ticket: one is merged into the other while their terms are
/// edited, their tickets claimed, and somebody is named who must not know of either. Whatever comes
/// first, nothing of either is lost, and who must not know of one does not know of both.
fn a_merge_beside_edits_and_claims_loses_nothing(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let all = rounds(3);
    let mut merges = 0;
    for round in 0..all {
        let tickets = [desk.ticket_naming(&[&desk.second]), desk.ticket_for("medical", &[&desk.clinic])];
        let brother = super::hire(hotline, &format!("kin-{round}"), Role::Counselor, None);
        let cases = tickets.each_ref().map(|(ticket, _)| desk.read(|db| cases::model::by_id(db, &ticket.case_id)));
        let tries = (0..crowd()).map(|n| contender(&desk, (&cases, &tickets), &brother, n));
        let outcomes = at_once(hotline, tries.collect());
        let done = |what: &str| outcomes.iter().filter(|(_, outcome)| outcome.as_deref().ok() == Some(what)).count();
        assert!(done("merged") <= 1 && done("edited") <= 2, "{outcomes:?}");
        let [kept, other] = cases.each_ref().map(|case| desk.read(|db| cases::model::by_id(db, &case.id)));
        let merged = other.merged_into.is_some();
        merges += u64::from(merged);
        assert_eq!((done("merged") == 1, trail(hotline, "cases.merge", &kept.reference)), (merged, i64::from(merged)));
        let edits: i64 = [&kept, &other].map(|case| trail(hotline, "cases.safe_contact", &case.reference)).iter().sum();
        assert_eq!(edits, done("edited") as i64, "an edit that was answered is written down, and no other");
        let home = if merged { &kept } else { &other };
        for ((ticket, referral), case) in tickets.iter().zip([&kept, home]) {
            let now = desk.read(|db| model::ticket(db, &ticket.id));
            assert_eq!(now.case_id, case.id, "the ticket is where its case is");
            assert_eq!(trail(hotline, "tickets.claim", &ticket.reference), i64::from(now.claimed_by.is_some()));
            end(&desk, referral);
        }
        let hidden = cases::blocked;
        assert!(desk.read(|db| hidden(db, &home.id)).staff.contains(&brother.id), "the block came along");
        if merged && done("edited") > 0 {
            let tx_terms = desk.write(&desk.counselor, {
                let kept = kept.clone();
                move |tx| cases::terms(tx, &kept)
            });
            assert!(tx_terms.unwrap().is_some(), "what was agreed with her came along");
        }
    }
    let (engine, tries) = (hotline.engine, crowd());
    println!(
        "proof: merge against edit, claim and block: {engine:?}: {all} rounds of {tries} tries at once, \
         one merge in {merges}, none in the others, nothing lost"
    );
}

/// Which of [`contender`]'s tries names somebody who must not know.
const BLOCKS: usize = 4;

/// One of those who want something of two cases at the same moment.
fn contender(
    desk: &Desk<'_>,
    (cases, tickets): (&[CaseRow; 2], &[(Ticket, Referral); 2]),
    brother: &Actor,
    n: usize,
) -> (Actor, Try) {
    let actor = desk.operator.clone();
    let [kept, other] = cases.clone();
    let (case, ticket) = (cases[n / 5 % 2].clone(), tickets[n / 5 % 2].0.reference.clone());
    let (blocked, claimer) = (brother.id.clone(), desk.counselor.clone());
    // One try to name the brother, or a later one would hide that an earlier one was lost.
    let what = if n == BLOCKS { BLOCKS } else { n % BLOCKS };
    let work: Try = match what {
        0 => Box::new(move |tx| {
            let form: Merging = of(&format!(r#"{{"case":"{}"}}"#, other.reference));
            merge(tx, &actor, (&kept.reference, kept.version), &form).map(|_| "merged".to_owned())
        }),
        1 | 2 => Box::new(move |tx| {
            let terms = of(TERMS);
            cases::set_safe_contact(tx, &actor, (&case.reference, case.version), &terms).map(|()| "edited".to_owned())
        }),
        3 => Box::new(move |tx| claim::claim(tx, &claimer, &ticket).map(|_| "claimed".to_owned())),
        // The last of the two cases is the one that is given up.
        _ => Box::new(move |tx| {
            let row = cases::model::by_id(tx.db, &other.id)?;
            let row = row.merged_into.clone().map_or(Ok(row), |kept| cases::model::by_id(tx.db, &kept))?;
            cases::block(tx, &row, &[("staff", blocked.clone())]).map(|()| "blocked".to_owned())
        }),
    };
    let who = if what == 3 { &desk.counselor } else { &desk.operator };
    (who.clone(), work)
}

const TERMS: &str = r#"{"may_call":true,"number":"8 61 000001","if_another_answers":"A delivery.",
    "windows":[{"weekday":"mon","from":"09:00","to":"11:00"}]}"#;
