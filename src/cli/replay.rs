//! `goldaw rules explain` and `replay`: what rules made, and would have made, of what was recorded.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;

use super::house::{House, Start};
use super::{Faults, Where, print, rules::load, told};
use crate::clock::DAY;
use crate::contacts::{self, Against};
use crate::rules as packs;
use crate::storage::By;
use crate::triage::{Assessment, ClockState, Level, RuleSet};

pub(super) const HELP: &str = "\
Example:
  goldaw rules replay --pack /etc/goldaw/triage --since 90d
Each contact is assessed at the moment its own assessment was made.";

/// What to replay, and by which rules.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Pack files or folders; those inside the program when none is given.
    #[arg(long = "pack", value_name = "PATH")]
    packs: Vec<PathBuf>,
    /// How far back contacts began.
    #[arg(long, value_name = "DAYS", default_value = "90d", value_parser = days)]
    since: i64,
    #[command(flatten)]
    place: Where,
}

fn days(text: &str) -> Result<i64, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| (1..=36_500).contains(days));
    days.ok_or_else(|| "a number of days, such as 90d".into())
}

pub(super) fn run(command: &Replay) -> Result<(), Faults> {
    let house = House::open(command.place.settings()?, Start::Serve)?;
    let app = &house.app;
    let rules = load(&command.packs, &app.config.place.languages)?;
    let sha256 = rules.sha256().to_owned();
    app.store
        .write_blocking(By::system(), move |tx| tx.trail("rules.replay", ("rule_set", &sha256), None))
        .map_err(told)?;
    let against = Against { config: &app.config, rules: &rules, areas: &house.areas };
    let since = app.clock.now().plus(-command.since * DAY);
    let watched = std::io::stderr().is_terminal();
    let outcome = contacts::replay(&app.store, &app.vault, against, since, |done| {
        if watched {
            eprint!("\r{done} replayed");
        }
    });
    if watched {
        eprintln!();
    }
    print(&summary(&rules, command.since, &outcome.map_err(told)?))
}

fn summary(rules: &RuleSet, days: i64, counted: &contacts::Replay) -> String {
    let mut text = format!(
        "{} contacts of the last {days} days, by {} {}: {} would have another level\n",
        counted.replayed(),
        rules.id().id,
        rules.version(),
        counted.changed()
    );
    let _ = write!(text, "{:<14}", "had \\ has");
    for level in Level::ALL {
        let _ = write!(text, "{:>14}", level.code());
    }
    for had in Level::ALL {
        let _ = write!(text, "\n{:<14}", had.code());
        for has in Level::ALL {
            let _ = write!(text, "{:>14}", counted.levels.get(&(had, has)).copied().unwrap_or_default());
        }
    }
    text.push('\n');
    for (what, rules) in [("fire now", &counted.fires), ("no longer fire", &counted.silent)] {
        let mut rules: Vec<_> = rules.iter().collect();
        rules.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (rule, count) in rules {
            let _ = writeln!(text, "{what:<14}  {count:>8}  {rule}");
        }
    }
    if counted.erased > 0 {
        let _ = writeln!(text, "{} were erased and are not counted", counted.erased);
    }
    text
}

pub(super) fn explain(contact: &str, place: &Where) -> Result<(), Faults> {
    let house = House::open(place.settings()?, Start::Serve)?;
    let store = &house.app.store;
    let reference = contact.to_owned();
    let (assessment, clocked) =
        store.write_blocking(By::system(), move |tx| contacts::explained(tx, &reference)).map_err(told)?;
    let sha256 = assessment.rule_set.sha256.to_string();
    let sources = store.read_blocking(move |db| packs::kept(db, &sha256)).map_err(told)?;
    // The rules of its day, if this program still understands them; the assessment stands without.
    let rules = packs::check(&sources, &house.app.config.place.languages).ok();
    let mut text = explanation(&assessment, rules.as_ref());
    if let Some(clocked) = clocked.filter(|clocked| *clocked != assessment.level) {
        let _ = writeln!(
            text,
            "clocked as {}: by a person's word, an earlier call of the case, or an answer that became unknown",
            clocked.code()
        );
    }
    print(&text)
}

fn explanation(assessment: &Assessment, rules: Option<&RuleSet>) -> String {
    let mut text = format!(
        "{}: at least {}, at most {}; assessed {} by {} {}\n",
        assessment.level.code(),
        assessment.at_least.code(),
        assessment.at_most.code(),
        assessment.at.to_rfc3339(),
        assessment.rule_set.id,
        assessment.rule_set.version
    );
    for fired in &assessment.fired {
        let level = fired.level.map_or("", Level::code);
        let words = fired.text.get("en").unwrap_or_default();
        let _ = writeln!(text, "\n{level:<9} {}  {words}", fired.rule);
        let rule = rules.and_then(|rules| rules.rule(&fired.rule));
        if let Some(rule) = rule {
            let _ = writeln!(text, "          when    {}", rule.when);
        }
        for (what, names) in [("because", &fired.because), ("assumed", &fired.assumed), ("disputed", &fired.disputed)] {
            if !names.is_empty() {
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                let _ = writeln!(text, "          {what:<7} {}", names.join(", "));
            }
        }
        if let Some(rule) = rule {
            let _ = writeln!(text, "          source  {}", rule.source);
        }
    }
    for clock in &assessment.clocks {
        let state = match clock.state {
            ClockState::Open => "open",
            ClockState::Closed => "closed",
            ClockState::Unknown => "may be open",
        };
        let _ = writeln!(text, "\nclock     {}  {state}", clock.name);
    }
    for result in &assessment.instruments {
        let band = result.band.as_ref().map_or("withheld".to_owned(), |band| match band.min == band.max {
            true => band.min.to_string(),
            false => format!("{} to {}", band.min, band.max),
        });
        let _ = writeln!(text, "\nscored    {}  {band}, {} items missing", result.id, result.missing.len());
    }
    text
}
