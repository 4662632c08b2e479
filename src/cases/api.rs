//! Cases over HTTP. Looking a case up and giving consent belong to a conversation, so those
//! addresses are in the room of contacts; closing, merging and naming who must not know move tickets, so
//! they are in that of referrals.

use actix_web::web::Data;

use super::file;
use super::safe_contact::SafeContact;
use super::safety_plan::SafetyPlan;
use super::view::{self, CaseView};
use crate::access::{Answer, Body, IfMatch, KeepCases, Permit, Reference, Routes};
use crate::error::Result;
use crate::state::App;
use crate::storage::Tx;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/cases")
        .get("/{id}", show, "A case, with its seals open")
        .put("/{id}/safe-contact", agree, "Replace the terms on which she may be contacted")
        .put("/{id}/safety-plan", plan, "Replace what she will do when it becomes dangerous")
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
