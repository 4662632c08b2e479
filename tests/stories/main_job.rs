//! The main job, told once from end to end over HTTP: she calls, she is heard, help is asked for by
//! name, a partner says yes, a counselor stays with her, and every second of it can be looked up.

use goldaw::access::Role;
use goldaw::clock::{Instant, SECOND};
use goldaw::notifications::channels::Outgoing;
use serde_json::{Value, json};

use crate::support::canary::{assert_nowhere, everything};
use crate::support::floor::{CODE, Floor, House, Seat};
use crate::support::http::Answer;
use crate::support::{Hotline, MORNING, on_both_engines};

on_both_engines![
    the_smallest_useful_request_is_answered_with_a_level_and_why,
    from_the_first_word_to_help_that_was_promised,
    of_two_counselors_exactly_one_gets_the_ticket,
    signing_in_with_name_and_passphrase_is_enough_to_record_a_call,
];

/// The example of the contract, word for word.
fn example() -> Value {
    json!({
        "channel": "phone", "kind": "support", "opened_at": "2026-11-22T09:30:00Z", "caller_role": "survivor",
        "language": "tk", "person": {"age_band": "26_40", "sex": "female", "area": "TM-M-BAY"},
        "answers": {"perpetrator_present": "yes", "strangled": "yes", "weapon": "unknown"},
        "wishes": ["medical", "safe_house"], "finish": true,
    })
}

/// The example with all that must never be in a letter.
fn her_call() -> Value {
    let mut call = example();
    call["queued_at"] = json!(MORNING.plus(-60 * SECOND));
    call["answered_at"] = json!(MORNING.plus(-50 * SECOND));
    call["person"]["name"] = json!("Zyqqa Wyxxova");
    call["person"]["phone"] = json!("8 65 123456");
    call["person"]["children_with_her"] = json!(2);
    call["narrative"] = json!("quuxwords of hers");
    call
}

/// Her yes to one service, with the fields it may see.
fn need(kind: &str, house: &House, fields: &[&str]) -> Value {
    let consent = json!({
        "given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": fields,
        "consented_at": MORNING,
    });
    json!({"need": kind, "services": [house.id], "consent": consent})
}

const MEDICAL: &[&str] = &["need", "age_band", "language"];
const SHELTER: &[&str] = &["need", "children_with_her"];

/// People, a clinic and a shelter.
struct Shift<'a> {
    floor: &'a Floor<'a>,
    operator: Seat<'a>,
    coordinator: Seat<'a>,
    counselor: Seat<'a>,
    colleague: Seat<'a>,
    clinic: House,
    shelter: House,
}

