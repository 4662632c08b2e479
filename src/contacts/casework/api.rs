//! Addresses under `/cases` that need a contact.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Consenting, LookUpLimit, hear, open_case, own_draft};
use crate::access::{Answer, Body, KeepCases, LookUpCases, Permit, Posted, Reference, Routes};
use crate::cases::codes::{Scope, Status};
use crate::cases::{self, ConsentForm, Found, LookUp};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::storage::Tx;

/// Finding a case again, opening one, hearing consent.
pub fn routes() -> Routes {
    Routes::at("/cases")
        .post("", open, "Open a case for the person on the line")
        .post("/lookup", look_up, "Find a case again by reference, code word or number, from one's own open call")
        .refusing(429)
        .post("/{id}/consents", consent, "Write down a consent that was heard on the line")
}

/// The reference of a contact, read from a body.
struct Asked {
    contact: Reference<'C'>,
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

/// What a look-up found.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
enum FoundView {
    /// The case.
    Found {
        /// Which.
        case: FoundCase,
    },
    /// Several may be meant, or the number alone is not enough: ask for her word.
    PossibleVerifyTheWord,
    /// None.
    Nothing,
}

#[derive(Serialize, JsonSchema)]
struct FoundCase {
    id: String,
    status: Status,
    level: Option<String>,
}

async fn look_up(
    by: Permit<LookUpCases>,
    at: (Data<App>, Data<LookUpLimit>),
    asked: Body<Asked>,
) -> Result<Answer<FoundView>> {
    let (app, limit) = at;
    limit.count(&by.id)?;
    let actor = (*by).clone();
    let ask = move |tx: &mut Tx<'_>| {
        own_draft(tx, &actor, &asked.0.contact.0)?;
        cases::find_again(tx, &asked.0.look_up)
    };
    Ok(Answer::json(&match app.store.write(by.by(), ask).await? {
        Found::Case(row) => {
            FoundView::Found { case: FoundCase { id: row.reference, status: row.status, level: row.level } }
        }
        Found::Possible => FoundView::PossibleVerifyTheWord,
        Found::Nothing => FoundView::Nothing,
    }))
}

struct Opening(Reference<'C'>);

impl FromJson for Opening {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("contact").map(Opening))
    }
}

/// A case that was just opened.
#[derive(Serialize, JsonSchema)]
struct OpenedView {
    id: String,
    status: Status,
    version: i32,
    opened_at: Instant,
}

async fn open(by: Permit<KeepCases>, app: Data<App>, body: Posted<Opening>) -> Result<Answer<OpenedView, 201>> {
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
    let view = OpenedView { id: row.reference, status: row.status, version: row.version, opened_at: row.opened_at };
    Ok(Answer::json(&view).at(place))
}

impl FromJson for Consenting {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let (own, rest) = crate::contacts::split(json, &["contact", "service"]);
        let beside = Fields::of(&own, at, |f| {
            let contact = f.required("contact");
            let service = f.text("service", 32);
            let Reference::<'C'>(contact) = contact?;
            Some((contact, service))
        });
        let form = ConsentForm::from_json(&rest, at);
        let (contact, service) = beside?;
        Some(Consenting { contact, service, form: form? })
    }
}

/// A consent as it was written down.
#[derive(Serialize, JsonSchema)]
struct HeardView {
    id: String,
    scope: Scope,
    given: bool,
    at: Instant,
}

async fn consent(
    by: Permit<KeepCases>,
    app: Data<App>,
    id: Reference<'K'>,
    body: Posted<Consenting>,
) -> Result<Answer<HeardView, 201>> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let case = cases::find_in(tx, &actor, &id.0)?;
        let consent_id = tx.once(body.replay.as_ref(), 201, |tx| hear(tx, &actor, &case, &body.form))?;
        cases::model::consents_of(tx.db, &case.id)?
            .into_iter()
            .find(|row| row.id == consent_id)
            .map(|row| HeardView { id: row.reference, scope: row.scope, given: row.given, at: row.at })
            .ok_or(Error::NotFound)
    };
    Ok(Answer::json(&app.store.write(by.by(), write).await?))
}
