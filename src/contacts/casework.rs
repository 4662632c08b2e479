//! What a conversation does to a case: finding it again, opening it, and hearing consent. These
//! belong to a live contact, so they live here, whatever their address.

use std::num::NonZeroU32;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::{Value, json};

use super::codes::Status;
use super::model::{self, ContactRow, Scope};
use super::{set_case, summary};
use crate::access::{Actor, Body, KeepCases, LookUpCases, Permit, Posted, Reference, Routes};
use crate::cases::{self, CaseRow, ConsentForm, Found, Heard, LookUp};
use crate::directory;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::storage::{Tx, read_reference};

/// Addresses under `/cases` that need a contact.
pub fn routes() -> Routes {
    Routes::at("/cases").post("", open).post("/lookup", look_up).post("/{id}/consents", consent)
}

/// How many look-ups one person may make in an hour: enough for a busy night, too few to try a
/// country's numbers.
pub struct LookUpLimit(DefaultKeyedRateLimiter<String>);

impl Default for LookUpLimit {
    fn default() -> Self {
        let an_hour = NonZeroU32::new(30).unwrap_or(NonZeroU32::MIN);
        LookUpLimit(RateLimiter::keyed(Quota::per_hour(an_hour)))
    }
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

/// The asker's own open draft. Errors: 422, the same for missing and not yours.
fn own_draft(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<ContactRow> {
    let row = model::find_in(tx.db, &Scope::of(actor), reference).map_err(|error| match error {
        Error::NotFound => Error::invalid("/contact", "not_found"),
        other => other,
    })?;
    if row.status != Status::Draft || row.operator_id != actor.id {
        return Err(Error::invalid("/contact", "not_your_open_call"));
    }
    Ok(row)
}

async fn look_up(
    by: Permit<LookUpCases>,
    at: (Data<App>, Data<LookUpLimit>),
    asked: Body<Asked>,
) -> Result<HttpResponse> {
    let (app, limit) = at;
    limit.0.check_key(&by.id).map_err(|_| Error::TooMany { retry_after: 120 })?;
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

/// The case of a contact, opened if it has none: her number becomes findable, because she gave it.
pub fn open_case(tx: &mut Tx<'_>, contact_id: &str) -> Result<CaseRow> {
    let summary = summary(tx, contact_id)?;
    if let Some(case_id) = &summary.case_id {
        return cases::model::by_id(tx.db, case_id);
    }
    let row = cases::open(tx, Some(summary.level))?;
    set_case(tx, contact_id, &row.id)?;
    if let Some(phone) = &summary.phone {
        cases::remember_phone(tx, &row.id, phone)?;
    }
    Ok(row)
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

struct Consenting {
    contact: Of,
    service: Option<String>,
    form: ConsentForm,
}

impl FromJson for Consenting {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let (own, rest) = super::record::split(json, &["contact", "service"]);
        let beside = Fields::of(&own, at, |f| {
            let contact = f.required("contact");
            let service = f.text("service", 32);
            Some((contact?, service))
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
        let case = cases::find_in(tx.db, &actor, &id.0)?;
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

fn hear(tx: &mut Tx<'_>, actor: &Actor, case: &CaseRow, said: &Consenting) -> Result<String> {
    let contact = model::find_in(tx.db, &Scope::of(actor), &said.contact.0)?;
    if contact.case_id.as_deref() != Some(case.id.as_str()) {
        return Err(Error::invalid("/contact", "of_another_case"));
    }
    let service = said.service.as_deref().map(|reference| directory::find_service(tx.db, reference)).transpose();
    let service = service.map_err(|error| match error {
        Error::NotFound => Error::invalid("/service", "not_found"),
        other => other,
    })?;
    let heard =
        Heard { live: contact.status == Status::Draft, opened_at: contact.opened_at, finished_at: contact.finished_at };
    cases::record_consent(tx, (&case.id, Some(&contact.id)), heard, service.as_ref().map(|s| s.id.as_str()), &said.form)
}
