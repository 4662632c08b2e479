//! One graph: who is there, what happens that anybody may know of, and what happens with the case that
//! five of them must not know of.

use goldaw::access::Role;
use goldaw::clock::{DAY, HOUR, MINUTE, SECOND};
use goldaw::referrals::claim::take_back;
use goldaw::referrals::escalation::{climb, mend};
use goldaw::storage::By;
use serde_json::{Value, json};

use super::names::Names;
use crate::live::Ear;
use crate::support::floor::{Floor, Seat};
use crate::support::http::Answer;
use crate::support::proof::Dice;

/// What is heard on a stream: the kind of thing, and what is told of it.
pub type Heard = Vec<(String, Value)>;

/// Between two things that happen. No two of them share a millisecond, so keys are in their order.
const SLOT: i64 = 40 * SECOND;
/// Of which something secret takes less than this.
const PART: i64 = 10 * SECOND;

/// The number and the word of the hidden case, for which the blocked look, too.
pub const NUMBER: &str = "8 61 000007";
pub const WORD: &str = "Gyzylgül";

/// A call that anybody may know of, and what came of it.
struct Call {
    /// Which of [`Script::open`] recorded it.
    by: usize,
    contact: String,
    case: Option<String>,
    ticket: Option<String>,
    referral: Option<String>,
}

/// The extra case as it goes on.
#[derive(Default)]
struct Hers {
    calls: Vec<String>,
    tickets: Vec<String>,
    referrals: Vec<String>,
    tasks: Vec<String>,
    consents: Vec<String>,
}

pub struct Script<'a> {
    pub floor: &'a Floor<'a>,
    /// Those who must not know of the case.
    pub blocked: Vec<(&'static str, Seat<'a>)>,
    /// Services, by reference; the second one's organisation must not know of the case.
    pub services: Vec<String>,
    pub organisations: Vec<String>,
    /// References of the hidden case and of what is merged with it.
    pub hidden: Vec<String>,
    /// How much was done with it.
    pub moves: usize,
    with: bool,
    /// What happens in both houses, and what happens in one.
    dice: Dice,
    hidden_dice: Dice,
    /// What each of the blocked heard, in those graphs in which they listen.
    pub heard: Vec<Heard>,
    ears: Vec<Ear>,
    mark: Option<(String, i64)>,
    operator: Seat<'a>,
    counselor: Seat<'a>,
    keeper: Seat<'a>,
    partner: Seat<'a>,
    calls: Vec<Call>,
    hers: Hers,
}

