//! Triage, tested from outside: stories, published cases, promises and faults.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that meets the unexpected fails, and says where"
)]

mod faults;
mod packs;
mod properties;
mod published;
mod questions;
mod stories;
