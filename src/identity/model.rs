//! Staff, their sessions, and the delays after failed sign-ins: row types and every query on them.
//! The look-up of a session on each request is in `access`.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::access::Role;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::storage::schema::{organisations, sessions, sign_in_delays, staff};
use crate::storage::{Db, Tx};

/// A member of staff. Holds secrets, so it neither prints nor serializes.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = staff)]
pub struct Staff {
    /// The key.
    pub id: String,
    /// What may be shown.
    pub reference: String,
    /// Counts changes.
    pub version: i32,
    /// The staff number, such as `op-07`.
    pub name: String,
    /// The role.
    pub role: Role,
    /// For partners: their organisation's key.
    pub organisation_id: Option<String>,
    /// argon2id in PHC form.
    pub(super) passphrase_hash: String,
    /// Sealed by the vault.
    pub(super) totp_secret: Option<Vec<u8>>,
    /// The last step a code was used of.
    pub(super) totp_last_step: i64,
    /// False once deactivated.
    pub active: bool,
    /// When the account was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl Staff {
    /// True when a code is asked at sign-in.
    pub fn has_second_factor(&self) -> bool {
        self.totp_secret.is_some()
    }
}

#[derive(Insertable)]
#[diesel(table_name = staff, treat_none_as_default_value = false)]
pub(super) struct NewStaff<'a> {
    pub id: &'a str,
    pub reference: &'a str,
    pub version: i32,
    pub name: &'a str,
    pub role: Role,
    pub organisation_id: Option<&'a str>,
    pub passphrase_hash: &'a str,
    pub totp_secret: Option<&'a [u8]>,
    pub totp_last_step: i64,
    pub active: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// A session that may be shown to its owner.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct Session {
    /// The key, which is a reference.
    pub id: String,
    /// When it began.
    pub created_at: Instant,
    /// When it ends whatever happens.
    pub expires_at: Instant,
}

#[derive(Insertable)]
#[diesel(table_name = sessions)]
pub(super) struct NewSession<'a> {
    pub id: &'a str,
    pub token_hash: &'a str,
    pub staff_id: &'a str,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub seen_at: Instant,
}

/// How often in a row a name failed, and until when it must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = sign_in_delays)]
pub(super) struct Delay {
    pub failures: i32,
    pub wait_until: Instant,
}

/// The member of staff with this reference.
///
/// # Errors
/// 404 when there is none.
pub fn find(db: &mut Db, reference: &str) -> Result<Staff> {
    Ok(staff::table.filter(staff::reference.eq(reference)).select(Staff::as_select()).first(db)?)
}

/// The member of staff with this staff number.
///
/// # Errors
/// Those of storage.
pub fn find_named(db: &mut Db, name: &str) -> Result<Option<Staff>> {
    Ok(staff::table.filter(staff::name.eq(name)).select(Staff::as_select()).first(db).optional()?)
}

/// The member of staff with this key.
pub(super) fn get(db: &mut Db, id: &str) -> Result<Staff> {
    Ok(staff::table.find(id).select(Staff::as_select()).first(db)?)
}

/// All staff, oldest first, deactivated ones too; at most `limit` after the given place.
///
/// # Errors
/// Those of storage.
pub fn list(db: &mut Db, after: Option<&(Instant, String)>, limit: i64) -> Result<Vec<Staff>> {
    let mut query = staff::table.into_boxed();
    if let Some((at, id)) = after {
        let later = staff::created_at.gt(*at);
        let same = staff::created_at.eq(*at).and(staff::id.gt(id.clone()));
        query = query.filter(later.or(same));
    }
    Ok(query.order((staff::created_at, staff::id)).limit(limit).select(Staff::as_select()).load(db)?)
}

/// `None` when somebody has or had this name.
pub(super) fn insert(tx: &mut Tx<'_>, row: &NewStaff<'_>) -> Result<Option<()>> {
    let inserted = tx.unless_taken(|db| diesel::insert_into(staff::table).values(row).execute(db))?;
    Ok(inserted.map(|_| ()))
}

