//! When a service is open: weekly hours in the place's own time, and dates that differ.
//!
//! An interval that ends at or before it begins runs into the next morning (20:00–08:00). A date
//! with exceptions has only the hours they give: its weekly hours are off, and so is what is left
//! of the night before, because a door believed open that is shut does more harm than the
//! reverse.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::{Value, json};
use std::borrow::Cow;

use crate::clock::Instant;
use crate::config::calendar::{WEEKDAYS, local, weekday};
use crate::input::{At, Fields, FromJson, Json, schema_of};

/// How many days ahead the next opening is looked for.
const AHEAD: u64 = 370;

/// Weekly hours and dated exceptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    /// The usual week.
    pub week: Week,
    /// Dates that differ.
    pub exceptions: Vec<Exception>,
}

/// The usual week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Week {
    /// Day and night, every day.
    Always,
    /// At these times.
    At(Vec<Weekly>),
}

impl Default for Week {
    /// Never open.
    fn default() -> Self {
        Week::At(Vec::new())
    }
}

/// One line of a door sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// The days on which it opens.
    pub days: Vec<Weekday>,
    /// From when to when.
    pub time: Interval,
}

/// Local times of a day; `to` at or before `from` means the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Open from this minute on.
    pub from: NaiveTime,
    /// Closed from this minute on.
    pub to: NaiveTime,
}

/// A date that differs from its weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// Which day.
    pub date: NaiveDate,
    /// Its hours; `None` is closed. A date may stand here several times.
    pub time: Option<Interval>,
}

impl Hours {
    /// Day and night.
    pub fn always() -> Hours {
        Hours { week: Week::Always, exceptions: Vec::new() }
    }

    /// True if it is open at this moment.
    pub fn open_at(&self, at: Instant, zone: Tz) -> bool {
        let today = at.utc().with_timezone(&zone).date_naive();
        let yesterday = today.checked_sub_days(Days::new(1));
        let mut near = yesterday.into_iter().chain([today]).flat_map(|day| self.spans(day, zone));
        near.any(|(opens, closes)| opens <= at && at < closes)
    }

    /// When it opens next. `None` if it is open now, or does not open within a year.
    pub fn next_opening(&self, at: Instant, zone: Tz) -> Option<Instant> {
        if self.open_at(at, zone) {
            return None;
        }
        let today = at.utc().with_timezone(&zone).date_naive();
        (0..AHEAD)
            .filter_map(|ahead| today.checked_add_days(Days::new(ahead)))
            .find_map(|day| self.spans(day, zone).into_iter().map(|(opens, _)| opens).filter(|opens| *opens > at).min())
    }

    /// The stretches of time that begin on a day.
    fn spans(&self, day: NaiveDate, zone: Tz) -> Vec<(Instant, Instant)> {
        let midnight = |ahead| local(zone, day.checked_add_days(Days::new(ahead)).unwrap_or(day), NaiveTime::MIN);
        let next_day_differs = day.checked_add_days(Days::new(1)).is_some_and(|next| self.differs(next));
        let span = |time: Interval| {
            let opens = local(zone, day, time.from);
            if time.to > time.from {
                return (opens, local(zone, day, time.to));
            }
            let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
            (opens, if next_day_differs { midnight(1) } else { local(zone, next, time.to) })
        };
        if self.differs(day) {
            let own = self.exceptions.iter().filter(|exception| exception.date == day);
            return own.filter_map(|exception| exception.time).map(span).collect();
        }
        match &self.week {
            Week::Always => vec![(midnight(0), midnight(1))],
            Week::At(lines) => {
                lines.iter().filter(|line| line.days.contains(&day.weekday())).map(|line| span(line.time)).collect()
            }
        }
    }

    fn differs(&self, day: NaiveDate) -> bool {
        self.exceptions.iter().any(|exception| exception.date == day)
    }
}

fn schema_of_hours() -> Value {
    json!({"anyOf": [{"const": "24/7"}, schema_of::<Vec<Weekly>>()]})
}

