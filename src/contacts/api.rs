//! Contacts over HTTP.

use std::sync::Arc;

use actix_web::web::Data;

use super::codes::{Kind, Status};
use super::edit::{Amendment, amend, change, finish, rejoin};
use super::emergency::{self, EmergencyCall};
use super::level;
use super::links::{self, Linking};
use super::model::{Filter, Scope, list};
use super::record::{Against, NewContact, Written, prepare, record};
use super::view::{
    ContactSeen, Opened, Read, Receipt, Shown, StepView, again, assessments, full, open, read, timeline,
};
use crate::access::{
    Answer, Filtered, IfMatch, Items, Keyed, Page, Paged, Params, Patched, Permit, Posted, Query, ReadContacts,
    RecordContacts, Reference, Routes, SetLevels,
};
use crate::clock::Instant;
use crate::directory::Areas;
use crate::error::Result;
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::triage::{Assessment, Level, RuleSet};

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/contacts")
        .post("", create, "Record a contact, whole or as a draft")
        .list("", index, "Contacts one may know of: one's own, or a receipt of each")
        .get("/{id}", show, "A contact")
        .patch("/{id}", edit, "Change a draft by a merge patch")
        .post("/{id}/finish", end, "Finish a draft")
        .post("/{id}/amend", correct, "Amend a finished contact; what stood before is kept")
        .post("/{id}/override", set_level, "Set a level beside that of the rules: higher at once, lower after a review")
        .post("/{id}/emergency-call", call_help, "Write down that an ambulance, the police or somebody else was called")
        .post("/{id}/link", link, "Say that another contact reports the same event")
        .post("/{id}/rejoin", take_up, "Take a draft up again at another seat, by its word")
        .get("/{id}/assessments", history, "Every assessment of a contact, under the rules of its day")
        .get("/{id}/timeline", steps, "What happened to a contact, and when")
}

/// What a handler here checks forms against, from its first line to its answer: others may come into
/// force meanwhile.
#[derive(Clone)]
struct Ground {
    app: Data<App>,
    areas: Data<Areas>,
    rules: Arc<RuleSet>,
}

impl Ground {
    fn of(app: Data<App>, areas: Data<Areas>) -> Ground {
        let rules = app.rules.now();
        Ground { app, areas, rules }
    }

    fn against(&self) -> Against<'_> {
        Against { config: &self.app.config, rules: &self.rules, areas: &self.areas }
    }

    /// A contact as it is shown now.
    fn shown(&self, opened: &Opened) -> Result<Shown> {
        full(opened, self.against(), self.app.clock.now())
    }
}

async fn create(
    by: Permit<RecordContacts>,
    app: Data<App>,
    areas: Data<Areas>,
    new: Keyed<NewContact>,
) -> Result<Answer<ContactSeen, 201>> {
    let ground = Ground::of(app, areas);
    let prepared = prepare(new.form, &by.id, ground.against(), &ground.app.vault, ground.app.clock.now())?;
    let (written, replay, actor) = (prepared.clone(), new.replay, (*by).clone());
    let earlier = ground
        .app
        .store
        .write_as(prepared.isolation(), by.by(), move |tx| {
            let id = tx.once(Some(&replay), 201, |tx| record(tx, &written))?;
            match id == written.id() {
                true if written.of_a_case() => open(tx, &id).map(|opened| Some(Read::Whole(Box::new(opened)))),
                true => Ok(None),
                false => again(tx, &actor, &id).map(Some),
            }
        })
        .await?;
    match earlier.unwrap_or_else(|| Read::Whole(Box::new(prepared.opened()))) {
        Read::Whole(opened) => created(&opened, &ground),
        Read::Receipt(view) => Ok(receipted(&view)),
    }
}

fn created(opened: &Opened, ground: &Ground) -> Result<Answer<ContactSeen, 201>> {
    let shown = ground.shown(opened)?;
    let place = format!("/api/v1/contacts/{}", shown.id);
    Ok(whole(shown).at(place))
}

