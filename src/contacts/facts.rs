//! From a form to what triage works on: the answers, and what the structured fields already say,
//! so that nothing is asked twice.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};
use chrono_tz::Tz;

use super::classify::{age, age_at};
use super::codes::{Abduction, Bracket, Position, Precision, Relationship, Tri};
use super::form::{ContactForm, Forms, Incident, Perpetrator};
use crate::clock::{HOUR, Instant};
use crate::config::calendar::local;
use crate::error::Problem;
use crate::rules::problem;
use crate::triage::{Answer, Facts, Number, RuleSet, Span};

/// Answers to these are ages of an event when they were given; they grow as time passes.
const ELAPSING: &str = "hours_since_";
/// "About" means within this many hours either way.
const ABOUT: i64 = 3;

/// The facts of a form at a moment, and every answer that no indicator takes, placed under
/// `/answers`. `said_at` tells when each elapsing answer was given.
pub fn facts(
    form: &ContactForm,
    said_at: &BTreeMap<String, Instant>,
    rules: &RuleSet,
    now: Instant,
    zone: Tz,
) -> (Facts, Vec<Problem>) {
    let mut facts = Facts::new();
    let mut problems = Vec::new();
    for (id, answer) in &form.answers {
        let said = said_at.get(id).copied().unwrap_or(now);
        if let Err(error) = facts.set(rules, id, aged(id, answer, now.since(said))) {
            problems.push(problem(&error));
        }
    }
    for (id, answer) in known(form, now, zone) {
        // A field that is not known takes nothing back that an answer said.
        if answer == Answer::Unknown && facts.get(id).is_some_and(Answer::is_known) {
            continue;
        }
        // A pack of another country may not know this indicator; then the field says nothing.
        let _ = facts.set(rules, id, answer);
    }
    (facts, problems)
}

fn aged(id: &str, answer: &Answer, micros: i64) -> Answer {
    match answer {
        Answer::Number(span) if id.starts_with(ELAPSING) => {
            let later = |number: Number| {
                Number::from_millionths(number.millionths().saturating_add(hours(micros.max(0)).millionths()))
            };
            Answer::Number(Span { min: later(span.min), max: span.max.map(later) })
        }
        other => other.clone(),
    }
}

/// Microseconds as hours in fixed point.
fn hours(micros: i64) -> Number {
    Number::from_millionths(micros / 3600)
}

/// What the structured fields say, by indicator id.
fn known(form: &ContactForm, now: Instant, zone: Tz) -> Vec<(&'static str, Answer)> {
    let mut known: Vec<(&'static str, Option<Answer>)> = vec![
        ("kind", Some(Answer::Choice(form.kind.code().into()))),
        ("caller_role", Some(Answer::Choice(form.caller_role.code().into()))),
        ("limits_line", (form.limits_explained == Some(true)).then_some(Answer::Yes)),
    ];
    // What she asked for first, unless she was asked what she needs most.
    if !form.answers.contains_key("needs_most") {
        known.push(("needs_most", form.wishes.first().map(|wish| Answer::Choice(wish.code().into()))));
    }
    if let Some(person) = &form.person {
        known.extend([
            ("age", age(Some(person), now, zone).map(years)),
            ("sex", person.sex.map(|sex| Answer::Choice(sex.code().into()))),
            ("sounds_under_18", person.sounds_under_18.map(tri)),
            ("pregnant", person.pregnant.map(tri)),
            ("children_with_her", person.children_with_her.map(|many| years((many, many)))),
            ("dependants_at_risk", person.dependants_at_risk.map(tri)),
            ("nowhere_safe_tonight", person.nowhere_safe_tonight.map(tri)),
        ]);
    }
    let said = form.opened_at.unwrap_or(now);
    if let Some(latest) = most_recent(&form.incidents, said, zone) {
        known.extend(of_incident(latest, form, now, zone));
    }
    // A window stays open for the last time it happened, whatever came after it; one time that is
    // not known keeps it open.
    let each: Vec<&Forms> = form.incidents.iter().filter_map(|incident| incident.forms.as_ref()).collect();
    let ever =
        |of: fn(&Forms) -> Option<Tri>| each.iter().any(|forms| of(forms) == Some(Tri::Yes)).then_some(Answer::Yes);
    known.extend([
        ("penetration", ever(|forms| forms.penetration)),
        ("sexual_contact", ever(|forms| forms.sexual_contact)),
        ("physical", ever(|forms| forms.physical)),
        ("forced_marriage", ever(|forms| forms.forced_marriage)),
    ]);
    let yes = |i: &&Incident| i.forms.as_ref().is_some_and(|forms| forms.penetration == Some(Tri::Yes));
    let times: Option<Vec<_>> = form.incidents.iter().filter(yes).map(|i| elapsed(i, said, zone)).collect();
    let since = times.unwrap_or_default().into_iter().min_by_key(|(least, _)| *least);
    known.push(("hours_since_penetration", since.map(|span| hours_ago(span, said, now))));
    known.into_iter().filter_map(|(id, answer)| Some((id, answer?))).collect()
}

