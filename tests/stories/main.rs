//! The stories of the service, each told on both engines. One crate, so that it links once.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that meets the unexpected fails, and says where"
)]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod bad_input;
mod calls;
mod cases;
mod cli;
mod contract;
mod directory;
mod front_door;
mod handover;
mod identity;
mod keeping;
mod levels;
mod live;
mod main_job;
mod matrix;
mod non_interference;
mod notifications;
mod publishing;
mod quality;
mod referrals;
mod reports;
mod rules;
mod server;
mod storage;
mod tasks;
