//! `GET /audit`.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{Entry, Wanted};
use crate::access::{Answer, Filtered, Items, Page, Paged, Params, Permit, Query, ReadTrail, Routes};
use crate::clock::Instant;
use crate::error::Result;
use crate::state::App;
use crate::storage::Tx;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/audit").list("", list, "The trail: who did what, newest first")
}

/// `?from&to&actor&action&subject&limit&after`, newest first.
async fn list(
    actor: Permit<ReadTrail>,
    Filtered(asked): Filtered<Asked>,
    app: Data<App>,
) -> Result<Answer<Items<View>>> {
    let Asked { wanted, page } = asked;
    let after = page.after(&app.vault)?;
    let (sought, limit, reader) = (wanted.clone(), page.limit, (*actor).clone());
    let look = move |tx: &mut Tx<'_>| super::look_up(tx, &reader, &sought, after.as_ref(), limit);
    let rows = app.store.write(actor.by(), look).await?;
    let shown = Paged::of(rows, &page, &app.vault, |row| (row.at, row.id.clone()), View::of)?;
    Ok(shown.answer("/api/v1/audit", &page, &filters(&wanted)))
}

struct Asked {
    wanted: Wanted,
    page: Page,
}

impl Query for Asked {
    fn from_params(params: &Params) -> Option<Self> {
        let wanted = Wanted {
            from: params.time("from"),
            to: params.time("to"),
            actor: code(params, "actor"),
            action: code(params, "action"),
            subject: code(params, "subject"),
        };
        Some(Asked { wanted, page: Page::from_params(params)? })
    }
}

/// A staff number, an action or a reference: short, and nothing that needs escaping in a link.
fn code(params: &Params, name: &'static str) -> Option<String> {
    params.read(name, json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}), |text| {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        let short = (1..=64).contains(&text.len());
        if plain && short { Ok(text.to_owned()) } else { Err("not_a_code") }
    })
}

/// The filters again, for the link to the next page.
fn filters(wanted: &Wanted) -> Vec<(&'static str, String)> {
    let time = |at: Option<Instant>| at.map(Instant::rfc3339);
    let all = [
        ("from", time(wanted.from)),
        ("to", time(wanted.to)),
        ("actor", wanted.actor.clone()),
        ("action", wanted.action.clone()),
        ("subject", wanted.subject.clone()),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// One row of the trail.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TrailView")]
struct View {
    at: Instant,
    actor: Option<String>,
    role: String,
    action: String,
    subject_kind: String,
    subject: String,
    reason: Option<String>,
    outcome: String,
    request_id: String,
}

impl View {
    fn of(row: Entry) -> View {
        View {
            at: row.at,
            actor: row.actor_name,
            role: row.actor_role,
            action: row.action,
            subject_kind: row.subject_kind,
            subject: row.subject,
            reason: row.reason,
            outcome: row.outcome,
            request_id: row.request_id,
        }
    }
}
