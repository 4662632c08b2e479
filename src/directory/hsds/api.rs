//! HSDS over HTTP. A file larger than the server takes (`[server] body_bytes`) is imported with
//! `goldaw directory import` on the machine itself.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Document, Incoming, Outcome, Table, Tables, Tally};
use crate::access::{
    Answer, Csv, Filtered, Params, Permit, Posted, Query, ReadDirectory, Routes, Text, WriteDirectory,
};
use crate::directory::Areas;
use crate::error::Result;
use crate::state::App;
use crate::storage::Tx;

/// The addresses of HSDS.
pub fn routes() -> Routes {
    Routes::at("/directory")
        .get("/hsds", export, "The directory as Open Referral HSDS 3.0, without how services are reached")
        .list("/hsds.csv", export_table, "One table of the same as CSV")
        .post("/hsds", import, "Add and change what an HSDS 3.0 file says; all of it or nothing")
}

async fn export(may: Permit<ReadDirectory>, app: Data<App>, areas: Data<Areas>) -> Result<Answer<Document>> {
    let document = app.store.write(may.by(), move |tx| super::export(tx, &areas)).await?;
    Ok(Answer::json(&document))
}

async fn export_table(
    may: Permit<ReadDirectory>,
    app: Data<App>,
    areas: Data<Areas>,
    Filtered(Asked(table)): Filtered<Asked>,
) -> Result<Text<Csv>> {
    let document = app.store.write(may.by(), move |tx| super::export(tx, &areas)).await?;
    Ok(Text::of(Tables::of(&document)?.csv(table)?))
}

async fn import(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    areas: Data<Areas>,
    Posted { form, replay }: Posted<Incoming>,
) -> Result<Answer<ImportView>> {
    let left_out = form.left_out();
    let work =
        move |tx: &mut Tx<'_>| tx.once(replay.as_ref(), 200, |tx| Ok(super::import(tx, &areas, &form)?.counted()));
    let counted = app.store.write(may.by(), work).await?;
    Ok(Answer::json(&ImportView::of(&counted, left_out)))
}

/// `?table=`
struct Asked(Table);

impl Query for Asked {
    fn from_params(params: &Params) -> Option<Self> {
        Some(Asked(params.of("table").unwrap_or(Table::Services)))
    }
}

/// What an import did.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HsdsImport")]
struct ImportView {
    organizations: Tally,
    services: Tally,
    left_out: Vec<LeftOut>,
}

/// A member of HSDS that was there and is not kept.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HsdsLeftOut")]
struct LeftOut {
    member: String,
    rows: usize,
}

impl ImportView {
    fn of(counted: &str, left_out: std::collections::BTreeMap<String, usize>) -> ImportView {
        let (organizations, services) = Outcome::tallies(counted);
        let left_out = left_out.into_iter().map(|(member, rows)| LeftOut { member, rows }).collect();
        ImportView { organizations, services, left_out }
    }
}
