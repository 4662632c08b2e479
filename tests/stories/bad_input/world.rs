//! One of everything, and for each address somebody who may ask it, a real thing to ask about, and
//! a body that would be right.

use std::cell::RefCell;
use std::collections::HashMap;

use goldaw::access::{Entry, Role};
use goldaw::storage::new_reference;
use serde_json::{Value, json};

use crate::support::floor::{Floor, House, Seat};
use crate::support::http::Answer;
use crate::support::{Hotline, MORNING, number};

/// How an address is asked.
pub struct Asked<'a> {
    pub id: Option<&'a str>,
    pub query: &'a str,
    pub kind: &'a str,
    /// `None`: a fresh one.
    pub key: Option<&'a str>,
    pub tag: Option<&'a str>,
    pub body: Option<&'a str>,
}

pub struct World<'a> {
    pub floor: &'a Floor<'a>,
    stranger: RefCell<goldaw::storage::Db>,
    tokens: HashMap<Role, (goldaw::identity::Staff, RefCell<String>)>,
    things: HashMap<&'static str, String>,
    house: House,
    /// Versions as they were last answered, by path.
    versions: RefCell<HashMap<String, i64>>,
}

const ORDER: [Role; 6] =
    [Role::Operator, Role::Counselor, Role::Coordinator, Role::Admin, Role::Auditor, Role::Partner];

/// Tables that may grow when a request is refused: that it was, and by whom.
const UNCOUNTED: [&str; 6] =
    ["trail", "sessions", "sign_in_delays", "leases", "data_keys", "__diesel_schema_migrations"];

/// Tables whose rows are counted.
const COUNTED: [&str; 36] = [
    "house",
    "staff",
    "duties",
    "steps",
    "idempotency",
    "rule_sets",
    "publications",
    "areas",
    "organisations",
    "services",
    "service_areas",
    "endpoints",
    "hsds_ids",
    "cases",
    "case_phones",
    "blocked_parties",
    "consents",
    "contacts",
    "assessments",
    "revisions",
    "overrides",
    "emergency_calls",
    "contact_links",
    "reviews",
    "handovers",
    "feedback",
    "complaints",
    "tasks",
    "contact_facts",
    "tickets",
    "ticket_notes",
    "referrals",
    "referral_hops",
    "notifications",
    "attempts",
    "partner_views",
];

