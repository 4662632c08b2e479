//! How she may be reached: the loudest thing on every screen that shows the case. Without terms,
//! nobody reaches out to her.

use chrono::{Datelike, Days, NaiveTime};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::codes::{DroppedCall, Weekday};
use super::phone::e164;
use crate::clock::{DAY, Instant};
use crate::config::calendar::{WEEKDAYS, local};
use crate::input::{At, Fields, FromJson, Json};

/// Terms last this long unless she says otherwise: what was safe last month may not be today.
const LASTS: i64 = 7 * DAY;

/// Her terms.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct SafeContact {
    /// Whether she may be called at all.
    pub may_call: bool,
    /// On which number.
    pub number: Option<String>,
    /// When, in local time.
    pub windows: Vec<Window>,
    /// The words if somebody else answers; none: do not call.
    pub if_another_answers: Option<String>,
    /// Whether a message may be left, in exactly these words.
    pub may_leave_message: bool,
    /// Those words.
    pub message: Option<String>,
    /// Whether she may be texted.
    pub may_text: bool,
    /// The word by which she is known again. It never leaves the hotline.
    pub code_word: Option<String>,
    /// What happens when the line drops.
    pub dropped_call: Option<DroppedCall>,
    /// Whether only a woman may speak to her.
    pub woman_only: bool,
    /// When she last confirmed these terms.
    pub confirmed_at: Option<Instant>,
    /// When they end by themselves.
    pub expires_at: Option<Instant>,
}

/// A weekly stretch of local time; one that ends at or before its beginning runs past midnight.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct Window {
    /// The day it begins.
    pub weekday: Weekday,
    /// From, `HH:MM`.
    pub from: String,
    /// To, `HH:MM`.
    pub to: String,
}

impl FromJson for Window {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let weekday = f.required("weekday");
            let from = f.required_with("from", clock_time);
            let to = f.required_with("to", clock_time);
            Some(Window { weekday: weekday?, from: from?, to: to? })
        })
    }
}

fn clock_time(json: &Json, at: &At<'_>) -> Option<String> {
    at.takes(|| serde_json::json!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}));
    match json {
        Json::Text(text) if text.len() == 5 && NaiveTime::parse_from_str(text, "%H:%M").is_ok() => Some(text.clone()),
        _ => {
            at.problem("not_a_clock_time");
            None
        }
    }
}

impl FromJson for SafeContact {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let terms = SafeContact {
                may_call: f.optional("may_call").unwrap_or(false),
                number: f.text("number", 40),
                windows: f.list("windows"),
                if_another_answers: f.text("if_another_answers", 300),
                may_leave_message: f.optional("may_leave_message").unwrap_or(false),
                message: f.text("message", 300),
                may_text: f.optional("may_text").unwrap_or(false),
                code_word: f.text("code_word", 40),
                dropped_call: f.optional("dropped_call"),
                woman_only: f.optional("woman_only").unwrap_or(false),
                confirmed_at: None,
                expires_at: f.optional("expires_at"),
            };
            if terms.may_call && terms.number.is_none() {
                f.problem("number", "required_to_call");
            }
            if terms.may_leave_message && terms.message.is_none() {
                f.problem("message", "required_to_leave_one");
            }
            Some(terms)
        })
    }
}

impl SafeContact {
    /// The terms as they are kept: confirmed now, ending in a week unless she said when, the
    /// number in its normal form.
    pub fn settled(self, now: Instant, region: &str) -> SafeContact {
        let number = self.number.map(|said| e164(&said, region).unwrap_or(said));
        SafeContact { number, confirmed_at: Some(now), expires_at: self.expires_at.or(Some(now.plus(LASTS))), ..self }
    }

    /// Whether she may be called at this moment: terms that hold, words for whoever answers, and a
    /// window that is open.
    pub fn may_call_at(&self, now: Instant, zone: Tz) -> bool {
        let holds = self.expires_at.is_some_and(|end| now < end);
        let words = self.if_another_answers.is_some();
        self.may_call && holds && words && self.windows.iter().any(|window| window.is_open(now, zone))
    }
}

/// How far ahead a safe moment is looked for: her terms have lapsed long before.
const LOOKED_AHEAD: i64 = 15 * DAY;