impl<'a> Script<'a> {
    /// People and services.
    pub fn begin(floor: &'a Floor<'a>, seed: u64, with: bool) -> Script<'a> {
        let keeper = floor.seat("cd-01", Role::Coordinator);
        let mut houses = Vec::new();
        for (name, kind) in
            [("Aylar", "safe_house"), ("Bahar", "safe_house"), ("Cheshme", "safe_house"), ("Dermanhana", "medical")]
        {
            floor.hotline.wait(SECOND);
            houses.push(service(&keeper, name, kind));
        }
        let partner = |name: &str, place: usize| {
            let engaged = floor.app.sign_in_partner(floor.hotline, name, &organisation(&houses, place));
            floor.seated(engaged.staff, engaged.token)
        };
        let blocked = vec![
            ("operator", floor.seat("op-02", Role::Operator)),
            ("counselor", floor.seat("co-02", Role::Counselor)),
            ("coordinator", floor.seat("cd-02", Role::Coordinator)),
            ("admin", floor.seat("ad-02", Role::Admin)),
            ("partner", partner("pa-02", 1)),
        ];
        Script {
            floor,
            blocked,
            operator: floor.seat("op-01", Role::Operator),
            counselor: floor.seat("co-01", Role::Counselor),
            partner: partner("pa-01", 0),
            keeper,
            services: houses.iter().map(|(service, _)| service.clone()).collect(),
            organisations: houses.into_iter().map(|(_, organisation)| organisation).collect(),
            hidden: Vec::new(),
            moves: 0,
            with,
            dice: Dice::of(seed),
            hidden_dice: Dice::of(!seed),
            heard: Vec::new(),
            ears: Vec::new(),
            mark: None,
            calls: Vec::new(),
            hers: Hers::default(),
        }
    }

    /// All that happens. In one graph of three the five listen, from the moment the case is hidden.
    pub fn play(&mut self) {
        let listen = self.throw(3) == 0;
        self.hours();
        for _ in 0..6 + self.dice.throw(8) {
            self.something_happens();
        }
        self.in_secret(1, Script::hide);
        if listen {
            self.ears = self.blocked.iter().map(|(_, seat)| Ear::of(self.floor, &self.token(seat))).collect();
            self.catch_up();
            // What is heard first may have happened a breath before.
            self.heard = vec![Heard::new(); self.ears.len()];
        }
        for _ in 0..12 + self.dice.throw(16) {
            self.something_happens();
            self.in_secret(3, Script::something_secret_happens);
            self.catch_up();
        }
        // Whoever listens has signed out by then.
        self.ears.clear();
        let later = [0, 2 * HOUR, 15 * DAY][self.throw(3)];
        self.floor.hotline.wait(later);
        self.time_goes_by();
        self.in_secret(1, Script::afterwards);
    }

    /// Waits until everything was told, because who may know of a thing is asked when it is told: a
    /// house in which an hour goes by in a breath would tell it at another moment each time.
    fn catch_up(&mut self) {
        if self.ears.is_empty() {
            return;
        }
        let body = json!({"kind": "state", "names": {"en": "A mark"}, "status": "active"});
        let (id, version) = match self.mark.take() {
            None => (self.keeper.post("/organisations", &body).expect(201).text_of("id"), 1),
            Some((id, version)) => {
                self.keeper.patch(&format!("/organisations/{id}"), version, &body).expect(200);
                (id, version + 1)
            }
        };
        self.heard.resize(self.ears.len(), Heard::new());
        for (ear, heard) in self.ears.iter().zip(&mut self.heard) {
            hear(ear, &id, heard);
        }
        self.mark = Some((id, version));
    }

    fn token(&self, seat: &Seat<'_>) -> String {
        self.floor.app.token_of(self.floor.hotline, &seat.staff)
    }

    fn throw(&mut self, sides: usize) -> usize {
        usize::try_from(self.dice.throw(sides as u64)).unwrap()
    }

    /// Everybody who records calls that all may know of.
    fn recorder(&self, place: usize) -> &Seat<'a> {
        [&self.operator, &self.blocked[0].1, &self.blocked[1].1, &self.counselor][place]
    }

    fn hours(&self) {
        for (place, seat) in [&self.counselor, &self.blocked[1].1].into_iter().enumerate() {
            let duty = json!({"areas": ["TM-M"], "languages": ["tk"], "on_call": place == 0, "caseload": 30,
                "hours": [{"days": ["mon", "tue"], "from": "06:00", "to": "22:00"}]});
            self.keeper.put(&format!("/staff/{}/duty", seat.staff.reference), 1, &duty).expect(200);
        }
    }

    /// Something in both houses, in a moment of its own.
    fn something_happens(&mut self) {
        let until = self.floor.hotline.clock.now().plus(SLOT);
        match self.throw(20) {
            _ if self.calls.len() < 2 => self.call(),
            0..=2 => self.call(),
            3..=5 => self.case(),
            6..=8 => self.ticket(),
            9 => self.claim(),
            10..=12 => self.move_referral(),
            13 => self.level(),
            14 => self.task(),
            15 => self.decide(),
            16 => self.complain(),
            17 => self.hand_over(),
            18 => self.help_is_called(),
            _ => self.floor.hotline.wait(i64::try_from(self.dice.throw(25)).unwrap() * MINUTE),
        }
        self.floor.hotline.clock.set(self.floor.hotline.clock.now().max(until));
        self.time_goes_by();
        self.floor.hotline.wait(SECOND);
    }

    /// Something in one house only, or so many things at the most; in the other the same time goes by. What the program does by itself
    /// it does at the same moments in both, as it would whether there is such a case or not.
    fn in_secret(&mut self, most: usize, what: fn(&mut Script<'a>)) {
        let mut left = if self.with { 1 + self.secret(most) } else { 0 };
        for _ in 0..SLOT / PART {
            let until = self.floor.hotline.clock.now().plus(PART);
            if left > 0 {
                left -= 1;
                what(self);
            }
            assert!(self.floor.hotline.clock.now() < until);
            self.floor.hotline.clock.set(until);
            self.time_goes_by();
        }
    }

    /// What the program does by itself.
    fn time_goes_by(&self) {
        let due = |tx: &mut goldaw::storage::Tx<'_>| Ok(climb(tx)? || mend(tx)? || take_back(tx)?);
        while self.floor.hotline.store.write_blocking(By::system(), due).unwrap() {}
    }

    fn call(&mut self) {
        let by = self.throw(4);
        let answers = [
            json!({"weapon": "yes"}),
            json!({"strangled": "yes", "perpetrator_present": "yes"}),
            json!({}),
            json!({"weapon": "no"}),
        ];
        let body = json!({"channel": (["phone", "chat"][self.throw(2)]), "caller_role": "survivor", "language": "tk",
            "person": {"age_band": "26_40", "sex": "female", "area": (["TM-M-BAY", "TM-L"][self.throw(2)])},
            "answers": answers[self.throw(4)], "wishes": ["safe_house"], "finish": self.throw(4) == 0});
        let contact = self.recorder(by).call(&body).text_of("id");
        self.calls.push(Call { by, contact, case: None, ticket: None, referral: None });
    }

    fn some_call(&mut self) -> usize {
        let many = self.calls.len();
        self.throw(many)
    }

    fn case(&mut self) {
        let place = self.some_call();
        let (call, seat) = (&self.calls[place], self.recorder(self.calls[place].by));
        let opened = seat.post("/cases", &json!({"contact": call.contact}));
        let case = (opened.status == 201).then(|| opened.text_of("id"));
        self.floor.hotline.wait(SECOND);
        if let Some(case) = &case {
            seat.put(&format!("/cases/{case}/safe-contact"), 1, &terms("8 65 123456", "Sünbül"));
        }
        self.calls[place].case = case.or(self.calls[place].case.take());
    }

    fn ticket(&mut self) {
        let (place, first) = (self.some_call(), self.throw(3));
        let (call, seat) = (&self.calls[place], self.recorder(self.calls[place].by));
        let named = [&self.services[first], &self.services[(first + 1) % 3]];
        let issued = seat.post(&format!("/contacts/{}/tickets", call.contact), &needs("safe_house", &named));
        if issued.status == 201 {
            let call = &mut self.calls[place];
            call.case = Some(issued.text_of("case"));
            call.ticket = Some(issued.text_of("id"));
            call.referral = issued.json["referrals"][0]["id"].as_str().map(str::to_owned);
        }
    }

    fn claim(&mut self) {
        let place = self.some_call();
        let Some(ticket) = self.calls[place].ticket.clone() else { return };
        let who = self.throw(2);
        let seat = [&self.counselor, &self.blocked[1].1][who];
        seat.post(&format!("/tickets/{ticket}/claim"), &json!({}));
        self.floor.hotline.wait(SECOND);
        seat.post(&format!("/tickets/{ticket}/notes"), &json!({"text": "She will come at five."}));
    }

    fn move_referral(&mut self) {
        let place = self.some_call();
        let Some(referral) = self.calls[place].referral.clone() else { return };
        let (who, mv) = (self.throw(4), self.throw(MOVES.len()));
        let seat = [&self.keeper, &self.blocked[2].1, &self.partner, &self.blocked[4].1][who];
        moved(seat, &referral, mv);
    }

    fn level(&mut self) {
        let place = self.some_call();
        let (call, seat) = (&self.calls[place], self.recorder(self.calls[place].by));
        let level = ["high", "critical"][place % 2];
        let body = json!({"level": level, "reason": "how quiet she became"});
        seat.post(&format!("/contacts/{}/override", call.contact), &body);
    }

    /// A task is asked for, and the first on somebody's list is put off.
    fn task(&mut self) {
        let place = self.some_call();
        let (call, seat) = (&self.calls[place], self.recorder(self.calls[place].by));
        let due = self.floor.hotline.clock.now().plus(DAY);
        if let Some(case) = &call.case {
            seat.post("/tasks", &json!({"kind": "case_review", "case": case, "due": due}));
        }
        self.floor.hotline.wait(SECOND);
        let who = &self.blocked[1 + place % 2].1;
        if let Some(task) = first(&who.get("/tasks")) {
            who.post(&format!("/tasks/{task}/outcome"), &json!({"outcome": "rescheduled", "due": due}));
        }
    }

    fn decide(&mut self) {
        let who = &self.blocked[2].1;
        if let Some(review) = first(&who.get("/reviews")) {
            let decision = ["agree", "refuse"][self.throw(2)];
            self.blocked[2].1.post(&format!("/reviews/{review}/decide"), &json!({"decision": decision}));
        }
    }

    fn complain(&mut self) {
        let about = ["hotline".to_owned(), "op-01".into(), self.services[1].clone()][self.throw(3)].clone();
        let who = self.throw(2);
        let seat = [&self.operator, &self.blocked[0].1][who];
        seat.post("/complaints", &json!({"about": about, "kind": "delay", "text": "Nobody called back."})).expect(201);
    }

    fn hand_over(&mut self) {
        let who = self.throw(3);
        let seat = [&self.keeper, &self.counselor, &self.blocked[2].1][who];
        seat.post("/handover/acknowledge", &json!({})).expect(201);
    }

    fn help_is_called(&mut self) {
        let place = self.some_call();
        let (call, seat) = (&self.calls[place], self.recorder(self.calls[place].by));
        let body =
            json!({"called": "ambulance", "agreed": place.is_multiple_of(2), "reason": "she could not speak any more"});
        seat.post(&format!("/contacts/{}/emergency-call", call.contact), &body);
    }

    /// Two calls with a case each, which will turn out to be one woman's, and who must not know of
    /// them: at once, as soon as there is a case.
    fn hide(&mut self) {
        for by in [true, false] {
            let seat = if by { &self.operator } else { &self.counselor };
            let call = seat.call(&hidden_call()).text_of("id");
            let case = seat.post("/cases", &json!({"contact": call})).expect(201).text_of("id");
            let (place, parties) = (format!("/cases/{case}/blocked"), self.parties());
            seat.send("PUT", &place, &[], &parties).expect(204);
            self.hidden.push(case);
            if by {
                self.hers.calls.push(call);
            }
            self.floor.hotline.wait(SECOND);
        }
    }

    fn parties(&self) -> Value {
        let staff = self.blocked.iter().map(|(_, seat)| json!({"staff": seat.staff.reference}));
        let house = json!({"organisation": self.organisations[1]});
        json!({"parties": staff.chain([house]).collect::<Vec<Value>>()})
    }

    fn something_secret_happens(&mut self) {
        self.floor.hotline.wait(SECOND);
        let done = self.one_secret();
        self.moves += usize::from(done);
    }

    fn secret(&mut self, sides: usize) -> usize {
        usize::try_from(self.hidden_dice.throw(sides as u64)).unwrap()
    }

    /// Something about her; false when it was refused.
    fn one_secret(&mut self) -> bool {
        let case = self.hidden[0].clone();
        let call = self.hers.calls[self.hers.calls.len() - 1].clone();
        let due = self.floor.hotline.clock.now().plus(HOUR);
        let one = |all: &[String], dice: usize| all.get(dice % all.len().max(1)).cloned();
        let dice = self.secret(64);
        let (ticket, referral) = (one(&self.hers.tickets, dice), one(&self.hers.referrals, dice));
        let (operator, counselor, keeper) = (&self.operator, &self.counselor, &self.keeper);
        let is_done = |answer: Answer| answer.status < 300;
        match self.hidden_dice.throw(25) {
            0..=2 => self.ask_for_her(dice),
            3 => {
                let version = operator.get(&format!("/cases/{case}")).json["version"].as_i64().unwrap_or(1);
                is_done(operator.put(&format!("/cases/{case}/safe-contact"), version, &terms(NUMBER, WORD)))
            }
            4 | 5 => ticket.is_some_and(|id| is_done(counselor.post(&format!("/tickets/{id}/claim"), &json!({})))),
            6..=8 => referral.is_some_and(|id| {
                let seat = [keeper, &self.partner, counselor][dice % 3];
                is_done(moved(seat, &id, dice / 3))
            }),
            9 => {
                let task = operator.post("/tasks", &json!({"kind": "case_review", "case": case, "due": due}));
                let made = task.status == 201;
                self.hers.tasks.extend(made.then(|| task.text_of("id")));
                made
            }
            10 => one(&self.hers.tasks, dice)
                .is_some_and(|id| is_done(operator.post(&format!("/tasks/{id}/outcome"), &json!({"outcome": "done"})))),
            11 => {
                let body = json!({"level": (["high", "critical"][dice % 2]), "reason": "how quiet she became"});
                is_done(operator.post(&format!("/contacts/{call}/override"), &body))
            }
            12 => self.decide_hers(),
            13 => {
                let body = json!({"called": "police", "agreed": false, "reason": "she could not speak any more"});
                is_done(operator.post(&format!("/contacts/{call}/emergency-call"), &body))
            }
            14 => {
                let about = [self.services[0].as_str(), "hotline", "cd-02"][dice % 3];
                let kind = ["delay", "breach_of_confidence"][dice % 2];
                let body = json!({"about": about, "kind": kind, "text": "He knew of it.", "case": case});
                is_done(operator.post("/complaints", &body))
            }
            15 => self.call_again(&case),
            16 => {
                let by = [json!({"phone": NUMBER}), json!({"code_word": WORD})][dice % 2].clone();
                is_done(look_up(operator, &call, by))
            }
            17 => self.a_yes(&case, &call),
            18 => one(&self.hers.consents, dice)
                .is_some_and(|id| is_done(operator.post(&format!("/cases/{case}/consents/{id}/withdraw"), &json!({})))),
            19 => self.merge(),
            20 => ticket.is_some_and(|id| {
                is_done(counselor.post(&format!("/tickets/{id}/notes"), &json!({"text": "By the back door."})))
            }),
            21 => is_done(operator.get("/handover")) && is_done(counselor.get(&format!("/contacts/{call}"))),
            22 => self.letters_fail(&case),
            // A call that anybody may know of reports the same event as hers.
            23 => self.calls.iter().find(|other| other.by == 0).is_some_and(|other| {
                is_done(operator.post(&format!("/contacts/{call}/link"), &json!({"contact": other.contact})))
            }),
            _ => is_done(operator.get(&format!("/cases/{case}"))) && is_done(counselor.get("/contacts")),
        }
    }

    /// A ticket for her: with her yes, or without it where a life is at risk.
    fn ask_for_her(&mut self, dice: usize) -> bool {
        let call = self.hers.calls[self.hers.calls.len() - 1].clone();
        let (kind, named) = match dice % 3 {
            0 => ("medical", vec![&self.services[3]]),
            _ => ("safe_house", vec![&self.services[0], &self.services[2]]),
        };
        let mut body = needs(kind, &named);
        if dice.is_multiple_of(2) {
            body["needs"][0].as_object_mut().unwrap().remove("consent");
            body["needs"][0]["emergency"] = json!({"cannot_be_asked": true, "reason": "Unconscious on the line, her child says she bleeds.", "fields": ["need"]});
        }
        let issued = self.operator.post(&format!("/contacts/{call}/tickets"), &body);
        if issued.status == 201 {
            self.hers.tickets.push(issued.text_of("id"));
            self.hers.referrals.extend(issued.json["referrals"][0]["id"].as_str().map(str::to_owned));
        }
        issued.status == 201
    }

    /// A second look at something of hers, by somebody who may know.
    fn decide_hers(&self) -> bool {
        let hers = |review: &String| {
            self.keeper.post(&format!("/reviews/{review}/decide"), &json!({"decision": "refuse"})).status < 300
        };
        let hidden = Names::of(self.floor.hotline, &self.hidden).hidden;
        hidden.get("review").into_iter().flatten().any(hers)
    }

    fn call_again(&mut self, case: &str) -> bool {
        let ended = self.hers.calls[self.hers.calls.len() - 1].clone();
        self.operator.post(&format!("/contacts/{ended}/finish"), &json!({}));
        self.floor.hotline.wait(SECOND);
        let mut body = hidden_call();
        body["case"] = json!(case);
        let again = self.operator.post("/contacts", &body);
        self.hers.calls.extend((again.status == 201).then(|| again.text_of("id")));
        again.status == 201
    }

    fn a_yes(&mut self, case: &str, call: &str) -> bool {
        let said =
            json!({"contact": call, "scope": "callback", "given": true, "given_by": "survivor", "how": "verbal"});
        let given = self.operator.post(&format!("/cases/{case}/consents"), &said);
        self.hers.consents.extend((given.status == 201).then(|| given.text_of("id")));
        given.status == 201
    }

    /// The other case, hidden from the same five, becomes part of hers.
    fn merge(&self) -> bool {
        // Whoever merges must be able to open both.
        self.counselor.post("/contacts", &json!({"channel": "phone", "case": self.hidden[0], "finish": true}));
        self.floor.hotline.wait(SECOND);
        let kept = self.counselor.get(&format!("/cases/{}", self.hidden[0]));
        let Some(version) = kept.json["version"].as_i64() else { return false };
        let (key, tag) = (goldaw::storage::new_reference('I').unwrap(), format!("\"{version}\""));
        let headers = [("if-match", tag.as_str()), ("idempotency-key", key.as_str())];
        let place = format!("/cases/{}/merge", self.hidden[0]);
        self.counselor.send("POST", &place, &headers, &json!({"case": self.hidden[1]})).status < 300
    }

    /// Letters about her come back from where they went.
    fn letters_fail(&self, case: &str) -> bool {
        use diesel::prelude::*;
        use goldaw::storage::Db;
        let query = format!(
            "UPDATE notifications SET state = 'failed', ended_at = {} WHERE state = 'pending'
             AND case_id IN (SELECT id FROM cases WHERE reference = '{case}')",
            self.floor.hotline.clock.now().0
        );
        let failed = match &mut self.floor.hotline.stranger() {
            Db::Sqlite(connection) => diesel::sql_query(query).execute(connection).unwrap(),
            Db::Postgres(connection) => diesel::sql_query(query).execute(connection).unwrap(),
        };
        failed > 0
    }

    /// Help may have ended long ago, and somebody asks her how it went.
    fn afterwards(&mut self) {
        for referral in self.hers.referrals.clone() {
            let said = json!({"referral": referral, "received": "yes", "safe": "no", "would_call_again": "yes",
                "complaint": {"kind": "conduct", "text": "He shouted."}});
            self.moves += usize::from(self.keeper.post("/feedback", &said).status == 201);
        }
    }
}

