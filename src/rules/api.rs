//! Rules over HTTP: what is asked, what each rule says, and trying answers without storing them.

use std::collections::BTreeMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use crate::access::{Answer, Body, Permit, ReadRules, Routes};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::input::{At, Fields, FromJson, Json};
use crate::state::App;
use crate::triage::{
    self, Assessment, Facts, Indicator, Kind, Level, Name, Number, OpenQuestion, Rule, RuleSet, RuleSetId, Source,
    Window, Words, assess, open_questions,
};

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/triage")
        .get("/rules", show, "The rules in force: what is asked, what each rule says, where it comes from")
        .post("/evaluate", evaluate, "Try answers against the rules; nothing is stored")
        .with(super::publishing::api::routes())
}

/// The rules in force.
#[derive(Serialize, JsonSchema)]
struct RulesView<'a> {
    rule_set: &'a RuleSetId,
    languages: &'a [String],
    indicators: Vec<IndicatorView<'a>>,
    rules: Vec<RuleView<'a>>,
    windows: Vec<WindowView<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct IndicatorView<'a> {
    id: &'a Name,
    kind: &'static str,
    /// False: it follows from what the contact says.
    asked: bool,
    tier: Option<u8>,
    part: &'a Name,
    question: &'a Words,
    guidance: &'a Words,
    options: &'a [Name],
    min: Number,
    max: Option<Number>,
    instrument: Option<&'a Name>,
}

#[derive(Serialize, JsonSchema)]
struct RuleView<'a> {
    id: &'a Name,
    when: &'a str,
    level: Option<Level>,
    raise_by: u8,
    needs: &'a [Name],
    flags: &'a [Name],
    say: &'a Words,
    warn: &'a Words,
    excludes: &'a [Name],
    source: &'a Name,
}

#[derive(Serialize, JsonSchema)]
struct WindowView<'a> {
    id: &'a Name,
    lasts_hours: Number,
    ideal_hours: Option<Number>,
    margin_hours: Number,
    say: &'a Words,
    source: &'a Name,
}

impl RulesView<'_> {
    fn of(rules: &RuleSet) -> RulesView<'_> {
        RulesView {
            rule_set: rules.id(),
            languages: rules.languages(),
            indicators: rules.indicators().map(IndicatorView::of).collect(),
            rules: rules.rules().map(RuleView::of).collect(),
            windows: rules.windows().map(WindowView::of).collect(),
        }
    }
}

impl IndicatorView<'_> {
    fn of(indicator: &Indicator) -> IndicatorView<'_> {
        IndicatorView {
            id: &indicator.id,
            kind: match indicator.kind {
                Kind::Bool => "bool",
                Kind::Number => "number",
                Kind::Time => "time",
                Kind::Choice => "choice",
            },
            asked: matches!(indicator.source, Source::Asked),
            tier: indicator.tier,
            part: &indicator.part,
            question: &indicator.question,
            guidance: &indicator.guidance,
            options: &indicator.options,
            min: indicator.min,
            max: indicator.max,
            instrument: indicator.instrument.as_ref(),
        }
    }
}

impl RuleView<'_> {
    fn of(rule: &Rule) -> RuleView<'_> {
        RuleView {
            id: &rule.id,
            when: &rule.when,
            level: rule.level,
            raise_by: rule.raise_by,
            needs: &rule.needs,
            flags: &rule.flags,
            say: &rule.say,
            warn: &rule.warn,
            excludes: &rule.excludes,
            source: &rule.source,
        }
    }
}

impl WindowView<'_> {
    fn of(window: &Window) -> WindowView<'_> {
        WindowView {
            id: &window.id,
            lasts_hours: window.lasts,
            ideal_hours: window.ideal,
            margin_hours: window.margin,
            say: &window.say,
            source: &window.source,
        }
    }
}

async fn show(_: Permit<ReadRules>, app: Data<App>) -> Answer<RulesView<'static>> {
    Answer::shown(&RulesView::of(&app.rules.now()))
}

/// Answers and facts, by indicator; told apart only because that is how they are recorded.
struct Tried {
    answers: BTreeMap<String, triage::Answer>,
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

/// What the answers come to, and what is still worth asking.
#[derive(Serialize, JsonSchema)]
struct EvaluationView {
    #[serde(flatten)]
    assessment: Assessment,
    open_questions: Vec<OpenQuestion>,
}

async fn evaluate(_: Permit<ReadRules>, app: Data<App>, tried: Body<Tried>) -> Result<Answer<EvaluationView>> {
    let Body(Tried { answers, at }) = tried;
    let rules = app.rules.now();
    let mut facts = Facts::new();
    let mut problems = Vec::new();
    for (id, answer) in answers {
        if let Err(error) = facts.set(&rules, &id, answer) {
            problems.push(super::problem(&error));
        }
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let now = at.unwrap_or_else(|| app.clock.now()).utc();
    Ok(Answer::json(&EvaluationView {
        assessment: assess(&rules, &facts, now),
        open_questions: open_questions(&rules, &facts, now),
    }))
}
