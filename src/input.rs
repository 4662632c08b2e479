//! How a body becomes a domain type. JSON is read into a tree that refuses duplicate keys and deep
//! nesting; typed readers then walk the tree and collect every problem, each with its place, so
//! that a caller hears of all of them at once and never sees its own text again. The same readers
//! say what they would take ([`schema_of`]), so the published contract cannot say anything else.

use std::cell::RefCell;

use serde_json::Value;

use crate::error::{Error, Problem, Result};

mod json;
mod sketch;
mod values;

pub use json::Json;
use sketch::{Drawn, Sheet};
pub use sketch::{patch_schema_of, schema_of};
pub use values::{LONGEST_LIST, clean, date, instant, list, text, text_schema, whole};

/// A place in the body while it is read, and where its problems go.
#[derive(Clone, Copy)]
pub struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step,
    problems: &'a RefCell<Vec<Problem>>,
    sheet: Option<&'a Sheet>,
}

#[derive(Clone, Copy)]
enum Step {
    Root,
    Name(&'static str),
    Index(usize),
}

impl<'a> At<'a> {
    fn root(problems: &'a RefCell<Vec<Problem>>) -> At<'a> {
        At { parent: None, step: Step::Root, problems, sheet: None }
    }

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
        At { parent: Some(self), step: Step::Name(name), sheet: None, ..*self }
    }

    /// The place of the nth item.
    pub fn item(&'a self, index: usize) -> At<'a> {
        At { parent: Some(self), step: Step::Index(index), sheet: None, ..*self }
    }

    /// Says what a reader takes here, as a JSON Schema. Heard only by [`schema_of`].
    pub fn takes(&self, shape: impl FnOnce() -> Value) {
        if let Some(sheet) = self.sheet {
            sheet.draw(shape());
        }
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
///
/// The reader is also the contract: [`schema_of`] lets it read nothing and notes what it asked for.
/// So it asks for every member before it gives up, and where it looks at the JSON itself it says so
/// by [`At::takes`].
pub trait FromJson: Sized {
    /// Reads one value; reports what is wrong and gives `None`.
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self>;
}

/// Reads a whole body. Errors: every problem found, as one 422.
pub fn read<T: FromJson>(json: &Json) -> Result<T> {
    let problems = RefCell::new(Vec::new());
    let value = T::from_json(json, &At::root(&problems));
    let problems = problems.into_inner();
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ if problems.is_empty() => Err(Error::Internal("a reader refused without saying why")),
        _ => Err(Error::Invalid(problems)),
    }
}

/// Reads one text that did not come in a body, such as a query parameter.
pub fn read_text<T: FromJson>(text: String, problems: &RefCell<Vec<Problem>>) -> Option<T> {
    T::from_json(&Json::Text(text), &At::root(problems))
}

/// The members of one object, each asked for by name once.
pub struct Fields<'a> {
    members: &'a [(String, Json)],
    at: &'a At<'a>,
    known: RefCell<Vec<&'static str>>,
    drawn: Option<RefCell<Drawn>>,
}

impl<'a> Fields<'a> {
    /// Opens an object, lets `take` read its members, then refuses what nobody asked for.
    pub fn of<T>(json: &Json, at: &At<'_>, take: impl FnOnce(&Fields<'_>) -> Option<T>) -> Option<T> {
        if let Some(sheet) = at.sheet {
            let fields = Fields { members: &[], at, known: RefCell::default(), drawn: Some(RefCell::default()) };
            let _ = take(&fields);
            sheet.draw(fields.drawn.unwrap_or_default().into_inner().object());
            return None;
        }
        let Json::Object(members) = json else {
            at.problem("not_an_object");
            return None;
        };
        let fields = Fields { members, at, known: RefCell::default(), drawn: None };
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
        self.required_with(name, |json, at| T::from_json(json, at))
    }

    /// A member read by a closure; absent or `null` gives `None`.
    pub fn with<T>(&self, name: &'static str, read: impl FnOnce(&Json, &At<'_>) -> Option<T>) -> Option<T> {
        self.known.borrow_mut().push(name);
        match &self.drawn {
            Some(drawn) => self.draw(drawn, name, read),
            None => self.find(name).and_then(|json| read(json, &self.at.member(name))),
        }
    }

    /// Says which members, read elsewhere, must be there.
    pub fn needs<const N: usize>(&self, names: [&'static str; N]) {
        for name in names {
            match &self.drawn {
                Some(drawn) => drawn.borrow_mut().require(name),
                None if self.has(name) => {}
                None => self.at.member(name).problem("required"),
            }
        }
    }

    /// A member read by a closure, that must be there.
    pub fn required_with<T>(&self, name: &'static str, read: impl FnOnce(&Json, &At<'_>) -> Option<T>) -> Option<T> {
        self.needs([name]);
        self.with(name, read)
    }

    /// Lets a member's reader read nothing, and keeps what it says it takes.
    fn draw<T>(
        &self,
        drawn: &RefCell<Drawn>,
        name: &'static str,
        read: impl FnOnce(&Json, &At<'_>) -> Option<T>,
    ) -> Option<T> {
        let sheet = Sheet::default();
        let _ = read(&Json::Null, &At { sheet: Some(&sheet), ..self.at.member(name) });
        drawn.borrow_mut().member(name, sheet.drawn());
        None
    }

    /// Optional text of at most `longest` characters as a person counts them.
    pub fn text(&self, name: &'static str, longest: usize) -> Option<String> {
        self.with(name, |json, at| text(json, at, longest))
    }

    /// Text that must be there, of at most `longest` characters as a person counts them.
    pub fn required_text(&self, name: &'static str, longest: usize) -> Option<String> {
        self.required_with(name, |json, at| text(json, at, longest))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Instant;
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
    fn a_reader_that_reads_nothing_says_what_it_would_take() {
        let schema = schema_of::<Visit>();
        assert_eq!(schema["required"], serde_json::json!(["at"]));
        assert_eq!(schema["additionalProperties"], false);
        let members = &schema["properties"];
        assert_eq!(members["at"], serde_json::json!({"type": "string", "format": "date-time"}));
        let rooms = serde_json::json!({"type": ["integer", "null"], "minimum": 0, "maximum": 9});
        assert_eq!(members["rooms"], rooms);
        assert_eq!((&members["note"]["type"][1], &members["note"]["maxLength"]), (&"null".into(), &20.into()));
        let patch = patch_schema_of::<Visit>();
        assert!(patch.get("required").is_none(), "a patch may leave out anything");
        assert_eq!(patch["properties"]["at"]["type"], serde_json::json!(["string", "null"]), "and remove it");
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
