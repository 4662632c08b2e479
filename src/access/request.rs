//! What a request brings, read strictly: bodies, versions, keys, references and filters.

use std::cell::RefCell;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, IF_MATCH};
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde_json::{Value, json};

use super::contract::{Operation, Takes};
use super::permits::Open;
use crate::clock::Instant;
use crate::error::{Error, Problem, Result};
use crate::input::{self, At, Fields, FromJson, Json, schema_of};
use crate::state::App;
use crate::storage::{Replay, read_reference};
use crate::vault::Purpose;

type Reading<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

/// The id of this request: in its problem document, its log line and its trail rows.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// A JSON body, read into `T` or refused with every problem at once.
pub struct Body<T>(pub T);

impl<T: FromJson + 'static> FromRequest for Body<T> {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = bytes(request, payload, false);
        Box::pin(async move { Ok(Body(input::read(&Json::parse(&bytes.await?)?)?)) })
    }
}

/// A JSON merge patch (RFC 7396) of what `T` reads, to be judged when it has been merged.
pub struct Patched<T> {
    /// The patch: an object.
    pub patch: Json,
    of: PhantomData<T>,
}

impl<T: 'static> FromRequest for Patched<T> {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::<Json>::from_request(request, payload);
        Box::pin(async move { Ok(Patched { patch: body.await?.0, of: PhantomData }) })
    }
}

/// A body that is not looked at: an empty one will do, `{}` too.
pub struct Nothing;

impl FromJson for Nothing {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |_| Some(Nothing))
    }
}

/// A POST that creates or moves something, with its `Idempotency-Key` if it has one.
pub struct Posted<T> {
    /// The body.
    pub form: T,
    /// The key, if the caller sent one.
    pub replay: Option<Replay>,
}

/// A POST that must have an `Idempotency-Key`: a contact or a ticket, made twice, is a call back
/// to a woman twice.
pub struct Keyed<T> {
    /// The body.
    pub form: T,
    /// The key.
    pub replay: Replay,
}

impl<T: FromJson + 'static> FromRequest for Posted<T> {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = bytes(request, payload, true);
        let request = request.clone();
        Box::pin(async move {
            let bytes = bytes.await?;
            let replay = replay(&request, &bytes)?;
            let json = if bytes.is_empty() { Json::Object(Vec::new()) } else { Json::parse(&bytes)? };
            Ok(Posted { form: input::read(&json)?, replay })
        })
    }
}

impl<T: FromJson + 'static> FromRequest for Keyed<T> {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let posted = Posted::<T>::from_request(request, payload);
        Box::pin(async move {
            let Posted { form, replay } = posted.await?;
            Ok(Keyed { form, replay: replay.ok_or(Error::Malformed("idempotency_key_missing"))? })
        })
    }
}

/// The body's bytes, within the limits of size, type and time.
fn bytes(
    request: &HttpRequest,
    payload: &mut Payload,
    may_be_empty: bool,
) -> impl Future<Output = Result<web::Bytes>> + use<> {
    let app = request.app_data::<Data<App>>().cloned();
    let headers = admissible(request.headers(), app.as_ref().map(|app| app.get_ref()), may_be_empty);
    let payload = web::Payload::from_request(request, payload);
    async move {
        let (limit, seconds) = headers?;
        let payload = payload.into_inner().map_err(|_| Error::Malformed("body_cut"))?;
        let arrival = tokio::time::timeout(Duration::from_secs(seconds), payload.to_bytes_limited(limit));
        match arrival.await {
            Err(_) => Err(Error::TooSlow),
            Ok(Err(_)) => Err(Error::TooLarge),
            Ok(Ok(Err(_))) => Err(Error::Malformed("body_cut")),
            Ok(Ok(Ok(bytes))) => Ok(bytes),
        }
    }
}

fn admissible(headers: &HeaderMap, app: Option<&App>, may_be_empty: bool) -> Result<(usize, u64)> {
    let server = &app.ok_or(Error::Internal("no app"))?.config.server;
    let length: Option<u64> =
        headers.get(CONTENT_LENGTH).and_then(|text| text.to_str().ok()).and_then(|text| text.parse().ok());
    if length.is_some_and(|length| length > u64::try_from(server.body_bytes).unwrap_or(u64::MAX)) {
        return Err(Error::TooLarge);
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|text| text.to_str().ok());
    let json = kind.is_some_and(|kind| {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("application/merge-patch+json")
    });
    let empty = kind.is_none() && length.unwrap_or(0) == 0 && !headers.contains_key("transfer-encoding");
    if json || (may_be_empty && empty) {
        Ok((server.body_bytes, server.body_seconds))
    } else {
        Err(Error::UnsupportedMediaType)
    }
}

