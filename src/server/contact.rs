//! Whom to tell about a hole in this service: `/.well-known/security.txt`, RFC 9116.

use actix_web::web::Data;

use crate::access::{Filtered, Open, Plain, Routes, Text};
use crate::clock::{DAY, Instant, SECOND};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::state::App;

const PATH: &str = "/.well-known/security.txt";
/// Counted from each answer; the RFC asks for less than a year.
const VALID: i64 = 180 * DAY;

pub(super) fn routes() -> Routes {
    Routes::at("").get(PATH, security_txt, "Whom to tell about a hole in this service").refusing(404)
}

/// Errors: 404 where `[server] security_contact` is empty.
async fn security_txt(_: Open, _: Filtered<()>, app: Data<App>) -> Result<Text<Plain>> {
    if app.config.server.security_contact.is_empty() {
        return Err(Error::NotFound);
    }
    Ok(Text::of(text(&app.config, app.clock.now())))
}

fn text(config: &Config, now: Instant) -> String {
    let (contact, url) = (&config.server.security_contact, &config.server.public_url);
    let expires = Instant(now.0 - now.0.rem_euclid(SECOND)).plus(VALID);
    let languages = config.place.languages.join(", ");
    let mut text = format!("Contact: {contact}\nExpires: {expires}\nPreferred-Languages: {languages}\n");
    if url.starts_with("https://") {
        text.push_str(&format!("Canonical: {url}{PATH}\n"));
    }
    text
}
