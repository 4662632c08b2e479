//! The one error type. Its comments say which status and why; nothing in an answer ever repeats
//! what was typed or names a cause.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde::Serialize;

/// Shorthand for everything that can fail with an answer for the caller.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One thing wrong with a request: where, what, and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// RFC 6901 pointer into the body, or `?name` for a query parameter. Built from names this
    /// program knows, never from the sender's text.
    pub pointer: String,
    /// What is wrong, from a fixed list of codes.
    pub code: &'static str,
    /// What would be accepted, where that is a short list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
}

/// A kind of problem: what its documents have in common.
#[derive(Debug)]
pub struct Kind {
    /// The last part of its `type`, under `/problems/`.
    pub slug: &'static str,
    /// The status it is answered with.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub title: &'static str,
    /// What it means for who asked, and what to do.
    pub meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $slug:literal $status:ident $title:literal $meaning:literal;)+) => {
        $(const $name: Kind = Kind { slug: $slug, status: StatusCode::$status, title: $title, meaning: $meaning };)+
        /// Every kind there is, by status.
        pub const KINDS: &[&Kind] = &[$(&$name),+];
    };
}

kinds! {
    MALFORMED = "malformed" BAD_REQUEST "The request could not be read"
        "The body is not JSON, has a key twice or is nested too deep, or a header or the query cannot be read. The code says which.";
    SIGNED_OUT = "signed-out" UNAUTHORIZED "Sign in first"
        "Nobody is signed in, or no longer: the token is missing, wrong or over, or its session was ended.";
    WRONG_CREDENTIALS = "wrong-credentials" UNAUTHORIZED "Name, passphrase or code do not match"
        "One answer for all three, so that nobody learns which names exist.";
    FORBIDDEN = "forbidden" FORBIDDEN "This is not for your role"
        "You are signed in, but your role may not do this. It was written down.";
    NOT_FOUND = "not-found" NOT_FOUND "Not found"
        "It does not exist, or not for you: the two answer the same bytes.";
    METHOD_NOT_ALLOWED = "method-not-allowed" METHOD_NOT_ALLOWED "This address does not take that method"
        "The Allow header lists those it takes.";
    TOO_SLOW = "too-slow" REQUEST_TIMEOUT "The request did not arrive in time"
        "Send it again; nothing was stored.";
    CONFLICT = "conflict" CONFLICT "This cannot be done in its present state"
        "Somebody was first, or its state does not allow it. The code says what stands in the way.";
    STALE_VERSION = "stale-version" PRECONDITION_FAILED "It changed since you read it"
        "Read it again, decide again, and send the new version in If-Match.";
    TOO_LARGE = "too-large" PAYLOAD_TOO_LARGE "The request is too large"
        "Nothing was stored.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "Send application/json"
        "The body is of a type this address does not take.";
    INVALID = "invalid" UNPROCESSABLE_ENTITY "Some fields are not right"
        "It could be read, but breaks rules; every one is listed, with its place and a code.";
    KEY_REUSED = "key-reused" UNPROCESSABLE_ENTITY "This Idempotency-Key was used with another body"
        "A key belongs to one request. Choose a new one.";
    VERSION_MISSING = "version-missing" PRECONDITION_REQUIRED "Say which version you read, in If-Match"
        "An edit must name the version it saw, so that nobody's work is lost.";
    TOO_MANY_REQUESTS = "too-many-requests" TOO_MANY_REQUESTS "Wait, then try again"
        "Retry-After says how many seconds.";
    INTERNAL = "internal" INTERNAL_SERVER_ERROR "Something went wrong on our side"
        "A defect of ours. The log has the cause, under the request's id.";
    UNAVAILABLE = "unavailable" SERVICE_UNAVAILABLE "Not stored. Try again in a moment"
        "Storage or the queue in front of it could not take it. Nothing was acknowledged.";
}

