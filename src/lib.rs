//! Goldaw: call logging, triage and referral for hotlines that support survivors of gender-based
//! violence.
#![forbid(unsafe_code)]
pub mod triage;
