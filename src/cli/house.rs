//! Opens the house: configuration, folder, keys, databases, rules and areas, in an order in which
//! nothing is made before everything that can be refused was looked at.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;

use super::Faults;
use crate::access::token::TokenKey;
use crate::clock::Clock;
use crate::config::Config;
use crate::directory::{self, Areas};
use crate::state::App;
use crate::storage::checkup::{Standing, standing};
use crate::storage::{By, Holdings, KeyDb, Place, Setting, Store, Tree, copies, holdings, migrate};
use crate::telemetry::measures;
use crate::triage::{InForce, PackSource, RuleSet};
use crate::vault::{Keyring, RootKey, Vault};
use crate::{referrals, rules};

/// A root key handed over by systemd: `LoadCredential=goldaw.root-key:/etc/goldaw/root.key`.
const CREDENTIAL: &str = "goldaw.root-key";

/// What the house is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// To work in it: the database must be up to this program.
    Serve,
    /// To bring it up to this program.
    Migrate,
    /// To show it: migrates too, and keeps even the root key in the folder.
    Demo,
    /// To make it of copies that were just put there: like migrating, and tokens of before end.
    Restore,
}

/// An open house.
pub(super) struct House {
    pub(super) app: App,
    pub(super) tokens: TokenKey,
    pub(super) areas: Areas,
    /// Migrations applied just now, to the data and to the key store.
    pub(super) migrated: (usize, usize),
}

/// Read and checked; nothing was made yet.
struct Plan {
    config: Config,
    rules: RuleSet,
    sources: Vec<PackSource>,
    areas: Areas,
    data: Place,
    keys: Place,
    root: Root,
}

/// Where the root key is.
pub(super) enum Root {
    File(PathBuf),
    Credential(PathBuf),
}

impl House {
    /// Opens it on the machine's clock. Errors: everything that is wrong, one sentence each.
    pub(super) fn open(config: Config, start: Start) -> Result<House, Faults> {
        House::open_at(config, start, Clock::machine())
    }

    /// Opens it on a clock of one's own, for history that was not today.
    pub(super) fn open_at(config: Config, start: Start, clock: Clock) -> Result<House, Faults> {
        let plan = Plan::of(config, start)?;
        let one = |told: String| vec![told];
        if start != Start::Restore {
            refuse_if_half_restored(&plan)?;
        }
        refuse_another_age(&plan, start)?;
        create_folder(&plan.config.data).map_err(one)?;
        let held = holdings(&plan.data, &plan.keys).map_err(one)?;
        let keyring = plan.keyring(&held, start)?;
        let tokens = plan.token_key(&held, start).map_err(one)?;
        let mut migrated = (0, 0);
        if start != Start::Serve {
            migrated.0 = migrate(&plan.data, Tree::Data).map_err(one)?;
            migrated.1 = migrate(&plan.keys, Tree::Keys).map_err(one)?;
        }
        if plan.config.metrics.address().is_some() {
            // Before the parts that count.
            measures::start().map_err(one)?;
        }
        let key_store = KeyDb::open(&plan.keys, clock.clone()).map_err(one)?;
        let setting = Setting {
            vault: Arc::new(Vault::new(keyring, Arc::new(key_store))),
            rules: InForce::new(plan.rules),
            config: Arc::new(plan.config),
            promised: Arc::new(Notify::new()),
            level_moved: referrals::follow,
        };
        let store = Store::open(&plan.data, setting.clone(), clock.clone()).map_err(one)?;
        if held.bound.is_none() {
            bind(&store, start)?;
        }
        let areas = plan.areas;
        publish(&store, &areas)?;
        keep_rules(&store, &setting.rules.now(), plan.sources)?;
        if let Some(published) = published(&store, &setting.rules, &setting.config)? {
            setting.rules.replace(published);
        }
        Ok(House { app: App::new(store, setting, clock), tokens, areas, migrated })
    }
}

