//! What an address takes and answers, told by the types its handler is made of. The published
//! contract is built from this, so it cannot promise what the code does not do.

use std::collections::BTreeSet;

use actix_web::web::Data;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// One address and method, as a reader of the contract needs to know it.
pub struct Operation {
    /// What it does, in one line.
    pub summary: &'static str,
    /// The room and the verb, such as `contacts.create`.
    pub id: String,
    /// Parameter objects of OpenAPI: in the path, the query and the head.
    pub parameters: Vec<Value>,
    /// The body, if it takes one.
    pub body: Option<Taken>,
    /// Its good answers.
    pub answers: Vec<Given>,
    /// Statuses of the problem documents it may answer instead.
    pub refusals: BTreeSet<u16>,
}

/// A body.
pub struct Taken {
    /// Its media types.
    pub media: &'static [&'static str],
    /// False: an empty one will do.
    pub required: bool,
    /// Its JSON Schema.
    pub schema: Value,
}

/// A good answer.
pub struct Given {
    /// Its status.
    pub status: u16,
    /// Its media type and schema; none where it has no body.
    pub content: Option<(&'static str, fn(&mut SchemaGenerator) -> Schema)>,
}

impl Operation {
    pub(super) fn new(handler: &'static str, summary: &'static str) -> Operation {
        let rooms = handler.split("::").skip(1).filter(|room| *room != "api");
        let refusals = BTreeSet::from([400, 422, 500, 503]);
        Operation {
            summary,
            id: rooms.collect::<Vec<_>>().join("."),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals,
        }
    }

    /// It may also answer these problems.
    pub fn refuses(&mut self, statuses: &[u16]) {
        self.refusals.extend(statuses);
    }

    /// It takes a body. One that need not be there must be, if a member of it must.
    pub fn takes_body(&mut self, media: &'static [&'static str], required: bool, schema: Value) {
        let needed = schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
        let required = required || needed;
        self.body = Some(Taken { media, required, schema });
        self.refuses(&[404, 408, 409, 413, 415]);
    }

    /// It takes a header.
    pub fn takes_header(&mut self, name: &str, required: bool, schema: &Value, description: &str) {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": required, "schema": schema, "description": description,
        }));
    }

    /// It takes a part of the path.
    pub fn takes_part(&mut self, name: &str, schema: &Value, description: &str) {
        self.parameters.push(json!({
            "name": name, "in": "path", "required": true, "schema": schema, "description": description,
        }));
        self.refuses(&[404]);
    }
}

/// A parameter of a handler.
pub trait Takes {
    /// Tells what it takes from the request.
    fn told(operation: &mut Operation);
}

/// What a handler answers.
pub trait Gives {
    /// Tells what it gives.
    fn told(operation: &mut Operation);
}

impl<T: Gives> Gives for Result<T, Error> {
    fn told(operation: &mut Operation) {
        T::told(operation);
    }
}

/// Shared parts of the program are no part of a request.
impl<T> Takes for Data<T> {
    fn told(_: &mut Operation) {}
}

impl<A: Takes, B: Takes> Takes for (A, B) {
    fn told(operation: &mut Operation) {
        A::told(operation);
        B::told(operation);
    }
}
