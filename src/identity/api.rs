//! Sign-in, one's own account, and the accounts of staff, over HTTP.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use schemars::JsonSchema;
use serde::Serialize;

use super::account::{self, Credentials, NewAccount};
use super::door::{self, Door};
use super::model::{self, Session, Staff};
use super::passphrase::LONGEST;
use super::sign_in::{self, Attempt, Minted};
use crate::access::token::TokenKey;
use crate::access::{
    Answer, Body, Done, Filtered, Items, ManageStaff, Nothing, Open, Operation, Page, Paged, Permit, Posted, Reference,
    RequestId, Role, Routes, SignedIn, Takes,
};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json, text};
use crate::state::App;
use crate::storage::{By, Replay, Tx};
use crate::vault::Sensitive;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("")
        .post("/auth/login", login, "Sign in: an access token, and the session that renews it")
        .post("/auth/token", token, "Renew the access token of a session")
        .post("/auth/logout", logout, "End this session and all its tokens")
        .get("/me", me, "Who is signed in")
        .post("/me/password", change_passphrase, "Change one's own passphrase")
        .get("/me/sessions", own_sessions, "One's own sessions")
        .delete("/me/sessions", end_own_sessions, "End all of one's own sessions")
        .delete("/me/sessions/{id}", end_own_session, "End one of one's own sessions")
        .list("/staff", staff, "Staff accounts")
        .post("/staff", create, "Make an account; its secrets are shown this once")
        .post("/staff/{id}/deactivate", deactivate, "Close an account and end its sessions")
        .post("/staff/{id}/reset", reset, "New secrets for an account, shown this once")
}

async fn login(_: Open, _: Filtered<()>, desk: Desk, Body(form): Body<Login>) -> Result<Answer<TokenView>> {
    desk.door.admit(desk.address)?;
    let opened = sign_in::sign_in(&desk.app, &desk.door, &form.0, &desk.request).await?;
    let minted = sign_in::mint(&desk.app, &desk.tokens, &opened.session, &opened.staff)?;
    Ok(Answer::json(&TokenView::of(minted, Some(opened.token.reveal().to_owned()))))
}

async fn token(_: Open, _: Filtered<()>, desk: Desk, Body(form): Body<Renewal>) -> Result<Answer<TokenView>> {
    let minted = sign_in::token_from_session(&desk.app, &desk.tokens, &form.session).await?;
    Ok(Answer::json(&TokenView::of(minted, None)))
}

async fn logout(permit: Permit<SignedIn>, app: Data<App>) -> Result<Done> {
    let actor = permit.clone();
    app.store.write(permit.by(), move |tx| sign_in::sign_out(tx, &actor, &actor.session_id)).await?;
    Ok(Done::done())
}

async fn me(permit: Permit<SignedIn>, app: Data<App>) -> Result<Answer<StaffView>> {
    let id = permit.id.clone();
    let staff = app.store.read(move |db| model::get(db, &id)).await?;
    Ok(Answer::json(&StaffView::of(&staff)))
}

async fn change_passphrase(permit: Permit<SignedIn>, desk: Desk, Body(form): Body<Change>) -> Result<Done> {
    account::change_passphrase(&desk.app, &desk.door, &permit, &form.known, &form.new).await?;
    Ok(Done::done())
}

async fn own_sessions(permit: Permit<SignedIn>, app: Data<App>) -> Result<Answer<Items<SessionView>>> {
    let (id, now) = (permit.id.clone(), app.clock.now());
    let sessions = app.store.read(move |db| model::sessions_of(db, &id, now)).await?;
    let items = sessions.into_iter().map(|session| SessionView::of(session, &permit.session_id)).collect();
    Ok(Answer::json(&Items { items }))
}

async fn end_own_sessions(permit: Permit<SignedIn>, app: Data<App>) -> Result<Done> {
    let id = permit.id.clone();
    let end = move |tx: &mut Tx<'_>| {
        let staff = model::get(tx.db, &id)?;
        account::end_all(tx, &staff).map(|_| ())
    };
    app.store.write(permit.by(), end).await?;
    Ok(Done::done())
}

