//! Whether a condition can hold at all.
//!
//! A condition is spread out into the ways it can be met; each way is a list of
//! demands on single indicators, and it is possible unless two of them clash.
//! What cannot be judged this way (counts, scores) is taken to be possible, so
//! a rule is only ever refused for good reason.

use crate::triage::condition::{Comparison, Condition, Interval, Quantity};

/// One demand on one indicator.
#[derive(Clone, Debug, PartialEq)]
enum Demand {
    Yes(usize),
    NotYes(usize),
    /// One of these options; the top bit stands for "does not apply".
    Among(usize, u64),
    Within(usize, Interval),
}

/// One way to meet a condition.
type Way = Vec<Demand>;

/// Beyond this many ways a condition is taken to be possible.
const MOST_WAYS: usize = 4_096;

/// Whether all the conditions can hold at once. Each comes with the outcome
/// wanted of it.
pub(crate) fn possible(wanted: &[(&Condition, bool)], ranges: &[Interval]) -> bool {
    let mut ways: Vec<Way> = vec![Vec::new()];
    for (condition, outcome) in wanted {
        let Some(more) = ways_to(condition, *outcome) else {
            return true;
        };
        match combined(&ways, &more) {
            Some(all) => ways = all,
            None => return true,
        }
    }
    ways.iter().any(|way| is_consistent(way, ranges))
}

fn ways_to(condition: &Condition, outcome: bool) -> Option<Vec<Way>> {
    match condition {
        Condition::Yes(i) if outcome => Some(vec![vec![Demand::Yes(*i)]]),
        Condition::Yes(i) => Some(vec![vec![Demand::NotYes(*i)]]),
        Condition::Chosen { indicator, options } => {
            let bits = if outcome { *options } else { !*options };
            Some(vec![vec![Demand::Among(*indicator, bits)]])
        }
        Condition::Declined(_) => Some(vec![Vec::new()]),
        Condition::Compare { left, op, right } => Some(vec![range(left, *op, right, outcome).into_iter().collect()]),
        Condition::Not(inner) => ways_to(inner, !outcome),
        Condition::All(parts) if outcome => every(parts, outcome),
        Condition::Any(parts) if !outcome => every(parts, outcome),
        Condition::All(parts) | Condition::Any(parts) => {
            let mut ways = Vec::new();
            for part in parts {
                ways.extend(ways_to(part, outcome)?);
            }
            (ways.len() <= MOST_WAYS).then_some(ways)
        }
    }
}

fn every(parts: &[Condition], outcome: bool) -> Option<Vec<Way>> {
    let mut ways = vec![Vec::new()];
    for part in parts {
        ways = combined(&ways, &ways_to(part, outcome)?)?;
    }
    Some(ways)
}

fn combined(some: &[Way], more: &[Way]) -> Option<Vec<Way>> {
    if some.len().saturating_mul(more.len()) > MOST_WAYS {
        return None;
    }
    let joined = some.iter().flat_map(|a| more.iter().map(|b| a.iter().chain(b).cloned().collect::<Way>()));
    Some(joined.collect())
}

/// What a comparison with a constant demands; `None` when it is not of that form.
fn range(left: &Quantity, op: Comparison, right: &Quantity, outcome: bool) -> Option<Demand> {
    let (indicator, op, bound) = match (left, right) {
        (Quantity::Indicator(i), Quantity::Constant(c)) => (*i, op, *c),
        (Quantity::Constant(c), Quantity::Indicator(i)) => (*i, turned(op), *c),
        _ => return None,
    };
    let op = if outcome { op } else { opposite(op) };
    let within = match op {
        Comparison::Less => (i64::MIN, bound - 1),
        Comparison::AtMost => (i64::MIN, bound),
        Comparison::Equal => (bound, bound),
        Comparison::AtLeast => (bound, i64::MAX),
        Comparison::More => (bound + 1, i64::MAX),
        Comparison::Different => return None,
    };
    let (lo, hi) = within;
    Some(Demand::Within(indicator, Interval { lo, hi }))
}

const fn turned(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::More,
        Comparison::AtMost => Comparison::AtLeast,
        Comparison::AtLeast => Comparison::AtMost,
        Comparison::More => Comparison::Less,
        same => same,
    }
}

const fn opposite(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::AtLeast,
        Comparison::AtMost => Comparison::More,
        Comparison::AtLeast => Comparison::Less,
        Comparison::More => Comparison::AtMost,
        Comparison::Equal => Comparison::Different,
        Comparison::Different => Comparison::Equal,
    }
}

fn is_consistent(way: &Way, ranges: &[Interval]) -> bool {
    way.iter().enumerate().all(|(place, demand)| {
        let others = way.iter().skip(place + 1);
        match demand {
            Demand::Yes(i) => !others.clone().any(|o| *o == Demand::NotYes(*i)),
            Demand::NotYes(i) => !others.clone().any(|o| *o == Demand::Yes(*i)),
            Demand::Among(i, bits) => {
                let shared = others.fold(*bits, |bits, other| match other {
                    Demand::Among(j, more) if j == i => bits & more,
                    _ => bits,
                });
                shared != 0
            }
            Demand::Within(i, within) => {
                let whole = ranges.get(*i).copied().unwrap_or(Interval::ANY);
                let shared = others.fold(overlap(*within, whole), |shared, other| match other {
                    Demand::Within(j, more) if j == i => overlap(shared, *more),
                    _ => shared,
                });
                shared.lo <= shared.hi
            }
        }
    })
}

fn overlap(a: Interval, b: Interval) -> Interval {
    Interval { lo: a.lo.max(b.lo), hi: a.hi.min(b.hi) }
}
