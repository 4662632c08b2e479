//! Calls over HTTP: a draft that grows while she speaks, and what becomes of it afterwards.

mod drafts;
mod finished;
mod heard;
mod help;
mod kills;
mod links;
mod reading;
mod sealed;
