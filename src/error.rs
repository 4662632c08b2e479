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

    /// Slug under `/problems/` and title.
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Error::Malformed(_) => ("malformed", "The request could not be read"),
            Error::SignedOut => ("signed-out", "Sign in first"),
            Error::WrongCredentials => ("wrong-credentials", "Name, passphrase or code do not match"),
            Error::Forbidden => ("forbidden", "This is not for your role"),
            Error::NotFound => ("not-found", "Not found"),
            Error::MethodNotAllowed => ("method-not-allowed", "This address does not take that method"),
            Error::Conflict { .. } => ("conflict", "This cannot be done in its present state"),
            Error::Stale { .. } => ("stale-version", "It changed since you read it"),
            Error::TooLarge => ("too-large", "The request is too large"),
            Error::TooSlow => ("too-slow", "The request did not arrive in time"),
            Error::UnsupportedMediaType => ("unsupported-media-type", "Send application/json"),
            Error::Invalid(_) => ("invalid", "Some fields are not right"),
            Error::KeyReused => ("key-reused", "This Idempotency-Key was used with another body"),
            Error::VersionMissing => ("version-missing", "Say which version you read, in If-Match"),
            Error::TooMany { .. } => ("too-many-requests", "Wait, then try again"),
            Error::Busy | Error::Unavailable | Error::Repeat => ("unavailable", "Not stored. Try again in a moment"),
            Error::Internal(_) => ("internal", "Something went wrong on our side"),
        }
    }

    /// The RFC 9457 document.
    pub fn problem(&self, request_id: &str) -> serde_json::Value {
        let (slug, title) = self.kind();
        let mut document = serde_json::json!({
            "type": format!("/problems/{slug}"),
            "title": title,
            "status": self.status_code().as_u16(),
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
        match self {
            Error::Malformed(_) => StatusCode::BAD_REQUEST,
            Error::SignedOut | Error::WrongCredentials => StatusCode::UNAUTHORIZED,
            Error::Forbidden => StatusCode::FORBIDDEN,
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Error::Conflict { .. } => StatusCode::CONFLICT,
            Error::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            Error::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Error::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::Invalid(_) | Error::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Error::VersionMissing => StatusCode::PRECONDITION_REQUIRED,
            Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Busy | Error::Unavailable | Error::Repeat => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
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