/// Every assessment names its rules by digest; what they said then is kept beside it.
pub(super) fn keep_rules(store: &Store, rules: &Arc<RuleSet>, sources: Vec<PackSource>) -> Result<(), Faults> {
    let rules = rules.clone();
    store
        .write_blocking(By::system(), move |tx| rules::keep(tx, &rules, &sources))
        .map_err(|error| vec![format!("the rules cannot be kept: {error}")])
}

/// The published rules, unless they are in force already. Errors: every fault of theirs, for this
/// program may be newer than they are.
pub(super) fn published(store: &Store, rules: &InForce, config: &Config) -> Result<Option<Arc<RuleSet>>, Faults> {
    let now = rules.now();
    let sources = store
        .read_blocking(move |db| rules::published_instead(db, now.sha256()))
        .map_err(|error| vec![format!("the published rules cannot be read: {error}")])?;
    sources.map(|sources| rules::check(&sources, &config.place.languages).map(Arc::new)).transpose()
}

/// From now on this data opens with this keyring only.
fn bind(store: &Store, start: Start) -> Result<(), Faults> {
    if start == Start::Serve {
        return Err(vec!["the data does not say which keyring it belongs to: run `goldaw migrate` first".into()]);
    }
    store
        .write_blocking(By::system(), |tx| {
            let fingerprint = tx.setting.vault.fingerprint();
            tx.bind(&fingerprint)
        })
        .map_err(|error| vec![format!("the data cannot be bound to its keyring: {error}")])
}

/// Reports join the table of areas, so it says what the gazetteer says.
fn publish(store: &Store, areas: &Areas) -> Result<(), Faults> {
    let listed = areas.clone();
    store
        .write_blocking(By::system(), move |tx| directory::publish_areas(tx, &listed))
        .map_err(|error| vec![format!("the table of areas cannot be written: {error}")])
}

impl Plan {
    fn of(config: Config, start: Start) -> Result<Plan, Faults> {
        let mut faults = config.faults();
        let root = kept(root(&config, start).map_err(|told| vec![told]), &mut faults);
        let sources = kept(rules::sources(&config), &mut faults);
        let rules = sources.as_ref().and_then(|list| kept(rules::check(list, &config.place.languages), &mut faults));
        let areas = kept(Areas::load(&config), &mut faults);
        let data = kept(Place::from_url(&config.database.url).map_err(|told| vec![told]), &mut faults);
        let keys = kept(Place::from_url(&config.database.keys_url).map_err(|told| vec![told]), &mut faults);
        match (root, rules.zip(sources), areas, data, keys) {
            (Some(root), Some((rules, sources)), Some(areas), Some(data), Some(keys)) if faults.is_empty() => {
                Ok(Plan { config, rules, sources, areas, data, keys, root })
            }
            _ => Err(faults),
        }
    }

    /// The keyring, made only for a house that holds nothing yet: a new key opens no old record,
    /// and a second set of keys beside the first would hide that the first is lost.
    fn keyring(&self, held: &Holdings, start: Start) -> Result<Keyring, Faults> {
        let path = self.config.data.join("keyring.json");
        let empty = !(held.accounts || held.contacts || held.keys);
        let mut missing = Vec::new();
        if !self.root.exists() && (path.exists() || !empty) {
            missing.push(format!("the root key {} is missing, but there is a house it belongs to", self.root.path()));
        }
        if !path.exists() && !empty {
            missing.push(format!("the keyring {} is missing, but there is data sealed under it", path.display()));
        }
        if held.contacts && !held.keys {
            missing.push("the key store is empty, but there are calls sealed under its keys".into());
        }
        if held.keys && !held.accounts && held.bound.is_none() {
            missing.push("the database is missing or empty, but there are keys of calls that were in it".into());
        }
        if !missing.is_empty() {
            missing.push("nothing was changed; put back what is missing from where it is kept safe, or see `goldaw restore --help`".into());
            return Err(missing);
        }
        let root = self.root.load_or_create().map_err(|told| vec![told])?;
        let opened = if !path.exists() {
            Keyring::create().and_then(|keyring| keyring.save_new(&path, &root).map(|()| keyring))
        } else if start == Start::Serve {
            Keyring::load(&path, &root)
        } else {
            Keyring::load_completed(&path, &root)
        };
        let keyring = opened.map_err(|error| vec![error.to_string()])?;
        if held.bound.as_ref().is_some_and(|bound| *bound != keyring.fingerprint()) {
            return Err(vec![format!(
                "the keyring {} belongs to another house than this data, or is older than it; put back the one it \
                 was sealed under",
                path.display()
            )]);
        }
        Ok(keyring)
    }

