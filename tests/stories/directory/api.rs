//! The same over HTTP: who may, what is sent, what is answered.
#![expect(clippy::indexing_slicing, reason = "a story that misses what it looks for fails, and says where")]

use actix_web::App;
use actix_web::http::Method;
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use diesel::prelude::*;
use goldaw::access::token::{Bearer, TokenKey};
use goldaw::access::{Denials, Routes};
use goldaw::clock::{HOUR, Instant};
use goldaw::directory::api::routes;
use goldaw::storage::schema::{sessions, staff};
use serde_json::{Value, json};

use super::{areas, doctor, sample};
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_coordinator_adds_a_service_and_changes_it,
    a_post_repeated_with_its_key_makes_one_service,
    a_partner_states_what_its_own_services_have_free,
    an_operator_reads_and_changes_nothing,
    lists_are_filtered_paged_and_strict,
    a_hidden_place_leaves_by_no_address,
];

struct Desk<'a> {
    hotline: &'a Hotline,
    tokens: Data<TokenKey>,
}

struct Answer {
    status: u16,
    version: Option<String>,
    link: Option<String>,
    body: Value,
}

impl Desk<'_> {
    fn at(hotline: &Hotline) -> Desk<'_> {
        let tokens = TokenKey::load_or_create(&hotline.folder.path().join("token.key")).unwrap();
        Desk { hotline, tokens: Data::new(tokens) }
    }

    /// The token of somebody who is signed in.
    fn enter(&self, role: &str, organisation: Option<&str>) -> String {
        let (now, never) = (self.hotline.clock.now(), Instant(0));
        let person = (
            staff::id.eq(format!("id-{role}")),
            staff::reference.eq(format!("S-{role}")),
            staff::version.eq(1),
            staff::name.eq(role),
            staff::role.eq(role),
            staff::organisation_id.eq(organisation),
            staff::passphrase_hash.eq(""),
            staff::totp_last_step.eq(0i64),
            staff::active.eq(true),
            staff::created_at.eq(now),
            staff::updated_at.eq(now),
        );
        let session = (
            sessions::id.eq(format!("N-{role}")),
            sessions::token_hash.eq(role),
            sessions::staff_id.eq(format!("id-{role}")),
            sessions::created_at.eq(now),
            sessions::expires_at.eq(now.plus(HOUR)),
            sessions::seen_at.eq(never),
        );
        let mut db = self.hotline.stranger();
        diesel::insert_into(staff::table).values(person).execute(&mut db).unwrap();
        diesel::insert_into(sessions::table).values(session).execute(&mut db).unwrap();
        let (sub, sid) = (format!("S-{role}"), format!("N-{role}"));
        self.tokens.mint(Bearer { sub: &sub, sid: &sid, role }, now, 10).unwrap()
    }

    fn ask(&self, method: Method, path: &str, token: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        System::new().block_on(async {
            let app = App::new()
                .app_data(Data::new(self.hotline.app()))
                .app_data(self.tokens.clone())
                .app_data(Data::new(areas(self.hotline)))
                .app_data(Data::new(Denials::default()))
                .configure(|server| Routes::at("/api/v1").with(routes()).mount(server));
            let app = init_service(app).await;
            let mut request = TestRequest::with_uri(&format!("/api/v1{path}"))
                .method(method)
                .insert_header(("authorization", format!("Bearer {token}")));
            for header in headers {
                request = request.insert_header(*header);
            }
            if let Some(body) = body {
                request = request.set_json(body);
            }
            let answer = call_service(&app, request.to_request()).await;
            let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let (status, version, link) = (answer.status().as_u16(), header("etag"), header("link"));
            let body = serde_json::from_slice(&read_body(answer).await).unwrap_or(Value::Null);
            Answer { status, version, link, body }
        })
    }

    fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, token, &[], None)
    }

    fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, token, &[], Some(body))
    }

    fn patch(&self, path: &str, token: &str, version: &str, body: &Value) -> Answer {
        self.ask(Method::PATCH, path, token, &[("if-match", version)], Some(body))
    }

    fn put(&self, path: &str, token: &str, version: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path, token, &[("if-match", version)], Some(body))
    }

    /// A service of a new organisation: its address and that of its organisation.
    fn service(&self, token: &str, change: &[(&str, Value)]) -> (String, String) {
        let body = json!({"kind": "state", "names": {"en": "Health"}});
        let organisation = self.post("/organisations", token, &body);
        assert_eq!((organisation.status, organisation.version.as_deref()), (201, Some("\"1\"")));
        let id = organisation.body["id"].as_str().unwrap();
        let mut body = doctor(id);
        for (key, value) in change {
            body[key] = value.clone();
        }
        let service = self.post("/services", token, &body);
        assert_eq!(service.status, 201, "{}", service.body);
        (format!("/services/{}", service.body["id"].as_str().unwrap()), id.to_owned())
    }

    fn key_of(&self, organisation: &str) -> String {
        let organisation = organisation.to_owned();
        self.hotline.store.read_blocking(move |db| goldaw::directory::find_organisation(db, &organisation)).unwrap().id
    }
}

