//! Contacts over HTTP.

use actix_web::http::header::{ContentType, ETAG, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::codes::{Kind, Status};
use super::edit::{Amendment, amend, change, finish, rejoin};
use super::model::{Filter, Scope, list};
use super::record::{Against, NewContact, prepare, record};
use super::view::{Opened, Read, Shown, again, assessments, full, open, read, receipt, timeline};
use crate::access::{
    Body, Filtered, IfMatch, Keyed, Page, Paged, Params, Permit, Posted, Query, ReadContacts, RecordContacts,
    Reference, Routes,
};
use crate::clock::Instant;
use crate::directory::Areas;
use crate::error::Result;
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/contacts")
        .post("", create)
        .list("", index)
        .get("/{id}", show)
        .patch("/{id}", edit)
        .post("/{id}/finish", end)
        .post("/{id}/amend", correct)
        .post("/{id}/rejoin", take_up)
        .get("/{id}/assessments", history)
        .get("/{id}/timeline", steps)
}

/// What every handler here checks forms against.
fn against<'a>(app: &'a App, areas: &'a Areas) -> Against<'a> {
    Against { config: &app.config, rules: &app.rules, areas }
}

async fn create(
    by: Permit<RecordContacts>,
    app: Data<App>,
    areas: Data<Areas>,
    new: Keyed<NewContact>,
) -> Result<HttpResponse> {
    let prepared = prepare(new.form, &by.id, against(&app, &areas), &app.vault, app.clock.now())?;
    let (written, replay, actor) = (prepared.clone(), new.replay, (*by).clone());
    let earlier = app
        .store
        .write_as(prepared.isolation(), by.by(), move |tx| {
            let id = tx.once(Some(&replay), 201, |tx| record(tx, &written))?;
            if id == written.id() { Ok(None) } else { again(tx, &actor, &id).map(Some) }
        })
        .await?;
    match earlier.unwrap_or_else(|| Read::Whole(Box::new(prepared.opened()))) {
        Read::Whole(opened) => created(&opened, &app, &areas),
        Read::Receipt(view, version) => Ok(HttpResponse::Created().insert_header(tag(version)).json(view)),
    }
}

fn created(opened: &Opened, app: &App, areas: &Areas) -> Result<HttpResponse> {
    let shown = full(opened, against(app, areas), app.clock.now())?;
    let place = format!("/api/v1/contacts/{}", shown.id);
    Ok(whole(HttpResponse::Created().insert_header((LOCATION, place)), shown))
}

fn tag(version: i32) -> (actix_web::http::header::HeaderName, String) {
    (ETAG, format!("\"{version}\""))
}

/// A contact that was changed or opened, as an answer.
fn answer(opened: &Opened, app: &App, areas: &Areas) -> Result<HttpResponse> {
    Ok(whole(&mut HttpResponse::Ok(), full(opened, against(app, areas), app.clock.now())?))
}

fn whole(answer: &mut HttpResponseBuilder, shown: Shown) -> HttpResponse {
    answer.insert_header(tag(shown.version)).content_type(ContentType::json()).body(shown.json)
}

struct Listing {
    filter: Filter,
    page: Page,
}

impl Query for Listing {
    fn from_params(params: &Params) -> Option<Self> {
        let filter = Filter {
            status: params.of::<Status>("status"),
            kind: params.of::<Kind>("kind"),
            level: params.of::<LevelCode>("level").map(|level| level.0),
            from: params.time("from"),
            to: params.time("to"),
        };
        Some(Listing { filter, page: Page::from_params(params)? })
    }
}

/// A level by its code.
struct LevelCode(String);

impl FromJson for LevelCode {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        const CODES: [&str; 5] = ["critical", "high", "medium", "low", "not_assessed"];
        match json {
            Json::Text(code) if CODES.contains(&code.as_str()) => Some(LevelCode(code.clone())),
            _ => {
                at.problem_allowing("not_allowed", Some(CODES.map(str::to_owned).to_vec()));
                None
            }
        }
    }
}

async fn index(by: Permit<ReadContacts>, app: Data<App>, query: Filtered<Listing>) -> Result<HttpResponse> {
    let Filtered(Listing { filter, page }) = query;
    let (scope, after, limit, kept) =
        (Scope::of(&by, app.clock.now()), page.after(&app.vault)?, page.limit, kept(&filter));
    let rows = app.store.read(move |db| list(db, &scope, filter, after, limit)).await?;
    let paged = Paged::of(rows, &page, &app.vault, |row| (row.opened_at, row.id.clone()), |row| receipt(&row))?;
    Ok(paged.answer("/api/v1/contacts", &page, &kept))
}

