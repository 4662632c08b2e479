//! Duties and suggestions over HTTP.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::caseload::LoadView;
use super::duty::{Duty, Presence};
use super::model::{self, Helper};
use super::suggest::{Near, Suggestion};
use crate::access::{Answer, Body, IfMatch, Items, KeepDuty, Permit, Reference, Routes, SuggestHelpers};
use crate::clock::Instant;
use crate::directory::Areas;
use crate::error::Result;
use crate::identity;
use crate::state::App;
use crate::storage::{Db, Tx};

/// Every address of people who help. Handlers ask for `Data<Areas>`.
pub fn routes() -> Routes {
    Routes::at("")
        .get("/staff/duty", roster, "Counselors: where and when they are at work, and how much they hold")
        .get("/staff/{id}/duty", show, "When and where somebody is at work, in which languages, with how much")
        .put("/staff/{id}/duty", keep, "Replace when and where somebody is at work")
        .get("/tickets/{id}/suggestions", suggest, "Who could take a ticket, best first, and why")
        .refusing(409)
}

/// Somebody's duty, to be edited.
#[derive(Serialize, JsonSchema)]
struct DutyView {
    id: String,
    name: String,
    version: i32,
    #[serde(flatten)]
    duty: Duty,
}

/// Somebody's duty and what it means now.
#[derive(Serialize, JsonSchema)]
struct RosterView {
    #[serde(flatten)]
    load: LoadView,
    presence: Presence,
    next_on_duty: Option<Instant>,
    #[serde(flatten)]
    duty: Duty,
}

/// Somebody who could take a ticket.
#[derive(Serialize, JsonSchema)]
struct SuggestionView {
    #[serde(flatten)]
    load: LoadView,
    presence: Presence,
    /// When they come on duty next; `null` while they are, and where there are no hours.
    next_on_duty: Option<Instant>,
    near: Near,
    /// `null` where her language or theirs is not known.
    speaks_hers: Option<bool>,
}

impl SuggestionView {
    fn of(found: Suggestion) -> SuggestionView {
        let Suggestion { helper, presence, next_on_duty, near, speaks_hers } = found;
        SuggestionView { load: LoadView::of(&helper), presence, next_on_duty, near, speaks_hers }
    }
}

async fn roster(by: Permit<KeepDuty>, app: Data<App>) -> Result<Answer<Items<RosterView>>> {
    let (actor, config, now) = ((*by).clone(), app.config.clone(), app.clock.now());
    let zone = config.place.time_zone;
    let all = app.store.read(move |db| super::roster(db, &actor, &config, now)).await?;
    let view = |helper: Helper| RosterView {
        load: LoadView::of(&helper),
        presence: helper.duty.presence(now, zone),
        next_on_duty: helper.duty.next_on_duty(now, zone),
        duty: helper.duty,
    };
    Ok(Answer::json(&Items { items: all.into_iter().map(view).collect() }))
}

async fn show(_: Permit<KeepDuty>, app: Data<App>, id: Reference<'W'>) -> Result<Answer<DutyView>> {
    Ok(answer(app.store.read(move |db| seen(db, &id.0)).await?))
}

async fn keep(
    by: Permit<KeepDuty>,
    app: Data<App>,
    areas: Data<Areas>,
    id: Reference<'W'>,
    body: (IfMatch, Body<Duty>),
) -> Result<Answer<DutyView>> {
    let (IfMatch(version), Body(duty)) = body;
    let write = move |tx: &mut Tx<'_>| {
        super::keep(tx, &areas, (&id.0, version), &duty)?;
        seen(tx.db, &id.0)
    };
    Ok(answer(app.store.write(by.by(), write).await?))
}

async fn suggest(
    by: Permit<SuggestHelpers>,
    app: Data<App>,
    areas: Data<Areas>,
    id: Reference<'R'>,
) -> Result<Answer<Items<SuggestionView>>> {
    let (actor, config, now) = ((*by).clone(), app.config.clone(), app.clock.now());
    let read = move |db: &mut Db| super::suggest(db, &actor, &id.0, (&areas, &config), now);
    let found = app.store.read(read).await?;
    Ok(Answer::json(&Items { items: found.into_iter().map(SuggestionView::of).collect() }))
}

fn seen(db: &mut Db, reference: &str) -> Result<DutyView> {
    let staff = identity::find(db, reference)?;
    let (version, duty) = model::duty_of(db, &staff.id)?;
    Ok(DutyView { id: staff.reference, name: staff.name, version, duty })
}

fn answer(view: DutyView) -> Answer<DutyView> {
    Answer::json(&view).version(view.version)
}
