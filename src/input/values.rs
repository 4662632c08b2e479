//! Readers of plain values: text, numbers, times, lists.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use unicode_normalization::{UnicodeNormalization, is_nfc};
use unicode_segmentation::UnicodeSegmentation;

use super::{At, FromJson, Json, schema_of};
use crate::clock::Instant;

/// A list may have this many members.
pub const LONGEST_LIST: usize = 100;
/// Bytes for each character of a text's length: more than any script of the world needs.
const BYTES: usize = 4;

/// Text in NFC, without control characters or direction overrides, not blank, at most `longest`
/// graphemes and four bytes for each.
pub fn text(json: &Json, at: &At<'_>, longest: usize) -> Option<String> {
    at.takes(|| text_schema(longest));
    let Json::Text(raw) = json else {
        at.problem("not_text");
        return None;
    };
    match clean(raw, longest) {
        Ok(text) => Some(text),
        Err(code) => {
            at.problem(code);
            None
        }
    }
}

/// The rule behind [`text`], for texts that come from elsewhere. Errors: the problem's code.
pub fn clean(raw: &str, longest: usize) -> Result<String, &'static str> {
    // Bytes first: counting graphemes of a megabyte is work an attacker would enjoy.
    if raw.len() > longest.saturating_mul(BYTES) {
        return Err("too_long");
    }
    if raw.chars().any(is_unclean) {
        return Err("unclean_text");
    }
    let text = if is_nfc(raw) { raw.trim().to_owned() } else { raw.trim().nfc().collect() };
    if text.is_empty() {
        return Err("blank");
    }
    if text.len() > longest && text.graphemes(true).count() > longest {
        return Err("too_long");
    }
    Ok(text)
}

/// Control characters (line breaks and tabs excepted) and bidirectional overrides. Joiners stay:
/// some scripts need them.
fn is_unclean(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t' && c != '\r')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

/// A whole number written without a fraction.
pub fn whole(json: &Json, at: &At<'_>, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    at.takes(|| json!({"type": "integer", "minimum": range.start(), "maximum": range.end()}));
    match json {
        Json::Number(number) => match number.as_i64() {
            Some(value) if range.contains(&value) => return Some(value),
            Some(_) => at.problem("out_of_range"),
            None => at.problem("not_a_whole_number"),
        },
        _ => at.problem("not_a_whole_number"),
    }
    None
}

impl FromJson for Json {
    /// A merge patch: any object.
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        at.takes(|| json!({"type": "object"}));
        match json {
            Json::Object(_) => Some(json.clone()),
            _ => {
                at.problem("not_an_object");
                None
            }
        }
    }
}

impl FromJson for bool {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        at.takes(|| json!({"type": "boolean"}));
        match json {
            Json::Bool(value) => Some(*value),
            _ => {
                at.problem("not_true_or_false");
                None
            }
        }
    }
}

impl FromJson for Instant {
    /// RFC 3339, strictly: four-digit year, `T`, an offset or `Z`, no leap second.
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        at.takes(|| json!({"type": "string", "format": "date-time"}));
        let read = match json {
            Json::Text(text) => instant(text),
            _ => None,
        };
        if read.is_none() {
            at.problem("not_a_time");
        }
        read
    }
}

/// See the reader of [`Instant`]. chrono alone is more generous than the standard.
pub fn instant(text: &str) -> Option<Instant> {
    let bytes = text.as_bytes();
    let shaped = (20..=35).contains(&bytes.len())
        && bytes.get(10) == Some(&b'T')
        && bytes.iter().take(4).all(u8::is_ascii_digit)
        && !text.contains(":60");
    let at = shaped.then(|| DateTime::parse_from_rfc3339(text).ok()).flatten()?;
    Some(Instant::from(at.with_timezone(&Utc)))
}

impl FromJson for NaiveDate {
    /// `YYYY-MM-DD` and nothing else.
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        at.takes(|| json!({"type": "string", "format": "date"}));
        let read = match json {
            Json::Text(text) => date(text),
            _ => None,
        };
        if read.is_none() {
            at.problem("not_a_date");
        }
        read
    }
}

/// `YYYY-MM-DD` and nothing else; chrono alone takes `2026-1-1` and `+12026-01-01`.
pub fn date(text: &str) -> Option<NaiveDate> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    shaped.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        list(json, at, 0..=LONGEST_LIST)
    }
}

/// A list with so many items.
pub fn list<T: FromJson>(json: &Json, at: &At<'_>, many: std::ops::RangeInclusive<usize>) -> Option<Vec<T>> {
    at.takes(|| json!({"type": "array", "items": schema_of::<T>(), "minItems": many.start(), "maxItems": many.end()}));
    let Json::List(items) = json else {
        at.problem("not_a_list");
        return None;
    };
    if items.len() > LONGEST_LIST {
        at.problem("too_many");
        return None;
    }
    if !many.contains(&items.len()) {
        at.problem("out_of_range");
    }
    let read: Vec<Option<T>> =
        items.iter().enumerate().map(|(index, item)| T::from_json(item, &at.item(index))).collect();
    read.into_iter().collect()
}

/// The rule of [`text`] as a JSON Schema. `maxLength` counts code points, and a person's character
/// may have several, so it is the outer bound; the description has the real one.
pub fn text_schema(longest: usize) -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": longest * BYTES,
        "pattern": CLEAN,
        "description": format!("At most {longest} characters as a person counts them; no control characters."),
    })
}

/// At least one character that is not white space, and none that [`is_unclean`].
const CLEAN: &str = concat!(
    r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069\uFEFF\uFFFE\uFFFF]*",
    r"[^\s\u0000-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069\uFEFF\uFFFE\uFFFF]",
    r"[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069\uFEFF\uFFFE\uFFFF]*$"
);
