//! The rules in force: one whole set at a time.

use std::sync::{Arc, PoisonError, RwLock};

use super::rules::RuleSet;

/// Holds the rules that calls are assessed by, and lets others take their place while calls come in.
/// Clones share it. Whoever assesses takes the set once and keeps to it: a contact is assessed wholly
/// by one version.
#[derive(Clone, Debug)]
pub struct InForce(Arc<RwLock<Arc<RuleSet>>>);

impl InForce {
    /// Puts the first rules in force.
    #[must_use]
    pub fn new(rules: RuleSet) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(rules))))
    }

    /// The rules in force now. They stay as they are for as long as they are held.
    #[must_use]
    pub fn now(&self) -> Arc<RuleSet> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other rules in force, for whoever asks from now on.
    pub fn replace(&self, rules: Arc<RuleSet>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}
