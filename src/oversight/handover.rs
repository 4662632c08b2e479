//! Shift hand-over: what is open when one shift ends, and the person who has taken it over.

use diesel::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Actor;
use crate::clock::{HOUR, Instant};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::identity;
use crate::referrals::model as referrals;
use crate::referrals::people::{self, Helper, LoadView};
use crate::referrals::queue::{self, RowView};
use crate::storage::schema::{blocked_parties, handovers, referrals as referral_rows, tasks as task_rows, tickets};
use crate::storage::{Db, Tx};
use crate::tasks::model as tasks;
use crate::tasks::task::Kind;

/// The letter of references of hand-overs.
const LETTER: char = 'H';
/// A shift's length: what is due in it belongs to it.
const SHIFT: i64 = 12 * HOUR;
/// More than this is no list that a person can take over; the queues show all.
const MOST: i64 = 200;

/// What a shift leaves open.
#[derive(Serialize, JsonSchema)]
pub struct OpenWork {
    /// Open tickets that are Critical or High now.
    high_risk: Vec<RowView>,
    /// Tasks that are late or due within a shift.
    due: Vec<DueTask>,
    /// Referrals that should have been accepted by now.
    unanswered: Vec<Unanswered>,
    /// Who is on duty and has room for a ticket.
    free: Vec<LoadView>,
    /// Who holds more than they should.
    over_limit: Vec<LoadView>,
    /// Who took over last.
    last: Option<TakenOver>,
}

/// A task that is due.
#[derive(Serialize, JsonSchema)]
struct DueTask {
    id: String,
    kind: Kind,
    due: Instant,
    waiting_safe_window: bool,
}

/// A referral nobody has accepted.
#[derive(Serialize, JsonSchema)]
struct Unanswered {
    id: String,
    level: String,
    accept_due: Instant,
    unroutable: bool,
}

/// A hand-over that was taken.
#[derive(Serialize, JsonSchema)]
pub struct TakenOver {
    id: String,
    by: String,
    at: Instant,
    items: Items,
}

/// What was taken over, by reference.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
struct Items {
    high_risk: Vec<String>,
    due: Vec<String>,
    unanswered: Vec<String>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = handovers)]
struct Handover {
    id: String,
    reference: String,
    taken_by: String,
    taken_at: Instant,
    items: String,
}

/// Hand-overs by key, as key and reference.
pub fn references_of(db: &mut Db, ids: &[String]) -> Result<Vec<(String, String)>> {
    let these = handovers::table.filter(handovers::id.eq_any(ids));
    Ok(these.select((handovers::id, handovers::reference)).load(db)?)
}

/// What is open now, as far as somebody may know of it.
pub fn open_work(db: &mut Db, actor: &Actor, config: &Config, now: Instant) -> Result<OpenWork> {
    let staff = identity::staff_numbers(db)?;
    let high_risk = queue::high_risk(db, actor, now, MOST)?.iter().map(|row| RowView::of(row, &staff)).collect();
    let due = tasks::due_before(db, actor, now.plus(SHIFT), MOST)?.into_iter().map(|task| DueTask {
        waiting_safe_window: task.waits(now),
        id: task.reference,
        kind: task.kind,
        due: task.due,
    });
    let unanswered = referrals::unanswered(db, actor, now, MOST)?.into_iter().map(|referral| Unanswered {
        id: referral.reference,
        level: referral.level,
        accept_due: referral.accept_due,
        unroutable: referral.unroutable,
    });
    let (due, unanswered) = (due.collect(), unanswered.collect());
    let (free, over) = people::shift(db, actor, config, now)?;
    let loads = |helpers: &[Helper]| helpers.iter().map(LoadView::of).collect();
    let (free, over_limit) = (loads(&free), loads(&over));
    let last = handovers::table
        .order((handovers::taken_at.desc(), handovers::id.desc()))
        .select(handovers::id)
        .first::<String>(db)
        .optional()?;
    let last = last.map(|id| taken(db, actor, &id)).transpose()?;
    Ok(OpenWork { high_risk, due, unanswered, free, over_limit, last })
}

/// Takes over what is open now: it is written down what that was, and by whom. Gives its key.
pub fn take_over(tx: &mut Tx<'_>, actor: &Actor) -> Result<String> {
    let now = tx.now;
    let open = open_work(tx.db, actor, &tx.setting.config, now)?;
    let items = Items {
        high_risk: open.high_risk.iter().map(|row| row.reference().to_owned()).collect(),
        due: open.due.into_iter().map(|task| task.id).collect(),
        unanswered: open.unanswered.into_iter().map(|referral| referral.id).collect(),
    };
    let row = Handover {
        id: tx.new_id()?,
        reference: tx.new_reference(LETTER)?,
        taken_by: actor.id.clone(),
        taken_at: tx.now,
        items: serde_json::to_string(&items).map_err(|_| Error::Internal("a hand-over cannot be written"))?,
    };
    diesel::insert_into(handovers::table).values(&row).execute(tx.db)?;
    tx.step(("handover", &row.id), "taken_over", None)?;
    tx.trail("handover.take", ("handover", &row.reference), None)?;
    Ok(row.id)
}

/// A hand-over that was taken, by its key, without what must not be known to whoever asks.
pub fn taken(db: &mut Db, actor: &Actor, id: &str) -> Result<TakenOver> {
    let row: Handover = handovers::table.find(id).select(Handover::as_select()).first(db)?;
    let items: Items = serde_json::from_str(&row.items).map_err(|_| Error::Internal("a hand-over cannot be read"))?;
    let items = without_hidden(db, actor, items)?;
    Ok(TakenOver { id: row.reference, by: identity::staff_number(db, &row.taken_by)?, at: row.taken_at, items })
}

/// Whoever took it over may have known of more than whoever reads it, and a case may have been hidden
/// since.
fn without_hidden(db: &mut Db, actor: &Actor, mut items: Items) -> Result<Items> {
    let blocked = blocked_parties::table
        .filter(blocked_parties::party_kind.eq("staff"))
        .filter(blocked_parties::party_id.eq(actor.id.clone()))
        .select(blocked_parties::case_id);
    let hidden = tickets::table.filter(tickets::case_id.eq_any(blocked.clone()));
    let named = hidden.clone().filter(tickets::reference.eq_any(items.high_risk.clone()));
    let high_risk: Vec<String> = named.select(tickets::reference).load(db)?;
    let named = referral_rows::table.filter(referral_rows::reference.eq_any(items.unanswered.clone()));
    let named = named.filter(referral_rows::ticket_id.eq_any(hidden.select(tickets::id)));
    let unanswered: Vec<String> = named.select(referral_rows::reference).load(db)?;
    let named = task_rows::table.filter(task_rows::reference.eq_any(items.due.clone()));
    let named = named.filter(task_rows::case_id.assume_not_null().eq_any(blocked));
    let due: Vec<String> = named.select(task_rows::reference).load(db)?;
    items.high_risk.retain(|one| !high_risk.contains(one));
    items.unanswered.retain(|one| !unanswered.contains(one));
    items.due.retain(|one| !due.contains(one));
    Ok(items)
}
