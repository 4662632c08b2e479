//! A carrier that keeps letters in memory, for stories about whoever promises them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Carrier, Delivery, Gate, Outgoing};
use crate::notifications::Class;

/// Letters in memory. Says `sent` unless told otherwise.
#[derive(Default)]
pub struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    letters: Vec<Outgoing>,
    answers: VecDeque<Class>,
}

impl Memory {
    /// The next attempts end like this, in this order; later ones are sent.
    pub fn answer(&self, classes: impl IntoIterator<Item = Class>) {
        self.kept().answers.extend(classes);
    }

    /// Every letter that left, repeats included.
    pub fn letters(&self) -> Vec<Outgoing> {
        self.kept().letters.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carrier for Memory {
    fn carry(&self, outgoing: &Outgoing, gate: &Gate) -> Delivery {
        let class = self.kept().answers.pop_front().unwrap_or(Class::Sent);
        if matches!(class, Class::Sent | Class::Ambiguous) {
            if !gate.open() {
                return Delivery::new(Class::Retry, "gate");
            }
            self.kept().letters.push(outgoing.clone());
        }
        Delivery::new(class, "memory")
    }
}
