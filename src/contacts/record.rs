//! Recording a new contact. Everything that needs no database (checking, assessing, sealing)
//! happens before the transaction, so that the one writer of SQLite only writes.

use std::sync::Arc;

use chrono_tz::Tz;

use super::assessed;
use super::classify::{age_at, contexts, elapsed_band, gbv_type};
use super::codes::{AgeBand, Sex, Status};
use super::document::{Document, seal_at};
use super::duties;
use super::facts::{facts, most_recent};
use super::form::{ContactForm, Incident, Person};
use super::level::{Standing, bring, carried, review_carried};
use super::model::{self, AssessmentRow, ContactRow, FactsRow};
use super::repeats::review_repeats;
use crate::cases;
use crate::clock::{DAY, Instant, MINUTE};
use crate::config::Config;
use crate::directory::Areas;
use crate::error::{Error, Problem, Result};
use crate::input::{At, Fields, FromJson, Json, text};
use crate::storage::records::Transition;
use crate::storage::{Isolation, Tx, new_id, new_reference};
use crate::triage::{Assessment, Facts, Level, RuleSet, assess};
use crate::vault::{BlindField, Vault};

/// A call may be written down this long after it began (outreach, a paper form).
const WRITTEN_AFTER: i64 = 92 * DAY;
/// Clocks of clients may run ahead by this much.
const AHEAD: i64 = 5 * MINUTE;

/// The body of `POST /contacts`.
#[derive(Debug, Clone)]
pub struct NewContact {
    /// What was heard.
    pub form: ContactForm,
    /// Her own words, short.
    pub narrative: Option<String>,
    /// Whether it is whole already.
    pub finish: bool,
}

impl FromJson for NewContact {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let (own, rest) = split(json, &["finish"]);
        let finish = Fields::of(&own, at, |f| Some(f.optional("finish").unwrap_or(false)));
        let written = Written::from_json(&rest, at);
        let (Written { form, narrative }, finish) = (written?, finish?);
        Some(NewContact { form, narrative, finish })
    }
}

/// What may be written down of a contact, at once or bit by bit.
pub struct Written {
    form: ContactForm,
    narrative: Option<String>,
}

impl FromJson for Written {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        let (own, rest) = split(json, &["narrative"]);
        let narrative = Fields::of(&own, at, |f| Some(f.with("narrative", narrative_text)));
        let form = ContactForm::from_json(&rest, at);
        Some(Written { form: form?, narrative: narrative? })
    }
}

/// The longest any deployment may allow; the configured limit is checked with the rest.
const LONGEST_NARRATIVE: usize = 20_000;

/// Reads her own words.
pub fn narrative_text(json: &Json, at: &At<'_>) -> Option<String> {
    text(json, at, LONGEST_NARRATIVE)
}

/// An object's members of these names, and its others. What is not an object goes to the others,
/// whose reader will say so.
pub fn split(json: &Json, names: &[&str]) -> (Json, Json) {
    match json {
        Json::Object(members) => {
            let (own, rest) = members.iter().cloned().partition(|(name, _)| names.contains(&name.as_str()));
            (Json::Object(own), Json::Object(rest))
        }
        other => (Json::Object(Vec::new()), other.clone()),
    }
}

/// What a form is checked and assessed against.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// Which fields are on, the zone, the limits.
    pub config: &'a Config,
    /// The rules.
    pub rules: &'a RuleSet,
    /// The gazetteer.
    pub areas: &'a Areas,
}

