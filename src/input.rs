//! How a body becomes a domain type. JSON is read into a tree that refuses duplicate keys and deep
//! nesting; typed readers then walk the tree and collect every problem, each with its place, so
//! that a caller hears of all of them at once and never sees its own text again.

use std::cell::RefCell;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use unicode_normalization::{UnicodeNormalization, is_nfc};
use unicode_segmentation::UnicodeSegmentation;

use crate::clock::Instant;
use crate::error::{Error, Problem, Result};

/// Objects and lists may be nested this deep.
const DEPTH: usize = 12;
/// A list may have this many members.
pub const LONGEST_LIST: usize = 100;

/// A JSON value in which no object has a key twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, exactly as a 64-bit integer or a float.
    Number(serde_json::Number),
    /// Text, not yet checked.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object in the order it was written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads bytes. Errors: 400, with a code and never a position that quotes the text.
    pub fn parse(bytes: &[u8]) -> Result<Json> {
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let tree = Tree { depth: 0 }.deserialize(&mut from).map_err(|error| {
            Error::Malformed(match error.to_string() {
                told if told.starts_with(TWICE) => TWICE,
                told if told.starts_with(DEEP) => DEEP,
                _ => "not_json",
            })
        })?;
        from.end().map_err(|_| Error::Malformed("not_json"))?;
        Ok(tree)
    }

    /// The member of an object, if it has it and it is not `null`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                members.iter().find(|(key, value)| key == name && *value != Json::Null).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// RFC 7396: `patch` over `self`; `null` removes.
    pub fn merged(self, patch: &Json) -> Json {
        let Json::Object(changes) = patch else { return patch.clone() };
        let mut members = match self {
            Json::Object(members) => members,
            _ => Vec::new(),
        };
        for (key, change) in changes {
            let place = members.iter().position(|(name, _)| name == key);
            match (place, change) {
                (Some(place), Json::Null) => {
                    members.remove(place);
                }
                (None, Json::Null) => {}
                (Some(place), change) => {
                    if let Some((_, value)) = members.get_mut(place) {
                        *value = std::mem::replace(value, Json::Null).merged(change);
                    }
                }
                (None, change) => members.push((key.clone(), Json::Null.merged(change))),
            }
        }
        Json::Object(members)
    }
}

impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Json::Null => to.serialize_unit(),
            Json::Bool(value) => to.serialize_bool(*value),
            Json::Number(value) => value.serialize(to),
            Json::Text(value) => to.serialize_str(value),
            Json::List(items) => to.collect_seq(items),
            Json::Object(members) => to.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

const TWICE: &str = "duplicate_key";
const DEEP: &str = "nested_too_deep";