impl Week {
    /// Reads `"24/7"` or a list of lines.
    pub fn read(json: &Json, at: &At<'_>) -> Option<Week> {
        at.takes(schema_of_hours);
        match json {
            Json::Text(text) if text == "24/7" => Some(Week::Always),
            Json::List(_) => Vec::from_json(json, at).map(Week::At),
            _ => {
                at.problem("not_hours");
                None
            }
        }
    }
}

/// `HH:MM` and nothing else; `24:00` is midnight at the end of the day.
pub(super) fn time(json: &Json, at: &At<'_>) -> Option<NaiveTime> {
    at.takes(|| json!({"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}));
    let read = match json {
        Json::Text(text) if text == "24:00" => Some(NaiveTime::MIN),
        Json::Text(text) if text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit() || b == b':') => {
            NaiveTime::parse_from_str(text, "%H:%M").ok()
        }
        _ => None,
    };
    if read.is_none() {
        at.problem("not_a_time_of_day");
    }
    read
}

fn interval(f: &Fields<'_>) -> Option<Interval> {
    let (from, to) = (f.required_with("from", time), f.required_with("to", time));
    Some(Interval { from: from?, to: to? })
}

struct Day(Weekday);

impl FromJson for Day {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        at.takes(|| json!({"type": "string", "enum": WEEKDAYS.map(|(_, code)| code)}));
        let read = match json {
            Json::Text(code) => weekday(code).map(Day),
            _ => None,
        };
        if read.is_none() {
            at.problem_allowing("not_allowed", Some(WEEKDAYS.iter().map(|(_, code)| (*code).to_owned()).collect()));
        }
        read
    }
}

impl FromJson for Weekly {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let days: Option<Vec<Day>> = f.required("days");
            let time = interval(f);
            Some(Weekly { days: days?.into_iter().map(|day| day.0).collect(), time: time? })
        })
    }
}

impl FromJson for Exception {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let date = f.required("date");
            let closed = f.optional("closed").unwrap_or(false);
            let (from, to) = (f.with("from", time), f.with("to", time));
            if closed && !f.has("from") && !f.has("to") {
                return Some(Exception { date: date?, time: None });
            }
            if closed {
                f.problem("closed", "contradicts_hours");
            } else {
                for name in ["from", "to"].into_iter().filter(|name| !f.has(name)) {
                    f.problem(name, "required");
                }
            }
            Some(Exception { date: date?, time: Some(Interval { from: from?, to: to? }) })
        })
    }
}

pub(super) fn hhmm(time: NaiveTime) -> String {
    time.format("%H:%M").to_string()
}

impl JsonSchema for Week {
    fn schema_name() -> Cow<'static, str> {
        "Week".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(schema_of_hours()).unwrap_or_default()
    }
}

impl JsonSchema for Exception {
    fn schema_name() -> Cow<'static, str> {
        "Exception".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(schema_of::<Exception>()).unwrap_or_default()
    }
}

impl Serialize for Week {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Week::Always => to.serialize_str("24/7"),
            Week::At(lines) => to.collect_seq(lines),
        }
    }
}

impl Serialize for Weekly {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let code = |day: &Weekday| WEEKDAYS.iter().find(|(known, _)| known == day).map_or("", |(_, code)| code);
        let days: Vec<&str> = self.days.iter().map(code).collect();
        let mut line = to.serialize_struct("Weekly", 3)?;
        line.serialize_field("days", &days)?;
        line.serialize_field("from", &hhmm(self.time.from))?;
        line.serialize_field("to", &hhmm(self.time.to))?;
        line.end()
    }
}

impl Serialize for Exception {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut line = to.serialize_struct("Exception", 3)?;
        line.serialize_field("date", &self.date)?;
        match self.time {
            None => line.serialize_field("closed", &true)?,
            Some(time) => {
                line.serialize_field("from", &hhmm(time.from))?;
                line.serialize_field("to", &hhmm(time.to))?;
            }
        }
        line.end()
    }
}
