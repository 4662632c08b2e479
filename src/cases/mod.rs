//! Stub, until the cases room is merged.
#![expect(missing_docs, reason = "a stub")]
pub mod consents;

use diesel::prelude::*;

use crate::error::{Error, Result};
use crate::storage::schema::{blocked_parties, cases, contacts};
use crate::storage::{Db, Tx};
use consents::ConsentForm;

#[derive(Queryable, Selectable)]
#[diesel(table_name = cases)]
pub struct CaseRow {
    pub id: String,
    pub reference: String,
}

pub struct Blocked {
    pub staff: Vec<String>,
    pub organisations: Vec<String>,
}

pub fn open_for(tx: &mut Tx<'_>, contact_id: &str) -> Result<CaseRow> {
    let case: Option<String> = contacts::table.find(contact_id).select(contacts::case_id).first(tx.db)?;
    if let Some(case) = case {
        return Ok(cases::table.find(case).select(CaseRow::as_select()).first(tx.db)?);
    }
    let key = tx.setting.vault.new_data_key().map_err(|_| Error::Busy)?;
    let row = CaseRow { id: tx.new_id()?, reference: tx.new_reference('K')? };
    diesel::insert_into(cases::table)
        .values((
            cases::id.eq(&row.id),
            cases::reference.eq(&row.reference),
            cases::version.eq(1),
            cases::status.eq("open"),
            cases::opened_by.eq(tx.by.staff_id()?),
            cases::opened_at.eq(tx.now),
            cases::updated_at.eq(tx.now),
            cases::key_id.eq(key.id()),
            cases::document.eq(Vec::<u8>::new()),
        ))
        .execute(tx.db)?;
    Ok(row)
}

pub fn record_consent(tx: &mut Tx<'_>, _case: &str, _contact: Option<&str>, _form: &ConsentForm) -> Result<String> {
    tx.new_id()
}

pub fn blocked(db: &mut Db, case_id: &str) -> Result<Blocked> {
    let rows: Vec<(String, String)> = blocked_parties::table
        .filter(blocked_parties::case_id.eq(case_id))
        .select((blocked_parties::party_kind, blocked_parties::party_id))
        .load(db)?;
    let of = |kind: &str| rows.iter().filter(|(own, _)| own == kind).map(|(_, id)| id.clone()).collect();
    Ok(Blocked { staff: of("staff"), organisations: of("organisation") })
}
