//! A call, chat or visit: what was heard, when, and by whom.
//!
//! The record exists from the first second. While it is a draft, every change is saved with its
//! version, from any seat that knows the rejoin word. Finishing is never blocked by what was not
//! asked. After that it changes only by an amendment, which keeps what stood before.
//!
//! What is known about her is one sealed document; her own words are sealed apart, so that they can
//! be purged alone. In clear are only references, kind, channel, times, level, operator and case.
//! Every change is assessed by the rules, and an assessment is kept when it says something new.

pub mod api;
mod assessed;
pub mod casework;
pub mod classify;
pub mod codes;
pub mod document;
mod duties;
mod edit;
pub mod emergency;
pub mod facts;
pub mod form;
pub mod level;
mod links;
pub mod model;
mod record;
mod repeats;
mod replay;
mod summary;
mod view;

pub use casework::{LookUpLimit, open_case};
pub use edit::{Amendment, amend, change, finish, rejoin, set_case};
pub use model::{ContactRow, Scope, find, find_in, list};
pub use record::{Against, NewContact, Prepared, prepare, record, split};
pub use repeats::review_repeats;
pub use replay::{Replay, explained, replay};
pub use summary::{Summary, summary};
pub use view::{full, timeline};
