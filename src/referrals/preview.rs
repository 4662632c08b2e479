//! Which services she could be asked about: a preview to name aloud, before any yes.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::issue;
use super::matching::{self, Ask, Doubt, Reason, Travel};
use super::model;
use super::views::ServiceName;
use crate::access::Actor;
use crate::cases;
use crate::clock::Instant;
use crate::contacts::{self, Summary};
use crate::directory::{self, AccessNeed, Areas, Candidate, Catalogue, Language, ServiceType, Sex};
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::storage::{Tx, read_reference};

/// What is needed, and on which call.
#[derive(Debug, Clone)]
pub struct MatchForm {
    need: ServiceType,
    contact: String,
}

impl FromJson for MatchForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let need = f.required("need");
            let contact = f.required_text("contact", 32);
            Some(MatchForm { need: need?, contact: contact? })
        })
    }
}

/// Candidates best first, and the others with what kept them out.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preview {
    candidates: Vec<Fitting>,
    passed_over: Vec<Passed>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Fitting {
    service: ServiceName,
    open_now: bool,
    next_opening: Option<Instant>,
    travel: Travel,
    capacity: Room,
    duty_to_report: bool,
    speaks_hers: Option<bool>,
    maybe: Vec<Doubt>,
}

/// What is free now; `null` is without limit.
#[derive(Debug, Serialize, JsonSchema)]
struct Room {
    available: Option<i64>,
    stated_at: Instant,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Passed {
    service: ServiceName,
    reason: Reason,
}

/// Previews the services for one need of a call. Errors: 404 for a call that is not the asker's.
pub fn preview(
    tx: &mut Tx<'_>,
    (areas, catalogue): (&Areas, &Catalogue),
    actor: &Actor,
    form: &MatchForm,
) -> Result<Preview> {
    let reference = read_reference('C', &form.contact).ok_or(Error::NotFound)?;
    let contact = contacts::find_in(tx.db, &contacts::Scope::of(actor, tx.now), &reference)?;
    let summary = contacts::summary(tx, &contact.id)?;
    issue::for_her(&summary)?;
    let ask = ask(tx, form.need, summary)?;
    let mut candidates = catalogue.candidates(tx.db, form.need)?;
    let (accepted, waiting) = (model::accepted_by_each(tx.db, form.need)?, model::waiting_at_each(tx.db, form.need)?);
    for candidate in &mut candidates {
        let of = |counts: &HashMap<String, i64>| counts.get(&candidate.service.id).copied().unwrap_or_default();
        (candidate.accepted_since, candidate.load) = (of(&accepted), of(&waiting));
    }
    let ranking = matching::rank(&ask, &candidates, areas, tx.setting.config.place.time_zone);
    tx.trail("services.match", ("contact", &contact.reference), Some(form.need.code()))?;
    shown(&ranking, &candidates, &tx.setting.config.place.languages)
}

fn ask(tx: &mut Tx<'_>, need: ServiceType, summary: Summary) -> Result<Ask> {
    let blocked = match &summary.case_id {
        Some(case) => cases::blocked(tx.db, case)?.organisations,
        None => Vec::new(),
    };
    Ok(Ask {
        need,
        area: summary.area,
        at: tx.now,
        age: summary.age,
        sex: summary.sex.as_deref().and_then(Sex::from_code),
        children: summary.children_with_her,
        access_needs: summary.access_needs.iter().filter_map(|code| AccessNeed::from_code(code)).collect(),
        languages: summary.language.as_deref().and_then(Language::from_code).into_iter().collect(),
        excluded_types: summary.excluded.iter().filter_map(|code| ServiceType::from_code(code)).collect(),
        blocked_organisations: blocked,
        blocked_services: Vec::new(),
    })
}

fn shown(ranking: &matching::Ranking, candidates: &[Candidate], languages: &[String]) -> Result<Preview> {
    let at = |index: usize| candidates.get(index).map(|candidate| &*candidate.service);
    let lost = || Error::Internal("a ranked service is not in the list");
    let first = languages.first().map_or("", String::as_str);
    let name = |service: &directory::Service| ServiceName {
        id: service.reference.clone(),
        name: service.form.names.name_in(first, languages).to_owned(),
    };
    let fitting = |ranked: &matching::Ranked| {
        let service = at(ranked.index).ok_or_else(lost)?;
        Ok(Fitting {
            service: name(service),
            open_now: ranked.open_now,
            next_opening: ranked.next_opening,
            travel: ranked.travel,
            capacity: Room { available: ranked.available, stated_at: service.capacity_stated_at },
            duty_to_report: service.form.duty_to_report,
            speaks_hers: ranked.speaks_hers,
            maybe: ranked.maybe.clone(),
        })
    };
    let passed = |passed: &matching::PassedOver| {
        Ok(Passed { service: name(at(passed.index).ok_or_else(lost)?), reason: passed.reason })
    };
    Ok(Preview {
        candidates: ranking.candidates.iter().map(fitting).collect::<Result<_>>()?,
        passed_over: ranking.passed_over.iter().map(passed).collect::<Result<_>>()?,
    })
}