/// In repeated violence the most recent incident is the one classified; one without a time counts
/// as the most recent, because an unknown time keeps windows open.
pub fn most_recent(incidents: &[Incident], said: Instant, zone: Tz) -> Option<&Incident> {
    incidents.iter().min_by_key(|incident| elapsed(incident, said, zone).map_or(-1, |(least, _)| least))
}

fn of_incident(incident: &Incident, form: &ContactForm, now: Instant, zone: Tz) -> Vec<(&'static str, Option<Answer>)> {
    let said = form.opened_at.unwrap_or(now);
    let forms = incident.forms.as_ref();
    let perpetrators = &incident.perpetrators;
    let by = |wanted: fn(&Perpetrator) -> Option<bool>| any(perpetrators.iter().map(wanted));
    vec![
        ("hours_since_incident", elapsed(incident, said, zone).map(|span| hours_ago(span, said, now))),
        ("age_at_incident", age_at(incident, form.person.as_ref(), now, zone).map(years)),
        ("penetration", forms.and_then(|f| f.penetration).map(tri)),
        ("sexual_contact", forms.and_then(|f| f.sexual_contact).map(tri)),
        ("physical", forms.and_then(|f| f.physical).map(tri)),
        ("forced_marriage", forms.and_then(|f| f.forced_marriage).map(tri)),
        ("denial_of_resources", forms.and_then(|f| f.denial_of_resources).map(tri)),
        ("psychological", forms.and_then(|f| f.psychological).map(tri)),
        ("perpetrator_partner", by(|p| related(p, |r| r == Relationship::IntimatePartnerOrFormer))),
        (
            "perpetrator_family",
            by(|p| related(p, |r| matches!(r, Relationship::FamilyOther | Relationship::PrimaryCaregiver))),
        ),
        ("perpetrator_caregiver", by(|p| related(p, |r| r == Relationship::PrimaryCaregiver))),
        ("perpetrator_in_law", by(|p| Some(p.side? == super::codes::FamilySide::InLaw))),
        (
            "perpetrator_official",
            by(|p| match p.position? {
                Position::Police | Position::Official => Some(true),
                Position::None => Some(false),
                Position::Unknown => None,
            }),
        ),
        ("several_perpetrators", (perpetrators.len() > 1).then_some(Answer::Yes)),
        ("previous_incidents", incident.previous_incidents.map(tri)),
        ("goods_money_exchanged", incident.goods_money_exchanged.map(tri)),
        (
            "abducted",
            incident.abduction.map(|abduction| match abduction {
                Abduction::None => Answer::No,
                Abduction::Unknown => Answer::Unknown,
                _ => Answer::Yes,
            }),
        ),
    ]
}

fn related(perpetrator: &Perpetrator, is: fn(Relationship) -> bool) -> Option<bool> {
    match perpetrator.relationship? {
        Relationship::Unknown => None,
        relationship => Some(is(relationship)),
    }
}

/// Yes if any is; no only if all are known not to be.
fn any(each: impl Iterator<Item = Option<bool>>) -> Option<Answer> {
    let each: Vec<Option<bool>> = each.collect();
    if each.is_empty() {
        return None;
    }
    Some(match (each.contains(&Some(true)), each.contains(&None)) {
        (true, _) => Answer::Yes,
        (false, true) => Answer::Unknown,
        (false, false) => Answer::No,
    })
}

