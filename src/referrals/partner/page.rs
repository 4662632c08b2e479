//! The pages a browser shows. They work without any script and load nothing but their style.

use askama::Template;
use chrono_tz::Tz;

use super::super::states::DeclineReason;
use super::{OutsideView, PartnerView, Shared, Standing};
use crate::error::{Error, Result};
use crate::notifications::Words;

/// The style, served beside the pages.
pub const STYLE: &str = include_str!("style.css");

/// Something a partner was just told.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// Nothing happened before.
    Nothing,
    /// A code was wrong; so many may still be tried.
    WrongCode(i32),
    /// Somebody has already answered.
    Already,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="{{ words.code }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><meta name="robots" content="noindex"><title>{{ words.say("partner.title") }}</title><link rel="stylesheet" href="/p/style.css"></head>
<body>
<header class="top"><a class="btn" href="/p/away" rel="noreferrer">{{ words.say("partner.leave") }}</a></header>
<main>
<p class="sub">{{ words.say("partner.reference") }} <span class="ref">{{ view.reference }}</span></p>
<h1>{{ words.say("partner.title") }}</h1>
<div class="answer {{ view.urgency.code() }}">
<p><span class="sub">{{ words.say("partner.how_soon") }}</span> <b>{{ urgency }}</b></p>
<p><span class="sub">{{ words.say("partner.answer_by") }}</span> <b>{{ answer_by }}</b></p>
</div>
{% if view.acknowledged %}<p class="said">{{ words.say("partner.acknowledged") }}</p>
{% else %}<form method="post" action="/p/{{ token }}/acknowledge"><p class="sub">{{ words.say("partner.acknowledge_help") }}</p><button class="btn btn-main">{{ words.say("partner.acknowledge") }}</button></form>
{% endif %}{% if view.tries_left > 0 %}<form class="panel" method="post" action="/p/{{ token }}/code" autocomplete="off">
<h2>{{ words.say("partner.code_prompt") }}</h2><p class="sub" id="help">{{ words.say("partner.code_help") }}</p>
{% if !wrong.is_empty() %}<p class="said" role="alert">{{ wrong }}</p>
{% endif %}<input type="text" name="code" required maxlength="64" autocapitalize="off" spellcheck="false" aria-label="{{ words.say("partner.code_prompt") }}" aria-describedby="help"><button class="btn">{{ words.say("partner.code_submit") }}</button></form>
{% else %}<p class="said" role="alert">{{ words.say("partner.locked") }}</p>
{% endif %}<p class="sub">{{ words.say("partner.question") }} {{ words.say("partner.logged") }}</p>
</main>
</body></html>
"#
)]
struct Outside<'a> {
    words: &'static Words,
    view: &'a OutsideView,
    token: &'a str,
    urgency: &'a str,
    answer_by: String,
    wrong: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="{{ words.code }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><meta name="robots" content="noindex"><title>{{ words.say("partner.title") }}</title><link rel="stylesheet" href="/p/style.css"></head>
<body>
<header class="top"><a class="btn" href="/p/away" rel="noreferrer">{{ words.say("partner.leave") }}</a></header>
<main>
<p class="sub">{{ words.say("partner.reference") }} <span class="ref">{{ view.reference }}</span></p>
<h1>{{ words.say("partner.title") }}</h1>
<div class="answer {{ view.urgency.code() }}">
<p><span class="sub">{{ words.say("partner.how_soon") }}</span> <b>{{ urgency }}</b></p>
<p><span class="sub">{{ words.say("partner.answer_by") }}</span> <b>{{ answer_by }}</b></p>
</div>
{% for said in said %}<p class="said" role="status">{{ said }}</p>
{% endfor %}{% if !facts.is_empty() %}{% if no_phone %}<section class="safe"><h2>{{ words.say("partner.do_not_phone") }}</h2><p>{{ words.say("partner.do_not_phone_help") }}</p></section>
{% endif %}{% if let Some(word) = view.arrival_word.as_ref() %}<section class="panel"><p class="sub">{{ words.say("partner.arrival_word") }}</p><p class="voice">{{ word }}</p><p class="sub">{{ words.say("partner.arrival_help") }}</p></section>
{% endif %}<section class="panel"><h2>{{ words.say("partner.need_to_know") }}</h2><dl>{% for (name, value) in facts %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl></section>
<section class="panel"><h2>{{ words.say("partner.left_out_title") }}</h2><p class="sub">{{ words.say("partner.left_out") }}</p></section>
{% endif %}{% for (action, help, button) in buttons %}<form method="post" action="/p/{{ token }}/{{ action }}">{% if !help.is_empty() %}<p class="sub">{{ help }}</p>{% endif %}<button class="btn btn-main">{{ button }}</button></form>
{% endfor %}{% if may_decline %}<form class="panel" method="post" action="/p/{{ token }}/decline"><h2>{{ words.say("partner.decline_title") }}</h2>{% for (code, reason) in reasons %}<label><input type="radio" name="reason" value="{{ code }}" required> {{ reason }}</label>{% endfor %}<button class="btn">{{ words.say("partner.decline") }}</button></form>
{% endif %}<p class="sub">{{ words.say("partner.question") }} {% if !bound.is_empty() %}{{ bound }} {% endif %}{{ words.say("partner.logged") }}</p>
</main>
</body></html>
"#
)]
struct Inside<'a> {
    words: &'static Words,
    view: &'a PartnerView,
    token: &'a str,
    urgency: &'a str,
    answer_by: String,
    bound: String,
    said: Vec<&'a str>,
    no_phone: bool,
    facts: Vec<(&'a str, String)>,
    buttons: Vec<(&'static str, &'a str, &'a str)>,
    may_decline: bool,
    reasons: Vec<(&'static str, &'a str)>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="{{ first }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><meta name="robots" content="noindex"><title>{{ title }}</title><link rel="stylesheet" href="/p/style.css"></head>
<body><main>{% for words in all %}<p lang="{{ words.code }}">{{ words.say("partner.ended") }}</p>
{% endfor %}</main></body></html>
"#
)]
struct Ended {
    first: &'static str,
    title: &'static str,
    all: &'static [Words],
}

