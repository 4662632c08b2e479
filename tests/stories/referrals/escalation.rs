//! While nobody accepts: who is told what, and when, to the minute; and that it ends.

use goldaw::clock::{DAY, HOUR, Instant, MINUTE};
use goldaw::error::Error;
use goldaw::notifications::Channel;
use goldaw::referrals::escalation::{climb, is_due, mend};
use goldaw::referrals::model::{Referral, Ticket};
use goldaw::referrals::moves::Order;
use goldaw::referrals::states::{DeclineReason, State};
use goldaw::storage::schema::{notifications, tasks};
use goldaw::storage::{By, Moved};
use goldaw::tasks::task::{Kind, State as TaskState};
use goldaw::triage::Level;

use super::Desk;
use crate::support::{Engine, Hotline, on_both_engines};
use diesel::prelude::*;

on_both_engines![
    an_acceptance_ends_it_and_what_was_to_be_done,
    a_decline_begins_it_anew_for_the_next_service_she_named,
    a_level_that_rises_begins_its_own_ladder,
    a_crash_between_any_two_rungs_loses_none_and_doubles_none,
    many_programs_climb_each_rung_once,
    a_letter_that_failed_for_good_has_a_task_and_the_second_address_is_written_to,
    a_page_that_failed_is_mended_by_whoever_may_know_what_it_was_about,
    a_ladder_that_begins_anew_asks_nobody_to_phone_twice,
    a_house_that_is_held_climbs_nothing,
];

/// A hotline whose coordinators can be paged.
fn on_duty(engine: Engine) -> Hotline {
    Hotline::with(engine, |config| config.oversight.page = vec!["duty@example.org".into()])
}

fn climb_all(hotline: &Hotline) -> usize {
    let mut rungs = 0;
    while hotline.store.write_blocking(By::system(), climb).unwrap() {
        rungs += 1;
        assert!(rungs < 100, "a ladder has an end");
    }
    rungs
}

/// The ticket and its referral as if issued at another level.
fn at_level(desk: &Desk<'_>, level: Level) -> (Ticket, Referral) {
    let (ticket, referral) = desk.ticket();
    let contact_id = ticket.contact_id.clone();
    let follow = move |tx: &mut goldaw::storage::Tx<'_>| {
        goldaw::referrals::follow(tx, &Moved { contact_id: &contact_id, level, care_by: None })
    };
    desk.hotline.store.write_blocking(By::system(), follow).unwrap();
    (ticket, desk.referral(&referral))
}

/// What happened to a referral, each with its minute since the beginning.
fn told(desk: &Desk<'_>, referral: &Referral, from: Instant) -> Vec<(i64, String)> {
    let steps = desk.read(|db| goldaw::storage::records::steps_of(db, std::slice::from_ref(&referral.id)));
    steps.into_iter().map(|step| (step.at.since(from) / MINUTE, step.kind)).collect()
}

/// Lets time go by in steps, climbing at each.
fn pass(desk: &Desk<'_>, until: i64, step: i64) {
    for _ in 0..until / step {
        desk.hotline.wait(step);
        climb_all(desk.hotline);
    }
}

const CRITICAL: [(i64, &str); 14] = [
    (0, "issued"),
    (0, "asked"),
    (0, "phone_task"),
    (0, "paged"),
    (3, "second_endpoint"),
    (7, "rerouted"),
    (7, "asked"),
    (7, "phone_task"),
    (7, "paged"),
    (10, "second_endpoint"),
    (14, "rerouted"),
    (14, "unroutable"),
    (19, "paged"),
    (i64::MAX, ""),
];

const HIGH: [(i64, &str); 13] = [
    (0, "issued"),
    (0, "asked"),
    (10, "reminded"),
    (20, "second_endpoint"),
    (20, "phone_task"),
    (40, "rerouted"),
    (40, "asked"),
    (50, "reminded"),
    (60, "second_endpoint"),
    (60, "phone_task"),
    (80, "rerouted"),
    (80, "unroutable"),
    (100, "paged"),
];

