//! Moments in JSON: RFC 3339 in UTC, written with a `Z`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC that reads and writes RFC 3339.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Instant(pub DateTime<Utc>);

impl Instant {
    /// Reads an RFC 3339 moment in its full form; `None` for anything looser.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // chrono also takes a blank or lower-case `t`, which is no longer RFC 3339's full form.
        let separated = text.as_bytes().get(10) == Some(&b'T');
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        separated.then(|| Self(moment.with_timezone(&Utc)))
    }

    /// The moment as RFC 3339 text.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(moment: DateTime<Utc>) -> Self {
        Self(moment)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 moment"))
    }
}

/// `#[serde(with)]` for a `DateTime<Utc>`.
pub(crate) mod required {
    use super::{DateTime, Deserialize, Deserializer, Instant, Serialize, Serializer, Utc};

    pub(crate) fn serialize<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        Instant(*moment).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        Instant::deserialize(deserializer).map(|instant| instant.0)
    }
}

/// `#[serde(with)]` for an `Option<DateTime<Utc>>`.
pub(crate) mod optional {
    use super::{DateTime, Deserialize, Deserializer, Instant, Serialize, Serializer, Utc};

    pub(crate) fn serialize<S: Serializer>(moment: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
        moment.map(Instant).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
        Option::<Instant>::deserialize(deserializer).map(|instant| instant.map(|i| i.0))
    }
}
