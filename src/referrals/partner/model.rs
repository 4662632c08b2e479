//! Views that partners have open, and the count of wrong codes: every query on them.

use diesel::prelude::*;

use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::notifications::Notification;
use crate::storage::Db;
use crate::storage::schema::{notifications, partner_views};

/// Opens a view on one device, in the place of any other: a link is bound to the last device that
/// knew the code.
pub fn open(db: &mut Db, token_hash: &str, notification_id: &str, now: Instant, until: Instant) -> Result<()> {
    let earlier = partner_views::table.filter(partner_views::notification_id.eq(notification_id));
    diesel::delete(earlier).execute(db)?;
    let row = (
        partner_views::token_hash.eq(token_hash),
        partner_views::notification_id.eq(notification_id),
        partner_views::opened_at.eq(now),
        partner_views::expires_at.eq(until),
    );
    diesel::insert_into(partner_views::table).values(row).execute(db)?;
    Ok(())
}

/// Until when a device has this view open, if it has.
pub fn open_until(db: &mut Db, token_hash: &str, notification_id: &str, now: Instant) -> Result<Option<Instant>> {
    Ok(partner_views::table
        .filter(partner_views::token_hash.eq(token_hash))
        .filter(partner_views::notification_id.eq(notification_id))
        .filter(partner_views::expires_at.gt(now))
        .select(partner_views::expires_at)
        .first(db)
        .optional()?)
}

/// Closes every view on every device. Gives how many that were.
pub fn close_all(db: &mut Db) -> Result<usize> {
    Ok(diesel::delete(partner_views::table).execute(db)?)
}

/// Counts a wrong code over the count that was read.
pub fn count_failure(db: &mut Db, notification: &Notification) -> Result<()> {
    let read =
        notifications::table.find(&notification.id).filter(notifications::code_failures.eq(notification.code_failures));
    let changed =
        diesel::update(read).set(notifications::code_failures.eq(notification.code_failures + 1)).execute(db)?;
    if changed == 1 { Ok(()) } else { Err(Error::Repeat) }
}
