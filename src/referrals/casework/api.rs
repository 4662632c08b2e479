//! Closing and merging cases over HTTP, and hiding them from somebody.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Blocking, Closing, Merging, block, close, merge};
use crate::access::{Answer, Body, Done, IfMatch, KeepCases, MergeCases, Permit, Posted, Reference, Routes};
use crate::cases::codes::{CloseReason, Status};
use crate::cases::view::{self, CaseView};
use crate::cases::{self, CaseRow};
use crate::clock::Instant;
use crate::error::Result;
use crate::state::App;
use crate::storage::Tx;

/// Addresses under `/cases` that move tickets.
pub fn routes() -> Routes {
    Routes::at("/cases")
        .post("/{id}/close", end, "Close a case without open tickets; a death ends everything at once")
        .post("/{id}/merge", unite, "Merge another case into this one: both references lead here")
        .put("/{id}/blocked", hide, "Name parties for whom this case must not exist")
}

/// A case that was closed: nothing that is sealed.
#[derive(Serialize, JsonSchema)]
struct ClosedView {
    id: String,
    version: i32,
    status: Status,
    close_reason: Option<CloseReason>,
    closed_at: Option<Instant>,
}

impl ClosedView {
    fn of(row: CaseRow) -> ClosedView {
        let CaseRow { reference: id, version, status, close_reason, closed_at, .. } = row;
        ClosedView { id, version, status, close_reason, closed_at }
    }
}

async fn end(
    by: Permit<KeepCases>,
    app: Data<App>,
    id: Reference<'K'>,
    body: Posted<Closing>,
) -> Result<Answer<ClosedView>> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let key = tx.once(body.replay.as_ref(), 200, |tx| close(tx, &actor, &id.0, &body.form))?;
        cases::model::by_id(tx.db, &key).map(ClosedView::of)
    };
    let view = app.store.write(by.by(), write).await?;
    Ok(Answer::json(&view).version(view.version))
}

async fn hide(by: Permit<KeepCases>, app: Data<App>, id: Reference<'K'>, body: Body<Blocking>) -> Result<Done> {
    let actor = (*by).clone();
    app.store.write(by.by(), move |tx| block(tx, &actor, &id.0, &body.0)).await?;
    Ok(Done::done())
}

async fn unite(
    by: Permit<MergeCases>,
    app: Data<App>,
    id: Reference<'K'>,
    body: (IfMatch, Posted<Merging>),
) -> Result<Answer<CaseView>> {
    let (IfMatch(version), body) = body;
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        tx.once(body.replay.as_ref(), 200, |tx| merge(tx, &actor, (&id.0, version), &body.form))?;
        view::whole(tx, &actor, &id.0)
    };
    Ok(app.store.write(by.by(), write).await?.answer())
}
