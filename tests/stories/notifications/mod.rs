//! Letters: promised once, sent at least once, and never called sent without a yes.
#![expect(clippy::indexing_slicing, reason = "a story that meets the unexpected fails, and says where")]

mod desk;
mod keeping;
mod mail_server;
mod table;
mod world;
