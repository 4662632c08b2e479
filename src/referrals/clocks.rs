//! By when: the targets of a level, cut short by the last useful moment of her treatment.

use crate::clock::{HOUR, Instant};
use crate::config::{Config, LevelTargets, Target};
use crate::triage::Level;

/// Under this long before the last useful moment, a ticket is handled as Critical.
pub(super) const CRITICAL_BEFORE: i64 = 2 * HOUR;
/// Under this long before it, as High.
pub(super) const HIGH_BEFORE: i64 = 12 * HOUR;

/// When the steps of a ticket issued now are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// A counselor has claimed it.
    pub claimed: Instant,
    /// A partner has accepted.
    pub accepted: Instant,
    /// The first real contact between service and survivor happened.
    pub started: Instant,
}

/// Due times from the moment of issue. `care_by` is the last useful moment of an open treatment
/// window; one that has passed no longer hurries anybody.
pub fn due(config: &Config, level: Level, care_by: Option<Instant>, from: Instant) -> Due {
    let targets = targets(config, level);
    let by = |target: Target| {
        let due = config.calendar.due(from, target, config.place.time_zone);
        care_by.filter(|last| *last > from).map_or(due, |last| due.min(last))
    };
    Due { claimed: by(targets.claimed), accepted: by(targets.accepted), started: by(targets.started) }
}

/// What is not assessed runs on High's clock: silence is not safety.
fn targets(config: &Config, level: Level) -> LevelTargets {
    match level {
        Level::Critical => config.targets.critical,
        Level::High | Level::NotAssessed => config.targets.high,
        Level::Medium => config.targets.medium,
        Level::Low => config.targets.low,
    }
}

/// The level that counts in queues: raised as the last useful moment comes near.
pub fn effective(level: Level, care_by: Option<Instant>, now: Instant) -> Level {
    match care_by.map(|last| last.since(now)).filter(|left| *left > 0) {
        Some(left) if left < CRITICAL_BEFORE => level.or_higher(Level::Critical),
        Some(left) if left < HIGH_BEFORE => level.or_higher(Level::High),
        _ => level,
    }
}

/// The level with this code; a code nobody knows is one nobody assessed.
pub fn level(code: &str) -> Level {
    Level::SCALE.into_iter().find(|level| level.code() == code).unwrap_or(Level::NotAssessed)
}

/// Critical and what is clocked as High: letters take the short ladder of waits.
pub fn is_urgent(level: Level) -> bool {
    matches!(level.clocked(), Level::Critical | Level::High)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MINUTE;

    fn config() -> Config {
        Config::defaults("/tmp".as_ref()).unwrap()
    }

    fn friday_evening() -> Instant {
        crate::input::instant("2026-11-20T17:00:00+05:00").unwrap()
    }

    #[test]
    fn critical_runs_through_the_night_and_low_waits_for_working_days() {
        let from = friday_evening();
        let critical = due(&config(), Level::Critical, None, from);
        assert_eq!(critical.claimed, from.plus(5 * MINUTE));
        assert_eq!(critical.accepted, from.plus(15 * MINUTE));
        assert_eq!(critical.started, from.plus(2 * HOUR));
        let low = due(&config(), Level::Low, None, from);
        assert_eq!(low.claimed.rfc3339(), "2026-11-23T13:00:00Z");
        assert_eq!(low.accepted.rfc3339(), "2026-11-24T13:00:00Z");
        assert_eq!(low.started, from.plus(7 * 24 * HOUR));
    }

    #[test]
    fn a_level_nobody_assessed_runs_on_the_clock_of_high() {
        let from = friday_evening();
        assert_eq!(due(&config(), Level::NotAssessed, None, from), due(&config(), Level::High, None, from));
        assert_eq!(level("never heard of"), Level::NotAssessed);
    }

    #[test]
    fn the_last_useful_moment_cuts_every_target_short_until_it_has_passed() {
        let from = friday_evening();
        let last = from.plus(30 * MINUTE);
        let cut = due(&config(), Level::Low, Some(last), from);
        assert_eq!((cut.claimed, cut.accepted, cut.started), (last, last, last));
        let critical = due(&config(), Level::Critical, Some(last), from);
        assert_eq!((critical.claimed, critical.started), (from.plus(5 * MINUTE), last));
        assert_eq!(due(&config(), Level::Low, Some(from), from), due(&config(), Level::Low, None, from));
    }

    #[test]
    fn a_low_ticket_rises_as_its_window_closes_and_none_ever_falls() {
        let now = friday_evening();
        let at = |hours| Some(now.plus(hours * HOUR));
        assert_eq!(effective(Level::Low, at(13), now), Level::Low);
        assert_eq!(effective(Level::Low, at(11), now), Level::High);
        assert_eq!(effective(Level::Low, at(1), now), Level::Critical);
        assert_eq!(effective(Level::Low, at(-1), now), Level::Low);
        assert_eq!(effective(Level::Critical, at(11), now), Level::Critical);
        assert_eq!(effective(Level::NotAssessed, at(11), now), Level::NotAssessed);
    }
}