fn tri(answer: Tri) -> Answer {
    match answer {
        Tri::Yes => Answer::Yes,
        Tri::No => Answer::No,
        Tri::Unknown => Answer::Unknown,
    }
}

fn years((least, most): (i64, i64)) -> Answer {
    let whole = |years: i64| Number::whole(i32::try_from(years).unwrap_or(i32::MAX));
    Answer::Number(Span { min: whole(least), max: Some(whole(most)) })
}

/// The least and the most time, in microseconds, between an incident and the moment it was told.
fn elapsed(incident: &Incident, said: Instant, zone: Tz) -> Option<(i64, Option<i64>)> {
    if let Some(bracket) = incident.bracket {
        return Some(match bracket {
            Bracket::Today => (0, Some(24 * HOUR)),
            Bracket::Yesterday => (0, Some(48 * HOUR)),
            Bracket::Days2To3 => (24 * HOUR, Some(96 * HOUR)),
            Bracket::Days4To5 => (72 * HOUR, Some(144 * HOUR)),
            Bracket::Longer => (120 * HOUR, None),
        });
    }
    let at = incident.happened_at?;
    let ago = |at: Instant| said.since(at).max(0);
    Some(match incident.precision.unwrap_or(Precision::Exact) {
        Precision::Exact => (ago(at), Some(ago(at))),
        Precision::About => (ago(at.plus(ABOUT * HOUR)), Some(ago(at.plus(-ABOUT * HOUR)))),
        Precision::Day => {
            let day = at.utc().with_timezone(&zone).date_naive();
            (ago(start(day.succ_opt()?, zone)), Some(ago(start(day, zone))))
        }
        Precision::Month => {
            let month = at.utc().with_timezone(&zone).date_naive().with_day(1)?;
            (ago(start(month.checked_add_months(Months::new(1))?, zone)), Some(ago(start(month, zone))))
        }
        Precision::Unknown => return None,
    })
}

fn start(day: NaiveDate, zone: Tz) -> Instant {
    local(zone, day, chrono::NaiveTime::MIN)
}

