//! What just happened, told while it happens.
//!
//! Whoever keeps a connection to `GET /events` open hears of every step of the things they may know
//! of: which thing, by reference, and what kind of step; never more, so that whoever wants to know
//! reads it where permissions are asked. A thing that must not be seen is not told of, and nothing in
//! the stream counts what was left out.
//!
//! Every process reads new steps a few times a second, whoever wrote them, and tells its own
//! listeners. A stream begins with `ready`: what happened before is in the lists. When something may
//! have been missed it says `reset`: read them anew. It ends with the session, when the process stops,
//! and after `[server] stream_seconds` at the latest; clients come back by themselves.

pub mod api;
mod known;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::storage::Store;
use crate::storage::tail::{Tail, Taken};

pub use streams::Streams;

/// Between two looks for new steps.
const LOOK: Duration = Duration::from_millis(100);
/// How many looks a listener may be behind before it has missed something.
const BEHIND: usize = 64;

/// Steps that were found in one look.
type Batch = Arc<Vec<Taken>>;

/// Where this process hears of new steps. Clones share it.
#[derive(Clone)]
pub struct Feed {
    batches: broadcast::WeakSender<Batch>,
    /// True once it is known which steps are new.
    begun: watch::Receiver<bool>,
    reading: AbortHandle,
}

impl Feed {
    /// Begins to read, until [`Feed::end`].
    pub fn begin(store: Store) -> Feed {
        let (batches, _) = broadcast::channel(BEHIND);
        let (weak, (told, begun)) = (batches.downgrade(), watch::channel(false));
        let reading = tokio::spawn(follow(store, batches, told)).abort_handle();
        Feed { batches: weak, begun, reading }
    }

    /// Ends every stream.
    pub fn end(&self) {
        self.reading.abort();
    }

    /// Everything from now on. Errors: 503 when the process is about to stop.
    async fn listen(&self) -> Result<broadcast::Receiver<Batch>> {
        self.begun.clone().wait_for(|begun| *begun).await.map_err(|_| Error::Unavailable)?;
        Ok(self.batches.upgrade().ok_or(Error::Unavailable)?.subscribe())
    }
}

/// Reads new steps for as long as the process runs. A look that fails is repeated: nothing is passed
/// over, listeners only hear of it later.
async fn follow(store: Store, batches: broadcast::Sender<Batch>, begun: watch::Sender<bool>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tail: Option<Tail> = None;
    loop {
        looks.tick().await;
        let from = tail.clone();
        let look = store.read(move |db| match from {
            Some(mut tail) => tail.next(db).map(|steps| (tail, steps)),
            None => Ok((Tail::at_end(db)?, Vec::new())),
        });
        let Ok((reached, steps)) = look.await else { continue };
        tail = Some(reached);
        begun.send_replace(true);
        if !steps.is_empty() {
            // Nobody listening is no fault.
            let _ = batches.send(Arc::new(steps));
        }
    }
}
