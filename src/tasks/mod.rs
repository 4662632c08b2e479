//! What somebody must do by a time.
//!
//! A *review* is a second look at what one person decided or what nobody decided: it stands open
//! until somebody else says yes or no, and until then the more careful reading holds. Some ask for
//! nothing but that look: a death, the third call in a week, help that was called without her yes.
//! What is too urgent to wait for a look at the list *pages* the coordinators: a neutral letter says
//! that there is news, and the program itself says what.
//!
//! The verbs: [`open`], [`withdraw`], [`decide`], [`hand_over`], [`list`], [`find`], [`page`].

mod pages;
mod reviews;

pub use pages::page;
pub use reviews::{
    Decision, Kind, NewReview, Review, State, decide, find, hand_over, last_decided, list, open, open_of, withdraw,
};
