//! Cases over HTTP. Looking a case up and giving consent belong to a conversation, so those
//! addresses are in the room of contacts.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::codes::{GivenBy, How, Scope, Status};
use super::file::{self, File, Party};
use super::model::{self, CaseRow, ConsentRow};
use super::safe_contact::SafeContact;
use crate::access::{Answer, Body, Done, IfMatch, KeepCases, Permit, Reference, Routes};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::storage::Tx;
use crate::{directory, identity};

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/cases")
        .get("/{id}", show, "A case, with its seals open")
        .put("/{id}/safe-contact", agree, "Replace the terms on which she may be contacted")
        .put("/{id}/blocked", hide, "Name parties for whom this case must not exist")
}

/// A case with its seals open.
#[derive(Serialize, JsonSchema)]
struct CaseView {
    id: String,
    version: i32,
    status: Status,
    level: Option<String>,
    opened_at: Instant,
    closed_at: Option<Instant>,
    may_call_now: bool,
    safe_contact: Option<SafeContact>,
    consents: Vec<ConsentView>,
}

#[derive(Serialize, JsonSchema)]
struct ConsentView {
    id: String,
    scope: Scope,
    given: bool,
    given_by: GivenBy,
    how: How,
    fields: Vec<String>,
    at: Instant,
    expires_at: Option<Instant>,
    withdrawn_at: Option<Instant>,
}

impl ConsentView {
    fn of(row: ConsentRow) -> ConsentView {
        ConsentView {
            id: row.reference,
            scope: row.scope,
            given: row.given,
            given_by: row.given_by,
            how: row.how,
            fields: row.fields.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect(),
            at: row.at,
            expires_at: row.expires_at,
            withdrawn_at: row.withdrawn_at,
        }
    }
}

fn whole(tx: &mut Tx<'_>, row: CaseRow, file: File) -> Result<CaseView> {
    let consents = model::consents_of(tx.db, &row.id)?;
    Ok(CaseView {
        id: row.reference,
        version: row.version,
        status: row.status,
        level: row.level,
        opened_at: row.opened_at,
        closed_at: row.closed_at,
        may_call_now: may_call(&file, tx.now, tx.setting.config.place.time_zone),
        safe_contact: file.safe_contact,
        consents: consents.into_iter().map(ConsentView::of).collect(),
    })
}

fn may_call(file: &File, now: Instant, zone: chrono_tz::Tz) -> bool {
    file.safe_contact.as_ref().is_some_and(|terms| terms.may_call_at(now, zone))
}

fn answer(view: CaseView) -> Answer<CaseView> {
    Answer::json(&view).version(view.version)
}

async fn show(by: Permit<KeepCases>, app: Data<App>, id: Reference<'K'>) -> Result<Answer<CaseView>> {
    let actor = (*by).clone();
    let read = move |tx: &mut Tx<'_>| {
        let (row, file) = file::read(tx, &actor, &id.0)?;
        whole(tx, row, file)
    };
    Ok(answer(app.store.write(by.by(), read).await?))
}

async fn agree(
    by: Permit<KeepCases>,
    app: Data<App>,
    id: Reference<'K'>,
    body: (IfMatch, Body<SafeContact>),
) -> Result<Answer<CaseView>> {
    let (IfMatch(version), Body(terms)) = body;
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        file::set_safe_contact(tx, &actor, (&id.0, version), &terms)?;
        let (row, file) = file::read(tx, &actor, &id.0)?;
        whole(tx, row, file)
    };
    Ok(answer(app.store.write(by.by(), write).await?))
}

struct Parties(Vec<Party>);

impl FromJson for Parties {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("parties").map(Parties))
    }
}

async fn hide(by: Permit<KeepCases>, app: Data<App>, id: Reference<'K'>, body: Body<Parties>) -> Result<Done> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let row = file::find_in(tx, &actor, &id.0)?;
        let parties: Result<Vec<_>> = body.0.0.iter().map(|party| known(tx, party)).collect();
        file::block(tx, &row, &parties?)
    };
    app.store.write(by.by(), write).await?;
    Ok(Done::done())
}

/// The key of a party that is named by its reference.
fn known(tx: &mut Tx<'_>, party: &Party) -> Result<(&'static str, String)> {
    let found = match party {
        Party::Staff(reference) => identity::find(tx.db, reference).map(|row| ("staff", row.id)),
        Party::Organisation(reference) => {
            directory::find_organisation(tx.db, reference).map(|row| ("organisation", row.id))
        }
    };
    found.map_err(|error| match error {
        Error::NotFound => Error::invalid("/parties", "not_found"),
        other => other,
    })
}