#[test]
fn critical_and_high_climb_to_the_minute_and_end_with_the_coordinators() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for (level, expected) in [(Level::Critical, &CRITICAL[..13]), (Level::High, &HIGH[..])] {
            let hotline = on_duty(engine);
            let desk = Desk::at(&hotline);
            let from = hotline.clock.now();
            let (_, referral) = at_level(&desk, level);
            climb_all(&hotline);
            pass(&desk, 3 * HOUR, MINUTE);
            let expected: Vec<(i64, String)> = expected.iter().map(|(at, kind)| (*at, (*kind).to_owned())).collect();
            assert_eq!(told(&desk, &referral, from), expected, "{level:?} on {engine:?}");
            let now = desk.referral(&referral);
            assert!(now.unroutable && now.ladder_due.is_none(), "nothing is left to climb");
            let pages = expected.iter().filter(|(_, kind)| kind == "paged").count();
            let letters = desk.read(|db| goldaw::notifications::list(db, None, None, None, 200));
            assert_eq!(letters.iter().filter(|letter| letter.kind == "page").count(), pages, "each page is a letter");
        }
    }
}

#[test]
fn medium_and_low_climb_by_shares_of_service_hours() {
    // Monday nine in the morning; service hours are nine to six, Medium accepts by Tuesday's close.
    for (level, service_hours) in [(Level::Medium, 18), (Level::Low, 27)] {
        let hotline = on_duty(Engine::Sqlite);
        let desk = Desk::at(&hotline);
        let from = hotline.clock.now();
        let (_, referral) = at_level(&desk, level);
        pass(&desk, 6 * DAY, 30 * MINUTE);
        // Service hours since Monday nine, as minutes on the clock: nine hours a day, then the night.
        let clock = |hours: f64| {
            let (days, rest) = ((hours / 9.0 - 1e-9).floor().max(0.0), hours);
            ((days * 24.0 + (rest - days * 9.0)) * 60.0) as i64
        };
        let total = f64::from(service_hours);
        let expected = [
            (clock(total * 0.5), "reminded"),
            (clock(total * 0.75), "second_endpoint"),
            (clock(total * 0.75), "phone_task"),
            (clock(total), "paged"),
        ];
        let steps = told(&desk, &referral, from);
        let climbed: Vec<_> = steps[2..].iter().map(|(at, kind)| (*at, kind.as_str())).collect();
        for ((at, kind), (due, what)) in climbed.iter().zip(expected) {
            assert!(*kind == what && (due..due + 31).contains(at), "{level:?}: {kind} at {at}, {what} due at {due}");
        }
        assert_eq!(climbed.len(), 4, "{climbed:?}");
    }
}

fn an_acceptance_ends_it_and_what_was_to_be_done(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, referral) = desk.ticket();
    climb_all(hotline);
    assert_eq!(phones(hotline, TaskState::Open), 1);
    desk.claim(&desk.counselor, &ticket).unwrap();
    let referral = desk.mv(&desk.counselor, &referral, &Order::Acknowledge).unwrap();
    assert!(referral.ladder_due.is_some(), "to have seen it is not to help");
    let referral = desk.mv(&desk.counselor, &referral, &Order::Accept).unwrap();
    assert_eq!(
        (referral.ladder_due, phones(hotline, TaskState::Open), phones(hotline, TaskState::NotNeeded)),
        (None, 0, 1)
    );
    let steps = desk.steps(&referral.id);
    pass(&desk, HOUR, 5 * MINUTE);
    assert_eq!(desk.steps(&referral.id), steps, "nobody is told any more");
    // Given back, it begins again with the next.
    let referral = desk.mv(&desk.coordinator, &referral, &Order::HandBack(DeclineReason::Other)).unwrap();
    assert_eq!((referral.service_id == desk.second.id, referral.ladder_due), (true, Some(hotline.clock.now())));
}

fn phones(hotline: &Hotline, state: TaskState) -> i64 {
    tasks::table
        .filter(tasks::kind.eq(Kind::PhoneTask))
        .filter(tasks::state.eq(state))
        .count()
        .get_result(&mut hotline.stranger())
        .unwrap()
}

