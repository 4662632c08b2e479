//! From a request to an actor: the token's proof, then the session's row, on every request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use diesel::prelude::*;

use super::request::RequestId;
use super::token::TokenKey;
use super::{Actor, Role};
use crate::clock::{Instant, MINUTE};
use crate::error::{Error, Result};
use crate::state::App;
use crate::storage::Db;
use crate::storage::schema::{sessions, staff};

/// Who asks. Errors: 401 for a missing, forged or expired token, or a session that has ended or is
/// locked.
pub(super) async fn actor(request: &ServiceRequest) -> Result<Actor> {
    let app = request.app_data::<Data<App>>().ok_or(Error::Internal("no app"))?;
    let tokens = request.app_data::<Data<TokenKey>>().ok_or(Error::Internal("no token key"))?;
    let header = request.headers().get(AUTHORIZATION).ok_or(Error::SignedOut)?;
    let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).ok_or(Error::SignedOut)?;
    let now = app.clock.now();
    let claims = tokens.verify(token, now)?;
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let mut actor = app.store.look_up(move |db| signed_in(db, &claims.sid, now)).await?;
    actor.request = request_id;
    Ok(actor)
}

/// The person behind a session. Errors: 401 when it has ended or is locked.
pub fn signed_in(db: &mut Db, session: &str, now: Instant) -> Result<Actor> {
    type Row = (String, String, String, Role, Option<String>, String);
    let row: Option<Row> = sessions::table
        .inner_join(staff::table)
        .filter(sessions::id.eq(session))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::locked_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .filter(staff::active.eq(true))
        .select((staff::id, staff::reference, staff::name, staff::role, staff::organisation_id, sessions::id))
        .first(db)
        .optional()?;
    let (id, reference, name, role, organisation_id, session_id) = row.ok_or(Error::SignedOut)?;
    Ok(Actor { id, reference, name, role, organisation_id, session_id, request: String::new() })
}

/// How often the same denial was met since its last trail row.
#[derive(Default)]
pub struct Denials(Mutex<HashMap<Refused, (Instant, u32)>>);

/// Who was refused what: a staff key and a permission.
type Refused = (String, &'static str);

impl Denials {
    /// Some count when a row is due: the first denial, and then at most one a minute.
    fn due(&self, actor: &str, permission: &'static str, now: Instant) -> Option<u32> {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() > 10_000 {
            met.retain(|_, (last, _)| now.since(*last) < MINUTE);
        }
        let (last, count) = met.entry((actor.to_owned(), permission)).or_insert((Instant(0), 0));
        *count += 1;
        // A clock that was set back must not silence denials until it catches up.
        if (0..MINUTE).contains(&now.since(*last)) {
            return None;
        }
        *last = now;
        Some(std::mem::take(count))
    }
}

/// Writes the trail row of a refused attempt, if one is due.
pub(super) async fn denied(request: &ServiceRequest, actor: &Actor, permission: &'static str) -> Result<()> {
    let app = request.app_data::<Data<App>>().ok_or(Error::Internal("no app"))?;
    let denials = request.app_data::<Data<Denials>>().ok_or(Error::Internal("no denials"))?;
    let Some(times) = denials.due(&actor.id, permission, app.clock.now()) else { return Ok(()) };
    let reference = actor.reference.clone();
    let write = move |tx: &mut crate::storage::Tx<'_>| {
        tx.trail_outcome(permission, ("staff", &reference), Some(&format!("times:{times}")), "denied")
    };
    app.store.write(actor.by(), write).await
}
