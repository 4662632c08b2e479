use chrono_tz::Tz;
use proptest::prelude::*;

use crate::clock::{HOUR, Instant, MINUTE, SECOND};
use crate::directory::Hours;
use crate::input::{At, Fields, FromJson, Json, read};

const ZONE: Tz = Tz::Asia__Ashgabat;

struct Sign(Hours);
impl FromJson for Sign {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, Hours::read).map(Sign)
    }
}

fn hours(body: &str) -> Hours {
    read::<Sign>(&Json::parse(body.as_bytes()).unwrap()).unwrap().0
}

fn office() -> Hours {
    hours(
        r#"{"hours":[{"days":["mon","tue","wed","thu","fri"],"from":"09:00","to":"18:00"},{"days":["sat"],"from":"09:00","to":"13:00"}],
            "exceptions":[{"date":"2026-12-11","closed":true},{"date":"2026-12-12","from":"10:00","to":"11:00"},{"date":"2026-12-12","from":"15:00","to":"16:00"}]}"#,
    )
}

fn nights() -> Hours {
    hours(
        r#"{"hours":[{"days":["mon","tue","wed","thu","fri","sat","sun"],"from":"20:00","to":"08:00"}],
            "exceptions":[{"date":"2026-12-12","closed":true}]}"#,
    )
}

/// A local time of December 2026, when the 7th is a Monday.
fn at(local: &str) -> Instant {
    crate::input::instant(&format!("2026-12-{local}:00+05:00")).unwrap()
}

fn open(hours: &Hours, local: &str) -> bool {
    hours.open_at(at(local), ZONE)
}

fn next(hours: &Hours, local: &str) -> Option<String> {
    let opens = hours.next_opening(at(local), ZONE)?;
    Some(opens.utc().with_timezone(&ZONE).format("%d %H:%M").to_string())
}

#[test]
fn an_office_opens_and_closes_to_the_minute_in_local_time() {
    let office = office();
    assert!(!open(&office, "07T08:59"));
    assert!(open(&office, "07T09:00"));
    assert!(open(&office, "07T17:59"));
    assert!(office.open_at(at("07T18:00").plus(-SECOND), ZONE));
    assert!(!open(&office, "07T18:00"));
    assert!(!open(&office, "05T13:00"));
    assert!(!open(&office, "06T12:00"), "a Sunday");
    assert!(!office.open_at(at("07T12:00"), Tz::America__New_York), "two in the morning there");
}

#[test]
fn an_exception_takes_the_place_of_its_weekday() {
    let office = office();
    assert!(!open(&office, "11T12:00"));
    assert!(open(&office, "12T10:30"));
    assert!(!open(&office, "12T12:00"), "a Saturday's usual hours are off");
    assert!(open(&office, "12T15:59"));
}