impl Against<'_> {
    /// The place's zone.
    pub fn zone(&self) -> Tz {
        self.config.place.time_zone
    }

    /// Brings numbers into their normal form, then lists everything the reader alone could not see
    /// to be wrong: fields that are switched off, times, places, lengths.
    pub fn settle(&self, form: &mut ContactForm, narrative: Option<&str>, now: Instant) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(person) = &mut form.person {
            person.phone = person.phone.take().map(|phone| phone.normal(&self.config.place.phone_region));
        }
        for (name, pointer) in used_optional(form).into_iter().filter(|(name, _)| !self.config.field_is_on(name)) {
            let _ = name;
            problems.push(problem(pointer, "switched_off"));
        }
        self.times(form, now, &mut problems);
        self.places(form, &mut problems);
        let long = narrative.is_some_and(|words| words.chars().count() > self.config.fields.narrative);
        if long {
            problems.push(problem("/narrative", "too_long"));
        }
        problems
    }

    fn times(&self, form: &ContactForm, now: Instant, problems: &mut Vec<Problem>) {
        let opened = form.opened_at.unwrap_or(now);
        let mut refuse = |wrong: bool, pointer: &str, code: &'static str| {
            if wrong {
                problems.push(problem(pointer, code));
            }
        };
        refuse(opened > now.plus(AHEAD), "/opened_at", "in_the_future");
        refuse(
            form.queued_at.zip(form.answered_at).is_some_and(|(q, a)| q > a),
            "/answered_at",
            "before_it_was_queued",
        );
        refuse(form.queued_at.is_some_and(|at| at > now.plus(AHEAD)), "/queued_at", "in_the_future");
        refuse(form.answered_at.is_some_and(|at| at > now.plus(AHEAD)), "/answered_at", "in_the_future");
        refuse(form.ended_at.is_some_and(|at| at > now.plus(AHEAD)), "/ended_at", "in_the_future");
        refuse(form.ended_at.is_some_and(|at| at < opened), "/ended_at", "before_it_began");
        let born = form.person.as_ref().and_then(|person| person.born_on);
        let today = now.utc().with_timezone(&self.zone()).date_naive();
        refuse(born.is_some_and(|born| born > today), "/person/born_on", "in_the_future");
        for (place, incident) in form.incidents.iter().enumerate() {
            let Some(at) = incident.happened_at else { continue };
            let day = at.utc().with_timezone(&self.zone()).date_naive();
            refuse(at > now.plus(AHEAD), &format!("/incidents/{place}/happened_at"), "in_the_future");
            refuse(born.is_some_and(|born| day < born), &format!("/incidents/{place}/happened_at"), "before_birth");
        }
    }

    fn places(&self, form: &ContactForm, problems: &mut Vec<Problem>) {
        let lost = |code: Option<&String>| code.is_some_and(|code| !self.areas.exists(code));
        if lost(form.person.as_ref().and_then(|person| person.area.as_ref())) {
            problems.push(problem("/person/area", "unknown_area"));
        }
        for (place, incident) in form.incidents.iter().enumerate() {
            if lost(incident.area.as_ref()) {
                problems.push(problem(&format!("/incidents/{place}/area"), "unknown_area"));
            }
        }
    }

    /// What the rules make of a document. Errors: 422 for answers no indicator takes.
    pub fn assessed(&self, document: &Document, now: Instant) -> Result<Assessment> {
        let (facts, problems) = facts(&document.form, &document.said_at, self.rules, now, self.zone());
        if problems.is_empty() { Ok(assess(self.rules, &facts, now.utc())) } else { Err(Error::Invalid(problems)) }
    }

    /// The facts of a stored document, for reading: an answer to a question that the rules have
    /// dropped since says nothing, and keeps nobody from reading the rest.
    pub fn facts(&self, document: &Document, now: Instant) -> Facts {
        facts(&document.form, &document.said_at, self.rules, now, self.zone()).0
    }

    /// The reporting row of a document.
    pub fn counted(&self, contact: (&str, Status), document: &Document, level: Level, opened: Instant) -> FactsRow {
        let (form, zone) = (&document.form, self.zone());
        let person = form.person.as_ref();
        let incident = most_recent(&form.incidents, opened, zone);
        let area = person.and_then(|person| person.area.as_deref());
        let contexts: Vec<&str> = incident
            .map(|i| contexts(i, age_at(i, person, opened, zone)))
            .unwrap_or_default()
            .into_iter()
            .map(|c| c.code())
            .collect();
        FactsRow {
            contact_id: contact.0.to_owned(),
            day: i64::from(opened.utc().with_timezone(&zone).date_naive().to_epoch_days()),
            status: contact.1,
            kind: form.kind,
            channel: form.channel,
            language: form.language.map(|language| language.code().to_owned()),
            caller_role: form.caller_role.code().to_owned(),
            level: Some(level.code().to_owned()),
            age_band: band(person, opened, zone).code().to_owned(),
            sex: person.and_then(|person| person.sex).unwrap_or(Sex::Unknown).code().to_owned(),
            province: area.and_then(|code| self.areas.province_of(code)).map(|area| area.code.clone()),
            district: area.and_then(|code| self.areas.district_of(code)).map(|area| area.code.clone()),
            gbv_type: incident.and_then(gbv_type).map(|kind| kind.code().to_owned()),
            contexts: contexts.join(","),
            elapsed_band: incident.and_then(|i| elapsed(i, opened, zone)),
            reported_elsewhere: incident.and_then(|i| i.reported_elsewhere).map(|to| to.code().to_owned()),
            reported_by_survivor: incident.and_then(|i| i.reported_by_survivor),
            wishes: form.wishes.iter().map(|wish| wish.code()).collect::<Vec<_>>().join(","),
        }
    }
}

