//! Goldaw: call logging, triage and referral for hotlines that support survivors of gender-based
//! violence.
#![forbid(unsafe_code)]

pub mod access;
pub mod clock;
pub mod config;
<<<<<<< HEAD
pub mod error;
pub mod identity;
pub mod input;
=======
pub mod directory;
pub mod error;
pub mod input;
pub mod referrals;
>>>>>>> directory
pub mod state;
pub mod storage;
pub mod telemetry;
pub mod triage;
pub mod vault;