impl<'a> World<'a> {
    pub fn on(floor: &'a Floor<'a>) -> World<'a> {
        let operator = floor.operator();
        let keeper = floor.seat("cd-01", Role::Coordinator);
        let counselor = floor.seat("co-01", Role::Counselor);
        let house = floor.house(&keeper, "Shelter", "safe_house");
        let mut things = things(&operator, &keeper, &counselor, &house);
        things.insert("/organisations", house.organisation.clone());
        things.insert("/services", house.id.clone());
        things.insert("/staff", floor.seat("op-99", Role::Operator).staff.reference);
        let seats = [
            (Role::Operator, operator.staff),
            (Role::Counselor, counselor.staff),
            (Role::Coordinator, keeper.staff),
            (Role::Admin, floor.seat("ad-01", Role::Admin).staff),
            (Role::Auditor, floor.seat("au-01", Role::Auditor).staff),
            (Role::Partner, floor.app.sign_in_partner(floor.hotline, "pa-01", &house.organisation).staff),
        ];
        let tokens = seats.into_iter().map(|(role, staff)| (role, (staff, RefCell::new(String::new())))).collect();
        World {
            stranger: RefCell::new(floor.hotline.stranger()),
            floor,
            tokens,
            things,
            house,
            versions: RefCell::default(),
        }
    }

    pub fn usual(&self) -> Asked<'static> {
        Asked { id: None, query: "", kind: "application/json", key: None, tag: Some("usual"), body: None }
    }

    /// How many rows there are in all tables that count.
    pub fn stored(&self) -> i64 {
        let sums: Vec<String> = COUNTED.iter().map(|table| format!("(SELECT count(*) FROM {table})")).collect();
        number(&mut self.stranger.borrow_mut(), &format!("SELECT {} AS value", sums.join(" + ")))
    }

    /// Asks as somebody who may.
    pub fn ask(&self, entry: &Entry, asked: &Asked<'_>) -> Answer {
        let path = self.path(entry, asked);
        let usual = format!("\"{}\"", self.versions.borrow().get(&path).copied().unwrap_or(1));
        let fresh = new_reference('I').unwrap();
        let mut headers = vec![("idempotency-key", asked.key.unwrap_or(&fresh)), ("accept", "application/json")];
        if !asked.kind.is_empty() {
            headers.push(("content-type", asked.kind));
        }
        if let Some(tag) = asked.tag {
            headers.push(("if-match", if tag == "usual" { &usual } else { tag }));
        }
        let mut token = self.token(entry, false);
        let asked_for = if asked.query.is_empty() { path.clone() } else { format!("{path}?{}", asked.query) };
        let ask = |token: &str| self.floor.app.ask(entry.method.as_str(), &asked_for, token, &headers, asked.body);
        let mut answer = ask(&token);
        if answer.json["type"] == "/problems/signed-out" && !token.is_empty() {
            // An address before this one has ended the session.
            token = self.token(entry, true);
            answer = ask(&token);
        }
        if let Some(version) = answer.json["version"].as_i64() {
            self.versions.borrow_mut().insert(path, version);
        }
        answer
    }

    /// A token of somebody who may; a fresh one when asked.
    pub fn token(&self, entry: &Entry, anew: bool) -> String {
        let Some(role) = ORDER.iter().find(|role| entry.roles.contains(role)) else { return String::new() };
        let (staff, token) = &self.tokens[role];
        if token.borrow().is_empty() || anew {
            token.replace(self.floor.app.token_of(self.floor.hotline, staff));
        }
        token.borrow().clone()
    }

    pub fn path(&self, entry: &Entry, asked: &Asked<'_>) -> String {
        let of = entry.path.strip_prefix("/api/v1").unwrap_or(&entry.path);
        let finished = of.ends_with("/amend").then_some("finished");
        let room = of.find("/{id}").map(|end| &of[..end]);
        let thing = finished.or(room).and_then(|room| self.things.get(room));
        let id = asked.id.or(thing.map(String::as_str)).unwrap_or("0000-0000-000");
        entry.path.replace("{id}", id).replace("{part}", "0000-0000-000").replace("{token}", "nobody")
    }

    /// A body that would be right.
    pub fn body_of(&self, entry: &Entry) -> Value {
        let (draft, service) = (&self.things["/contacts"], &self.house.id);
        let consent = json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"],
            "duty_to_report_read": true, "consented_at": MORNING});
        let of = entry.path.strip_prefix("/api/v1").unwrap_or(&entry.path);
        match (entry.method.as_str(), of) {
            ("POST", "/contacts") => call(),
            ("PATCH", "/contacts/{id}") => call(),
            ("POST", "/contacts/{id}/finish") => json!({"ended_at": "2020-01-01T00:00:00Z"}),
            ("POST", "/contacts/{id}/amend") => json!({"reason": "correction", "note": "n", "patch": call()}),
            ("POST", "/contacts/{id}/override") => json!({"level": "high", "reason": "how quiet she became"}),
            ("POST", "/tasks") => {
                json!({"kind": "case_review", "case": self.things["/cases"], "due": "2026-12-01T09:00:00Z"})
            }
            ("POST", "/tasks/{id}/outcome") => json!({"outcome": "rescheduled", "due": "2026-12-01T09:00:00Z"}),
            ("POST", "/contacts/{id}/emergency-call") => {
                json!({"called": "ambulance", "agreed": false, "at": MORNING, "said": "words", "reference": "112-1",
                    "reason": "she could not speak any more", "pickup_place": "a place", "pickup_agreed": true})
            }
            ("POST", "/feedback") => {
                json!({"referral": self.things["/referrals"], "received": "yes", "safe": "no", "would_call_again": "unknown",
                    "complaint": {"kind": "delay", "text": "words"}})
            }
            ("POST", "/complaints") => {
                json!({"about": service, "kind": "delay", "text": "words", "case": self.things["/cases"]})
            }
            ("POST", "/contacts/{id}/link") => json!({"contact": self.things["finished"]}),
            ("PUT", "/cases/{id}/safety-plan") => json!({"signal": "words", "to_take": "words", "children": "words"}),
            ("POST", "/cases/{id}/close") => {
                json!({"reason": "moved", "checklist": {"terms_looked_at": true, "knows_how_to_return": true}})
            }
            ("POST", "/cases/{id}/merge") => json!({"case": self.things["/cases"]}),
            ("POST", "/reviews/{id}/decide") => json!({"decision": "agree"}),
            ("POST", "/contacts/{id}/rejoin") => json!({"word": "narpyz"}),
            ("POST", "/contacts/{id}/tickets") => {
                json!({"needs": [{"need": "safe_house", "services": [service], "consent": consent}]})
            }
            ("POST", "/cases") => json!({"contact": draft}),
            ("POST", "/cases/lookup") => json!({"contact": draft, "phone": "65 123456"}),
            ("POST", "/cases/{id}/consents") => {
                json!({"contact": draft, "service": service, "scope": "referral", "given": true, "named_aloud": true,
                    "given_by": "survivor", "how": "written", "fields": ["need", "phone"], "expires_at": "2027-01-01T00:00:00Z"})
            }
            ("PUT", "/cases/{id}/safe-contact") => terms(),
            ("PUT", "/cases/{id}/blocked") => json!({"parties": [{"organisation": self.house.organisation}]}),
            ("POST", "/triage/evaluate") => {
                json!({"answers": {"strangled": "yes"}, "facts": {"age": {"min": 20, "max": 30}}, "at": MORNING})
            }
            ("POST" | "PATCH", "/organisations" | "/organisations/{id}") => {
                json!({"kind": "civil_society", "names": {"en": "House", "tk": "Öý"}, "status": "active"})
            }
            ("POST" | "PATCH", "/services" | "/services/{id}") => self.service(),
            ("PUT", "/services/{id}/capacity") => json!({"available": 1, "maximum": 2}),
            ("POST", "/directory/hsds") => hsds(),
            ("POST", "/services/match") => json!({"need": "safe_house", "contact": draft}),
            ("POST", "/tickets/{id}/assign") => json!({"to": "co-01", "over_limit": true}),
            ("POST", "/tickets/{id}/notes") => json!({"text": "a note"}),
            ("POST", "/tickets/{id}/close") => json!({"reason": "transferred"}),
            ("POST", "/referrals/{id}/decline" | "/referrals/{id}/hand-back") => json!({"reason": "no_capacity"}),
            ("POST", "/referrals/{id}/fail" | "/referrals/{id}/cancel") => json!({"reason": "other"}),
            ("POST", "/referrals/{id}/complete") => json!({"confirmed_by_survivor": true}),
            ("POST", "/referrals/{id}/reroute") => json!({"service": service, "consent": consent}),
            ("POST", "/auth/login") => json!({"name": "op-98", "passphrase": "not the right one", "code": "123456"}),
            ("POST", "/auth/token") => json!({"session": "0".repeat(64)}),
            ("POST", "/me/password") => {
                json!({"passphrase": "not the right one", "new_passphrase": "neither is this one, surely"})
            }
            ("PUT", "/staff/{id}/duty") => {
                json!({"areas": ["TM-M-BAY"], "languages": ["tk", "sign"], "on_call": true, "caseload": 15,
                    "hours": [{"days": ["mon", "fri"], "from": "20:00", "to": "08:00"}]})
            }
            ("POST", "/staff") => json!({"name": "op-50", "role": "operator", "second_factor": false}),
            ("POST", "/p/{token}/code") => json!({"code": "4711"}),
            ("POST", "/p/{token}/decline") => json!({"reason": "no_capacity"}),
            _ => json!({}),
        }
    }

    fn service(&self) -> Value {
        json!({
            "organisation": self.house.organisation, "type": "medical", "names": {"en": "Clinic"}, "areas": ["TM-M"],
            "location_confidential": true, "duty_to_report": false, "letter_language": "en", "languages": ["tk"],
            "capacity": {"unit": "places", "available": 1, "maximum": 2}, "phone": "65 123456",
            "hours": [{"days": ["mon"], "from": "09:00", "to": "18:00"}],
            "eligibility": {"sexes": ["female"], "age_min": 18, "age_max": 60, "children": true, "disability": true},
            "stock": {"pep": true, "emergency_contraception": true}, "access": ["step_free"], "verified_at": MORNING,
            "endpoints": [{"channel": "email", "address": "clinic@example.org"}], "preference": 1,
            "focal_points": [{"name": "Duty desk", "phone": "65 123456"}],
        })
    }
}

