//! Cases over HTTP. Looking a case up and giving consent belong to a conversation, so those
//! addresses are in the room of contacts.

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::file::{self, File, Party};
use super::model::{self, CaseRow, ConsentRow};
use super::safe_contact::SafeContact;
use crate::access::{Body, IfMatch, KeepCases, Permit, Reference, Routes};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::storage::Tx;
use crate::{directory, identity};

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/cases").get("/{id}", show).put("/{id}/safe-contact", agree).put("/{id}/blocked", hide)
}

/// A case with its seals open, as JSON.
fn view(row: &CaseRow, file: &File, consents: &[ConsentRow], may_call: bool) -> Value {
    json!({
        "id": row.reference,
        "version": row.version,
        "status": row.status,
        "level": row.level,
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
        "may_call_now": may_call,
        "safe_contact": file.safe_contact,
        "consents": consents.iter().map(consent).collect::<Vec<_>>(),
    })
}

fn consent(row: &ConsentRow) -> Value {
    let fields: Vec<&str> = row.fields.split(',').filter(|field| !field.is_empty()).collect();
    json!({
        "id": row.reference, "scope": row.scope, "given": row.given, "given_by": row.given_by, "how": row.how,
        "fields": fields, "at": row.at, "expires_at": row.expires_at, "withdrawn_at": row.withdrawn_at,
    })
}

fn whole(tx: &mut Tx<'_>, row: &CaseRow, file: &File) -> Result<(Value, i32)> {
    let consents = model::consents_of(tx.db, &row.id)?;
    let may_call = may_call(file, tx.now, tx.setting.config.place.time_zone);
    Ok((view(row, file, &consents, may_call), row.version))
}

fn may_call(file: &File, now: Instant, zone: chrono_tz::Tz) -> bool {
    file.safe_contact.as_ref().is_some_and(|terms| terms.may_call_at(now, zone))
}

fn answer((view, version): (Value, i32)) -> HttpResponse {
    HttpResponse::Ok().insert_header((ETAG, format!("\"{version}\""))).json(view)
}

async fn show(by: Permit<KeepCases>, app: Data<App>, id: Reference<'K'>) -> Result<HttpResponse> {
    let actor = (*by).clone();
    let read = move |tx: &mut Tx<'_>| {
        let (row, file) = file::read(tx, &actor, &id.0)?;
        whole(tx, &row, &file)
    };
    Ok(answer(app.store.write(by.by(), read).await?))
}

async fn agree(
    by: Permit<KeepCases>,
    app: Data<App>,
    id: Reference<'K'>,
    body: (IfMatch, Body<SafeContact>),
) -> Result<HttpResponse> {
    let (IfMatch(version), Body(terms)) = body;
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        file::set_safe_contact(tx, &actor, (&id.0, version), &terms)?;
        let (row, file) = file::read(tx, &actor, &id.0)?;
        whole(tx, &row, &file)
    };
    Ok(answer(app.store.write(by.by(), write).await?))
}

struct Parties(Vec<Party>);

impl FromJson for Parties {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("parties").map(Parties))
    }
}

async fn hide(by: Permit<KeepCases>, app: Data<App>, id: Reference<'K'>, body: Body<Parties>) -> Result<HttpResponse> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let row = file::find_in(tx, &actor, &id.0)?;
        let parties: Result<Vec<_>> = body.0.0.iter().map(|party| known(tx, party)).collect();
        file::block(tx, &row, &parties?)
    };
    app.store.write(by.by(), write).await?;
    Ok(HttpResponse::NoContent().finish())
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
