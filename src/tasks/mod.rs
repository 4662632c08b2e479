//! What somebody must do by a time.
//!
//! A *task* is one thing to do: phone a partner who stays silent, call her back, mend an address.
//! What reaches out to her waits for her next safe window, and is not late meanwhile.
//!
//! A *review* is a second look at what one person decided or what nobody decided: it stands open
//! until somebody else says yes or no, and until then the more careful reading holds. Some ask for
//! nothing but that look: a death, the third call in a week, help that was called without her yes.
//! What is too urgent to wait for a look at the list *pages* the coordinators: a neutral letter says
//! that there is news, and the program itself says what.
//!
//! The verbs: [`ask_for`] a task, [`open_task`], [`open_when_safe`], [`settle`], [`no_longer_needed`], [`case_closed`]; for reviews
//! [`open`], [`withdraw`], [`decide`], [`hand_over`], [`list`], [`find`]; and [`page`].

pub mod api;
pub mod model;
mod outside;
mod pages;
mod reviews;
pub mod task;

pub use outside::{reasons, reseal};
pub use pages::page;
pub use reviews::{
    Decision, Kind, NewReview, Review, State, decide, find, hand_over, hidden_complaints, last_decided, list, open,
    open_of, references_in, withdraw,
};
pub use task::{About, ask_for, case_closed, no_longer_needed, not_to_be_called, open_task, open_when_safe, settle};
