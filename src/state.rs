//! What a handler may hold. No mailer, on purpose: a handler can promise mail, never send it.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::storage::{Setting, Store};
use crate::triage::InForce;
use crate::vault::Vault;

/// The program's shared parts. Clones share them.
#[derive(Clone)]
pub struct App {
    /// The data.
    pub store: Store,
    /// Where now comes from.
    pub clock: Clock,
    /// The rules calls are assessed by.
    pub rules: InForce,
    /// Keys, sealing, blind indexes, proofs.
    pub vault: Arc<Vault>,
    /// The configuration.
    pub config: Arc<Config>,
}

impl App {
    /// Puts a store and what stands around it together.
    pub fn new(store: Store, setting: Setting, clock: Clock) -> App {
        App { store, clock, rules: setting.rules, vault: setting.vault, config: setting.config }
    }
}