fn hsds() -> Value {
    let house = "d9d5e0f5-d3ce-4f73-9a2f-4dd0ecc6c610";
    let term = |term: &str, value: &str| json!({"value": value, "taxonomy_term": {"code": format!("goldaw:{term}")}});
    json!({
        "organizations": [{"id": house, "name": "House", "description": "words", "attributes": [term("kind", "private")]}],
        "services": [{
            "id": "ac148810-d857-441c-9679-408f346de14b", "organization_id": house, "name": "Counselling",
            "status": "active", "minimum_age": 18, "maximum_age": 60, "assured_date": "2026-10-01",
            "service_areas": [{"extent": "TM-M"}], "languages": [{"code": "sgn"}],
            "schedules": [{"freq": "WEEKLY", "byday": "MO", "opens_at": "09:00", "closes_at": "18:00:00", "interval": 1}],
            "service_at_locations": [{"location": {"external_identifier": "TM-M-BAY", "external_identifier_type": "area-code"}}],
            "attributes": [term("type", "medical"), term("location_confidential", "true"), term("preference", "4"),
                term("duty_to_report", "false"), term("letter_language", "en"), term("capacity_unlimited", "true"),
                term("name.ru", "x"), term("capacity_stated_at", "2026-11-01T00:00:00Z")],
        }],
    })
}

