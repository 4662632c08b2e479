//! `goldaw backup`: a checked copy of the house while it works.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::manifest::{Manifest, Part, write_private};
use super::{KEYRING, PREFIX, TOMBSTONES, UNFINISHED, cannot, make_folder, sync_folder};
use crate::cli::{Faults, Where, print};
use crate::clock::{Clock, DAY, Instant};
use crate::config::Config;
use crate::storage::{Place, copies};

pub(in crate::cli) const HELP: &str = "\
Examples:
  goldaw backup --data /var/lib/goldaw --to /var/backups/goldaw
  goldaw backup --to /mnt/data-copies --data-only
  goldaw backup --to /mnt/key-copies --keys-only
The service goes on. A folder goldaw-<time> is whole, or it is not there. It holds data/ and keys/,
and never the root key, which a restore needs: keep that on paper. Copies of keys in the same folder
that are older than --keep-keys days are removed afterwards, so that what was erased is gone from
them too; the data beside them goes back with newer keys. Settings (goldaw.toml) are not in it.";

/// Below the service's own work: a copy can wait, a call cannot.
const NICE: i32 = 15;

/// What to copy, and where to.
#[derive(Debug, Args)]
pub(in crate::cli) struct Backup {
    #[command(flatten)]
    place: Where,
    /// The folder that backups are kept in.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Only calls, cases and trail; they open with keys that were copied at the same time or later.
    #[arg(long, conflicts_with = "keys_only")]
    data_only: bool,
    /// Only the key store and the keyring.
    #[arg(long)]
    keys_only: bool,
    /// Days that copies of keys are kept.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..))]
    keep_keys: i64,
}

/// What is copied from where.
struct House {
    config: Config,
    data: Place,
    keys: Place,
    fingerprint: String,
    clock: Clock,
}

pub(in crate::cli) fn backup(command: &Backup) -> Result<(), Faults> {
    write(command).map_err(|told| vec![told])
}

fn write(command: &Backup) -> Result<(), String> {
    // Without the right to step back it is only less polite.
    let _ = rustix::process::nice(NICE);
    let house = House::of(command.place.settings().map_err(|told| told.join("; "))?)?;
    make_folder(&command.to)?;
    let _alone = alone(&command.to)?;
    clean(&command.to)?;
    let begun = house.clock.now();
    let folder = command.to.join(format!("{PREFIX}{}", begun.utc().format("%Y%m%dT%H%M%S%.3fZ")));
    let draft = with_end(&folder, UNFINISHED);
    let mut manifests = Vec::new();
    // Data first: a key that is destroyed in between is in neither copy, and a key that the data
    // needs is in the second.
    if !command.keys_only {
        manifests.push(house.copy_data(&draft.join(Part::Data.name()))?);
    }
    if !command.data_only {
        manifests.push(house.copy_keys(&draft.join(Part::Keys.name()))?);
    }
    sync_folder(&draft)?;
    fs::rename(&draft, &folder).map_err(|error| cannot(&folder, &error))?;
    sync_folder(&command.to)?;
    let told = copies::remember(&house.data, &folder.display().to_string(), begun);
    told.unwrap_or_else(|told| eprintln!("goldaw: the backup is whole, but {told}"));
    let then = house.clock.now().plus(-command.keep_keys * DAY);
    let dropped = if command.data_only { 0 } else { drop_old_keys(&command.to, then)? };
    print(&summary(&folder, &manifests, dropped, house.clock.now().since(begun))).map_err(|told| told.join("; "))
}

impl House {
    fn of(config: Config) -> Result<House, String> {
        let data = Place::from_url(&config.database.url)?;
        let keys = Place::from_url(&config.database.keys_url)?;
        for place in [&data, &keys] {
            if copies::is_empty(place)? {
                return Err(format!("there is no house here: {place} is empty or not there"));
            }
        }
        if copies::unfinished(&data)?.is_some() {
            return Err("a restore was cut off before its end: there is no whole house to copy".into());
        }
        let fingerprint = copies::bound_to(&data)?
            .ok_or("the data does not say which keyring it belongs to: run `goldaw migrate` first")?;
        Ok(House { config, data, keys, fingerprint, clock: Clock::machine() })
    }

