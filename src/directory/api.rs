//! The directory over HTTP: read by all who sign in, kept by coordinators; a partner states what
//! its own services have free.

use actix_web::HttpResponse;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::Data;

use super::areas::Code;
use super::{
    AreaView, Areas, Counts, ORGANISATION, Organisation, OrganisationForm, OrganisationView, SERVICE, Service,
    ServiceFilter, ServiceForm, ServiceStatus, ServiceType, ServiceView,
};
use crate::access::{
    Actor, Body, Filtered, IfMatch, Nothing, Page, Paged, Params, Permit, Posted, Query, ReadDirectory, Reference,
    Role, Routes, StateCapacity, WriteDirectory,
};
use crate::clock::Instant;
use crate::error::Result;
use crate::input::{At, FromJson, Json};
use crate::state::App;
use crate::storage::{Tx, read_reference};

const ORGANISATIONS: &str = "/api/v1/organisations";
const SERVICES: &str = "/api/v1/services";

/// Every address of this room. Handlers ask for `Data<Areas>`: the server puts the gazetteer there.
pub fn routes() -> Routes {
    Routes::at("")
        .list("/organisations", list_organisations)
        .post("/organisations", create_organisation)
        .get("/organisations/{id}", show_organisation)
        .patch("/organisations/{id}", change_organisation)
        .list("/services", list_services)
        .post("/services", create_service)
        .get("/services/{id}", show_service)
        .patch("/services/{id}", change_service)
        .put("/services/{id}/capacity", state_capacity)
        .post("/services/{id}/endpoints/confirm", confirm_endpoints)
        .get("/areas", list_areas)
}

async fn list_organisations(
    _may: Permit<ReadDirectory>,
    app: Data<App>,
    Filtered(page): Filtered<Page>,
) -> Result<HttpResponse> {
    let (after, limit) = (page.after(&app.vault)?.map(|(_, key)| key), page.limit);
    let rows = app.store.read(move |db| super::list_organisations(db, after.as_deref(), limit)).await?;
    let key = |row: &Organisation| (Instant(0), row.id.clone());
    let views = Paged::of(rows, &page, &app.vault, key, OrganisationView::from)?;
    Ok(views.answer(ORGANISATIONS, &page, &[]))
}

async fn create_organisation(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    Posted { form, replay }: Posted<OrganisationForm>,
) -> Result<HttpResponse> {
    let work = move |tx: &mut Tx<'_>| {
        let id = tx.once(replay.as_ref(), 201, |tx| Ok(super::create_organisation(tx, &form)?.id))?;
        super::organisation_by_id(tx.db, &id)
    };
    let made = app.store.write(may.by(), work).await?;
    let place = format!("{ORGANISATIONS}/{}", made.reference);
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, place))
        .insert_header(tag(made.version))
        .json(OrganisationView::from(made)))
}

async fn show_organisation(
    _may: Permit<ReadDirectory>,
    app: Data<App>,
    Reference(id): Reference<ORGANISATION>,
) -> Result<HttpResponse> {
    let found = app.store.read(move |db| super::find_organisation(db, &id)).await?;
    Ok(HttpResponse::Ok().insert_header(tag(found.version)).json(OrganisationView::from(found)))
}

async fn change_organisation(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    Reference(id): Reference<ORGANISATION>,
    IfMatch(seen): IfMatch,
    Body(Patch(patch)): Body<Patch>,
) -> Result<HttpResponse> {
    let work = move |tx: &mut Tx<'_>| super::update_organisation(tx, &id, seen, &patch);
    let new = app.store.write(may.by(), work).await?;
    Ok(HttpResponse::Ok().insert_header(tag(new.version)).json(OrganisationView::from(new)))
}

async fn list_services(
    may: Permit<ReadDirectory>,
    app: Data<App>,
    areas: Data<Areas>,
    Filtered(list): Filtered<List>,
) -> Result<HttpResponse> {
    let (after, limit) = (list.page.after(&app.vault)?.map(|(_, key)| key), list.page.limit);
    let filter = list.filter.clone();
    let rows = app.store.read(move |db| super::list_services(db, &areas, &filter, after.as_deref(), limit)).await?;
    let key = |row: &Service| (Instant(0), row.id.clone());
    let views = Paged::of(rows, &list.page, &app.vault, key, |row| view(row, &may))?;
    Ok(views.answer(SERVICES, &list.page, &list.kept()))
}

async fn create_service(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    areas: Data<Areas>,
    Posted { form, replay }: Posted<ServiceForm>,
) -> Result<HttpResponse> {
    let work = move |tx: &mut Tx<'_>| {
        let id = tx.once(replay.as_ref(), 201, |tx| Ok(super::create_service(tx, &areas, &form)?.id))?;
        super::service_by_id(tx.db, &id)
    };
    let made = app.store.write(may.by(), work).await?;
    let place = format!("{SERVICES}/{}", made.reference);
    Ok(HttpResponse::Created().insert_header((LOCATION, place)).insert_header(tag(made.version)).json(view(made, &may)))
}

