//! Cases over HTTP. Looking a case up and giving consent belong to a conversation, so those
//! addresses are in the room of contacts; closing and merging move tickets, so they are in that of
//! referrals.

use actix_web::web::Data;

use super::file::{self, Party};
use super::safe_contact::SafeContact;
use super::safety_plan::SafetyPlan;
use super::view::{self, CaseView};
use crate::access::{Answer, Body, Done, IfMatch, KeepCases, Permit, Reference, Routes};
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::storage::Tx;
use crate::{directory, identity};

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/cases")
        .get("/{id}", show, "A case, with its seals open")
        .put("/{id}/safe-contact", agree, "Replace the terms on which she may be contacted")
        .put("/{id}/safety-plan", plan, "Replace what she will do when it becomes dangerous")
        .put("/{id}/blocked", hide, "Name parties for whom this case must not exist")
}

async fn show(by: Permit<KeepCases>, app: Data<App>, id: Reference<'K'>) -> Result<Answer<CaseView>> {
    let actor = (*by).clone();
    Ok(app.store.write(by.by(), move |tx| view::whole(tx, &actor, &id.0)).await?.answer())
}

async fn agree(
    by: Permit<KeepCases>,
    app: Data<App>,
    id: Reference<'K'>,
    body: (IfMatch, Body<SafeContact>),
) -> Result<Answer<CaseView>> {
    let (IfMatch(version), Body(terms)) = body;
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        file::set_safe_contact(tx, &actor, (&id.0, version), &terms)?;
        view::whole(tx, &actor, &id.0)
    };
    Ok(app.store.write(by.by(), write).await?.answer())
}

async fn plan(
    by: Permit<KeepCases>,
    app: Data<App>,
    id: Reference<'K'>,
    body: (IfMatch, Body<SafetyPlan>),
) -> Result<Answer<CaseView>> {
    let (IfMatch(version), Body(plan)) = body;
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        file::set_safety_plan(tx, &actor, (&id.0, version), &plan)?;
        view::whole(tx, &actor, &id.0)
    };
    Ok(app.store.write(by.by(), write).await?.answer())
}

struct Parties(Vec<Party>);

impl FromJson for Parties {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("parties").map(Parties))
    }
}

async fn hide(by: Permit<KeepCases>, app: Data<App>, id: Reference<'K'>, body: Body<Parties>) -> Result<Done> {
    let actor = (*by).clone();
    let write = move |tx: &mut Tx<'_>| {
        let row = file::find_in(tx, &actor, &id.0)?;
        let parties: Result<Vec<_>> = body.0.0.iter().map(|party| known(tx, party)).collect();
        file::block(tx, &row, &parties?)
    };
    app.store.write(by.by(), write).await?;
    Ok(Done::done())
}

/// The key of a party that is named by its reference.
fn known(tx: &mut Tx<'_>, party: &Party) -> Result<(&'static str, String)> {
    let found = match party {
        Party::Staff(reference) => identity::find(tx.db, reference).map(|row| ("staff", row.id)),
        Party::Organisation(reference) => {
            directory::find_organisation(tx.db, reference).map(|row| ("organisation", row.id))
        }
    };
    found.map_err(|error| match error {
        Error::NotFound => Error::invalid("/parties", "not_found"),
        other => other,
    })
}
