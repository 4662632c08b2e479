//! `goldaw restore`: a house from its copies, in an empty place, held until somebody has looked.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use sha2::{Digest, Sha256};

use super::backup::backups;
use super::manifest::{Manifest, Part};
use super::{KEYRING, TOMBSTONES, UNFINISHED, cannot, make_folder, sync_folder};
use crate::cli::house::{House, Start, root};
use crate::cli::{Faults, Where, print, told};
use crate::config::Config;
use crate::identity::terminal;
use crate::notifications;
use crate::referrals::partner;
use crate::storage::{By, Place, copies};
use crate::vault::{Keyring, private_file};

pub(in crate::cli) const HELP: &str = "\
Examples:
  goldaw restore --from /var/backups/goldaw/goldaw-20261122T020000.000Z --data /var/lib/goldaw
  goldaw restore --from /mnt/data-copies/goldaw-… --keys /mnt/key-copies/goldaw-… --data /var/lib/goldaw
It needs the root key of the house, and an empty place: nothing is ever overwritten. Every file is
proved first. Keys destroyed up to the newest of the copies stay destroyed. All sessions end.
The restored house is held: it is served, but sends nothing, because what waits in its outbox may
have been sent after the backup. Look, cancel what went, and let the rest go:
  goldaw outbox list --state pending --data /var/lib/goldaw
  goldaw outbox release --data /var/lib/goldaw
Cut off in the middle, it leaves what no command opens; run the same restore again.";

/// What to put back, and where.
#[derive(Debug, Args)]
pub(in crate::cli) struct Restore {
    #[command(flatten)]
    place: Where,
    /// A backup: the folder named goldaw-<time>.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The backup whose keys to use, when not the same; take the newest there is.
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
}

/// A part that was proved.
struct Proved {
    folder: PathBuf,
    manifest: Manifest,
}

/// Where it all goes.
struct Target {
    config: Config,
    data: Place,
    keys: Place,
}

pub(in crate::cli) fn restore(command: &Restore) -> Result<(), Faults> {
    let config = command.place.settings()?;
    let data = prove(&command.from, Part::Data)?;
    let keys = prove(command.keys.as_ref().unwrap_or(&command.from), Part::Keys)?;
    fit(&data, &keys, &config)?;
    let target = Target::of(config, &data, &keys).map_err(|told| vec![told])?;
    target.fill(&data, &keys).map_err(|told| vec![told])?;
    let tombstones = data.tombstones().map_err(|told| vec![told])?;
    let waiting = settle(target.config.clone(), tombstones)?;
    copies::finish(&target.data).map_err(|told| vec![told])?;
    print(&summary(&target, &data, waiting))
}

/// Finds a part and reads every file of it again.
fn prove(backup: &Path, part: Part) -> Result<Proved, Faults> {
    if backup.display().to_string().trim_end_matches('/').ends_with(UNFINISHED) {
        return Err(vec![format!("{} was cut off while it was written: take another", backup.display())]);
    }
    let folder = backup.join(part.name());
    if !folder.is_dir() {
        return Err(vec![format!("{} has no copy of the {}{}", backup.display(), part.name(), hint(backup, part))]);
    }
    let manifest = Manifest::load(&folder, part).map_err(|told| vec![told])?;
    let faults = manifest.prove(&folder);
    if faults.is_empty() { Ok(Proved { folder, manifest }) } else { Err(faults) }
}

/// What somebody may have meant.
fn hint(backup: &Path, part: Part) -> String {
    let newest = backups(backup).unwrap_or_default().pop();
    match (newest, part) {
        (Some(newest), _) => format!(": name one of those in it, such as {}", newest.display()),
        (None, Part::Keys) => ": name a backup that has one with --keys".into(),
        (None, Part::Data) => String::new(),
    }
}

/// Refuses what does not belong together, before anything is moved.
fn fit(data: &Proved, keys: &Proved, config: &Config) -> Result<(), Faults> {
    let mut faults = Vec::new();
    if data.manifest.house != keys.manifest.house {
        faults.push("the data and the keys are of two different houses".to_owned());
    }
    if keys.manifest.taken_at < data.manifest.taken_at {
        faults.push(format!(
            "the keys were copied at {}, before the data at {}: calls recorded between would not open; take newer keys",
            keys.manifest.taken_at, data.manifest.taken_at
        ));
    }
    let opened = root(config, Start::Serve).and_then(|root| root.load()).and_then(|root| {
        let sealed = private_file::read(&keys.folder.join(KEYRING)).map_err(|error| error.to_string())?;
        // One of an older program is completed below, in the new house.
        Keyring::completed(&root, &sealed)
            .and_then(|grown| Keyring::open(&root, grown.as_deref().unwrap_or(&sealed)))
            .map_err(|error| format!("the keyring of the backup does not open: {error}"))
    });
    match opened {
        Ok(keyring) if keyring.fingerprint() != keys.manifest.house => {
            faults.push("the keyring in the backup is not the one its data was sealed under".into());
        }
        Ok(_) => {}
        Err(told) => faults.push(told),
    }
    if faults.is_empty() {
        return Ok(());
    }
    faults.push("nothing was changed".into());
    Err(faults)
}