async fn show_service(
    may: Permit<ReadDirectory>,
    app: Data<App>,
    Reference(id): Reference<SERVICE>,
) -> Result<HttpResponse> {
    let found = app.store.read(move |db| super::find_service(db, &id)).await?;
    Ok(shown(found, &may))
}

async fn change_service(
    may: Permit<WriteDirectory>,
    (app, areas): (Data<App>, Data<Areas>),
    Reference(id): Reference<SERVICE>,
    IfMatch(seen): IfMatch,
    Body(Patch(patch)): Body<Patch>,
) -> Result<HttpResponse> {
    let work = move |tx: &mut Tx<'_>| super::update_service(tx, &areas, &id, seen, &patch);
    Ok(shown(app.store.write(may.by(), work).await?, &may))
}

async fn state_capacity(
    may: Permit<StateCapacity>,
    app: Data<App>,
    Reference(id): Reference<SERVICE>,
    IfMatch(seen): IfMatch,
    Body(counts): Body<Counts>,
) -> Result<HttpResponse> {
    let own = organisation_of(&may);
    let work = move |tx: &mut Tx<'_>| {
        super::expect_own(tx.db, &id, own.as_ref())?;
        super::state_capacity(tx, &id, seen, counts)
    };
    Ok(shown(app.store.write(may.by(), work).await?, &may))
}

async fn confirm_endpoints(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    Reference(id): Reference<SERVICE>,
    Posted { replay, .. }: Posted<Nothing>,
) -> Result<HttpResponse> {
    let work = move |tx: &mut Tx<'_>| {
        let id = tx.once(replay.as_ref(), 200, |tx| Ok(super::confirm_endpoints(tx, &id)?.id))?;
        super::service_by_id(tx.db, &id)
    };
    Ok(shown(app.store.write(may.by(), work).await?, &may))
}

async fn list_areas(_may: Permit<ReadDirectory>, areas: Data<Areas>) -> Result<HttpResponse> {
    let items: Vec<AreaView<'_>> = areas.all().iter().map(AreaView::from).collect();
    Ok(HttpResponse::Ok().json(serde_json::json!({ "items": items })))
}

/// A service as this person may see it: partners see how their own services are reached, and no
/// others.
fn view(service: Service, actor: &Actor) -> ServiceView {
    let inside = actor.role != Role::Partner || actor.organisation_id.as_ref() == Some(&service.organisation.id);
    ServiceView::of(service, inside)
}

fn shown(service: Service, actor: &Actor) -> HttpResponse {
    HttpResponse::Ok().insert_header(tag(service.version)).json(view(service, actor))
}

/// The one organisation a person is limited to: for a partner its own, and none if it has none.
fn organisation_of(actor: &Actor) -> Option<String> {
    (actor.role == Role::Partner).then(|| actor.organisation_id.clone().unwrap_or_default())
}

fn tag(version: i32) -> (actix_web::http::header::HeaderName, String) {
    (ETAG, format!("\"{version}\""))
}

/// A merge patch: judged when it has been merged.
struct Patch(Json);

impl FromJson for Patch {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        if !matches!(json, Json::Object(_)) {
            at.problem("not_an_object");
            return None;
        }
        Some(Patch(json.clone()))
    }
}

/// `?type=&area=&status=&organisation=` beside the page.
struct List {
    page: Page,
    filter: ServiceFilter,
}

impl Query for List {
    fn from_params(params: &Params) -> Option<Self> {
        let filter = ServiceFilter {
            kind: params.of::<ServiceType>("type"),
            area: params.of::<Code>("area").map(|code| code.0),
            status: params.of::<ServiceStatus>("status"),
            organisation: params.text("organisation").map(|text| canonical(params, &text)),
        };
        Some(List { page: Page::from_params(params)?, filter })
    }
}

impl List {
    /// The filters, as the link to the next page repeats them.
    fn kept(&self) -> Vec<(&'static str, String)> {
        let filter = &self.filter;
        let codes = [
            ("type", filter.kind.map(|kind| kind.code().to_owned())),
            ("area", filter.area.clone()),
            ("status", filter.status.map(|status| status.code().to_owned())),
            ("organisation", filter.organisation.clone()),
        ];
        codes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn canonical(params: &Params, text: &str) -> String {
    let reference = read_reference(ORGANISATION, text);
    if reference.is_none() {
        params.problem("organisation", "not_a_reference");
    }
    reference.unwrap_or_default()
}