#[test]
fn the_next_opening_steps_over_weekends_and_closed_days() {
    let office = office();
    assert_eq!(next(&office, "07T03:00").as_deref(), Some("07 09:00"));
    assert_eq!(next(&office, "05T13:00").as_deref(), Some("07 09:00"));
    assert_eq!(next(&office, "10T18:00").as_deref(), Some("12 10:00"));
    assert_eq!(next(&office, "12T11:00").as_deref(), Some("12 15:00"));
    assert_eq!(next(&office, "07T09:00"), None, "it is open");
    assert_eq!(next(&hours(r#"{"hours":[]}"#), "07T09:00"), None, "it never opens");
}

#[test]
fn a_night_runs_into_the_morning() {
    let nights = nights();
    assert!(open(&nights, "07T20:00"));
    assert!(open(&nights, "07T23:59"));
    assert!(open(&nights, "08T00:00"));
    assert!(open(&nights, "08T07:59"));
    assert!(!open(&nights, "08T08:00"));
    assert_eq!(next(&nights, "08T08:00").as_deref(), Some("08 20:00"));
}

#[test]
fn a_closed_day_is_closed_from_midnight_to_midnight() {
    let nights = nights();
    assert!(open(&nights, "11T23:59"));
    assert!(!open(&nights, "12T00:00"), "the night before ends");
    assert!(!open(&nights, "12T21:00"));
    assert!(!open(&nights, "13T07:00"), "no night began");
    assert_eq!(next(&nights, "12T00:00").as_deref(), Some("13 20:00"));
}

#[test]
fn day_and_night_has_closed_days_too() {
    let always = hours(r#"{"hours":"24/7","exceptions":[{"date":"2026-12-12","closed":true}]}"#);
    assert!(open(&always, "11T23:59") && !open(&always, "12T00:00") && open(&always, "13T00:00"));
    assert_eq!(next(&always, "12T12:00").as_deref(), Some("13 00:00"));
}

#[test]
fn from_midnight_to_midnight_is_a_whole_day() {
    let monday = hours(r#"{"hours":[{"days":["mon"],"from":"00:00","to":"24:00"}]}"#);
    assert!(open(&monday, "07T00:00") && open(&monday, "07T23:59"));
    assert!(!open(&monday, "06T23:59") && !open(&monday, "08T00:00"));
}

#[test]
fn a_sign_that_cannot_be_read_is_refused() {
    for wrong in [
        r#"{}"#,
        r#"{"hours":"always"}"#,
        r#"{"hours":[{"days":["mon"],"from":"9:00","to":"18:00"}]}"#,
        r#"{"hours":[{"days":["mon"],"from":"09:00","to":"24:01"}]}"#,
        r#"{"hours":[{"days":["monday"],"from":"09:00","to":"18:00"}]}"#,
        r#"{"hours":[{"days":["mon"],"from":"09:00"}]}"#,
        r#"{"hours":"24/7","exceptions":[{"date":"2026-12-12"}]}"#,
        r#"{"hours":"24/7","exceptions":[{"date":"2026-12-12","closed":true,"from":"09:00","to":"10:00"}]}"#,
        r#"{"hours":"24/7","exceptions":[{"date":"2026-02-30","closed":true}]}"#,
    ] {
        assert!(read::<Sign>(&Json::parse(wrong.as_bytes()).unwrap()).is_err(), "{wrong}");
    }
}

fn any_hours() -> impl Strategy<Value = Hours> {
    let line = (
        proptest::sample::subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 0..=7),
        0u32..48,
        0u32..48,
    );
    let clock = |half: u32| format!("{:02}:{:02}", half / 2, half % 2 * 30);
    let exception = (1u32..29, proptest::option::of((0u32..48, 0u32..48)));
    let parts =
        (proptest::option::of(proptest::collection::vec(line, 0..4)), proptest::collection::vec(exception, 0..4));
    parts.prop_map(move |(lines, exceptions)| {
        let week = lines.map(|lines| {
            let line = |(days, from, to)| serde_json::json!({"days": days, "from": clock(from), "to": clock(to)});
            lines.into_iter().map(line).collect::<Vec<_>>()
        });
        let exception = |(day, time): (u32, Option<(u32, u32)>)| match time {
            None => serde_json::json!({"date": format!("2026-12-{day:02}"), "closed": true}),
            Some((from, to)) => {
                serde_json::json!({"date": format!("2026-12-{day:02}"), "from": clock(from), "to": clock(to)})
            }
        };
        let week = week.map_or(serde_json::json!("24/7"), serde_json::Value::from);
        let exceptions: Vec<_> = exceptions.into_iter().map(exception).collect();
        hours(&serde_json::json!({"hours": week, "exceptions": exceptions}).to_string())
    })
}

proptest! {
    #[test]
    fn it_is_open_when_it_next_opens_and_not_a_moment_before(hours in any_hours(), start in 0i64..30 * 24 * 60) {
        let from = at("01T00:00").plus(start * MINUTE);
        if let Some(opens) = hours.next_opening(from, ZONE) {
            prop_assert!(!hours.open_at(from, ZONE));
            prop_assert!(hours.open_at(opens, ZONE), "opens at {opens}");
            prop_assert!(opens > from);
            let mut before = from;
            while before < opens.plus(-1) && opens.since(before) < 4 * 24 * HOUR {
                prop_assert!(!hours.open_at(before, ZONE), "open at {before}, but said to open at {opens}");
                before = before.plus(15 * MINUTE);
            }
        }
    }

    #[test]
    fn what_is_written_of_hours_is_read_back(hours in any_hours()) {
        let written = serde_json::json!({"hours": hours.week, "exceptions": hours.exceptions}).to_string();
        prop_assert_eq!(super::hours::hours(&written), hours);
    }
}
