//! What they said of each service, after help had ended.

use std::collections::BTreeMap;

use super::model::{self, Wanted};
use crate::error::Result;
use crate::storage::Db;

/// What was said of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// `S-…`
    pub service: String,
    /// How often somebody was to ask.
    pub asked: usize,
    /// How often there was an answer.
    pub answered: usize,
    /// Help came, and did not.
    pub received: (usize, usize),
    /// She is safe, and is not.
    pub safe: (usize, usize),
    /// She would call again, and would not.
    pub would_call_again: (usize, usize),
}

/// Yes and no to what was to be asked in the window, service by service. Errors: those of the window.
pub fn feedback(db: &mut Db, wanted: &Wanted) -> Result<Vec<Heard>> {
    super::check_window(wanted)?;
    let mut found: BTreeMap<String, Heard> = BTreeMap::new();
    for (service, said) in model::feedback(db, wanted)? {
        let heard = found.entry(service).or_default();
        heard.asked += 1;
        let Some((received, safe, would_call_again)) = said else { continue };
        heard.answered += 1;
        add(&mut heard.received, &received);
        add(&mut heard.safe, &safe);
        add(&mut heard.would_call_again, &would_call_again);
    }
    Ok(found.into_iter().map(|(service, heard)| Heard { service, ..heard }).collect())
}

fn add((yes, no): &mut (usize, usize), said: &str) {
    match said {
        "yes" => *yes += 1,
        "no" => *no += 1,
        _ => {}
    }
}