fn problem(pointer: &str, code: &'static str) -> Problem {
    Problem { pointer: pointer.to_owned(), code, allowed: None }
}

fn elapsed(incident: &Incident, opened: Instant, zone: Tz) -> Option<String> {
    elapsed_band(incident.happened_at?, opened, zone).map(|band| band.code().to_owned())
}

/// The band of an age that lies wholly in one.
fn band(person: Option<&Person>, at: Instant, zone: Tz) -> AgeBand {
    let bands = [
        (0..=11, AgeBand::To11),
        (12..=17, AgeBand::To17),
        (18..=25, AgeBand::To25),
        (26..=40, AgeBand::To40),
        (41..=60, AgeBand::To60),
        (61..=200, AgeBand::Over60),
    ];
    super::classify::age(person, at, zone)
        .and_then(|(least, most)| bands.into_iter().find(|(years, _)| years.contains(&least) && years.contains(&most)))
        .map_or(AgeBand::Unknown, |(_, band)| band)
}

/// The fields in use that a deployment must have switched on, and where they stand.
fn used_optional(form: &ContactForm) -> Vec<(&'static str, &'static str)> {
    let mut used = Vec::new();
    let mut note = |is: bool, name: &'static str, pointer: &'static str| {
        if is {
            used.push((name, pointer));
        }
    };
    if let Some(person) = &form.person {
        note(person.name.is_some(), "name", "/person/name");
        note(person.address.is_some(), "address", "/person/address");
        note(person.born_on.is_some(), "born_on", "/person/born_on");
        note(person.marital_status.is_some(), "marital_status", "/person/marital_status");
        note(person.displacement_status.is_some(), "displacement_status", "/person/displacement_status");
        note(person.displacement_stage.is_some(), "displacement_stage", "/person/displacement_stage");
        note(person.country.is_some(), "country", "/person/country");
        note(person.ethnicity.is_some(), "ethnicity", "/person/ethnicity");
        note(person.disability.is_some(), "disability", "/person/disability");
    }
    let any = |has: fn(&Incident) -> bool| form.incidents.iter().any(has);
    note(any(|i| i.harmful_traditional_practice.is_some()), "harmful_traditional_practice", "/incidents");
    note(any(|i| i.goods_money_exchanged.is_some()), "goods_money_exchanged", "/incidents");
    note(any(|i| i.abduction.is_some()), "abduction", "/incidents");
    note(any(|i| i.perpetrators.iter().any(|p| p.occupation.is_some())), "perpetrator_occupation", "/incidents");
    note(any(|i| i.perpetrators.iter().any(|p| p.name.is_some())), "perpetrator_name", "/incidents");
    used
}

/// A contact that is checked, assessed and sealed, ready to be written.
#[derive(Clone)]
pub struct Prepared {
    row: ContactRow,
    facts: FactsRow,
    assessment_row: AssessmentRow,
    level: Level,
    plain: Arc<Plain>,
}

/// What is sealed in a contact, opened.
pub(super) struct Plain {
    pub(super) document: Document,
    pub(super) narrative: Option<String>,
    pub(super) assessment: Assessment,
}

impl Prepared {
    /// True when more goes into its level than what was heard.
    pub fn of_a_case(&self) -> bool {
        self.plain.document.form.case.is_some()
    }

    /// The key the contact will have.
    pub fn id(&self) -> &str {
        &self.row.id
    }

    /// A contact of a case that is there already depends on that case; any other on nothing.
    pub fn isolation(&self) -> Isolation {
        if self.of_a_case() { Isolation::Serial } else { Isolation::New }
    }

    /// The row, and what was sealed in it.
    pub(super) fn parts(self) -> (ContactRow, Arc<Plain>) {
        (self.row, self.plain)
    }
}

