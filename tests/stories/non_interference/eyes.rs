//! What somebody is told who asks for everything they may.

use goldaw::access::{Entry, Role};
use goldaw::clock::SECOND;
use goldaw::server;
use serde_json::{Value, json};

use super::Told;
use super::names::Names;
use super::script::{Heard, NUMBER, Script, WORD, look_up};
use crate::support::floor::Seat;
use crate::support::http::Answer;
use crate::support::proof::Dice;

/// Members whose value is chance in every house, whatever is in it: they name a request, or are words
/// that only a draft's recorder or an arriving woman uses.
/// Letters wait by the clock of PostgreSQL, which no story holds.
const CHANCE: [&str; 4] = ["request_id", "arrival_word", "rejoin_word", "not_before"];

/// Members that tell what is free, and how much is asked of a service: a place that is taken is taken
/// for everybody, and tells of nobody in particular.
const FREE: [&str; 1] = ["capacity"];

/// Addresses that are not asked here.
const ELSEWHERE: [&str; 2] = [
    // One's own sign-ins, which no case comes near; whoever looks so long signs in anew meanwhile.
    "/api/v1/me/sessions",
    // Listened to while it happens; a stream has no end to compare.
    "/api/v1/events",
];

/// One in so many of the filters is tried in each graph; over many graphs all are.
const FILTERS: u64 = 3;

/// How addresses with a reference in them name their things.
fn kind_of(path: &str) -> &'static str {
    let (room, _) = path.strip_prefix("/api/v1/").unwrap().split_once("/{id}").unwrap();
    match room {
        "cases" => "case",
        "complaints" => "complaint",
        "contacts" => "contact",
        "organisations" => "organisation",
        "referrals" => "referral",
        "reviews" => "review",
        "services" => "service",
        "staff" => "staff",
        "tickets" => "ticket",
        "triage/publications" => "publication",
        other => panic!("what is at /{other}/{{id}}? Say which kind of thing to ask for"),
    }
}

/// What a filter is tried with, when it is no list of codes.
fn tried(name: &str, script: &Script<'_>, names: &Names) -> Vec<String> {
    let now = script.floor.hotline.clock.now();
    let of = |kind: &str| names.things.get(kind).cloned().unwrap_or_default();
    match name {
        "from" => vec![now.plus(-300 * SECOND).to_string()],
        "to" => vec![now.plus(-600 * SECOND).to_string()],
        "area" => vec!["TM-M".into(), "TM-M-BAY".into()],
        "service" => of("service"),
        "organisation" => script.organisations.clone(),
        "actor" => ["op-01", "co-01", "cd-01", "op-02", "system"].map(str::to_owned).to_vec(),
        "action" => ["tickets.issue", "cases.block", "cases.look_up", "contacts.read"].map(str::to_owned).to_vec(),
        "subject" => {
            ["contact", "case", "ticket", "task"].iter().flat_map(|kind| of(kind).into_iter().take(2)).collect()
        }
        "limit" => vec!["3".into()],
        other => panic!("what does ?{other} take? Say what to try it with"),
    }
}

/// Everything the five are told.
pub fn look(script: &Script<'_>, names: &Names, seed: u64) -> Told {
    let mut told = Told::new();
    for (place, (who, seat)) in script.blocked.iter().enumerate() {
        let mut eyes = Eyes { script, names, seat, dice: Dice::of(seed ^ 7), told: Vec::new() };
        if let Some(heard) = script.heard.get(place) {
            eyes.told.push(("/events".into(), heard_of(heard, names)));
        }
        let routes = server::routes();
        let mine = |entry: &&Entry| {
            entry.method == "GET" && entry.roles.contains(&seat.staff.role) && !ELSEWHERE.contains(&entry.path.as_str())
        };
        for entry in routes.entries().iter().filter(mine) {
            if entry.path.contains("{id}") { eyes.each(entry) } else { eyes.list(entry) }
        }
        told.push((*who, eyes.told));
    }
    for ((_, seat), (_, told)) in script.blocked.iter().zip(&mut told) {
        let mut eyes = Eyes { script, names, seat, dice: Dice::of(seed), told: std::mem::take(told) };
        eyes.search();
        *told = eyes.told;
        knock(seat, names);
    }
    told
}

