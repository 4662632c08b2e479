//! What moves a whole case and with it tickets and referrals: closing it, merging it with another that
//! turns out to be hers too, and naming who must not know of it. A case is closed when no ticket of it
//! is open, except that a death ends everything at once.

pub mod api;
mod blocking;
mod closing;
mod merging;

pub use blocking::{Blocking, block};
pub use closing::{Closing, close};
pub use merging::{Merging, merge};
