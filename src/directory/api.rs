//! The directory over HTTP: read by all who sign in, kept by coordinators; a partner states what
//! its own services have free.

use actix_web::web::Data;
use serde_json::json;

use super::areas::Code;
use super::{
    AreaView, Areas, Counts, ORGANISATION, Organisation, OrganisationForm, OrganisationView, RenewedView, SERVICE,
    Service, ServiceFilter, ServiceForm, ServiceStatus, ServiceType, ServiceView, Verdict,
};
use crate::access::{
    Actor, Answer, Body, Filtered, IfMatch, Items, Nothing, Page, Paged, Params, Patched, Permit, Posted, Query,
    ReadDirectory, Reference, Role, Routes, StateCapacity, WriteDirectory,
};
use crate::clock::Instant;
use crate::error::Result;
use crate::state::App;
use crate::storage::{Replay, Tx, read_reference};

const ORGANISATIONS: &str = "/api/v1/organisations";
const SERVICES: &str = "/api/v1/services";

/// Every address of this room. Handlers ask for `Data<Areas>`: the server puts the gazetteer there.
pub fn routes() -> Routes {
    Routes::at("")
        .list("/organisations", list_organisations, "Organisations")
        .post("/organisations", create_organisation, "Enter an organisation")
        .get("/organisations/{id}", show_organisation, "An organisation")
        .patch("/organisations/{id}", change_organisation, "Change an organisation")
        .list("/services", list_services, "Services")
        .post("/services", create_service, "Enter a service")
        .get("/services/{id}", show_service, "A service")
        .patch(
            "/services/{id}",
            change_service,
            "Change a service; new addresses, and another number, wait for a second person",
        )
        .put("/services/{id}/capacity", state_capacity, "State how many places are free now")
        .post(
            "/services/{id}/endpoints/confirm",
            confirm_endpoints,
            "Confirm addresses, or a number, that somebody else changed",
        )
        .post(
            "/services/{id}/endpoints/refuse",
            refuse_endpoints,
            "Leave the addresses as they were before that change",
        )
        .post("/services/{id}/partner-code", want_code, "Ask for a new code for the focal point")
        .post(
            "/services/{id}/partner-code/confirm",
            renew_code,
            "Draw the code that somebody else asked for; it is shown this once",
        )
        .get("/areas", list_areas, "Provinces, districts and cities, with their dates")
        .with(super::hsds::api::routes())
}

async fn list_organisations(
    _may: Permit<ReadDirectory>,
    app: Data<App>,
    Filtered(page): Filtered<Page>,
) -> Result<Answer<Items<OrganisationView>>> {
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
) -> Result<Answer<OrganisationView, 201>> {
    let work = move |tx: &mut Tx<'_>| {
        let id = tx.once(replay.as_ref(), 201, |tx| Ok(super::create_organisation(tx, &form)?.id))?;
        super::organisation_by_id(tx.db, &id)
    };
    let made = app.store.write(may.by(), work).await?;
    let place = format!("{ORGANISATIONS}/{}", made.reference);
    let version = made.version;
    Ok(Answer::json(&OrganisationView::from(made)).at(place).version(version))
}

async fn show_organisation(
    _may: Permit<ReadDirectory>,
    app: Data<App>,
    Reference(id): Reference<ORGANISATION>,
) -> Result<Answer<OrganisationView>> {
    let found = app.store.read(move |db| super::find_organisation(db, &id)).await?;
    let version = found.version;
    Ok(Answer::json(&OrganisationView::from(found)).version(version))
}

async fn change_organisation(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    Reference(id): Reference<ORGANISATION>,
    IfMatch(seen): IfMatch,
    Patched { patch, .. }: Patched<OrganisationForm>,
) -> Result<Answer<OrganisationView>> {
    let work = move |tx: &mut Tx<'_>| super::update_organisation(tx, &id, seen, &patch);
    let new = app.store.write(may.by(), work).await?;
    let version = new.version;
    Ok(Answer::json(&OrganisationView::from(new)).version(version))
}

async fn list_services(
    may: Permit<ReadDirectory>,
    app: Data<App>,
    areas: Data<Areas>,
    Filtered(list): Filtered<List>,
) -> Result<Answer<Items<ServiceView>>> {
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
) -> Result<Answer<ServiceView, 201>> {
    let work = move |tx: &mut Tx<'_>| {
        let id = tx.once(replay.as_ref(), 201, |tx| Ok(super::create_service(tx, &areas, &form)?.id))?;
        super::service_by_id(tx.db, &id)
    };
    let made = app.store.write(may.by(), work).await?;
    let place = format!("{SERVICES}/{}", made.reference);
    let version = made.version;
    Ok(Answer::json(&view(made, &may)).at(place).version(version))
}

