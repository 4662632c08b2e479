//! `goldaw doctor`: what is well, what is not, and what to do about it. Looks and changes nothing;
//! a house that is broken, or that serves at this moment, can be asked alike.

mod house;
mod machine;
mod outside;

use clap::Args;
use serde::Serialize;

use super::{Faults, Where, print};
use crate::clock::Clock;

pub(super) const HELP: &str = "\
Examples:
  goldaw doctor --data /var/lib/goldaw
  goldaw doctor --json
A line for each finding; for what is not well, a second one with what to do. No mail is sent.
Exit code 0 when there are no faults; warnings do not count.";

/// Where to look, and how to tell.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    place: Where,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warning,
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    about: &'static str,
    state: State,
    told: String,
    /// A command or a setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Serialize)]
struct Report {
    faults: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

impl Finding {
    fn ok(about: &'static str, told: impl Into<String>) -> Finding {
        Finding { about, state: State::Ok, told: told.into(), fix: None }
    }

    fn warning(about: &'static str, told: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { about, state: State::Warning, told: told.into(), fix: Some(fix.into()) }
    }

    fn fault(about: &'static str, told: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { about, state: State::Fault, told: told.into(), fix: Some(fix.into()) }
    }
}

pub(super) fn doctor(command: &Doctor) -> Result<(), Faults> {
    let report = Report::of(look(&command.place));
    let text = match command.json {
        true => serde_json::to_string(&report).map_err(|_| vec!["the report cannot be written".to_owned()])? + "\n",
        false => report.findings.iter().map(line).collect(),
    };
    print(&text)?;
    match (report.faults, report.warnings) {
        (0, _) => Ok(()),
        (faults, warnings) => Err(vec![format!("{faults} faults, {warnings} warnings")]),
    }
}

/// From the ground up: what stands on something broken is looked at all the same where it can be.
fn look(place: &Where) -> Vec<Finding> {
    let config = match place.settings() {
        Ok(config) => config,
        Err(told) => return vec![settings(told)],
    };
    let clock = Clock::machine();
    let mut findings: Vec<Finding> = match config.faults() {
        told if told.is_empty() => vec![Finding::ok("settings", "the configuration can be served with")],
        told => vec![settings(told)],
    };
    findings.extend(machine::disk(&config));
    findings.extend(machine::clock(&clock));
    findings.extend(machine::permissions(&config));
    findings.extend(house::look(&config, &clock));
    findings.extend(outside::look(&config));
    findings
}

fn settings(told: Faults) -> Finding {
    Finding::fault("settings", told.join("; "), "goldaw config (the manual of every key)")
}

impl Report {
    fn of(findings: Vec<Finding>) -> Report {
        let count = |state| findings.iter().filter(|finding| finding.state == state).count();
        Report { faults: count(State::Fault), warnings: count(State::Warning), findings }
    }
}

fn line(finding: &Finding) -> String {
    let state = match finding.state {
        State::Ok => "ok     ",
        State::Warning => "warning",
        State::Fault => "FAULT  ",
    };
    let fix = finding.fix.as_ref().map(|fix| format!("         {:<12}  do: {fix}\n", "")).unwrap_or_default();
    format!("{state}  {:<12}  {}\n{fix}", finding.about, finding.told)
}