/// The key of the organisation a partner belongs to.
pub(super) fn organisation(db: &mut Db, reference: &str) -> Result<Option<String>> {
    let found = organisations::table.filter(organisations::reference.eq(reference)).select(organisations::id);
    Ok(found.first(db).optional()?)
}

/// True when an active account became inactive.
pub(super) fn deactivate(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    let row = staff::table.find(id).filter(staff::active.eq(true));
    let set = (staff::active.eq(false), staff::version.eq(staff::version + 1), staff::updated_at.eq(tx.now));
    Ok(diesel::update(row).set(set).execute(tx.db)? == 1)
}

/// True when the account is active and its passphrase is still this one.
pub(super) fn has_passphrase(db: &mut Db, id: &str, hash: &str) -> Result<bool> {
    let row = staff::table.find(id).filter(staff::active.eq(true)).filter(staff::passphrase_hash.eq(hash));
    Ok(row.count().get_result::<i64>(db)? == 1)
}

/// True when the account is active and its passphrase is now this one.
pub(super) fn set_passphrase(tx: &mut Tx<'_>, id: &str, hash: &str) -> Result<bool> {
    let row = staff::table.find(id).filter(staff::active.eq(true));
    let set = (staff::passphrase_hash.eq(hash), staff::version.eq(staff::version + 1), staff::updated_at.eq(tx.now));
    Ok(diesel::update(row).set(set).execute(tx.db)? == 1)
}

/// True when the account is active and its second factor is now this one.
pub(super) fn set_second_factor(tx: &mut Tx<'_>, id: &str, sealed: &[u8]) -> Result<bool> {
    let row = staff::table.find(id).filter(staff::active.eq(true));
    let set = (
        staff::totp_secret.eq(Some(sealed)),
        staff::totp_last_step.eq(0),
        staff::version.eq(staff::version + 1),
        staff::updated_at.eq(tx.now),
    );
    Ok(diesel::update(row).set(set).execute(tx.db)? == 1)
}

/// Replaces a hash by one of the same passphrase at today's costs.
pub(super) fn renew_hash(tx: &mut Tx<'_>, id: &str, old: &str, new: &str) -> Result<()> {
    let row = staff::table.find(id).filter(staff::passphrase_hash.eq(old));
    diesel::update(row).set(staff::passphrase_hash.eq(new)).execute(tx.db)?;
    Ok(())
}

/// True when this step was not spent before, and now is.
pub(super) fn spend_step(tx: &mut Tx<'_>, id: &str, step: i64) -> Result<bool> {
    let row = staff::table.find(id).filter(staff::totp_last_step.lt(step));
    Ok(diesel::update(row).set(staff::totp_last_step.eq(step)).execute(tx.db)? == 1)
}

pub(super) fn insert_session(tx: &mut Tx<'_>, row: &NewSession<'_>) -> Result<()> {
    diesel::insert_into(sessions::table).values(row).execute(tx.db)?;
    Ok(())
}

/// Whose session this is, if it is live: not ended, not locked, not over, its owner active.
pub(super) fn live_session(db: &mut Db, token_hash: &str, now: Instant) -> Result<Option<(Session, Staff)>> {
    let live = sessions::table
        .inner_join(staff::table)
        .filter(sessions::token_hash.eq(token_hash))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::locked_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .filter(staff::active.eq(true));
    Ok(live.select((Session::as_select(), Staff::as_select())).first(db).optional()?)
}

/// The sessions of one person that have not ended, newest first; at most 100.
///
/// # Errors
/// Those of storage.
pub fn sessions_of(db: &mut Db, staff_id: &str, now: Instant) -> Result<Vec<Session>> {
    let open = sessions::table
        .filter(sessions::staff_id.eq(staff_id))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(now));
    Ok(open
        .order((sessions::created_at.desc(), sessions::id.desc()))
        .limit(100)
        .select(Session::as_select())
        .load(db)?)
}

/// How many sessions there are that have not ended, a locked one included.
///
/// # Errors
/// Those of storage.
pub fn signed_in(db: &mut Db, now: Instant) -> Result<i64> {
    let open = sessions::table.filter(sessions::ended_at.is_null()).filter(sessions::expires_at.gt(now));
    Ok(open.count().get_result(db)?)
}

