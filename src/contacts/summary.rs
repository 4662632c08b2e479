//! What a referral needs to know of a contact, and no more.

use super::assessed;
use super::classify::{age, is_child};
use super::codes::Status;
use super::document::Document;
use super::facts::most_recent;
use super::model;
use crate::clock::Instant;
use crate::error::Result;
use crate::storage::Tx;

/// A contact as matching, issuing and a partner's consented view use it.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Key.
    pub id: String,
    /// `C-…`
    pub reference: String,
    /// Key of the case.
    pub case_id: Option<String>,
    /// Who records it.
    pub operator_id: String,
    /// Who speaks, as a code.
    pub caller_role: String,
    /// Whether she is on the line now.
    pub live: bool,
    /// The level's code.
    pub level: String,
    /// The earliest last useful moment of an open treatment window.
    pub care_by: Option<Instant>,
    /// When it began.
    pub opened_at: Instant,
    /// When it was finished.
    pub finished_at: Option<Instant>,
    /// Area code.
    pub area: Option<String>,
    /// Language code.
    pub language: Option<String>,
    /// Least and most years.
    pub age: Option<(i64, i64)>,
    /// Whether she is a child.
    pub is_child: Option<bool>,
    /// Sex code.
    pub sex: Option<String>,
    /// Children with her.
    pub children_with_her: Option<i64>,
    /// Access needs.
    pub access_needs: Vec<String>,
    /// What she wants.
    pub wishes: Vec<String>,
    /// Service types the rules say not to offer.
    pub excluded: Vec<String>,
    /// The first word of her name.
    pub first_name: Option<String>,
    /// Her number.
    pub phone: Option<String>,
    /// GBVIMS type of the most recent incident.
    pub incident_type: Option<String>,
    /// How long ago, as a bracket or band.
    pub incident_when: Option<String>,
}

/// Opens a contact by its key and takes from it what a referral needs.
pub fn summary(tx: &mut Tx<'_>, contact_id: &str) -> Result<Summary> {
    let row = model::by_id(tx.db, contact_id)?;
    let key = tx.setting.vault.data_key(&row.key_id)?;
    let document = Document::opened(&key, &row.id, row.version, &row.document)?;
    let assessment = assessed::opened(&key, &model::latest_assessment(tx.db, &row.id)?)?;
    let zone = tx.setting.config.place.time_zone;
    let form = document.form;
    let person = form.person.as_ref();
    let incident = most_recent(&form.incidents, row.opened_at, zone);
    let when = incident.and_then(|incident| {
        let band = incident.happened_at.and_then(|at| super::classify::elapsed_band(at, row.opened_at, zone));
        band.map(|band| band.code().to_owned()).or_else(|| incident.bracket.map(|bracket| bracket.code().to_owned()))
    });
    Ok(Summary {
        caller_role: form.caller_role.code().to_owned(),
        live: row.status == Status::Draft,
        level: row.level.unwrap_or_else(|| "not_assessed".into()),
        care_by: assessment.care_by.map(Instant::from),
        opened_at: row.opened_at,
        finished_at: row.finished_at,
        area: person.and_then(|person| person.area.clone()),
        language: form.language.map(|language| language.code().to_owned()),
        age: age(person, tx.now, zone),
        is_child: is_child(person, tx.now, zone),
        sex: person.and_then(|person| person.sex).map(|sex| sex.code().to_owned()),
        children_with_her: person.and_then(|person| person.children_with_her),
        access_needs: person.map(|person| person.access_needs.clone()).unwrap_or_default(),
        wishes: form.wishes.iter().map(|wish| wish.code().to_owned()).collect(),
        excluded: assessment.excluded.iter().map(|name| name.as_str().to_owned()).collect(),
        first_name: person.and_then(|person| person.name.as_deref()?.split_whitespace().next().map(str::to_owned)),
        phone: person.and_then(|person| person.phone.as_ref()).map(|phone| phone.as_text().to_owned()),
        incident_type: incident.and_then(super::classify::gbv_type).map(|kind| kind.code().to_owned()),
        incident_when: when,
        id: row.id,
        reference: row.reference,
        case_id: row.case_id,
        operator_id: row.operator_id,
    })
}
