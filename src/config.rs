//! Configuration: the embedded `config/default.toml` (which is the manual), then a file, then the
//! environment. Unknown keys are refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub mod calendar;
pub mod escalation;
mod letters;
mod server;
pub use calendar::{Calendar, LevelTargets, Target, Targets};
pub use escalation::Escalation;
pub use letters::{Files, Partner, Smtp, SmtpTls, Worker};
pub use server::{Metrics, Server};

/// The manual, as it stands in the program.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// Everything a deployment may set, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Listening and limits of requests.
    pub server: Server,
    /// Figures for Prometheus.
    pub metrics: Metrics,
    /// The two databases.
    pub database: Database,
    /// Keys.
    pub vault: VaultFiles,
    /// The mail server, if there is one.
    pub smtp: Smtp,
    /// Letters as files.
    pub files: Files,
    /// Country, zone, languages.
    pub place: PlaceSettings,
    /// Sign-in.
    pub staff: Staff,
    /// Optional fields.
    pub fields: FieldSwitches,
    /// Rule packs.
    pub triage: Triage,
    /// Service hours.
    pub calendar: Calendar,
    /// Targets per level.
    pub targets: Targets,
    /// What happens while nobody accepts.
    pub escalation: Escalation,
    /// Claims.
    pub tickets: Tickets,
    /// What somebody must do.
    pub tasks: Tasks,
    /// Second looks.
    pub oversight: Oversight,
    /// Delivery.
    pub worker: Worker,
    /// Links to partners.
    pub partner: Partner,
    /// Logs.
    pub log: Log,
    /// The data folder; from the command line, never from a file.
    #[serde(skip)]
    pub data: PathBuf,
}

/// `[database]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// URL of the data; its scheme chooses the engine.
    pub url: String,
    /// URL of the key store.
    pub keys_url: String,
    /// Pooled connections.
    pub connections: u32,
    /// Writes that may wait.
    pub queue: usize,
}

/// `[vault]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultFiles {
    /// The root key's file.
    pub root_key_file: PathBuf,
}

/// `[place]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceSettings {
    /// ISO 3166-1 code for local phone numbers.
    pub phone_region: String,
    /// IANA name.
    pub time_zone: chrono_tz::Tz,
    /// ISO 639-1 codes.
    pub languages: Vec<String>,
    /// A gazetteer of one's own.
    pub areas_file: PathBuf,
}

/// `[staff]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    /// Minutes an access token lives.
    pub token_minutes: i64,
    /// Hours a session lives.
    pub session_hours: i64,
    /// argon2 memory in KiB.
    pub hash_memory_kib: u32,
    /// argon2 passes.
    pub hash_passes: u32,
    /// Hashes computed at once.
    pub hashes_at_once: usize,
}

/// Fields of 3-domain marked as off by default, by the names used in `[fields] on`.
pub const OPTIONAL_FIELDS: &[&str] = &[
    "name",
    "address",
    "born_on",
    "marital_status",
    "displacement_status",
    "displacement_stage",
    "country",
    "ethnicity",
    "disability",
    "harmful_traditional_practice",
    "goods_money_exchanged",
    "abduction",
    "perpetrator_occupation",
    "perpetrator_name",
];

/// `[fields]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSwitches {
    /// Names from [`OPTIONAL_FIELDS`].
    pub on: BTreeSet<String>,
    /// Characters.
    pub narrative: usize,
}

/// `[triage]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triage {
    /// A folder of packs.
    pub packs_dir: PathBuf,
}

/// `[tickets]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tickets {
    /// Minutes a claim of a Critical ticket lasts without activity.
    pub claim_minutes_critical: i64,
    /// The same for all others.
    pub claim_minutes: i64,
    /// Open tickets one counselor holds at most, where nothing else was said of them.
    pub caseload: i64,
}

/// `[tasks]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    /// Days after which she is asked how it went; 0: nobody asks.
    pub feedback_days: i64,
}

/// `[oversight]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oversight {
    /// Mail addresses of the coordinators on duty, each as it was written; see [`Oversight::pagers`].
    pub page: Vec<String>,
    /// Hours within which a review is decided.
    pub review_hours: i64,
}