struct Eyes<'a> {
    script: &'a Script<'a>,
    names: &'a Names,
    seat: &'a Seat<'a>,
    dice: Dice,
    told: Vec<(String, String)>,
}

impl Eyes<'_> {
    /// An address as it is, and with each of its filters.
    fn list(&mut self, entry: &Entry) {
        self.walk(&entry.path);
        for parameter in &entry.operation.parameters {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] != "query" || name == "after" {
                continue;
            }
            for value in values(parameter, || tried(name, self.script, self.names)) {
                if name == "limit" || self.dice.throw(FILTERS) == 0 {
                    self.walk(&format!("{}?{name}={value}", entry.path));
                }
            }
        }
    }

    /// All pages of a list, as one.
    fn walk(&mut self, path: &str) {
        let mut answer = self.get(path);
        let mut pages = vec![plain(&answer)];
        while let Some(next) = answer.next() {
            answer = self.get(&next);
            pages.push(plain(&answer));
        }
        let sizes: Vec<usize> = pages.iter().map(|page| page["items"].as_array().map_or(0, Vec::len)).collect();
        let mut whole = pages.remove(0);
        if let Some(items) = whole["items"].as_array_mut() {
            items.extend(pages.iter().flat_map(|page| page["items"].as_array().cloned().unwrap_or_default()));
        }
        let mut whole: Value = serde_json::from_str(&self.names.put_into(&whole.to_string())).unwrap();
        ties_in_one_order(&mut whole);
        if let Some(taken) = whole.pointer_mut("/last/items").and_then(Value::as_object_mut) {
            // Names only, without the moment by which two of them would share a place.
            taken.values_mut().for_each(in_one_order);
        }
        if path.contains("/reports/") {
            // Services in the order of their references, which are chance.
            in_one_order(&mut whole["groups"]);
        }
        if path.contains("/reports/feedback") {
            in_one_order(&mut whole["items"]);
        }
        if path.contains("/hsds") {
            without_keys(&mut whole);
        }
        self.keep(path, format!("{} {sizes:?} {whole}", answer.status));
    }

    /// An address about each thing that is there.
    fn each(&mut self, entry: &Entry) {
        let all = self.names.things.get(kind_of(&entry.path)).cloned().unwrap_or_default();
        for id in all {
            if self.dice.throw(2) == 0 {
                let path = entry.path.replace("{id}", &id);
                let answer = self.get(&path);
                let mut told: Value = serde_json::from_str(&self.names.put_into(&plain(&answer).to_string())).unwrap();
                ties_in_one_order(&mut told);
                self.keep(&path, format!("{} {} {told}", answer.status, answer.header("etag")));
            }
        }
    }

    /// What is looked for from a call of one's own: her number, her word, and who could help.
    fn search(&mut self) {
        if !matches!(self.seat.staff.role, Role::Operator | Role::Counselor) {
            return;
        }
        let call = self.seat.call(&json!({"channel": "phone", "person": {"area": "TM-M-BAY"}})).text_of("id");
        for by in [json!({"phone": NUMBER}), json!({"code_word": WORD}), json!({"phone": NUMBER, "code_word": WORD})] {
            let found = look_up(self.seat, &call, by.clone());
            self.keep(&format!("look-up by {by}"), format!("{} {}", found.status, found.json));
        }
        for need in ["safe_house", "medical"] {
            let found = self.seat.post("/services/match", &json!({"need": need, "contact": call}));
            let mut found: Value = serde_json::from_str(&self.names.put_into(&plain(&found).to_string())).unwrap();
            // How much a service has to do decides between equals; that is an aggregate.
            in_one_order(&mut found["candidates"]);
            self.keep(&format!("match {need}"), found.to_string());
        }
    }

    fn get(&self, path: &str) -> Answer {
        // Whoever reads what is sealed leaves a row in the trail; no two in one moment.
        self.script.floor.hotline.wait(SECOND);
        self.seat.get(path)
    }

    fn keep(&mut self, what: &str, text: String) {
        self.told.push((self.names.put_into(what), text));
    }
}

