//! Tasks over HTTP.

use std::collections::HashMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::model::{self, Named};
use super::task::{self, Ending, Kind, NewTask, Outcome, State};
use crate::access::{
    Answer, Filtered, Items, KeepTasks, Page, Paged, Params, Permit, Posted, Query, Reference, Routes,
};
use crate::clock::Instant;
use crate::error::Result;
use crate::identity;
use crate::state::App;
use crate::storage::Tx;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/tasks")
        .list("", index, "What somebody must do, soonest due first")
        .post("", create, "Ask for a task about a case; what reaches out to her waits for her safe window")
        .post("/{id}/outcome", end, "Write down how a task ended, or put it off")
}

/// A task: references, kinds and times.
#[derive(Serialize, JsonSchema)]
struct TaskView {
    id: String,
    kind: Kind,
    state: State,
    level: Option<String>,
    due: Instant,
    late: bool,
    waiting_safe_window: bool,
    case: Option<String>,
    ticket: Option<String>,
    referral: Option<String>,
    service: Option<String>,
    /// The number of the service, for a task to phone it.
    phone: Option<String>,
    notification: Option<String>,
    made_by: Option<String>,
    outcome: Option<Outcome>,
    done_by: Option<String>,
    done_at: Option<Instant>,
    created_at: Instant,
}

impl TaskView {
    fn of(named: Named, staff: &HashMap<String, String>, now: Instant) -> TaskView {
        let task = named.task;
        let number = |id: &Option<String>| id.as_ref().and_then(|id| staff.get(id).cloned());
        let (service, phone) = named.service.map_or((None, None), |(service, phone)| (Some(service), phone));
        let waiting_safe_window = task.waits(now);
        TaskView {
            late: task.state == State::Open && !waiting_safe_window && task.due < now,
            waiting_safe_window,
            id: task.reference,
            kind: task.kind,
            state: task.state,
            level: task.level,
            due: task.due,
            case: named.case,
            ticket: named.ticket,
            referral: named.referral,
            service,
            phone,
            notification: named.notification,
            made_by: number(&task.made_by),
            outcome: task.outcome,
            done_by: number(&task.done_by),
            done_at: task.done_at,
            created_at: task.created_at,
        }
    }

    fn by_key(tx: &mut Tx<'_>, id: &str) -> Result<TaskView> {
        let task = model::by_id(tx.db, id)?;
        let named = model::named(tx.db, task)?;
        Ok(TaskView::of(named, &identity::staff_numbers(tx.db)?, tx.now))
    }
}

struct Listing {
    state: State,
    kind: Option<Kind>,
    page: Page,
}

impl Query for Listing {
    fn from_params(params: &Params) -> Option<Self> {
        let (state, kind) = (params.of("state").unwrap_or(State::Open), params.of("kind"));
        Some(Listing { state, kind, page: Page::from_params(params)? })
    }
}

async fn index(by: Permit<KeepTasks>, app: Data<App>, query: Filtered<Listing>) -> Result<Answer<Items<TaskView>>> {
    let Filtered(Listing { state, kind, page }) = query;
    let (actor, after, limit, now) = ((*by).clone(), page.after(&app.vault)?, page.limit, app.clock.now());
    let (rows, staff) = app
        .store
        .read(move |db| {
            let rows = model::list(db, &actor, (state, kind), after.as_ref(), limit)?;
            Ok((rows, identity::staff_numbers(db)?))
        })
        .await?;
    let key = |row: &Named| (row.task.due, row.task.id.clone());
    let paged = Paged::of(rows, &page, &app.vault, key, |row| TaskView::of(row, &staff, now))?;
    let mut kept = vec![("state", state.code().to_owned())];
    kept.extend(kind.map(|kind| ("kind", kind.code().to_owned())));
    Ok(paged.answer("/api/v1/tasks", &page, &kept))
}

async fn create(by: Permit<KeepTasks>, app: Data<App>, body: Posted<NewTask>) -> Result<Answer<TaskView, 201>> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let id = tx.once(body.replay.as_ref(), 201, |tx| task::ask_for(tx, &actor, &body.form))?;
        TaskView::by_key(tx, &id)
    };
    Ok(Answer::json(&app.store.write(by.by(), write).await?))
}

async fn end(
    by: Permit<KeepTasks>,
    app: Data<App>,
    id: Reference<'T'>,
    body: Posted<Ending>,
) -> Result<Answer<TaskView>> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let id = tx.once(body.replay.as_ref(), 200, |tx| task::settle(tx, &actor, &id.0, &body.form))?;
        TaskView::by_key(tx, &id)
    };
    Ok(Answer::json(&app.store.write(by.by(), write).await?))
}
