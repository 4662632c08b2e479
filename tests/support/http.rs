//! The whole server over a hotline, in this process, and a client that speaks HTTP to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::prelude::*;
use goldaw::access::token::{Bearer, TokenKey};
use goldaw::access::{Role, Routes};
use goldaw::clock::HOUR;
use goldaw::config::Config;
use goldaw::directory::Areas;
use goldaw::identity::passphrase::Hashing;
use goldaw::identity::terminal::{self, Handed};
use goldaw::identity::{NewAccount, Staff};
use goldaw::server::{self, Parts, Stop};
use goldaw::state::App;
use goldaw::storage::schema::sessions;
use goldaw::storage::{By, new_reference};
use serde_json::Value;

use super::{Hotline, contract};

/// The server, answering until dropped.
pub struct TestApp {
    pub address: SocketAddr,
    pub url: String,
    tokens: TokenKey,
    hashing: Hashing,
    agent: ureq::Agent,
    stop: Option<(Stop, JoinHandle<()>)>,
}

/// Somebody who is signed in.
pub struct SignedIn {
    pub staff: Staff,
    pub token: String,
}

/// What came back. `json` is null for what is not JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    /// A header's text, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The path of `Link: <…>; rel="next"`.
    pub fn next(&self) -> Option<String> {
        let link = self.header("link").strip_prefix('<')?;
        Some(link.split_once('>')?.0.to_owned())
    }
}

impl TestApp {
    /// Every address of the program, over this hotline.
    pub fn start(hotline: &Hotline) -> TestApp {
        TestApp::with(hotline, server::routes, |_| {})
    }

    /// Another table, another configuration of the server.
    pub fn with(hotline: &Hotline, table: fn() -> Routes, change: impl FnOnce(&mut Config)) -> TestApp {
        let mut app: App = hotline.app();
        let mut config = (*app.config).clone();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.server.threads = 1;
        config.server.drain_seconds = 1;
        // A stream says that it is ready, and ends; stories that listen to one give it time.
        config.server.stream_seconds = 0;
        config.staff.hash_memory_kib = 64;
        change(&mut config);
        let key = || TokenKey::load_or_create(&hotline.folder.path().join("token.key")).unwrap();
        let hashing = Hashing::new(&config.staff).unwrap();
        let areas = Areas::load(&config).unwrap();
        app.config = Arc::new(config);
        let parts = Parts { app, tokens: key(), areas };
        let (ready, started) = channel();
        let serving = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listening = server::listen_with(parts, table).unwrap();
                ready.send((listening.address, listening.stop())).unwrap();
                listening.serve().await.unwrap();
            });
        });
        let (address, stop) = started.recv().unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .new_agent();
        let url = format!("http://{address}");
        TestApp { address, url, tokens: key(), hashing, agent, stop: Some((stop, serving)) }
    }

    /// Engages somebody of this role, not a partner, and signs them in.
    pub fn sign_in(&self, hotline: &Hotline, name: &str, role: Role) -> SignedIn {
        self.admit(hotline, NewAccount::new(name, role, None, false).unwrap())
    }

    /// Engages somebody at an organisation and signs them in.
    pub fn sign_in_partner(&self, hotline: &Hotline, name: &str, organisation: &str) -> SignedIn {
        self.admit(hotline, NewAccount::new(name, Role::Partner, Some(organisation.to_owned()), false).unwrap())
    }

    /// Engages somebody, who has yet to sign in.
    pub fn engage(&self, hotline: &Hotline, name: &str, role: Role) -> Handed {
        let form = NewAccount::new(name, role, None, false).unwrap();
        terminal::add(&hotline.store, &self.hashing, form, None).unwrap()
    }

    fn admit(&self, hotline: &Hotline, form: NewAccount) -> SignedIn {
        let staff = terminal::add(&hotline.store, &self.hashing, form, None).unwrap().staff;
        let token = self.token_of(hotline, &staff);
        SignedIn { staff, token }
    }

    /// A session and a token for somebody, as if they had signed in now.
    pub fn token_of(&self, hotline: &Hotline, staff: &Staff) -> String {
        let (sid, id) = (new_reference('N').unwrap(), staff.id.clone());
        let key = sid.clone();
        hotline
            .store
            .write_blocking(By::system(), move |tx| {
                let row = (
                    sessions::id.eq(&key),
                    sessions::token_hash.eq(&key),
                    sessions::staff_id.eq(&id),
                    sessions::created_at.eq(tx.now),
                    sessions::expires_at.eq(tx.now.plus(10 * HOUR)),
                    sessions::seen_at.eq(tx.now),
                );
                diesel::insert_into(sessions::table).values(row).execute(tx.db)?;
                Ok(())
            })
            .unwrap();
        let bearer = Bearer { sub: &staff.reference, sid: &sid, role: staff.role.code() };
        self.tokens.mint(bearer, hotline.clock.now(), 10).unwrap()
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, token, &[], None)
    }

    /// A POST of JSON with a fresh `Idempotency-Key`.
    pub fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let key = new_reference('I').unwrap();
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        self.ask("POST", path, token, &headers, Some(&body.to_string()))
    }

    /// Any request. An empty token is none.
    pub fn ask(&self, method: &str, path: &str, token: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let media = answer.headers().get("content-type").map_or("", |value| value.to_str().unwrap());
        if method != "HEAD" {
            contract::hold((method, path), answer.status().as_u16(), media, &text);
        }
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), text, json }
    }

    /// Sends bytes as they are and reads until the server closes, or 8 seconds.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        String::from_utf8_lossy(&told).into_owned()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some((stop, serving)) = self.stop.take() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(stop.drain());
            let _ = serving.join();
        }
    }
}