impl<'a> Shift<'a> {
    fn on(floor: &'a Floor<'a>) -> Shift<'a> {
        let coordinator = floor.seat("cd-01", Role::Coordinator);
        Shift {
            operator: floor.operator(),
            counselor: floor.seat("co-01", Role::Counselor),
            colleague: floor.seat("co-02", Role::Counselor),
            clinic: floor.house(&coordinator, "Clinic", "medical"),
            shelter: floor.house(&coordinator, "Shelter", "safe_house"),
            coordinator,
            floor,
        }
    }

    fn at(&self, seconds: i64) {
        self.floor.hotline.clock.set(MORNING.plus(seconds * SECOND));
    }

    /// The services that fit, by reference.
    fn candidates(&self, need: &str, contact: &Answer) -> Vec<String> {
        let asked = json!({"need": need, "contact": contact.json["id"]});
        let told = self.operator.post_twice("/services/match", &asked).expect(200);
        let all = told.json["candidates"].as_array().unwrap();
        all.iter().map(|candidate| candidate["service"]["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Records her call, finds both services and issues one ticket for them.
    fn ticket(&self) -> Answer {
        let contact = self.operator.post_twice("/contacts", &her_call()).expect(201);
        assert_eq!(contact.json["assessment"]["level"], "critical");
        self.at(40);
        assert_eq!(self.candidates("medical", &contact), [self.clinic.id.as_str()]);
        assert_eq!(self.candidates("safe_house", &contact), [self.shelter.id.as_str()]);
        let needs =
            json!({"needs": [need("medical", &self.clinic, MEDICAL), need("safe_house", &self.shelter, SHELTER)]});
        self.operator.post_twice(&format!("{}/tickets", contact.place()), &needs).expect(201)
    }
}

fn the_smallest_useful_request_is_answered_with_a_level_and_why(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let told = floor.operator().post("/contacts", &example()).expect(201);
    assert_eq!(told.header("location"), format!("/api/v1{}", told.place()));
    assert_eq!((told.header("etag"), told.text_of("status").as_str()), ("\"1\"", "finished"));
    let assessment = &told.json["assessment"];
    for member in ["level", "at_least", "at_most"] {
        assert_eq!(assessment[member], "critical", "{member}");
    }
    assert!(assessment["care_by"].is_null() && assessment["rule_set"]["sha256"].is_string());
    assert!(
        !assessment["fired"].as_array().unwrap().is_empty()
            && !assessment["open_questions"].as_array().unwrap().is_empty()
    );
    assert!(assessment["needs"].is_array() && assessment["clocks"].is_array());
}

fn from_the_first_word_to_help_that_was_promised(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let shift = Shift::on(&floor);
    let ticket = shift.ticket();
    assert_eq!((&ticket.json["level"], &ticket.json["state"]), (&json!("critical"), &json!("open")));
    assert_eq!(hotline.count("contacts") + hotline.count("tickets"), 2, "asked twice, made once");
    shift.at(42);
    let letters = floor.deliver();
    assert_neutral(&letters);
    shift.at(101);
    let link = Link::in_letter(&floor, letters.iter().find(|letter| letter.address == "clinic@example.org").unwrap());
    link.goes_from_seen_to_accepted(&shift);
    shift.at(400);
    shift.counselor.post_twice(&format!("/tickets/{}/claim", ticket.text_of("id")), &json!({})).expect(200);
    every_step_is_told_to_the_second(&shift, &ticket);
    the_trail_tells_who_did_what(&floor, &ticket);
    let hers = ["Zyqqa", "Wyxxova", "99365123456", "65 123456", "quuxwords", "strangled"];
    assert_nowhere(&everything(hotline), &hers);
}

/// One letter for each partner, and nothing in it that is hers or tells what help it is.
fn assert_neutral(letters: &[Outgoing]) {
    let mut to: Vec<&str> = letters.iter().map(|letter| letter.address.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["clinic@example.org", "shelter@example.org"]);
    for letter in letters {
        let whole = format!("{} {} {}", letter.letter.subject, letter.letter.text, letter.letter.html).to_lowercase();
        for word in [
            "zyqqa",
            "wyxxova",
            "65123456",
            "65 123456",
            "26_40",
            "26–40",
            "bay",
            "female",
            "medical",
            "doctor",
            "clinic",
            "shelter",
            "safe house",
            "safe place",
            "strang",
            "violence",
            "rape",
            "survivor",
            "woman",
            "child",
            "quux",
            "turkmen",
        ] {
            let without_link = whole.replace(&link_in(letter).to_lowercase(), "");
            assert!(!without_link.contains(word), "{word}: {without_link}");
        }
    }
}

fn link_in(letter: &Outgoing) -> String {
    let (_, rest) = letter.letter.text.split_once("/p/").unwrap();
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    format!("/p/{token}")
}

/// A focal point with the link from a letter, on one device.
struct Link<'a> {
    floor: &'a Floor<'a>,
    path: String,
}

impl Link<'_> {
    fn in_letter<'a>(floor: &'a Floor<'a>, letter: &Outgoing) -> Link<'a> {
        Link { floor, path: link_in(letter) }
    }

    fn ask(&self, method: &str, action: &str, cookie: &str, body: Option<&Value>) -> Answer {
        let mut headers = vec![("accept", "application/json"), ("content-type", "application/json")];
        if !cookie.is_empty() {
            headers.push(("cookie", cookie));
        }
        let body = body.map(Value::to_string);
        self.floor.app.ask(method, &format!("{}{action}", self.path), "", &headers, body.as_deref())
    }

    fn goes_from_seen_to_accepted(&self, shift: &Shift<'_>) {
        let counted = || ["steps", "trail", "partner_views"].map(|table| shift.floor.hotline.count(table));
        let before = counted();
        let outside = self.ask("GET", "", "", None).expect(200);
        assert_eq!((counted(), &outside.json["acknowledged"]), (before, &json!(false)), "a GET changes nothing");
        for _ in 0..2 {
            assert_eq!(self.ask("POST", "/acknowledge", "", None).expect(200).json["acknowledged"], true);
        }
        shift.at(160);
        let opened = self.ask("POST", "/code", "", Some(&json!({"code": CODE}))).expect(200);
        let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
        let fields = json!({"need": "medical", "age_band": "26_40", "language": "tk"});
        assert_eq!(opened.json["fields"], fields, "exactly what she agreed to");
        shift.at(220);
        let accepted = self.ask("POST", "/accept", &cookie, None).expect(200);
        assert_eq!(accepted.json["standing"], "accepted");
        assert_eq!(self.ask("POST", "/accept", &cookie, None).status, 409, "a yes is said once");
    }
}