impl SafeContact {
    /// The first moment at or after `from` at which she may be called; `None` when there is none
    /// before her terms end.
    pub fn next_safe(&self, from: Instant, zone: Tz) -> Option<Instant> {
        if self.may_call_at(from, zone) {
            return Some(from);
        }
        // A window begins on the minute, so the next safe moment does.
        let today = from.utc().with_timezone(&zone).date_naive();
        let days = (0..=LOOKED_AHEAD / DAY).filter_map(|ahead| today.checked_add_days(Days::new(ahead.unsigned_abs())));
        let starts = days.flat_map(|day| {
            let opens =
                move |window: &Window| Some(local(zone, day, NaiveTime::parse_from_str(&window.from, "%H:%M").ok()?));
            self.windows.iter().filter_map(opens)
        });
        starts.filter(|start| *start >= from && self.may_call_at(*start, zone)).min()
    }
}

impl Window {
    fn is_open(&self, now: Instant, zone: Tz) -> bool {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
        let (Some(from), Some(to)) = (time(&self.from), time(&self.to)) else { return false };
        let here = now.utc().with_timezone(&zone);
        let is_day =
            |day: chrono::Weekday| WEEKDAYS.iter().any(|(known, code)| *known == day && *code == self.weekday.code());
        let clock = here.time();
        if from < to {
            return is_day(here.weekday()) && from <= clock && clock < to;
        }
        (is_day(here.weekday()) && from <= clock) || (is_day(here.weekday().pred()) && clock < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MINUTE;
    use crate::input::{instant, read};

    const ZONE: Tz = Tz::Asia__Ashgabat;

    fn terms(body: &str) -> SafeContact {
        let terms: SafeContact = read(&Json::parse(body.as_bytes()).unwrap()).unwrap();
        terms.settled(at("2026-11-20T10:00:00+05:00"), "TM")
    }

    fn at(text: &str) -> Instant {
        instant(text).unwrap()
    }

    const CALL: &str = r#"{"may_call":true,"number":"65 123456","if_another_answers":"Wrong number, sorry.",
        "windows":[{"weekday":"fri","from":"10:00","to":"12:00"},{"weekday":"sat","from":"22:00","to":"01:00"}]}"#;

    proptest::proptest! {
        #[test]
        fn the_next_safe_moment_is_safe_and_none_is_before_it(
            windows in proptest::collection::vec((0_usize..7, 0_u32..24, 0_u32..24), 0..4),
            later in 0_i64..(9 * 24 * 60),
        ) {
            let windows: Vec<String> = windows
                .iter()
                .map(|(day, from, to)| {
                    format!(r#"{{"weekday":"{}","from":"{from:02}:15","to":"{to:02}:45"}}"#, WEEKDAYS[*day].1)
                })
                .collect();
            let terms = terms(&format!(
                r#"{{"may_call":true,"number":"65 123456","if_another_answers":"x","windows":[{}]}}"#,
                windows.join(",")
            ));
            let from = at("2026-11-20T10:00:00+05:00").plus(later * MINUTE);
            let found = terms.next_safe(from, ZONE);
            let until = found.unwrap_or(from.plus(8 * DAY));
            let minutes = until.since(from) / MINUTE;
            for minute in 0..minutes {
                proptest::prop_assert!(!terms.may_call_at(from.plus(minute * MINUTE), ZONE), "minute {minute} is safe");
            }
            proptest::prop_assert!(found.is_none_or(|found| terms.may_call_at(found, ZONE)));
        }
    }

    #[test]
    fn she_may_be_called_only_inside_the_time_she_gave() {
        let terms = terms(CALL);
        for (when, may) in [
            ("2026-11-20T10:00:00+05:00", true),
            ("2026-11-20T09:59:59+05:00", false),
            ("2026-11-20T12:00:00+05:00", false),
            ("2026-11-21T23:00:00+05:00", true),
            ("2026-11-22T00:59:00+05:00", true),
            ("2026-11-22T01:00:00+05:00", false),
        ] {
            assert_eq!(terms.may_call_at(at(when), ZONE), may, "{when}");
        }
    }

    #[test]
    fn terms_end_after_a_week_and_then_nobody_calls() {
        assert!(!terms(CALL).may_call_at(at("2026-11-27T10:30:00+05:00"), ZONE));
    }

    #[test]
    fn without_words_for_another_who_answers_nobody_calls() {
        let mute = CALL.replace(r#""if_another_answers":"Wrong number, sorry.","#, "");
        assert!(!terms(&mute).may_call_at(at("2026-11-20T10:30:00+05:00"), ZONE));
    }
}
