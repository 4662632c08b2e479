//! The house itself: keys, databases, whether they belong together, and what waits.

use std::path::Path;
use std::sync::Arc;

use super::Finding;
use crate::access::token::TokenKey;
use crate::cli::house::{Start, root};
use crate::clock::{Clock, DAY, HOUR, Instant, SECOND};
use crate::config::Config;
use crate::notifications::{self, State};
use crate::storage::checkup::{self, Standing};
use crate::storage::house::{backed_up_at, bound_to, held_since};
use crate::storage::{KeyDb, Place, Tree, copies};
use crate::vault::{Keyring, KeyringError, RootKey, Vault};

/// A backup older than this is noticed.
const OLD: i64 = 2 * DAY;
/// A letter that waits longer than this is noticed.
const LATE: i64 = HOUR;

pub(super) fn look(config: &Config, clock: &Clock) -> Vec<Finding> {
    let mut findings = Vec::new();
    let root = root_key(config, &mut findings);
    let keyring = root.and_then(|root| keyring(config, &root, &mut findings));
    findings.push(token_key(config));
    let data = database("database", &config.database.url, Tree::Data, config, &mut findings);
    let keys = database("key store", &config.database.keys_url, Tree::Keys, config, &mut findings);
    if let Some(data) = &data {
        findings.extend(bound(data, keyring.as_ref(), config));
    }
    if let (Some(keys), Some(keyring)) = (keys, keyring) {
        findings.push(opens(&keys, keyring, clock));
    }
    if let Some(data) = &data {
        findings.extend(work(data, clock, config));
    }
    findings
}

fn root_key(config: &Config, findings: &mut Vec<Finding>) -> Option<RootKey> {
    let back = "put the root key back from where it is kept safe (64 digits, chmod 0400), and name it in [vault] \
                root_key_file";
    match root(config, Start::Serve) {
        Err(told) => {
            findings.push(Finding::fault("root key", told, "GOLDAW__VAULT__ROOT_KEY_FILE=/etc/goldaw/root.key"));
            None
        }
        Ok(root) => match root.load() {
            Ok(key) => {
                findings.push(Finding::ok("root key", "it can be read, and is outside the data folder"));
                Some(key)
            }
            Err(told) => {
                findings.push(Finding::fault("root key", told, back));
                None
            }
        },
    }
}

fn keyring(config: &Config, root: &RootKey, findings: &mut Vec<Finding>) -> Option<Keyring> {
    let path = config.data.join("keyring.json");
    match Keyring::load(&path, root) {
        Ok(keyring) => {
            findings.push(Finding::ok("keyring", "it opens with this root key"));
            Some(keyring)
        }
        Err(error) => {
            let fix = match &error {
                KeyringError::WrongRoot => "put back the root key this house was made with".to_owned(),
                KeyringError::Incomplete(_) => command("migrate", config),
                _ => format!("put {} back from keys/keyring.json of the newest backup", path.display()),
            };
            findings.push(Finding::fault("keyring", error.to_string(), fix));
            None
        }
    }
}

fn token_key(config: &Config) -> Finding {
    let path = config.data.join("token.key");
    let fix = format!("put {} back from a copy of the data folder, or restore the newest backup", path.display());
    if !path.exists() {
        return Finding::fault("token key", format!("{} is missing", path.display()), fix);
    }
    match TokenKey::load_or_create(&path) {
        Ok(_) => Finding::ok("token key", "it can be read"),
        Err(told) => Finding::fault("token key", told, fix),
    }
}

/// The place, if it can be asked more.
fn database(about: &'static str, url: &str, tree: Tree, config: &Config, findings: &mut Vec<Finding>) -> Option<Place> {
    let place = match Place::from_url(url) {
        Ok(place) => place,
        Err(told) => {
            findings.push(Finding::fault(about, told, "[database] url and keys_url"));
            return None;
        }
    };
    if let Ok(Some(_)) = copies::unfinished(&place) {
        let told = "a restore was cut off before its end: nothing here is whole";
        findings.push(Finding::fault(about, told, "run the same `goldaw restore` again"));
        return None;
    }
    let (told, fix) = match checkup::standing(&place, tree) {
        Ok(Standing::Current) => match checkup::integrity(&place) {
            Ok(()) => {
                findings.push(Finding::ok(about, format!("{place}: up to this program, and whole")));
                return Some(place);
            }
            Err(told) => (format!("{place}: {told}"), damaged(&place, config)),
        },
        Ok(Standing::Behind) => (format!("{place} is behind this program"), command("migrate", config)),
        Ok(Standing::Ahead) => {
            (format!("{place} was used by a newer program"), "install the newest goldaw again".into())
        }
        Ok(Standing::Missing) => (
            format!("{place} is empty or not there"),
            format!("put the database back, or {}; for a new house {}", restoring(config), command("migrate", config)),
        ),
        Err(told) => (format!("{place}: {told}"), damaged(&place, config)),
    };
    findings.push(Finding::fault(about, told, fix));
    None
}

