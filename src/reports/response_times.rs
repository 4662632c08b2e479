//! From moments to durations, due times and summaries. Pure: no database, no clock.

use std::collections::BTreeMap;

use crate::clock::{Instant, SECOND};
use crate::storage::codes;

/// A summary over fewer durations than this says something about one person, so those who may see
/// aggregates only do not get it.
pub const FEWEST: usize = 5;

codes! {
    /// A step that is measured.
    pub enum Stage {
        /// The caller began to wait.
        Queued = "queued",
        /// Somebody answered.
        Answered = "answered",
        /// The first save.
        Saved = "saved",
        /// The level was set.
        Triaged = "triaged",
        /// The record was finished.
        Finished = "finished",
        /// The ticket, or the referral, was issued.
        Issued = "issued",
        /// A counselor took the ticket.
        Claimed = "claimed",
        /// The ticket was closed.
        Closed = "closed",
        /// The service that is asked now was asked, after an earlier one.
        Asked = "asked",
        /// The partner's mail server took the letter: delivery, not notice.
        Notified = "notified",
        /// Somebody at the partner pressed Acknowledge.
        Received = "received",
        /// The partner will help.
        Accepted = "accepted",
        /// The survivor was told where and when.
        Told = "told",
        /// The first service contact.
        InProgress = "in_progress",
        /// Help was received.
        Completed = "completed",
        /// The referral ended without help.
        Failed = "failed",
        /// The referral was taken back.
        Cancelled = "cancelled",
    }
}

codes! {
    /// What a summary is split by.
    pub enum Grouping {
        /// Nothing: one group.
        None = "none",
        /// The ticket's level.
        Level = "level",
        /// The ticket's area.
        Area = "area",
        /// The service that is asked; only the steps of referrals have one.
        Service = "service",
    }
}

/// One step of one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Which.
    pub stage: Stage,
    /// When.
    pub at: Instant,
    /// The step before it in this chain that is known, and the whole seconds since then. Two
    /// clocks may disagree (telephony times are typed in); then there is no duration.
    pub since: Option<(Stage, Option<i64>)>,
    /// The first step of the chain and the whole seconds since then, where that is another one.
    pub since_start: Option<(Stage, Option<i64>)>,
}

/// Something that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// What.
    pub stage: Stage,
    /// By when.
    pub due: Instant,
    /// When it happened, if it did.
    pub at: Option<Instant>,
    /// It happened after it was due, or did not and is over.
    pub late: bool,
}

impl Term {
    /// `over` is when nothing was awaited any more (it ended otherwise), or now.
    pub(super) fn new(stage: Stage, due: Instant, at: Option<Instant>, over: Instant) -> Term {
        Term { stage, due, at, late: at.unwrap_or(over) > due }
    }
}

/// The times of one ticket.
#[derive(Debug, Clone)]
pub struct TicketTimes {
    /// Its key; never shown.
    pub key: String,
    /// Its reference.
    pub reference: String,
    /// Its level's code.
    pub level: String,
    /// Its area's code.
    pub area: Option<String>,
    /// Its state's code.
    pub state: String,
    /// When it was issued.
    pub issued_at: Instant,
    /// Queued to finished.
    pub contact: Vec<Moment>,
    /// Issued, claimed, closed.
    pub ticket: Vec<Moment>,
    /// By when it was to be claimed.
    pub claim: Term,
    /// Each need.
    pub referrals: Vec<ReferralTimes>,
}

/// The times of one referral. After a decline the chain goes on with the service that is asked
/// now; `issued` stays the first moment, because that is how long she has waited.
#[derive(Debug, Clone)]
pub struct ReferralTimes {
    /// Its reference.
    pub reference: String,
    /// The need's code.
    pub need: String,
    /// Its state's code.
    pub state: String,
    /// The reference of the service that is asked now.
    pub service: String,
    /// How many services were asked before.
    pub hop: i32,
    /// Issued to completed.
    pub steps: Vec<Moment>,
    /// Acceptance and first service contact.
    pub terms: [Term; 2],
}

/// Puts known moments into a chain, in the order given.
pub(super) fn chain(moments: impl IntoIterator<Item = (Stage, Option<Instant>)>) -> Vec<Moment> {
    let mut chain: Vec<Moment> = Vec::new();
    for (stage, at) in moments {
        let Some(at) = at else { continue };
        let since = chain.last().map(|before| (before.stage, seconds(before.at, at)));
        let first = if chain.len() > 1 { chain.first() } else { None };
        let since_start = first.map(|first| (first.stage, seconds(first.at, at)));
        chain.push(Moment { stage, at, since, since_start });
    }
    chain
}

/// Whole seconds; `None` when the later moment is the earlier one.
fn seconds(from: Instant, to: Instant) -> Option<i64> {
    let micros = to.since(from);
    (micros >= 0).then_some(micros / SECOND)
}

/// Durations from one step to another in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// From this step.
    pub since: Stage,
    /// To this one.
    pub stage: Stage,
    /// How many durations.
    pub count: usize,
    /// Seconds; the mean of the middle two, rounded down, where the count is even.
    pub median: i64,
    /// Seconds within which nine of ten were done (nearest rank).
    pub p90: i64,
}