/// Checks, assesses and seals a new contact. Errors: 422 with every problem; 503 without keys.
pub fn prepare(
    mut new: NewContact,
    operator_id: &str,
    against: Against<'_>,
    vault: &Vault,
    now: Instant,
) -> Result<Prepared> {
    let mut problems = against.settle(&mut new.form, new.narrative.as_deref(), now);
    let opened_at = new.form.opened_at.unwrap_or(now);
    if opened_at < now.plus(-WRITTEN_AFTER) {
        problems.push(problem("/opened_at", "too_long_ago"));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    new.form.opened_at = Some(opened_at);
    let document = Document::new(new.form, now);
    let assessment = against.assessed(&document, now)?;
    let level = document.level(&assessment);
    let id = new_id(now)?;
    let key = vault.new_data_key()?;
    let narrative = new.narrative.as_ref().map(|words| sealed_narrative(vault, &id, words)).transpose()?;
    let status = if new.finish { Status::Finished } else { Status::Draft };
    let form = &document.form;
    let row = ContactRow {
        reference: new_reference('C')?,
        version: 1,
        status,
        kind: form.kind,
        channel: form.channel,
        direction: form.direction,
        level: Some(level.code().to_owned()),
        operator_id: operator_id.to_owned(),
        case_id: None,
        opened_at,
        finished_at: new.finish.then_some(now),
        queued_at: form.queued_at,
        answered_at: form.answered_at,
        ended_at: form.ended_at,
        updated_at: now,
        rejoin_index: form.rejoin_word.as_ref().map(|word| rejoin_index(vault, word)),
        key_id: key.id().to_owned(),
        document: document.sealed(&key, &id, 1)?,
        narrative_key_id: narrative.as_ref().map(|(key, _)| key.clone()),
        narrative: narrative.map(|(_, sealed)| sealed),
        override_id: None,
        id,
    };
    let facts = against.counted((&row.id, status), &document, level, opened_at);
    let assessment_row = assessed::sealed(&key, &row.id, 1, level, &assessment)?;
    let plain = Arc::new(Plain { document, narrative: new.narrative, assessment });
    Ok(Prepared { row, facts, assessment_row, level, plain })
}

/// The blind index of a rejoin word, as it is said: case does not matter.
pub fn rejoin_index(vault: &Vault, word: &str) -> String {
    vault.blind_index(BlindField::ReconnectWord, &word.to_lowercase())
}

/// Her words under a key of their own: the key's id and the sealed bytes.
pub fn sealed_narrative(vault: &Vault, contact_id: &str, words: &str) -> Result<(String, Vec<u8>)> {
    let key = vault.new_data_key()?;
    let sealed = seal_at(&key, "narrative", contact_id, 0, words.as_bytes())?;
    Ok((key.id().to_owned(), sealed))
}

/// Writes a prepared contact with its assessment, reporting row, steps and trail; gives its key.
pub fn record(tx: &mut Tx<'_>, prepared: &Prepared) -> Result<String> {
    let mut row = prepared.row.clone();
    if let Some(reference) = &prepared.plain.document.form.case {
        row.case_id = Some(cases::joinable(tx, reference, None)?);
    }
    let standing = Standing { rules: prepared.level, carried: carried(tx.db, &row)?, set: None };
    let level = standing.clocked();
    row.level = Some(level.code().to_owned());
    model::insert(tx.db, &row)?;
    model::insert_assessment(tx.db, &prepared.assessment_row)?;
    model::insert_facts(tx.db, &FactsRow { level: row.level.clone(), ..prepared.facts.clone() })?;
    let subject = ("contact", row.id.as_str());
    let at = tx.now;
    let mut steps = vec![
        Transition { subject, kind: "saved", at, detail: None },
        Transition { subject, kind: "triaged", at, detail: Some(level.code()) },
    ];
    if row.status == Status::Finished {
        steps.push(Transition { subject, kind: "finished", at, detail: None });
    }
    tx.steps(&steps)?;
    if let Some(case_id) = &row.case_id {
        bring(tx, case_id, &row.id, standing)?;
        review_carried(tx, &row, standing)?;
        review_repeats(tx, Some(case_id))?;
    }
    if row.status == Status::Finished {
        duties::open(tx, &row, &prepared.plain.assessment)?;
    }
    tx.trail("contacts.record", ("contact", &row.reference), None)?;
    Ok(row.id)
}