fn damaged(place: &Place, config: &Config) -> String {
    match place {
        Place::Sqlite(_) => format!("stop the service, keep the file, and {}", restoring(config)),
        Place::Postgres(_) => {
            "see that the server runs (pg_isready), its settings, and [database] url and keys_url".into()
        }
    }
}

fn restoring(config: &Config) -> String {
    let data = config.data.with_extension("restored");
    format!("goldaw restore --from <the newest backup> --data {}", data.display())
}

fn command(name: &str, config: &Config) -> String {
    format!("goldaw {name} --data {}", config.data.display())
}

/// Whether data and keyring are of one house.
fn bound(data: &Place, keyring: Option<&Keyring>, config: &Config) -> Option<Finding> {
    let keyring = keyring?;
    Some(match checkup::look(data, bound_to) {
        Ok(Some(bound)) if bound == keyring.fingerprint() => Finding::ok("house", "data and keyring belong together"),
        Ok(Some(_)) => Finding::fault(
            "house",
            "the keyring belongs to another house than the data, or is older than it",
            "put keyring.json back from keys/ of the newest backup of this house",
        ),
        Ok(None) => Finding::fault("house", "the data is not bound to its keyring yet", command("migrate", config)),
        Err(told) => Finding::fault("house", told, damaged(data, config)),
    })
}

/// Whether a key of the store opens with the keyring.
fn opens(keys: &Place, keyring: Keyring, clock: &Clock) -> Finding {
    let opened = checkup::look(keys, checkup::any_key).and_then(|id| {
        let Some(id) = id else { return Ok("it has no keys yet; the first call mints some") };
        let vault = Vault::new(keyring, Arc::new(KeyDb::open(keys, clock.clone())?));
        vault.data_key(&id).map(|_| "a key from it opens").map_err(|error| error.to_string())
    });
    match opened {
        Ok(told) => Finding::ok("data keys", told),
        Err(told) => Finding::fault(
            "data keys",
            format!("a key from the key store does not open: {told}"),
            "put key store and keyring.json back from keys/ of one and the same backup",
        ),
    }
}

fn work(data: &Place, clock: &Clock, config: &Config) -> Vec<Finding> {
    let asked = checkup::look(data, |db| {
        Ok((held_since(db)?, backed_up_at(db)?, checkup::newest_step(db)?, notifications::outbox(db)?))
    });
    let (held, backed_up, newest, outbox) = match asked {
        Ok(told) => told,
        Err(told) => return vec![Finding::fault("work", told, damaged(data, config))],
    };
    let now = clock.now();
    let mut findings = Vec::new();
    if newest.is_some_and(|newest| newest > now.plus(SECOND)) {
        let told = "the newest entry is later than the clock: it was set back";
        findings.push(Finding::fault("clock", told, "timedatectl set-ntp true"));
    }
    if let Some(since) = held {
        let told = format!("this house was restored at {since} and sends nothing");
        let fix = format!("{}, then {}", command("outbox list", config), command("outbox release", config));
        findings.push(Finding::warning("held", told, fix));
    }
    findings.push(letters(&outbox, held.is_some(), now, config));
    findings.push(backup(backed_up, now, &config.data));
    findings
}

fn letters(outbox: &notifications::Outbox, held: bool, now: Instant, config: &Config) -> Finding {
    let failed = outbox.counts.iter().find(|(state, _)| *state == State::Failed).map_or(0, |(_, count)| *count);
    let waits = outbox.oldest_open.map(|since| now.since(since)).unwrap_or_default();
    let minutes = waits / crate::clock::MINUTE;
    if waits > LATE && !held {
        let told = format!("a letter has waited for {minutes} minutes; {failed} failed for good");
        return Finding::warning("outbox", told, command("outbox list --state pending", config));
    }
    if failed > 0 {
        let told = format!("{failed} letters failed for good");
        return Finding::warning("outbox", told, command("outbox list --state failed", config));
    }
    Finding::ok(
        "outbox",
        format!("the oldest letter that waits has waited for {minutes} minutes; none failed for good"),
    )
}

fn backup(at: Option<Instant>, now: Instant, data: &Path) -> Finding {
    let fix = format!("goldaw backup --data {} --to <a folder on another disk>, every night", data.display());
    match at {
        None => Finding::warning("backup", "no backup was ever made of this house", fix),
        Some(at) if now.since(at) > OLD => Finding::warning("backup", format!("the newest backup is of {at}"), fix),
        Some(at) => Finding::ok("backup", format!("the newest backup is of {at}")),
    }
}