fn a_decline_begins_it_anew_for_the_next_service_she_named(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    climb_all(hotline);
    hotline.wait(2 * MINUTE);
    let referral = desk.mv(&desk.coordinator, &referral, &Order::Decline(DeclineReason::NoCapacity)).unwrap();
    assert_eq!((referral.ladder_rung, referral.ladder_from), (Some(0), Some(hotline.clock.now())));
    assert_eq!(phones(hotline, TaskState::Open), 0, "nobody need phone the one that said no");
    climb_all(hotline);
    let about: String = tasks::table
        .filter(tasks::state.eq(TaskState::Open))
        .select(tasks::service_id.assume_not_null())
        .first(&mut hotline.stranger())
        .unwrap();
    assert_eq!(about, desk.second.id);
}

fn a_level_that_rises_begins_its_own_ladder(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let from = hotline.clock.now();
    let (ticket, referral) = at_level(&desk, Level::High);
    pass(&desk, 12 * MINUTE, MINUTE);
    let contact_id = ticket.contact_id.clone();
    let rise = move |tx: &mut goldaw::storage::Tx<'_>| {
        goldaw::referrals::follow(tx, &Moved { contact_id: &contact_id, level: Level::Critical, care_by: None })
    };
    hotline.store.write_blocking(By::system(), rise).unwrap();
    climb_all(hotline);
    pass(&desk, 4 * MINUTE, MINUTE);
    let told = told(&desk, &referral, from);
    let told: Vec<_> = told[2..].iter().map(|(at, kind)| (*at, kind.as_str())).collect();
    assert_eq!(told, [(10, "reminded"), (12, "phone_task"), (12, "nobody_to_page"), (15, "second_endpoint")]);
}

fn a_crash_between_any_two_rungs_loses_none_and_doubles_none(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let from = hotline.clock.now();
    let (_, referral) = desk.ticket();
    for _ in 0..30 {
        // Everything is done, and the power fails before the commit.
        let cut_off = hotline.store.write_blocking(By::system(), |tx| {
            let climbed = climb(tx)?;
            if climbed { Err(Error::Unavailable) } else { Ok(climbed) }
        });
        let steps = desk.steps(&referral.id).len();
        if cut_off.is_err() {
            assert!(hotline.store.write_blocking(By::system(), climb).unwrap());
            assert!(desk.steps(&referral.id).len() > steps, "the next program does it");
        }
        while hotline.store.write_blocking(By::system(), climb).unwrap() {}
        hotline.wait(MINUTE);
    }
    let expected: Vec<(i64, String)> =
        CRITICAL[..13].iter().map(|(at, kind)| (*at, kind.replace("paged", "nobody_to_page"))).collect();
    assert_eq!(told(&desk, &referral, from), expected);
}

fn many_programs_climb_each_rung_once(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let from = hotline.clock.now();
    let (_, referral) = desk.ticket();
    for _ in 0..20 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let store = hotline.store.clone();
                scope.spawn(move || {
                    // On PostgreSQL those who collide may be told to come again.
                    for _ in 0..8 {
                        let _ = store.write_blocking(By::system(), climb);
                    }
                });
            }
        });
        climb_all(hotline);
        hotline.wait(MINUTE);
    }
    let expected: Vec<(i64, String)> =
        CRITICAL[..13].iter().map(|(at, kind)| (*at, kind.replace("paged", "nobody_to_page"))).collect();
    assert_eq!(told(&desk, &referral, from), expected);
}

