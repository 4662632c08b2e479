//! What the worker does with what carriers tell it: repeats, doubts, crashes, races.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Stopwatch};

use goldaw::clock::{HOUR, MINUTE, SECOND};
use goldaw::notifications::channels::{Channels, Delivery, Gate, Memory};
use goldaw::notifications::{self, Channel, Class, GIVE_UP_AFTER, State};
use goldaw::storage::By;

use super::mail_server::Act::{Close, Drip, Say};
use super::mail_server::{MailServer, Part};
use super::world::{Playing, World, calm, on_each_engine, urgent};
use crate::support::Engine;

on_each_engine![
    a_promised_letter_arrives_once_with_a_link_that_finds_it,
    a_server_that_comes_back_gets_the_letter,
    a_refused_address_fails_visibly_and_only_once,
    an_urgent_letter_in_doubt_is_repeated_at_once_as_the_same_letter,
    a_calm_letter_in_doubt_waits_for_the_window_and_an_answer_ends_it,
    a_drip_after_the_final_dot_ends_in_doubt_at_the_deadline,
    a_carrier_that_panics_costs_one_attempt,
    a_fault_in_the_settings_is_told_once_and_waits_five_minutes,
    two_workers_send_each_letter_exactly_once,
    a_worker_that_dies_before_the_gate_loses_nothing,
    a_worker_that_dies_after_the_gate_leaves_a_doubt_and_never_a_sent,
    a_word_that_comes_too_late_does_not_count,
    a_letter_cancelled_in_the_last_moment_does_not_leave,
    a_slow_partner_does_not_delay_another,
    a_letter_is_given_up_after_two_days_visibly,
    a_worker_that_is_stopped_finishes_what_is_under_way,
    a_broken_fence_in_the_database_stops_the_letter,
];

/// Lets a story see a carrier arrive, and say when it may go on.
struct Meeting {
    arrived: Receiver<()>,
    go_on: Sender<()>,
}

fn meeting() -> (Meeting, impl Fn() + Send + Sync) {
    let (tell, arrived) = channel();
    let (go_on, may_go_on) = channel();
    let (tell, may_go_on) = (Mutex::new(tell), Mutex::new(may_go_on));
    let meet = move || {
        tell.lock().unwrap().send(()).ok();
        may_go_on.lock().unwrap().recv_timeout(Duration::from_secs(20)).ok();
    };
    (Meeting { arrived, go_on }, meet)
}

fn sent() -> Delivery {
    Delivery::new(Class::Sent, "test")
}

fn sent_if_open(gate: &Gate) -> Delivery {
    if gate.open() { sent() } else { Delivery::new(Class::Retry, "gate") }
}

fn a_promised_letter_arrives_once_with_a_link_that_finds_it(engine: Engine) {
    let (world, memory) = (World::new(engine), Arc::new(Memory::default()));
    let working = world.work_with(Channels::default().with(Channel::Email, memory.clone()));
    let promised = world.promise(&calm("a"));
    assert_eq!(world.promise(&calm("a")).id, promised.id);
    world.until(&promised, State::Sent);
    working.stop(&world);
    let letters = memory.letters();
    let [letter] = letters.as_slice() else { panic!("{} letters", letters.len()) };
    let (_, token) = letter.letter.text.trim_end().rsplit_once("/p/").unwrap();
    assert!(letter.letter.html.contains(token) && !promised.letter.contains(token) && !token.contains(&promised.id));
    let vault = world.setting.vault.clone();
    let found = world.store.read_blocking(|db| notifications::find_by_token(db, &vault, token)).unwrap();
    assert_eq!(found.id, promised.id);
    for wrong in ["", "n", &token[1..], &format!("{token}0"), &token.replace(&token[40..], "0000"), "ÄÄÄÄÄÄÄÄ"]
    {
        assert!(world.store.read_blocking(|db| notifications::find_by_token(db, &vault, wrong)).is_err(), "{wrong}");
    }
    assert_eq!(world.steps(&promised), ["promised email", "sent"]);
}

