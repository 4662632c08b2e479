//! What SQLite gives without the service around it: the statements of one new contact, with the
//! same pragmas and rows of the same size, `callers` of them to a commit. No HTTP, no JSON, no
//! triage, no sealing. `scripts/bench.sh` sets the service beside it.
//!
//!     bare_writer FOLDER CALLERS SECONDS DOCUMENT_BYTES ASSESSMENT_BYTES

use std::error::Error;
use std::time::{Duration, Instant as Stopwatch};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use goldaw::clock::{Clock, Instant};
use goldaw::storage::schema::{assessments, contact_facts, contacts, idempotency, staff, steps, trail};
use goldaw::storage::{new_id, new_reference};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// As the service sets them.
const PRAGMAS: &str = "PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
    PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 10000;";

fn main() -> Outcome<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [folder, callers, seconds, document, assessment] = given.as_slice() else {
        return Err("bare_writer FOLDER CALLERS SECONDS DOCUMENT_BYTES ASSESSMENT_BYTES".into());
    };
    let mut connection = SqliteConnection::establish(&format!("{folder}/goldaw.db"))?;
    connection.batch_execute(PRAGMAS)?;
    let operator = staff::table.select(staff::id).first(&mut connection)?;
    let writer = Writer { operator, document: vec![7; document.parse()?], assessment: vec![7; assessment.parse()?] };
    let (callers, seconds) = (callers.parse()?, Duration::from_secs(seconds.parse()?));
    let clock = Clock::machine();

    let mut commits = Vec::new();
    let begun = Stopwatch::now();
    while begun.elapsed() < seconds {
        let commit = Stopwatch::now();
        connection.immediate_transaction(|db| {
            // The service gives each caller a savepoint of its own.
            (0..callers).try_for_each(|_| db.transaction(|db| writer.create(db, clock.now())))
        })?;
        commits.push(commit.elapsed());
    }
    report(callers, begun.elapsed(), commits);
    Ok(())
}

/// Each caller of a commit waits for all of it.
fn report(callers: usize, elapsed: Duration, mut commits: Vec<Duration>) {
    commits.sort();
    let at = |share: usize| {
        let place = (commits.len() * share / 100).min(commits.len().saturating_sub(1));
        commits.get(place).copied().unwrap_or_default().as_secs_f64() * 1000.0
    };
    let created = commits.len() * callers;
    let rate = created as f64 / elapsed.as_secs_f64();
    println!(
        r#"{{"created":{created},"per_second":{rate:.1},"p50_ms":{:.3},"p95_ms":{:.3},"p99_ms":{:.3},"errors":0}}"#,
        at(50),
        at(95),
        at(99)
    );
}

struct Writer {
    operator: String,
    document: Vec<u8>,
    assessment: Vec<u8>,
}

impl Writer {
    fn create(&self, db: &mut SqliteConnection, now: Instant) -> Outcome<()> {
        let id = new_id(now)?;
        let reference = new_reference('C')?;
        // As long as a keyed hash in hexadecimal.
        let key = format!("{id:0>64}");
        let known: Option<(String, String)> = idempotency::table
            .find(&key)
            .select((idempotency::body_mac, idempotency::subject_id))
            .first(db)
            .optional()?;
        if known.is_some() {
            return Err("a key came twice".into());
        }
        self.contact(db, &id, &reference, now)?;
        self.assessed(db, &id, now)?;
        for kind in ["saved", "triaged", "finished"] {
            self.step(db, &id, kind, now)?;
        }
        self.trail(db, &reference, now)?;
        diesel::insert_into(idempotency::table)
            .values((
                idempotency::key_mac.eq(&key),
                idempotency::body_mac.eq(&key),
                idempotency::status.eq(201),
                idempotency::subject_id.eq(&id),
                idempotency::at.eq(now),
            ))
            .execute(db)?;
        Ok(())
    }

    fn contact(&self, db: &mut SqliteConnection, id: &str, reference: &str, now: Instant) -> Outcome<()> {
        diesel::insert_into(contacts::table)
            .values((
                (contacts::id.eq(id), contacts::reference.eq(reference), contacts::version.eq(1)),
                (contacts::status.eq("finished"), contacts::kind.eq("support"), contacts::channel.eq("phone")),
                (contacts::direction.eq("incoming"), contacts::level.eq("critical")),
                (contacts::operator_id.eq(&self.operator), contacts::opened_at.eq(now)),
                (contacts::finished_at.eq(now), contacts::updated_at.eq(now)),
                (contacts::key_id.eq("00112233445566778899aabbccddeeff"), contacts::document.eq(&self.document)),
            ))
            .execute(db)?;
        Ok(())
    }

    fn assessed(&self, db: &mut SqliteConnection, contact: &str, now: Instant) -> Outcome<()> {
        diesel::insert_into(assessments::table)
            .values((
                (assessments::id.eq(new_id(now)?), assessments::contact_id.eq(contact)),
                (assessments::contact_version.eq(1), assessments::level.eq("critical")),
                assessments::rule_set.eq("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
                (assessments::at.eq(now), assessments::document.eq(&self.assessment)),
            ))
            .execute(db)?;
        diesel::insert_into(contact_facts::table)
            .values((
                (contact_facts::contact_id.eq(contact), contact_facts::day.eq(20_000)),
                (contact_facts::status.eq("finished"), contact_facts::kind.eq("support")),
                (contact_facts::channel.eq("phone"), contact_facts::language.eq("tk")),
                (contact_facts::caller_role.eq("survivor"), contact_facts::level.eq("critical")),
                (contact_facts::age_band.eq("26_40"), contact_facts::sex.eq("female")),
                (contact_facts::province.eq("TM-M"), contact_facts::district.eq("TM-M-BAY")),
                contact_facts::contexts.eq(""),
            ))
            .execute(db)?;
        Ok(())
    }

    fn step(&self, db: &mut SqliteConnection, contact: &str, kind: &str, now: Instant) -> Outcome<()> {
        let next =
            steps::table.select(sql::<BigInt>("coalesce(max(position), 0) + 1")).single_value().assume_not_null();
        diesel::insert_into(steps::table)
            .values((
                (steps::id.eq(new_id(now)?), steps::position.eq(next), steps::subject_kind.eq("contact")),
                (steps::subject_id.eq(contact), steps::kind.eq(kind), steps::at.eq(now)),
                (steps::actor_id.eq(&self.operator), steps::actor_role.eq("operator"), steps::detail.eq("critical")),
            ))
            .execute(db)?;
        Ok(())
    }

    fn trail(&self, db: &mut SqliteConnection, reference: &str, now: Instant) -> Outcome<()> {
        let next =
            trail::table.select(sql::<BigInt>("coalesce(max(position), 0) + 1")).single_value().assume_not_null();
        diesel::insert_into(trail::table)
            .values((
                (trail::id.eq(new_id(now)?), trail::position.eq(next), trail::at.eq(now)),
                (trail::actor_id.eq(&self.operator), trail::actor_name.eq("op-07"), trail::actor_role.eq("operator")),
                (trail::action.eq("contacts.record"), trail::subject_kind.eq("contact"), trail::subject.eq(reference)),
                (trail::outcome.eq("done"), trail::request_id.eq("0011223344556677")),
            ))
            .execute(db)?;
        Ok(())
    }
}
