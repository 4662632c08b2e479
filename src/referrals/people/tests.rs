use std::cmp::Ordering;

use chrono::{Datelike, NaiveTime, Timelike, Weekday};
use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::prelude::*;

use super::model::Helper;
use super::suggest::{Ask, Near, Suggestion, rank};
use super::{Duty, Presence};
use crate::clock::{DAY, Instant, MINUTE};
use crate::config::Config;
use crate::config::calendar::WEEKDAYS;
use crate::contacts::codes::Language;
use crate::directory::{Areas, Interval, Week, Weekly};
use crate::input::{Json, instant, read};

const ZONE: Tz = Tz::Asia__Ashgabat;
const PLACES: [&str; 5] = ["TM", "TM-M", "TM-M-BAY", "TM-L", "TM-A"];

fn areas() -> Areas {
    Areas::load(&Config::defaults("/tmp".as_ref()).unwrap()).unwrap()
}

fn weekly() -> impl Strategy<Value = Weekly> {
    let day = prop::sample::select(WEEKDAYS.map(|(day, _)| day).to_vec());
    let time = || (0_u32..24, prop::sample::select(vec![0_u32, 15, 59]));
    let clock = |(hour, minute)| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
    (vec(day, 0..4), time(), time())
        .prop_map(move |(days, from, to)| Weekly { days, time: Interval { from: clock(from), to: clock(to) } })
}

fn duty() -> impl Strategy<Value = Duty> {
    let hours = prop_oneof![1 => Just(Week::Always), 9 => vec(weekly(), 0..4).prop_map(Week::At)];
    let areas = vec(prop::sample::select(PLACES.to_vec()), 0..3);
    let languages = vec(prop::sample::select(Language::ALL.to_vec()), 0..3);
    let few = prop::option::of(0_i64..4);
    (areas, languages, hours, any::<bool>(), few).prop_map(|(areas, languages, hours, on_call, caseload)| {
        let areas = areas.into_iter().map(str::to_owned).collect();
        Duty { areas, languages, hours, on_call, caseload }
    })
}

