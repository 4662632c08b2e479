//! Reviews and hand-overs over HTTP.

use std::collections::HashMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::handover::{self, OpenWork, TakenOver};
use super::reviews::{self, About};
use crate::access::{
    Answer, DecideReviews, Filtered, Items, Nothing, Page, Paged, Params, Permit, Posted, Query, Reference, Routes,
    TakeOver,
};
use crate::clock::Instant;
use crate::error::Result;
use crate::identity;
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::storage::Tx;
use crate::tasks::{self, Decision, Kind, Review, State};

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("")
        .list("/reviews", index, "What waits for a second look, soonest due first")
        .get("/reviews/{id}", show, "A review, with the reason that was given")
        .post("/reviews/{id}/decide", decide, "Decide what somebody else proposed")
        .get(
            "/handover",
            open_work,
            "What a shift leaves open: high risk, due soon, unanswered; who is free, who holds too much; and who took over last",
        )
        .post("/handover/acknowledge", take_over, "Take over what is open now")
        .with(super::quality::api::routes())
}

/// A review as a list shows it: codes and references only.
#[derive(Serialize, JsonSchema)]
struct ReviewView {
    id: String,
    kind: Kind,
    state: State,
    level: String,
    /// The level it would have; empty where a review only asks that somebody looks.
    proposed: Option<String>,
    opened_by: Option<String>,
    opened_at: Instant,
    due: Instant,
    late: bool,
    decided_by: Option<String>,
    decided_at: Option<Instant>,
}

impl ReviewView {
    fn of(row: Review, staff: &HashMap<String, String>, now: Instant) -> ReviewView {
        let number = |id: Option<String>| id.and_then(|id| staff.get(&id).cloned());
        ReviewView {
            id: row.reference,
            kind: row.kind,
            state: row.state,
            level: row.level,
            proposed: Some(row.proposed).filter(|_| row.kind.proposes()),
            opened_by: number(row.opened_by),
            opened_at: row.opened_at,
            due: row.due,
            late: row.state == State::Open && row.due < now,
            decided_by: number(row.decided_by),
            decided_at: row.decided_at,
        }
    }
}

/// A review with what it is about.
#[derive(Serialize, JsonSchema)]
struct OpenedView {
    #[serde(flatten)]
    review: ReviewView,
    contact: Option<String>,
    case: Option<String>,
    complaint: Option<String>,
    reason: Option<String>,
}

struct Listing {
    state: State,
    page: Page,
}

impl Query for Listing {
    fn from_params(params: &Params) -> Option<Self> {
        let state = params.of("state").unwrap_or(State::Open);
        Some(Listing { state, page: Page::from_params(params)? })
    }
}

async fn index(
    by: Permit<DecideReviews>,
    app: Data<App>,
    query: Filtered<Listing>,
) -> Result<Answer<Items<ReviewView>>> {
    let Filtered(Listing { state, page }) = query;
    let (actor, after, limit, now) = ((*by).clone(), page.after(&app.vault)?, page.limit, app.clock.now());
    let (rows, staff) = app
        .store
        .read(move |db| {
            let rows = tasks::list(db, &actor, state, after.as_ref(), limit)?;
            Ok((rows, identity::staff_numbers(db)?))
        })
        .await?;
    let key = |row: &Review| (row.due, row.id.clone());
    let paged = Paged::of(rows, &page, &app.vault, key, |row| ReviewView::of(row, &staff, now))?;
    Ok(paged.answer("/api/v1/reviews", &page, &[("state", state.code().to_owned())]))
}

async fn show(by: Permit<DecideReviews>, app: Data<App>, id: Reference<'V'>) -> Result<Answer<OpenedView>> {
    let actor = (*by).clone();
    let view = app
        .store
        .write(by.by(), move |tx| {
            let review = tasks::find(tx.db, &actor, &id.0)?;
            let About { contact, case, complaint, reason } = reviews::about(tx, &actor, &review)?;
            tx.trail("reviews.read", ("review", &review.reference), None)?;
            let staff = identity::staff_numbers(tx.db)?;
            let review = ReviewView::of(review, &staff, tx.now);
            Ok(OpenedView { review, contact, case, complaint, reason })
        })
        .await?;
    Ok(Answer::json(&view))
}

async fn open_work(by: Permit<TakeOver>, app: Data<App>) -> Result<Answer<OpenWork>> {
    let (actor, config, now) = ((*by).clone(), app.config.clone(), app.clock.now());
    Ok(Answer::json(&app.store.read(move |db| handover::open_work(db, &actor, &config, now)).await?))
}

async fn take_over(by: Permit<TakeOver>, app: Data<App>, body: Posted<Nothing>) -> Result<Answer<TakenOver, 201>> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let id = tx.once(body.replay.as_ref(), 201, |tx| handover::take_over(tx, &actor))?;
        handover::taken(tx.db, &actor, &id)
    };
    Ok(Answer::json(&app.store.write(by.by(), write).await?))
}

struct Deciding(Decision);

impl FromJson for Deciding {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("decision").map(Deciding))
    }
}

async fn decide(
    by: Permit<DecideReviews>,
    app: Data<App>,
    id: Reference<'V'>,
    body: Posted<Deciding>,
) -> Result<Answer<ReviewView>> {
    let actor = (*by).clone();
    let view = app
        .store
        .write(by.by(), move |tx| {
            tx.once(body.replay.as_ref(), 200, |tx| {
                let review = tasks::find(tx.db, &actor, &id.0)?;
                reviews::decide(tx, &actor, &review, body.form.0)?;
                Ok(review.id)
            })?;
            let staff = identity::staff_numbers(tx.db)?;
            Ok(ReviewView::of(tasks::find(tx.db, &actor, &id.0)?, &staff, tx.now))
        })
        .await?;
    Ok(Answer::json(&view))
}
