//! What staff can see and do about letters.

use goldaw::clock::HOUR;
use goldaw::error::Error;
use goldaw::notifications::{self, Channel, Class, Notification, Promise, State};
use goldaw::storage::By;

use super::world::{World, calm, on_each_engine};
use crate::support::Engine;

on_each_engine![
    a_list_is_paged_by_time_and_filtered_by_state,
    a_failed_letter_is_sent_again_on_request,
    an_ended_letter_cannot_be_cancelled_nor_a_cancelled_one_sent,
    the_same_promise_twice_is_one_letter_also_without_a_referral,
    letters_become_files_where_there_is_no_mail_server,
];

fn retry(world: &World, reference: &str) -> Result<Notification, Error> {
    let reference = reference.to_owned();
    world.store.write_blocking(By::system(), move |tx| notifications::retry(tx, None, &reference))
}

fn cancel(world: &World, reference: &str) -> Result<Notification, Error> {
    let reference = reference.to_owned();
    world.store.write_blocking(By::system(), move |tx| notifications::cancel(tx, None, &reference))
}

fn a_list_is_paged_by_time_and_filtered_by_state(engine: Engine) {
    let world = World::new(engine);
    let promised: Vec<_> = (0..5).map(|n| world.promise(&calm(&format!("a{n}")))).collect();
    cancel(&world, &promised[3].reference).unwrap();
    let list = |state, after: Option<&Notification>, limit| -> Vec<String> {
        let after = after.map(|row| (row.created_at, row.id.clone()));
        let page = world.store.read_blocking(|db| notifications::list(db, None, state, after.as_ref(), limit)).unwrap();
        page.into_iter().map(|row| row.endpoint_id).collect()
    };
    assert_eq!(list(None, None, 2), ["a0", "a1"]);
    assert_eq!(list(None, Some(&promised[1]), 9), ["a2", "a3", "a4"]);
    assert_eq!(list(Some(State::Cancelled), None, 9), ["a3"]);
    let outbox = world.store.read_blocking(notifications::outbox).unwrap();
    assert_eq!(outbox.oldest_open, Some(promised[0].created_at));
    assert!(outbox.counts.contains(&(State::Pending, 4)) && outbox.counts.contains(&(State::Cancelled, 1)));
}

fn a_failed_letter_is_sent_again_on_request(engine: Engine) {
    use goldaw::notifications::channels::{Channels, Memory};
    let (world, memory) = (World::new(engine), std::sync::Arc::new(Memory::default()));
    memory.answer([Class::Permanent]);
    let working = world.work_with(Channels::default().with(Channel::Email, memory));
    let promised = world.promise(&calm("a"));
    world.until(&promised, State::Failed);
    world.let_pass(60 * HOUR);
    retry(&world, &promised.reference.to_lowercase()).unwrap();
    world.until(&promised, State::Sent);
    working.stop(&world);
    assert_eq!(world.steps(&promised), ["promised email", "failed permanent", "retried", "sent"]);
    assert!(matches!(retry(&world, &promised.reference), Err(Error::Conflict { .. })));
}

fn an_ended_letter_cannot_be_cancelled_nor_a_cancelled_one_sent(engine: Engine) {
    let world = World::new(engine);
    let promised = world.promise(&calm("a"));
    assert_eq!(cancel(&world, &promised.reference).unwrap().state, State::Cancelled);
    assert!(matches!(cancel(&world, &promised.reference), Err(Error::Conflict { .. })));
    assert!(matches!(retry(&world, &promised.reference), Err(Error::Conflict { .. })));
    assert!(matches!(retry(&world, "N-0000-0000-000"), Err(Error::NotFound)));
    assert!(matches!(cancel(&world, "nonsense"), Err(Error::NotFound)));
}

fn the_same_promise_twice_is_one_letter_also_without_a_referral(engine: Engine) {
    let world = World::new(engine);
    for referral_id in [None, Some("r".to_owned())] {
        let promise = Promise { referral_id, ..calm("a") };
        let first = world.promise(&promise);
        assert_eq!(world.promise(&promise).id, first.id);
        assert_ne!(world.promise(&Promise { revision: 2, ..promise.clone() }).id, first.id);
        assert_ne!(world.promise(&Promise { kind: "reminder".into(), ..promise }).id, first.id);
        assert_eq!(world.steps(&first), ["promised email"]);
    }
}

fn letters_become_files_where_there_is_no_mail_server(engine: Engine) {
    let world = World::new(engine);
    let (promised, working) = (world.promise(&calm("a")), world.work());
    world.until(&promised, State::Sent);
    working.stop(&world);
    let file = world.hotline.folder.path().join("mail").join(format!("{}.eml", promised.reference));
    assert!(std::fs::read_to_string(file).unwrap().contains("To: a@partner.example"));
}
