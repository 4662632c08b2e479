//! Whether help was any good: what she says of it, and what anybody complains of.
//!
//! After help ended she is asked, where she may be called, whether it came, whether she is safe and
//! whether she would call again. The answers are codes, counted for each service, and are never a
//! partner's to give. Where she is not safe, somebody looks at her case the same day.
//!
//! A *complaint* is about a service, a member of staff or the hotline itself. Its words are sealed, and
//! it is a review that a coordinator decides: never the one it is about, who does not learn of it, and
//! never the one who wrote it down. No partner sees any. What cannot wait pages the coordinators.

pub mod api;
pub(super) mod complaints;
mod feedback;
