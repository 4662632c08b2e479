//! Goldaw: call logging, triage and referral for hotlines that support survivors of gender-based
//! violence.
#![forbid(unsafe_code)]

pub mod access;
pub mod audit;
pub mod cases;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contacts;
pub mod directory;
pub mod error;
pub mod identity;
pub mod input;
pub mod notifications;
pub mod referrals;
pub mod reports;
pub mod rules;
pub mod server;
pub mod state;
pub mod storage;
pub mod telemetry;
pub mod triage;
pub mod vault;
