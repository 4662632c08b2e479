//! The reporting row of a contact: what may be counted about it without knowing whose it is.

use diesel::prelude::*;

use crate::contacts::codes::{Channel, Kind, Status};
use crate::error::Result;
use crate::storage::Db;
use crate::storage::schema::contact_facts;

/// The de-identified row: bands, areas and types.
#[derive(Debug, Clone, Insertable, AsChangeset)]
#[diesel(table_name = contact_facts, treat_none_as_default_value = false, treat_none_as_null = true)]
#[diesel(primary_key(contact_id))]
pub struct FactsRow {
    /// Whose.
    pub contact_id: String,
    /// The local day it began, as days since 1970.
    pub day: i64,
    /// Draft or finished.
    pub status: Status,
    /// Kind.
    pub kind: Kind,
    /// Channel.
    pub channel: Channel,
    /// Language.
    pub language: Option<String>,
    /// Who spoke.
    pub caller_role: String,
    /// Level.
    pub level: Option<String>,
    /// Age band.
    pub age_band: String,
    /// Sex.
    pub sex: String,
    /// Province.
    pub province: Option<String>,
    /// District.
    pub district: Option<String>,
    /// GBVIMS type of the most recent incident.
    pub gbv_type: Option<String>,
    /// Its contexts, separated by commas.
    pub contexts: String,
    /// Its elapsed band.
    pub elapsed_band: Option<String>,
    /// Whether it was reported before.
    pub reported_elsewhere: Option<String>,
    /// Whether she told it herself.
    pub reported_by_survivor: Option<bool>,
    /// What was asked for, separated by commas.
    pub wishes: String,
}

/// Adds the reporting row.
pub fn insert_facts(db: &mut Db, row: &FactsRow) -> Result<()> {
    diesel::insert_into(contact_facts::table).values(row).execute(db)?;
    Ok(())
}

/// Replaces the reporting row.
pub fn update_facts(db: &mut Db, row: &FactsRow) -> Result<()> {
    diesel::update(contact_facts::table.find(&row.contact_id)).set(row).execute(db)?;
    Ok(())
}

/// Marks the reporting row of a contact that was finished.
pub fn mark_finished(db: &mut Db, contact_id: &str) -> Result<()> {
    diesel::update(contact_facts::table.find(contact_id))
        .set(contact_facts::status.eq(Status::Finished))
        .execute(db)?;
    Ok(())
}