const JSON: &[&str] = &["application/json"];
const JSON_OR_PATCH: &[&str] = &["application/json", "application/merge-patch+json"];

impl<T: FromJson> Takes for Body<T> {
    fn told(operation: &mut Operation) {
        operation.takes_body(JSON, true, schema_of::<T>());
    }
}

impl<T: FromJson> Takes for Patched<T> {
    fn told(operation: &mut Operation) {
        operation.takes_body(JSON_OR_PATCH, true, input::patch_schema_of::<T>());
    }
}

impl<T: FromJson> Takes for Posted<T> {
    fn told(operation: &mut Operation) {
        operation.takes_body(JSON, false, schema_of::<T>());
        takes_key(operation, false);
    }
}

impl<T: FromJson> Takes for Keyed<T> {
    fn told(operation: &mut Operation) {
        Posted::<T>::told(operation);
        operation.parameters.pop();
        takes_key(operation, true);
    }
}

fn takes_key(operation: &mut Operation, required: bool) {
    let schema = json!({"type": "string", "pattern": "^[!-~]{8,128}$"});
    let told = "Chosen by the caller; a request sent again with the same key does nothing twice.";
    operation.takes_header("Idempotency-Key", required, &schema, told);
}

/// The key of this request, bound to who asks, what for, and the body.
fn replay(request: &HttpRequest, body: &[u8]) -> Result<Option<Replay>> {
    let Some(key) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = key.as_bytes();
    if !(8..=128).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
        return Err(Error::Malformed("idempotency_key_unreadable"));
    }
    let app = request.app_data::<Data<App>>().ok_or(Error::Internal("no app"))?;
    let who = request.extensions().get::<Caller>().map(|caller| caller.0.clone()).unwrap_or_default();
    let parts: [&[u8]; 4] = [who.as_bytes(), request.method().as_str().as_bytes(), request.path().as_bytes(), key];
    Ok(Some(Replay {
        key_mac: hex(&app.vault.mac(Purpose::Idempotency, &parts)),
        body_mac: hex(&app.vault.mac(Purpose::Idempotency, &[b"body", body])),
    }))
}

/// The key of the staff member who asks, kept beside the permit, which the handler takes.
pub(super) struct Caller(pub(super) String);

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
        text
    })
}

/// The version an edit has seen, from `If-Match`.
#[derive(Debug, Clone, Copy)]
pub struct IfMatch(pub i32);

impl FromRequest for IfMatch {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.headers().get(IF_MATCH) {
            None => Err(Error::VersionMissing),
            Some(tag) => tag
                .to_str()
                .ok()
                .and_then(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok())
                .map(IfMatch)
                .ok_or(Error::Malformed("if_match_unreadable")),
        })
    }
}

impl Takes for IfMatch {
    fn told(operation: &mut Operation) {
        let schema = json!({"type": "string", "pattern": "^\"[0-9]{1,9}\"$"});
        operation.takes_header("If-Match", true, &schema, "The ETag of the version that was read.");
        operation.refuses(&[412, 428]);
    }
}

/// A reference in its canonical form: the one in the path's `{id}`, where what cannot be one is not
/// found; or a member of a body.
#[derive(Debug, Clone)]
pub struct Reference<const LETTER: char>(pub String);

impl<const LETTER: char> FromRequest for Reference<LETTER> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.match_info().get("id").and_then(|text| read_reference(LETTER, text));
        ready(found.map(Reference).ok_or(Error::NotFound))
    }
}

impl<const LETTER: char> Takes for Reference<LETTER> {
    fn told(operation: &mut Operation) {
        takes_reference(operation, "id", LETTER);
    }
}

impl<const LETTER: char> FromJson for Reference<LETTER> {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let example = format!("{LETTER}-7K4M-9QX2-PDH");
        at.takes(|| json!({"type": "string", "description": "A reference.", "examples": [example]}));
        let read = match json {
            Json::Text(text) => read_reference(LETTER, text).map(Reference),
            _ => None,
        };
        if read.is_none() {
            at.problem("not_a_reference");
        }
        read
    }
}

/// The reference in the path's `{part}`: of something below `{id}`.
#[derive(Debug, Clone)]
pub struct Part<const LETTER: char>(pub String);

