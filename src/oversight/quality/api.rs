//! Feedback and complaints over HTTP.

use std::collections::HashMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::complaints::{self, Kind, Named, NewComplaint, Party};
use super::feedback::{self, Heard, Row, Said};
use crate::access::{
    Answer, Complain, Filtered, HearComplaints, Items, KeepTasks, Page, Paged, Params, Permit, Posted, Query,
    Reference, Routes,
};
use crate::clock::Instant;
use crate::directory::SERVICE;
use crate::error::Result;
use crate::identity;
use crate::state::App;
use crate::storage::{Tx, read_reference};
use crate::tasks::State;

const COMPLAINTS: &str = "/api/v1/complaints";

/// The addresses of this part of the room.
pub fn routes() -> Routes {
    Routes::at("")
        .post("/feedback", hear, "What she says of the help she got; settles the task to ask her")
        .post("/complaints", complain, "Complain of a service, of somebody on the staff or of the hotline")
        .list("/complaints", index, "Complaints, newest first; never those about oneself")
        .get("/complaints/{id}", show, "A complaint with its words, which leaves a row in the trail")
}

/// What she said.
#[derive(Serialize, JsonSchema)]
struct FeedbackView {
    referral: String,
    received: Said,
    safe: Said,
    would_call_again: Said,
    at: Instant,
}

impl FeedbackView {
    fn of((row, referral): (Row, String)) -> FeedbackView {
        let Row { received, safe, would_call_again, at, .. } = row;
        FeedbackView { referral, received, safe, would_call_again, at }
    }
}

/// What whoever complained is told.
#[derive(Serialize, JsonSchema)]
struct ReceiptView {
    id: String,
    at: Instant,
}

/// A complaint as a list shows it: codes and references only.
#[derive(Serialize, JsonSchema)]
struct ComplaintView {
    id: String,
    kind: Kind,
    about: Party,
    service: Option<String>,
    /// A staff number.
    staff: Option<String>,
    case: Option<String>,
    referral: Option<String>,
    made_by: Option<String>,
    at: Instant,
    /// The review that decides it, and where that stands.
    review: String,
    state: State,
}

impl ComplaintView {
    fn of(named: Named, staff: &HashMap<String, String>) -> ComplaintView {
        let Named { complaint, review, state, service, case, referral } = named;
        ComplaintView {
            id: complaint.reference,
            kind: complaint.kind,
            about: complaint.about,
            service,
            staff: complaint.about_id.and_then(|id| staff.get(&id).cloned()),
            case,
            referral,
            made_by: staff.get(&complaint.made_by).cloned(),
            at: complaint.at,
            review,
            state,
        }
    }
}

/// A complaint with its words.
#[derive(Serialize, JsonSchema)]
struct OpenedComplaint {
    #[serde(flatten)]
    complaint: ComplaintView,
    /// `null` once her case was erased.
    text: Option<String>,
}

async fn hear(by: Permit<KeepTasks>, app: Data<App>, body: Posted<Heard>) -> Result<Answer<FeedbackView, 201>> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let id = tx.once(body.replay.as_ref(), 201, |tx| feedback::record(tx, &actor, &body.form))?;
        feedback::by_id(tx.db, &id).map(FeedbackView::of)
    };
    Ok(Answer::json(&app.store.write(by.by(), write).await?))
}

async fn complain(
    by: Permit<Complain>,
    app: Data<App>,
    body: Posted<NewComplaint>,
) -> Result<Answer<ReceiptView, 201>> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let id = tx.once(body.replay.as_ref(), 201, |tx| complaints::make(tx, &actor, &body.form))?;
        complaints::receipt(tx.db, &id).map(|(id, at)| ReceiptView { id, at })
    };
    Ok(Answer::json(&app.store.write(by.by(), write).await?))
}

struct Listing {
    service: Option<String>,
    page: Page,
}

impl Query for Listing {
    fn from_params(params: &Params) -> Option<Self> {
        let service = params
            .read("service", json!({"type": "string"}), |text| read_reference(SERVICE, text).ok_or("not_a_reference"));
        Some(Listing { service, page: Page::from_params(params)? })
    }
}

async fn index(
    by: Permit<HearComplaints>,
    app: Data<App>,
    query: Filtered<Listing>,
) -> Result<Answer<Items<ComplaintView>>> {
    let Filtered(Listing { service, page }) = query;
    let (actor, after, limit, sought) = ((*by).clone(), page.after(&app.vault)?, page.limit, service.clone());
    let read = move |db: &mut crate::storage::Db| {
        let rows = complaints::list(db, &actor, sought.as_deref(), after.as_ref(), limit)?;
        Ok((rows, identity::staff_numbers(db)?))
    };
    let (rows, staff) = app.store.read(read).await?;
    let key = |row: &Named| (row.complaint.at, row.complaint.id.clone());
    let paged = Paged::of(rows, &page, &app.vault, key, |row| ComplaintView::of(row, &staff))?;
    let kept: Vec<_> = service.into_iter().map(|service| ("service", service)).collect();
    Ok(paged.answer(COMPLAINTS, &page, &kept))
}

async fn show(by: Permit<HearComplaints>, app: Data<App>, id: Reference<'Q'>) -> Result<Answer<OpenedComplaint>> {
    let actor = (*by).clone();
    let open = move |tx: &mut Tx<'_>| {
        let (named, text) = complaints::read(tx, &actor, &id.0)?;
        let staff = identity::staff_numbers(tx.db)?;
        Ok(OpenedComplaint { complaint: ComplaintView::of(named, &staff), text })
    };
    Ok(Answer::json(&app.store.write(by.by(), open).await?))
}
