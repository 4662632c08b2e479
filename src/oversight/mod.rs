//! Looking after the work: reviews and who decides them; what one shift leaves to the next, and who
//! took it over; and whether help was any good.

pub mod api;
pub mod handover;
mod quality;
mod reviews;