/// What anybody with the link sees. Errors: 500, never met in tests.
pub fn outside(view: &OutsideView, token: &str, told: Told, zone: Tz) -> Result<String> {
    let words = Words::of(&view.language);
    let wrong = match told {
        Told::WrongCode(left) => words.fill("partner.wrong_code", &[("left", &left.to_string())]),
        Told::Nothing | Told::Already => String::new(),
    };
    let urgency = words.say(&format!("urgency.{}", view.urgency.code()));
    rendered(&Outside { words, view, token, urgency, answer_by: words.time(view.answer_by, zone), wrong })
}

/// What a device sees that knew the code. Errors: 500, never met in tests.
pub fn inside(view: &PartnerView, token: &str, told: Told, zone: Tz) -> Result<String> {
    let words = Words::of(&view.language);
    let (mut said, buttons) = stage(view, words);
    if matches!(told, Told::Already) {
        said.insert(0, words.say("partner.already"));
    }
    let facts = view
        .fields
        .iter()
        .map(|(field, value)| (words.say(&format!("partner.field.{field}")), value.told(field, words)))
        .collect();
    let reasons = DeclineReason::ALL
        .iter()
        .map(|reason| (reason.code(), words.say(&format!("partner.decline_reason.{reason}"))))
        .collect();
    rendered(&Inside {
        words,
        view,
        token,
        urgency: words.say(&format!("urgency.{}", view.urgency.code())),
        answer_by: words.time(view.answer_by, zone),
        bound: view
            .open_until
            .map(|until| words.fill("partner.bound", &[("until", &words.time(until, zone))]))
            .unwrap_or_default(),
        said,
        // She said when they may phone, and agreed that they know; otherwise nobody phones.
        no_phone: !view.fields.iter().any(|(field, value)| {
            *field == "safe_contact" && matches!(value, Shared::Many(times) if !times.is_empty())
        }),
        facts,
        buttons,
        may_decline: view.standing == Standing::Waiting,
        reasons,
    })
}

/// One page for every link that leads nowhere, whatever the reason, in every language.
pub fn ended() -> Result<String> {
    let words = Words::all();
    let first = words.first().map_or("en", |words| words.code);
    let title = words.first().map_or("", |words| words.say("partner.title"));
    rendered(&Ended { first, title, all: words })
}

type Button<'a> = (&'static str, &'a str, &'a str);

/// What is said and what can be pressed, by how it stands.
fn stage<'a>(view: &PartnerView, words: &'static Words) -> (Vec<&'a str>, Vec<Button<'a>>) {
    let say = |name: &str| words.say(name);
    match view.standing {
        Standing::Waiting => (Vec::new(), vec![("accept", "", say("partner.accept"))]),
        Standing::Accepted => {
            let mut buttons = vec![("start", "", say("partner.start"))];
            if !view.survivor_told {
                buttons.insert(0, ("told", say("partner.told_help"), say("partner.told")));
            }
            (vec![say("partner.accepted")], buttons)
        }
        Standing::InProgress => (vec![say("partner.started")], vec![("complete", "", say("partner.complete"))]),
        Standing::Completed => (vec![say("partner.completed")], Vec::new()),
        Standing::Left => (vec![say("partner.declined")], Vec::new()),
        Standing::Elsewhere => (vec![say("partner.already")], Vec::new()),
    }
}

fn rendered(page: &impl Template) -> Result<String> {
    page.render().map_err(|_| Error::Internal("a page could not be written"))
}
