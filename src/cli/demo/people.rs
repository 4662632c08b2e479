//! The invented staff: somebody of every role.

use super::kept::{Kept, Person};
use crate::access::Role;
use crate::cli::house::House;
use crate::cli::{Faults, told};
use crate::error::Error;
use crate::identity::passphrase::Hashing;
use crate::identity::{NewAccount, terminal};
use crate::input::{self, Json};
use crate::referrals::people::{self, Duty};
use crate::storage::{By, Tx};
use crate::{directory, identity};

const STAFF: [(&str, Role); 8] = [
    ("op-07", Role::Operator),
    ("op-11", Role::Operator),
    ("co-02", Role::Counselor),
    ("co-05", Role::Counselor),
    ("co-09", Role::Counselor),
    ("coord-01", Role::Coordinator),
    ("admin", Role::Admin),
    ("auditor", Role::Auditor),
];

/// When and where the counselors are at work: two share the days and one has the nights.
const DUTIES: [(&str, &str); 3] = [
    (
        "co-02",
        r#"{"areas":["TM-A","TM-S"],"languages":["tk","ru"],"caseload":12,
            "hours":[{"days":["mon","tue","wed","thu","fri"],"from":"08:00","to":"20:00"}]}"#,
    ),
    (
        "co-05",
        r#"{"areas":["TM-M-BAY","TM-M"],"languages":["tk","uz","en"],"on_call":true,
            "hours":[{"days":["wed","thu","fri","sat","sun"],"from":"08:00","to":"20:00"}]}"#,
    ),
    (
        "co-09",
        r#"{"languages":["tk","ru","sign"],
            "hours":[{"days":["mon","tue","wed","thu","fri","sat","sun"],"from":"20:00","to":"08:00"}]}"#,
    ),
];

/// Organisations with an account of their own.
const PARTNERS: [&str; 3] = ["partner-01", "partner-02", "partner-03"];

/// Gives everybody an account who has none yet. Somebody whose secrets were lost gets new ones.
pub(super) fn engage(house: &House, kept: &mut Kept) -> Result<(), Faults> {
    let organisations = house
        .app
        .store
        .read_blocking(|db| directory::list_organisations(db, None, 1 + i64::try_from(PARTNERS.len()).unwrap_or(1)))
        .map_err(told)?;
    let partners = PARTNERS.iter().zip(organisations.into_iter().skip(1));
    let people = STAFF
        .iter()
        .map(|(name, role)| (*name, *role, None))
        .chain(partners.map(|(name, organisation)| (*name, Role::Partner, Some(organisation.reference))));
    let missing: Vec<_> = people.filter(|(name, ..)| !kept.knows(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let newly: Vec<&str> = missing.iter().map(|(name, ..)| *name).collect();
    let duties = DUTIES.into_iter().filter(|(name, _)| newly.contains(name)).collect::<Vec<_>>();
    let hashing = Hashing::new(&house.app.config.staff).map_err(|told| vec![told])?;
    let known = terminal::list(&house.app.store).map_err(told)?;
    for (name, role, organisation) in missing {
        let handed = if known.iter().any(|person| person.name == name) {
            terminal::reset(&house.app.store, &hashing, name)
        } else {
            let form = NewAccount::new(name, role, organisation, false).map_err(told)?;
            terminal::add(&house.app.store, &hashing, form, None)
        };
        let handed = handed.map_err(told)?;
        kept.remember(Person {
            role: role.code().to_owned(),
            name: name.to_owned(),
            passphrase: handed.passphrase.reveal().clone(),
            totp_secret: handed.totp_secret.map(|secret| secret.reveal().clone()),
        })?;
    }
    duties.into_iter().try_for_each(|(name, duty)| put_on_duty(house, name, duty))
}

fn put_on_duty(house: &House, name: &'static str, duty: &str) -> Result<(), Faults> {
    let json = Json::parse(duty.as_bytes()).map_err(told)?;
    let (duty, areas) = (input::read::<Duty>(&json).map_err(told)?, house.areas.clone());
    let write = move |tx: &mut Tx<'_>| match identity::find_named(tx.db, name)? {
        Some(staff) => match people::keep(tx, &areas, (&staff.reference, people::UNWRITTEN), &duty) {
            // Their secrets were lost, not when they are at work.
            Err(Error::Stale { .. }) => Ok(()),
            kept => kept,
        },
        None => Ok(()),
    };
    house.app.store.write_blocking(By::system(), write).map_err(told)
}
