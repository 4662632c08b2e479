//! Keeps the promises: takes due letters, sends each on a thread of its own under one deadline, and
//! writes down how it ended. Any number of workers may run, in one process or in many.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Ticks};

use tokio::sync::{oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};

use super::channels::{Carrier, Channels, Delivery, Gate, Outgoing};
use super::lease::{self, Hold, Leased, Room, Settled};
use super::model::Class;
use super::partners::Partners;
use crate::config::Config;
use crate::error::Result;
use crate::storage::{By, Store, new_reference};
use crate::telemetry::measures::LETTER_ATTEMPTS;

/// Given to a carrier's own time limit before ours: its verdict is the more exact one.
const GRACE: Duration = Duration::from_secs(1);
/// A pause before a database that did not take a word is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the word that a letter is about to leave is offered: the mail server waits meanwhile.
const ASKED_AGAIN: u32 = 20;
/// An attempt that took longer than this part of its time counts as trouble, whatever its end.
const SLOW: u32 = 2;

/// Works until `stop` turns true (or its sender is gone), then lets letters under way end within
/// `server.drain_seconds`. What is cut off then is taken up after its lease by whoever runs next.
pub async fn run(store: Store, channels: Channels, config: Arc<Config>, mut stop: watch::Receiver<bool>) {
    let holder = new_reference('W').unwrap_or_else(|_| "W".into());
    let desk = Arc::new(Desk { store, channels, config });
    let poll = Duration::from_millis(desk.config.worker.poll_ms.max(1));
    let mut room = Room { holder, slots: 0, partners: Partners::default() };
    let mut under_way = UnderWay::default();
    loop {
        room.slots = desk.config.worker.at_once.saturating_sub(room.partners.under_way());
        for leased in desk.take(&room).await {
            room.partners.begin(&leased.partner);
            under_way.start(&desk, leased);
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            () = desk.store.promised(poll) => {}
            Some(ended) = under_way.next() => room.partners.end(&ended.partner, ended.troubled, Ticks::now()),
        }
    }
    let drain = Duration::from_secs(desk.config.server.drain_seconds);
    let all = async { while under_way.next().await.is_some() {} };
    if tokio::time::timeout(drain, all).await.is_err() {
        tracing::warn!(event = "letters_cut_off", letters = under_way.partners.len());
        // Waits until each has closed its gate: nothing leaves after this returns.
        under_way.tasks.shutdown().await;
    }
}

/// Letters on their way, and to whom, should a task die.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<bool>,
    partners: HashMap<Id, String>,
}

struct Ended {
    partner: String,
    troubled: bool,
}

impl UnderWay {
    fn start(&mut self, desk: &Arc<Desk>, leased: Leased) {
        let partner = leased.partner.clone();
        let task = self.tasks.spawn(desk.clone().deliver(leased));
        self.partners.insert(task.id(), partner);
    }

    async fn next(&mut self) -> Option<Ended> {
        let joined = self.tasks.join_next_with_id().await?;
        let (id, troubled) = match joined {
            Ok(ended) => ended,
            Err(died) => (JoinError::id(&died), true),
        };
        Some(Ended { partner: self.partners.remove(&id).unwrap_or_default(), troubled })
    }
}

struct Desk {
    store: Store,
    channels: Channels,
    config: Arc<Config>,
}

impl Desk {
    async fn take(&self, room: &Room) -> Vec<Leased> {
        if room.slots == 0 {
            return Vec::new();
        }
        let room = room.clone();
        let taken = self.store.write(By::system(), move |tx| lease::take(tx, &room)).await;
        taken.unwrap_or_else(|error| {
            // Nothing is lost: the letters are still due.
            tracing::warn!(event = "outbox_not_read", cause = %error);
            Vec::new()
        })
    }