async fn show_service(
    may: Permit<ReadDirectory>,
    app: Data<App>,
    Reference(id): Reference<SERVICE>,
) -> Result<Answer<ServiceView>> {
    let found = app.store.read(move |db| super::find_service(db, &id)).await?;
    Ok(shown(found, &may))
}

async fn change_service(
    may: Permit<WriteDirectory>,
    (app, areas): (Data<App>, Data<Areas>),
    Reference(id): Reference<SERVICE>,
    IfMatch(seen): IfMatch,
    Patched { patch, .. }: Patched<ServiceForm>,
) -> Result<Answer<ServiceView>> {
    let work = move |tx: &mut Tx<'_>| super::update_service(tx, &areas, &id, seen, &patch);
    Ok(shown(app.store.write(may.by(), work).await?, &may))
}

async fn state_capacity(
    may: Permit<StateCapacity>,
    app: Data<App>,
    Reference(id): Reference<SERVICE>,
    IfMatch(seen): IfMatch,
    Body(counts): Body<Counts>,
) -> Result<Answer<ServiceView>> {
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
    IfMatch(seen): IfMatch,
    Posted { replay, .. }: Posted<Nothing>,
) -> Result<Answer<ServiceView>> {
    let work = move |tx: &mut Tx<'_>| super::settle_endpoints(tx, &id, seen, Verdict::Confirmed);
    changed(&may, &app, replay, work).await
}

async fn refuse_endpoints(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    Reference(id): Reference<SERVICE>,
    IfMatch(seen): IfMatch,
    Posted { replay, .. }: Posted<Nothing>,
) -> Result<Answer<ServiceView>> {
    let work = move |tx: &mut Tx<'_>| super::settle_endpoints(tx, &id, seen, Verdict::Refused);
    changed(&may, &app, replay, work).await
}

async fn want_code(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    Reference(id): Reference<SERVICE>,
    IfMatch(seen): IfMatch,
    Posted { replay, .. }: Posted<Nothing>,
) -> Result<Answer<ServiceView>> {
    changed(&may, &app, replay, move |tx| super::want_code(tx, &id, seen)).await
}

/// A change that is made once for each key, and the service as it is then.
async fn changed(
    actor: &Actor,
    app: &App,
    replay: Option<Replay>,
    change: impl Fn(&mut Tx<'_>) -> Result<Service> + Send + 'static,
) -> Result<Answer<ServiceView>> {
    let work = move |tx: &mut Tx<'_>| {
        let id = tx.once(replay.as_ref(), 200, |tx| Ok(change(tx)?.id))?;
        super::service_by_id(tx.db, &id)
    };
    Ok(shown(app.store.write(actor.by(), work).await?, actor))
}

async fn renew_code(
    may: Permit<WriteDirectory>,
    app: Data<App>,
    Reference(id): Reference<SERVICE>,
    IfMatch(seen): IfMatch,
    Posted { replay, .. }: Posted<Nothing>,
) -> Result<Answer<RenewedView>> {
    let work = move |tx: &mut Tx<'_>| {
        let mut drawn = None;
        let id = tx.once(replay.as_ref(), 200, |tx| {
            let (service, code) = super::renew_code(tx, &id, seen)?;
            drawn = Some(code);
            Ok(service.id)
        })?;
        let service = super::service_by_id(tx.db, &id)?;
        Ok((RenewedView { service: service.reference, code: drawn }, service.version))
    };
    let (view, version) = app.store.write(may.by(), work).await?;
    Ok(Answer::json(&view).version(version))
}

async fn list_areas(_may: Permit<ReadDirectory>, areas: Data<Areas>) -> Result<Answer<Items<AreaView<'static>>>> {
    Ok(Answer::shown(&Items { items: areas.all().iter().map(AreaView::from).collect() }))
}

/// A service as this person may see it: partners see how their own services are reached, and no
/// others.
fn view(service: Service, actor: &Actor) -> ServiceView {
    let inside = actor.role != Role::Partner || actor.organisation_id.as_ref() == Some(&service.organisation.id);
    ServiceView::of(service, inside)
}

fn shown(service: Service, actor: &Actor) -> Answer<ServiceView> {
    let version = service.version;
    Answer::json(&view(service, actor)).version(version)
}

/// The one organisation a person is limited to: for a partner its own, and none if it has none.
fn organisation_of(actor: &Actor) -> Option<String> {
    (actor.role == Role::Partner).then(|| actor.organisation_id.clone().unwrap_or_default())
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
            organisation: params.read("organisation", json!({"type": "string"}), |text| {
                read_reference(ORGANISATION, text).ok_or("not_a_reference")
            }),
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
