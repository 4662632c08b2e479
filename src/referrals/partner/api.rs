//! The partner's link over HTTP: pages for browsers, JSON for a partner's own system.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderValue, LOCATION, ORIGIN,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::json;

use super::page::{self, Told};
use super::{Entry, Order, OutsideView, PartnerView};
use crate::access::{Answer, Css, Given, Gives, Html, Nothing, Open, Operation, Routes, Takes, Text};
use crate::directory::Areas;
use crate::error::{Error, Result};
use crate::input::{self, At, Fields, FromJson, Json};
use crate::referrals::states::DeclineReason;
use crate::state::App;
use crate::storage::By;

/// Nothing but the page, its style and its own forms.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A form here is a code or a reason.
const LONGEST_FORM: usize = 4096;
/// Characters of the longest code.
const LONGEST_CODE: usize = 64;
/// Characters of the longest token that could be ours.
const LONGEST_TOKEN: usize = 64;

/// Every address of a partner's link; mounted at the root, because people type them.
pub fn routes() -> Routes {
    Routes::at("/p")
        .get("/style.css", style, "The style of the page")
        .get("/away", away, "An empty page, for leaving quickly")
        .get("/{token}", show, "What a letter leads to; on a device that entered the code, what she agreed to show")
        .post("/{token}/acknowledge", acknowledge, "The letter was seen")
        .post("/{token}/code", enter_code, "Enter the code that travelled another way")
        .post("/{token}/accept", accept, "Accept")
        .post("/{token}/decline", decline, "Decline, and say why")
        .post("/{token}/told", told, "She knows where and when to come")
        .post("/{token}/start", start, "Help has begun")
        .post("/{token}/complete", complete, "Help was given")
}

async fn style(_: Open) -> Text<Css> {
    Text::of(page::STYLE)
}

/// Where "Leave this page" leads: to nothing.
async fn away(_: Open) -> Text<Html> {
    Text::of("<!doctype html><title>-</title>").policy(POLICY)
}

async fn show(_: Open, caller: Caller, app: Data<App>, areas: Data<Areas>) -> Result<Page> {
    let shown = caller.shown(&app, &areas).await;
    caller.answer(&app, shown, Told::Nothing, StatusCode::OK).map(Page)
}

async fn acknowledge(_: Open, caller: Caller, _: Pressed<Nothing>, app: Data<App>, areas: Data<Areas>) -> Result<Page> {
    let token = caller.token.clone();
    let done = app.store.write(caller.by(), move |tx| super::acknowledge(tx, &token)).await;
    match done {
        Ok(_) if !caller.wants_json => Ok(caller.back()),
        Ok(_) => caller.answer(&app, caller.shown(&app, &areas).await, Told::Nothing, StatusCode::OK),
        Err(error) => caller.refused(error),
    }
    .map(Page)
}

async fn enter_code(
    _: Open,
    caller: Caller,
    Pressed(Code(code)): Pressed<Code>,
    app: Data<App>,
    areas: Data<Areas>,
) -> Result<Page> {
    let token = caller.token.clone();
    match app.store.write(caller.by(), move |tx| super::enter_code(tx, &token, &code)).await {
        Ok(Entry::Opened { secret, .. }) => caller.let_in(&app, &areas, secret).await,
        Ok(Entry::Wrong { left }) if caller.wants_json => {
            Err(Error::Conflict { code: "wrong_code", detail: Some(("tries_left", left.to_string())) })
        }
        Ok(Entry::Locked) if caller.wants_json => Err(Error::conflict("locked")),
        Ok(Entry::Wrong { left }) => {
            let shown = caller.shown(&app, &areas).await;
            caller.answer(&app, shown, Told::WrongCode(left), StatusCode::UNPROCESSABLE_ENTITY)
        }
        Ok(Entry::Locked) => caller.answer(&app, caller.shown(&app, &areas).await, Told::Nothing, StatusCode::CONFLICT),
        Err(error) => caller.refused(error),
    }
    .map(Page)
}

async fn accept(_: Open, caller: Caller, _: Pressed<Nothing>, app: Data<App>, areas: Data<Areas>) -> Result<Page> {
    caller.answers(&app, &areas, Order::Accept).await.map(Page)
}

async fn decline(
    _: Open,
    caller: Caller,
    Pressed(Reason(reason)): Pressed<Reason>,
    app: Data<App>,
    areas: Data<Areas>,
) -> Result<Page> {
    caller.answers(&app, &areas, Order::Decline(reason)).await.map(Page)
}

async fn told(_: Open, caller: Caller, _: Pressed<Nothing>, app: Data<App>, areas: Data<Areas>) -> Result<Page> {
    caller.answers(&app, &areas, Order::Told).await.map(Page)
}

