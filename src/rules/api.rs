//! Rules over HTTP: what is asked, what each rule says, and trying answers without storing them.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::{Value, json};

use crate::access::{Body, Permit, ReadRules, Routes};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::triage::{Answer, Facts, Indicator, Kind, Rule, RuleSet, Source, assess, open_questions};

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/triage").get("/rules", show).post("/evaluate", evaluate)
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Number => "number",
        Kind::Time => "time",
        Kind::Choice => "choice",
    }
}

fn indicator(indicator: &Indicator) -> Value {
    json!({
        "id": indicator.id,
        "kind": kind(indicator.kind),
        "asked": matches!(indicator.source, Source::Asked),
        "tier": indicator.tier,
        "part": indicator.part,
        "question": indicator.question,
        "guidance": indicator.guidance,
        "options": indicator.options,
        "min": indicator.min,
        "max": indicator.max,
        "instrument": indicator.instrument,
    })
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id, "when": rule.when, "level": rule.level, "raise_by": rule.raise_by, "needs": rule.needs,
        "flags": rule.flags, "say": rule.say, "warn": rule.warn, "excludes": rule.excludes, "source": rule.source,
    })
}

fn view(rules: &RuleSet) -> Value {
    let windows: Vec<Value> = rules
        .windows()
        .map(|w| json!({"id": w.id, "lasts_hours": w.lasts, "ideal_hours": w.ideal, "margin_hours": w.margin, "say": w.say, "source": w.source}))
        .collect();
    json!({
        "rule_set": rules.id(),
        "languages": rules.languages(),
        "indicators": rules.indicators().map(indicator).collect::<Vec<_>>(),
        "rules": rules.rules().map(rule).collect::<Vec<_>>(),
        "windows": windows,
    })
}

async fn show(_: Permit<ReadRules>, app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(view(&app.rules))
}

/// Answers and facts, by indicator; told apart only because that is how they are recorded.
struct Tried {
    answers: BTreeMap<String, Answer>,
    at: Option<Instant>,
}

impl FromJson for Tried {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let answers = f.with("answers", super::read_answers);
            let facts = f.with("facts", super::read_answers);
            let moment = f.optional("at");
            let mut all = answers.unwrap_or_default();
            all.extend(facts.unwrap_or_default());
            Some(Tried { answers: all, at: moment })
        })
    }
}

async fn evaluate(_: Permit<ReadRules>, app: Data<App>, tried: Body<Tried>) -> Result<HttpResponse> {
    let Body(Tried { answers, at }) = tried;
    let mut facts = Facts::new();
    let mut problems = Vec::new();
    for (id, answer) in answers {
        if let Err(error) = facts.set(&app.rules, &id, answer) {
            problems.push(super::problem(&error));
        }
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let now = at.unwrap_or_else(|| app.clock.now()).utc();
    let mut told = serde_json::to_value(assess(&app.rules, &facts, now))
        .map_err(|_| Error::Internal("an assessment cannot be written"))?;
    if let Some(members) = told.as_object_mut() {
        members.insert("open_questions".into(), json!(open_questions(&app.rules, &facts, now)));
    }
    Ok(HttpResponse::Ok().json(told))
}