fn a_letter_that_failed_for_good_has_a_task_and_the_second_address_is_written_to(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (_, referral) = desk.ticket();
    let fail = || {
        diesel::update(notifications::table)
            .set((notifications::state.eq("failed"), notifications::ended_at.eq(hotline.clock.now())))
            .execute(&mut hotline.stranger())
            .unwrap()
    };
    assert_eq!(fail(), 1);
    let mend_all = || {
        let mut mended = 0;
        while hotline.store.write_blocking(By::system(), mend).unwrap() {
            mended += 1;
        }
        mended
    };
    assert_eq!((mend_all(), mend_all()), (1, 0), "once");
    let letters = desk.letters(&referral);
    let to: Vec<_> = letters.iter().map(|letter| (letter.address.as_str(), letter.channel)).collect();
    assert!(to.contains(&("night-first@example.org", Channel::Email)), "{to:?}");
    let kind: Kind = tasks::table.select(tasks::kind).first(&mut hotline.stranger()).unwrap();
    assert_eq!((kind, desk.referral(&referral).state), (Kind::FixAddress, State::Requested));
    // The second one fails, too: another address to mend, and no third letter.
    assert_eq!(fail(), 2);
    assert_eq!((mend_all(), desk.letters(&referral).len()), (1, 2));
    desk.mv(&desk.coordinator, &referral, &Order::Accept).unwrap();
    let still: i64 =
        tasks::table.filter(tasks::state.eq(TaskState::Open)).count().get_result(&mut hotline.stranger()).unwrap();
    assert_eq!(still, 2, "a yes by phone mends no address");
}

fn a_page_that_failed_is_mended_by_whoever_may_know_what_it_was_about(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, _) = desk.ticket();
    let brother = super::hire(hotline, "cd-02", goldaw::access::Role::Coordinator, None);
    let (case_id, blocked) = (ticket.case_id.clone(), brother.id.clone());
    let page = move |tx: &mut goldaw::storage::Tx<'_>| {
        let case = goldaw::cases::model::by_id(tx.db, &case_id)?;
        goldaw::cases::block(tx, &case, &[("staff", blocked.clone())])?;
        let promise = goldaw::notifications::Promise {
            referral_id: None,
            case_id: Some(case.id),
            service_id: None,
            endpoint_id: "R/0".into(),
            channel: Channel::Email,
            address: "duty@example.org".into(),
            kind: "page".into(),
            revision: 1,
            urgent: true,
            letter: goldaw::notifications::Letter::notice("en", "R"),
            give_up_after: DAY,
        };
        goldaw::notifications::promise(tx, &promise)
    };
    let letter = desk.write(&desk.operator, page).unwrap();
    diesel::update(notifications::table.find(letter.id))
        .set((notifications::state.eq("failed"), notifications::ended_at.eq(hotline.clock.now())))
        .execute(&mut hotline.stranger())
        .unwrap();
    assert!(hotline.store.write_blocking(By::system(), mend).unwrap());
    let seen = |who| desk.read(|db| goldaw::tasks::model::list(db, who, (TaskState::Open, None), None, 9)).len();
    assert_eq!((seen(&desk.coordinator), seen(&brother)), (1, 0));
}

fn a_ladder_that_begins_anew_asks_nobody_to_phone_twice(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (ticket, referral) = at_level(&desk, Level::High);
    pass(&desk, 25 * MINUTE, MINUTE);
    assert_eq!(phones(hotline, TaskState::Open), 1);
    let contact_id = ticket.contact_id.clone();
    let rise = move |tx: &mut goldaw::storage::Tx<'_>| {
        goldaw::referrals::follow(tx, &Moved { contact_id: &contact_id, level: Level::Critical, care_by: None })
    };
    hotline.store.write_blocking(By::system(), rise).unwrap();
    climb_all(hotline);
    assert_eq!((phones(hotline, TaskState::Open), desk.referral(&referral).ladder_rung), (1, Some(1)));
}

fn a_house_that_is_held_climbs_nothing(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    desk.ticket();
    let now = hotline.clock.now();
    let due = || hotline.store.read_blocking(|db| is_due(db, now)).unwrap();
    assert!(due());
    hotline.store.write_blocking(By::system(), |tx| tx.hold()).unwrap();
    assert!(!due(), "somebody may have accepted since the copy was made");
    assert!(hotline.store.write_blocking(By::system(), |tx| tx.release()).unwrap());
    assert!(due());
}
