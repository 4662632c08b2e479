//! `kill -9` while a call is being written down: every version that was answered is there with all
//! its fields, nothing is half-written, and asking again with the same key doubles nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use goldaw::storage::Db;
use serde_json::{Value, json};

use crate::support::number;
use crate::support::program::{Client, Program};
use crate::support::proof::{Dice, rounds};

/// Clients that write at once, each into drafts of its own.
const HANDS: usize = 3;
/// Changes to one draft before the next is opened.
const LONGEST: i64 = 8;

/// A draft as its client knows it.
#[derive(Debug, Clone)]
struct Known {
    place: String,
    /// The last version that was answered.
    version: i64,
    /// What every change up to it has said.
    said: BTreeMap<String, i64>,
    /// A change whose answer never came: it may be there or not.
    doubtful: Option<(String, i64)>,
}

/// What one client knows of its work.
#[derive(Debug, Default, Clone)]
struct Hand {
    number: usize,
    opened: u64,
    drafts: Vec<Known>,
    /// A creation whose answer never came.
    unanswered: bool,
    replayed: u64,
    answered: u64,
}

/// The fields that changes go through, each with a value of its own.
const FIELDS: [&str; 3] = ["age", "children_with_her", "narrative"];

#[test]
fn kill_9_loses_no_answered_change_and_doubles_no_call() {
    let program = Program::new();
    program.done(&["migrate"]);
    let key = program.engage("op-07", "operator");
    let mut dice = Dice::new();
    let mut hands: Vec<Hand> = (0..HANDS).map(|number| Hand { number, ..Hand::default() }).collect();
    let all = rounds(5);
    for round in 0..all {
        let mut serving = program.serve();
        let client = serving.client(&key);
        hands.iter_mut().for_each(|hand| hand.look(&client, round));
        let over = AtomicBool::new(false);
        let time = Duration::from_micros(dice.throw(400_000));
        std::thread::scope(|scope| {
            for hand in &mut hands {
                let (client, over) = (client.clone(), &over);
                scope.spawn(move || hand.write(&client, over));
            }
            std::thread::sleep(time);
            serving.kill();
            over.store(true, Ordering::SeqCst);
        });
        whole(&program.data().join("goldaw.db"), round);
    }
    let serving = program.serve();
    let client = serving.client(&key);
    hands.iter_mut().for_each(|hand| hand.look(&client, all));
    let calls: u64 = hands.iter().map(|hand| hand.opened).sum();
    let mut db = stranger(&program.data().join("goldaw.db"));
    assert_eq!(number(&mut db, "SELECT count(*) AS value FROM contacts"), i64::try_from(calls).unwrap(), "none twice");
    let sum = |of: fn(&Hand) -> u64| hands.iter().map(of).sum::<u64>();
    let (answered, replayed) = (sum(|hand| hand.answered), sum(|hand| hand.replayed));
    assert!(answered > all, "a proof needs answered changes");
    println!(
        "proof: drafts: {all} kills, {calls} calls, {answered} answered changes, {replayed} repeated, 0 lost, 0 torn, 0 doubled"
    );
}

impl Hand {
    fn key(&self) -> String {
        format!("call-{}-{}", self.number, self.opened)
    }

    fn body(&self) -> Value {
        json!({"channel": "phone", "rejoin_word": self.key()})
    }

    /// Writes until the server is gone.
    fn write(&mut self, client: &Client, over: &AtomicBool) {
        while !over.load(Ordering::SeqCst) {
            let full = self.drafts.last().is_none_or(|draft| draft.version > LONGEST);
            let went_on = if full { self.create(client) } else { self.change(client) };
            if !went_on {
                return;
            }
        }
    }

    fn create(&mut self, client: &Client) -> bool {
        self.unanswered = true;
        let Some((status, told)) = client.send("POST", "contacts", &[("idempotency-key", &self.key())], &self.body())
        else {
            return false;
        };
        assert_eq!(status, 201, "{told}");
        self.keep(&told);
        true
    }

