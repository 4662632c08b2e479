//! The second look: reviews, and who decides them.

pub mod api;
mod reviews;
