//! Goldaw: call logging, triage and referral for hotlines that support survivors of gender-based
//! violence.
#![forbid(unsafe_code)]

pub mod state;
pub mod storage;
pub mod vault;
pub mod triage;
pub mod config;
pub mod telemetry;
pub mod clock;
pub mod input;
pub mod error;