async fn end_own_session(permit: Permit<SignedIn>, app: Data<App>, Reference(id): Reference<'N'>) -> Result<Done> {
    let actor = permit.clone();
    app.store.write(permit.by(), move |tx| sign_in::sign_out(tx, &actor, &id)).await?;
    Ok(Done::done())
}

async fn staff(
    _: Permit<ManageStaff>,
    app: Data<App>,
    Filtered(page): Filtered<Page>,
) -> Result<Answer<Items<StaffView>>> {
    let (after, limit) = (page.after(&app.vault)?, page.limit);
    let rows = app.store.read(move |db| model::list(db, after.as_ref(), limit)).await?;
    let key = |row: &Staff| (row.created_at, row.id.clone());
    let paged = Paged::of(rows, &page, &app.vault, key, |row| StaffView::of(&row))?;
    Ok(paged.answer("/api/v1/staff", &page, &[]))
}

async fn create(permit: Permit<ManageStaff>, desk: Desk, posted: Posted<Hire>) -> Result<Answer<HandedView, 201>> {
    let Hire { name, role, organisation, second_factor } = posted.form;
    let form = NewAccount::new(&name, role, organisation, second_factor)?;
    let work = move |tx: &mut Tx<'_>, drawn: &Credentials| account::create(tx, &form, drawn);
    let handed = desk.hand_over(permit.by(), posted.replay, 201, work).await?;
    Ok(Answer::json(&handed).at(format!("/api/v1/staff/{}", handed.staff.id)))
}

async fn deactivate(
    permit: Permit<ManageStaff>,
    app: Data<App>,
    Reference(id): Reference<'W'>,
    posted: Posted<Nothing>,
) -> Result<Answer<StaffView>> {
    let replay = posted.replay;
    let write =
        app.store.write(permit.by(), move |tx| once(tx, replay.as_ref(), 200, |tx| account::deactivate(tx, &id)));
    let (staff, _) = write.await?;
    Ok(Answer::json(&StaffView::of(&staff)))
}

async fn reset(
    permit: Permit<ManageStaff>,
    desk: Desk,
    Reference(id): Reference<'W'>,
    posted: Posted<Nothing>,
) -> Result<Answer<HandedView>> {
    let work = move |tx: &mut Tx<'_>, drawn: &Credentials| account::reset(tx, &id, drawn);
    let handed = desk.hand_over(permit.by(), posted.replay, 200, work).await?;
    Ok(Answer::json(&handed))
}

/// Does `work` unless this key was used before; either way gives the account as it is now, and
/// whether `work` was done.
fn once(
    tx: &mut Tx<'_>,
    replay: Option<&Replay>,
    status: u16,
    work: impl FnOnce(&mut Tx<'_>) -> Result<Staff>,
) -> Result<(Staff, bool)> {
    let mut done = false;
    let id = tx.once(replay, status, |tx| {
        done = true;
        Ok(work(tx)?.id)
    })?;
    Ok((model::get(tx.db, &id)?, done))
}

/// What sign-in and accounts need beside the body.
struct Desk {
    app: Data<App>,
    tokens: Data<TokenKey>,
    door: Data<Door>,
    address: IpAddr,
    request: String,
}

impl Desk {
    /// Draws credentials, stores them by `work`, and gives them out; a repeated request gets the
    /// account without them, because they are nowhere to be read again.
    async fn hand_over(
        &self,
        by: By,
        replay: Option<Replay>,
        status: u16,
        work: impl Fn(&mut Tx<'_>, &Credentials) -> Result<Staff> + Send + 'static,
    ) -> Result<HandedView> {
        let drawn = Credentials::draw(&self.door.hashing).await?;
        let stored = drawn.clone();
        let write = self.app.store.write(by, move |tx| once(tx, replay.as_ref(), status, |tx| work(tx, &stored)));
        let (staff, first) = write.await?;
        Ok(HandedView {
            passphrase: first.then(|| drawn.passphrase().reveal().clone()),
            totp_secret: drawn.totp_secret(&staff).filter(|_| first).map(|secret| secret.reveal().clone()),
            staff: StaffView::of(&staff),
        })
    }
}

impl Takes for Desk {
    /// Whoever knocks too often is told to wait.
    fn told(operation: &mut Operation) {
        operation.refuses(&[401, 429]);
    }
}

impl FromRequest for Desk {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = request.app_data::<Data<App>>().cloned();
        let tokens = request.app_data::<Data<TokenKey>>().cloned();
        let door = request.app_data::<Data<Door>>().cloned();
        let (Some(app), Some(tokens), Some(door)) = (app, tokens, door) else {
            return ready(Err(Error::Internal("sign-in was not set up")));
        };
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.ip());
        // What a client put before its proxy's word may be no text at all; the word counts all the same.
        let told = request.headers().get_all("x-forwarded-for").map(|told| String::from_utf8_lossy(told.as_bytes()));
        let forwarded: Vec<_> = told.collect();
        let address = door::address(peer, &forwarded.join(","), &app.config.server.trusted_proxies);
        let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        ready(Ok(Desk { app, tokens, door, address, request: id }))
    }
}

