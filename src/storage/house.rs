//! What is true of the house as a whole: which keyring its data is sealed under, since when it is
//! held, when it was last backed up. Kept in the data, so that every process that opens it knows,
//! and so does every copy.

use diesel::prelude::*;

use super::schema::house;
use super::{Db, Tx};
use crate::clock::Instant;
use crate::error::Result;

/// The fingerprint of the keyring.
const KEYRING: &str = "keyring";
/// There while nothing may be sent.
const HELD: &str = "held";
/// The folder of the newest backup.
const BACKUP: &str = "backup";

/// The fingerprint of the keyring this data belongs to; `None` for data that was never bound, which
/// is new, or the work of a restore that was cut off.
pub fn bound_to(db: &mut Db) -> Result<Option<String>> {
    Ok(fact(db, KEYRING)?.map(|(value, _)| value))
}

/// Since when this house is held: it was restored, and nothing is sent until somebody who has
/// looked at the outbox says so.
pub fn held_since(db: &mut Db) -> Result<Option<Instant>> {
    Ok(fact(db, HELD)?.map(|(_, at)| at))
}

/// When the newest backup was whole.
pub fn backed_up_at(db: &mut Db) -> Result<Option<Instant>> {
    Ok(fact(db, BACKUP)?.map(|(_, at)| at))
}

fn fact(db: &mut Db, name: &str) -> Result<Option<(String, Instant)>> {
    Ok(house::table.find(name).select((house::value, house::at)).first(db).optional()?)
}

/// Writes one fact over what it was.
pub(super) fn state(db: &mut Db, name: &str, value: &str, at: Instant) -> Result<()> {
    diesel::delete(house::table.find(name)).execute(db)?;
    let row = (house::name.eq(name), house::value.eq(value), house::at.eq(at));
    diesel::insert_into(house::table).values(row).execute(db)?;
    Ok(())
}

/// Remembers a backup that is whole.
pub(super) fn remember_backup(db: &mut Db, folder: &str, at: Instant) -> Result<()> {
    state(db, BACKUP, folder, at)
}

impl Tx<'_> {
    /// Binds this data to the keyring with this fingerprint.
    pub fn bind(&mut self, fingerprint: &str) -> Result<()> {
        let now = self.now;
        state(self.db, KEYRING, fingerprint, now)
    }

    /// From now on nothing is sent.
    pub fn hold(&mut self) -> Result<()> {
        let now = self.now;
        state(self.db, HELD, "restored", now)
    }

    /// Lets letters go again; false when they were not held.
    pub fn release(&mut self) -> Result<bool> {
        let held = diesel::delete(house::table.find(HELD)).execute(self.db)? == 1;
        if held {
            self.trail("house.release", ("house", ""), None)?;
            self.promise();
        }
        Ok(held)
    }
}