fn a_server_that_comes_back_gets_the_letter(engine: Engine) {
    let busy = Part { banner: Say("421 busy\r\n"), ..Part::default() };
    let server = MailServer::playing([busy.clone(), busy, Part::default()]);
    let world = World::mailing(engine, &server);
    let (promised, working) = (world.promise(&urgent("a")), world.work());
    world.wait(|| world.attempts(&promised).iter().filter(|a| a.ended_at.is_some()).count() == 2, "no second try");
    world.let_pass(MINUTE);
    world.until(&promised, State::Sent);
    working.stop(&world);
    assert_eq!(world.classes(&promised), [Class::Retry, Class::Retry, Class::Sent]);
    assert_eq!(server.seen().letters.len(), 1);
}

fn a_refused_address_fails_visibly_and_only_once(engine: Engine) {
    let server = MailServer::playing([Part { rcpt: Say("550 nobody\r\n"), ..Part::default() }]);
    let world = World::mailing(engine, &server);
    let (promised, working) = (world.promise(&calm("a")), world.work());
    let failed = world.until(&promised, State::Failed);
    world.let_pass(HOUR);
    std::thread::sleep(Duration::from_millis(200));
    working.stop(&world);
    assert_eq!(world.steps(&promised), ["promised email", "failed permanent"]);
    assert_eq!(world.attempts(&promised)[0].cause.as_deref(), Some("rcpt 550"));
    let next = world.store.read_blocking(notifications::next_failed).unwrap();
    assert_eq!(next.map(|letter| letter.id), Some(failed.id), "somebody is to mend the address");
}

fn an_urgent_letter_in_doubt_is_repeated_at_once_as_the_same_letter(engine: Engine) {
    let server = MailServer::playing([Part { dot: Close, ..Part::default() }, Part::default()]);
    let world = World::mailing(engine, &server);
    let (promised, working) = (world.promise(&urgent("a")), world.work());
    world.until(&promised, State::Sent);
    working.stop(&world);
    assert_eq!(world.classes(&promised), [Class::Ambiguous, Class::Sent]);
    assert_eq!(world.steps(&promised), ["promised email", "maybe_sent", "sent"]);
    let seen = server.seen();
    assert_eq!(seen.letters.len(), 2);
    assert_eq!(seen.letters[0], seen.letters[1]);
}

fn a_calm_letter_in_doubt_waits_for_the_window_and_an_answer_ends_it(engine: Engine) {
    let server = MailServer::playing([Part { dot: Close, ..Part::default() }]);
    let world = World::mailing(engine, &server);
    let (promised, working) = (world.promise(&calm("a")), world.work());
    world.until(&promised, State::MaybeSent);
    world.let_pass(3 * HOUR);
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(server.seen().letters.len(), 1);
    world.let_pass(HOUR);
    world.wait(|| world.classes(&promised) == [Class::Ambiguous, Class::Ambiguous], "not repeated after the window");
    world.until(&promised, State::MaybeSent);
    let store = &world.store;
    let settled = store.write_blocking(By::system(), |tx| notifications::settle_by_answer(tx, "referral of a"));
    assert_eq!(settled.unwrap(), 1);
    world.let_pass(20 * HOUR);
    std::thread::sleep(Duration::from_millis(150));
    working.stop(&world);
    assert_eq!((server.seen().letters.len(), world.find(&promised).state), (2, State::MaybeSent));
}

fn a_drip_after_the_final_dot_ends_in_doubt_at_the_deadline(engine: Engine) {
    let drip = Part { dot: Drip(Duration::from_millis(900), "250 taken at long last\r\n"), ..Part::default() };
    let server = MailServer::playing([drip]);
    let world = World::mailing(engine, &server);
    let (promised, working) = (world.promise(&calm("a")), world.work());
    let begun = Stopwatch::now();
    world.until(&promised, State::MaybeSent);
    assert!(begun.elapsed() < Duration::from_secs(6));
    assert_eq!(world.attempts(&promised)[0].cause.as_deref(), Some("deadline"));
    working.die(&world);
}

fn a_carrier_that_panics_costs_one_attempt(engine: Engine) {
    let (world, tried) = (World::new(engine), AtomicUsize::new(0));
    let working = world.work_by(Playing(move |_: &_, gate: &Gate| {
        assert!(tried.fetch_add(1, Ordering::SeqCst) > 0, "a defect in a carrier");
        sent_if_open(gate)
    }));
    let promised = world.promise(&urgent("a"));
    world.until(&promised, State::Sent);
    working.stop(&world);
    assert_eq!(world.classes(&promised), [Class::Retry, Class::Sent]);
}

