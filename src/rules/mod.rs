//! The rules a deployment works by: where packs come from, what they ask and say, and trying
//! answers against them.
//!
//! The packs inside the program are joined by those of `[triage] packs_dir`. They are wholly
//! checked before anything is served, and what was in force is kept in the database, so that any
//! assessment can be explained under the rules of its day.
//! Once a set was *published* (proposed on the machine, approved by two coordinators), it is in force
//! whatever the files say.

mod answers;
pub mod api;
mod diff;
mod model;
mod packs;
mod publishing;

pub use answers::{problem, read_answers};
pub use diff::{Change, How, diff};
pub use model::{keep, kept};
pub use packs::{check, folder, load, shipped, sources};
pub use publishing::{Publication, propose, published, published_instead};
