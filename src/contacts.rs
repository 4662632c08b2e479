//! Stub, until the contacts room is merged.
#![expect(missing_docs, reason = "a stub")]
use diesel::prelude::*;

use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::schema::contacts;
use crate::storage::{Db, Tx, read_reference};

#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = contacts)]
pub struct ContactRow {
    pub id: String,
    pub reference: String,
    pub operator_id: String,
    pub case_id: Option<String>,
    pub level: Option<String>,
    pub opened_at: Instant,
    pub finished_at: Option<Instant>,
    pub status: String,
    pub document: Vec<u8>,
}

#[derive(Clone, Default)]
pub struct Summary {
    pub id: String,
    pub reference: String,
    pub case_id: Option<String>,
    pub live: bool,
    pub level: String,
    pub care_by: Option<Instant>,
    pub area: Option<String>,
    pub language: Option<String>,
    pub age: Option<(i64, i64)>,
    pub is_child: Option<bool>,
    pub sex: Option<String>,
    pub children_with_her: Option<i64>,
    pub access_needs: Vec<String>,
    pub wishes: Vec<String>,
    pub excluded: Vec<String>,
    pub first_name: Option<String>,
    pub phone: Option<String>,
    pub incident_type: Option<String>,
    pub incident_when: Option<String>,
}

pub fn find(db: &mut Db, reference: &str) -> Result<ContactRow> {
    let reference = read_reference('C', reference).ok_or(Error::NotFound)?;
    Ok(contacts::table.filter(contacts::reference.eq(reference)).select(ContactRow::as_select()).first(db)?)
}

pub fn summary(tx: &mut Tx<'_>, id: &str) -> Result<Summary> {
    let row: ContactRow = contacts::table.find(id).select(ContactRow::as_select()).first(tx.db)?;
    Ok(Summary {
        id: row.id,
        reference: row.reference,
        case_id: row.case_id,
        live: row.finished_at.is_none(),
        level: row.level.unwrap_or_else(|| "not_assessed".into()),
        area: Some("TM-M-BAY".into()),
        language: Some("tk".into()),
        age: Some((26, 40)),
        sex: Some("female".into()),
        children_with_her: Some(2),
        first_name: Some("Maral".into()),
        phone: Some("+99365000000".into()),
        ..Summary::default()
    })
}

pub fn set_case(tx: &mut Tx<'_>, id: &str, case: &str) -> Result<()> {
    diesel::update(contacts::table.find(id)).set(contacts::case_id.eq(case)).execute(tx.db)?;
    Ok(())
}
