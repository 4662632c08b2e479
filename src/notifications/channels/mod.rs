//! The ways a letter can travel, and the gate each must pass before the letter leaves.

mod file;
mod memory;
mod mime;
mod smtp;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant as Ticks};

pub use file::Files;
pub use memory::Memory;
pub use smtp::Smtp;

use super::letter::Letter;
use super::model::{Channel, Class};
use crate::clock::Instant;
use crate::config::Config;

/// A letter ready to leave, its link in it. Holds a token: never logged, never stored.
#[derive(Clone)]
pub struct Outgoing {
    /// The notification's reference; the same at every repeat.
    pub reference: String,
    /// Which attempt, from 1.
    pub attempt: i32,
    /// Where to.
    pub address: String,
    /// What it says.
    pub letter: Letter,
    /// When it was promised: its date, the same at every repeat.
    pub date: Instant,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its class.
    pub class: Class,
    /// The step and the reply code, such as `rcpt 550`; never the server's words.
    pub cause: String,
}

impl Delivery {
    /// A class and its cause.
    pub fn new(class: Class, cause: impl Into<String>) -> Delivery {
        Delivery { class, cause: cause.into() }
    }
}

/// One way to travel. Runs on a thread that may wait, and should be done before
/// [`Gate::remaining`] is.
pub trait Carrier: Send + Sync {
    /// Tries once. Must pass the gate before the first byte of the letter leaves.
    fn carry(&self, outgoing: &Outgoing, gate: &Gate) -> Delivery;
}

const TALKING: u8 = 0;
const OPENED: u8 = 1;
const ABANDONED: u8 = 2;

/// Stands before the point of no return. Either the carrier passes it, after which silence means
/// "maybe sent"; or the worker closes it, after which nothing leaves any more. Never both.
pub struct Gate {
    stage: AtomicU8,
    deadline: Ticks,
    record: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Gate {
    /// A gate that stays passable for `limit`. `record` writes down that the letter is about to
    /// leave, and is true once that is on disk and the letter is still ours to send.
    pub fn new(limit: Duration, record: impl Fn() -> bool + Send + Sync + 'static) -> Gate {
        let now = Ticks::now();
        let deadline = now.checked_add(limit).unwrap_or(now);
        Gate { stage: AtomicU8::new(TALKING), deadline, record: Box::new(record) }
    }

    /// Time left for the whole attempt; `None` when it is over.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.checked_duration_since(Ticks::now()).filter(|left| !left.is_zero())
    }

    /// Passes the gate: true when the letter may leave now. False: it must not, and has not.
    pub fn open(&self) -> bool {
        self.pass() && (self.record)()
    }

    /// [`Gate::open`] without a record, for a way on which a repeat is no second letter.
    pub fn pass(&self) -> bool {
        self.stage.compare_exchange(TALKING, OPENED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Closes the gate: true when it had not been passed, so that nothing left or will leave.
    pub(super) fn abandon(&self) -> bool {
        match self.stage.compare_exchange(TALKING, ABANDONED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => true,
            Err(stage) => stage == ABANDONED,
        }
    }
}

/// The ways this deployment has. Clones share them.
#[derive(Clone, Default)]
pub struct Channels(BTreeMap<Channel, Arc<dyn Carrier>>);

impl Channels {
    /// Those of the configuration: e-mail by SMTP, or as files where no mail server is set.
    /// Errors: a sentence for the person who started the program.
    pub fn from_config(config: &Config) -> Result<Channels, String> {
        let files: Arc<dyn Carrier> = Arc::new(Files::new(config)?);
        let email: Arc<dyn Carrier> =
            if config.smtp.host.is_empty() { files.clone() } else { Arc::new(Smtp::new(&config.smtp)?) };
        Ok(Channels::default().with(Channel::File, files).with(Channel::Email, email))
    }

    /// The same with another carrier for one channel.
    #[must_use]
    pub fn with(mut self, channel: Channel, carrier: Arc<dyn Carrier>) -> Channels {
        self.0.insert(channel, carrier);
        self
    }

    pub(super) fn carrier(&self, channel: Channel) -> Option<Arc<dyn Carrier>> {
        self.0.get(&channel).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_passed_or_closed_but_never_both() {
        let gate = Gate::new(Duration::from_secs(1), || true);
        assert!(gate.abandon() && gate.abandon());
        assert!(!gate.open());
        let gate = Gate::new(Duration::from_secs(1), || true);
        assert!(gate.open());
        assert!(!gate.abandon());
    }

    #[test]
    fn a_letter_that_could_not_be_written_down_does_not_leave() {
        assert!(!Gate::new(Duration::from_secs(1), || false).open());
        assert!(Gate::new(Duration::ZERO, || true).remaining().is_none());
    }
}
