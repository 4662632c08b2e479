//! The open streams: how many each person has, and what flows in one.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};

use super::known::known;
use super::{Batch, Feed};
use crate::access::{Actor, signed_in};
use crate::error::{Error, Result};
use crate::state::App;

/// Streams one person may have open: some windows on some screens.
const MOST: u32 = 8;
/// Seconds until a stream may be free again.
const RETRY: u64 = 30;
/// Between two signs of life, at each of which the session is asked for again.
const BEAT: Duration = Duration::from_secs(10);
/// Texts that may wait for a client to read them, and for how long.
const WAITING: usize = 16;
const PATIENCE: Duration = Duration::from_secs(20);

/// What a stream says by itself. A client that was cut off comes back after two seconds.
const READY: &str = "retry: 2000\nevent: ready\ndata: {}\n\n";
const RESET: &str = "event: reset\ndata: {}\n\n";
const ALIVE: &str = ":\n\n";

/// How many streams each person has open, by key.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<String, u32>>>);

/// One open stream, counted until it is dropped.
struct Open {
    streams: Streams,
    staff_id: String,
}

impl Streams {
    /// Opens a stream for somebody. What is to be sent comes out of the receiver; dropping that ends
    /// it. Errors: 429 for a person with too many; 503 when the process is about to stop.
    pub async fn open(&self, app: &App, feed: &Feed, actor: Actor) -> Result<mpsc::Receiver<String>> {
        let open = self.count(&actor.id)?;
        let batches = feed.listen().await?;
        let (out, texts) = mpsc::channel(WAITING);
        let listener = Listener { app: app.clone(), session: actor.session_id };
        let longest = Duration::from_secs(app.config.server.stream_seconds);
        tokio::spawn(async move {
            // Its end for any reason ends the stream.
            let _ = tokio::time::timeout(longest, listener.tell(batches, &out)).await;
            drop(open);
        });
        Ok(texts)
    }

    fn count(&self, staff_id: &str) -> Result<Open> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(staff_id.to_owned()).or_default();
        if *count == MOST {
            return Err(Error::TooMany { retry_after: RETRY });
        }
        *count += 1;
        Ok(Open { streams: self.clone(), staff_id: staff_id.to_owned() })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut counts = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.staff_id) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.staff_id);
            }
        }
    }
}

/// Somebody at the other end of a stream.
struct Listener {
    app: App,
    session: String,
}

impl Listener {
    /// Tells what happens until the session or the feed ends, or nobody reads any more.
    async fn tell(&self, mut batches: broadcast::Receiver<Batch>, out: &mpsc::Sender<String>) -> Option<()> {
        let mut beats = tokio::time::interval_at(tokio::time::Instant::now() + BEAT, BEAT);
        out.send(READY.to_owned()).await.ok()?;
        loop {
            let text = tokio::select! {
                () = out.closed() => return None,
                heard = batches.recv() => match heard {
                    Ok(batch) => self.heard(batch).await?,
                    Err(broadcast::error::RecvError::Lagged(_)) => RESET.to_owned(),
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                _ = beats.tick() => self.alive().await?,
            };
            if !text.is_empty() {
                out.send_timeout(text, PATIENCE).await.ok()?;
            }
        }
    }

    /// A batch in words; `None` once the session has ended.
    async fn heard(&self, batch: Batch) -> Option<String> {
        let (session, now) = (self.session.clone(), self.app.clock.now());
        let read = self.app.store.read(move |db| {
            let actor = signed_in(db, &session, now)?;
            let mut text = String::new();
            for step in known(db, &actor, now, &batch)? {
                let data = serde_json::to_string(&step).map_err(|_| Error::Internal("a step cannot be written"))?;
                let _ = write!(text, "event: {}\ndata: {data}\n\n", step.subject);
            }
            Ok(text)
        });
        or_reset(read.await)
    }

    /// A sign of life; `None` once the session has ended.
    async fn alive(&self) -> Option<String> {
        let (session, now) = (self.session.clone(), self.app.clock.now());
        or_reset(self.app.store.look_up(move |db| signed_in(db, &session, now).map(|_| ALIVE.to_owned())).await)
    }
}

/// What could not be read may have been missed, unless it is that nobody may listen any more.
fn or_reset(read: Result<String>) -> Option<String> {
    match read {
        Ok(text) => Some(text),
        Err(Error::SignedOut) => None,
        Err(_) => Some(RESET.to_owned()),
    }
}
