//! Who is being written to, and who has trouble: so that one slow partner never delays another.

use std::collections::HashMap;
use std::time::{Duration, Instant as Ticks};

/// Letters on their way to one partner at once; one while it has trouble.
const AT_ONCE: usize = 2;
/// Troubles in a row after which calm letters wait. Urgent ones keep to their own ladder, and show
/// when the trouble is over.
const PATIENCE: u32 = 3;
/// The first rest, doubled each time.
const REST: Duration = Duration::from_secs(30);
/// The longest rest.
const LONGEST: Duration = Duration::from_secs(300);

/// One process's view of its partners. Kept in memory only: after a restart everybody gets a fresh
/// chance.
#[derive(Debug, Clone, Default)]
pub(super) struct Partners {
    under_way: HashMap<String, usize>,
    trouble: HashMap<String, Trouble>,
}

#[derive(Debug, Clone)]
struct Trouble {
    in_a_row: u32,
    until: Option<Ticks>,
}

impl Partners {
    /// Letters on their way, to anybody.
    pub fn under_way(&self) -> usize {
        self.under_way.values().sum()
    }

    /// A letter to `partner` was taken.
    pub fn begin(&mut self, partner: &str) {
        *self.under_way.entry(partner.to_owned()).or_default() += 1;
    }

    /// A letter to `partner` came back, in trouble or not.
    pub fn end(&mut self, partner: &str, troubled: bool, now: Ticks) {
        if let Some(count) = self.under_way.get_mut(partner) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.under_way.remove(partner);
            }
        }
        if !troubled {
            self.trouble.remove(partner);
            return;
        }
        let trouble = self.trouble.entry(partner.to_owned()).or_insert(Trouble { in_a_row: 0, until: None });
        trouble.in_a_row += 1;
        if let Some(doublings) = trouble.in_a_row.checked_sub(PATIENCE) {
            let rest = REST.saturating_mul(2u32.saturating_pow(doublings)).min(LONGEST);
            trouble.until = now.checked_add(rest);
        }
    }

    /// Partners that get no further letter now.
    pub fn full(&self) -> Vec<String> {
        let full = |(partner, count): (&String, &usize)| {
            let most = if self.trouble.contains_key(partner) { 1 } else { AT_ONCE };
            (*count >= most).then(|| partner.clone())
        };
        self.under_way.iter().filter_map(full).collect()
    }

    /// Partners that get no calm letter now.
    pub fn resting(&self, now: Ticks) -> Vec<String> {
        let resting = |(partner, trouble): (&String, &Trouble)| {
            trouble.until.is_some_and(|until| until > now).then(|| partner.clone())
        };
        self.trouble.iter().filter_map(resting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_has_two_letters_on_the_way_and_one_while_in_trouble() {
        let (mut partners, now) = (Partners::default(), Ticks::now());
        partners.begin("a");
        assert!(partners.full().is_empty());
        partners.begin("a");
        assert_eq!((partners.full(), partners.under_way()), (vec!["a".to_owned()], 2));
        partners.end("a", true, now);
        assert_eq!(partners.full(), ["a"]);
        partners.end("a", false, now);
        assert_eq!((partners.full().len(), partners.under_way()), (0, 0));
    }

    #[test]
    fn trouble_three_times_running_is_a_rest_that_doubles_and_one_success_ends_it() {
        let (mut partners, now) = (Partners::default(), Ticks::now());
        for _ in 0..2 {
            partners.end("a", true, now);
        }
        assert!(partners.resting(now).is_empty());
        partners.end("a", true, now);
        assert_eq!(partners.resting(now + Duration::from_secs(29)), ["a"]);
        assert!(partners.resting(now + Duration::from_secs(31)).is_empty());
        for _ in 0..40 {
            partners.end("a", true, now);
        }
        assert_eq!(partners.resting(now + Duration::from_secs(299)), ["a"]);
        assert!(partners.resting(now + Duration::from_secs(301)).is_empty());
        partners.end("a", false, now);
        assert!(partners.resting(now).is_empty());
    }
}
