//! Lists: ordered by `(time, key)`, taken up again by a cursor that tells nothing.

use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, Items};
use super::request::{Params, Query};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::vault::Vault;

const LABEL: &str = "cursor";
const DEFAULT: i64 = 50;
const MOST: i64 = 200;

/// Which part of a list: `?limit=` (1 to 200, 50 by default) and `?after=`.
#[derive(Debug, Clone)]
pub struct Page {
    /// How many rows.
    pub limit: i64,
    after: Option<String>,
}

impl Query for Page {
    fn from_params(params: &Params) -> Option<Self> {
        let limit = params.whole("limit", 1..=MOST).unwrap_or(DEFAULT);
        let cursor = json!({"type": "string", "maxLength": 1024, "description": "From the Link of the page before."});
        Some(Page { limit, after: params.text("after", cursor).map(str::to_owned) })
    }
}

impl Page {
    /// The row after which this page begins. The cursor holds a key, which must not be seen, so it
    /// is sealed. Errors: 422 for a cursor that is not ours.
    pub fn after(&self, vault: &Vault) -> Result<Option<(Instant, String)>> {
        let Some(text) = &self.after else { return Ok(None) };
        let wrong = || Error::invalid("?after", "not_a_cursor");
        let sealed = unhex(text).ok_or_else(wrong)?;
        let plain = vault.open_secret(LABEL, &sealed).map_err(|_| wrong())?;
        let plain = std::str::from_utf8(plain.reveal()).map_err(|_| wrong())?;
        let (time, key) = plain.split_once(' ').ok_or_else(wrong)?;
        Ok(Some((Instant(time.parse().map_err(|_| wrong())?), key.to_owned())))
    }
}

/// A page of views and where the next one begins.
pub struct Paged<T> {
    /// The views.
    pub items: Vec<T>,
    /// The cursor of the next page, if there may be one.
    pub next: Option<String>,
}

impl<T> Paged<T> {
    /// Renders rows; a full page has a next one. `key` gives a row's place in the order.
    pub fn of<R>(
        rows: Vec<R>,
        page: &Page,
        vault: &Vault,
        key: impl Fn(&R) -> (Instant, String),
        view: impl FnMut(R) -> T,
    ) -> Result<Paged<T>> {
        let full = i64::try_from(rows.len()).is_ok_and(|many| many >= page.limit);
        let next = match rows.last().map(key).filter(|_| full) {
            Some((time, key)) => {
                let sealed =
                    vault.seal_secret(LABEL, format!("{} {key}", time.0).as_bytes()).map_err(|_| Error::Unavailable)?;
                Some(super::request::hex(&sealed))
            }
            None => None,
        };
        Ok(Paged { items: rows.into_iter().map(view).collect(), next })
    }
}

impl<T: Serialize> Paged<T> {
    /// `{"items":[…]}` and, where there is more, `Link: <path?…after=…>; rel="next"`.
    pub fn answer(self, path: &str, page: &Page, filters: &[(&str, String)]) -> Answer<Items<T>> {
        let kept: String = filters.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        let next = self.next.map(|next| format!("{path}?limit={}{kept}&after={next}", page.limit));
        Answer::json(&Items { items: self.items }).next(next)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || text.len() > 1024 || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|place| u8::from_str_radix(text.get(place..place + 2)?, 16).ok()).collect()
}
