//! `goldaw user`: staff accounts from the machine itself, which is how the first admin comes to be.

use std::io::Read;

use clap::Subcommand;

use super::house::{House, Start};
use super::{Faults, Where, print, told};
use crate::access::Role;
use crate::identity::terminal::{self, Handed};
use crate::identity::{NewAccount, passphrase};

const ADD: &str = "\
Examples:
  goldaw user add admin --role admin
  goldaw user add op-07 --role operator
  goldaw user add clinic-1 --role partner --organisation O-7K4M-9QX2-PDH
The passphrase and the second factor's secret are printed this once; nobody can read them again.";

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make an account and print its secrets, once.
    #[command(after_help = ADD)]
    Add {
        /// The staff number, such as op-07.
        name: String,
        /// operator, counselor, coordinator, partner, admin or auditor.
        #[arg(long, value_parser = role)]
        role: Role,
        /// For partners: the reference of their organisation.
        #[arg(long, value_name = "REFERENCE")]
        organisation: Option<String>,
        /// A second factor also where the role does not need one.
        #[arg(long)]
        second_factor: bool,
        /// Read the passphrase from standard input instead of drawing one.
        #[arg(long)]
        passphrase_stdin: bool,
        #[command(flatten)]
        place: Where,
    },
    /// List all accounts.
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Draw a new passphrase and second factor; all sessions of this account end.
    Reset {
        /// The staff number.
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Close an account for good; all its sessions end.
    Deactivate {
        /// The staff number.
        name: String,
        #[command(flatten)]
        place: Where,
    },
}

fn role(text: &str) -> Result<Role, String> {
    let all: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
    Role::from_code(text).ok_or_else(|| format!("one of: {}", all.join(", ")))
}

pub(super) fn run(command: User) -> Result<(), Faults> {
    match command {
        User::Add { name, role, organisation, second_factor, passphrase_stdin, place } => {
            let form = NewAccount::new(&name, role, organisation, second_factor).map_err(told)?;
            add(&place, form, passphrase_stdin)
        }
        User::List { place } => list(&place),
        User::Reset { name, place } => {
            let house = House::open(place.settings()?, Start::Serve)?;
            let hashing = hashing(&house)?;
            print(&spelled(&terminal::reset(&house.app.store, &hashing, &name).map_err(told)?))
        }
        User::Deactivate { name, place } => {
            let house = House::open(place.settings()?, Start::Serve)?;
            terminal::deactivate(&house.app.store, &name).map_err(told)?;
            print("Closed. Its sessions have ended.\n")
        }
    }
}

fn add(place: &Where, form: NewAccount, from_stdin: bool) -> Result<(), Faults> {
    let passphrase = if from_stdin { Some(read_passphrase()?) } else { None };
    let house = House::open(place.settings()?, Start::Serve)?;
    let handed = terminal::add(&house.app.store, &hashing(&house)?, form, passphrase).map_err(told)?;
    print(&spelled(&handed))
}

fn read_passphrase() -> Result<crate::vault::Sensitive<String>, Faults> {
    let mut text = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut text)
        .map_err(|_| vec!["the passphrase on standard input cannot be read".to_owned()])?;
    passphrase::read(text.trim_end_matches(['\r', '\n'])).map_err(|code| vec![format!("the passphrase: {code}")])
}

fn hashing(house: &House) -> Result<passphrase::Hashing, Faults> {
    passphrase::Hashing::new(&house.app.config.staff).map_err(|told| vec![told])
}

fn spelled(handed: &Handed) -> String {
    let mut text = format!(
        "name        {}\nrole        {}\nreference   {}\npassphrase  {}\n",
        handed.staff.name,
        handed.staff.role,
        handed.staff.reference,
        handed.passphrase.reveal()
    );
    if let Some(secret) = &handed.totp_secret {
        text.push_str(&format!("second factor (TOTP secret, base32)  {}\n", secret.reveal()));
    }
    text
}

fn list(place: &Where) -> Result<(), Faults> {
    let house = House::open(place.settings()?, Start::Serve)?;
    let staff = terminal::list(&house.app.store).map_err(told)?;
    let mut text = String::new();
    for person in staff {
        let state = if person.active { "active" } else { "closed" };
        let second = if person.has_second_factor() { "second factor" } else { "" };
        text.push_str(&format!(
            "{}  {:<12}  {:<11}  {state:<6}  {second}\n",
            person.reference,
            person.name,
            person.role.code()
        ));
    }
    print(&text)
}
