#![forbid(unsafe_code)]
pub mod triage;