/// The filters a `next` link repeats.
fn kept(filter: &Filter) -> Vec<(&'static str, String)> {
    let all = [
        ("status", filter.status.map(|status| status.code().to_owned())),
        ("kind", filter.kind.map(|kind| kind.code().to_owned())),
        ("level", filter.level.clone()),
        ("from", filter.from.map(Instant::rfc3339)),
        ("to", filter.to.map(Instant::rfc3339)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

async fn show(
    by: Permit<ReadContacts>,
    app: Data<App>,
    areas: Data<Areas>,
    id: Reference<'C'>,
) -> Result<HttpResponse> {
    let actor = (*by).clone();
    let told = app.store.write(by.by(), move |tx| read(tx, &actor, &id.0)).await?;
    told_as(told, &app, &areas)
}

/// A contact as far as its reader may see it.
fn told_as(told: Read, app: &App, areas: &Areas) -> Result<HttpResponse> {
    match told {
        Read::Whole(opened) => answer(&opened, app, areas),
        Read::Receipt(view, version) => Ok(HttpResponse::Ok().insert_header(tag(version)).json(view)),
    }
}

/// An edit's version and patch.
type Patch = (IfMatch, Body<Json>);

async fn edit(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    patch: Patch,
) -> Result<HttpResponse> {
    let ((app, areas), (IfMatch(version), Body(patch))) = (at, patch);
    let (actor, known) = ((*by).clone(), (app.clone(), areas.clone()));
    let opened = app
        .store
        .write(by.by(), move |tx| {
            let id = change(tx, &actor, (&id.0, version), &patch, against(&known.0, &known.1))?;
            open(tx, &id)
        })
        .await?;
    answer(&opened, &app, &areas)
}

struct Ending(Option<Instant>);

impl FromJson for Ending {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| Some(Ending(f.optional("ended_at"))))
    }
}

async fn end(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Keyed<Ending>,
) -> Result<HttpResponse> {
    let (app, areas) = at;
    let actor = (*by).clone();
    let told = app
        .store
        .write(by.by(), move |tx| {
            let mut now = false;
            let key = tx.once(Some(&body.replay), 200, |tx| {
                now = true;
                finish(tx, &actor, &id.0, body.form.0)
            })?;
            // Who ends a call sees it whole once more; who asks again sees what is hers to see.
            if now { open(tx, &key).map(|opened| Read::Whole(Box::new(opened))) } else { read(tx, &actor, &id.0) }
        })
        .await?;
    told_as(told, &app, &areas)
}

/// An amendment's version and body.
type Amended = (IfMatch, Posted<Amendment>);

async fn correct(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Amended,
) -> Result<HttpResponse> {
    let ((app, areas), (IfMatch(version), body)) = (at, body);
    let (actor, known) = ((*by).clone(), (app.clone(), areas.clone()));
    let opened = app
        .store
        .write(by.by(), move |tx| {
            let against = against(&known.0, &known.1);
            tx.once(body.replay.as_ref(), 200, |tx| amend(tx, &actor, (&id.0, version), &body.form, against))?;
            read(tx, &actor, &id.0)
        })
        .await?;
    told_as(opened, &app, &areas)
}

struct Word(String);

impl FromJson for Word {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let word = f.text("word", 32);
            if word.is_none() && !f.has("word") {
                f.problem("word", "required");
            }
            word.map(Word)
        })
    }
}

async fn take_up(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Posted<Word>,
) -> Result<HttpResponse> {
    let (app, areas) = at;
    let actor = (*by).clone();
    let opened = app
        .store
        .write(by.by(), move |tx| {
            tx.once(body.replay.as_ref(), 200, |tx| rejoin(tx, &actor, &id.0, &body.form.0))?;
            read(tx, &actor, &id.0)
        })
        .await?;
    told_as(opened, &app, &areas)
}

async fn history(by: Permit<ReadContacts>, app: Data<App>, id: Reference<'C'>) -> Result<HttpResponse> {
    let actor = (*by).clone();
    let items = app.store.write(by.by(), move |tx| assessments(tx, &actor, &id.0)).await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "items": items })))
}

async fn steps(by: Permit<ReadContacts>, app: Data<App>, id: Reference<'C'>) -> Result<HttpResponse> {
    let scope = Scope::of(&by, app.clock.now());
    let view = app.store.read(move |db| timeline(db, &scope, &id.0)).await?;
    Ok(HttpResponse::Ok().json(view))
}
