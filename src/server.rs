//! Every address in one table, and the server that answers them. What surrounds each answer (its
//! id, its problem document, its headers, its line in the log) is in [`answers`].

mod answers;
mod contact;
mod contract;
mod counts;
mod docs;
mod patience;
mod scrape;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{HttpResponse, HttpServer};
use schemars::JsonSchema;
use serde::Serialize;

use crate::access::token::TokenKey;
use crate::access::{Answer, Denials, Filtered, Open, Routes};
use crate::contacts::LookUpLimit;
use crate::directory::{Areas, Catalogue};
use crate::error::{Error, Result};
use crate::identity::Door;
use crate::live::{self, Feed, Streams};
use crate::state::App;
use crate::{audit, cases, contacts, directory, identity, notifications, oversight, referrals, reports, rules, tasks};
use answers::Around;
pub use contract::document as contract;
pub use scrape::{listen_for_metrics, tidy};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Every address there is.
pub fn routes() -> Routes {
    Routes::at("")
        .with(api())
        .with(referrals::partner::api::routes())
        .with(health())
        .with(docs::routes())
        .with(contact::routes())
}

/// The contract's resources, a room each.
fn api() -> Routes {
    Routes::at("/api/v1")
        .with(identity::api::routes())
        .with(contacts::api::routes())
        .with(contacts::casework::api::routes())
        .with(cases::api::routes())
        .with(rules::api::routes())
        .with(directory::api::routes())
        .with(audit::api::routes())
        .with(referrals::api::routes())
        .with(referrals::casework::api::routes())
        .with(referrals::people::api::routes())
        .with(oversight::api::routes())
        .with(tasks::api::routes())
        .with(notifications::api::routes())
        .with(reports::api::routes())
        .with(live::api::routes())
}

fn health() -> Routes {
    Routes::at("/health").get("/live", live, "The process runs").get("/ready", ready, "The database answers")
}

/// What a probe is told.
#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
}

/// The process runs.
async fn live(_: Open, _: Filtered<()>) -> Answer<Health> {
    Answer::json(&Health { status: "live" })
}

/// The database answers. Errors: 503.
async fn ready(_: Open, _: Filtered<()>, app: Data<App>) -> Result<Answer<Health>> {
    if !app.store.answers().await {
        return Err(Error::Unavailable);
    }
    Ok(Answer::json(&Health { status: "ready" }))
}

/// A server that listens, and answers while its future is polled.
pub struct Listening {
    /// The address it really listens on: asked for port 0, the system chose one.
    pub address: SocketAddr,
    server: Server,
    /// What its streams are fed by, if it has any.
    feed: Option<Feed>,
}

impl Listening {
    /// Answers until told to stop. Errors: those of the operating system.
    pub async fn serve(self) -> std::io::Result<()> {
        self.server.await
    }

    /// What stops it.
    pub fn stop(&self) -> Stop {
        Stop { http: self.server.handle(), feed: self.feed.clone() }
    }
}

/// Stops a server.
#[derive(Clone)]
pub struct Stop {
    http: ServerHandle,
    feed: Option<Feed>,
}

impl Stop {
    /// Accepts nothing new, ends every stream, finishes what is under way within `[server]
    /// drain_seconds`.
    pub async fn drain(&self) {
        self.feed.iter().for_each(Feed::end);
        self.http.stop(true).await;
    }
}

/// What handlers ask for.
pub struct Parts {
    /// Store, clock, rules, vault, configuration.
    pub app: App,
    /// The key of access tokens.
    pub tokens: TokenKey,
    /// The gazetteer.
    pub areas: Areas,
}

/// Binds `[server] listen`. Signals are the caller's business, because the worker must stop too.
/// Errors: those of the operating system, such as an address in use; a certificate that cannot be
/// used.
pub fn listen(parts: Parts) -> std::io::Result<Listening> {
    listen_with(parts, routes)
}

/// [`listen`] with a table of one's own.
pub fn listen_with(parts: Parts, table: fn() -> Routes) -> std::io::Result<Listening> {
    let config = parts.app.config.server.clone();
    let around = Data::new(Around::new(&table(), &config.public_url));
    let (app, tokens, areas) = (Data::new(parts.app), Data::new(parts.tokens), Data::new(parts.areas));
    let (denials, look_ups) = (Data::new(Denials::default()), Data::new(LookUpLimit::default()));
    let (shelf, catalogue) = (Data::new(docs::Shelf::default()), Data::new(Catalogue::default()));
    let (feed, streams) = (Feed::begin(app.store.clone()), Data::new(Streams::default()));
    let fed = Data::new(feed.clone());
    let door = Data::new(Door::new(&app.config.staff).map_err(std::io::Error::other)?);
    let build = move || {
        actix_web::App::new()
            .app_data(app.clone())
            .app_data(tokens.clone())
            .app_data(areas.clone())
            .app_data(door.clone())
            .app_data(denials.clone())
            .app_data(look_ups.clone())
            .app_data(fed.clone())
            .app_data(streams.clone())
            .app_data(around.clone())
            .app_data(shelf.clone())
            .app_data(catalogue.clone())
            .configure(|server| table().mount(server))
            .default_service(web::to(nowhere))
            .wrap(from_fn(answers::surround))
    };
    let each = config.connections / config.threads.max(1);
    let (head, keep_alive) = (Duration::from_secs(config.head_seconds), Duration::from_secs(config.keep_alive_seconds));
    let http = HttpServer::new(build)
        .workers(config.threads)
        .backlog(BACKLOG)
        .max_connections(each)
        // No fewer handshakes than connections: those that never end must not keep others out.
        .max_connection_rate(each)
        .tls_handshake_timeout(head)
        .keep_alive(keep_alive)
        // Where no request can be read, actix answers by itself (408, 400, 431), with neither body nor
        // our headers: it has no place to add them, and no browser or client of ours meets them.
        .client_request_timeout(head)
        .client_disconnect_timeout(Duration::from_secs(2))
        .on_connect(move |io, data| patience::guard(io, data, keep_alive + head))
        .shutdown_timeout(config.drain_seconds)
        .disable_signals();
    let http = match config.has_tls() {
        true => http.bind_rustls_0_23(config.listen, tls::offer(&config).map_err(std::io::Error::other)?)?,
        false => http.bind(config.listen)?,
    };
    let address = http.addrs().first().copied().unwrap_or(config.listen);
    Ok(Listening { address, server: http.run(), feed: Some(feed) })
}

async fn nowhere() -> Result<HttpResponse> {
    Err(Error::NotFound)
}
