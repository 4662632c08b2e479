//! Data keys opened lately, so that a page does not ask the key store once per field.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::keys::DataKey;

/// More than a day has open; about 600 KB.
pub(super) const CAPACITY: usize = 4096;

pub(super) struct Cache(Mutex<State>);

#[derive(Default)]
struct State {
    keys: HashMap<String, Kept>,
    uses: u64,
    forgettings: u64,
}

struct Kept {
    key: DataKey,
    used: u64,
}

/// The number of times something had been forgotten when a look-up began.
///
/// A key read from the store just before it was destroyed must not enter the cache just after
/// it was forgotten; so it enters only if nothing was forgotten meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Moment(u64);

pub(super) enum LookUp {
    Kept(DataKey),
    Absent(Moment),
}

impl Cache {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(super) fn look_up(&self, id: &str) -> LookUp {
        let mut state = self.state();
        state.uses += 1;
        let used = state.uses;
        let moment = Moment(state.forgettings);
        match state.keys.get_mut(id) {
            Some(kept) => {
                kept.used = used;
                LookUp::Kept(kept.key.clone())
            }
            None => LookUp::Absent(moment),
        }
    }

    pub(super) fn keep(&self, key: &DataKey, since: Moment) {
        let mut state = self.state();
        if state.forgettings != since.0 {
            return;
        }
        if state.keys.len() >= CAPACITY {
            state.drop_least_used();
        }
        state.uses += 1;
        let used = state.uses;
        state.keys.insert(key.id().to_owned(), Kept { key: key.clone(), used });
    }

    pub(super) fn forget(&self, ids: &[String]) {
        let mut state = self.state();
        state.forgettings += 1;
        for id in ids {
            state.keys.remove(id);
        }
    }

    pub(super) fn forget_all(&self) {
        let mut state = self.state();
        state.forgettings += 1;
        state.keys.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.state().keys.len()
    }

    /// A thread that died holding the lock left at worst one key more or less.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes room for many at once, so that not every newcomer to a full cache looks at all of it.
    fn drop_least_used(&mut self) {
        let mut used: Vec<u64> = self.keys.values().map(|kept| kept.used).collect();
        let (_, bound, _) = used.select_nth_unstable(CAPACITY / 8);
        let bound = *bound;
        self.keys.retain(|_, kept| kept.used > bound);
    }
}
