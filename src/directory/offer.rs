//! The parts of what a service offers: whom it takes, what it has, how much is free, where letters
//! go. Each is read by one strict reader, from a request body, from the sample file and from its
//! column alike.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::codes::{CapacityUnit, EndpointChannel, Sex};
use serde_json::{Value, json};

use crate::input::{self, At, Fields, FromJson, Json, clean};

/// The oldest age a limit may name.
const OLDEST: i64 = 120;
/// More than this of anything is a slip.
const MOST: i64 = 100_000;

/// Who may come. What is left out is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Eligibility {
    /// Only these; empty means anyone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sexes: Vec<Sex>,
    /// Youngest, in years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_min: Option<i64>,
    /// Oldest, in years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_max: Option<i64>,
    /// Whether she may bring children.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<bool>,
    /// Whether it can care for a person with a disability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disability: Option<bool>,
}

impl FromJson for Eligibility {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let eligibility = Eligibility {
                sexes: f.list("sexes"),
                age_min: f.whole("age_min", 0..=OLDEST),
                age_max: f.whole("age_max", 0..=OLDEST),
                children: f.optional("children"),
                disability: f.optional("disability"),
            };
            if let (Some(min), Some(max)) = (eligibility.age_min, eligibility.age_max)
                && min > max
            {
                f.problem("age_max", "below_minimum");
            }
            Some(eligibility)
        })
    }
}

/// What must be on the shelf within hours of an assault. Absent means nobody said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stock {
    /// HIV prophylaxis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pep: Option<bool>,
    /// Emergency contraception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency_contraception: Option<bool>,
}

impl FromJson for Stock {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            Some(Stock { pep: f.optional("pep"), emergency_contraception: f.optional("emergency_contraception") })
        })
    }
}

/// How much a service said was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// It does not run out.
    Unlimited,
    /// What was stated.
    Stated {
        /// What is counted.
        unit: CapacityUnit,
        /// Free when it was stated.
        available: i32,
        /// Of how many.
        maximum: i32,
    },
}

impl Capacity {
    /// What is free now: stated minus accepted since it was stated, never below zero. `None` is
    /// without limit. An acceptance counts while it stands: one that failed gives its place back.
    pub fn free(self, accepted_since: i64) -> Option<i64> {
        match self {
            Capacity::Unlimited => None,
            Capacity::Stated { available, .. } => Some((i64::from(available) - accepted_since.max(0)).max(0)),
        }
    }
}

impl FromJson for Capacity {
    /// `{"unlimited": true}`, or `unit`, `available` and `maximum`.
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        at.takes(capacity_schema);
        Fields::of(json, at, |f| {
            let unlimited = f.optional("unlimited").unwrap_or(false);
            let (unit, counts) = (f.optional("unit"), Counts::read(f));
            if unlimited {
                for name in ["unit", "available", "maximum"].into_iter().filter(|name| f.has(name)) {
                    f.problem(name, "contradicts_unlimited");
                }
                return Some(Capacity::Unlimited);
            }
            for name in ["unit", "available", "maximum"].into_iter().filter(|name| !f.has(name)) {
                f.problem(name, "required");
            }
            let counts = counts?;
            Some(Capacity::Stated { unit: unit?, available: counts.available, maximum: counts.maximum })
        })
    }
}

fn capacity_schema() -> Value {
    let (unit, count) = (input::schema_of::<CapacityUnit>(), json!({"type": "integer", "minimum": 0, "maximum": MOST}));
    json!({"anyOf": [
        {"type": "object", "properties": {"unlimited": {"const": true}}, "required": ["unlimited"], "additionalProperties": false},
        {
            "type": "object",
            "properties": {"unlimited": {"const": false}, "unit": unit, "available": count, "maximum": count},
            "required": ["unit", "available", "maximum"],
            "additionalProperties": false,
        },
    ]})
}

impl JsonSchema for Capacity {
    fn schema_name() -> Cow<'static, str> {
        "Capacity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (unit, count) = (input::schema_of::<CapacityUnit>(), json!({"type": "integer", "minimum": 0}));
        json_schema!({
            "type": "object",
            "properties": {"unlimited": {"const": true}, "unit": unit, "available": count, "maximum": count},
        })
    }
}

impl Serialize for Capacity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut capacity = to.serialize_struct("Capacity", 3)?;
        match self {
            Capacity::Unlimited => capacity.serialize_field("unlimited", &true)?,
            Capacity::Stated { unit, available, maximum } => {
                capacity.serialize_field("unit", unit)?;
                capacity.serialize_field("available", available)?;
                capacity.serialize_field("maximum", maximum)?;
            }
        }
        capacity.end()
    }
}

/// What a service says when it states how much is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Free now.
    pub available: i32,
    /// Of how many.
    pub maximum: i32,
}

impl Counts {
    /// `None` also where a member is absent: who needs them says so.
    fn read(f: &Fields<'_>) -> Option<Counts> {
        let count = |name| f.whole(name, 0..=MOST).and_then(|count| i32::try_from(count).ok());
        let (available, maximum) = (count("available"), count("maximum"));
        if let (Some(available), Some(maximum)) = (available, maximum)
            && available > maximum
        {
            f.problem("available", "above_maximum");
        }
        Some(Counts { available: available?, maximum: maximum? })
    }
}

impl FromJson for Counts {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let counts = Counts::read(f);
            f.needs(["available", "maximum"]);
            counts
        })
    }
}

/// An address somebody gave. Numbers are not yet in their international form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Address {
    /// How it is used.
    pub channel: EndpointChannel,
    /// A mail address, an https URL, a phone number, or words.
    pub address: String,
}

impl FromJson for Address {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let channel = f.required("channel");
            let address = f.required_text("address", 254);
            let read = Address { channel: channel?, address: address? };
            if let Err(code) = read.check() {
                f.problem("address", code);
            }
            Some(read)
        })
    }
}

impl Address {
    /// Errors: the problem's code.
    fn check(&self) -> Result<(), &'static str> {
        match self.channel {
            EndpointChannel::Email if !is_mail_address(&self.address) => Err("not_a_mail_address"),
            EndpointChannel::Webhook if !is_https(&self.address) => Err("not_an_https_url"),
            _ => Ok(()),
        }
    }
}

/// Plain addresses only: no quotes, comments or names around them. What a mail server may refuse is
/// not known here; what could break a header is.
pub(super) fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let local_fits = (1..=64).contains(&local.len())
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&b))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 254 && local_fits && domain.contains('.') && domain.split('.').all(label_fits)
}

/// https, a host, and no name or password before it. Whether the host may be called is judged when
/// it is called.
fn is_https(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !host.contains('@') && text.bytes().all(|b| b.is_ascii_graphic())
    })
}

/// Somebody at the service who can be asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FocalPoint {
    /// How to ask for them: a name or a post.
    pub name: String,
    /// Their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl FromJson for FocalPoint {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let name = f.required_text("name", 80);
            let phone = f.text("phone", 32);
            Some(FocalPoint { name: name?, phone })
        })
    }
}

/// A number in its international form (E.164), whatever local spelling it came in. `region` is the
/// ISO 3166-1 code that local spellings mean.
pub(super) fn e164(region: &str, text: &str) -> Option<String> {
    let text = clean(text, 32).ok()?;
    let number = phonenumber::parse(region.parse().ok(), &text).ok()?;
    Some(number.format().mode(phonenumber::Mode::E164).to_string())
}
