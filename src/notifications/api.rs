//! The outbox over HTTP: what was promised, what became of it, another try, an end.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::model::{Attempt, Notification, State};
use crate::access::{Filtered, KeepOutbox, Nothing, Page, Paged, Params, Permit, Posted, Query, Reference, Routes};
use crate::error::Result;
use crate::state::App;
use crate::storage::Tx;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/notifications").list("", index).post("/{id}/retry", again).post("/{id}/cancel", stop)
}

/// A notification without its letter and without its address: where it stands and why.
fn view(row: &Notification, attempts: &[Attempt]) -> Value {
    let attempts: Vec<Value> = attempts
        .iter()
        .filter(|attempt| attempt.notification_id == row.id)
        .map(|a| json!({"number": a.number, "class": a.class, "started_at": a.started_at, "ended_at": a.ended_at}))
        .collect();
    json!({
        "id": row.reference, "channel": row.channel, "kind": row.kind, "state": row.state, "urgent": row.urgent,
        "not_before": row.not_before, "created_at": row.created_at, "ended_at": row.ended_at, "attempts": attempts,
    })
}

struct Listing {
    state: Option<State>,
    page: Page,
}

impl Query for Listing {
    fn from_params(params: &Params) -> Option<Self> {
        Some(Listing { state: params.of("state"), page: Page::from_params(params)? })
    }
}

async fn index(_: Permit<KeepOutbox>, app: Data<App>, query: Filtered<Listing>) -> Result<HttpResponse> {
    let Filtered(Listing { state, page }) = query;
    let (after, limit) = (page.after(&app.vault)?, page.limit);
    let (rows, attempts) = app
        .store
        .read(move |db| {
            let rows = super::list(db, state, after.as_ref(), limit)?;
            let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
            Ok((rows, super::attempts_of(db, &ids)?))
        })
        .await?;
    let paged =
        Paged::of(rows, &page, &app.vault, |row| (row.created_at, row.id.clone()), |row| view(&row, &attempts))?;
    let kept: Vec<_> = state.iter().map(|state| ("state", state.code().to_owned())).collect();
    Ok(paged.answer("/api/v1/notifications", &page, &kept))
}

/// Moves one notification and answers with it as it stands then.
async fn moved(
    by: Permit<KeepOutbox>,
    app: Data<App>,
    posted: Posted<Nothing>,
    step: impl Fn(&mut Tx<'_>) -> Result<Notification> + Send + 'static,
) -> Result<HttpResponse> {
    let write = move |tx: &mut Tx<'_>| {
        let id = tx.once(posted.replay.as_ref(), 200, |tx| Ok(step(tx)?.reference))?;
        let row = super::find(tx.db, &id)?;
        let attempts = super::attempts_of(tx.db, std::slice::from_ref(&row.id))?;
        Ok(view(&row, &attempts))
    };
    let view = app.store.write(by.by(), write).await?;
    Ok(HttpResponse::Ok().json(view))
}

async fn again(
    by: Permit<KeepOutbox>,
    app: Data<App>,
    id: Reference<'N'>,
    body: Posted<Nothing>,
) -> Result<HttpResponse> {
    moved(by, app, body, move |tx| super::retry(tx, &id.0)).await
}

async fn stop(
    by: Permit<KeepOutbox>,
    app: Data<App>,
    id: Reference<'N'>,
    body: Posted<Nothing>,
) -> Result<HttpResponse> {
    moved(by, app, body, move |tx| super::cancel(tx, &id.0)).await
}
