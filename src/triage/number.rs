//! Fixed-point numbers and the ranges they are known in.
//!
//! Hours decide whether medicine still works, so `72.1` must mean 72.1 on every
//! machine. Numbers are whole millionths; no float takes part in a comparison.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Millionths in one.
const SCALE: i64 = 1_000_000;
/// The widest number accepted, in ones. Far beyond any age, count or hour, and
/// small enough that sums of many never overflow.
const LIMIT: i64 = 100_000_000;

/// A fixed-point number with six decimals.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Number(i64);

impl Number {
    /// Nought.
    pub const ZERO: Self = Self(0);

    /// A whole number.
    #[must_use]
    pub const fn whole(value: i32) -> Self {
        Self(value as i64 * SCALE)
    }

    /// A number from its millionths: one hour and a half is `1_500_000`.
    #[must_use]
    pub const fn from_millionths(value: i64) -> Self {
        Self(value)
    }

    /// The number in millionths.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// Whole minutes as hours, rounded to the nearest millionth of an hour.
    #[must_use]
    pub const fn hours_from_minutes(minutes: i64) -> Self {
        Self((minutes.saturating_mul(SCALE).saturating_add(30)) / 60)
    }

    /// The nearest fixed-point number, or `None` when it is not finite or too large.
    #[must_use]
    pub fn from_decimal(value: f64) -> Option<Self> {
        (value.is_finite() && value.abs() <= LIMIT as f64).then(|| Self((value * SCALE as f64).round() as i64))
    }

    /// Whether nothing follows the decimal point.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.0 % SCALE == 0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / SCALE, (self.0 % SCALE).abs());
        let sign = if self.0 < 0 && whole == 0 { "-" } else { "" };
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{rest:06}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_whole() {
            serializer.serialize_i64(self.0 / SCALE)
        } else {
            serializer.serialize_f64(self.0 as f64 / SCALE as f64)
        }
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number"})
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
        if value.unsigned_abs() > LIMIT.unsigned_abs() {
            return Err(E::custom("the number is too large"));
        }
        Ok(Number(value * SCALE))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
        i64::try_from(value).map_err(|_| E::custom("the number is too large")).and_then(|value| self.visit_i64(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
        Number::from_decimal(value).ok_or_else(|| E::custom("the number is too large"))
    }
}

/// A number known to lie between two ends, both included. An exact number has
/// equal ends; "about two days" and every bracket is a range.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Span {
    /// The least it can be.
    pub min: Number,
    /// The most it can be; `None` when there is no telling ("longer ago").
    pub max: Option<Number>,
}

impl Span {
    /// An exactly known number.
    #[must_use]
    pub const fn exact(value: Number) -> Self {
        Self { min: value, max: Some(value) }
    }

    /// An exactly known whole number.
    #[must_use]
    pub const fn whole(value: i32) -> Self {
        Self::exact(Number::whole(value))
    }

    /// A bracket; `None` when its ends are the wrong way round.
    #[must_use]
    pub fn between(min: Number, max: Number) -> Option<Self> {
        (min <= max).then_some(Self { min, max: Some(max) })
    }

    /// At least this much, with no known end.
    #[must_use]
    pub const fn at_least(min: Number) -> Self {
        Self { min, max: None }
    }

    /// Whether both ends agree.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.max == Some(self.min)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_exact() {
            return self.min.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("min", &self.min)?;
        if let Some(max) = &self.max {
            map.serialize_entry("max", max)?;
        }
        map.end()
    }
}