/// Adds what is heard until something happens to an organisation; each thing once, as which of two
/// that come in one breath is told again is chance.
fn hear(ear: &Ear, mark: &str, heard: &mut Heard) {
    loop {
        let Some((name, data)) = ear.next() else { panic!("a stream ended before the mark") };
        if name == "organisation" && data["id"] == mark {
            return;
        }
        if !heard.contains(&(name.clone(), data.clone())) {
            heard.push((name, data));
        }
    }
}

const MOVES: [(&str, &str); 9] = [
    ("acknowledge", "{}"),
    ("accept", "{}"),
    ("accept", "{}"),
    ("told", "{}"),
    ("start", "{}"),
    ("complete", "{}"),
    ("decline", r#"{"reason": "cannot_provide"}"#),
    ("fail", r#"{"reason": "no_show"}"#),
    ("reroute", "{}"),
];

fn moved(seat: &Seat<'_>, referral: &str, mv: usize) -> Answer {
    let (mv, body) = MOVES[mv % MOVES.len()];
    seat.post(&format!("/referrals/{referral}/{mv}"), &serde_json::from_str(body).unwrap())
}

/// What a look-up says.
pub fn look_up(seat: &Seat<'_>, call: &str, by: Value) -> Answer {
    let mut body = by;
    body["contact"] = json!(call);
    seat.post("/cases/lookup", &body)
}

/// The first of a list, unless two share its place: which of them comes first is chance in each house.
fn first(list: &Answer) -> Option<String> {
    let items = list.json["items"].as_array()?;
    let shared = items.len() > 1 && items[0]["due"] == items[1]["due"];
    items.first().filter(|_| !shared)?["id"].as_str().map(str::to_owned)
}

fn hidden_call() -> Value {
    json!({"channel": "phone", "caller_role": "survivor", "language": "ru", "wishes": ["safe_house", "medical"],
        "person": {"age_band": "18_25", "sex": "female", "area": "TM-M-BAY", "children_with_her": 1},
        "answers": {"weapon": "yes", "strangled": "yes"}})
}

fn terms(number: &str, word: &str) -> Value {
    json!({"may_call": true, "number": number, "if_another_answers": "Wrong number, sorry.", "code_word": word,
        "windows": [{"weekday": "mon", "from": "09:00", "to": "11:00"}], "dropped_call": "she_calls"})
}

fn needs(kind: &str, services: &[&String]) -> Value {
    let consent = json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need", "age_band"]});
    json!({"needs": [{"need": kind, "services": services, "consent": consent}]})
}

/// A service without end, of an organisation of its own: what is free must not come between two calls.
fn service(keeper: &Seat<'_>, name: &str, kind: &str) -> (String, String) {
    let names = json!({"en": name});
    let organisation = keeper.post("/organisations", &json!({"kind": "civil_society", "names": names})).text_of("id");
    let body = json!({
        "organisation": organisation, "type": kind, "names": names, "areas": ["TM-M"], "hours": "24/7", "phone": "65 123456",
        "location_confidential": true, "duty_to_report": false, "letter_language": "en", "capacity": {"unlimited": true},
        "endpoints": [{"channel": "email", "address": format!("{}@example.org", name.to_lowercase())},
            {"channel": "email", "address": format!("night-{}@example.org", name.to_lowercase())}],
    });
    (keeper.post("/services", &body).expect(201).text_of("id"), organisation)
}

fn organisation(houses: &[(String, String)], place: usize) -> String {
    houses[place].1.clone()
}