fn hours_ago((least, most): (i64, Option<i64>), said: Instant, now: Instant) -> Answer {
    let since = now.since(said).max(0);
    Answer::Number(Span { min: hours(least + since), max: most.map(|most| hours(most + since)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Json, instant, read};
    use crate::triage::assess;

    const CALL: &str = r#""channel":"phone","opened_at":"2026-11-20T10:00:00Z""#;

    fn facts_of(members: &str) -> Facts {
        let form: ContactForm = read(&Json::parse(format!("{{{CALL},{members}}}").as_bytes()).unwrap()).unwrap();
        let (facts, problems) = facts(&form, &BTreeMap::new(), rules(), form.opened_at.unwrap(), Tz::Asia__Ashgabat);
        assert_eq!(problems, []);
        facts
    }

    fn rules() -> &'static RuleSet {
        static RULES: std::sync::OnceLock<RuleSet> = std::sync::OnceLock::new();
        RULES.get_or_init(|| crate::rules::check(&crate::rules::shipped(), &["en".to_owned()]).unwrap())
    }

    #[test]
    fn a_threat_today_does_not_close_the_window_of_a_rape_yesterday() {
        let facts = facts_of(
            r#""person":{"sex":"female","age":30},"incidents":[
                {"bracket":"today","forms":{"penetration":"no","psychological":"yes"}},
                {"bracket":"yesterday","forms":{"penetration":"yes"}}]"#,
        );
        assert_eq!(facts.get("penetration"), Some(&Answer::Yes));
        let now = instant("2026-11-20T10:00:00Z").unwrap().utc();
        assert!(assess(rules(), &facts, now).clocks.iter().any(|clock| clock.name == "pep"));
    }

    #[test]
    fn one_time_that_is_not_known_keeps_the_window_open() {
        let facts = facts_of(
            r#""incidents":[{"forms":{"penetration":"yes"}},
                {"happened_at":"2026-10-01T10:00:00Z","forms":{"penetration":"yes"}}]"#,
        );
        assert_eq!(facts.get("hours_since_penetration"), None);
    }

    #[test]
    fn a_field_that_is_unknown_takes_no_answer_back() {
        let facts = facts_of(r#""answers":{"nowhere_safe_tonight":"yes"},"person":{"nowhere_safe_tonight":"unknown"}"#);
        assert_eq!(facts.get("nowhere_safe_tonight"), Some(&Answer::Yes));
    }

    #[test]
    fn what_the_form_says_is_not_asked_again() {
        let open = |members: &str| {
            let now = instant("2026-11-20T10:00:00Z").unwrap().utc();
            let questions = crate::triage::open_questions(rules(), &facts_of(members), now);
            questions.into_iter().map(|question| question.id.to_string()).collect::<Vec<_>>()
        };
        let told = r#""limits_explained":true,"wishes":["safe_house"],"person":{"age":30,"nowhere_safe_tonight":"no"},
            "incidents":[{"bracket":"today","forms":{"penetration":"no"},"previous_incidents":"no"}]"#;
        let (before, after) = (open(r#""kind":"support""#), open(told));
        for id in ["limits_line", "needs_most", "under_18", "safe_tonight", "forced_sex", "violence_repeated"] {
            assert!(before.iter().any(|open| open == id), "{id} is asked of a call that says nothing");
            assert!(!after.iter().any(|open| open == id), "{id} was told");
        }
        let facts = facts_of(r#""answers":{"needs_most":"medical"},"wishes":["legal"]"#);
        assert_eq!(facts.get("needs_most"), Some(&Answer::Choice("medical".into())), "she was asked, and said so");
    }

    #[test]
    fn brackets_and_days_are_ranges_in_hours_here() {
        for (said, least, most) in [
            (r#"{"bracket":"today"}"#, 0, Some(24)),
            (r#"{"bracket":"4_5_days"}"#, 72, Some(144)),
            (r#"{"bracket":"longer"}"#, 120, None),
            (r#"{"happened_at":"2026-11-17T10:00:00Z"}"#, 72, Some(72)),
            // The 17th in Ashgabat ends on the 17th at 19:00 and began on the 16th at 19:00 in UTC.
            (r#"{"happened_at":"2026-11-17T10:00:00Z","precision":"day"}"#, 63, Some(87)),
        ] {
            let facts = facts_of(&format!(r#""incidents":[{said}]"#));
            let expected = Span { min: Number::whole(least), max: most.map(Number::whole) };
            assert_eq!(facts.get("hours_since_incident"), Some(&Answer::Number(expected)), "{said}");
        }
    }

    #[test]
    fn windows_run_in_hours_by_the_clock_on_her_wall_summer_and_winter() {
        // Ashgabat is UTC+5 all year; elsewhere clocks were set on both of these Sundays.
        for (wall, call, open) in [
            ("2026-03-27T12:00:00+05:00", "2026-03-30T12:00:00+05:00", true),
            ("2026-03-27T12:00:00+05:00", "2026-03-30T12:01:00+05:00", false),
            ("2026-10-23T12:00:00+05:00", "2026-10-26T12:00:00+05:00", true),
            ("2026-10-23T12:00:00+05:00", "2026-10-26T12:01:00+05:00", false),
        ] {
            let body = format!(
                r#"{{"channel":"phone","opened_at":"{call}","incidents":[{{"happened_at":"{wall}","forms":{{"penetration":"yes"}}}}]}}"#
            );
            let form: ContactForm = read(&Json::parse(body.as_bytes()).unwrap()).unwrap();
            let now = form.opened_at.unwrap();
            let (facts, _) = facts(&form, &BTreeMap::new(), rules(), now, Tz::Asia__Ashgabat);
            let pep = assess(rules(), &facts, now.utc()).clocks.into_iter().find(|clock| clock.name == "pep").unwrap();
            assert_eq!(pep.state == crate::triage::ClockState::Open, open, "{wall} to {call}");
        }
    }
}
