//! When a service is open, in HSDS's language of schedules: weekly hours, single dates and "24/7".

use chrono::NaiveDate;
use serde_json::json;

use super::{implied, items, left_out, unread};
use crate::config::calendar::WEEKDAYS;
use crate::directory::hours::{self, Exception, Hours, Interval, Week, Weekly};
use crate::directory::hsds::ALWAYS;
use crate::input::{At, Fields, Json, LONGEST_LIST, text};

/// Hours, and what of their schedules is not kept.
type Schedules = (Hours, Vec<&'static str>);

/// What a schedule says.
enum Opening {
    Always,
    Weekly(Weekly),
    Dated(Exception),
}

pub(super) fn schedules(json: &Json, at: &At<'_>) -> Option<Schedules> {
    at.takes(|| json!({"type": "array", "items": {"type": "object"}, "maxItems": 2 * LONGEST_LIST}));
    let read = items(json, at, 2 * LONGEST_LIST, schedule)?;
    let left_out = if read.iter().any(|(_, whole)| !whole) { vec!["schedules"] } else { Vec::new() };
    let (mut weekly, mut exceptions, mut always) = (Vec::new(), Vec::new(), false);
    for (opening, _) in read {
        match opening {
            Opening::Always => always = true,
            Opening::Weekly(line) => weekly.push(line),
            Opening::Dated(exception) => exceptions.push(exception),
        }
    }
    if always && !weekly.is_empty() {
        at.problem("contradicts_always");
    }
    if weekly.len() > LONGEST_LIST || exceptions.len() > LONGEST_LIST {
        at.problem("too_many");
    }
    let week = if always { Week::Always } else { Week::At(weekly) };
    Some((Hours { week, exceptions }, left_out))
}

/// One schedule, and whether it says nothing that is not kept. A rule of iCalendar that is more
/// than weekly hours or one date is a fault: without it, a door that is shut would seem open.
fn schedule(json: &Json, at: &At<'_>) -> Option<(Opening, bool)> {
    Fields::of(json, at, |f| {
        implied(f, &["id", "service_id", "location_id", "service_at_location_id", "wkst"]);
        let whole = left_out(f, &["timezone", "schedule_link", "attending_type", "notes", "attributes", "metadata"]);
        for name in ["dtstart", "until", "count", "byweekno", "bymonthday", "byyearday"] {
            if unread(f, name) {
                f.problem(name, "not_weekly_hours");
            }
        }
        if f.whole("interval", 1..=1000).is_some_and(|weeks| weeks != 1) {
            f.problem("interval", "not_weekly_hours");
        }
        let freq = f.with("freq", |json, at| {
            let weekly = *json == Json::Text("WEEKLY".to_owned());
            if !weekly {
                at.problem("not_weekly_hours");
            }
            Some(())
        });
        let (from, to) = (f.optional::<NaiveDate>("valid_from"), f.optional::<NaiveDate>("valid_to"));
        let (days, words) = (f.with("byday", days), f.with("description", |json, at| text(json, at, 10_000)));
        let time = interval(f);
        let opening = match (freq, from, to) {
            (Some(()), None, None) => {
                let line = Weekly { days: days.unwrap_or_default(), time: required(f, time)? };
                if words.as_deref() == Some(ALWAYS) { Opening::Always } else { Opening::Weekly(line) }
            }
            (None, Some(from), Some(to)) if from == to => Opening::Dated(Exception { date: from, time }),
            _ => {
                f.problem("valid_from", "not_weekly_hours");
                return None;
            }
        };
        let said = words.is_none_or(|words| words == ALWAYS || words == "closed");
        Some((opening, whole.is_empty() && said))
    })
}

fn required(f: &Fields<'_>, time: Option<Interval>) -> Option<Interval> {
    if time.is_none() {
        f.needs(["opens_at", "closes_at"]);
    }
    time
}

/// `None` where it is shut, or a problem was told.
fn interval(f: &Fields<'_>) -> Option<Interval> {
    let (from, to) = (f.with("opens_at", clock), f.with("closes_at", clock));
    if f.has("opens_at") != f.has("closes_at") {
        f.needs(["opens_at", "closes_at"]);
    }
    Some(Interval { from: from?, to: to? })
}

/// `HH:MM` or `HH:MM:00`.
fn clock(json: &Json, at: &At<'_>) -> Option<chrono::NaiveTime> {
    match json {
        Json::Text(text) if text.len() == 8 => {
            let minutes = text.strip_suffix(":00").unwrap_or(text);
            hours::time(&Json::Text(minutes.to_owned()), at)
        }
        json => hours::time(json, at),
    }
}

fn days(json: &Json, at: &At<'_>) -> Option<Vec<chrono::Weekday>> {
    let day = |code: &str| {
        let short =
            |known: &&(chrono::Weekday, &str)| known.1.get(..2).is_some_and(|two| two.eq_ignore_ascii_case(code));
        WEEKDAYS.iter().find(short).map(|(day, _)| *day)
    };
    let read: Option<Vec<chrono::Weekday>> = match json {
        Json::Text(text) if text.len() <= 3 * LONGEST_LIST => text.split(',').map(|code| day(code.trim())).collect(),
        _ => None,
    };
    if read.is_none() {
        at.problem("not_weekly_hours");
    }
    read.filter(|days| days.len() <= LONGEST_LIST)
}