/// A passphrase in a body.
struct Passphrase(Sensitive<String>);

impl FromJson for Passphrase {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        text(json, at, LONGEST).map(|text| Passphrase(Sensitive::from(text)))
    }
}

/// Any other short text in a body.
struct Word(String);

impl FromJson for Word {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        text(json, at, 64).map(Word)
    }
}

struct Login(Attempt);

impl FromJson for Login {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let name = f.required::<Word>("name");
            let passphrase = f.required::<Passphrase>("passphrase");
            let code = f.text("code", 16).map(Sensitive::from);
            Some(Login(Attempt { name: name?.0, passphrase: passphrase?.0, code }))
        })
    }
}

struct Renewal {
    session: Sensitive<String>,
}

impl FromJson for Renewal {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| Some(Renewal { session: f.required::<Passphrase>("session")?.0 }))
    }
}

struct Change {
    known: Sensitive<String>,
    new: Sensitive<String>,
}

impl FromJson for Change {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let known = f.required::<Passphrase>("passphrase");
            let new = f.required::<Passphrase>("new_passphrase");
            Some(Change { known: known?.0, new: new?.0 })
        })
    }
}

struct Hire {
    name: String,
    role: Role,
    organisation: Option<String>,
    second_factor: bool,
}

impl FromJson for Hire {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let name = f.required::<Word>("name");
            let role = f.required("role");
            let organisation = f.text("organisation", 32);
            let second_factor = f.optional("second_factor").unwrap_or(false);
            Some(Hire { name: name?.0, role: role?, organisation, second_factor })
        })
    }
}

#[derive(Serialize, JsonSchema)]
struct TokenView {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// What renews the token; only at sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
}

impl TokenView {
    fn of(minted: Minted, session: Option<String>) -> TokenView {
        let Minted { access_token, expires_in } = minted;
        TokenView { access_token, token_type: "Bearer", expires_in, session }
    }
}

#[derive(Serialize, JsonSchema)]
struct StaffView {
    id: String,
    name: String,
    role: Role,
    second_factor: bool,
    active: bool,
    created_at: Instant,
}

impl StaffView {
    fn of(staff: &Staff) -> StaffView {
        StaffView {
            id: staff.reference.clone(),
            name: staff.name.clone(),
            role: staff.role,
            second_factor: staff.has_second_factor(),
            active: staff.active,
            created_at: staff.created_at,
        }
    }
}

/// An account with its secrets, the once they are shown.
#[derive(Serialize, JsonSchema)]
struct HandedView {
    #[serde(flatten)]
    staff: StaffView,
    passphrase: Option<String>,
    totp_secret: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct SessionView {
    id: String,
    created_at: Instant,
    expires_at: Instant,
    current: bool,
}

impl SessionView {
    fn of(session: Session, current: &str) -> SessionView {
        let current = session.id == current;
        SessionView { id: session.id, created_at: session.created_at, expires_at: session.expires_at, current }
    }
}