    /// One letter from lease to outcome; true when its partner had trouble.
    async fn deliver(self: Arc<Self>, leased: Leased) -> bool {
        let begun = Ticks::now();
        let limit = Duration::from_secs(self.config.worker.send_seconds);
        let delivery = match (leased.outgoing, self.channels.carrier(leased.channel)) {
            (Ok(outgoing), Some(carrier)) => self.carry(carrier, outgoing, &leased.hold, limit).await,
            (Err(_), _) => Delivery::new(Class::Permanent, "letter"),
            (_, None) => Delivery::new(Class::Config, "no channel"),
        };
        let took = begun.elapsed();
        let settled = self.settle(&leased.hold, &delivery).await;
        told(&leased.hold, &delivery, settled, took);
        let failed = match delivery.class {
            Class::Retry | Class::Ambiguous => !delivery.cause.starts_with("rcpt"),
            _ => false,
        };
        failed || took > limit / SLOW
    }

    /// Sends on a thread of its own, because the carrier waits. When the time is up the gate
    /// decides: closed in time, nothing leaves any more; passed before, nobody knows.
    async fn carry(&self, carrier: Arc<dyn Carrier>, outgoing: Outgoing, hold: &Hold, limit: Duration) -> Delivery {
        let (store, mine) = (self.store.clone(), hold.clone());
        let gate = Arc::new(Gate::new(limit, move || may_leave(&store, &mine)));
        // Also when this task is dropped in the middle: then nobody would write the outcome down.
        let closing = Closing(gate.clone());
        let (tell, heard) = oneshot::channel();
        let thread = std::thread::Builder::new().name("letter".into()).spawn(move || {
            let delivery = carrier.carry(&outgoing, &gate);
            // Nobody listens after the deadline.
            let _ = tell.send(delivery);
        });
        if thread.is_err() {
            return Delivery::new(Class::Retry, "no thread");
        }
        match tokio::time::timeout(limit.saturating_add(GRACE), heard).await {
            Ok(Ok(delivery)) => delivery,
            Ok(Err(_)) => closing.verdict("carrier died"),
            Err(_) => closing.verdict("deadline"),
        }
    }

    /// Tries for as long as the lease lasts; after it the outcome is somebody else's to find.
    async fn settle(&self, hold: &Hold, delivery: &Delivery) -> Result<Settled> {
        let lease = Duration::from_secs(u64::try_from(self.config.worker.lease_seconds).unwrap_or_default());
        let begun = Ticks::now();
        loop {
            let (mine, came) = (hold.clone(), delivery.clone());
            let settled = self.store.write(By::system(), move |tx| lease::settle(tx, &mine, &came)).await;
            if settled.is_ok() || begun.elapsed() > lease {
                return settled;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// True once it is on disk that the letter is about to leave, and it is still ours. A database that
/// is busy is asked again: the carrier has got through, and should not have to come back for that.
fn may_leave(store: &Store, hold: &Hold) -> bool {
    for _ in 0..ASKED_AGAIN {
        let mine = hold.clone();
        match store.write_blocking(By::system(), move |tx| lease::begin_sending(tx, &mine)) {
            Ok(ours) => return ours,
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
    false
}

/// Closes its gate when it goes.
struct Closing(Arc<Gate>);

impl Closing {
    fn verdict(&self, cause: &str) -> Delivery {
        let class = if self.0.abandon() { Class::Retry } else { Class::Ambiguous };
        Delivery::new(class, cause)
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// References, classes and durations only.
fn told(hold: &Hold, delivery: &Delivery, settled: Result<Settled>, took: Duration) {
    let (reference, class, cause) = (&hold.reference, delivery.class.code(), &delivery.cause);
    metrics::counter!(LETTER_ATTEMPTS, "class" => class).increment(1);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match settled {
        Ok(Settled::Recorded(state)) if delivery.class == Class::Config => {
            tracing::error!(event = "letter_config", %reference, class, %cause, state = state.code(), millis);
        }
        Ok(Settled::Recorded(state)) => {
            tracing::info!(event = "letter_attempt", %reference, class, %cause, state = state.code(), millis);
        }
        Ok(Settled::TooLate) => {
            tracing::warn!(event = "letter_too_late", %reference, class, %cause, fence = hold.fence, millis);
        }
        Err(error) => tracing::error!(event = "letter_not_settled", %reference, class, cause = %error, millis),
    }
}
