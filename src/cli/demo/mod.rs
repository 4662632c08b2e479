//! `goldaw demo`: a house full of invented people, to try everything without setting anything up.

mod history;
mod kept;
mod people;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::house::{self, House, Start};
use super::{Faults, print, serve, told};
use crate::clock::{Clock, SECOND};
use crate::config::{Config, OPTIONAL_FIELDS};
use crate::directory::{self, SAMPLE, SampleDirectory, ServiceFilter};
use crate::storage::By;
use crate::telemetry;
use kept::Kept;

pub(super) const HELP: &str = "\
Examples:
  goldaw demo
  goldaw demo --data /tmp/try-it --listen 127.0.0.1:0 --json
Everything is kept in one folder, keys included; delete the folder and it is gone. Started again on
the same folder it has the same staff with the same passphrases. Letters become files there.";

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The folder; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "./goldaw-demo")]
    data: PathBuf,
    /// Address and port. Port 0: the system chooses.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Print one line of JSON when ready, and nothing else, on standard output.
    #[arg(long)]
    json: bool,
    /// Without invented calls.
    #[arg(long)]
    empty: bool,
}

/// What is told when ready.
#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
    mail_dir: &'a str,
    staff: &'a [kept::Person],
    partner_codes: &'a [kept::PartnerCode],
}

pub(super) fn run(demo: &Demo) -> Result<(), Faults> {
    let mut kept = Kept::load(&demo.data)?;
    let config = settings(demo)?;
    telemetry::start(if demo.json { &config.log.level } else { "warn" });
    let mail_dir = absolute(&config.files.mail_dir);
    house::create_folder(&config.files.mail_dir).map_err(|told| vec![told])?;
    if !demo.empty && !kept.has_a_past() {
        give_a_past(&config, &mut kept)?;
    }
    let house = House::open(config, Start::Demo)?;
    furnish(&house, &mut kept)?;
    people::engage(&house, &mut kept)?;
    let json = demo.json;
    serve::run(house, true, move |address| {
        let url = format!("http://{address}");
        let ready = Ready { url: &url, mail_dir: &mail_dir, staff: kept.staff(), partner_codes: kept.codes() };
        if json { print(&one_line(&ready)?) } else { print(&spelled(&ready)) }
    })
}

/// Opens the house four weeks ago and lets time pass.
fn give_a_past(config: &Config, kept: &mut Kept) -> Result<(), Faults> {
    let now = Clock::machine().now();
    let now = now.plus(-(now.0 % SECOND));
    let house = House::open_at(config.clone(), Start::Demo, Clock::held(now.plus(-history::SPAN)))?;
    furnish(&house, kept)?;
    people::engage(&house, kept)?;
    history::invent(&house, now)?;
    kept.remember_past()
}

fn settings(demo: &Demo) -> Result<Config, Faults> {
    let mut config = Config::load(None, &demo.data).map_err(|told| vec![told])?;
    config.fields.on = OPTIONAL_FIELDS.iter().map(|name| (*name).to_owned()).collect();
    if let Some(listen) = demo.listen {
        config.server.listen = listen;
    }
    // Letters hold links, so the port must be known before the first is written.
    if config.server.listen.port() == 0 {
        let chosen = TcpListener::bind(config.server.listen).and_then(|listener| listener.local_addr());
        config.server.listen = chosen.map_err(|error| vec![format!("no port can be had: {error}")])?;
    }
    config.server.public_url = format!("http://{}", config.server.listen);
    Ok(config)
}

fn absolute(path: &std::path::Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

/// The sample directory, once, and a code for each service that its focal point opens letters with.
fn furnish(house: &House, kept: &mut Kept) -> Result<(), Faults> {
    let (store, areas) = (&house.app.store, &house.areas);
    let sample = SampleDirectory::parse(SAMPLE, areas, &house.app.config)?;
    let listed = |db: &mut crate::storage::Db| {
        directory::list_services(db, areas, &ServiceFilter::default(), None, i64::from(i32::MAX))
    };
    let mut services = store.read_blocking(listed).map_err(told)?;
    if services.is_empty() {
        let areas = areas.clone();
        store.write_blocking(By::system(), move |tx| directory::import(tx, &areas, &sample)).map_err(told)?;
        services = store.read_blocking(listed).map_err(told)?;
    }
    kept.give_codes(&house.app, &services)
}

fn one_line(ready: &Ready<'_>) -> Result<String, Faults> {
    serde_json::to_string(ready)
        .map(|line| line + "\n")
        .map_err(|_| vec!["what is ready cannot be written as JSON".into()])
}

fn spelled(ready: &Ready<'_>) -> String {
    let mut text = format!(
        "Goldaw runs at {} with invented people. Nothing here is real. Stop it with the interrupt key.\n\nSign in as:\n",
        ready.url
    );
    for person in ready.staff {
        let second = person.totp_secret.as_ref().map(|secret| format!("   second factor {secret}")).unwrap_or_default();
        text.push_str(&format!("  {:<12} {:<10} {}{second}\n", person.role, person.name, person.passphrase));
    }
    text.push_str(&format!("\nLetters to partners become files in {}\n", ready.mail_dir));
    if let Some(code) = ready.partner_codes.first() {
        text.push_str(&format!(
            "The link in a letter asks for the service's code, such as {} for {}.\n",
            code.code, code.name
        ));
    }
    if let Some(person) = ready.staff.first() {
        text.push_str(&format!(
            "\nTry:\n  curl -s {}/api/v1/auth/login -H 'Content-Type: application/json' \\\n    -d '{{\"name\":\"{}\",\"passphrase\":\"{}\"}}'\n",
            ready.url, person.name, person.passphrase
        ));
    }
    text
}
