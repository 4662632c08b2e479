//! Looking back with rules: what made a contact's level, and what other rules would have made of
//! everything that was recorded. Nothing is changed, and a replay tells counts only.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;

use super::assessed;
use super::document::Document;
use super::model::{self, AssessmentRow};
use super::record::Against;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::schema::{assessments, contacts};
use crate::storage::{Db, Store, Tx, read_reference};
use crate::triage::{Assessment, Level, Name, assess};
use crate::vault::{Vault, VaultError};

/// Contacts read at a time: enough for every processor, little to keep in memory.
const PAGE: i64 = 2000;

/// The assessment that holds now for a contact, and the level that is clocked, which may rest on more
/// than its answers; for whoever keeps the machine. The trail has a row. Errors: 404, erased ones
/// included.
pub fn explained(tx: &mut Tx<'_>, reference: &str) -> Result<(Assessment, Option<Level>)> {
    let reference = read_reference('C', reference).ok_or(Error::NotFound)?;
    let row: (String, String, Option<String>) = contacts::table
        .filter(contacts::reference.eq(&reference))
        .select((contacts::id, contacts::key_id, contacts::level))
        .first(tx.db)?;
    let latest = model::latest_assessment(tx.db, &row.0)?;
    let assessment = assessed::opened(&tx.setting.vault.data_key(&row.1)?, &latest)?;
    tx.trail("contacts.explain", ("contact", &reference), None)?;
    Ok((assessment, row.2.as_deref().and_then(Level::from_code)))
}

/// What a replay counted.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Replay {
    /// Contacts by the level they have and the level they would have.
    pub levels: HashMap<(Level, Level), u64>,
    /// Rules that would fire and did not, where the level would be another.
    pub fires: BTreeMap<Name, u64>,
    /// Rules that fired and would not, where the level would be another.
    pub silent: BTreeMap<Name, u64>,
    /// Contacts that cannot be opened any more.
    pub erased: u64,
}

impl Replay {
    /// How many were assessed.
    pub fn replayed(&self) -> u64 {
        self.levels.values().sum()
    }

    /// How many would have another level.
    pub fn changed(&self) -> u64 {
        self.levels.iter().filter(|((had, has), _)| had != has).map(|(_, count)| count).sum()
    }

    fn add(&mut self, other: Replay) {
        for (levels, count) in other.levels {
            *self.levels.entry(levels).or_default() += count;
        }
        for (into, from) in [(&mut self.fires, other.fires), (&mut self.silent, other.silent)] {
            for (rule, count) in from {
                *into.entry(rule).or_default() += count;
            }
        }
        self.erased += other.erased;
    }
}

#[derive(Queryable)]
struct Recorded {
    opened_at: Instant,
    id: String,
    version: i32,
    key_id: String,
    document: Vec<u8>,
}

/// Assesses by other rules every contact that began at `since` or later, each at the moment its own
/// assessment was made, on all processors. `told` hears how many are done. Errors: those of storage;
/// 500 for a seal that does not open.
pub fn replay(
    store: &Store,
    vault: &Vault,
    against: Against<'_>,
    since: Instant,
    told: impl Fn(u64),
) -> Result<Replay> {
    let mut sum = Replay::default();
    let mut after = (since, String::new());
    loop {
        let from = after.clone();
        let (rows, mut made) = store.read_blocking(move |db| page(db, &from))?;
        let Some(last) = rows.last() else { return Ok(sum) };
        after = (last.opened_at, last.id.clone());
        let pairs: Vec<(Recorded, AssessmentRow)> =
            rows.into_iter().filter_map(|row| made.remove(&row.id).map(|made| (row, made))).collect();
        sum.add(shared_out(&pairs, |part| count(part, vault, against))?);
        told(sum.replayed() + sum.erased);
    }
}

/// The next contacts, and the assessment that holds for each, by its key.
fn page(db: &mut Db, from: &(Instant, String)) -> Result<(Vec<Recorded>, HashMap<String, AssessmentRow>)> {
    let (at, id) = from;
    let rows: Vec<Recorded> = contacts::table
        .filter(contacts::opened_at.gt(at).or(contacts::opened_at.eq(at).and(contacts::id.gt(id))))
        .order((contacts::opened_at, contacts::id))
        .limit(PAGE)
        .select((contacts::opened_at, contacts::id, contacts::version, contacts::key_id, contacts::document))
        .load(db)?;
    let made: Vec<AssessmentRow> = assessments::table
        .filter(assessments::contact_id.eq_any(rows.iter().map(|row| row.id.as_str())))
        .order(assessments::contact_version)
        .select(AssessmentRow::as_select())
        .load(db)?;
    // The last of each stays.
    let latest = made.into_iter().map(|row| (row.contact_id.clone(), row)).collect();
    Ok((rows, latest))
}

/// The parts of a page, one for each processor.
fn shared_out<T: Sync>(page: &[T], work: impl Fn(&[T]) -> Result<Replay> + Sync) -> Result<Replay> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut sum = Replay::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            page.chunks(page.len().div_ceil(processors).max(1)).map(|part| scope.spawn(|| work(part))).collect();
        for part in parts {
            sum.add(part.join().map_err(|_| Error::Internal("a replay panicked"))??);
        }
        Ok(sum)
    })
}

fn count(part: &[(Recorded, AssessmentRow)], vault: &Vault, against: Against<'_>) -> Result<Replay> {
    let mut counted = Replay::default();
    let ids: Vec<&str> = part.iter().map(|(row, _)| row.key_id.as_str()).collect();
    for ((row, made), key) in part.iter().zip(vault.data_keys(&ids)?) {
        let key = match key {
            Err(VaultError::Erased) => {
                counted.erased += 1;
                continue;
            }
            key => key?,
        };
        let document = Document::opened(&key, &row.id, row.version, &row.document)?;
        let assessment = assess(against.rules, &against.facts(&document, made.at), made.at.utc());
        let had = Level::from_code(&made.level).ok_or(Error::Internal("a level cannot be read"))?;
        let has = document.level(&assessment);
        *counted.levels.entry((had, has)).or_default() += 1;
        if had != has {
            let before = assessed::opened(&key, made)?;
            for rule in only_in(&assessment, &before) {
                *counted.fires.entry(rule).or_default() += 1;
            }
            for rule in only_in(&before, &assessment) {
                *counted.silent.entry(rule).or_default() += 1;
            }
        }
    }
    Ok(counted)
}

/// Rules that fired in one and not in the other.
fn only_in(one: &Assessment, other: &Assessment) -> Vec<Name> {
    let fired = |rule: &Name| other.fired.iter().any(|fired| fired.rule == *rule);
    one.fired.iter().map(|fired| fired.rule.clone()).filter(|rule| !fired(rule)).collect()
}
