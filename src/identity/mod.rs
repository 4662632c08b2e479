//! Who works here, how they prove it, and for how long that holds.
//!
//! Every member of staff has a staff number (`op-07`), a role and a passphrase. Coordinators, admins
//! and auditors also have a second factor, because they see or decide more than one call; others may
//! have one. Signing in opens a *session* of ten hours. A client turns its session into *access
//! tokens* of ten minutes each; ending the session ends them all.
//!
//! An account is never deleted, because the trail names it; it is deactivated, which ends its
//! sessions at once. A forgotten passphrase or a lost phone is a reset: new ones are drawn, handed
//! over once, and kept only as a hash and under seal.
//!
//! The verbs are [`sign_in`], [`token_from_session`], [`sign_out`], [`end_all`], [`create`],
//! [`deactivate`], [`reset`], [`change_passphrase`], [`set_passphrase`] and [`set_second_factor`];
//! the queries [`find`], [`find_named`], [`list`], [`sessions_of`] and [`signed_in`]. [`terminal`] has the same for
//! the command line.

mod account;
pub mod api;
mod door;
mod model;
pub mod passphrase;
mod second_factor;
mod sign_in;
pub mod terminal;

pub use account::{
    Credentials, NewAccount, change_passphrase, create, deactivate, end_all, needs_second_factor, reset,
    set_passphrase, set_second_factor,
};
pub use door::{Door, address};
pub use model::{
    Session, Staff, find, find_named, list, sessions_of, signed_in, staff_number, staff_numbers, staff_numbers_of,
};
pub use sign_in::{Attempt, Minted, Opened, mint, sign_in, sign_out, token_from_session};

/// Bytes as lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
