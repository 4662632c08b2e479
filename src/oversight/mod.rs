//! Looking after the work: reviews and who decides them; what one shift leaves to the next, and who
//! took it over.

pub mod api;
pub mod handover;
mod reviews;