fn every_step_is_told_to_the_second(shift: &Shift<'_>, ticket: &Answer) {
    let told = shift.coordinator.get("/reports/response-times").expect(200);
    let items = told.json["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["ticket"]), (1, &ticket.json["id"]));
    let at = |seconds: i64| Some(MORNING.plus(seconds * SECOND));
    let call = [("queued", at(-60)), ("answered", at(-50)), ("saved", at(0)), ("triaged", at(0)), ("finished", at(0))];
    assert_eq!(moments(&items[0]["contact_steps"]), call.map(|(step, at)| (step.to_owned(), at)));
    let seconds: Vec<i64> = items[0]["contact_steps"]
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|step| step["seconds"].as_i64().unwrap())
        .collect();
    assert_eq!(seconds, [10, 50, 0, 0]);
    let held = [("issued", at(40)), ("claimed", at(400))];
    assert_eq!(moments(&items[0]["ticket_steps"]), held.map(|(step, at)| (step.to_owned(), at)));
    let referrals = items[0]["referrals"].as_array().unwrap();
    let medical = referrals.iter().find(|referral| referral["need"] == "medical").unwrap();
    let help = [("issued", at(40)), ("notified", at(42)), ("received", at(101)), ("accepted", at(220))];
    assert_eq!(moments(&medical["steps"]), help.map(|(step, at)| (step.to_owned(), at)));
    let shelter = referrals.iter().find(|referral| referral["need"] == "safe_house").unwrap();
    assert_eq!(moments(&shelter["steps"]).last().unwrap().0, "notified", "it has not answered");
}

fn moments(chain: &Value) -> Vec<(String, Option<Instant>)> {
    let moment = |step: &Value| {
        let at = goldaw::input::instant(step["at"].as_str().unwrap());
        (step["step"].as_str().unwrap().to_owned(), at)
    };
    chain.as_array().unwrap().iter().map(moment).collect()
}

fn the_trail_tells_who_did_what(floor: &Floor<'_>, ticket: &Answer) {
    let auditor = floor.seat("au-01", Role::Auditor);
    let told = auditor.get("/audit?limit=200").expect(200);
    let rows: Vec<_> = told.json["items"].as_array().unwrap().iter().collect();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let all: Vec<String> = rows.iter().map(|row| format!("{} {}", text(row, "actor"), text(row, "action"))).collect();
    for (row, times) in [
        ("op-07 contacts.record", 1),
        ("op-07 services.match", 4),
        ("op-07 cases.open", 1),
        ("op-07 cases.consent", 2),
        ("op-07 tickets.issue", 1),
        ("partner partners.code", 1),
        ("co-01 tickets.claim", 1),
        ("cd-01 services.create", 2),
    ] {
        assert_eq!(all.iter().filter(|each| *each == row).count(), times, "{row} in {all:#?}");
    }
    assert!(all.iter().any(|row| row == "partner referrals.show_partner"));
    let issued = rows.iter().find(|row| row["action"] == "tickets.issue").unwrap();
    assert_eq!((&issued["subject"], &issued["outcome"]), (&ticket.json["id"], &json!("done")));
    for word in ["Zyqqa", "65123456", "quux", "strangled", "26_40", CODE] {
        assert!(!told.text.contains(word), "{word}");
    }
}

fn of_two_counselors_exactly_one_gets_the_ticket(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let shift = Shift::on(&floor);
    let claim = format!("/tickets/{}/claim", shift.ticket().text_of("id"));
    let claimed = shift.counselor.post_twice(&claim, &json!({})).expect(200);
    assert_eq!(
        (&claimed.json["claimed_by"], &claimed.json["survivor"]["first_name"]),
        (&json!("co-01"), &json!("Zyqqa"))
    );
    let late = shift.colleague.post_twice(&claim, &json!({})).expect(409);
    assert_eq!((late.text_of("code"), late.text_of("claimed_by")), ("claimed".into(), "co-01".into()));
    assert!(shift.colleague.get(claim.strip_suffix("/claim").unwrap()).expect(200).json.get("survivor").is_none());
}

fn signing_in_with_name_and_passphrase_is_enough_to_record_a_call(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let handed = floor.app.engage(hotline, "op-09", Role::Operator);
    let login = json!({"name": "op-09", "passphrase": handed.passphrase.reveal()});
    let json_body = [("content-type", "application/json")];
    let told = floor.app.ask("POST", "/api/v1/auth/login", "", &json_body, Some(&login.to_string())).expect(200);
    let seat = floor.seated(handed.staff, told.text_of("access_token"));
    let mine = seat.post_twice("/contacts", &example()).expect(201);
    assert_eq!(seat.get("/contacts").json["items"][0]["id"], mine.json["id"]);
    assert_eq!(hotline.count("contacts"), 1);
}
