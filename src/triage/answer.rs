//! What was said about one indicator.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::instant::Instant;
use super::number::{Number, Span};

/// An answer as recorded. "Do not know" and "declined" stay apart in the record
/// and are both *unknown* to logic; an indicator with no answer was not asked.
///
/// In JSON: `"yes" | "no" | "unknown" | "declined" | "not_applicable"`, a number,
/// `{"min": .., "max": ..}`, an RFC 3339 moment, `{"earliest": .., "latest": ..}`
/// or the code of a choice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// She does not know, or the operator could not tell.
    Unknown,
    /// She would rather not say. Some instruments count a refusal.
    Declined,
    /// Skipped because it cannot apply; counts as no and is never missing.
    NotApplicable,
    /// A number or a bracket, in the indicator's unit.
    Number(Span),
    /// A moment or a stretch of time.
    Time(TimeSpan),
    /// One of the indicator's options.
    Choice(String),
}

/// A moment known to lie between two others, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimeSpan {
    /// The earliest it can have been.
    pub earliest: Instant,
    /// The latest it can have been.
    pub latest: Instant,
}

impl TimeSpan {
    /// An exactly known moment.
    #[must_use]
    pub const fn exact(moment: Instant) -> Self {
        Self { earliest: moment, latest: moment }
    }
}

impl Answer {
    /// An exact whole number.
    #[must_use]
    pub const fn whole(value: i32) -> Self {
        Self::Number(Span::whole(value))
    }

    /// An exact number of hours given in whole minutes.
    #[must_use]
    pub const fn hours_from_minutes(minutes: i64) -> Self {
        Self::Number(Span::exact(Number::hours_from_minutes(minutes)))
    }

    /// Whether logic can use it: anything but "unknown" and "declined".
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown | Self::Declined)
    }

    /// Reads an answer from the word used in JSON and packs: one of the five
    /// fixed words, an RFC 3339 moment, or else the code of a choice.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "yes" => Self::Yes,
            "no" => Self::No,
            "unknown" => Self::Unknown,
            "declined" => Self::Declined,
            "not_applicable" => Self::NotApplicable,
            other => Instant::parse(other)
                .map_or_else(|| Self::Choice(other.to_owned()), |moment| Self::Time(TimeSpan::exact(moment))),
        }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Yes => serializer.serialize_str("yes"),
            Self::No => serializer.serialize_str("no"),
            Self::Unknown => serializer.serialize_str("unknown"),
            Self::Declined => serializer.serialize_str("declined"),
            Self::NotApplicable => serializer.serialize_str("not_applicable"),
            Self::Number(span) => span.serialize(serializer),
            Self::Time(span) => span.serialize(serializer),
            Self::Choice(code) => serializer.serialize_str(code),
        }
    }
}

impl JsonSchema for Answer {
    fn schema_name() -> Cow<'static, str> {
        "Answer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let moment = json_schema!({"type": "string", "format": "date-time"});
        json_schema!({"anyOf": [
            {"type": "string"},
            {"type": "number"},
            {"type": "object", "properties": {"min": {"type": "number"}, "max": {"type": "number"}}, "required": ["min"]},
            {"type": "object", "properties": {"earliest": moment, "latest": moment}, "required": ["earliest", "latest"]},
        ]})
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnswerVisitor)
    }
}

struct AnswerVisitor;

impl<'de> Visitor<'de> for AnswerVisitor {
    type Value = Answer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer: a word, a number or a range")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Answer, E> {
        Ok(Answer::from_word(word))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Answer, E> {
        Number::deserialize(serde::de::value::I64Deserializer::new(value)).map(exactly)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Answer, E> {
        Number::deserialize(serde::de::value::U64Deserializer::new(value)).map(exactly)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Answer, E> {
        Number::deserialize(serde::de::value::F64Deserializer::new(value)).map(exactly)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Answer, A::Error> {
        match Range::deserialize(MapAccessDeserializer::new(map))? {
            Range { min: Some(min), max, earliest: None, latest: None } => match max {
                None => Ok(Answer::Number(Span::at_least(min))),
                Some(max) => Span::between(min, max)
                    .map(Answer::Number)
                    .ok_or_else(|| A::Error::custom("min is greater than max")),
            },
            Range { min: None, max: None, earliest: Some(earliest), latest: Some(latest) } if earliest <= latest => {
                Ok(Answer::Time(TimeSpan { earliest, latest }))
            }
            _ => Err(A::Error::custom("a range is {\"min\", \"max\"} or {\"earliest\", \"latest\"}, the lesser first")),
        }
    }
}

fn exactly(number: Number) -> Answer {
    Answer::Number(Span::exact(number))
}

/// Either kind of range; which keys may stand together is checked afterwards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    min: Option<Number>,
    max: Option<Number>,
    earliest: Option<Instant>,
    latest: Option<Instant>,
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.earliest == self.latest {
            return self.earliest.serialize(serializer);
        }
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("earliest", &self.earliest)?;
        map.serialize_entry("latest", &self.latest)?;
        map.end()
    }
}