struct Tree {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Json;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Json, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Json;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> std::result::Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> std::result::Result<Json, E> {
        Ok(Json::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> std::result::Result<Json, E> {
        Ok(Json::Number(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> std::result::Result<Json, E> {
        Ok(Json::Number(value.into()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> std::result::Result<Json, E> {
        serde_json::Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("not a number"))
    }
    fn visit_str<E>(self, value: &str) -> std::result::Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> std::result::Result<Json, E> {
        Ok(Json::Text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Json, A::Error> {
        if self.depth >= DEPTH {
            return Err(de::Error::custom(DEEP));
        }
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Tree { depth: self.depth + 1 })? {
            list.push(item);
        }
        Ok(Json::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Json, A::Error> {
        if self.depth >= DEPTH {
            return Err(de::Error::custom(DEEP));
        }
        let mut object: Vec<(String, Json)> = Vec::new();
        let mut many = std::collections::HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            // A linear look is fastest for the few keys an honest body has; a hostile one with
            // thousands must not cost their square.
            let twice = match object.len() {
                0..32 => object.iter().any(|(seen, _)| *seen == key),
                32 => {
                    many.extend(object.iter().map(|(seen, _)| seen.clone()));
                    !many.insert(key.clone())
                }
                _ => !many.insert(key.clone()),
            };
            if twice {
                return Err(de::Error::custom(TWICE));
            }
            object.push((key, members.next_value_seed(Tree { depth: self.depth + 1 })?));
        }
        Ok(Json::Object(object))
    }
}

/// A place in the body while it is read, and where its problems go.
#[derive(Clone, Copy)]
pub struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step,
    problems: &'a RefCell<Vec<Problem>>,
}

#[derive(Clone, Copy)]
enum Step {
    Root,
    Name(&'static str),
    Index(usize),
}

impl<'a> At<'a> {
    /// Something is wrong here.
    pub fn problem(&self, code: &'static str) {
        self.problem_allowing(code, None);
    }

    /// Something is wrong here, and this is what would be accepted.
    pub fn problem_allowing(&self, code: &'static str, allowed: Option<Vec<String>>) {
        let mut pointer = String::new();
        self.write(&mut pointer);
        self.problems.borrow_mut().push(Problem { pointer, code, allowed });
    }

    /// The place of a named member.
    pub fn member(&'a self, name: &'static str) -> At<'a> {
        At { parent: Some(self), step: Step::Name(name), problems: self.problems }
    }

    /// The place of the nth item.
    pub fn item(&'a self, index: usize) -> At<'a> {
        At { parent: Some(self), step: Step::Index(index), problems: self.problems }
    }

    fn write(&self, pointer: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(pointer);
        }
        match self.step {
            Step::Root => {}
            Step::Name(name) => {
                pointer.push('/');
                pointer.push_str(name);
            }
            Step::Index(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
    }
}

/// A type that can be read from a body. `None` means problems were reported at `at`.
pub trait FromJson: Sized {
    /// Reads one value; reports what is wrong and gives `None`.
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self>;
}

/// Reads a whole body. Errors: every problem found, as one 422.
pub fn read<T: FromJson>(json: &Json) -> Result<T> {
    let problems = RefCell::new(Vec::new());
    let value = T::from_json(json, &At { parent: None, step: Step::Root, problems: &problems });
    let problems = problems.into_inner();
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ if problems.is_empty() => Err(Error::Internal("a reader refused without saying why")),
        _ => Err(Error::Invalid(problems)),
    }
}

/// Reads one text that did not come in a body, such as a query parameter.
pub fn read_text<T: FromJson>(text: String, problems: &RefCell<Vec<Problem>>) -> Option<T> {
    T::from_json(&Json::Text(text), &At { parent: None, step: Step::Root, problems })
}

/// The members of one object, each asked for by name once.
pub struct Fields<'a> {
    members: &'a [(String, Json)],
    at: &'a At<'a>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    /// Opens an object, lets `take` read its members, then refuses what nobody asked for.
    pub fn of<T>(json: &Json, at: &At<'_>, take: impl FnOnce(&Fields<'_>) -> Option<T>) -> Option<T> {
        let Json::Object(members) = json else {
            at.problem("not_an_object");
            return None;
        };
        let fields = Fields { members, at, known: RefCell::new(Vec::new()) };
        let value = take(&fields);
        let known = fields.known.into_inner();
        if members.iter().any(|(key, _)| !known.contains(&key.as_str())) {
            // The name is the sender's text, so it is not repeated; the names that exist are.
            at.problem_allowing("unknown_field", Some(known.iter().map(|name| (*name).to_owned()).collect()));
        }
        value
    }

    /// A member that may be absent or `null`.
    pub fn optional<T: FromJson>(&self, name: &'static str) -> Option<T> {
        self.with(name, |json, at| T::from_json(json, at))
    }

    /// A member that must be there.
    pub fn required<T: FromJson>(&self, name: &'static str) -> Option<T> {
        match self.find(name) {
            Some(_) => self.optional(name),
            None => {
                self.known.borrow_mut().push(name);
                self.at.member(name).problem("required");
                None
            }
        }
    }

    /// A member read by a closure; absent or `null` gives `None`.
    pub fn with<T>(&self, name: &'static str, read: impl FnOnce(&Json, &At<'_>) -> Option<T>) -> Option<T> {
        self.known.borrow_mut().push(name);
        self.find(name).and_then(|json| read(json, &self.at.member(name)))
    }

    /// Optional text of at most `longest` characters as a person counts them.
    pub fn text(&self, name: &'static str, longest: usize) -> Option<String> {
        self.with(name, |json, at| text(json, at, longest))
    }

    /// Optional whole number inside a range.
    pub fn whole(&self, name: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        self.with(name, |json, at| whole(json, at, range))
    }

    /// A list; absent gives an empty one.
    pub fn list<T: FromJson>(&self, name: &'static str) -> Vec<T> {
        self.optional(name).unwrap_or_default()
    }

    /// True if the member is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The place of a member, to report what only the whole object shows.
    pub fn problem(&self, name: &'static str, code: &'static str) {
        self.at.member(name).problem(code);
    }

    fn find(&self, name: &str) -> Option<&Json> {
        self.members.iter().find(|(key, value)| key == name && *value != Json::Null).map(|(_, value)| value)
    }
}

/// Text in NFC, without control characters or direction overrides, not blank, at most `longest`
/// graphemes and four bytes for each.
pub fn text(json: &Json, at: &At<'_>, longest: usize) -> Option<String> {
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
    if raw.len() > longest.saturating_mul(8) {
        return Err("too_long");
    }
    if raw.chars().any(is_unclean) {
        return Err("unclean_text");
    }
    let text = if is_nfc(raw) { raw.trim().to_owned() } else { raw.trim().nfc().collect() };
    if text.is_empty() {
        return Err("blank");
    }
    if text.len() > longest && (text.graphemes(true).count() > longest || text.len() > longest.saturating_mul(4)) {
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
        let Json::List(items) = json else {
            at.problem("not_a_list");
            return None;
        };
        if items.len() > LONGEST_LIST {
            at.problem("too_many");
            return None;
        }
        let read: Vec<Option<T>> =
            items.iter().enumerate().map(|(index, item)| T::from_json(item, &at.item(index))).collect();
        read.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq)]
    struct Visit {
        at: Instant,
        rooms: i64,
        note: Option<String>,
    }

    impl FromJson for Visit {
        fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
            Fields::of(json, at, |f| {
                let at = f.required("at");
                let rooms = f.whole("rooms", 0..=9);
                let note = f.text("note", 5);
                Some(Visit { at: at?, rooms: rooms.unwrap_or(0), note })
            })
        }
    }

    fn problems(body: &str) -> Vec<(String, &'static str)> {
        match read::<Visit>(&Json::parse(body.as_bytes()).unwrap()) {
            Err(Error::Invalid(list)) => list.into_iter().map(|p| (p.pointer, p.code)).collect(),
            other => panic!("expected problems, got {other:?}"),
        }
    }

    #[test]
    fn every_problem_is_told_at_once_and_no_text_comes_back() {
        let told = problems(r#"{"rooms":10,"note":"sixteen","secret-name":1}"#);
        let places: Vec<_> = told.iter().map(|(place, code)| (place.as_str(), *code)).collect();
        assert_eq!(
            places,
            [("/at", "required"), ("/rooms", "out_of_range"), ("/note", "too_long"), ("", "unknown_field")]
        );
        assert!(!format!("{told:?}").contains("secret-name"));
    }

    #[test]
    fn a_duplicate_key_is_refused_at_any_depth() {
        for body in [r#"{"a":1,"a":2}"#, r#"{"b":{"a":1,"a":2}}"#, r#"[{"a":null,"a":null}]"#] {
            assert!(matches!(Json::parse(body.as_bytes()), Err(Error::Malformed("duplicate_key"))));
        }
        let many: Vec<String> = (0..100).map(|n| format!("\"k{}\":1", n % 99)).collect();
        let body = format!("{{{}}}", many.join(","));
        assert!(matches!(Json::parse(body.as_bytes()), Err(Error::Malformed("duplicate_key"))));
    }

    #[test]
    fn a_body_nested_too_deep_is_refused() {
        let body = "[".repeat(40) + &"]".repeat(40);
        assert!(matches!(Json::parse(body.as_bytes()), Err(Error::Malformed("nested_too_deep"))));
    }

    #[test]
    fn only_the_strict_forms_of_dates_and_times_are_read() {
        for wrong in ["2026-1-1", "+12026-01-01", "2026-02-30", "2026-01-01T", "20260101", "2026-13-01"] {
            assert!(date(wrong).is_none(), "{wrong}");
        }
        for wrong in [
            "2026-01-01",
            "2026-01-01 10:00:00Z",
            "2026-01-01T10:00:60Z",
            "2026-01-01T10:00:00",
            "+2026-01-01T10:00:00Z",
        ] {
            assert!(instant(wrong).is_none(), "{wrong}");
        }
        assert!(instant("2026-01-01T10:00:00+05:00").is_some());
    }

    #[test]
    fn text_is_composed_and_overrides_are_refused() {
        assert_eq!(clean("A\u{308}", 5).unwrap(), "Ä");
        assert_eq!(clean("a\u{202E}b", 5), Err("unclean_text"));
        assert_eq!(clean("a\u{0}b", 5), Err("unclean_text"));
        assert_eq!(clean("  ", 5), Err("blank"));
        assert!(clean("a\u{200D}b", 5).is_ok());
    }

    #[test]
    fn a_merge_patch_follows_the_examples_of_its_standard() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        ] {
            let parse = |text: &str| Json::parse(text.as_bytes()).unwrap();
            assert_eq!(parse(target).merged(&parse(patch)), parse(result));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Json::parse(&bytes).and_then(|json| read::<Visit>(&json));
        }

        #[test]
        fn what_is_written_is_read_back(pairs in proptest::collection::btree_map("[a-z]{1,6}", any::<i64>(), 0..20)) {
            let body = serde_json::to_vec(&pairs).unwrap();
            let json = Json::parse(&body).unwrap();
            prop_assert_eq!(serde_json::to_vec(&json).unwrap(), body);
        }
    }
}
