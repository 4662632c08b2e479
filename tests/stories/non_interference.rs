//! For whoever must not know of a case, the house is the same as if the case did not exist.
//!
//! From a seed a graph is made: calls, cases, tickets, referrals, tasks, reviews and complaints of
//! several hands. It is made twice, in two houses with one clock; in one of them there is one case
//! more, which a counselor, an operator, a coordinator, an administrator and a partner's organisation
//! must not know of, and a lot happens with it. Then each of the five asks every address their role
//! may ask, with its filters and pages, looks things up and listens meanwhile; and everything they
//! are told must be the same in both houses.
//!
//! References are random in each house. They are replaced by what they name, which is read from the
//! tables: the same name in both houses for the same thing, and none for anything of the hidden case,
//! so that a reference of it can only show. What is exempt, and why, stands in [`eyes`].

mod eyes;
mod names;
mod script;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::floor::Floor;
use crate::support::proof::{Dice, rounds};
use crate::support::{Engine, Hotline};

/// What each person was told: the address that was asked, and the answer.
type Told = Vec<(&'static str, Vec<(String, String)>)>;

/// What came of one graph.
struct Compared {
    answers: usize,
    moves: usize,
}

/// In three parts, which run beside each other.
macro_rules! parts {
    ($($part:ident = $number:literal),+) => {
        $(mod $part {
            #[test]
            fn a_blocked_person_is_told_the_same_with_and_without_the_case_on_sqlite() {
                super::prove(super::Engine::Sqlite, $number);
            }

            #[test]
            fn a_blocked_person_is_told_the_same_with_and_without_the_case_on_postgres() {
                super::prove(super::Engine::Postgres, $number);
            }
        })+
    };
}
parts![first = 0, second = 1, third = 2];

/// A third of the graphs, some at once, each with houses of its own.
fn prove(engine: Engine, part: usize) {
    // In full a quarter of them on PostgreSQL, where a graph takes half as long again.
    let all = rounds(6);
    let all = if engine == Engine::Postgres && all > 60 { all / 4 } else { all };
    let mut dice = Dice::new();
    let seeds: Vec<u64> = (0..all).map(|_| dice.throw(u64::MAX)).skip(part).step_by(3).collect();
    let graphs = seeds.len();
    let (next, sums) = (AtomicU64::new(0), Mutex::new((0, 0)));
    // A house waits most of its time: for the disk, for what is heard, for the end of its server.
    let hands = std::thread::available_parallelism().map_or(1, usize::from).min(4) * 4;
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap()) {
                    let compared = compare(engine, *seed);
                    let mut sums = sums.lock().unwrap();
                    *sums = (sums.0 + compared.answers, sums.1 + compared.moves);
                }
            });
        }
    });
    let (answers, moves) = sums.into_inner().unwrap();
    assert!(moves > 5 * graphs, "{moves} things happened to {graphs} hidden cases");
    println!(
        "proof: non-interference: {engine:?}: {graphs} graphs, {moves} things done with hidden cases, \
         {answers} answers to five blocked people compared, all the same"
    );
}

/// One graph in two houses. Fails where anybody is told anything else.
fn compare(engine: Engine, seed: u64) -> Compared {
    let (with, moves) = tell(engine, seed, true);
    let (without, _) = tell(engine, seed, false);
    let mut answers = 0;
    for ((who, told), (_, other)) in without.iter().zip(&with) {
        for (expected, found) in told.iter().zip(other) {
            assert_eq!(found.0, expected.0, "{who} on {engine:?} with seed {seed}");
            let (extra, missing) = apart(&found.1, &expected.1);
            assert!(
                found.1 == expected.1,
                "{who} at {} on {engine:?} with seed {seed}\nwith the case:    {extra:#?}\nwithout the case: {missing:#?}",
                found.0
            );
            answers += 1;
        }
        assert_eq!(other.len(), told.len(), "{who} on {engine:?} with seed {seed}");
    }
    Compared { answers, moves }
}

/// The items that stand in one answer only; or, where they have the same in another order, all.
fn apart<'a>(one: &'a str, other: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let items = |text: &'a str| text.split("},{").collect::<Vec<&str>>();
    let only =
        |of: &[&'a str], not: &[&'a str]| of.iter().filter(|one| !not.contains(one)).copied().collect::<Vec<_>>();
    let (one, other) = (items(one), items(other));
    match (only(&one, &other), only(&other, &one)) {
        (a, b) if a.is_empty() && b.is_empty() => (one, other),
        found => found,
    }
}

/// Tells one graph in a fresh house; gives what the five were told, and how much was done with the
/// hidden case.
fn tell(engine: Engine, seed: u64, with: bool) -> (Told, usize) {
    let hotline = Hotline::with(engine, |config| {
        config.oversight.page = vec!["duty@example.org".into(), "cd-02: at-home@example.org".into()];
    });
    let floor = Floor::with(&hotline, |config| config.server.stream_seconds = 600);
    let mut script = script::Script::begin(&floor, seed, with);
    script.play();
    let names = names::Names::of(&hotline, &script.hidden);
    let told = eyes::look(&script, &names, seed);
    (told, script.moves)
}
