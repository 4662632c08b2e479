//! Consent: for one named service and named fields, given aloud by somebody who may give it, while
//! she is on the line. Never a default, never a bundle, never for "whoever is free".

use super::codes::{GivenBy, How, Scope, ShareableField};
use super::model::{self, ConsentRow};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::{Db, Tx};

/// One consent, as it was heard.
#[derive(Debug, Clone)]
pub struct ConsentForm {
    /// What for; a referral unless said otherwise.
    pub scope: Scope,
    /// Yes or no. A no is kept too: it must not be asked again and again.
    pub given: bool,
    /// Whether the service was named aloud.
    pub named_aloud: bool,
    /// By whom.
    pub given_by: GivenBy,
    /// In what form.
    pub how: How,
    /// The fields that may be shown.
    pub fields: Vec<ShareableField>,
    /// Whether the service's duty to report was read out.
    pub duty_to_report_read: bool,
    /// When she said it; now, if not given.
    pub consented_at: Option<Instant>,
    /// When it ends by itself.
    pub expires_at: Option<Instant>,
}

impl FromJson for ConsentForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let scope = f.optional("scope").unwrap_or(Scope::Referral);
            let given = f.required("given");
            let named_aloud = f.optional("named_aloud").unwrap_or(false);
            let given_by = f.required("given_by");
            let how = f.required("how");
            let fields: Vec<ShareableField> = f.list("fields");
            let duty_to_report_read = f.optional("duty_to_report_read").unwrap_or(false);
            let consented_at = f.optional("consented_at");
            let expires_at = f.optional("expires_at");
            let twice =
                fields.iter().enumerate().any(|(place, field)| fields.iter().take(place).any(|seen| seen == field));
            if twice {
                f.problem("fields", "named_twice");
            }
            if how == Some(How::Emergency) {
                f.problem("how", "not_a_consent");
            }
            if scope == Scope::Referral && given == Some(true) && !named_aloud {
                f.problem("named_aloud", "must_be_said");
            }
            Some(ConsentForm {
                scope,
                given: given?,
                named_aloud,
                given_by: given_by?,
                how: how?,
                fields,
                duty_to_report_read,
                consented_at,
                expires_at,
            })
        })
    }
}

/// When she was on the line: verbal consent belongs there.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// Whether she is on the line now.
    pub live: bool,
    /// When the contact began.
    pub opened_at: Instant,
    /// When it was finished.
    pub finished_at: Option<Instant>,
}

/// Whether something may still rest on a consent: it was given, not taken back, and is not over.
pub fn holds(db: &mut Db, consent_id: &str, now: Instant) -> Result<bool> {
    let row = model::consent_by_id(db, consent_id)?;
    Ok(row.given && row.withdrawn_at.is_none() && row.expires_at.is_none_or(|end| now < end))
}

/// Whether she has not said that she is not to be called back: what she said of it last must be a yes
/// that holds at that moment. Where she was never asked, only her terms decide.
pub fn may_be_called_back(db: &mut Db, case_id: &str, at: Instant) -> Result<bool> {
    let last = model::consents_of(db, case_id)?.into_iter().find(|row| row.scope == Scope::Callback);
    Ok(last.is_none_or(|row| row.given && row.withdrawn_at.is_none() && row.expires_at.is_none_or(|end| at < end)))
}

/// Records a consent in a case; gives its key. `pointer` is where the form stood in the request.
/// Errors: 422 for a verbal consent outside a live contact, one in the future, or one already over.
pub fn record_consent(
    tx: &mut Tx<'_>,
    case: (&str, Option<&str>),
    heard: Heard,
    service_id: Option<&str>,
    form: &ConsentForm,
) -> Result<String> {
    let (case_id, contact_id) = case;
    let at = form.consented_at.unwrap_or(tx.now);
    let within = heard.opened_at <= at && heard.finished_at.is_none_or(|end| at <= end);
    if form.how == How::Verbal && !(heard.live && form.consented_at.is_none()) && !within {
        return Err(Error::invalid("/consented_at", "outside_the_contact"));
    }
    if at > tx.now {
        return Err(Error::invalid("/consented_at", "in_the_future"));
    }
    if form.expires_at.is_some_and(|end| end <= tx.now) {
        return Err(Error::invalid("/expires_at", "in_the_past"));
    }
    let fields: Vec<&str> = form.fields.iter().map(|field| field.code()).collect();
    let row = ConsentRow {
        id: tx.new_id()?,
        reference: tx.new_reference('Y')?,
        case_id: case_id.to_owned(),
        contact_id: contact_id.map(str::to_owned),
        scope: form.scope,
        service_id: service_id.map(str::to_owned),
        given: form.given,
        given_by: form.given_by,
        how: form.how,
        fields: fields.join(","),
        recorded_by: tx.by.staff_id()?.to_owned(),
        at,
        expires_at: form.expires_at,
        withdrawn_at: None,
        reason: None,
    };
    model::insert_consent(tx.db, &row)?;
    let outcome = if form.given { "given" } else { "refused" };
    tx.step(("case", case_id), "consent", Some(outcome))?;
    tx.trail("cases.consent", ("consent", &row.reference), Some(outcome))?;
    Ok(row.id)
}

/// Records what stands in place of her yes to one service, under a key of the caller's, who sealed the
/// reason; gives that key.
pub fn record_without_yes(
    tx: &mut Tx<'_>,
    (id, case_id, contact_id): (String, &str, &str),
    service_id: &str,
    (fields, reason): (&[ShareableField], Vec<u8>),
) -> Result<String> {
    let fields: Vec<&str> = fields.iter().map(|field| field.code()).collect();
    let row = ConsentRow {
        reference: tx.new_reference('Y')?,
        case_id: case_id.to_owned(),
        contact_id: Some(contact_id.to_owned()),
        scope: Scope::Referral,
        service_id: Some(service_id.to_owned()),
        given: true,
        given_by: GivenBy::BestInterest,
        how: How::Emergency,
        fields: fields.join(","),
        recorded_by: tx.by.staff_id()?.to_owned(),
        at: tx.now,
        expires_at: None,
        withdrawn_at: None,
        reason: Some(reason),
        id,
    };
    model::insert_consent(tx.db, &row)?;
    tx.step(("case", case_id), "consent", Some(How::Emergency.code()))?;
    tx.trail("cases.consent", ("consent", &row.reference), Some(How::Emergency.code()))?;
    Ok(row.id)
}