fn a_fault_in_the_settings_is_told_once_and_waits_five_minutes(engine: Engine) {
    let (world, memory) = (World::new(engine), Arc::new(Memory::default()));
    memory.answer([Class::Config, Class::Config]);
    let working = world.work_with(Channels::default().with(Channel::Email, memory));
    let promised = world.promise(&urgent("a"));
    for tries in 1..=2 {
        world.wait(|| world.attempts(&promised).len() == tries, "not tried");
        world.until(&promised, State::Pending);
        world.let_pass(4 * MINUTE);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(world.attempts(&promised).len(), tries);
        world.let_pass(MINUTE + SECOND);
    }
    world.until(&promised, State::Sent);
    working.stop(&world);
    assert_eq!(world.steps(&promised), ["promised email", "config", "sent"]);
}

fn two_workers_send_each_letter_exactly_once(engine: Engine) {
    let (world, server) = (World::new(engine), Arc::new(Memory::default()));
    let promised: Vec<_> = (0..30).map(|n| world.promise(&calm(&format!("a{n}")))).collect();
    let channels = Channels::default().with(Channel::Email, server.clone());
    let workers = [world.work_with(channels.clone()), world.work_with(channels)];
    for letter in &promised {
        world.until(letter, State::Sent);
        assert_eq!(world.classes(letter), [Class::Sent]);
    }
    for worker in workers {
        worker.stop(&world);
    }
    assert_eq!(server.letters().len(), 30);
}

fn a_worker_that_dies_before_the_gate_loses_nothing(engine: Engine) {
    let world = World::new(engine);
    let (meeting, meet) = meeting();
    let (told, left) = channel();
    let told = Mutex::new(told);
    let working = world.work_by(Playing(move |_: &_, gate: &Gate| {
        meet();
        told.lock().unwrap().send(gate.open()).ok();
        sent()
    }));
    let promised = world.promise(&calm("a"));
    meeting.arrived.recv().unwrap();
    working.die(&world);
    meeting.go_on.send(()).unwrap();
    assert!(!left.recv().unwrap(), "a letter left after its worker died");
    assert_eq!((world.find(&promised).state, world.classes(&promised)), (State::Leased, vec![Class::Started]));

    let memory = Arc::new(Memory::default());
    let next = world.work_with(Channels::default().with(Channel::Email, memory.clone()));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(memory.letters().len(), 0);
    world.let_pass(2 * MINUTE);
    world.until(&promised, State::Pending);
    world.let_pass(MINUTE);
    world.until(&promised, State::Sent);
    next.stop(&world);
    assert_eq!(world.classes(&promised), [Class::Retry, Class::Sent]);
}

fn a_worker_that_dies_after_the_gate_leaves_a_doubt_and_never_a_sent(engine: Engine) {
    let world = World::new(engine);
    let (meeting, meet) = meeting();
    let working = world.work_by(Playing(move |_: &_, gate: &Gate| {
        assert!(gate.open());
        meet();
        sent()
    }));
    let promised = world.promise(&calm("a"));
    meeting.arrived.recv().unwrap();
    working.die(&world);
    meeting.go_on.send(()).unwrap();
    assert_eq!(world.classes(&promised), [Class::Sending]);
    world.let_pass(2 * MINUTE);
    let next = world.work_by(Playing(|_: &_, gate: &Gate| sent_if_open(gate)));
    world.until(&promised, State::MaybeSent);
    assert_eq!(world.classes(&promised), [Class::Ambiguous]);
    world.let_pass(5 * HOUR);
    world.until(&promised, State::Sent);
    next.stop(&world);
}

fn a_word_that_comes_too_late_does_not_count(engine: Engine) {
    let world = World::new(engine);
    let ((meeting, meet), calls) = (meeting(), AtomicUsize::new(0));
    let slow = world.work_by(Playing(move |_: &_, gate: &Gate| {
        if calls.fetch_add(1, Ordering::SeqCst) > 0 {
            return sent_if_open(gate);
        }
        assert!(gate.open());
        meet();
        Delivery::new(Class::Permanent, "late")
    }));
    let promised = world.promise(&urgent("a"));
    meeting.arrived.recv().unwrap();
    world.let_pass(2 * MINUTE);
    let quick = world.work_by(Playing(|_: &_, gate: &Gate| sent_if_open(gate)));
    world.until(&promised, State::Sent);
    meeting.go_on.send(()).unwrap();
    slow.stop(&world);
    quick.stop(&world);
    assert_eq!(world.find(&promised).state, State::Sent);
    assert_eq!(world.classes(&promised), [Class::Ambiguous, Class::Sent]);
}

