//! Addresses under `/cases` that need a contact.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::{Consenting, LookUpLimit, hear, open_case, own_draft};
use crate::access::{Body, KeepCases, LookUpCases, Permit, Posted, Reference, Routes};
use crate::cases::{self, ConsentForm, Found, LookUp};
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::storage::{Tx, read_reference};

/// Finding a case again, opening one, hearing consent.
pub fn routes() -> Routes {
    Routes::at("/cases").post("", open).post("/lookup", look_up).post("/{id}/consents", consent)
}

/// The reference of a contact, read from a body.
struct Of(String);

impl FromJson for Of {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let read = match json {
            Json::Text(text) => read_reference('C', text).map(Of),
            _ => None,
        };
        if read.is_none() {
            at.problem("not_a_reference");
        }
        read
    }
}

struct Asked {
    contact: Of,
    look_up: LookUp,
}

impl FromJson for Asked {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let contact = f.required("contact");
            let look_up = LookUp::of(f.text("reference", 32), f.text("code_word", 40), f.text("phone", 40));
            if look_up.is_none() {
                f.problem("reference", "name_one_way_to_look");
            }
            Some(Asked { contact: contact?, look_up: look_up? })
        })
    }
}

async fn look_up(
    by: Permit<LookUpCases>,
    at: (Data<App>, Data<LookUpLimit>),
    asked: Body<Asked>,
) -> Result<HttpResponse> {
    let (app, limit) = at;
    limit.count(&by.id)?;
    let actor = (*by).clone();
    let ask = move |tx: &mut Tx<'_>| {
        own_draft(tx, &actor, &asked.0.contact.0)?;
        cases::find_again(tx, &asked.0.look_up)
    };
    Ok(HttpResponse::Ok().json(match app.store.write(by.by(), ask).await? {
        Found::Case(row) => {
            json!({"result": "found", "case": {"id": row.reference, "status": row.status, "level": row.level}})
        }
        Found::Possible => json!({"result": "possible_verify_the_word"}),
        Found::Nothing => json!({"result": "nothing"}),
    }))
}

struct Opening(Of);

impl FromJson for Opening {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("contact").map(Opening))
    }
}

async fn open(by: Permit<KeepCases>, app: Data<App>, body: Posted<Opening>) -> Result<HttpResponse> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let id = tx.once(body.replay.as_ref(), 201, |tx| {
            let contact = own_draft(tx, &actor, &body.form.0.0)?;
            open_case(tx, &contact.id).map(|row| row.id)
        })?;
        cases::model::by_id(tx.db, &id)
    };
    let row = app.store.write(by.by(), write).await?;
    let place = format!("/api/v1/cases/{}", row.reference);
    let view = json!({"id": row.reference, "status": row.status, "version": row.version, "opened_at": row.opened_at});
    Ok(HttpResponse::Created().insert_header((LOCATION, place)).json(view))
}

impl FromJson for Consenting {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let (own, rest) = crate::contacts::split(json, &["contact", "service"]);
        let beside = Fields::of(&own, at, |f| {
            let contact = f.required("contact");
            let service = f.text("service", 32);
            let Of(contact) = contact?;
            Some((contact, service))
        });
        let form = ConsentForm::from_json(&rest, at)?;
        let (contact, service) = beside?;
        Some(Consenting { contact, service, form })
    }
}

async fn consent(
    by: Permit<KeepCases>,
    app: Data<App>,
    id: Reference<'K'>,
    body: Posted<Consenting>,
) -> Result<HttpResponse> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let case = cases::find_in(tx, &actor, &id.0)?;
        let consent_id = tx.once(body.replay.as_ref(), 201, |tx| hear(tx, &actor, &case, &body.form))?;
        cases::model::consents_of(tx.db, &case.id)?
            .into_iter()
            .find(|row| row.id == consent_id)
            .map(|row| json!({"id": row.reference, "scope": row.scope, "given": row.given, "at": row.at}))
            .ok_or(Error::NotFound)
    };
    let view: Value = app.store.write(by.by(), write).await?;
    Ok(HttpResponse::Created().json(view))
}
