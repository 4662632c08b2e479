//! Service hours, and targets that may count only those.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;

use crate::clock::{DAY, HOUR, Instant, MINUTE};

/// `[calendar]`: when the services that answer letters are at work.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    days: Vec<Day>,
    from: Time,
    to: Time,
    holidays: Vec<Holiday>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Day(Weekday);

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Time(NaiveTime);

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Holiday(NaiveDate);

/// The weekday of `mon` to `sun`.
pub fn weekday(code: &str) -> Option<Weekday> {
    let (day, _) = WEEKDAYS.iter().find(|(_, known)| *known == code)?;
    Some(*day)
}

/// Weekdays and their codes, Monday first.
pub const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Mon, "mon"),
    (Weekday::Tue, "tue"),
    (Weekday::Wed, "wed"),
    (Weekday::Thu, "thu"),
    (Weekday::Fri, "fri"),
    (Weekday::Sat, "sat"),
    (Weekday::Sun, "sun"),
];

impl TryFrom<String> for Day {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        weekday(&code).map(Day).ok_or_else(|| "a day is one of mon tue wed thu fri sat sun".into())
    }
}

impl TryFrom<String> for Time {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        NaiveTime::parse_from_str(&text, "%H:%M").map(Time).map_err(|_| "a time is HH:MM".into())
    }
}

impl TryFrom<String> for Holiday {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        crate::input::date(&text).map(Holiday).ok_or_else(|| "a date is YYYY-MM-DD".into())
    }
}

/// How soon something must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Target {
    /// Plain time, in microseconds.
    Elapsed(i64),
    /// Time inside service hours, in microseconds.
    ServiceTime(i64),
    /// By the close of the nth working day after today.
    WorkingDays(u32),
}

impl TryFrom<String> for Target {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || "a target is a number and one of: min, h, d, service h, working d".to_owned();
        let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let many = i64::from(number);
        match unit {
            "min" => Ok(Target::Elapsed(many * MINUTE)),
            "h" => Ok(Target::Elapsed(many * HOUR)),
            "d" => Ok(Target::Elapsed(many * DAY)),
            "service h" => Ok(Target::ServiceTime(many * HOUR)),
            "working d" => Ok(Target::WorkingDays(number)),
            _ => Err(wrong()),
        }
    }
}

/// One level's targets.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelTargets {
    /// From issue to claim.
    pub claimed: Target,
    /// From issue to acceptance.
    pub accepted: Target,
    /// From issue to the first service contact.
    pub started: Target,
}

/// `[targets]`; a level that is not assessed uses those of High.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Critical.
    pub critical: LevelTargets,
    /// High, and not yet assessed.
    pub high: LevelTargets,
    /// Medium.
    pub medium: LevelTargets,
    /// Low.
    pub low: LevelTargets,
}

impl Calendar {
    /// The moment by which a target that starts at `from` is due, in the zone of the place.
    pub fn due(&self, from: Instant, target: Target, zone: Tz) -> Instant {
        match target {
            Target::Elapsed(micros) => from.plus(micros),
            Target::ServiceTime(micros) => self.after_service_time(from, micros, zone),
            Target::WorkingDays(days) => self.close_of_working_day(from, days, zone),
        }
    }

    /// The moment at which so much of the service time between two moments has passed, in percent; of
    /// plain time where there is no service time between them.
    pub fn share(&self, from: Instant, due: Instant, percent: i64, zone: Tz) -> Instant {
        let part = |micros: i64| micros / 100 * percent;
        match self.service_time(from, due, zone) {
            0 => from.plus(part(due.since(from).max(0))),
            micros => self.after_service_time(from, part(micros), zone),
        }
    }

    fn service_time(&self, from: Instant, to: Instant, zone: Tz) -> i64 {
        let last = to.utc().with_timezone(&zone).date_naive();
        days_from(from, zone)
            .take_while(|day| *day <= last)
            .filter(|day| self.works_on(*day))
            .map(|day| {
                let (opens, closes) = self.hours_of(day, zone);
                closes.min(to).since(opens.max(from)).max(0)
            })
            .sum()
    }

    fn works_on(&self, day: NaiveDate) -> bool {
        self.days.contains(&Day(day.weekday())) && !self.holidays.iter().any(|off| off.0 == day)
    }

    fn hours_of(&self, day: NaiveDate, zone: Tz) -> (Instant, Instant) {
        (local(zone, day, self.from.0), local(zone, day, self.to.0))
    }