/// What was due in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lateness {
    /// What.
    pub stage: Stage,
    /// How often it was due or done.
    pub count: usize,
    /// How often it was late.
    pub late: usize,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// A level, an area, a service's reference; `None` where there is no such thing, or no
    /// grouping.
    pub group: Option<String>,
    /// Durations, in the order of the work.
    pub steps: Vec<Spread>,
    /// Due times.
    pub terms: Vec<Lateness>,
}

/// Collects durations by group.
pub(super) struct Tally {
    grouping: Grouping,
    groups: BTreeMap<Option<String>, Group>,
}

#[derive(Default)]
struct Group {
    spreads: BTreeMap<(Stage, Stage), Vec<i64>>,
    terms: BTreeMap<Stage, (usize, usize)>,
}

impl Tally {
    pub(super) fn new(grouping: Grouping) -> Self {
        Tally { grouping, groups: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, ticket: &TicketTimes) {
        let group = match self.grouping {
            Grouping::None => None,
            Grouping::Level => Some(ticket.level.clone()),
            Grouping::Area => ticket.area.clone(),
            Grouping::Service => {
                for referral in &ticket.referrals {
                    self.groups.entry(Some(referral.service.clone())).or_default().add_referral(referral);
                }
                return;
            }
        };
        let group = self.groups.entry(group).or_default();
        group.add_steps(&ticket.contact);
        group.add_steps(&ticket.ticket);
        group.add_term(&ticket.claim);
        ticket.referrals.iter().for_each(|referral| group.add_referral(referral));
    }

    pub(super) fn summaries(self) -> Vec<Summary> {
        self.groups.into_iter().map(|(group, collected)| collected.summary(group)).collect()
    }
}

impl Group {
    fn add_steps(&mut self, steps: &[Moment]) {
        for moment in steps {
            for (since, seconds) in [moment.since, moment.since_start].into_iter().flatten() {
                if let Some(seconds) = seconds {
                    self.spreads.entry((moment.stage, since)).or_default().push(seconds);
                }
            }
        }
    }

    fn add_term(&mut self, term: &Term) {
        let (count, late) = self.terms.entry(term.stage).or_default();
        *count += 1;
        *late += usize::from(term.late);
    }

    fn add_referral(&mut self, referral: &ReferralTimes) {
        self.add_steps(&referral.steps);
        referral.terms.iter().for_each(|term| self.add_term(term));
    }

    fn summary(self, group: Option<String>) -> Summary {
        let spread = |((stage, since), mut seconds): ((Stage, Stage), Vec<i64>)| {
            seconds.sort_unstable();
            let median = median(&seconds)?;
            let p90 = percentile(&seconds, 90)?;
            Some(Spread { since, stage, count: seconds.len(), median, p90 })
        };
        let terms = self.terms.into_iter().map(|(stage, (count, late))| Lateness { stage, count, late }).collect();
        Summary { group, steps: self.spreads.into_iter().filter_map(spread).collect(), terms }
    }
}

/// The middle of sorted numbers.
fn median(sorted: &[i64]) -> Option<i64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(lower.midpoint(upper))
}

/// The smallest of sorted numbers that `percent` of them do not exceed.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Instant> {
        Some(Instant(seconds * SECOND))
    }

    #[test]
    fn a_step_is_measured_from_the_one_before_that_is_known() {
        let chain = chain([
            (Stage::Issued, at(10)),
            (Stage::Notified, at(12)),
            (Stage::Received, None),
            (Stage::Accepted, at(75)),
        ]);
        assert_eq!(chain[1].since, Some((Stage::Issued, Some(2))));
        assert_eq!(chain[1].since_start, None);
        assert_eq!(chain[2].since, Some((Stage::Notified, Some(63))));
        assert_eq!(chain[2].since_start, Some((Stage::Issued, Some(65))));
    }

    #[test]
    fn clocks_that_disagree_give_no_duration() {
        let chain = chain([(Stage::Queued, at(10)), (Stage::Answered, at(9))]);
        assert_eq!(chain[1].since, Some((Stage::Queued, None)));
    }

    #[test]
    fn what_never_happened_is_late_once_its_time_is_over() {
        let due = Instant(100);
        assert!(!Term::new(Stage::Accepted, due, Some(Instant(100)), Instant(500)).late);
        assert!(Term::new(Stage::Accepted, due, Some(Instant(101)), Instant(500)).late);
        assert!(Term::new(Stage::Accepted, due, None, Instant(101)).late);
        assert!(!Term::new(Stage::Accepted, due, None, Instant(99)).late);
    }

    #[test]
    fn medians_and_percentiles_are_by_hand_what_they_are_here() {
        assert_eq!(median(&[1, 2, 10]), Some(2));
        assert_eq!(median(&[1, 2, 5, 10]), Some(3));
        assert_eq!(median(&[]), None);
        assert_eq!(percentile(&(1..=10).collect::<Vec<_>>(), 90), Some(9));
        assert_eq!(percentile(&[7], 90), Some(7));
        assert_eq!(percentile(&[], 90), None);
    }
}
