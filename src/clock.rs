//! Time enters here and nowhere else. Instants are UTC, truncated to microseconds, because that is
//! what both databases keep.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::BigInt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since 1970-01-01T00:00:00Z. Stored as a 64-bit integer on both engines, so that
/// order and differences mean the same on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub struct Instant(pub i64);

/// Microseconds in a second, a minute, an hour and a day.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day of 24 hours.
pub const DAY: i64 = 24 * HOUR;

impl Instant {
    /// This much later; negative is earlier. Saturates at the ends of time.
    pub fn plus(self, micros: i64) -> Self {
        Instant(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to here.
    pub fn since(self, earlier: Instant) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As chrono's type, for calendars and formatting.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// RFC 3339 in UTC with as many digits as the instant has (none, milli or micro).
    pub fn rfc3339(self) -> String {
        let format = match self.0.rem_euclid(SECOND) {
            0 => SecondsFormat::Secs,
            rest if rest % 1000 == 0 => SecondsFormat::Millis,
            _ => SecondsFormat::Micros,
        };
        self.utc().to_rfc3339_opts(format, true)
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(at: DateTime<Utc>) -> Self {
        Instant(at.timestamp_micros())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.rfc3339())
    }
}

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        DateTime::<Utc>::deserialize(from).map(Instant::from)
    }
}

impl<B: diesel::backend::Backend> ToSql<BigInt, B> for Instant
where
    i64: ToSql<BigInt, B>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, B>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl<B: diesel::backend::Backend> FromSql<BigInt, B> for Instant
where
    i64: FromSql<BigInt, B>,
{
    fn from_sql(bytes: B::RawValue<'_>) -> deserialize::Result<Self> {
        i64::from_sql(bytes).map(Instant)
    }
}

/// Where "now" comes from: the machine, or a test that holds it still.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Machine,
    Held(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn machine() -> Self {
        Clock(Source::Machine)
    }

    /// A clock that stands still until moved; clones share it.
    pub fn held(at: Instant) -> Self {
        Clock(Source::Held(Arc::new(AtomicI64::new(at.0))))
    }

    /// Now, in UTC, to the microsecond.
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's time is read")]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::Machine => Instant::from(Utc::now()),
            Source::Held(at) => Instant(at.load(Ordering::SeqCst)),
        }
    }

    /// Sets a held clock; without effect on the machine's.
    pub fn set(&self, at: Instant) {
        if let Source::Held(held) = &self.0 {
            held.store(at.0, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_prints_only_the_digits_it_has() {
        assert_eq!(Instant(0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Instant(1_500_000).rfc3339(), "1970-01-01T00:00:01.500Z");
        assert_eq!(Instant(1_000_001).rfc3339(), "1970-01-01T00:00:01.000001Z");
    }

    #[test]
    fn a_held_clock_moves_only_when_told() {
        let clock = Clock::held(Instant(5));
        assert_eq!(clock.now(), Instant(5));
        clock.clone().set(Instant(9));
        assert_eq!(clock.now(), Instant(9));
    }
}
