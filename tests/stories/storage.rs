//! What the storage room promises: a yes means on disk, whole; anything else leaves nothing.

use goldaw::storage::By;

use crate::support::{Hotline, on_both_engines};

on_both_engines![a_step_is_kept];

fn a_step_is_kept(hotline: &Hotline) {
    hotline.store.write_blocking(By::system(), |tx| tx.step(("task", "t1"), "opened", None)).unwrap();
    assert_eq!(hotline.count("steps"), 1);
}