impl Oversight {
    /// Whose address each is, by staff number where that was said, and the address.
    pub fn pagers(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.page.iter().map(|entry| match entry.split_once(": ") {
            Some((whose, address)) => (Some(whose), address),
            None => (None, entry.as_str()),
        })
    }
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Level.
    pub level: String,
}

impl Config {
    /// Reads the three layers. `data` is the data folder. Errors: a sentence naming the key.
    pub fn load(file: Option<&Path>, data: &Path) -> Result<Config, String> {
        let mut layers =
            config::Config::builder().add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        let own = data.join("goldaw.toml");
        if let Some(file) = file {
            layers = layers.add_source(config::File::from(file.to_path_buf()).format(config::FileFormat::Toml));
        } else if own.exists() {
            layers = layers.add_source(config::File::from(own).format(config::FileFormat::Toml));
        }
        let environment =
            config::Environment::with_prefix("GOLDAW").prefix_separator("__").separator("__").try_parsing(true);
        let mut config: Config = layers
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| format!("configuration: {error}"))?;
        config.settle(data);
        Ok(config)
    }

    /// The defaults alone, for tests and the demo.
    pub fn defaults(data: &Path) -> Result<Config, String> {
        let mut config: Config =
            toml::from_str(DEFAULTS).map_err(|error| format!("the embedded configuration: {error}"))?;
        config.settle(data);
        Ok(config)
    }

    /// Fills what depends on the data folder.
    fn settle(&mut self, data: &Path) {
        self.data = data.to_path_buf();
        if self.database.url.is_empty() {
            self.database.url = format!("sqlite:{}", data.join("goldaw.db").display());
        }
        if self.database.keys_url.is_empty() {
            self.database.keys_url = format!("sqlite:{}", data.join("keys.db").display());
        }
        if self.files.mail_dir.as_os_str().is_empty() {
            self.files.mail_dir = data.join("mail");
        }
    }

    /// What serving needs beyond being readable: all that is wrong, one sentence each.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.server.faults();
        faults.extend(self.escalation.faults());
        let mut refuse = |wrong: bool, told: &str| {
            if wrong {
                faults.push(told.to_owned());
            }
        };
        refuse(
            !self.metrics.listen.is_empty() && self.metrics.address().is_none(),
            "[metrics] listen: an address and a port, such as 127.0.0.1:9464, or nothing",
        );
        refuse(!(1..=10).contains(&self.staff.token_minutes), "[staff] token_minutes: 1 to 10");
        refuse(!(1..=24).contains(&self.staff.session_hours), "[staff] session_hours: 1 to 24");
        refuse(self.place.languages.is_empty(), "[place] languages: at least one");
        refuse(self.database.connections == 0, "[database] connections: at least 1");
        refuse(self.database.queue == 0, "[database] queue: at least 1");
        refuse(self.tickets.caseload < 1, "[tickets] caseload: at least 1");
        refuse(!(0..=90).contains(&self.tasks.feedback_days), "[tasks] feedback_days: 0 to 90");
        refuse(self.worker.at_once == 0, "[worker] at_once: at least 1");
        refuse(
            self.worker.lease_seconds < i64::try_from(self.worker.send_seconds).unwrap_or(i64::MAX).saturating_add(10),
            "[worker] lease_seconds: must be 10 longer than send_seconds, or two workers send one letter",
        );
        let plain_far = self.smtp.tls == SmtpTls::None
            && !matches!(self.smtp.host.as_str(), "" | "127.0.0.1" | "::1" | "localhost");
        refuse(plain_far, "[smtp] tls: none is only for a server on this machine");
        for name in &self.fields.on {
            refuse(!OPTIONAL_FIELDS.contains(&name.as_str()), "[fields] on: a name that is not in the list above it");
        }
        faults
    }

    /// True when this optional field is switched on.
    pub fn field_is_on(&self, name: &str) -> bool {
        self.fields.on.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_is_a_whole_and_faultless_configuration() {
        let config = Config::defaults(Path::new("/tmp/x")).unwrap();
        assert_eq!(config.faults(), Vec::<String>::new());
        assert_eq!(config.database.url, "sqlite:/tmp/x/goldaw.db");
    }

    #[test]
    fn a_key_nobody_knows_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        std::fs::write(&file, "[server]\nlisten_on = \"x\"\n").unwrap();
        let told = Config::load(Some(&file), folder.path()).unwrap_err();
        assert!(told.contains("listen_on"), "{told}");
    }
}