fn whole<const STATUS: u16>(shown: Shown) -> Answer<ContactSeen, STATUS> {
    Answer::written(shown.json).version(shown.version)
}

fn receipted<const STATUS: u16>(view: &Receipt) -> Answer<ContactSeen, STATUS> {
    Answer::shown(view).version(view.version())
}

/// A contact that was changed or opened, as an answer.
fn answer(opened: &Opened, ground: &Ground) -> Result<Answer<ContactSeen>> {
    ground.shown(opened).map(whole)
}

struct Listing {
    filter: Filter,
    page: Page,
}

impl Query for Listing {
    fn from_params(params: &Params) -> Option<Self> {
        let filter = Filter {
            status: params.of::<Status>("status"),
            kind: params.of::<Kind>("kind"),
            level: params.of::<LevelCode>("level").map(|level| level.0),
            from: params.time("from"),
            to: params.time("to"),
        };
        Some(Listing { filter, page: Page::from_params(params)? })
    }
}

/// A level by its code.
struct LevelCode(String);

impl FromJson for LevelCode {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let codes = Level::ALL.map(Level::code);
        at.takes(|| serde_json::json!({"type": "string", "enum": codes}));
        match json {
            Json::Text(code) if codes.contains(&code.as_str()) => Some(LevelCode(code.clone())),
            _ => {
                at.problem_allowing("not_allowed", Some(codes.map(str::to_owned).to_vec()));
                None
            }
        }
    }
}

async fn index(by: Permit<ReadContacts>, app: Data<App>, query: Filtered<Listing>) -> Result<Answer<Items<Receipt>>> {
    let Filtered(Listing { filter, page }) = query;
    let (scope, after, limit, kept) =
        (Scope::of(&by, app.clock.now()), page.after(&app.vault)?, page.limit, kept(&filter));
    let rows = app.store.read(move |db| list(db, &scope, filter, after, limit)).await?;
    let paged = Paged::of(rows, &page, &app.vault, |row| (row.opened_at, row.id.clone()), |row| Receipt::of(&row))?;
    Ok(paged.answer("/api/v1/contacts", &page, &kept))
}

