//! Answers with a body whose shape is known: what a handler returns is what the contract says.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, ETAG, HeaderValue, LINK, LOCATION};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Responder};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use tokio::sync::mpsc;

use super::contract::{Content, Given, Gives, Operation};

/// The media type of server-sent events.
const EVENTS: &str = "text/event-stream";

/// A JSON answer of the shape `T`, or, with status 204, none.
pub struct Answer<T, const STATUS: u16 = 200> {
    response: HttpResponse,
    shape: PhantomData<T>,
}

/// A list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct Items<T> {
    /// Its items.
    pub items: Vec<T>,
}

/// Nothing to show.
pub type Done = Answer<(), 204>;

impl<T, const STATUS: u16> Answer<T, STATUS> {
    /// A view as JSON.
    pub fn json(view: &T) -> Self
    where
        T: Serialize,
    {
        Self::of(|mut answer| answer.json(view))
    }

    /// A view that borrows what it shows; its shape is that of `T`.
    pub fn shown(view: &impl Serialize) -> Self {
        Self::of(|mut answer| answer.json(view))
    }

    /// A view that was already written as JSON.
    pub fn written(json: String) -> Self {
        Self::of(|mut answer| answer.content_type("application/json").body(json))
    }

    fn of(fill: impl FnOnce(actix_web::HttpResponseBuilder) -> HttpResponse) -> Self {
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
        Answer { response: fill(HttpResponse::build(status)), shape: PhantomData }
    }

    /// With the version an edit must name.
    pub fn version(self, version: i32) -> Self {
        self.header(ETAG, format!("\"{version}\""))
    }

    /// With the address of what was made.
    pub fn at(self, place: String) -> Self {
        self.header(LOCATION, place)
    }

    /// With the address of the list's next page, if there is one.
    pub fn next(self, link: Option<String>) -> Self {
        match link {
            Some(link) => self.header(LINK, format!("<{link}>; rel=\"next\"")),
            None => self,
        }
    }

    fn header(mut self, name: actix_web::http::header::HeaderName, value: String) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.response.headers_mut().insert(name, value);
        }
        self
    }
}

impl Done {
    /// It is done.
    pub fn done() -> Self {
        Self::of(|mut answer| answer.finish())
    }
}

impl<T, const STATUS: u16> Responder for Answer<T, STATUS> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.response
    }
}

/// Server-sent events, for as long as somebody sends and reads them.
pub struct Flow(mpsc::Receiver<String>);

impl Flow {
    /// What comes out of a receiver, each a whole number of events.
    pub fn of(texts: mpsc::Receiver<String>) -> Self {
        Flow(texts)
    }
}

impl MessageBody for Flow {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.0.poll_recv(cx).map(|text| text.map(|text| Ok(Bytes::from(text))))
    }
}

impl Responder for Flow {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().content_type(EVENTS).body(self)
    }
}

/// One event, as whoever parses the stream has it. `data` is JSON.
#[derive(JsonSchema)]
#[schemars(rename = "ServerSentEvent")]
#[expect(dead_code, reason = "events are written as text; this is their shape in the contract")]
struct Event {
    event: String,
    data: String,
    /// Milliseconds after which to come back.
    retry: Option<u32>,
}

impl Gives for Flow {
    fn told(operation: &mut Operation) {
        let event: fn(&mut SchemaGenerator) -> _ = |made| made.subschema_for::<Event>();
        operation.answers.push(Given { status: 200, content: Some((EVENTS, event)) });
        operation.refuses(&[429]);
    }
}

/// A text of some media type, such as a page for people or its style.
pub struct Text<M> {
    response: HttpResponse,
    media: PhantomData<M>,
}

/// A media type of texts.
pub trait Media {
    /// Its name, without the character set, which is always UTF-8.
    const TYPE: &'static str;
}

/// A page.
pub struct Html;
/// The style of a page.
pub struct Css;
/// Lines for people and programs alike.
pub struct Plain;

/// A table.
pub struct Csv;

impl Media for Csv {
    const TYPE: &'static str = "text/csv";
}

impl Media for Html {
    const TYPE: &'static str = "text/html";
}

impl Media for Css {
    const TYPE: &'static str = "text/css";
}

impl Media for Plain {
    const TYPE: &'static str = "text/plain";
}

impl<M: Media> Text<M> {
    /// A whole text.
    pub fn of(text: impl Into<String>) -> Self {
        let media = format!("{}; charset=utf-8", M::TYPE);
        Text { response: HttpResponse::Ok().content_type(media).body(text.into()), media: PhantomData }
    }

    /// With what a page of ours may load and do, instead of nothing at all.
    pub fn policy(mut self, policy: &'static str) -> Self {
        self.response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        self
    }
}

impl<M> Responder for Text<M> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.response
    }
}

impl<M: Media> Gives for Text<M> {
    fn told(operation: &mut Operation) {
        let text: fn(&mut SchemaGenerator) -> _ = |made| made.subschema_for::<String>();
        operation.answers.push(Given { status: 200, content: Some((M::TYPE, text)) });
    }
}

impl<T: JsonSchema, const STATUS: u16> Gives for Answer<T, STATUS> {
    fn told(operation: &mut Operation) {
        let content: Option<Content> =
            (STATUS != 204).then_some(("application/json", |made| made.subschema_for::<T>()));
        operation.answers.push(Given { status: STATUS, content });
    }
}
