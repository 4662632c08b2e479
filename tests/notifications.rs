//! Stories about letters: promised once, sent at least once, and never called sent without a yes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that meets the unexpected fails, and says where")]
#![expect(clippy::indexing_slicing, reason = "likewise")]

#[path = "notifications/desk.rs"]
mod desk;
#[path = "notifications/keeping.rs"]
mod keeping;
#[path = "notifications/mail_server.rs"]
mod mail_server;
#[path = "notifications/table.rs"]
mod table;
#[path = "notifications/world.rs"]
mod world;
