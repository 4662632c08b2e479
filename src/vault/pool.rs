//! Data keys minted ahead, so that recording a call does not wait for a second flush to disk.
//!
//! A key is handed out only after the key store has it on disk. While keys remain, nobody
//! waits: a thread aside mints the next batch. On an empty pool one taker mints and the others
//! wait for that one attempt; if it fails they all hear so, rather than each trying in turn.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::VaultError;
use super::keyring::Keyring;
use super::keys::{DataKey, KeyStore};

/// Keys per flush of the key store.
pub(super) const BATCH: usize = 512;
/// Fewer than this, and the next batch is minted aside: as many as two processors use up in the time
/// that takes, because a request thread on an empty pool holds up all its other requests.
pub(super) const LOW: usize = 256;

pub(super) struct Pool {
    keyring: Arc<Keyring>,
    store: Arc<dyn KeyStore>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: Vec<DataKey>,
    minting: bool,
    attempts: u64,
    last_failure: Option<VaultError>,
}

impl Pool {
    pub(super) fn new(keyring: Arc<Keyring>, store: Arc<dyn KeyStore>) -> Arc<Self> {
        Arc::new(Self { keyring, store, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Mints the first batch, if there is none.
    pub(super) fn fill(self: &Arc<Self>) -> Result<(), VaultError> {
        let state = self.state();
        if state.ready.is_empty() && !state.minting { Attempt::begin(self, state).run() } else { Ok(()) }
    }

    /// A key that nobody else has or will get.
    pub(super) fn take(self: &Arc<Self>) -> Result<DataKey, VaultError> {
        let mut state = self.state();
        loop {
            if let Some(key) = state.ready.pop() {
                if state.ready.len() < LOW && !state.minting {
                    let attempt = Attempt::begin(self, state);
                    mint_aside(attempt);
                }
                return Ok(key);
            }
            if state.minting {
                state = self.await_attempt(state)?;
            } else {
                Attempt::begin(self, state).run()?;
                state = self.state();
            }
        }
    }

    fn await_attempt<'a>(&'a self, state: MutexGuard<'a, State>) -> Result<MutexGuard<'a, State>, VaultError> {
        let awaited = state.attempts;
        let state =
            self.changed.wait_while(state, |state| state.attempts == awaited).unwrap_or_else(PoisonError::into_inner);
        match state.last_failure {
            Some(failure) if state.ready.is_empty() => Err(failure),
            _ => Ok(state),
        }
    }

    fn mint(&self) -> Result<Vec<DataKey>, VaultError> {
        let mut keys = Vec::with_capacity(BATCH);
        let mut wrapped = Vec::with_capacity(BATCH);
        for _ in 0..BATCH {
            let (key, sealed) = DataKey::mint(&self.keyring)?;
            keys.push(key);
            wrapped.push(sealed);
        }
        self.store.mint(&wrapped)?;
        Ok(keys)
    }

    /// Every change below is whole at each step, so a poisoned lock is still sound.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to mint. There is one at a time; it is given back, and whoever waits is told the
/// outcome, even when the store panics or no thread can be had.
struct Attempt {
    pool: Arc<Pool>,
    outcome: Result<Vec<DataKey>, VaultError>,
}

impl Attempt {
    fn begin(pool: &Arc<Pool>, mut state: MutexGuard<'_, State>) -> Self {
        state.minting = true;
        Self { pool: Arc::clone(pool), outcome: Err(VaultError::Unavailable) }
    }

    fn run(mut self) -> Result<(), VaultError> {
        self.outcome = self.pool.mint();
        match &self.outcome {
            Ok(_) => Ok(()),
            Err(failure) => Err(*failure),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let outcome = mem::replace(&mut self.outcome, Err(VaultError::Unavailable));
        let mut state = self.pool.state();
        state.minting = false;
        state.attempts += 1;
        match outcome {
            Ok(keys) => {
                state.ready.extend(keys);
                state.last_failure = None;
            }
            Err(failure) => state.last_failure = Some(failure),
        }
        drop(state);
        self.pool.changed.notify_all();
    }
}

/// Nobody waits for this one. A failure is kept in the pool, and the next taker tries again.
fn mint_aside(attempt: Attempt) {
    let started = thread::Builder::new().name("mint-data-keys".to_owned()).spawn(move || {
        let _ = attempt.run();
    });
    // Without a thread the attempt was dropped, which counts as failed; takers go on with what
    // is ready, and the one who finds none mints in its own thread.
    drop(started);
}