    fn after_service_time(&self, from: Instant, micros: i64, zone: Tz) -> Instant {
        let mut left = micros;
        for day in days_from(from, zone).filter(|day| self.works_on(*day)) {
            let (opens, closes) = self.hours_of(day, zone);
            let begins = opens.max(from);
            let open = closes.since(begins).max(0);
            if open >= left {
                return begins.plus(left);
            }
            left -= open;
        }
        // A calendar without working days would never be due; then plain time counts.
        from.plus(micros)
    }

    fn close_of_working_day(&self, from: Instant, days: u32, zone: Tz) -> Instant {
        let skip = usize::try_from(days.saturating_sub(1)).unwrap_or(0);
        days_from(from, zone)
            .skip(1)
            .filter(|day| self.works_on(*day))
            .nth(skip)
            .map_or_else(|| from.plus(i64::from(days) * DAY), |day| self.hours_of(day, zone).1)
    }
}

/// Today in the zone and the days after, a year's worth.
fn days_from(from: Instant, zone: Tz) -> impl Iterator<Item = NaiveDate> {
    let today = from.utc().with_timezone(&zone).date_naive();
    (0..370).filter_map(move |ahead| today.checked_add_days(Days::new(ahead)))
}

/// A local wall time as an instant. Where clocks jump over it, an hour later is meant.
pub fn local(zone: Tz, day: NaiveDate, time: NaiveTime) -> Instant {
    let wall = day.and_time(time);
    let at: Option<DateTime<Tz>> = zone
        .from_local_datetime(&wall)
        .earliest()
        .or_else(|| zone.from_local_datetime(&(wall + TimeDelta::hours(1))).earliest());
    at.map_or_else(|| Instant::from(wall.and_utc()), |at| Instant::from(at.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const ZONE: Tz = Tz::Asia__Ashgabat;

    fn due(from: &str, target: &str) -> String {
        let calendar = Config::defaults("/tmp".as_ref()).unwrap().calendar;
        let from = crate::input::instant(from).unwrap();
        let target = Target::try_from(target.to_owned()).unwrap();
        calendar.due(from, target, ZONE).utc().with_timezone(&ZONE).format("%a %H:%M").to_string()
    }

    #[test]
    fn a_share_of_service_hours_skips_the_night_and_one_of_none_is_plain_time() {
        let calendar = Config::defaults("/tmp".as_ref()).unwrap().calendar;
        let at = |text: &str| crate::input::instant(text).unwrap();
        let share = |from: &str, due: &str, percent| calendar.share(at(from), at(due), percent, ZONE).rfc3339();
        // Monday nine to Tuesday six in the evening: eighteen hours.
        let (monday, tuesday) = ("2026-11-23T09:00:00+05:00", "2026-11-24T18:00:00+05:00");
        assert_eq!(share(monday, tuesday, 50), "2026-11-23T13:00:00Z");
        assert_eq!(share(monday, tuesday, 75), "2026-11-24T08:30:00Z");
        assert_eq!(share(monday, tuesday, 100), "2026-11-24T13:00:00Z");
        // Saturday: nobody works, and it is due the same day.
        assert_eq!(share("2026-11-21T10:00:00Z", "2026-11-21T14:00:00Z", 50), "2026-11-21T12:00:00Z");
        // It was due before it began.
        assert_eq!(share("2026-11-21T10:00:00Z", "2026-11-21T09:00:00Z", 50), "2026-11-21T10:00:00Z");
    }

    #[test]
    fn minutes_run_through_the_night() {
        assert_eq!(due("2026-11-20T23:58:00+05:00", "5 min"), "Sat 00:03");
    }

    #[test]
    fn service_hours_stop_at_closing_and_over_the_weekend() {
        assert_eq!(due("2026-11-20T17:00:00+05:00", "4 service h"), "Mon 12:00");
        assert_eq!(due("2026-11-21T12:00:00+05:00", "4 service h"), "Mon 13:00");
        assert_eq!(due("2026-11-23T06:00:00+05:00", "4 service h"), "Mon 13:00");
    }

    #[test]
    fn a_working_day_ends_when_that_day_closes() {
        assert_eq!(due("2026-11-19T10:00:00+05:00", "1 working d"), "Fri 18:00");
        assert_eq!(due("2026-11-20T10:00:00+05:00", "2 working d"), "Tue 18:00");
    }
}