fn a_coordinator_adds_a_service_and_changes_it(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let token = desk.enter("coordinator", None);
    let (service, organisation) = desk.service(&token, &[]);
    let shown = desk.get(&service, &token);
    assert_eq!((shown.status, &shown.body["organisation"]["id"]), (200, &json!(organisation)));
    assert_eq!(shown.body["capacity"]["stated_at"], "2026-11-23T04:00:00Z");
    let patch = json!({"status": "temporarily_closed", "eligibility": {"age_min": null}});
    assert_eq!(desk.ask(Method::PATCH, &service, &token, &[], Some(&patch)).status, 428);
    let changed = desk.patch(&service, &token, "\"1\"", &patch);
    assert_eq!((changed.status, changed.version.as_deref()), (200, Some("\"2\"")));
    assert_eq!(changed.body["eligibility"], json!({"sexes": ["female"]}));
    assert_eq!(desk.patch(&service, &token, "\"1\"", &patch).status, 412);
    assert_eq!(desk.patch(&service, &token, "\"2\"", &json!({"colour": "red"})).status, 422);
    let organisation = format!("/organisations/{organisation}");
    let renamed = desk.patch(&organisation, &token, "\"1\"", &json!({"names": {"ru": "Здоровье"}}));
    assert_eq!(renamed.body["names"], json!({"en": "Health", "ru": "Здоровье"}));
    assert_eq!(desk.get("/services/S-0000-0000-001", &token).status, 404);
}

fn a_post_repeated_with_its_key_makes_one_service(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let token = desk.enter("coordinator", None);
    let (_, organisation) = desk.service(&token, &[]);
    let post = || {
        let key = [("idempotency-key", "the-same-key")];
        desk.ask(Method::POST, "/services", &token, &key, Some(&doctor(&organisation)))
    };
    let (first, again) = (post(), post());
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.body, again.body);
    assert_eq!(hotline.count("services"), 2);
}

fn a_partner_states_what_its_own_services_have_free(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let token = desk.enter("coordinator", None);
    let ((own, mine), (other, _)) = (desk.service(&token, &[]), desk.service(&token, &[]));
    let partner = desk.enter("partner", Some(&desk.key_of(&mine)));
    let counts = json!({"available": 2, "maximum": 6});
    let stated = desk.put(&format!("{own}/capacity"), &partner, "\"1\"", &counts);
    assert_eq!((stated.status, &stated.body["capacity"]["available"]), (200, &json!(2)));
    assert_eq!(desk.put(&format!("{own}/capacity"), &partner, "\"1\"", &counts).status, 412);
    assert_eq!(desk.put(&format!("{other}/capacity"), &partner, "\"1\"", &counts).status, 404);
    assert_eq!(desk.put(&format!("{other}/capacity"), &token, "\"1\"", &counts).status, 200);
    assert_eq!(
        desk.put(&format!("{own}/capacity"), &partner, "\"2\"", &json!({"available": 7, "maximum": 6})).status,
        422
    );
    assert_eq!(desk.patch(&own, &partner, "\"2\"", &json!({})).status, 403);
    assert!(desk.get(&own, &partner).body.get("endpoints").is_some());
    assert!(desk.get(&other, &partner).body.get("endpoints").is_none());
}

fn an_operator_reads_and_changes_nothing(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (coordinator, operator) = (desk.enter("coordinator", None), desk.enter("operator", None));
    let (service, organisation) = desk.service(&coordinator, &[]);
    for path in [service.as_str(), &format!("/organisations/{organisation}"), "/services", "/organisations", "/areas"] {
        assert_eq!(desk.get(path, &operator).status, 200, "{path}");
        assert_eq!(desk.get(path, "").status, 401, "{path}");
    }
    assert_eq!(desk.post("/services", &operator, &json!({})).status, 403);
    assert_eq!(desk.post("/organisations", &operator, &json!({})).status, 403);
    assert_eq!(desk.put(&format!("{service}/capacity"), &operator, "\"1\"", &json!({})).status, 403);
}

fn lists_are_filtered_paged_and_strict(hotline: &Hotline) {
    sample(hotline);
    let desk = Desk::at(hotline);
    let token = desk.enter("operator", None);
    let mut path = "/services?type=medical&area=TM-M-BAY&limit=3".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = desk.get(&path, &token);
        assert_eq!(page.status, 200);
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        let Some(link) = page.link else { break };
        path = link.trim_start_matches("</api/v1").split('>').next().unwrap().to_owned();
    }
    let whole = desk.get("/services?type=medical&area=TM-M-BAY&limit=200", &token);
    let expected: Vec<Value> = whole.body["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert!(expected.len() > 3);
    assert_eq!(seen, expected);
    for wrong in ["?type=doctor", "?area=x%20y", "?colour=red", "?limit=0", "?after=zz", "?organisation=nobody"] {
        assert_eq!(desk.get(&format!("/services{wrong}"), &token).status, 422, "{wrong}");
    }
    assert_eq!(desk.get("/areas", &token).body["items"].as_array().unwrap().len(), 80);
}

fn a_hidden_place_leaves_by_no_address(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let token = desk.enter("coordinator", None);
    let hidden = [("location_area", json!("TM-M-MRC")), ("location_confidential", json!(true))];
    let (service, _) = desk.service(&token, &hidden);
    let answers = [
        desk.get(&service, &token),
        desk.get("/services", &token),
        desk.patch(&service, &token, "\"1\"", &json!({"preference": 1})),
        desk.put(&format!("{service}/capacity"), &token, "\"2\"", &json!({"available": 1, "maximum": 1})),
    ];
    for answer in answers {
        assert_eq!(answer.status, 200);
        assert!(!answer.body.to_string().contains("TM-M-MRC"));
    }
}
