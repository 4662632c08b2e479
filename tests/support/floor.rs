//! A hotline at work: the whole server, people in their seats, and services to ask.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use goldaw::access::Role;
use goldaw::clock::{Instant, MINUTE};
use goldaw::config::{Config, OPTIONAL_FIELDS};
use goldaw::identity::Staff;
use goldaw::notifications::channels::{Channels, Memory, Outgoing};
use goldaw::notifications::{self, Channel};
use goldaw::referrals::partner;
use goldaw::storage::{By, new_reference};
use goldaw::{directory, server};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Hotline;
use super::http::{Answer, TestApp};

/// What focal points type on the partner's page.
pub const CODE: &str = "4711-narpyz";

/// The server over a hotline.
pub struct Floor<'a> {
    pub hotline: &'a Hotline,
    pub app: TestApp,
}

/// Somebody who is signed in, for as long as the story lasts.
pub struct Seat<'a> {
    floor: &'a Floor<'a>,
    pub staff: Staff,
    token: RefCell<String>,
    since: Cell<Instant>,
}

/// A service as its clients name it.
pub struct House {
    pub id: String,
    pub organisation: String,
}

impl<'a> Floor<'a> {
    pub fn open(hotline: &'a Hotline) -> Floor<'a> {
        Floor::with(hotline, |_| {})
    }

    /// With every optional field switched on.
    pub fn asking_all(hotline: &'a Hotline) -> Floor<'a> {
        Floor::with(hotline, |config| config.fields.on = OPTIONAL_FIELDS.iter().map(ToString::to_string).collect())
    }

    pub fn with(hotline: &'a Hotline, change: impl FnOnce(&mut Config)) -> Floor<'a> {
        Floor { hotline, app: TestApp::with(hotline, server::routes, change) }
    }

    /// Engages somebody and signs them in.
    pub fn seat(&'a self, name: &str, role: Role) -> Seat<'a> {
        let signed_in = self.app.sign_in(self.hotline, name, role);
        self.seated(signed_in.staff, signed_in.token)
    }

    pub fn operator(&'a self) -> Seat<'a> {
        self.seat("op-07", Role::Operator)
    }

    pub fn seated(&'a self, staff: Staff, token: String) -> Seat<'a> {
        Seat { floor: self, staff, token: RefCell::new(token), since: Cell::new(self.hotline.clock.now()) }
    }

    /// A service with an organisation of its own, open day and night; its code is [`CODE`].
    pub fn house(&self, keeper: &Seat<'_>, name: &str, kind: &str) -> House {
        let names = json!({ "en": name });
        let made = keeper.post("/organisations", &json!({"kind": "civil_society", "names": names}));
        let organisation = made.text_of("id");
        let service = json!({
            "organisation": organisation, "type": kind, "names": names, "areas": ["TM-M"], "hours": "24/7",
            "location_confidential": true, "duty_to_report": false, "letter_language": "en",
            "capacity": {"unit": "places", "available": 5, "maximum": 9},
            "endpoints": [{"channel": "email", "address": format!("{}@example.org", name.to_lowercase())}],
        });
        let id = keeper.post("/services", &service).text_of("id");
        self.agree_on_code(&id);
        House { id, organisation }
    }

    fn agree_on_code(&self, service: &str) {
        let (service, vault) = (service.to_owned(), self.hotline.vault.clone());
        let write = move |tx: &mut goldaw::storage::Tx<'_>| {
            let key = directory::find_service(tx.db, &service)?.id;
            directory::set_partner_code(tx, &key, &partner::code_mac(&vault, &key, CODE))
        };
        self.hotline.store.write_blocking(By::system(), write).unwrap();
    }

    /// Lets the real worker keep every promise that is due; gives the letters that left.
    pub fn deliver(&self) -> Vec<Outgoing> {
        let memory = Arc::new(Memory::default());
        let channels = Channels::default().with(Channel::Email, memory.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (store, config) = (self.hotline.store.clone(), self.hotline.setting.config.clone());
        runtime.block_on(async {
            let (stop, stopped) = watch::channel(false);
            let worker = tokio::spawn(notifications::run(store.clone(), channels, config, stopped));
            let begun = Stopwatch::now();
            while self.waiting() > 0 {
                assert!(begun.elapsed() < Duration::from_secs(15), "a letter waits for ever");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stop.send(true).unwrap();
            worker.await.unwrap();
        });
        memory.letters()
    }

    fn waiting(&self) -> i64 {
        let query = "SELECT count(*) AS value FROM notifications WHERE state IN ('pending', 'leased')";
        super::number(&mut self.hotline.stranger(), query)
    }
}

impl Seat<'_> {
    /// A token that holds: like a client, a seat renews it before it runs out.
    fn token(&self) -> String {
        let now = self.floor.hotline.clock.now();
        if now.since(self.since.get()) > 9 * MINUTE {
            self.token.replace(self.floor.app.token_of(self.floor.hotline, &self.staff));
            self.since.set(now);
        }
        self.token.borrow().clone()
    }

    pub fn get(&self, path: &str) -> Answer {
        // A link to the next page is whole already.
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        self.floor.app.get(&format!("/api/v1{path}"), &self.token())
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_under(&new_reference('I').unwrap(), path, body)
    }

    /// A POST under a key of one's own.
    pub fn post_under(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("idempotency-key", key)], body)
    }

    /// A POST and, as after a lost answer, the same again: both answers must be one.
    pub fn post_twice(&self, path: &str, body: &Value) -> Answer {
        let key = new_reference('I').unwrap();
        let first = self.post_under(&key, path, body);
        let again = self.post_under(&key, path, body);
        assert_eq!((first.status, first.told()), (again.status, again.told()), "{path} asked again");
        first
    }

    pub fn patch(&self, path: &str, version: i64, body: &Value) -> Answer {
        self.send("PATCH", path, &[("if-match", &format!("\"{version}\""))], body)
    }

    pub fn put(&self, path: &str, version: i64, body: &Value) -> Answer {
        self.send("PUT", path, &[("if-match", &format!("\"{version}\""))], body)
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.floor.app.ask(method, &format!("/api/v1{path}"), &self.token(), &headers, Some(&body.to_string()))
    }

    /// Records a call; gives what was answered.
    pub fn call(&self, body: &Value) -> Answer {
        self.post("/contacts", body).expect(201)
    }

    /// Opens a draft with nothing in it but how it came; gives its address.
    pub fn draft(&self) -> String {
        self.call(&json!({"channel": "phone"})).place()
    }
}

impl Answer {
    /// Fails the story unless this is the status.
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// A member that is text.
    pub fn text_of(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:?}")).to_owned()
    }

    /// The address of a contact that was answered.
    pub fn place(&self) -> String {
        format!("/contacts/{}", self.text_of("id"))
    }

    pub fn version(&self) -> i64 {
        assert_eq!(self.header("etag"), format!("\"{}\"", self.json["version"]), "{self:?}");
        self.json["version"].as_i64().unwrap()
    }

    /// What is the same however often it is asked.
    pub fn told(&self) -> Value {
        let mut json = self.json.clone();
        if let Some(members) = json.as_object_mut() {
            members.remove("request_id");
        }
        json
    }

    /// `pointer: code` of each problem.
    pub fn problems(&self) -> Vec<String> {
        let errors = self.json["errors"].as_array().unwrap_or_else(|| panic!("no errors in {self:?}"));
        errors.iter().map(|e| format!("{}: {}", e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect()
    }
}