    fn copy_data(&self, folder: &Path) -> Result<Manifest, String> {
        make_folder(folder)?;
        let taken_at = self.clock.now();
        let name = format!("data.{}", copies::ending(&self.data));
        let contents = copies::take(&self.data, &folder.join(&name))?;
        let tombstones: String = copies::tombstones(&self.keys)?.iter().map(|id| format!("{id}\n")).collect();
        write_private(&folder.join(TOMBSTONES), tombstones.as_bytes())?;
        let names = [name.as_str(), TOMBSTONES];
        let manifest = Manifest::of(folder, Part::Data, &self.fingerprint, contents, taken_at, &names)?;
        manifest.save(folder).map(|()| manifest)
    }

    fn copy_keys(&self, folder: &Path) -> Result<Manifest, String> {
        make_folder(folder)?;
        let taken_at = self.clock.now();
        let name = format!("keys.{}", copies::ending(&self.keys));
        let contents = copies::take(&self.keys, &folder.join(&name))?;
        let keyring = self.config.data.join(KEYRING);
        let sealed = fs::read(&keyring).map_err(|error| cannot(&keyring, &error))?;
        write_private(&folder.join(KEYRING), &sealed)?;
        let names = [name.as_str(), KEYRING];
        let manifest = Manifest::of(folder, Part::Keys, &self.fingerprint, contents, taken_at, &names)?;
        manifest.save(folder).map(|()| manifest)
    }
}

/// One backup at a time in one folder; the lock goes with the process.
fn alone(folder: &Path) -> Result<File, String> {
    let path = folder.join(".goldaw-backup.lock");
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = open.map_err(|error| cannot(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!("another backup is being written to {}", folder.display())),
        Err(TryLockError::Error(error)) => Err(cannot(&path, &error)),
    }
}

/// What a backup that was cut off left.
fn clean(folder: &Path) -> Result<(), String> {
    for path in backups(folder)? {
        if path.extension().is_some_and(|end| format!(".{}", end.display()) == UNFINISHED) {
            fs::remove_dir_all(&path).map_err(|error| cannot(&path, &error))?;
        }
    }
    Ok(())
}

/// Removes copies of keys from before `then`; gives how many. Each goes under a name that says so,
/// so that half of one never passes for a whole one.
fn drop_old_keys(folder: &Path, then: Instant) -> Result<usize, String> {
    let mut dropped = 0;
    for backup in backups(folder)? {
        let keys = backup.join(Part::Keys.name());
        let going = with_end(&keys, UNFINISHED);
        if Manifest::load(&keys, Part::Keys).is_ok_and(|manifest| manifest.taken_at < then) {
            fs::rename(&keys, &going).map_err(|error| cannot(&keys, &error))?;
            dropped += 1;
        }
        if going.exists() {
            fs::remove_dir_all(&going).map_err(|error| cannot(&going, &error))?;
        }
    }
    Ok(dropped)
}

/// The backups in a folder, whole or not, oldest first.
pub(super) fn backups(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| cannot(folder, &error))?;
    let names = entries.flatten().map(|entry| entry.path());
    let ours =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    let mut all: Vec<PathBuf> = names.filter(ours).collect();
    all.sort();
    Ok(all)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn summary(folder: &Path, manifests: &[Manifest], dropped: usize, micros: i64) -> String {
    let mut text = format!("{}\n", folder.display());
    for manifest in manifests {
        let (what, table) = match manifest.part {
            Part::Data => ("contacts", "contacts"),
            Part::Keys => ("keys", "data_keys"),
        };
        let count = manifest.rows.get(table).copied().unwrap_or_default();
        let megabytes = manifest.bytes().div_ceil(1_000_000);
        text.push_str(&format!("  {}: {count} {what}, {megabytes} MB, checked\n", manifest.part.name()));
    }
    if dropped > 0 {
        text.push_str(&format!("  removed {dropped} old copies of keys\n"));
    }
    text.push_str(&format!("took {}.{} s\n", micros / 1_000_000, micros / 100_000 % 10));
    text
}
