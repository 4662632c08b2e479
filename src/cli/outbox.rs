//! `goldaw outbox`: letters that wait, went or failed; for whoever keeps the machine.

use clap::Subcommand;

use super::house::{House, Start};
use super::{Faults, Where, print, told};
use crate::clock::Instant;
use crate::notifications::{self, Notification, State};
use crate::storage::By;
use crate::storage::house::held_since;

const LIST: &str = "\
Examples:
  goldaw outbox list
  goldaw outbox list --state failed
  goldaw outbox retry N-7K4M-9QX2-PDH
Addresses and letters are not shown.";

/// Rows read at a time.
const PAGE: i64 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Outbox {
    /// How many letters stand where, and which.
    #[command(after_help = LIST)]
    List {
        /// pending, leased, sent, maybe_sent, failed or cancelled.
        #[arg(long, value_parser = state)]
        state: Option<State>,
        #[command(flatten)]
        place: Where,
    },
    /// Send a letter again at once.
    Retry {
        /// The letter's reference.
        reference: String,
        #[command(flatten)]
        place: Where,
    },
    /// Let letters go again in a house that was restored and is held.
    Release {
        #[command(flatten)]
        place: Where,
    },
    /// Never send a letter that has not been sent.
    Cancel {
        /// The letter's reference.
        reference: String,
        #[command(flatten)]
        place: Where,
    },
}

fn state(text: &str) -> Result<State, String> {
    let all: Vec<&str> = State::ALL.iter().map(|state| state.code()).collect();
    State::from_code(text).ok_or_else(|| format!("one of: {}", all.join(", ")))
}

pub(super) fn run(command: Outbox) -> Result<(), Faults> {
    match command {
        Outbox::List { state, place } => list(&House::open(place.settings()?, Start::Serve)?, state),
        Outbox::Retry { reference, place } => {
            let house = House::open(place.settings()?, Start::Serve)?;
            let store = &house.app.store;
            line(
                &store
                    .write_blocking(By::system(), move |tx| notifications::retry(tx, None, &reference))
                    .map_err(told)?,
            )
        }
        Outbox::Release { place } => release(&House::open(place.settings()?, Start::Serve)?),
        Outbox::Cancel { reference, place } => {
            let house = House::open(place.settings()?, Start::Serve)?;
            let store = &house.app.store;
            line(
                &store
                    .write_blocking(By::system(), move |tx| notifications::cancel(tx, None, &reference))
                    .map_err(told)?,
            )
        }
    }
}

fn release(house: &House) -> Result<(), Faults> {
    match house.app.store.write_blocking(By::system(), |tx| tx.release()).map_err(told)? {
        true => print("Released: letters that wait are sent from now on.\n"),
        false => print("It was not held: letters go as they are due.\n"),
    }
}

fn list(house: &House, state: Option<State>) -> Result<(), Faults> {
    let store = &house.app.store;
    if let Some(since) = store.read_blocking(held_since).map_err(told)? {
        print(&format!(
            "Held since {since}, when this house was restored: nothing is sent until `goldaw outbox release`.\n"
        ))?;
    }
    let counts = store.read_blocking(notifications::outbox).map_err(told)?;
    let many: Vec<String> = counts.counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    print(&format!("{}\n", many.join(", ")))?;
    let mut after: Option<(Instant, String)> = None;
    loop {
        let from = after.take();
        let rows =
            store.read_blocking(move |db| notifications::list(db, None, state, from.as_ref(), PAGE)).map_err(told)?;
        rows.iter().try_for_each(line)?;
        match rows.last() {
            Some(last) => after = Some((last.created_at, last.id.clone())),
            None => return Ok(()),
        }
    }
}

fn line(row: &Notification) -> Result<(), Faults> {
    let class = row.last_class.map_or("", |class| class.code());
    print(&format!(
        "{}  {:<10}  {:<8}  {:<10}  {} attempts  {class}  promised {}\n",
        row.reference,
        row.state.code(),
        row.channel.code(),
        row.kind,
        row.attempts,
        row.created_at
    ))
}
