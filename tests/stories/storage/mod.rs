//! What the storage room promises: a yes means on disk, whole; anything else leaves nothing.

mod batches;
mod connections;
mod keys;
mod kills;
mod migrations;
mod positions;
mod serializable;
mod trap;

use goldaw::error::{Error, Result};
use goldaw::storage::{By, Tx};

use crate::support::{Hotline, Work, work};

/// Writes one step about the task `name`.
fn keep(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.step(("task", name), "opened", None)
}

/// [`keep`] as one write among several.
fn keeps(name: &'static str) -> Work<()> {
    work(move |tx| keep(tx, name))
}

/// Fails the story unless the store takes a write now.
fn still_writes(hotline: &Hotline) {
    let before = hotline.count("steps");
    hotline.store.write_blocking(By::system(), |tx| keep(tx, "later")).unwrap();
    assert_eq!(hotline.count("steps"), before + 1, "a later write is on disk");
}

/// A refusal that concerns nobody but the caller.
fn refusal() -> Error {
    Error::conflict("planned")
}
