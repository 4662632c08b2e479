//! The command line: what each command is for, with an example, and nothing of what it does.

mod demo;
mod directory;
mod doctor;
mod health;
mod house;
mod keeping;
mod migrate;
mod outbox;
mod replay;
mod rules;
mod serve;
mod user;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::error::Error;

/// What went wrong, one sentence each, for the person at the terminal.
pub(crate) type Faults = Vec<String>;

const EXAMPLES: &str = "\
Try it:
  goldaw demo                          invented staff, services and calls; says where to sign in

Set it up:
  export GOLDAW__VAULT__ROOT_KEY_FILE=/etc/goldaw/root.key
  goldaw migrate --data /var/lib/goldaw     makes the database and, once, the keys
  goldaw user add admin --role admin --data /var/lib/goldaw
  goldaw serve --data /var/lib/goldaw

Every setting, with its default and what it means, is in config/default.toml; print it with
  goldaw config";

/// Call logging, triage and referral for hotlines that support survivors of gender-based violence.
#[derive(Debug, Parser)]
#[command(name = "goldaw", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and deliver letters, in one process.
    #[command(after_help = serve::HELP)]
    Serve {
        #[command(flatten)]
        place: Where,
        /// Address and port, instead of [server] listen. Port 0: the system chooses; the log says which.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Deliver letters only; any number may run beside `serve`.
    Worker {
        #[command(flatten)]
        place: Where,
    },
    /// Bring the database up to this program, and make the keys of a new house.
    #[command(after_help = migrate::HELP)]
    Migrate {
        #[command(flatten)]
        place: Where,
    },
    /// Say what is well, what is not, and what to do about it.
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::Doctor),
    /// Ask a running service whether it is ready.
    #[command(after_help = health::HELP)]
    Health {
        #[command(flatten)]
        place: Where,
        /// Where it listens, such as http://127.0.0.1:8080.
        #[arg(long)]
        url: Option<String>,
    },
    /// Copy the house, while it works, into a folder of its own.
    #[command(after_help = keeping::BACKUP_HELP)]
    Backup(keeping::Backup),
    /// Put a house back from a backup, into an empty place; it sends nothing until released.
    #[command(after_help = keeping::RESTORE_HELP)]
    Restore(keeping::Restore),
    /// Try everything with invented people; sets itself up.
    #[command(after_help = demo::HELP)]
    Demo(demo::Demo),
    /// Staff accounts.
    #[command(subcommand)]
    User(user::User),
    /// Organisations and services, to and from Open Referral HSDS files.
    #[command(subcommand)]
    Directory(directory::Directory),
    /// Letters that wait, went or failed.
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Check rule packs, or try facts against them.
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Print the manual of the configuration: every key with its default.
    Config,
}

/// Where the house is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Where {
    /// The data folder.
    #[arg(long, value_name = "DIR", env = "GOLDAW_DATA", default_value = "./goldaw-data")]
    data: PathBuf,
    /// Settings that differ from the defaults; goldaw.toml in the data folder when not given.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Where {
    fn settings(&self) -> Result<Config, Faults> {
        Config::load(self.config.as_deref(), &self.data).map_err(|told| vec![told])
    }
}

/// Runs the command. What went wrong goes to standard error, all of it at once.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve { place, listen } => serve::serve(&place, listen),
        Command::Worker { place } => serve::worker(&place),
        Command::Migrate { place } => migrate::migrate(&place),
        Command::Doctor(command) => doctor::doctor(&command),
        Command::Health { place, url } => health::health(&place, url.as_deref()),
        Command::Backup(command) => keeping::backup(&command),
        Command::Restore(command) => keeping::restore(&command),
        Command::Demo(demo) => demo::run(&demo),
        Command::User(command) => user::run(command),
        Command::Directory(command) => directory::run(command),
        Command::Outbox(command) => outbox::run(command),
        Command::Rules(command) => rules::run(&command),
        Command::Config => print(crate::config::DEFAULTS),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(faults) => {
            for fault in faults {
                eprintln!("goldaw: {fault}");
            }
            ExitCode::FAILURE
        }
    }
}

/// An error of the program for the terminal: what it is, and each place and code.
pub(crate) fn told(error: Error) -> Faults {
    match &error {
        Error::Invalid(problems) => problems.iter().map(|p| format!("{}: {}", p.pointer, p.code)).collect(),
        Error::Conflict { code, .. } => vec![format!("{error}: {code}")],
        _ => vec![error.to_string()],
    }
}

/// Writes to standard output. Somebody who closes it early, such as `head`, has seen enough.
pub(crate) fn print(text: &str) -> Result<(), Faults> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(vec![format!("standard output cannot be written: {error}")])
        }
        _ => Ok(()),
    }
}
