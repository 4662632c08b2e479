//! Which indicators made a condition come out as it did.

use super::condition::{Condition, Fact, Quantity, Stance, View};
use super::rules::RuleSet;

impl View<'_> {
    /// Adds the indicators that make a condition true, in the order they are
    /// named and each once.
    pub(crate) fn support(&self, condition: &Condition, stance: Stance<'_>, rules: &RuleSet, found: &mut Vec<usize>) {
        match condition {
            Condition::Yes(i) | Condition::Declined(i) | Condition::Chosen { indicator: i, .. } => note(*i, found),
            Condition::Compare { left, right, .. } => {
                self.quantity(left, stance, rules, found);
                self.quantity(right, stance, rules, found);
            }
            // Under `not`, everything named had to be as it is.
            Condition::Not(inner) => mentioned(inner, &mut |i| note(i, found)),
            Condition::All(parts) => {
                for part in parts {
                    self.support(part, stance, rules, found);
                }
            }
            Condition::Any(parts) => {
                for part in parts {
                    if self.judge(part, stance).is_true() {
                        self.support(part, stance, rules, found);
                    }
                }
            }
        }
    }

    fn quantity(&self, quantity: &Quantity, stance: Stance<'_>, rules: &RuleSet, found: &mut Vec<usize>) {
        match quantity {
            Quantity::Indicator(i) => note(*i, found),
            Quantity::Count(parts) => {
                for part in parts {
                    if self.judge(part, stance).is_true() {
                        self.support(part, stance, rules, found);
                    }
                }
            }
            Quantity::Score(i) | Quantity::Band(i) | Quantity::Value(i) => {
                let items = rules.instruments.get(*i).into_iter();
                for item in items.flat_map(|instrument| instrument.positions()) {
                    if matches!(self.fact(item), Fact::Yes | Fact::Declined) {
                        note(item, found);
                    }
                }
            }
            Quantity::Sum(a, b) | Quantity::Difference(a, b) => {
                self.quantity(a, stance, rules, found);
                self.quantity(b, stance, rules, found);
            }
            Quantity::Constant(_) | Quantity::Now | Quantity::OwnScore => {}
        }
    }
}

fn note(indicator: usize, found: &mut Vec<usize>) {
    if !found.contains(&indicator) {
        found.push(indicator);
    }
}

/// Visits every indicator a condition names directly.
pub(crate) fn mentioned(condition: &Condition, visit: &mut impl FnMut(usize)) {
    match condition {
        Condition::Yes(i) | Condition::Declined(i) | Condition::Chosen { indicator: i, .. } => {
            visit(*i);
        }
        Condition::Compare { left, right, .. } => {
            mentioned_in_quantity(left, visit);
            mentioned_in_quantity(right, visit);
        }
        Condition::Not(inner) => mentioned(inner, visit),
        Condition::All(parts) | Condition::Any(parts) => {
            for part in parts {
                mentioned(part, visit);
            }
        }
    }
}

/// Visits every indicator a quantity names directly.
pub(crate) fn mentioned_in_quantity(quantity: &Quantity, visit: &mut impl FnMut(usize)) {
    match quantity {
        Quantity::Indicator(i) => visit(*i),
        Quantity::Count(parts) => {
            for part in parts {
                mentioned(part, visit);
            }
        }
        Quantity::Sum(a, b) | Quantity::Difference(a, b) => {
            mentioned_in_quantity(a, visit);
            mentioned_in_quantity(b, visit);
        }
        _ => {}
    }
}

/// Visits every instrument a condition names.
pub(crate) fn instruments_named(condition: &Condition, visit: &mut impl FnMut(usize)) {
    match condition {
        Condition::Compare { left, right, .. } => {
            instruments_in_quantity(left, visit);
            instruments_in_quantity(right, visit);
        }
        Condition::Not(inner) => instruments_named(inner, visit),
        Condition::All(parts) | Condition::Any(parts) => {
            for part in parts {
                instruments_named(part, visit);
            }
        }
        Condition::Yes(_) | Condition::Declined(_) | Condition::Chosen { .. } => {}
    }
}

fn instruments_in_quantity(quantity: &Quantity, visit: &mut impl FnMut(usize)) {
    match quantity {
        Quantity::Score(i) | Quantity::Band(i) | Quantity::Value(i) => visit(*i),
        Quantity::Count(parts) => {
            for part in parts {
                instruments_named(part, visit);
            }
        }
        Quantity::Sum(a, b) | Quantity::Difference(a, b) => {
            instruments_in_quantity(a, visit);
            instruments_in_quantity(b, visit);
        }
        _ => {}
    }
}