/// Ends one session of this person. True when it had not ended before.
pub(super) fn end_session(tx: &mut Tx<'_>, staff_id: &str, id: &str) -> Result<bool> {
    let open = sessions::table.find(id).filter(sessions::staff_id.eq(staff_id)).filter(sessions::ended_at.is_null());
    Ok(diesel::update(open).set(sessions::ended_at.eq(Some(tx.now))).execute(tx.db)? == 1)
}

/// Ends the sessions of this person, all or all but one. Gives how many that were.
pub(super) fn end_sessions(tx: &mut Tx<'_>, staff_id: &str, but: Option<&str>) -> Result<usize> {
    let open = sessions::table
        .filter(sessions::staff_id.eq(staff_id))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::id.ne(but.unwrap_or_default()));
    Ok(diesel::update(open).set(sessions::ended_at.eq(Some(tx.now))).execute(tx.db)?)
}

/// Ends every session there is. Gives how many that were.
pub(super) fn end_all_sessions(tx: &mut Tx<'_>) -> Result<usize> {
    let open = sessions::table.filter(sessions::ended_at.is_null());
    Ok(diesel::update(open).set(sessions::ended_at.eq(Some(tx.now))).execute(tx.db)?)
}

/// Forgets sessions of this person that were over before `then`.
pub(super) fn forget_sessions(tx: &mut Tx<'_>, staff_id: &str, then: Instant) -> Result<()> {
    let over = sessions::table.filter(sessions::staff_id.eq(staff_id)).filter(sessions::expires_at.lt(then));
    diesel::delete(over).execute(tx.db)?;
    Ok(())
}

pub(super) fn delay(db: &mut Db, name_mac: &str) -> Result<Option<Delay>> {
    Ok(sign_in_delays::table.find(name_mac).select(Delay::as_select()).first(db).optional()?)
}

/// Keeps a name's new delay, over the one that was read.
pub(super) fn set_delay(tx: &mut Tx<'_>, name_mac: &str, read: Option<Delay>, new: Delay) -> Result<()> {
    let columns = (sign_in_delays::failures.eq(new.failures), sign_in_delays::wait_until.eq(new.wait_until));
    let changed = match read {
        Some(read) => {
            let row = sign_in_delays::table.find(name_mac).filter(sign_in_delays::failures.eq(read.failures));
            diesel::update(row).set(columns).execute(tx.db)?
        }
        None => {
            let row = (sign_in_delays::name_mac.eq(name_mac), columns);
            tx.unless_taken(|db| diesel::insert_into(sign_in_delays::table).values(row).execute(db))?.unwrap_or(0)
        }
    };
    // Somebody else failed under this name in between: count again.
    if changed == 1 { Ok(()) } else { Err(Error::Repeat) }
}

pub(super) fn clear_delay(tx: &mut Tx<'_>, name_mac: &str) -> Result<()> {
    diesel::delete(sign_in_delays::table.find(name_mac)).execute(tx.db)?;
    Ok(())
}

/// Forgets delays that were over before `then`.
pub(super) fn forget_delays(tx: &mut Tx<'_>, then: Instant) -> Result<usize> {
    Ok(diesel::delete(sign_in_delays::table.filter(sign_in_delays::wait_until.lt(then))).execute(tx.db)?)
}

/// The staff number behind a key.
pub fn staff_number(db: &mut Db, id: &str) -> Result<String> {
    Ok(staff::table.find(id).select(staff::name).first(db)?)
}

/// The staff numbers of some people, by key.
pub fn staff_numbers_of(db: &mut Db, ids: &[&str]) -> Result<HashMap<String, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String)> =
        staff::table.filter(staff::id.eq_any(ids)).select((staff::id, staff::name)).load(db)?;
    Ok(rows.into_iter().collect())
}

/// All staff numbers by key.
pub fn staff_numbers(db: &mut Db) -> Result<HashMap<String, String>> {
    let rows: Vec<(String, String)> = staff::table.select((staff::id, staff::name)).load(db)?;
    Ok(rows.into_iter().collect())
}