    fn keep(&mut self, told: &Value) {
        self.unanswered = false;
        self.opened += 1;
        self.answered += 1;
        let place = format!("contacts/{}", told["id"].as_str().unwrap());
        self.drafts.push(Known { place, version: 1, said: BTreeMap::new(), doubtful: None });
    }

    fn change(&mut self, client: &Client) -> bool {
        let answered = self.answered;
        let draft = self.drafts.last_mut().unwrap();
        let (field, value) = (FIELDS[draft.version as usize % FIELDS.len()], draft.version);
        let patch = match field {
            "narrative" => json!({"narrative": value.to_string()}),
            field => json!({"person": {field: value}}),
        };
        draft.doubtful = Some((field.to_owned(), value));
        let version = format!("\"{}\"", draft.version);
        let Some((status, told)) = client.send("PATCH", &draft.place, &[("if-match", &version)], &patch) else {
            return false;
        };
        assert_eq!((status, told["version"].as_i64()), (200, Some(draft.version + 1)), "{told}");
        draft.settle();
        self.answered = answered + 1;
        true
    }

    /// After a restart: everything that was answered is there, and the last doubt is settled.
    fn look(&mut self, client: &Client, round: u64) {
        if std::mem::take(&mut self.unanswered) {
            let (status, told) = client.post("contacts", &self.key(), &self.body());
            assert_eq!((status, told["version"].as_i64()), (201, Some(1)), "round {round}: {told}");
            self.keep(&told);
            self.replayed += 1;
        }
        for draft in &mut self.drafts {
            let (status, told) = client.get(&draft.place);
            assert_eq!(status, 200, "round {round}: a call is lost: {draft:?}");
            let version = told["version"].as_i64().unwrap();
            if draft.doubtful.is_some() && version == draft.version + 1 {
                draft.settle();
            }
            draft.doubtful = None;
            assert_eq!(version, draft.version, "round {round}: {draft:?}");
            for (field, value) in &draft.said {
                let kept = match field.as_str() {
                    "narrative" => told["narrative"].as_str().and_then(|text| text.parse().ok()),
                    field => told["person"][field].as_i64(),
                };
                assert_eq!(kept, Some(*value), "round {round}: {field} of {draft:?}");
            }
        }
    }
}

impl Known {
    /// The doubtful change is there.
    fn settle(&mut self) {
        let (field, value) = self.doubtful.take().unwrap();
        self.said.insert(field, value);
        self.version += 1;
    }
}

fn stranger(path: &Path) -> Db {
    Db::Sqlite(SqliteConnection::establish(path.to_str().unwrap()).unwrap())
}

/// Nothing is half there: each call has its assessment, its counted row, its first steps and its
/// key, and each version its trail row.
fn whole(path: &Path, round: u64) {
    let mut db = stranger(path);
    let mut count = |query: &str| number(&mut db, query);
    let calls = count("SELECT count(*) AS value FROM contacts");
    for part in [
        "SELECT count(DISTINCT contact_id) AS value FROM assessments",
        "SELECT count(*) AS value FROM contact_facts",
        "SELECT count(*) AS value FROM idempotency",
        "SELECT count(*) AS value FROM steps WHERE kind = 'saved'",
        "SELECT count(*) AS value FROM trail WHERE action = 'contacts.record'",
    ] {
        assert_eq!(count(part), calls, "round {round}: {part}");
    }
    let changes = count("SELECT coalesce(sum(version - 1), 0) AS value FROM contacts");
    assert_eq!(count("SELECT count(*) AS value FROM trail WHERE action = 'contacts.change'"), changes, "round {round}");
    let Db::Sqlite(connection) = &mut db else { unreachable!() };
    let said: String =
        diesel::dsl::sql::<diesel::sql_types::Text>("PRAGMA integrity_check").get_result(connection).unwrap();
    assert_eq!(said, "ok", "round {round}");
}
