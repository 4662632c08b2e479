//! Treatment and evidence windows: open, closed, or there is no telling.

use chrono::{DateTime, TimeDelta, Utc};

use super::assessment::{Clock, ClockState, ClosesAt, HoursLeft};
use super::condition::{Interval, ONE};
use super::name::Name;
use super::rules::Window;

/// One exposure's claim on a window: which rule, and how long ago it was.
pub(crate) struct Exposure {
    pub(crate) rule: Name,
    /// Millionths of an hour.
    pub(crate) since: Interval,
    /// Whether it rests on facts that contradict each other.
    pub(crate) disputed: bool,
}

/// The clock of a window over all its exposures; `None` without any.
///
/// While one exposure may still be in time, those that are too late say nothing.
pub(crate) fn clock(window: &Window, exposures: &[Exposure], now: DateTime<Utc>) -> Option<Clock> {
    let lasts = window.lasts.millionths();
    let state = |exposure: &Exposure| state_of(exposure, lasts);
    let in_time: Vec<&Exposure> = exposures.iter().filter(|exposure| state(exposure) != ClockState::Closed).collect();
    let relevant: Vec<&Exposure> = if in_time.is_empty() { exposures.iter().collect() } else { in_time };
    let shortest = relevant.iter().map(|e| e.since.lo.max(0)).min()?;
    let longest = relevant.iter().map(|e| e.since.hi).max()?;
    let any = |wanted| relevant.iter().any(|e| state(e) == wanted);
    let state = if any(ClockState::Open) {
        ClockState::Open
    } else if any(ClockState::Unknown) {
        ClockState::Unknown
    } else {
        ClockState::Closed
    };
    let left = |since: i64| lasts.saturating_sub(since);
    let ends = (longest != i64::MAX).then(|| left(longest));
    let over = state == ClockState::Closed;
    Some(Clock {
        name: window.id.clone(),
        state,
        closes_at: later(now, left(shortest))
            .map(|latest| ClosesAt { earliest: ends.and_then(|ends| later(now, ends)), latest }),
        hours_left: (!over).then(|| HoursLeft { min: ends.map_or(0, whole_hours), max: whole_hours(left(shortest)) }),
        last_useful: (!over).then(|| last_useful(window, ends, now)),
        ideally_by: window
            .ideal
            .map(|ideal| ideal.millionths().saturating_sub(longest))
            .filter(|left| *left >= 0)
            .and_then(|left| later(now, left)),
        rules: exposures.iter().map(|e| e.rule.clone()).collect(),
    })
}

fn state_of(exposure: &Exposure, lasts: i64) -> ClockState {
    if exposure.since.hi <= lasts && !exposure.disputed {
        ClockState::Open
    } else if exposure.since.lo > lasts && !exposure.disputed {
        ClockState::Closed
    } else {
        ClockState::Unknown
    }
}

/// The earliest closing less the margin, and never before now: what may
/// already be too late is due at once.
fn last_useful(window: &Window, ends: Option<i64>, now: DateTime<Utc>) -> DateTime<Utc> {
    let margin = window.margin.millionths();
    ends.map(|ends| ends.saturating_sub(margin))
        .filter(|left| *left > 0)
        .and_then(|left| later(now, left))
        .unwrap_or(now)
}

fn whole_hours(millionths: i64) -> u32 {
    u32::try_from(millionths.div_euclid(ONE).max(0)).unwrap_or(u32::MAX)
}

/// The moment this many millionths of an hour after `now`, down to the
/// millisecond; `None` beyond the calendar.
fn later(now: DateTime<Utc>, millionths: i64) -> Option<DateTime<Utc>> {
    let milliseconds = (i128::from(millionths) * 18).div_euclid(5);
    let delta = TimeDelta::try_milliseconds(i64::try_from(milliseconds).ok()?)?;
    now.checked_add_signed(delta)
}