impl<const LETTER: char> FromRequest for Part<LETTER> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.match_info().get("part").and_then(|text| read_reference(LETTER, text));
        ready(found.map(Part).ok_or(Error::NotFound))
    }
}

impl<const LETTER: char> Takes for Part<LETTER> {
    fn told(operation: &mut Operation) {
        takes_reference(operation, "part", LETTER);
    }
}

fn takes_reference(operation: &mut Operation, name: &str, letter: char) {
    let schema = json!({"type": "string", "minLength": 1, "maxLength": 32});
    operation.takes_part(name, &schema, &format!("A reference that begins with {letter}."));
}

/// A type read from the query's parameters.
pub trait Query: Sized {
    /// Takes the parameters it knows; what is left over is refused.
    fn from_params(params: &Params) -> Option<Self>;
}

/// The parameters of a query, each asked for by name once.
pub struct Params {
    pairs: Vec<(String, String)>,
    known: RefCell<Vec<(&'static str, Value)>>,
    problems: RefCell<Vec<Problem>>,
}

impl Params {
    /// A parameter read by a closure, with the JSON Schema of what it takes. Its error is the
    /// problem's code.
    pub fn read<T>(
        &self,
        name: &'static str,
        schema: Value,
        read: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let value = read(self.text(name, schema)?);
        value.map_err(|code| self.problem(name, code)).ok()
    }

    /// A parameter's text.
    pub fn text(&self, name: &'static str, schema: Value) -> Option<&str> {
        self.known.borrow_mut().push((name, schema));
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter read by the reader of its JSON text, such as a code or a time.
    pub fn of<T: FromJson>(&self, name: &'static str) -> Option<T> {
        let text = self.text(name, schema_of::<T>())?.to_owned();
        let problems = RefCell::new(Vec::new());
        let read = input::read_text(text, &problems);
        let told = problems.into_inner().into_iter();
        self.problems.borrow_mut().extend(told.map(|problem| Problem { pointer: format!("?{name}"), ..problem }));
        read
    }

    /// A whole number inside a range.
    pub fn whole(&self, name: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let schema = json!({"type": "integer", "minimum": range.start(), "maximum": range.end()});
        self.read(name, schema, |text| text.parse().ok().filter(|number| range.contains(number)).ok_or("out_of_range"))
    }

    /// A moment.
    pub fn time(&self, name: &'static str) -> Option<Instant> {
        self.of(name)
    }

    /// Something is wrong with a parameter.
    pub fn problem(&self, name: &'static str, code: &'static str) {
        self.problems.borrow_mut().push(Problem { pointer: format!("?{name}"), code, allowed: None });
    }

    /// What `T` would take, as parameter objects of OpenAPI.
    fn told<T: Query>() -> Vec<Value> {
        let params = Params { pairs: Vec::new(), known: RefCell::default(), problems: RefCell::default() };
        let _ = T::from_params(&params);
        let known = params.known.into_inner().into_iter();
        known.map(|(name, schema)| json!({"name": name, "in": "query", "required": false, "schema": schema})).collect()
    }

    fn all<T: Query>(query: &str) -> Result<T> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|_| Error::Malformed("query_unreadable"))?
            .into_inner();
        let twice =
            pairs.iter().enumerate().any(|(place, (key, _))| pairs.iter().take(place).any(|(seen, _)| seen == key));
        if twice {
            return Err(Error::Malformed("duplicate_key"));
        }
        let params = Params { pairs, known: RefCell::default(), problems: RefCell::default() };
        let value = T::from_params(&params);
        let (known, mut problems) = (params.known.into_inner(), params.problems.into_inner());
        if params.pairs.iter().any(|(key, _)| !known.iter().any(|(name, _)| name == key)) {
            let allowed = known.iter().map(|(name, _)| (*name).to_owned()).collect();
            problems.push(Problem { pointer: "?".into(), code: "unknown_parameter", allowed: Some(allowed) });
        }
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(Error::Invalid(problems)),
        }
    }
}

/// A query with nothing in it.
impl Query for () {
    fn from_params(_: &Params) -> Option<Self> {
        Some(())
    }
}

/// A query, read strictly.
pub struct Filtered<T>(pub T);

impl<T: Query + 'static> FromRequest for Filtered<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Params::all(request.query_string()).map(Filtered))
    }
}

impl<T: Query> Takes for Filtered<T> {
    fn told(operation: &mut Operation) {
        operation.parameters.extend(Params::told::<T>());
    }
}

impl Open {
    /// The id of this request, for rows that partners cause.
    pub fn request_id(request: &HttpRequest) -> String {
        request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
    }
}
