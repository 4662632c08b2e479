//! What surrounds every answer: an id, a problem document where there is a problem, headers that
//! keep browsers and proxies from doing anything clever, and one line in the log that names the
//! address's pattern, never what somebody typed into it.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant as Stopwatch};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpResponse, ResponseError};

use super::counts::Counts;
use super::patience::Line;
use crate::access::{RequestId, Routes};
use crate::error::Error;
use crate::storage::random_bytes;

/// Longest query string and path, in bytes. Every address of ours is far shorter.
const LONGEST_QUERY: usize = 2048;
const LONGEST_PATH: usize = 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// On every answer. A page of ours sets its own policy for content; the API needs none at all.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What this layer knows beforehand.
pub(super) struct Around {
    /// Methods by pattern, for `Allow`.
    methods: HashMap<String, String>,
    counts: Counts,
    /// Others reach us through TLS, and shall not try without.
    tls: bool,
}

impl Around {
    pub(super) fn new(routes: &Routes, public_url: &str) -> Self {
        let mut methods: HashMap<String, String> = HashMap::new();
        for entry in routes.entries() {
            let allowed = methods.entry(entry.path.clone()).or_default();
            if !allowed.is_empty() {
                allowed.push_str(", ");
            }
            allowed.push_str(entry.method.as_str());
        }
        Around { methods, counts: Counts::of(routes), tls: public_url.starts_with("https://") }
    }
}

/// What is known of a request before it is answered.
struct Asked {
    begun: Stopwatch,
    id: String,
    method: Method,
    around: Option<Data<Around>>,
    line: Option<Line>,
}

impl Asked {
    fn by(request: &ServiceRequest) -> Asked {
        let (begun, id) = (Stopwatch::now(), new_request_id());
        request.extensions_mut().insert(RequestId(id.clone()));
        let line = request.conn_data::<Line>().cloned();
        line.iter().for_each(Line::busy);
        Asked { begun, id, method: request.method().clone(), around: request.app_data().cloned(), line }
    }

    fn has_tls(&self) -> bool {
        self.around.as_ref().is_some_and(|around| around.tls)
    }

    /// Its line in the log and its place in the figures; and from here the client has the word.
    fn answered(&self, route: Option<&str>, status: StatusCode, size: BodySize) {
        // What flows for as long as it is wanted is not an answer that waits to be read.
        if size != BodySize::Stream {
            self.line.iter().for_each(Line::answered);
        }
        let took = self.begun.elapsed();
        if let Some(around) = &self.around {
            around.counts.add(route, &self.method, status, took);
        }
        log(&self.method, route, status, took, &self.id);
    }
}

/// The outermost layer.
pub(super) async fn surround<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let asked = Asked::by(&request);
    let answer = match refused(&request) {
        Some(error) => Ok(request.error_response(error)),
        None => caught(next.call(request)).await,
    };
    match answer {
        Ok(answer) => {
            let route = answer.request().match_pattern();
            let allow = route.as_ref().and_then(|route| asked.around.as_ref()?.methods.get(route));
            let mut answer = told(answer, &asked.id, allow.map(String::as_str));
            dress(answer.headers_mut(), &asked.id, asked.has_tls());
            asked.answered(route.as_deref(), answer.status(), answer.response().body().size());
            Ok(answer)
        }
        Err(error) => {
            asked.answered(None, error.status_code(), BodySize::None);
            Err(Failed { error, tls: asked.has_tls(), id: asked.id }.into())
        }
    }
}

/// What no address takes: it is refused before anything looks at it.
fn refused(request: &ServiceRequest) -> Option<Error> {
    if request.query_string().len() > LONGEST_QUERY {
        return Some(Error::Malformed("query_too_long"));
    }
    (request.path().len() > LONGEST_PATH).then_some(Error::NotFound)
}

/// The answer, or the error that ended it. A handler that panics ends its own request, no more.
async fn caught<B: MessageBody + 'static>(
    work: impl Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut work = pin!(work);
    let outcome = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(outcome)) => Poll::Ready(Ok(outcome)),
        Err(_) => Poll::Ready(Err(Error::Internal("a handler panicked"))),
    })
    .await?;
    outcome
        .map(ServiceResponse::map_into_boxed_body)
        .map_err(|error| own(&error).unwrap_or_else(|| of_status(error.as_response_error().status_code())))
}

/// The answer with its problem document, where it is one. What has a body of its own keeps it.
fn told(answer: ServiceResponse<BoxBody>, id: &str, allow: Option<&str>) -> ServiceResponse<BoxBody> {
    let error = match answer.response().error() {
        Some(error) => own(error).unwrap_or_else(|| of_status(answer.status())),
        None if is_bare(&answer) => of_status(answer.status()),
        None => return answer,
    };
    let (request, _) = answer.into_parts();
    let mut response = problem(&error, id);
    if let (Error::MethodNotAllowed, Some(allow)) = (&error, allow)
        && let Ok(allow) = HeaderValue::from_str(allow)
    {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    ServiceResponse::new(request, response)
}

fn is_bare(answer: &ServiceResponse<BoxBody>) -> bool {
    let failed = answer.status().is_client_error() || answer.status().is_server_error();
    failed && !answer.headers().contains_key(header::CONTENT_TYPE)
}

/// Our error inside actix's, if it is ours.
fn own(error: &actix_web::Error) -> Option<Error> {
    error.as_error::<Error>().cloned()
}

/// What actix refused by itself, in our words.
fn of_status(status: StatusCode) -> Error {
    match status {
        StatusCode::UNAUTHORIZED => Error::SignedOut,
        StatusCode::FORBIDDEN => Error::Forbidden,
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Error::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => Error::TooSlow,
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::UnsupportedMediaType,
        StatusCode::SERVICE_UNAVAILABLE => Error::Unavailable,
        status if status.is_client_error() => Error::Malformed("request_unreadable"),
        _ => Error::Internal("an error of the framework"),
    }
}

/// The problem document of an error, with the headers that belong to it.
fn problem(error: &Error, id: &str) -> HttpResponse {
    if let Error::Internal(cause) = error {
        tracing::error!(event = "internal_error", cause, request_id = id);
    }
    let mut answer = HttpResponse::build(error.status_code());
    answer.content_type("application/problem+json");
    if let Some(seconds) = error.retry_after() {
        answer.insert_header((header::RETRY_AFTER, seconds));
    }
    if error.status_code() == StatusCode::UNAUTHORIZED {
        answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    answer.body(error.problem(id).to_string())
}

/// Puts the headers on that every answer has.
fn dress(headers: &mut HeaderMap, id: &str, tls: bool) {
    for (name, value) in HEADERS {
        if !(name == header::CONTENT_SECURITY_POLICY && headers.contains_key(&name)) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// One line for each request. A method nobody knows is text somebody typed, so it is not named.
fn log(method: &Method, route: Option<&str>, status: StatusCode, took: Duration, id: &str) {
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    };
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let route = route.unwrap_or("none");
    tracing::info!(event = "request", method, route, status = status.as_u16(), ms, request_id = id);
}

/// 16 random hexadecimal digits. Without randomness requests go on, under one id.
fn new_request_id() -> String {
    format!("{:016x}", u64::from_be_bytes(random_bytes().unwrap_or_default()))
}

/// A request that ended without an answer; it is rendered where actix asks for one.
#[derive(Debug)]
struct Failed {
    error: Error,
    id: String,
    tls: bool,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Failed {
    fn status_code(&self) -> StatusCode {
        self.error.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = problem(&self.error, &self.id);
        dress(response.headers_mut(), &self.id, self.tls);
        response
    }
}
