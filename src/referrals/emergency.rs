//! Referring her without her yes: only where a life is at risk and she cannot be asked, never over an
//! adult's no. It pages the coordinators, and one of them looks at it; who finds it wrong ends what
//! rests on it.

use super::moves;
use crate::access::Actor;
use crate::cases::codes::{GivenBy, Scope, ShareableField};
use crate::cases::{self, model::ConsentRow};
use crate::clock::{HOUR, Instant};
use crate::contacts::{self, Summary};
use crate::error::Result;
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::{Db, Tx};
use crate::tasks::{self, Kind, NewReview, Review};
use crate::triage::Level;
use crate::vault::{Padding, Place, open, seal};

/// A reason shorter than this says nothing to whoever reviews it; lengths in characters.
const SHORTEST: usize = 10;
const LONGEST: usize = 500;
/// A life that was at risk when a call ended is taken to be so for this long; later somebody has to hear
/// of her anew.
const STILL_AT_RISK: i64 = 12 * HOUR;

/// Why a service is asked without her yes, and what it is told.
#[derive(Debug, Clone)]
pub struct Emergency {
    reason: String,
    pub(super) fields: Vec<ShareableField>,
}

impl FromJson for Emergency {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let cannot_be_asked = f.required("cannot_be_asked");
            let reason = f.required_text("reason", LONGEST);
            let fields = f.list("fields");
            if reason.as_ref().is_some_and(|words| words.trim().chars().count() < SHORTEST) {
                f.problem("reason", "too_short");
            }
            if cannot_be_asked == Some(false) {
                f.problem("cannot_be_asked", "ask_her");
            }
            Some(Emergency { reason: reason?, fields })
        })
    }
}

/// What keeps these services from being asked without her yes now, if anything does.
pub(super) fn forbidden(
    db: &mut Db,
    summary: &Summary,
    services: &[String],
    now: Instant,
) -> Result<Option<&'static str>> {
    if summary.level != Level::Critical.code() {
        return Ok(Some("no_life_at_risk"));
    }
    if summary.finished_at.is_some_and(|end| now.since(end) > STILL_AT_RISK) {
        return Ok(Some("too_long_ago"));
    }
    let consents = match &summary.case_id {
        Some(case) => cases::model::consents_of(db, case)?,
        None => Vec::new(),
    };
    let hers = |row: &&ConsentRow| row.scope == Scope::Referral && row.given_by == GivenBy::Survivor;
    let said_no = consents.iter().filter(hers).filter(|row| !row.given || row.withdrawn_at.is_some()).any(|row| {
        row.contact_id.as_deref() == Some(&summary.id)
            || row.service_id.as_ref().is_some_and(|id| services.contains(id))
    });
    Ok((said_no && summary.is_child != Some(true)).then_some("she_said_no"))
}

/// Records what stands in place of her yes to one service; gives its key.
pub(super) fn record(
    tx: &mut Tx<'_>,
    (case_id, contact): (&str, &contacts::ContactRow),
    service_id: &str,
    form: &Emergency,
) -> Result<String> {
    let id = tx.new_id()?;
    let key = tx.setting.vault.data_key(&contact.key_id)?;
    let reason = seal(&key, &place(&id), form.reason.as_bytes(), Padding::SizeClass)?;
    cases::record_without_yes(tx, (id, case_id, &contact.id), service_id, (&form.fields, reason))
}

/// Tells the coordinators, and has one of them look.
pub(super) fn report(tx: &mut Tx<'_>, summary: &Summary, case_id: &str) -> Result<()> {
    if tasks::open_of(tx.db, Kind::ReferredWithoutYes, &summary.id)?.is_some() {
        return Ok(());
    }
    let opened_by = Some(tx.by.staff_id()?.to_owned());
    let (level, opened_by) = (summary.level.as_str(), opened_by.as_deref());
    let new = NewReview { kind: Kind::ReferredWithoutYes, subject_id: &summary.id, level, proposed: level, opened_by };
    let review = tasks::open(tx, &new)?;
    tasks::page(tx, Some(case_id), ("review", &review.id), (&review.reference, 1))
}

/// The contact in which services were asked without her yes, and the reasons, one a line. The caller
/// writes the trail row. Errors: 404 for whoever must not know of the contact.
pub fn reviewed(tx: &mut Tx<'_>, actor: &Actor, review: &Review) -> Result<(String, Option<String>)> {
    let reference = contacts::model::by_id(tx.db, &review.subject_id)?.reference;
    let contact = contacts::find_in(tx.db, &contacts::Scope::of(actor, tx.now), &reference)?;
    let key = tx.setting.vault.data_key(&contact.key_id)?;
    let mut reasons = Vec::new();
    for row in cases::model::without_yes(tx.db, &contact.id)? {
        let plain = open(&key, &place(&row.id), row.reason.as_deref().unwrap_or_default())?;
        reasons.push(String::from_utf8_lossy(plain.reveal()).into_owned());
    }
    reasons.dedup();
    Ok((contact.reference, Some(reasons.join("\n"))))
}

/// Ends what rests on no yes of hers, because whoever looked found that it should not.
pub fn undo(tx: &mut Tx<'_>, review: &Review) -> Result<()> {
    for row in cases::model::without_yes(tx.db, &review.subject_id)? {
        if cases::model::withdraw_consent(tx.db, &row.id, tx.now)? {
            moves::consent_withdrawn(tx, &row.id)?;
            tx.trail("cases.withdraw_consent", ("consent", &row.reference), Some("refused_by_review"))?;
        }
    }
    Ok(())
}

fn place(row: &str) -> Place<'_> {
    Place { table: "consents", column: "reason", row }
}
