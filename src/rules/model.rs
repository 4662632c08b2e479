//! The rule sets that were ever in force.

use diesel::prelude::*;

use crate::error::{Error, Result};
use crate::storage::schema::rule_sets;
use crate::storage::{Db, Tx};
use crate::triage::{PackSource, RuleSet};

/// Keeps the sources of a rule set under its digest; without effect if they are kept already.
pub fn keep(tx: &mut Tx<'_>, rules: &RuleSet, sources: &[PackSource]) -> Result<()> {
    let known: i64 = rule_sets::table.find(rules.sha256()).count().get_result(tx.db)?;
    if known > 0 {
        return Ok(());
    }
    let texts: Vec<(&str, &str)> = sources.iter().map(|source| (source.name.as_str(), source.text.as_str())).collect();
    let source = serde_json::to_string(&texts).map_err(|_| Error::Internal("rule packs cannot be written"))?;
    let now = tx.now;
    let row = (
        rule_sets::sha256.eq(rules.sha256()),
        rule_sets::pack_id.eq(rules.id().id.as_str()),
        rule_sets::pack_version.eq(rules.version()),
        rule_sets::source.eq(source),
        rule_sets::loaded_at.eq(now),
    );
    // Two programs may start together; one row is enough.
    tx.unless_taken(|db| diesel::insert_into(rule_sets::table).values(row).execute(db))?;
    tx.trail("rules.keep", ("rule_set", rules.sha256()), None)
}

/// The sources of a rule set that was once in force. Errors: 404 for a digest nobody knows.
pub fn kept(db: &mut Db, sha256: &str) -> Result<Vec<PackSource>> {
    let source: String = rule_sets::table.find(sha256).select(rule_sets::source).first(db)?;
    let texts: Vec<(String, String)> =
        serde_json::from_str(&source).map_err(|_| Error::Internal("a kept rule set cannot be read"))?;
    Ok(texts.into_iter().map(|(name, text)| PackSource { name, text }).collect())
}