async fn start(_: Open, caller: Caller, _: Pressed<Nothing>, app: Data<App>, areas: Data<Areas>) -> Result<Page> {
    caller.answers(&app, &areas, Order::Start).await.map(Page)
}

async fn complete(_: Open, caller: Caller, _: Pressed<Nothing>, app: Data<App>, areas: Data<Areas>) -> Result<Page> {
    caller.answers(&app, &areas, Order::Complete { confirmed: None }).await.map(Page)
}

/// The page as it stands afterwards: HTML for a browser, JSON for a system.
struct Page(HttpResponse);

impl Responder for Page {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl Gives for Page {
    fn told(operation: &mut Operation) {
        Answer::<Shown>::told(operation);
        Text::<Html>::told(operation);
        operation.answers.push(Given { status: 303, content: None });
        let page: fn(&mut SchemaGenerator) -> _ = |made| made.subschema_for::<String>();
        for status in [404, 409, 422] {
            operation.answers.push(Given { status, content: Some(("text/html", page)) });
        }
    }
}

/// Who asks through a link, as far as their request tells.
struct Caller {
    token: String,
    secret: Option<String>,
    wants_json: bool,
    request: String,
}

/// What a link shows to this device.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "LinkView")]
enum Shown {
    Outside(OutsideView),
    Inside(Box<PartnerView>),
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Caller::of(request))
    }
}

impl Caller {
    fn of(request: &HttpRequest) -> Result<Caller> {
        if request.method() != actix_web::http::Method::GET {
            from_our_page(request)?;
        }
        let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let token = request.match_info().get("token").unwrap_or_default();
        let token = if token.len() <= LONGEST_TOKEN { token.to_owned() } else { String::new() };
        let secret = request.app_data::<Data<App>>().and_then(|app| cookie(header(COOKIE)?, &cookie_name(app, &token)));
        let wants_json = header(ACCEPT).is_some_and(|kinds| kinds.contains("application/json"));
        Ok(Caller { token, secret, wants_json, request: Open::request_id(request) })
    }

    fn by(&self) -> By {
        By::partner(&self.request)
    }

    async fn shown(&self, app: &App, areas: &Data<Areas>) -> Result<Shown> {
        let (token, areas) = (self.token.clone(), areas.clone());
        if let Some(secret) = self.secret.clone() {
            let seen = move |tx: &mut crate::storage::Tx<'_>| super::inside(tx, &areas, &token, &secret);
            if let Some(view) = app.store.write(self.by(), seen).await? {
                return Ok(Shown::Inside(Box::new(view)));
            }
        }
        let (token, vault, hours, now) =
            (self.token.clone(), app.vault.clone(), app.config.partner.link_hours, app.clock.now());
        app.store.read(move |db| super::outside(db, &vault, hours, &token, now)).await.map(Shown::Outside)
    }

    fn answer(&self, app: &App, shown: Result<Shown>, told: Told, status: StatusCode) -> Result<HttpResponse> {
        let zone = app.config.place.time_zone;
        match shown {
            Err(error) => self.refused(error),
            Ok(view) if self.wants_json => {
                Ok(HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).json(view))
            }
            Ok(Shown::Outside(view)) => Ok(html(status, page::outside(&view, &self.token, told, zone)?)),
            Ok(Shown::Inside(view)) => Ok(html(status, page::inside(&view, &self.token, told, zone)?)),
        }
    }

    /// Every link that leads nowhere is answered with the same page, or the same problem.
    fn refused(&self, error: Error) -> Result<HttpResponse> {
        match error {
            Error::NotFound if !self.wants_json => Ok(html(StatusCode::NOT_FOUND, page::ended()?)),
            Error::SignedOut if !self.wants_json => Ok(self.back()),
            other => Err(other),
        }
    }

    async fn answers(&self, app: &Data<App>, areas: &Data<Areas>, order: Order) -> Result<HttpResponse> {
        let Some(secret) = self.secret.clone() else { return self.refused(Error::SignedOut) };
        let (token, gazetteer) = (self.token.clone(), areas.clone());
        let write = move |tx: &mut crate::storage::Tx<'_>| super::answer(tx, &gazetteer, &token, &secret, &order);
        match app.store.write(self.by(), write).await {
            Ok(_) if !self.wants_json => Ok(self.back()),
            Ok(view) => self.answer(app, Ok(Shown::Inside(Box::new(view))), Told::Nothing, StatusCode::OK),
            Err(Error::Conflict { .. }) if !self.wants_json => {
                self.answer(app, self.shown(app, areas).await, Told::Already, StatusCode::CONFLICT)
            }
            Err(error) => self.refused(error),
        }
    }

    /// The code was right: this device gets its cookie.
    async fn let_in(mut self, app: &Data<App>, areas: &Data<Areas>, secret: String) -> Result<HttpResponse> {
        let secure = if is_https(app) { "; Secure" } else { "" };
        let name = cookie_name(app, &self.token);
        let cookie = format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict{secure}");
        let cookie = HeaderValue::from_str(&cookie).map_err(|_| Error::Internal("a cookie could not be written"))?;
        self.secret = Some(secret);
        let mut answer = if self.wants_json {
            self.answer(app, self.shown(app, areas).await, Told::Nothing, StatusCode::OK)?
        } else {
            self.back()
        };
        answer.headers_mut().insert(SET_COOKIE, cookie);
        Ok(answer)
    }

    fn back(&self) -> HttpResponse {
        HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("/p/{}", self.token)))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .finish()
    }
}

