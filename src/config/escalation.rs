//! `[escalation]`: what happens, and when, while nobody accepts.

use chrono_tz::Tz;
use serde::Deserialize;

use super::Calendar;
use crate::clock::{Instant, MINUTE};

/// A ladder for each level; one that is not assessed uses that of High.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Critical.
    pub critical: Vec<Rung>,
    /// High, and not yet assessed.
    pub high: Vec<Rung>,
    /// Medium.
    pub medium: Vec<Rung>,
    /// Low.
    pub low: Vec<Rung>,
}

/// What is done at one moment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// How long after the service was asked.
    pub after: After,
    /// What.
    pub steps: Vec<Step>,
}

/// How long after the service was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum After {
    /// Plain time, in microseconds.
    Elapsed(i64),
    /// A share, in percent, of the service hours until an acceptance is due.
    Share(i64),
}

/// One thing that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The partner is written to again.
    Remind,
    /// Its second address is written to.
    SecondEndpoint,
    /// Somebody here phones it.
    PhoneTask,
    /// The next service she named is asked.
    NextService,
    /// The coordinators on duty are told.
    Page,
}

impl TryFrom<String> for After {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || "a rung comes after a number of: min, %".to_owned();
        let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
        let number = number.parse::<u32>().map_err(|_| wrong())?;
        match unit {
            "min" => Ok(After::Elapsed(i64::from(number) * MINUTE)),
            "%" if number <= 100 => Ok(After::Share(i64::from(number))),
            _ => Err(wrong()),
        }
    }
}

impl Rung {
    /// When it is due for a service that was asked at `from` and should accept by `due`.
    pub fn due(&self, calendar: &Calendar, (from, due): (Instant, Instant), zone: Tz) -> Instant {
        match self.after {
            After::Elapsed(micros) => from.plus(micros),
            After::Share(percent) => calendar.share(from, due, percent, zone),
        }
    }
}

impl Escalation {
    pub(super) fn faults(&self) -> Vec<String> {
        [("critical", &self.critical), ("high", &self.high), ("medium", &self.medium), ("low", &self.low)]
            .into_iter()
            .filter(|(_, ladder)| !climbs(ladder))
            .map(|(level, _)| {
                format!("[escalation] {level}: rungs go up, in minutes or in percent, and each does something")
            })
            .collect()
    }
}

fn climbs(ladder: &[Rung]) -> bool {
    let up = |(one, next): (&Rung, &Rung)| match (one.after, next.after) {
        (After::Elapsed(one), After::Elapsed(next)) | (After::Share(one), After::Share(next)) => one < next,
        _ => false,
    };
    ladder.iter().zip(ladder.iter().skip(1)).all(up) && ladder.iter().all(|rung| !rung.steps.is_empty())
}
