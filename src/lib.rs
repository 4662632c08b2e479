//! Goldaw: call logging, triage and referral for hotlines that support survivors of gender-based
//! violence.
//!
//! The crate is organised by what a hotline does, not by layer. Each feature room holds the same
//! files: `mod.rs` says what it is and lists its verbs, `model.rs` has the rows and every query on
//! them, `api.rs` begins with the routes. A file uses only rooms further right in this order, so
//! there are no circles:
//!
//! `main cli server reports live oversight referrals contacts tasks cases notifications rules directory
//! identity audit access state storage vault triage config telemetry input clock error`
//!
//! A request makes three hops: route table, handler, verb. The route's guard ([`access`]) lets
//! nobody through without a permission; the handler reads the body into a domain type and runs one
//! closure in [`storage::Store::write`]; the verb is a plain function of a transaction and its
//! input. Whatever it writes (rows, steps, trail, promises, the idempotency key) commits together.
//!
//! # A call
//!
//! `POST /api/v1/contacts` comes to [`contacts::api`], which reads a [`contacts::NewContact`].
//! [`contacts::prepare`] checks it, turns it into facts, has [`triage::assess`] say what the rules
//! make of them, and seals everything about her under a key of its own ([`vault`]), all before the
//! transaction. [`contacts::record`] then only writes: the contact, its assessment, the
//! de-identified reporting row, the steps, the trail, the key of the request. On SQLite one thread
//! does this for all callers that wait, with one flush, and answers them after it.
//!
//! # A ticket
//!
//! [`referrals::matching`] previews who could help; she says yes to some of them by name.
//! Issuing records each consent, opens her case, makes the ticket with one referral per need, and
//! promises one letter per partner ([`notifications::promise`]), in one transaction. After the
//! commit the worker leases the letter, sends it outside any transaction, and writes down what
//! became of it. The partner acknowledges, opens the consented fields and accepts; each move is a
//! row in `steps`, which timelines and response times read. A counselor claims the ticket: of two
//! who try, exactly one.
#![forbid(unsafe_code)]

pub mod access;
pub mod audit;
pub mod cases;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contacts;
pub mod directory;
pub mod error;
pub mod identity;
pub mod input;
pub mod live;
pub mod notifications;
pub mod oversight;
pub mod referrals;
pub mod reports;
pub mod rules;
pub mod server;
pub mod state;
pub mod storage;
pub mod tasks;
pub mod telemetry;
pub mod triage;
pub mod vault;