/// The value of a cookie with this name. Ours is hexadecimal; anything else is not ours.
fn cookie(header: &str, name: &str) -> Option<String> {
    let (_, value) = header.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(own, _)| *own == name)?;
    value.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| value.to_owned())
}

fn is_https(app: &App) -> bool {
    app.config.server.public_url.starts_with("https://")
}

/// One cookie per link, so that two letters on one phone do not shut each other out. The prefix
/// ties it to this host, which browsers allow only over TLS.
fn cookie_name(app: &App, token: &str) -> String {
    let link: String = token.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    if is_https(app) { format!("__Host-view-{link}") } else { format!("view-{link}") }
}

/// A form sent by another site's page is refused. A partner's own system sends neither header; a
/// browser that hides where a form comes from says `null`.
fn from_our_page(request: &HttpRequest) -> Result<()> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let app = request.app_data::<Data<App>>().ok_or(Error::Internal("no app"))?;
    let ours = match (header("sec-fetch-site"), header(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => origin == "null" || origin == app.config.server.public_url,
        (None, None) => true,
    };
    if ours { Ok(()) } else { Err(Error::Forbidden) }
}

fn html(status: StatusCode, page: String) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(("X-Robots-Tag", "noindex"))
        .body(page)
}

impl Takes for Caller {
    fn told(operation: &mut Operation) {
        let token = json!({"type": "string", "minLength": 1, "maxLength": LONGEST_TOKEN});
        operation.takes_part("token", &token, "The secret part of the letter's link.");
        operation.refuses(&[401, 403]);
    }
}

/// What was pressed or sent: a form from the page, JSON from a system, or nothing.
struct Pressed<T>(T);

impl<T: FromJson> Takes for Pressed<T> {
    fn told(operation: &mut Operation) {
        let media = &["application/json", "application/x-www-form-urlencoded"];
        operation.takes_body(media, false, input::schema_of::<T>());
    }
}

impl<T: FromJson + 'static> FromRequest for Pressed<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let seconds = request.app_data::<Data<App>>().map_or(10, |app| app.config.server.body_seconds);
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let payload = payload.into_inner().map_err(|_| Error::Malformed("body_cut"))?;
            let arrival = payload.to_bytes_limited(LONGEST_FORM);
            let bytes = tokio::time::timeout(Duration::from_secs(seconds), arrival)
                .await
                .map_err(|_| Error::TooSlow)?
                .map_err(|_| Error::TooLarge)?
                .map_err(|_| Error::Malformed("body_cut"))?;
            let sent = match essence.as_str() {
                _ if bytes.is_empty() => Json::Object(Vec::new()),
                "application/json" => Json::parse(&bytes)?,
                "application/x-www-form-urlencoded" => form(&bytes)?,
                _ => return Err(Error::UnsupportedMediaType),
            };
            input::read(&sent).map(Pressed)
        })
    }
}

/// A form as an object of texts. Errors: 400; a name twice is refused as it is in JSON.
fn form(bytes: &[u8]) -> Result<Json> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Malformed("form_unreadable"))?;
    let pairs = web::Query::<Vec<(String, String)>>::from_query(text)
        .map_err(|_| Error::Malformed("form_unreadable"))?
        .into_inner();
    let twice =
        pairs.iter().enumerate().any(|(place, (name, _))| pairs.iter().take(place).any(|(seen, _)| seen == name));
    if twice {
        return Err(Error::Malformed("duplicate_key"));
    }
    Ok(Json::Object(pairs.into_iter().map(|(name, value)| (name, Json::Text(value))).collect()))
}

struct Code(String);
impl FromJson for Code {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required_text("code", LONGEST_CODE).map(Code))
    }
}

struct Reason(DeclineReason);
impl FromJson for Reason {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("reason").map(Reason))
    }
}
