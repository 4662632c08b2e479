//! Goldaw: call logging, triage and referral for hotlines that support survivors of gender-based
//! violence.
#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
pub mod error;
pub mod input;
pub mod notifications;
pub mod state;
pub mod storage;
pub mod telemetry;
pub mod triage;
pub mod vault;