/// A draft with a case, a finished call, and a ticket that a counselor holds.
fn things(
    operator: &Seat<'_>,
    keeper: &Seat<'_>,
    counselor: &Seat<'_>,
    house: &House,
) -> HashMap<&'static str, String> {
    let draft = operator.draft();
    let id = draft.strip_prefix("/contacts/").unwrap().to_owned();
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    let ticket = operator.post(&format!("{draft}/tickets"), &needs).expect(201);
    let quiet = json!({"level": "high", "reason": "how quiet she became"});
    let lowered = operator.call(&json!({"channel": "phone", "answers": {"weapon": "yes"}})).place();
    operator.post(&format!("{lowered}/override"), &quiet).expect(200);
    counselor.post(&format!("/tickets/{}/claim", ticket.text_of("id")), &json!({})).expect(200);
    let task = json!({"kind": "case_review", "case": ticket.text_of("case"), "due": "2026-12-01T09:00:00Z"});
    let complaint = json!({"about": "hotline", "kind": "delay", "text": "words"});
    HashMap::from([
        ("/complaints", operator.post("/complaints", &complaint).expect(201).text_of("id")),
        ("/tasks", keeper.post("/tasks", &task).expect(201).text_of("id")),
        ("/contacts", id),
        ("finished", operator.call(&json!({"channel": "phone", "finish": true})).text_of("id")),
        ("/cases", ticket.text_of("case")),
        ("/reviews", keeper.get("/reviews").json["items"][0]["id"].as_str().unwrap().to_owned()),
        ("/tickets", ticket.text_of("id")),
        ("/referrals", ticket.json["referrals"][0]["id"].as_str().unwrap().to_owned()),
    ])
}

fn call() -> Value {
    json!({
        "channel": "phone", "kind": "support", "direction": "inbound", "caller_role": "survivor", "language": "tk",
        "interpreter": true, "voice": "woman_only", "limits_explained": true, "rejoin_word": "narpyz", "narrative": "words",
        "queued_at": MORNING, "answered_at": MORNING, "ended_at": MORNING, "wishes": ["medical"],
        "person": {"name": "N", "phone": "65 123456", "address": "A", "born_on": "1990-01-31", "age": 30, "age_band": "26_40",
            "sounds_under_18": "no", "sex": "female", "area": "TM-M-BAY", "country": "TM", "ethnicity": "E", "pregnant": "no",
            "access_needs": ["step_free"], "children_with_her": 2, "nowhere_safe_tonight": "no"},
        "incidents": [{"happened_at": MORNING, "precision": "about", "forms": {"physical": "yes"}, "age_at_incident": 30,
            "reported_by_survivor": true, "area": "TM-M-BAY", "previous_incidents": "yes", "referred_from": [],
            "perpetrators": [{"role": "primary", "sex": "male", "former": true, "position": "none", "name": "P"}]}],
        "answers": {"strangled": "yes", "weapon": "unknown"},
    })
}

fn terms() -> Value {
    json!({"may_call": true, "number": "65 123456", "windows": [{"weekday": "mon", "from": "09:00", "to": "11:00"}],
        "if_another_answers": "words", "may_leave_message": true, "message": "words", "may_text": false, "code_word": "word",
        "dropped_call": "she_calls", "woman_only": true, "expires_at": "2027-01-01T00:00:00Z"})
}

#[test]
fn every_table_is_counted_or_named() {
    let hotline = Hotline::open(crate::support::Engine::Sqlite);
    let known: Vec<&str> = COUNTED.iter().chain(&UNCOUNTED).copied().collect();
    let listed = known.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    let query = format!(
        "SELECT count(*) AS value FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ({listed})"
    );
    assert_eq!(number(&mut hotline.stranger(), &query), 0);
}