/// Why a request was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// 400: not JSON, a duplicate key, nested too deep, an unreadable header.
    #[error("the request could not be read")]
    Malformed(&'static str),
    /// 401: nobody is signed in, or no longer.
    #[error("sign in first")]
    SignedOut,
    /// 401: name, passphrase or code do not match; one message for all three.
    #[error("name, passphrase or code do not match")]
    WrongCredentials,
    /// 403: signed in, but this is not for this role. Only where existence is not secret.
    #[error("not allowed")]
    Forbidden,
    /// 404: missing, erased, blocked or not yours; all four answer the same bytes.
    #[error("not found")]
    NotFound,
    /// 405: the address exists, the method does not.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// 409: a move its table does not have, or somebody was first. The pair names who or what.
    #[error("conflict")]
    Conflict {
        /// What stands in the way, from a fixed list of codes.
        code: &'static str,
        /// A member of the problem document: its name and a reference or code, never free text.
        detail: Option<(&'static str, String)>,
    },
    /// 412: changed since it was read.
    #[error("changed since it was read")]
    Stale {
        /// The version that is stored now.
        current: i32,
    },
    /// 413: larger than this resource accepts.
    #[error("too large")]
    TooLarge,
    /// 408: the body did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// 415: not `application/json`.
    #[error("unsupported media type")]
    UnsupportedMediaType,
    /// 422: read, but it breaks a rule; every broken rule is listed.
    #[error("invalid")]
    Invalid(Vec<Problem>),
    /// 422: the idempotency key was used before with another body.
    #[error("idempotency key used with another body")]
    KeyReused,
    /// 428: an edit must say which version it saw.
    #[error("version missing")]
    VersionMissing,
    /// 429: slow down.
    #[error("too many requests")]
    TooMany {
        /// Seconds until a try may succeed.
        retry_after: u64,
    },
    /// 503: the write queue is full. Nothing was stored.
    #[error("busy")]
    Busy,
    /// 503: storage failed in a way that may pass. Nothing was acknowledged.
    #[error("unavailable")]
    Unavailable,
    /// Not for callers: the engine asks for the transaction to be repeated. Answers 503 when
    /// repeating did not help.
    #[error("the transaction must be repeated")]
    Repeat,
    /// 500: a defect of ours. The log has the cause, the answer has not.
    #[error("internal: {0}")]
    Internal(&'static str),
}

impl Error {
    /// A conflict without a further member.
    pub fn conflict(code: &'static str) -> Self {
        Error::Conflict { code, detail: None }
    }

    /// One broken rule at one place.
    pub fn invalid(pointer: &str, code: &'static str) -> Self {
        Error::Invalid(vec![Problem { pointer: pointer.to_owned(), code, allowed: None }])
    }

    /// True where the database itself failed: the group commit must discard its connection.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Error::Unavailable | Error::Repeat)
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> &'static Kind {
        match self {
            Error::Malformed(_) => &MALFORMED,
            Error::SignedOut => &SIGNED_OUT,
            Error::WrongCredentials => &WRONG_CREDENTIALS,
            Error::Forbidden => &FORBIDDEN,
            Error::NotFound => &NOT_FOUND,
            Error::MethodNotAllowed => &METHOD_NOT_ALLOWED,
            Error::TooSlow => &TOO_SLOW,
            Error::Conflict { .. } => &CONFLICT,
            Error::Stale { .. } => &STALE_VERSION,
            Error::TooLarge => &TOO_LARGE,
            Error::UnsupportedMediaType => &UNSUPPORTED_MEDIA_TYPE,
            Error::Invalid(_) => &INVALID,
            Error::KeyReused => &KEY_REUSED,
            Error::VersionMissing => &VERSION_MISSING,
            Error::TooMany { .. } => &TOO_MANY_REQUESTS,
            Error::Busy | Error::Unavailable | Error::Repeat => &UNAVAILABLE,
            Error::Internal(_) => &INTERNAL,
        }
    }

    /// The RFC 9457 document.
    pub fn problem(&self, request_id: &str) -> serde_json::Value {
        let kind = self.kind();
        let mut document = serde_json::json!({
            "type": format!("/problems/{}", kind.slug),
            "title": kind.title,
            "status": kind.status.as_u16(),
            "request_id": request_id,
        });
        if let Some(members) = document.as_object_mut() {
            match self {
                Error::Malformed(code) => {
                    members.insert("code".into(), (*code).into());
                }
                Error::Conflict { code, detail } => {
                    members.insert("code".into(), (*code).into());
                    if let Some((name, value)) = detail {
                        members.insert((*name).into(), value.clone().into());
                    }
                }
                Error::Stale { current } => {
                    members.insert("version".into(), (*current).into());
                }
                Error::Invalid(problems) => {
                    members.insert("errors".into(), serde_json::json!(problems));
                }
                _ => {}
            }
        }
        document
    }

    /// Seconds for `Retry-After`, where waiting helps.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Error::TooMany { retry_after } => Some(*retry_after),
            Error::Busy | Error::Unavailable | Error::Repeat => Some(1),
            _ => None,
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.kind().status
    }

    /// Empty: the server's outermost layer writes the problem document, because only it knows the
    /// request's id.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Error::NotFound,
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Error::Repeat,
            DieselError::DatabaseError(kind, told) => match kind {
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation
                | DatabaseErrorKind::ExclusionViolation
                | DatabaseErrorKind::RestrictViolation => Error::Internal("a constraint nobody expected"),
                // PostgreSQL's 40P01 has no kind of its own.
                _ if told.message().contains("deadlock detected") => Error::Repeat,
                _ => Error::Unavailable,
            },
            DieselError::DeserializationError(_) | DieselError::SerializationError(_) => {
                Error::Internal("a stored value could not be read")
            }
            _ => Error::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_places_and_codes_only() {
        let told = Error::invalid("/person/age", "out_of_range").problem("r1");
        assert_eq!(told["type"], "/problems/invalid");
        assert_eq!(told["status"], 422);
        assert_eq!(told["errors"][0]["pointer"], "/person/age");
        assert!(told["errors"][0].get("allowed").is_none());
    }

    #[test]
    fn a_cause_inside_never_leaves() {
        let told = Error::Internal("the cause").problem("r1").to_string();
        assert!(!told.contains("the cause"));
    }
}