    fn token_key(&self, held: &Holdings, start: Start) -> Result<TokenKey, String> {
        let path = self.config.data.join("token.key");
        if held.accounts && !path.exists() && start != Start::Restore {
            return Err(format!("the token key {} is missing, but there are accounts that use it", path.display()));
        }
        TokenKey::load_or_create(&path)
    }
}

/// The value, or its faults among the others.
fn kept<T>(read: Result<T, Faults>, faults: &mut Faults) -> Option<T> {
    read.map_err(|told| faults.extend(told)).ok()
}

/// What a restore left that did not come to its end is nobody's house.
fn refuse_if_half_restored(plan: &Plan) -> Result<(), Faults> {
    match copies::unfinished(&plan.data) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(vec!["a restore was cut off before its end: run the same `goldaw restore` again".into()]),
        Err(told) => Err(vec![told]),
    }
}

/// A program works only in a house of its own age.
fn refuse_another_age(plan: &Plan, start: Start) -> Result<(), Faults> {
    let mut faults = Vec::new();
    for (place, tree, name) in [(&plan.data, Tree::Data, "database"), (&plan.keys, Tree::Keys, "key store")] {
        match standing(place, tree) {
            Ok(Standing::Ahead) => {
                faults.push(format!("the {name} was used by a newer goldaw: install that one again"))
            }
            Ok(Standing::Missing | Standing::Behind) if start == Start::Serve => {
                faults.push(format!("the {name} is not there yet, or behind this program: run `goldaw migrate` first"));
            }
            Ok(_) => {}
            Err(told) => faults.push(told),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Where the root key must be. Errors: a sentence, also for a place that every copy of the data
/// would take with it.
pub(super) fn root(config: &Config, start: Start) -> Result<Root, String> {
    let named = &config.vault.root_key_file;
    if start == Start::Demo {
        return Ok(Root::File(config.data.join("root.key")));
    }
    if named.as_os_str().is_empty() {
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(CREDENTIAL));
        return credential.filter(|path| path.exists()).map(Root::Credential).ok_or_else(|| {
            "[vault] root_key_file: name a file outside the data folder (it is made at first start)".into()
        });
    }
    if absolute(named).starts_with(absolute(&config.data)) {
        return Err("[vault] root_key_file: must be outside the data folder, or every copy of the data has it".into());
    }
    Ok(Root::File(named.clone()))
}

/// Where a path really leads, links followed, also when its end is not there yet.
fn absolute(path: &Path) -> PathBuf {
    let mut real = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).components() {
        match part {
            Component::ParentDir => drop(real.pop()),
            part => real.push(part),
        }
        real = real.canonicalize().unwrap_or(real);
    }
    real
}

impl Root {
    fn exists(&self) -> bool {
        let (Root::File(path) | Root::Credential(path)) = self;
        path.exists()
    }

    fn path(&self) -> String {
        let (Root::File(path) | Root::Credential(path)) = self;
        path.display().to_string()
    }

    /// The key. Errors: a sentence.
    pub(super) fn load(&self) -> Result<RootKey, String> {
        match self {
            Root::Credential(path) => RootKey::load_credential(path),
            Root::File(path) => RootKey::load(path),
        }
        .map_err(|error| error.to_string())
    }

    fn load_or_create(&self) -> Result<RootKey, String> {
        match self {
            Root::File(path) if !path.exists() => RootKey::create(path).map_err(|error| error.to_string()),
            root => root.load(),
        }
    }
}

/// Only the program's own user may look into the folder.
pub(super) fn create_folder(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| format!("the data folder {} cannot be made: {error}", path.display()))
}
