//! Triage, tested from outside: stories, published cases, promises and faults.

mod faults;
mod packs;
mod properties;
mod published;
mod stories;