fn helpers() -> impl Strategy<Value = Vec<Helper>> {
    vec((duty(), 0_i64..5), 0..8).prop_map(|all| {
        let helper = |(number, (duty, held)): (usize, (Duty, i64))| {
            let name = format!("co-{number:02}");
            Helper { id: name.clone(), reference: name.clone(), name, limit: duty.caseload.unwrap_or(3), duty, held }
        };
        all.into_iter().enumerate().map(helper).collect()
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let area = prop::option::of(prop::sample::select(PLACES.to_vec()));
    let language = prop::option::of(prop::sample::select(Language::ALL.to_vec()));
    (area, language, moment()).prop_map(|(area, language, now)| Ask { area: area.map(str::to_owned), language, now })
}

/// A minute of three weeks.
fn moment() -> impl Strategy<Value = Instant> {
    (0..21 * DAY / MINUTE).prop_map(|minute| instant("2026-11-20T00:00:00+05:00").unwrap().plus(minute * MINUTE))
}

/// What a wall clock and a door sign say, minute by minute.
fn is_on(hours: &Week, now: Instant) -> bool {
    let Week::At(lines) = hours else { return true };
    let here = now.utc().with_timezone(&ZONE);
    let clock = here.hour() * 60 + here.minute();
    let minutes = |time: NaiveTime| time.hour() * 60 + time.minute();
    let on = |line: &Weekly, day: Weekday| line.days.contains(&day);
    lines.iter().any(|line| {
        let (from, to) = (minutes(line.time.from), minutes(line.time.to));
        let today = on(line, here.weekday());
        match from < to {
            true => today && from <= clock && clock < to,
            false => today && from <= clock || on(line, here.weekday().pred()) && clock < to,
        }
    })
}

/// The first thing that speaks for one of two, as the house's rule lists them.
fn compared(a: &Suggestion, b: &Suggestion) -> Ordering {
    let free = |one: &Suggestion| one.helper.held < one.helper.limit;
    let at_work = |one: &Suggestion| match one.presence {
        Presence::OnDuty => 2,
        Presence::OnCall => 1,
        Presence::OffDuty => 0,
    };
    let near = |one: &Suggestion| match one.near {
        Near::SameDistrict => 4,
        Near::SameProvince => 3,
        Near::Everywhere => 2,
        Near::Unknown => 1,
        Near::Elsewhere => 0,
    };
    let speaks = |one: &Suggestion| match one.speaks_hers {
        Some(true) => 2,
        None => 1,
        Some(false) => 0,
    };
    // The better one first.
    free(b)
        .cmp(&free(a))
        .then(at_work(b).cmp(&at_work(a)))
        .then(near(b).cmp(&near(a)))
        .then(speaks(b).cmp(&speaks(a)))
        .then(a.helper.held.cmp(&b.helper.held))
        .then(a.helper.name.cmp(&b.helper.name))
}

proptest! {
    #[test]
    fn who_is_on_duty_is_what_the_sign_says_and_the_next_shift_is_the_next(duty in duty(), now in moment()) {
        let on = is_on(&duty.hours, now);
        let presence = duty.presence(now, ZONE);
        prop_assert_eq!(presence == Presence::OnDuty, on);
        prop_assert_eq!(presence == Presence::OnCall, !on && duty.on_call);
        let next = duty.next_on_duty(now, ZONE);
        prop_assert!(!on || next.is_none());
        let until = next.unwrap_or(now.plus(8 * DAY));
        if !on {
            let first = (0..until.since(now) / MINUTE).find(|minute| is_on(&duty.hours, now.plus(minute * MINUTE)));
            prop_assert_eq!(first, None, "somebody comes sooner");
        }
        prop_assert!(next.is_none_or(|next| is_on(&duty.hours, next)));
    }

    #[test]
    fn everybody_is_suggested_once_the_better_first_whatever_the_order_of_asking(
        ask in ask(),
        (helpers, shuffled) in helpers().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let (areas, many) = (areas(), helpers.len());
        let names = |all: &[Suggestion]| all.iter().map(|one| one.helper.name.clone()).collect::<Vec<_>>();
        let ranked = rank(&ask, helpers, &areas, ZONE);
        let again = rank(&ask, shuffled, &areas, ZONE);
        prop_assert_eq!(names(&ranked), names(&again));
        prop_assert_eq!(ranked.len(), many);
        for pair in ranked.windows(2) {
            prop_assert_eq!(compared(&pair[0], &pair[1]), Ordering::Less, "{:?}", pair);
        }
    }

    #[test]
    fn a_duty_is_read_as_it_was_written(duty in duty()) {
        let written = serde_json::to_string(&duty).unwrap();
        prop_assert_eq!(read::<Duty>(&Json::parse(written.as_bytes()).unwrap()).unwrap(), duty);
    }
}

#[test]
fn how_near_somebody_is_follows_from_the_areas_they_serve() {
    let near = |hers: Option<&str>, served: &[&str]| {
        let duty = Duty { areas: served.iter().map(|code| (*code).to_owned()).collect(), ..Duty::default() };
        let helper = |duty| Helper { id: "".into(), reference: "".into(), name: "".into(), duty, held: 0, limit: 1 };
        let ask = Ask { area: hers.map(str::to_owned), language: None, now: Instant(0) };
        rank(&ask, vec![helper(duty)], &areas(), ZONE)[0].near
    };
    for (hers, served, expected) in [
        (Some("TM-M-BAY"), vec!["TM-L", "TM-M-BAY"], Near::SameDistrict),
        (Some("TM-M-BAY"), vec!["TM-M"], Near::SameProvince),
        (Some("TM-M-BAY"), vec!["TM", "TM-L"], Near::Everywhere),
        (Some("TM-M-BAY"), vec![], Near::Everywhere),
        (Some("TM-M-BAY"), vec!["TM-L"], Near::Elsewhere),
        (None, vec!["TM-L"], Near::Unknown),
        (None, vec![], Near::Everywhere),
    ] {
        assert_eq!(near(hers, &served), expected, "{hers:?} {served:?}");
    }
}
