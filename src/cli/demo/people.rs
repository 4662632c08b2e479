//! The invented staff: somebody of every role.

use super::kept::{Kept, Person};
use crate::access::Role;
use crate::cli::house::House;
use crate::cli::{Faults, told};
use crate::directory;
use crate::identity::passphrase::Hashing;
use crate::identity::{NewAccount, terminal};

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
    Ok(())
}