fn a_letter_cancelled_in_the_last_moment_does_not_leave(engine: Engine) {
    let world = World::new(engine);
    let (meeting, meet) = meeting();
    let working = world.work_by(Playing(move |_: &_, gate: &Gate| {
        meet();
        sent_if_open(gate)
    }));
    let promised = world.promise(&urgent("a"));
    meeting.arrived.recv().unwrap();
    let store = &world.store;
    let cancelled = store.write_blocking(By::system(), |tx| notifications::cancel_for_referral(tx, "referral of a"));
    assert_eq!(cancelled.unwrap(), 1);
    meeting.go_on.send(()).unwrap();
    world.wait(|| world.classes(&promised) == [Class::Retry], "the attempt has no end");
    working.stop(&world);
    assert_eq!(world.find(&promised).state, State::Cancelled);
    assert_eq!(world.steps(&promised), ["promised email", "cancelled"]);
}

fn a_slow_partner_does_not_delay_another(engine: Engine) {
    let world = World::new(engine);
    let working = world.work_by(Playing(|outgoing: &goldaw::notifications::channels::Outgoing, gate: &Gate| {
        if outgoing.address.starts_with("slow") {
            std::thread::sleep(Duration::from_secs(3));
        }
        sent_if_open(gate)
    }));
    let slow: Vec<_> =
        (0..20).map(|revision| world.promise(&notifications::Promise { revision, ..urgent("slow") })).collect();
    std::thread::sleep(Duration::from_millis(100));
    let begun = Stopwatch::now();
    for n in 0..5 {
        world.until(&world.promise(&calm(&format!("quick{n}"))), State::Sent);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(slow.iter().filter(|letter| world.find(letter).state == State::Leased).count() <= 2);
    working.die(&world);
}

fn a_letter_is_given_up_after_two_days_visibly(engine: Engine) {
    let (world, memory) = (World::new(engine), Arc::new(Memory::default()));
    memory.answer([Class::Retry; 99]);
    let working = world.work_with(Channels::default().with(Channel::Email, memory));
    let promised = world.promise(&urgent("a"));
    for _ in 0..20 {
        world.wait(|| world.find(&promised).state != State::Leased, "not settled");
        world.let_pass(3 * HOUR);
        std::thread::sleep(Duration::from_millis(60));
    }
    world.until(&promised, State::Failed);
    working.stop(&world);
    assert_eq!(world.steps(&promised), ["promised email", "failed given_up"]);
    assert!(world.attempts(&promised).len() >= 7);
    assert_eq!(GIVE_UP_AFTER, 48 * HOUR);
}

fn a_worker_that_is_stopped_finishes_what_is_under_way(engine: Engine) {
    let world = World::new(engine);
    let (meeting, meet) = meeting();
    let working = world.work_by(Playing(move |_: &_, gate: &Gate| {
        meet();
        sent_if_open(gate)
    }));
    let (promised, go_on) = (world.promise(&calm("a")), meeting.go_on.clone());
    meeting.arrived.recv().unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        go_on.send(()).ok();
    });
    working.stop(&world);
    assert_eq!(world.find(&promised).state, State::Sent);
}

fn a_broken_fence_in_the_database_stops_the_letter(engine: Engine) {
    let world = World::new(engine);
    let (meeting, meet) = meeting();
    let (told, left) = channel();
    let told = Mutex::new(told);
    let working = world.work_by(Playing(move |_: &_, gate: &Gate| {
        meet();
        let open = gate.open();
        told.lock().unwrap().send(open).ok();
        if open { sent() } else { Delivery::new(Class::Retry, "gate") }
    }));
    let promised = world.promise(&calm("a"));
    meeting.arrived.recv().unwrap();
    // The lease runs out while the carrier is still talking; it must not send any more.
    world.let_pass(2 * MINUTE);
    meeting.go_on.send(()).unwrap();
    assert!(!left.recv().unwrap());
    assert_ne!(world.find(&promised).state, State::Sent);
    working.die(&world);
}