/// The filters a `next` link repeats.
fn kept(filter: &Filter) -> Vec<(&'static str, String)> {
    let all = [
        ("status", filter.status.map(|status| status.code().to_owned())),
        ("kind", filter.kind.map(|kind| kind.code().to_owned())),
        ("level", filter.level.clone()),
        ("from", filter.from.map(Instant::rfc3339)),
        ("to", filter.to.map(Instant::rfc3339)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

async fn show(
    by: Permit<ReadContacts>,
    app: Data<App>,
    areas: Data<Areas>,
    id: Reference<'C'>,
) -> Result<Answer<ContactSeen>> {
    let actor = (*by).clone();
    let ground = Ground::of(app, areas);
    let told = ground.app.store.write(by.by(), move |tx| read(tx, &actor, &id.0)).await?;
    told_as(told, &ground)
}

/// A contact as far as its reader may see it.
fn told_as(told: Read, ground: &Ground) -> Result<Answer<ContactSeen>> {
    match told {
        Read::Whole(opened) => answer(&opened, ground),
        Read::Receipt(view) => Ok(receipted(&view)),
    }
}

/// An edit's version and patch.
type Patch = (IfMatch, Patched<Written>);

async fn edit(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    patch: Patch,
) -> Result<Answer<ContactSeen>> {
    let (ground, (IfMatch(version), Patched { patch, .. })) = (Ground::of(at.0, at.1), patch);
    let (actor, known) = ((*by).clone(), ground.clone());
    let opened = ground
        .app
        .store
        .write(by.by(), move |tx| {
            let id = change(tx, &actor, (&id.0, version), &patch, known.against())?;
            open(tx, &id)
        })
        .await?;
    answer(&opened, &ground)
}

struct Ending(Option<Instant>);

impl FromJson for Ending {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| Some(Ending(f.optional("ended_at"))))
    }
}

async fn end(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Keyed<Ending>,
) -> Result<Answer<ContactSeen>> {
    let ground = Ground::of(at.0, at.1);
    let actor = (*by).clone();
    let told = ground
        .app
        .store
        .write(by.by(), move |tx| {
            let mut now = false;
            let key = tx.once(Some(&body.replay), 200, |tx| {
                now = true;
                finish(tx, &actor, &id.0, body.form.0)
            })?;
            // Who ends a call sees it whole once more; who asks again sees what is hers to see.
            if now { open(tx, &key).map(|opened| Read::Whole(Box::new(opened))) } else { read(tx, &actor, &id.0) }
        })
        .await?;
    told_as(told, &ground)
}

/// An amendment's version and body.
type Amended = (IfMatch, Posted<Amendment>);

async fn correct(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Amended,
) -> Result<Answer<ContactSeen>> {
    let (ground, (IfMatch(version), body)) = (Ground::of(at.0, at.1), body);
    let (actor, known) = ((*by).clone(), ground.clone());
    let opened = ground
        .app
        .store
        .write(by.by(), move |tx| {
            tx.once(body.replay.as_ref(), 200, |tx| amend(tx, &actor, (&id.0, version), &body.form, known.against()))?;
            read(tx, &actor, &id.0)
        })
        .await?;
    told_as(opened, &ground)
}

async fn set_level(
    by: Permit<SetLevels>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Keyed<level::Setting>,
) -> Result<Answer<ContactSeen>> {
    let ground = Ground::of(at.0, at.1);
    let actor = (*by).clone();
    let told = ground
        .app
        .store
        .write(by.by(), move |tx| {
            tx.once(Some(&body.replay), 200, |tx| level::set(tx, &actor, &id.0, &body.form))?;
            read(tx, &actor, &id.0)
        })
        .await?;
    told_as(told, &ground)
}

async fn call_help(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Keyed<EmergencyCall>,
) -> Result<Answer<ContactSeen>> {
    let ground = Ground::of(at.0, at.1);
    let actor = (*by).clone();
    let told = ground
        .app
        .store
        .write(by.by(), move |tx| {
            tx.once(Some(&body.replay), 200, |tx| emergency::call(tx, &actor, &id.0, &body.form))?;
            read(tx, &actor, &id.0)
        })
        .await?;
    told_as(told, &ground)
}

async fn link(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Posted<Linking>,
) -> Result<Answer<ContactSeen>> {
    let ground = Ground::of(at.0, at.1);
    let actor = (*by).clone();
    let told = ground
        .app
        .store
        .write(by.by(), move |tx| {
            tx.once(body.replay.as_ref(), 200, |tx| links::link(tx, &actor, &id.0, &body.form))?;
            read(tx, &actor, &id.0)
        })
        .await?;
    told_as(told, &ground)
}

struct Word(String);

impl FromJson for Word {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required_text("word", 32).map(Word))
    }
}

async fn take_up(
    by: Permit<RecordContacts>,
    at: (Data<App>, Data<Areas>),
    id: Reference<'C'>,
    body: Posted<Word>,
) -> Result<Answer<ContactSeen>> {
    let ground = Ground::of(at.0, at.1);
    let actor = (*by).clone();
    let opened = ground
        .app
        .store
        .write(by.by(), move |tx| {
            tx.once(body.replay.as_ref(), 200, |tx| rejoin(tx, &actor, &id.0, &body.form.0))?;
            read(tx, &actor, &id.0)
        })
        .await?;
    told_as(opened, &ground)
}

async fn history(by: Permit<ReadContacts>, app: Data<App>, id: Reference<'C'>) -> Result<Answer<Items<Assessment>>> {
    let actor = (*by).clone();
    let items = app.store.write(by.by(), move |tx| assessments(tx, &actor, &id.0)).await?;
    Ok(Answer::json(&Items { items }))
}

async fn steps(by: Permit<ReadContacts>, app: Data<App>, id: Reference<'C'>) -> Result<Answer<Items<StepView>>> {
    let scope = Scope::of(&by, app.clock.now());
    let items = app.store.read(move |db| timeline(db, &scope, &id.0)).await?;
    Ok(Answer::json(&Items { items }))
}
