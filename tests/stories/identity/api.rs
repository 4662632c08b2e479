//! The same over HTTP: what a client sends and is answered.

use std::sync::mpsc::channel;

use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer};
use goldaw::access::{Denials, Role, Routes};
use goldaw::clock::{MINUTE, SECOND};
use goldaw::identity::api::routes;
use goldaw::identity::terminal;
use serde_json::{Value, json};

use super::Desk;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_client_signs_in_renews_its_token_and_signs_out,
    an_expired_token_is_refused_until_it_is_renewed,
    a_token_without_a_live_session_is_worth_nothing,
    one_sees_and_ends_one_s_own_sessions_only,
    an_admin_keeps_accounts_and_secrets_are_shown_once,
    only_an_admin_keeps_accounts,
    a_sign_in_is_read_strictly,
];

/// Status and body; a refusal has no body here, because the server's outermost layer writes it.
type Answer = (u16, Value);

/// A client of the room's addresses.
struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    fn ask(&self, method: &str, path: &str, token: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = match body {
            Some(body) => {
                self.agent.run(request.header("content-type", "application/json").body(body.to_string()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        }
        .unwrap();
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.ask("POST", path, token, &[], Some(body))
    }

    fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, token, &[], None)
    }

    fn delete(&self, path: &str, token: &str) -> Answer {
        self.ask("DELETE", path, token, &[], None)
    }

    /// Access token and session of a fresh sign-in.
    fn sign_in(&self, name: &str, passphrase: &str, code: Option<String>) -> (String, String) {
        let (status, told) =
            self.post("/auth/login", "", json!({"name": name, "passphrase": passphrase, "code": code}));
        assert_eq!(status, 200, "{told}");
        assert_eq!((&told["token_type"], &told["expires_in"]), (&json!("Bearer"), &json!(600)));
        (text(&told, "access_token"), text(&told, "session"))
    }

    /// An admin's access token.
    fn admin(&self, desk: &Desk<'_>) -> String {
        let admin = desk.hire("admin-1", Role::Admin);
        let code = desk.code(admin.totp_secret.as_ref().unwrap());
        self.sign_in("admin-1", admin.passphrase.reveal(), Some(code)).0
    }
}

fn text(told: &Value, name: &str) -> String {
    told[name].as_str().unwrap().to_owned()
}

/// Serves the room over this hotline while the story is told.
fn over_http(desk: &Desk<'_>, story: impl FnOnce(&Client)) {
    let (app, door, tokens) = (desk.app.clone(), desk.door.clone(), desk.tokens.clone());
    let (ready, started) = channel();
    let serving = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let server = HttpServer::new(move || {
                let mount = |server: &mut ServiceConfig| Routes::at("/api/v1").with(routes()).mount(server);
                App::new()
                    .app_data(Data::new(app.clone()))
                    .app_data(door.clone())
                    .app_data(tokens.clone())
                    .app_data(Data::new(Denials::default()))
                    .configure(mount)
            });
            let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
            let address = server.addrs()[0];
            let server = server.run();
            ready.send((address, server.handle())).unwrap();
            server.await.unwrap();
        });
    });
    let (address, server) = started.recv().unwrap();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    story(&Client { agent, url: format!("http://{address}/api/v1") });
    actix_web::rt::System::new().block_on(server.stop(false));
    serving.join().unwrap();
}

fn a_client_signs_in_renews_its_token_and_signs_out(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    over_http(&desk, |client| {
        let (token, session) = client.sign_in("OP-07", anna.passphrase.reveal(), None);
        let (status, me) = client.get("/me", &token);
        assert_eq!(status, 200);
        assert_eq!(
            (&me["name"], &me["role"], &me["id"]),
            (&json!("op-07"), &json!("operator"), &json!(anna.staff.reference))
        );
        hotline.wait(9 * MINUTE);
        let (status, told) = client.post("/auth/token", "", json!({ "session": session }));
        assert_eq!((status, told.get("session")), (200, None));
        let renewed = text(&told, "access_token");
        assert_eq!(client.ask("POST", "/auth/logout", &renewed, &[], None).0, 204);
        // Both tokens are gone with it, and the session gives no other.
        assert_eq!(client.get("/me", &token).0, 401);
        assert_eq!(client.get("/me", &renewed).0, 401);
        assert_eq!(client.post("/auth/token", "", json!({ "session": session })).0, 401);
    });
}

fn an_expired_token_is_refused_until_it_is_renewed(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    over_http(&desk, |client| {
        let (token, session) = client.sign_in("op-07", anna.passphrase.reveal(), None);
        hotline.wait(10 * MINUTE - 1);
        assert_eq!(client.get("/me", &token).0, 200);
        hotline.wait(1);
        assert_eq!(client.get("/me", &token).0, 401);
        let (_, told) = client.post("/auth/token", "", json!({ "session": session }));
        assert_eq!(client.get("/me", &text(&told, "access_token")).0, 200);
    });
}

fn a_token_without_a_live_session_is_worth_nothing(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    over_http(&desk, |client| {
        let (token, _) = client.sign_in("op-07", anna.passphrase.reveal(), None);
        terminal::deactivate(&hotline.store, "op-07").unwrap();
        assert_eq!(client.get("/me", &token).0, 401);
        // Genuine in every other way, of a session that never was.
        let bearer = goldaw::access::token::Bearer { sub: &anna.staff.reference, sid: "N-0000", role: "admin" };
        let made_up = desk.tokens.mint(bearer, hotline.clock.now(), 10).unwrap();
        assert_eq!(client.get("/me", &made_up).0, 401);
        for nonsense in ["", "x", "a.b.c", &"x".repeat(5000)] {
            assert_eq!(client.get("/me", nonsense).0, 401);
        }
    });
}

