//! Who may do what, asked of every address there is: the table comes from the router, so a new
//! address is asked too, and a new open one must be written down here.

use std::collections::BTreeSet;

use goldaw::access::{Entry, Role};
use goldaw::server;
use serde_json::json;

use crate::support::floor::Floor;
use crate::support::http::{Answer, SignedIn};
use crate::support::{Engine, Hotline, number, on_both_engines};

on_both_engines![
    a_stranger_is_told_to_sign_in_everywhere_but_at_the_open_doors,
    each_role_passes_where_it_may_and_nowhere_else,
    a_denial_is_written_down,
    a_token_of_somebody_who_left_opens_nothing,
];

/// Every address that asks for no sign-in. Anything else that is open is a mistake.
const OPEN: [&str; 19] = [
    "GET /.well-known/security.txt",
    "GET /docs",
    "GET /docs/style.css",
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "GET /p/away",
    "GET /p/style.css",
    "GET /p/{token}",
    "GET /problems/{kind}",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/token",
    "POST /p/{token}/accept",
    "POST /p/{token}/acknowledge",
    "POST /p/{token}/code",
    "POST /p/{token}/complete",
    "POST /p/{token}/decline",
    "POST /p/{token}/start",
    "POST /p/{token}/told",
];

/// References that are well formed, of things that do not exist.
const NOBODY: &str = "0000-0000-000";

/// Addresses a token holder must not be asked in a loop: they end the session that asks.
const ENDS_SESSION: [&str; 2] = ["POST /api/v1/auth/logout", "DELETE /api/v1/me/sessions"];

fn name(entry: &Entry) -> String {
    format!("{} {}", entry.method, entry.path)
}

/// A path that can be asked.
pub fn path(entry: &Entry) -> String {
    entry
        .path
        .replace("{id}", NOBODY)
        .replace("{part}", NOBODY)
        .replace("{token}", "nobody")
        .replace("{kind}", "nothing")
}

fn ask(floor: &Floor<'_>, entry: &Entry, token: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", "a-key-of-mine"), ("if-match", "\"1\"")];
    let body = (entry.method != "GET").then_some("{}");
    floor.app.ask(entry.method.as_str(), &path(entry), token, &headers, body)
}

#[test]
fn the_open_doors_are_these_and_no_others() {
    let routes = server::routes();
    let open: BTreeSet<String> = routes.entries().iter().filter(|e| e.roles.is_empty()).map(name).collect();
    assert_eq!(open, OPEN.map(str::to_owned).into_iter().collect());
    assert!(routes.entries().iter().all(|entry| (entry.permission == "open") == entry.roles.is_empty()));
    let all: BTreeSet<String> = routes.entries().iter().map(name).collect();
    assert_eq!(all.len(), routes.entries().len(), "no address stands twice in the table");
}

fn a_stranger_is_told_to_sign_in_everywhere_but_at_the_open_doors(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    for entry in server::routes().entries() {
        for token in ["", "nonsense", "eyJhbGciOiJub25lIn0.e30."] {
            let answer = ask(&floor, entry, token);
            let told = (answer.status, answer.header("www-authenticate"));
            match entry.roles.is_empty() {
                false => assert_eq!(told, (401, "Bearer"), "{}", name(entry)),
                true => assert_ne!(told, (401, "Bearer"), "{}", name(entry)),
            }
        }
    }
    assert_eq!(hotline.count("steps"), 0);
}

fn each_role_passes_where_it_may_and_nowhere_else(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let mut asked = 0;
    for role in Role::ALL {
        let engaged = match role {
            Role::Partner => partner(&floor, hotline),
            role => floor.app.sign_in(hotline, role.code(), *role),
        };
        for entry in server::routes().entries().iter().filter(|entry| !entry.roles.is_empty()) {
            let ends = ENDS_SESSION.contains(&name(entry).as_str());
            let token = if ends { floor.app.token_of(hotline, &engaged.staff) } else { engaged.token.clone() };
            let answer = ask(&floor, entry, &token);
            let allowed = entry.roles.contains(role);
            assert_eq!(answer.status == 403, !allowed, "{role} at {}: {answer:?}", name(entry));
            assert!(answer.status != 401 && answer.status < 500, "{role} at {}: {answer:?}", name(entry));
            asked += 1;
            if entry.path == "/api/v1/me/sessions" && ends {
                // All of this person's sessions are over.
                return_to_work(&floor, hotline, &engaged.staff, &engaged.token);
            }
        }
    }
    assert!(asked > 300, "{asked} pairs of an address and a role");
}

/// Somebody at an organisation.
fn partner(floor: &Floor<'_>, hotline: &Hotline) -> SignedIn {
    let keeper = floor.seat("cd-00", Role::Coordinator);
    let house = json!({"kind": "civil_society", "names": {"en": "House"}});
    let organisation = keeper.post("/organisations", &house).expect(201).text_of("id");
    floor.app.sign_in_partner(hotline, "pa-01", &organisation)
}

/// Begins the session of a token again, as if it had not been ended.
fn return_to_work(floor: &Floor<'_>, hotline: &Hotline, staff: &goldaw::identity::Staff, token: &str) {
    use goldaw::storage::By;
    let id = staff.id.clone();
    let again = move |tx: &mut goldaw::storage::Tx<'_>| {
        use diesel::prelude::*;
        use goldaw::storage::schema::sessions;
        diesel::update(sessions::table.filter(sessions::staff_id.eq(&id)))
            .set(sessions::ended_at.eq(None::<goldaw::clock::Instant>))
            .execute(tx.db)?;
        Ok(())
    };
    hotline.store.write_blocking(By::system(), again).unwrap();
    assert_eq!(floor.app.get("/api/v1/me", token).status, 200);
}

fn a_denial_is_written_down(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let mut rows = 0;
    for role in Role::ALL.iter().filter(|role| **role != Role::Partner) {
        let engaged = floor.app.sign_in(hotline, role.code(), *role);
        let routes = server::routes();
        let denied: Vec<_> =
            routes.entries().iter().filter(|e| !e.roles.is_empty() && !e.roles.contains(role)).collect();
        denied.iter().for_each(|entry| assert_eq!(ask(&floor, entry, &engaged.token).status, 403));
        // One row for each permission that was refused; how often is counted in it.
        let permissions: BTreeSet<&str> = denied.iter().map(|entry| entry.permission).collect();
        rows += i64::try_from(permissions.len()).unwrap();
        let query = "SELECT count(*) AS value FROM trail WHERE outcome = 'denied'";
        assert_eq!(number(&mut hotline.stranger(), query), rows, "{role}");
    }
}

fn a_token_of_somebody_who_left_opens_nothing(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let engaged = floor.app.sign_in(hotline, "ad-01", Role::Admin);
    goldaw::identity::terminal::deactivate(&hotline.store, "ad-01").unwrap();
    for entry in server::routes().entries().iter().filter(|entry| !entry.roles.is_empty()) {
        assert_eq!(ask(&floor, entry, &engaged.token).status, 401, "{}", name(entry));
    }
}

#[test]
fn the_wrong_method_never_reaches_a_handler() {
    let hotline = Hotline::open(Engine::Sqlite);
    let floor = Floor::open(&hotline);
    let routes = server::routes();
    for entry in routes.entries() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            if !routes.entries().iter().any(|other| path(other) == path(entry) && other.method == method) {
                let status = floor.app.ask(method, &path(entry), "", &[], None).status;
                assert_eq!(status, 405, "{method} {}", entry.path);
            }
        }
    }
}