impl Proved {
    fn tombstones(&self) -> Result<Vec<String>, String> {
        let path = self.folder.join(TOMBSTONES);
        let text = fs::read_to_string(&path).map_err(|error| cannot(&path, &error))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Target {
    /// An empty place of the right kind, or what a cut-off restore of ours left there.
    fn of(config: Config, data: &Proved, keys: &Proved) -> Result<Target, String> {
        let target = Target {
            data: Place::from_url(&config.database.url)?,
            keys: Place::from_url(&config.database.keys_url)?,
            config,
        };
        for (place, copy, setting) in [(&target.data, data, "url"), (&target.keys, keys, "keys_url")] {
            if copies::ending(place) != copies::ending_of(&copy.manifest.engine) {
                let engine = &copy.manifest.engine;
                return Err(format!("the copy is of {engine}, and [database] {setting} names another engine"));
            }
        }
        let begun = copies::unfinished(&target.data)?;
        let mine = begun.as_deref() == Some(&target.note());
        for (place, ours) in [(&target.data, begun.is_some()), (&target.keys, mine)] {
            if !ours && !copies::is_empty(place)? {
                return Err(format!("{place} is not empty: a restore overwrites nothing; name an empty place"));
            }
        }
        for file in [KEYRING, "token.key"] {
            let path = target.config.data.join(file);
            if begun.is_none() && path.exists() {
                return Err(format!("{} is there already: a restore needs an empty folder", path.display()));
            }
        }
        Ok(target)
    }

    /// Which key store belongs to this restore: only that one is emptied when it begins again.
    fn note(&self) -> String {
        let url = Sha256::digest(self.config.database.keys_url.as_bytes());
        url.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Moves everything in, under a mark.
    fn fill(&self, data: &Proved, keys: &Proved) -> Result<(), String> {
        let folder = &self.config.data;
        make_folder(folder)?;
        copies::begin(&self.data, &self.note())?;
        for file in [KEYRING, "token.key"] {
            let path = folder.join(file);
            if path.exists() {
                fs::remove_file(&path).map_err(|error| cannot(&path, &error))?;
            }
        }
        let sealed = keys.folder.join(KEYRING);
        let sealed = private_file::read(&sealed).map_err(|error| error.to_string())?;
        private_file::create(&folder.join(KEYRING), &sealed).map_err(|error| error.to_string())?;
        for (place, copy) in [(&self.keys, keys), (&self.data, data)] {
            copies::clear(place)?;
            copies::put_back(place, &copy.manifest.database(&copy.folder)?)?;
            if copies::contents(place)?.rows != copy.manifest.rows {
                return Err(format!("{place} does not hold what the backup held"));
            }
        }
        sync_folder(folder)
    }
}

/// Makes the copy a house: up to this program, with what was destroyed destroyed, nobody signed in,
/// and held. Gives how many letters wait.
fn settle(config: Config, tombstones: Vec<String>) -> Result<i64, Faults> {
    let house = House::open(config, Start::Restore)?;
    house.app.vault.erase(&tombstones).map_err(|error| vec![error.to_string()])?;
    let store = &house.app.store;
    store
        .write_blocking(By::system(), |tx| {
            terminal::end_all_sessions(tx)?;
            partner::end_all_views(tx)?;
            tx.hold()?;
            tx.trail("house.restore", ("house", ""), None)
        })
        .map_err(told)?;
    store.read_blocking(notifications::open).map_err(told)
}

fn summary(target: &Target, data: &Proved, waiting: i64) -> String {
    let contacts = data.manifest.rows.get("contacts").copied().unwrap_or_default();
    let place = target.config.data.display();
    format!(
        "Restored {contacts} contacts, as they were at {}, into {}.\n\
         Nothing is sent yet; {waiting} letters wait. See which, cancel what went after the backup, then let the rest go:\n\
         \x20 goldaw outbox list --data {place}\n\
         \x20 goldaw outbox release --data {place}\n",
        data.manifest.taken_at, target.data
    )
}
