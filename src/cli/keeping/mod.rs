//! Keeping a house: copies of it in a folder, and a house put back from them.
//!
//! A backup is a folder `goldaw-<time>` with one or two parts, each with a manifest of its own:
//! `data` (calls, cases, trail; and the ids of every key destroyed so far) and `keys` (the key store
//! and the sealed keyring). They are apart because data is kept for years and keys for days: what
//! was erased must be gone from every copy within a week. The root key is in neither.

mod backup;
mod manifest;
mod restore;

pub(super) use backup::{Backup, HELP as BACKUP_HELP, backup};
pub(super) use restore::{HELP as RESTORE_HELP, Restore, restore};

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What stands in a folder's name until it is whole.
const UNFINISHED: &str = ".unfinished";
/// What a backup's folder begins with.
const PREFIX: &str = "goldaw-";
/// The ids of destroyed keys, a line each.
const TOMBSTONES: &str = "tombstones.txt";
/// The keyring, sealed under the root key.
const KEYRING: &str = "keyring.json";

fn make_folder(path: &Path) -> Result<(), String> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| cannot(path, &error))
}

/// Names in a folder are on disk only once the folder is.
fn sync_folder(path: &Path) -> Result<(), String> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| cannot(path, &error))
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
