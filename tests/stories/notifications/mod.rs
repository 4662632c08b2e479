//! Letters: promised once, sent at least once, and never called sent without a yes.

mod desk;
mod keeping;
mod mail_server;
mod table;
mod world;
