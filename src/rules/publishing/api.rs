//! Publications over HTTP: what was proposed, what it would change, and who approves it.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::diff::{Change, How, diff};
use super::super::packs;
use super::{Publication, kept};
use crate::access::{Answer, Items, Nothing, Permit, Posted, PublishRules, Reference, Routes};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::identity;
use crate::state::App;
use crate::storage::Db;

/// How many a list shows: years of them.
const NEWEST: i64 = 100;

/// The addresses below `/triage`.
pub(in crate::rules) fn routes() -> Routes {
    Routes::at("/publications")
        .get("", index, "Rules that were proposed, newest first, and which are in force")
        .get("/{id}", show, "A proposal, and what it would change")
        .post("/{id}/approve", approve, "Approve a proposal; the second approval puts it in force")
}

/// Rules that were proposed.
#[derive(Serialize, JsonSchema)]
struct PublicationView {
    id: String,
    sha256: String,
    proposed_at: Instant,
    first_by: Option<String>,
    first_at: Option<Instant>,
    second_by: Option<String>,
    second_at: Option<Instant>,
    in_force: bool,
}

/// A proposal with what it would change.
#[derive(Serialize, JsonSchema)]
struct ProposalView {
    #[serde(flatten)]
    publication: PublicationView,
    /// Against what is in force now.
    changes: Vec<ChangeView>,
}

#[derive(Serialize, JsonSchema)]
struct ChangeView {
    kind: String,
    id: String,
    how: &'static str,
    keys: Vec<KeyView>,
}

#[derive(Serialize, JsonSchema)]
struct KeyView {
    key: String,
    before: Option<String>,
    after: Option<String>,
}

impl PublicationView {
    /// Shows some rows.
    fn all(db: &mut Db, rows: Vec<Publication>) -> Result<Vec<PublicationView>> {
        let in_force = super::published(db)?.map(|row| row.id);
        let staff = identity::staff_numbers(db)?;
        let number = |id: Option<String>| id.and_then(|id| staff.get(&id).cloned());
        let view = |row: Publication| PublicationView {
            in_force: in_force.as_ref() == Some(&row.id),
            id: row.reference,
            sha256: row.sha256,
            proposed_at: row.proposed_at,
            first_by: number(row.first_by),
            first_at: row.first_at,
            second_by: number(row.second_by),
            second_at: row.second_at,
        };
        Ok(rows.into_iter().map(view).collect())
    }

    fn one(db: &mut Db, reference: &str) -> Result<PublicationView> {
        let row = super::find(db, reference)?;
        PublicationView::all(db, vec![row])?.pop().ok_or(Error::NotFound)
    }
}

impl ChangeView {
    fn of(change: Change) -> ChangeView {
        let (how, keys) = match change.how {
            How::Added => ("added", Vec::new()),
            How::Removed => ("removed", Vec::new()),
            How::Changed(keys) => ("changed", keys),
        };
        let text = |value: Option<toml::Value>| value.map(|value| value.to_string());
        let keys =
            keys.into_iter().map(|(key, before, after)| KeyView { key, before: text(before), after: text(after) });
        ChangeView { kind: change.kind, id: change.id, how, keys: keys.collect() }
    }
}

async fn index(_: Permit<PublishRules>, app: Data<App>) -> Result<Answer<Items<PublicationView>>> {
    let shown = |db: &mut Db| {
        let rows = super::newest(db, NEWEST)?;
        PublicationView::all(db, rows)
    };
    Ok(Answer::json(&Items { items: app.store.read(shown).await? }))
}

async fn show(_: Permit<PublishRules>, app: Data<App>, id: Reference<'G'>) -> Result<Answer<ProposalView>> {
    let now = app.rules.now();
    let (publication, before, after) = app
        .store
        .read(move |db| {
            let row = super::find(db, &id.0)?;
            Ok((PublicationView::one(db, &id.0)?, kept(db, now.sha256())?, kept(db, &row.sha256)?))
        })
        .await?;
    let changes = diff(&before, &after).map_err(|_| Error::Internal("kept rules cannot be compared"))?;
    Ok(Answer::json(&ProposalView { publication, changes: changes.into_iter().map(ChangeView::of).collect() }))
}

async fn approve(
    by: Permit<PublishRules>,
    app: Data<App>,
    id: Reference<'G'>,
    body: Posted<Nothing>,
) -> Result<Answer<PublicationView>> {
    let reference = id.0.clone();
    let sources = app
        .store
        .read(move |db| {
            let row = super::find(db, &reference)?;
            kept(db, &row.sha256)
        })
        .await?;
    // It was checked when it was proposed, perhaps by an older program.
    if packs::check(&sources, &app.config.place.languages).is_err() {
        return Err(Error::conflict("cases_not_green"));
    }
    let actor = (*by).clone();
    let view = app
        .store
        .write(by.by(), move |tx| {
            tx.once(body.replay.as_ref(), 200, |tx| super::approve(tx, &actor, &id.0))?;
            PublicationView::one(tx.db, &id.0)
        })
        .await?;
    Ok(Answer::json(&view))
}
