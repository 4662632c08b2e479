//! The outbox over HTTP: what was promised, what became of it, another try, an end.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::model::{Attempt, Channel, Class, Notification, State};
use crate::access::{
    Actor, Answer, Filtered, Items, KeepOutbox, Nothing, Page, Paged, Params, Permit, Posted, Query, Reference, Routes,
};
use crate::clock::Instant;
use crate::error::Result;
use crate::state::App;
use crate::storage::Tx;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/notifications")
        .list("", index, "The outbox: what was promised, and what became of it")
        .post("/{id}/retry", again, "Try a letter that was given up once more")
        .post("/{id}/cancel", stop, "Stop a letter that has not gone")
}

/// A notification without its letter and without its address: where it stands and why.
#[derive(Serialize, JsonSchema)]
struct NotificationView {
    id: String,
    channel: Channel,
    kind: String,
    state: State,
    urgent: bool,
    not_before: Instant,
    created_at: Instant,
    ended_at: Option<Instant>,
    attempts: Vec<AttemptView>,
}

#[derive(Serialize, JsonSchema)]
struct AttemptView {
    number: i32,
    class: Class,
    started_at: Instant,
    ended_at: Option<Instant>,
}

impl NotificationView {
    fn of(row: &Notification, attempts: &[Attempt]) -> NotificationView {
        let own = attempts.iter().filter(|attempt| attempt.notification_id == row.id);
        let shown = own.map(|attempt| AttemptView {
            number: attempt.number,
            class: attempt.class,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
        });
        NotificationView {
            id: row.reference.clone(),
            channel: row.channel,
            kind: row.kind.clone(),
            state: row.state,
            urgent: row.urgent,
            not_before: row.not_before,
            created_at: row.created_at,
            ended_at: row.ended_at,
            attempts: shown.collect(),
        }
    }
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

async fn index(
    may: Permit<KeepOutbox>,
    app: Data<App>,
    query: Filtered<Listing>,
) -> Result<Answer<Items<NotificationView>>> {
    let Filtered(Listing { state, page }) = query;
    let (after, limit) = (page.after(&app.vault)?, page.limit);
    let (rows, attempts) = app
        .store
        .read(move |db| {
            let rows = super::list(db, Some(&may), state, after.as_ref(), limit)?;
            let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
            Ok((rows, super::attempts_of(db, &ids)?))
        })
        .await?;
    let paged = Paged::of(
        rows,
        &page,
        &app.vault,
        |row| (row.created_at, row.id.clone()),
        |row| NotificationView::of(&row, &attempts),
    )?;
    let kept: Vec<_> = state.iter().map(|state| ("state", state.code().to_owned())).collect();
    Ok(paged.answer("/api/v1/notifications", &page, &kept))
}

/// Moves one notification and answers with it as it stands then.
async fn moved(
    by: Permit<KeepOutbox>,
    app: Data<App>,
    posted: Posted<Nothing>,
    step: impl Fn(&mut Tx<'_>, Option<&Actor>) -> Result<Notification> + Send + 'static,
) -> Result<Answer<NotificationView>> {
    let actor = by.clone();
    let write = move |tx: &mut Tx<'_>| {
        let id = tx.once(posted.replay.as_ref(), 200, |tx| Ok(step(tx, Some(&actor))?.reference))?;
        let row = super::find(tx.db, Some(&actor), &id)?;
        let attempts = super::attempts_of(tx.db, std::slice::from_ref(&row.id))?;
        Ok(NotificationView::of(&row, &attempts))
    };
    Ok(Answer::json(&app.store.write(by.by(), write).await?))
}

async fn again(
    by: Permit<KeepOutbox>,
    app: Data<App>,
    id: Reference<'N'>,
    body: Posted<Nothing>,
) -> Result<Answer<NotificationView>> {
    moved(by, app, body, move |tx, by| super::retry(tx, by, &id.0)).await
}

async fn stop(
    by: Permit<KeepOutbox>,
    app: Data<App>,
    id: Reference<'N'>,
    body: Posted<Nothing>,
) -> Result<Answer<NotificationView>> {
    moved(by, app, body, move |tx, by| super::cancel(tx, by, &id.0)).await
}
