//! The stories of the service, each told on both engines. One crate, so that it links once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that meets the unexpected fails, and says where")]

#[path = "../support/mod.rs"]
mod support;

mod identity;
mod referrals;
mod storage;
