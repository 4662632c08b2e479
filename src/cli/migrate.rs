//! `goldaw migrate`: the database comes up to this program; a new house gets its keys.

use super::house::{House, Start};
use super::{Faults, Where, print};

pub(super) const HELP: &str = "\
Example:
  GOLDAW__VAULT__ROOT_KEY_FILE=/etc/goldaw/root.key goldaw migrate --data /var/lib/goldaw
The first time it makes the root key (keep a copy on paper in a safe), the keyring and the token
key. It may be run again at any time; what is up to date is left alone.";

pub(super) fn migrate(place: &Where) -> Result<(), Faults> {
    let house = House::open(place.settings()?, Start::Migrate)?;
    print(&format!(
        "The database is up to this program: {} steps for the data, {} for the key store.\n",
        house.migrated.0, house.migrated.1
    ))
}
