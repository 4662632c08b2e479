//! When a letter is tried again, and when it is given up. Pure: the moment and the dice are given.

use super::model::{Class, State};
use crate::clock::{HOUR, Instant, MINUTE, SECOND};

/// Waits after the first, second, … failure of a Critical or High letter. The last one repeats
/// until the letter is given up.
const URGENT: [i64; 5] = [0, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE];

/// The same for all others.
const CALM: [i64; 8] = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR];

/// After a fault that only an administrator can mend. Constant, and not a step of the ladder.
const CONFIG: i64 = 5 * MINUTE;

/// A letter after an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// Critical or High.
    pub urgent: bool,
    /// Failures on this ladder before the present one.
    pub tries: i32,
    /// Attempts after which nobody knew, the present one included.
    pub doubts: i64,
    /// The moment of the decision.
    pub now: Instant,
    /// When it is given up.
    pub give_up_at: Instant,
    /// How long somebody may take to acknowledge, in microseconds.
    pub acknowledge: i64,
    /// A fair die from 0 to 65,535, so that letters that failed together do not return together.
    pub die: u16,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It went out, or was refused for good.
    End(State),
    /// The two days are over.
    GiveUp,
    /// Tried again then, from this state.
    Again { state: State, at: Instant, tries: i32 },
}

/// What follows from the class of an attempt that has ended.
pub(super) fn next(class: Class, case: &Case) -> Next {
    let ladder = wait(case.urgent, case.tries, case.die);
    let (wait, tries) = match class {
        Class::Sent => return Next::End(State::Sent),
        Class::Permanent => return Next::End(State::Failed),
        Class::Config => (CONFIG, case.tries),
        Class::Ambiguous if case.urgent && case.doubts <= 1 => (0, case.tries + 1),
        Class::Ambiguous if !case.urgent => (ladder.max(case.acknowledge), case.tries + 1),
        Class::Ambiguous | Class::Retry | Class::Started | Class::Sending => (ladder, case.tries + 1),
    };
    let at = case.now.plus(wait);
    if at >= case.give_up_at {
        return Next::GiveUp;
    }
    // Once in doubt, always in doubt: a later plain failure does not prove the first one did not arrive.
    let state = if case.doubts > 0 { State::MaybeSent } else { State::Pending };
    Next::Again { state, at, tries }
}

/// Microseconds to wait after so many earlier failures: the ladder's step, 20 % more or less.
pub(super) fn wait(urgent: bool, tries: i32, die: u16) -> i64 {
    let ladder: &[i64] = if urgent { &URGENT } else { &CALM };
    let place = usize::try_from(tries).unwrap_or_default().min(ladder.len() - 1);
    let step = ladder.get(place).copied().unwrap_or_default();
    step / 10 * 8 + step / 10 * 4 * i64::from(die) / i64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn case(urgent: bool, tries: i32, doubts: i64) -> Case {
        Case {
            urgent,
            tries,
            doubts,
            now: Instant(0),
            give_up_at: Instant(48 * HOUR),
            acknowledge: 4 * HOUR,
            die: u16::MAX / 2,
        }
    }

    /// The wait at the middle of the jitter, in whole seconds.
    fn seconds(urgent: bool, tries: i32) -> i64 {
        (wait(urgent, tries, u16::MAX / 2) + SECOND / 2) / SECOND
    }

    #[test]
    fn the_ladders_are_those_of_the_safety_page() {
        let urgent: Vec<i64> = (0..6).map(|tries| seconds(true, tries)).collect();
        assert_eq!(urgent, [0, 5, 30, 120, 300, 300]);
        let calm: Vec<i64> = (0..9).map(|tries| seconds(false, tries)).collect();
        assert_eq!(calm, [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 72000]);
    }

    #[test]
    fn only_sent_and_permanent_end_a_letter_early() {
        assert_eq!(next(Class::Sent, &case(false, 0, 0)), Next::End(State::Sent));
        assert_eq!(next(Class::Permanent, &case(true, 0, 1)), Next::End(State::Failed));
        for class in [Class::Retry, Class::Config, Class::Ambiguous] {
            assert!(matches!(next(class, &case(false, 0, 0)), Next::Again { .. }), "{class}");
        }
    }

    #[test]
    fn doubt_is_repeated_at_once_where_it_is_urgent_and_after_the_window_where_it_is_not() {
        let again = |at, tries| Next::Again { state: State::MaybeSent, at, tries };
        assert_eq!(next(Class::Ambiguous, &case(true, 3, 1)), again(Instant(0), 4));
        assert!(matches!(next(Class::Ambiguous, &case(true, 3, 2)), Next::Again { at, .. } if at > Instant(MINUTE)));
        assert_eq!(next(Class::Ambiguous, &case(false, 0, 1)), again(Instant(4 * HOUR), 1));
    }

    #[test]
    fn a_fault_in_the_settings_waits_five_minutes_and_stays_on_its_step() {
        let next = next(Class::Config, &case(true, 2, 0));
        assert_eq!(next, Next::Again { state: State::Pending, at: Instant(5 * MINUTE), tries: 2 });
    }

    proptest! {
        #[test]
        fn a_wait_is_within_a_fifth_of_its_step(urgent: bool, tries in -3i32..2000, die: u16) {
            let middle = seconds(urgent, tries) * SECOND;
            let waited = wait(urgent, tries, die);
            prop_assert!(waited * 10 >= middle * 8 && waited * 10 <= middle * 12, "{waited} of {middle}");
        }

        #[test]
        fn every_letter_ends_within_its_time_whatever_happens(urgent: bool, classes in prop::collection::vec(0usize..3, 1..40), die: u16) {
            let mut case = Case { die, ..case(urgent, 0, 0) };
            for turn in 0..2000 {
                let class = [Class::Retry, Class::Config, Class::Ambiguous][classes[turn % classes.len()]];
                case.doubts += i64::from(class == Class::Ambiguous);
                match next(class, &case) {
                    Next::Again { at, tries, state } => {
                        prop_assert!(at >= case.now && at < case.give_up_at && tries >= case.tries);
                        prop_assert_eq!(state == State::MaybeSent, case.doubts > 0);
                        (case.now, case.tries) = (at, tries);
                    }
                    end => {
                        prop_assert_eq!(end, Next::GiveUp);
                        return Ok(());
                    }
                }
            }
            prop_assert!(false, "never given up");
        }
    }
}