/// What was heard, in its order; only what happens to several things in one breath is put in one.
fn heard_of(heard: &Heard, names: &Names) -> String {
    let mut events: Vec<(&str, &str, String)> = heard
        .iter()
        .map(|(name, data)| {
            let named = names.put_into(data["id"].as_str().unwrap_or_default());
            (name.as_str(), data["kind"].as_str().unwrap_or_default(), named)
        })
        .collect();
    events.chunk_by_mut(|a, b| (a.0, a.1) == (b.0, b.1)).for_each(<[_]>::sort);
    format!("{events:?}")
}

/// The hidden case asked for by name: the answer is that to a name nobody has.
fn knock(seat: &Seat<'_>, names: &Names) {
    let routes = server::routes();
    let asked = routes.entries().iter().filter(|entry| entry.path.contains("{id}") && !entry.path.contains("{part}"));
    for entry in asked.filter(|entry| entry.method == "GET" && entry.roles.contains(&seat.staff.role)) {
        let nobody = seat.get(&entry.path.replace("{id}", "0000-0000-000"));
        for id in names.hidden.get(kind_of(&entry.path)).into_iter().flatten() {
            let found = seat.get(&entry.path.replace("{id}", id));
            assert_eq!(
                (found.status, plain(&found)),
                (nobody.status, plain(&nobody)),
                "{} at {}",
                seat.staff.name,
                entry.path
            );
        }
    }
}

/// The codes a parameter takes, or something to try.
fn values(parameter: &Value, tried: impl FnOnce() -> Vec<String>) -> Vec<String> {
    let schema = &parameter["schema"];
    let codes =
        schema["enum"].as_array().map(|codes| codes.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    codes.unwrap_or_else(tried)
}

/// An answer without what is chance in every house; a text that is no JSON as text.
fn plain(answer: &Answer) -> Value {
    let mut json = if answer.json.is_null() { json!({"text": answer.text}) } else { answer.json.clone() };
    without_chance(&mut json);
    json
}

fn without_chance(json: &mut Value) {
    match json {
        Value::Object(members) => {
            members.retain(|name, _| !CHANCE.contains(&name.as_str()) && !FREE.contains(&name.as_str()));
            members.values_mut().for_each(without_chance);
        }
        Value::Array(items) => items.iter_mut().for_each(without_chance),
        _ => {}
    }
}

/// Rows of one moment come in the order of their keys, which is chance: they are put in one order.
/// All others stay where they are.
fn ties_in_one_order(json: &mut Value) {
    let moment = |item: &Value| {
        let times = ["at", "created_at", "due", "opened_at", "issued_at", "accept_due"];
        times.iter().find_map(|name| item[*name].as_str().map(str::to_owned))
    };
    match json {
        Value::Object(members) => members.values_mut().for_each(ties_in_one_order),
        Value::Array(items) => {
            items.iter_mut().for_each(ties_in_one_order);
            items.chunk_by_mut(|a, b| moment(a).is_some() && moment(a) == moment(b)).for_each(|ties| {
                ties.sort_by_key(Value::to_string);
            });
        }
        _ => {}
    }
}

/// The export of the directory has keys of its own, made from those of the house, and is ordered by
/// them.
fn without_keys(json: &mut Value) {
    match json {
        Value::Object(members) => members.values_mut().for_each(without_keys),
        Value::Array(items) => {
            items.iter_mut().for_each(without_keys);
            in_one_order(json);
        }
        Value::String(text) => {
            let is_key = |word: &&str| word.len() == 36 && word.matches('-').count() == 4;
            let mut lines: Vec<String> = text
                .lines()
                .map(|line| line.split(',').filter(|word| !is_key(word)).collect::<Vec<_>>().join(","))
                .collect();
            lines.sort();
            *text = lines.join("\n");
        }
        _ => {}
    }
}

fn in_one_order(json: &mut Value) {
    if let Some(items) = json.as_array_mut() {
        items.sort_by_key(Value::to_string);
    }
}
