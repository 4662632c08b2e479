//! The contract, for programs at `/openapi.json` and for people at `/docs`: one page without any
//! script, made from the same document; and a page for each kind of problem, where its `type`
//! leads.

mod outline;

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use askama::Template;
use serde_json::{Value, json};

use super::contract;
use crate::access::{Answer, Css, Filtered, Html, Open, Operation, Routes, Takes, Text};
use crate::error::{Error, KINDS, Kind, Result};
use crate::state::App;
use outline::Chapter;

/// Nothing but the page and its style.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The addresses of the contract itself.
pub fn routes() -> Routes {
    Routes::at("")
        .get("/openapi.json", openapi, "This contract, as OpenAPI 3.1")
        .get("/docs", page, "This contract, as a page")
        .get("/docs/style.css", style, "The style of that page")
        .get("/problems/{kind}", problem, "What a kind of problem means, and what to do")
}

async fn openapi(_: Open, _: Filtered<()>, app: Data<App>) -> Answer<BTreeMap<String, Value>> {
    Answer::shown(&contract::document(&super::routes(), &app.config.server.public_url))
}

async fn page(_: Open, _: Filtered<()>) -> Result<Text<Html>> {
    let document = contract::document(&super::routes(), "");
    shown(&Page { chapters: outline::chapters(&document), kinds: KINDS })
}

async fn style(_: Open, _: Filtered<()>) -> Text<Css> {
    Text::of(include_str!("docs/style.css"))
}

async fn problem(_: Open, _: Filtered<()>, Slug(kind): Slug) -> Result<Text<Html>> {
    shown(&ProblemPage { kind })
}

fn shown(page: &impl Template) -> Result<Text<Html>> {
    let page = page.render().map_err(|_| Error::Internal("a page cannot be written"))?;
    Ok(Text::of(page).policy(POLICY))
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Goldaw: the contract</title><link rel="stylesheet" href="/docs/style.css"></head>
<body>
<nav><a class="home" href="#top">Goldaw</a>{% for chapter in chapters %}<details><summary>{{ chapter.name }}</summary>{% for call in chapter.calls %}<a href="#{{ call.id }}"><span class="{{ call.method }}">{{ call.method }}</span> {{ call.short }}</a>{% endfor %}</details>{% endfor %}<a href="#problems">problems</a></nav>
<main id="top">
<h1>The contract</h1>
<p>JSON over HTTP. Times are RFC 3339 in UTC. What has an <code>id</code> shows a random reference, such as <code>C-7K4M-9QX2-PDH</code>. Unknown members, duplicate keys and unknown query parameters are refused. For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
{% for chapter in chapters %}<section><h2>{{ chapter.name }}</h2>
{% for call in chapter.calls %}<details class="call" id="{{ call.id }}"><summary><span class="{{ call.method }}">{{ call.method }}</span> <code>{{ call.path }}</code> <span class="says">{{ call.summary }}</span></summary>
<p class="who">{{ call.who }}</p>
{% if !call.parameters.is_empty() %}<h3>Parameters</h3><table>{% for row in call.parameters %}<tr><td><code>{{ row.name }}</code></td><td>{{ row.shape }}{% if row.required %} <b>required</b>{% endif %}</td><td>{{ row.told }}</td></tr>{% endfor %}</table>{% endif %}
{% if !call.body.is_empty() %}<h3>Body</h3><table>{% for row in call.body %}<tr><td class="in{{ row.depth }}"><code>{{ row.name }}</code></td><td>{{ row.shape }}{% if row.required %} <b>required</b>{% endif %}</td><td>{{ row.told }}</td></tr>{% endfor %}</table>{% endif %}
{% if !call.example.is_empty() %}<pre>{{ call.example }}</pre>{% endif %}
{% for answer in call.answers %}<h3>{{ answer.status }}</h3><table>{% for row in answer.rows %}<tr><td class="in{{ row.depth }}"><code>{{ row.name }}</code></td><td>{{ row.shape }}</td><td>{{ row.told }}</td></tr>{% endfor %}</table>{% if !answer.example.is_empty() %}<pre>{{ answer.example }}</pre>{% endif %}{% endfor %}
<p class="refusals">Or a problem: {% for status in call.refusals %}<a href="#s{{ status }}">{{ status }}</a> {% endfor %}</p>
</details>
{% endfor %}</section>
{% endfor %}<section id="problems"><h2>problems</h2><table>{% for kind in kinds %}<tr id="s{{ kind.status.as_u16() }}"><td><a href="/problems/{{ kind.slug }}"><code>{{ kind.slug }}</code></a></td><td>{{ kind.status.as_u16() }}</td><td>{{ kind.title }}. {{ kind.meaning }}</td></tr>{% endfor %}</table></section>
</main>
</body></html>
"##
)]
struct Page<'a> {
    chapters: Vec<Chapter<'a>>,
    kinds: &'static [&'static Kind],
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{ kind.title }}</title><link rel="stylesheet" href="/docs/style.css"></head>
<body><main><p class="who">{{ kind.status.as_u16() }} <code>{{ kind.slug }}</code></p><h1>{{ kind.title }}</h1><p>{{ kind.meaning }}</p><p><a href="/docs#problems">All problems</a></p></main></body></html>
"#
)]
struct ProblemPage {
    kind: &'static Kind,
}

/// The kind of problem whose slug stands in the path.
struct Slug(&'static Kind);

impl FromRequest for Slug {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let slug = request.match_info().get("kind").unwrap_or_default();
        ready(KINDS.iter().find(|kind| kind.slug == slug).map(|kind| Slug(kind)).ok_or(Error::NotFound))
    }
}

impl Takes for Slug {
    fn told(operation: &mut Operation) {
        let slugs: Vec<&str> = KINDS.iter().map(|kind| kind.slug).collect();
        operation.takes_part("kind", &json!({"type": "string", "enum": slugs}), "The last part of a problem's type.");
    }
}