fn one_sees_and_ends_one_s_own_sessions_only(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let (anna, olga) = (desk.hire("op-07", Role::Operator), desk.hire("op-08", Role::Operator));
    over_http(&desk, |client| {
        let (here, _) = client.sign_in("op-07", anna.passphrase.reveal(), None);
        hotline.wait(SECOND);
        let (there, _) = client.sign_in("op-07", anna.passphrase.reveal(), None);
        let (stranger, _) = client.sign_in("op-08", olga.passphrase.reveal(), None);
        let (_, told) = client.get("/me/sessions", &here);
        let sessions = told["items"].as_array().unwrap();
        let current: Vec<_> = sessions.iter().map(|session| session["current"].as_bool().unwrap()).collect();
        assert_eq!(current, [false, true]);
        let other = format!("/me/sessions/{}", text(&sessions[0], "id"));
        assert_eq!(client.delete(&other, &stranger).0, 404);
        assert_eq!(client.delete(&other, &here).0, 204);
        assert_eq!(client.get("/me", &there).0, 401);
        assert_eq!(client.delete(&other, &here).0, 404);
        assert_eq!(client.delete("/me/sessions", &here).0, 204);
        assert_eq!(client.get("/me", &here).0, 401);
        assert_eq!(client.get("/me", &stranger).0, 200);
    });
}

fn an_admin_keeps_accounts_and_secrets_are_shown_once(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    over_http(&desk, |client| {
        let token = client.admin(&desk);
        let hire = json!({"name": "coord-01", "role": "coordinator"});
        let key = [("idempotency-key", "a-key-of-its-own")];
        let (status, made) = client.ask("POST", "/staff", &token, &key, Some(hire.clone()));
        assert_eq!((status, made["second_factor"].as_bool()), (201, Some(true)));
        let (again, repeated) = client.ask("POST", "/staff", &token, &key, Some(hire.clone()));
        assert_eq!((again, &repeated["id"], &repeated["passphrase"]), (201, &made["id"], &Value::Null));
        assert_eq!(repeated["totp_secret"], Value::Null);
        assert_eq!(client.post("/staff", &token, hire).0, 409);
        let code = desk.code(&text(&made, "totp_secret").into());
        client.sign_in("coord-01", &text(&made, "passphrase"), Some(code));

        let address = format!("/staff/{}", text(&made, "id"));
        let (status, reset) = client.post(&format!("{address}/reset"), &token, json!({}));
        assert_eq!(status, 200);
        assert_ne!(reset["passphrase"], made["passphrase"]);
        let (status, gone) = client.post(&format!("{address}/deactivate"), &token, json!({}));
        assert_eq!((status, &gone["active"]), (200, &json!(false)));
        assert_eq!(client.post(&format!("{address}/deactivate"), &token, json!({})).0, 409);
        let (_, list) = client.get("/staff?limit=1", &token);
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        assert!(!list.to_string().contains("argon2"));
        let own = text(&client.get("/me", &token).1, "id");
        assert_eq!(client.post(&format!("/staff/{own}/deactivate"), &token, json!({})).0, 409);
        assert_eq!(client.post("/staff/S-0000-0000-000/reset", &token, json!({})).0, 404);
        assert_eq!(client.post("/staff", &token, json!({"name": "pa-01", "role": "partner"})).0, 422);
    });
}

fn only_an_admin_keeps_accounts(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    let anna = desk.hire("op-07", Role::Operator);
    over_http(&desk, |client| {
        let (token, _) = client.sign_in("op-07", anna.passphrase.reveal(), None);
        let address = format!("/staff/{}/deactivate", anna.staff.reference);
        assert_eq!(client.get("/staff", &token).0, 403);
        assert_eq!(client.post("/staff", &token, json!({"name": "op-09", "role": "admin"})).0, 403);
        assert_eq!(client.post(&address, &token, json!({})).0, 403);
        assert_eq!(client.post(&address, "", json!({})).0, 401);
        assert_eq!(hotline.count("staff"), 1);
    });
}

fn a_sign_in_is_read_strictly(hotline: &Hotline) {
    let desk = Desk::at(hotline);
    desk.hire("op-07", Role::Operator);
    over_http(&desk, |client| {
        for (body, expected) in [
            (json!({"name": "op-07", "passphrase": "wrong"}), 401),
            (json!({"name": "nobody", "passphrase": "wrong"}), 401),
            (json!({"name": "op-07", "passphrase": "wrong"}), 429),
            (json!({"name": "nobody", "passphrase": "wrong"}), 429),
            (json!({"name": "op-07"}), 422),
            (json!({"name": ["op-07"], "passphrase": "x"}), 422),
            (json!({"name": "op-07", "passphrase": "x", "remember": true}), 422),
            (json!({"name": "op-07", "passphrase": "x".repeat(10_000)}), 422),
            (json!("op-07"), 422),
        ] {
            assert_eq!(client.post("/auth/login", "", body.clone()).0, expected, "{body}");
        }
        assert_eq!(client.post("/auth/token", "", json!({"session": "x"})).0, 401);
        assert_eq!(client.post("/auth/token", "", json!({"session": "0".repeat(64)})).0, 401);
    });
}
