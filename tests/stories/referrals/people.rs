//! Who helps: when they are there, who is suggested, how much one may hold, and who is told when
//! nobody who is there may know.

use goldaw::access::{Actor, Role};
use goldaw::clock::{HOUR, MINUTE};
use goldaw::referrals::claim;
use goldaw::storage::Tx;
use serde_json::{Value, json};

use super::races::{Try, at_once};
use crate::support::floor::{Floor, House, Seat};
use crate::support::{Engine, Hotline, number, on_both_engines};

on_both_engines![
    a_duty_is_read_back_at_its_version_and_written_down,
    a_bad_duty_is_told_all_its_problems_at_once,
    a_shift_passes_midnight_in_ashgabat,
    who_is_free_at_work_and_near_is_suggested_first,
    who_must_not_know_is_as_if_never_engaged,
    suggestions_are_for_coordinators_and_for_the_holder,
    a_full_caseload_refuses_one_more_but_never_an_emergency,
    a_coordinator_gives_more_only_by_saying_so,
    what_is_over_a_limit_stands_until_it_is_not,
    of_two_claims_for_the_last_free_place_one_is_refused,
    a_holder_who_must_not_know_loses_the_ticket,
    a_house_that_keeps_no_hours_pages_nobody,
];

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn calm() -> Value {
    json!({"can_talk": "yes", "badly_hurt": "no", "perpetrator_present": "no", "safe_tonight": "yes"})
}

/// A floor with somebody to record calls, somebody to keep order, and a shelter.
struct Night<'a> {
    floor: &'a Floor<'a>,
    seat: Seat<'a>,
    keeper: Seat<'a>,
    house: House,
}

impl<'a> Night<'a> {
    fn on(floor: &'a Floor<'a>) -> Night<'a> {
        let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
        let house = floor.house(&keeper, "Shelter", "safe_house");
        Night { floor, seat, keeper, house }
    }

    /// A counselor with a duty.
    fn counselor(&self, name: &str, duty: &Value) -> Seat<'a> {
        let seat = self.floor.seat(name, Role::Counselor);
        self.keeper.put(&duty_of(&seat), 1, duty).expect(200);
        seat
    }

    /// A ticket of a woman in Baýramaly who speaks Turkmen.
    fn ticket(&self, answers: &Value) -> Value {
        let call = json!({"channel": "phone", "language": "tk", "person": {"area": "TM-M-BAY"}, "answers": answers});
        self.issue(&self.seat.call(&call).place())
    }

    fn issue(&self, draft: &str) -> Value {
        let consent =
            json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
        let needs = json!({"needs": [{"need": "safe_house", "services": [self.house.id], "consent": consent}]});
        self.seat.post(&format!("{draft}/tickets"), &needs).expect(201).json
    }

    fn block(&self, case: &Value, parties: &[&Seat<'_>]) {
        let parties: Vec<Value> = parties.iter().map(|seat| json!({"staff": seat.staff.reference})).collect();
        let path = format!("/cases/{}/blocked", case.as_str().unwrap());
        self.seat.send("PUT", &path, &[], &json!({"parties": parties})).expect(204);
    }
}

fn duty_of(seat: &Seat<'_>) -> String {
    format!("/staff/{}/duty", seat.staff.reference)
}

/// All week from one time to another.
fn from_to(from: &str, to: &str) -> Value {
    json!([{"days": DAYS, "from": from, "to": to}])
}

fn verb(ticket: &Value, verb: &str) -> String {
    format!("/tickets/{}/{verb}", ticket["id"].as_str().unwrap())
}

fn of<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}

fn a_duty_is_read_back_at_its_version_and_written_down(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (keeper, admin) = (floor.seat("cd-01", Role::Coordinator), floor.seat("ad-01", Role::Admin));
    let place = duty_of(&floor.seat("co-01", Role::Counselor));
    assert_eq!(admin.get(&place).expect(200).version(), 1, "everybody has a duty, be it empty");
    let duty = json!({"areas": ["TM-M-BAY"], "languages": ["tk", "sign"], "hours": from_to("22:00", "06:00"),
        "on_call": true, "caseload": 7});
    assert_eq!(keeper.put(&place, 1, &duty).expect(200).version(), 2);
    let read = admin.get(&place).expect(200).json;
    assert!(duty.as_object().unwrap().iter().all(|(name, value)| read[name] == *value), "{read}");
    admin.put(&place, 1, &duty).expect(412);
    keeper.send("PUT", &place, &[], &duty).expect(428);
    let empty = admin.put(&place, 2, &json!({})).expect(200).json;
    assert_eq!((&empty["areas"], &empty["caseload"], &empty["version"]), (&json!([]), &Value::Null, &json!(3)));
    let rows = "SELECT count(*) AS value FROM trail WHERE action = 'staff.duty' AND outcome = 'done'";
    assert_eq!((number(&mut hotline.stranger(), rows), hotline.count("duties")), (2, 1));
}

fn a_bad_duty_is_told_all_its_problems_at_once(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let place = duty_of(&floor.seat("co-01", Role::Counselor));
    let wrong = json!({"areas": [7], "languages": ["tk", "klingon"], "on_call": "yes", "caseload": -1, "shifts": [],
        "hours": [{"days": ["someday"], "from": "25:00"}]});
    let mut told = keeper.put(&place, 1, &wrong).expect(422).problems();
    told.sort_unstable();
    let all = [
        "/areas/0: not_text",
        "/caseload: out_of_range",
        "/hours/0/days/0: not_allowed",
        "/hours/0/from: not_a_time_of_day",
        "/hours/0/to: required",
        "/languages/1: not_allowed",
        "/on_call: not_true_or_false",
        ": unknown_field",
    ];
    assert_eq!(told, all);
    let nowhere = json!({"areas": ["XX-1", "TM-M", "XX-2"]});
    let told = keeper.put(&place, 1, &nowhere).expect(422).problems();
    assert_eq!(told, ["/areas/0: not_an_area", "/areas/2: not_an_area"]);
    assert_eq!(hotline.count("duties"), 0);
}

fn a_shift_passes_midnight_in_ashgabat(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    // Only Monday's night: it is Monday, nine in the morning.
    night.counselor("co-01", &json!({"hours": [{"days": ["mon"], "from": "20:00", "to": "08:00"}]}));
    let stands = |after: i64| {
        hotline.wait(after);
        let all = night.keeper.get("/staff/duty").expect(200).json;
        (all["items"][0]["presence"].clone(), all["items"][0]["next_on_duty"].clone())
    };
    assert_eq!(stands(0), (json!("off_duty"), json!("2026-11-23T15:00:00Z")));
    assert_eq!(stands(11 * HOUR), (json!("on_duty"), Value::Null), "eight in the evening");
    assert_eq!(stands(12 * HOUR - MINUTE), (json!("on_duty"), Value::Null), "a minute to eight, on Tuesday");
    assert_eq!(stands(MINUTE), (json!("off_duty"), json!("2026-11-30T15:00:00Z")));
}

fn who_is_free_at_work_and_near_is_suggested_first(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let day = from_to("08:00", "20:00");
    night.counselor("co-01", &json!({}));
    night.counselor("co-02", &json!({"hours": day, "caseload": 0, "areas": ["TM-M-BAY"], "languages": ["tk"]}));
    night.counselor("co-03", &json!({"hours": from_to("20:00", "08:00"), "on_call": true, "areas": ["TM-M-BAY"]}));
    night.counselor("co-04", &json!({"hours": day, "areas": ["TM-L"], "languages": ["tk"]}));
    night.counselor("co-05", &json!({"hours": day, "areas": ["TM-M"], "languages": ["ru"]}));
    night.counselor("co-06", &json!({"hours": day, "areas": ["TM-M"], "languages": ["tk"]}));
    night.counselor("co-07", &json!({"hours": day, "areas": ["TM-M-BAY"], "languages": ["ru"]}));
    night.counselor("co-08", &json!({"hours": day, "areas": ["TM"], "languages": ["tk"]}));
    let busy = night.counselor("co-09", &json!({"hours": day, "languages": ["tk"]}));
    let (held, asked) = (night.ticket(&calm()), night.ticket(&calm()));
    busy.post(&verb(&held, "claim"), &json!({})).expect(200);
    let all = night.keeper.get(&verb(&asked, "suggestions")).expect(200).json["items"].clone();
    let order = ["co-07", "co-06", "co-05", "co-08", "co-09", "co-04", "co-03", "co-01", "co-02"];
    assert_eq!(of(&all, "name"), order);
    let why = |place: usize| {
        let one = &all[place];
        let load = (one["open_tickets"].as_i64().unwrap(), one["limit"].as_i64().unwrap());
        (one["presence"].as_str().unwrap(), one["near"].as_str().unwrap(), one["speaks_hers"].clone(), load)
    };
    assert_eq!(why(0), ("on_duty", "same_district", json!(false), (0, 15)));
    assert_eq!(why(4), ("on_duty", "everywhere", json!(true), (1, 15)));
    assert_eq!(why(5), ("on_duty", "elsewhere", json!(true), (0, 15)));
    assert_eq!(why(6), ("on_call", "same_district", Value::Null, (0, 15)));
    assert_eq!(all[6]["next_on_duty"], json!("2026-11-23T15:00:00Z"));
    assert_eq!(why(8), ("on_duty", "same_district", json!(true), (0, 0)));
}

fn who_must_not_know_is_as_if_never_engaged(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let day = json!({"hours": from_to("08:00", "20:00"), "areas": ["TM-M-BAY"]});
    night.counselor("co-01", &day);
    night.counselor("co-02", &json!({"on_call": true}));
    let (hers, another) = (night.ticket(&calm()), night.ticket(&calm()));
    let asked = |ticket: &Value| night.keeper.get(&verb(ticket, "suggestions")).expect(200).text;
    let before = asked(&hers);
    let brother = night.counselor("co-03", &day);
    assert_ne!(asked(&hers), before);
    night.block(&hers["case"], &[&brother]);
    assert_eq!(asked(&hers), before);
    assert!(asked(&another).contains("co-03"));
    // And whoever must not know of a case does not see what others hold of it.
    let colleague = floor.seat("co-04", Role::Counselor);
    let blind = floor.seat("cd-02", Role::Coordinator);
    let told = |seat: &Seat<'_>| seat.get("/staff/duty").expect(200).json["items"][3]["open_tickets"].clone();
    night.block(&hers["case"], &[&blind]);
    colleague.post(&verb(&hers, "claim"), &json!({})).expect(200);
    assert_eq!((told(&night.keeper), told(&blind)), (json!(1), json!(0)));
    blind.get(&verb(&hers, "suggestions")).expect(404);
}

fn suggestions_are_for_coordinators_and_for_the_holder(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let (holder, other) = (night.counselor("co-01", &json!({})), night.counselor("co-02", &json!({})));
    let ticket = night.ticket(&calm());
    holder.post(&verb(&ticket, "claim"), &json!({})).expect(200);
    let asked = verb(&ticket, "suggestions");
    let all = holder.get(&asked).expect(200);
    assert_eq!(of(&all.json["items"], "name"), ["co-02"], "nobody hands over to themselves");
    assert_eq!(night.keeper.get(&asked).expect(200).text, all.text);
    assert_eq!(other.get(&asked).expect(409).json["code"], "claim_first");
    night.seat.get(&asked).expect(403);
}

fn a_full_caseload_refuses_one_more_but_never_an_emergency(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let helper = night.counselor("co-01", &json!({"caseload": 1}));
    let (first, second, grave) =
        (night.ticket(&calm()), night.ticket(&calm()), night.ticket(&json!({"weapon": "yes"})));
    let claim = |ticket: &Value| helper.post(&verb(ticket, "claim"), &json!({}));
    claim(&first).expect(200);
    claim(&first).expect(200);
    let refused = claim(&second).expect(409).json;
    assert_eq!((&refused["code"], &refused["limit"]), (&json!("caseload_full"), &json!("1")));
    claim(&grave).expect(200);
    helper.post(&verb(&grave, "release"), &json!({})).expect(200);
    helper.post(&verb(&first, "release"), &json!({})).expect(200);
    claim(&second).expect(200);
    let over = |ticket: &Value| {
        let subject = ticket["id"].as_str().unwrap();
        let query = "SELECT count(*) AS value FROM trail WHERE action = 'tickets.over_limit' AND subject";
        number(&mut hotline.stranger(), &format!("{query} = '{subject}'"))
    };
    assert_eq!((over(&first), over(&second), over(&grave)), (0, 0, 1));
    let steps = night.keeper.get(&format!("/tickets/{}", grave["id"].as_str().unwrap())).json["steps"].clone();
    assert_eq!(of(&steps, "kind").iter().filter(|kind| **kind == "over_limit").count(), 1);
}

fn a_coordinator_gives_more_only_by_saying_so(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let helper = night.counselor("co-01", &json!({"caseload": 0}));
    let grave = night.ticket(&json!({"weapon": "yes"}));
    let give = |over: bool| {
        let to = json!({"to": "co-01", "over_limit": over});
        night.keeper.post(&verb(&grave, "assign"), &to)
    };
    assert_eq!(give(false).expect(409).json["code"], "caseload_full");
    assert_eq!(give(true).expect(200).json["claimed_by"], "co-01");
    give(false).expect(200);
    night.keeper.put(&duty_of(&helper), 2, &json!({"caseload": 5})).expect(200);
    night.keeper.post(&verb(&night.ticket(&calm()), "assign"), &json!({"to": "co-01", "over_limit": true})).expect(200);
    let steps = "SELECT count(*) AS value FROM steps WHERE kind = 'over_limit'";
    assert_eq!(number(&mut hotline.stranger(), steps), 1, "what is inside a limit is not over it");
}

fn what_is_over_a_limit_stands_until_it_is_not(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let helper = night.counselor("co-01", &json!({"caseload": 1, "hours": from_to("00:00", "00:00")}));
    let (one, two) = (night.ticket(&calm()), night.ticket(&json!({"weapon": "yes"})));
    let board = || {
        let queue = night.keeper.get("/tickets?queue=over_limit").expect(200).json["items"].clone();
        let open = night.keeper.get("/handover").expect(200).json;
        let names = |list: &str| of(&open[list], "name").join(" ");
        (queue.as_array().unwrap().len(), names("over_limit"), names("free"))
    };
    assert_eq!(board(), (0, String::new(), "co-01".to_owned()));
    for ticket in [&one, &two] {
        helper.post(&verb(ticket, "claim"), &json!({})).expect(200);
    }
    assert_eq!(board(), (2, "co-01".to_owned(), String::new()));
    helper.post(&verb(&two, "release"), &json!({})).expect(200);
    assert_eq!(board(), (0, String::new(), String::new()), "full, and not over");
    hotline.wait(5 * HOUR);
    assert_eq!(board(), (0, String::new(), "co-01".to_owned()), "a claim that has lapsed holds nothing");
}

fn of_two_claims_for_the_last_free_place_one_is_refused(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let helper = night.counselor("co-01", &json!({"caseload": 1}));
    for _ in 0..3 {
        let waiting: Vec<Value> = (0..4).map(|_| night.ticket(&calm())).collect();
        let outcomes = at_once(hotline, waiting.iter().map(|ticket| claiming(&helper, ticket)).collect());
        let refused: Vec<_> = outcomes.into_iter().filter(|(_, outcome)| outcome.is_err()).collect();
        assert_eq!(refused.len(), 3, "{refused:?}");
        assert!(refused.into_iter().all(|(_, outcome)| super::conflict(outcome).0 == "caseload_full"));
        let mine = helper.get("/tickets?queue=mine").expect(200).json["items"].clone();
        assert_eq!(mine.as_array().unwrap().len(), 1);
        helper.post(&verb(&mine[0], "release"), &json!({})).expect(200);
    }
}

fn claiming(helper: &Seat<'_>, ticket: &Value) -> (Actor, Try) {
    let staff = &helper.staff;
    let actor = Actor {
        id: staff.id.clone(),
        reference: staff.reference.clone(),
        name: staff.name.clone(),
        role: staff.role,
        organisation_id: None,
        session_id: String::new(),
        request: String::new(),
    };
    let (who, reference) = (actor.clone(), ticket["id"].as_str().unwrap().to_owned());
    (actor, Box::new(move |tx: &mut Tx<'_>| claim::claim(tx, &who, &reference)))
}

fn a_holder_who_must_not_know_loses_the_ticket(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let (brother, other) = (night.counselor("co-01", &json!({})), night.counselor("co-02", &json!({})));
    let ticket = night.ticket(&calm());
    brother.post(&verb(&ticket, "claim"), &json!({})).expect(200);
    night.block(&ticket["case"], &[&brother]);
    assert_eq!(other.post(&verb(&ticket, "claim"), &json!({})).expect(200).json["claimed_by"], "co-02");
}

fn paged(hotline: &Hotline) -> i64 {
    number(&mut hotline.stranger(), "SELECT count(*) AS value FROM notifications WHERE kind = 'page'")
}

fn a_house_that_keeps_no_hours_pages_nobody(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let night = Night::on(&floor);
    let only = night.counselor("co-01", &json!({"on_call": true}));
    let ticket = night.ticket(&calm());
    night.block(&ticket["case"], &[&only]);
    let steps = "SELECT count(*) AS value FROM steps WHERE kind IN ('everyone_blocked', 'nobody_to_page')";
    assert_eq!(number(&mut hotline.stranger(), steps), 0);
}

/// A house whose coordinators can be paged, one of them by name.
fn can_page(engine: Engine) -> Hotline {
    Hotline::with(engine, |config| {
        config.oversight.page = vec!["cd-01: first@example.org".into(), "lead@example.org".into()];
    })
}

#[test]
fn when_all_on_duty_must_not_know_a_lead_who_may_is_paged_once() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let hotline = can_page(engine);
        let floor = Floor::open(&hotline);
        let night = Night::on(&floor);
        let day = json!({"hours": from_to("08:00", "20:00")});
        let (one, two) = (night.counselor("co-01", &day), night.counselor("co-02", &day));
        night.counselor("co-03", &json!({"hours": from_to("20:00", "08:00"), "on_call": true}));
        let ticket = night.ticket(&calm());
        night.block(&ticket["case"], &[&one, &night.keeper]);
        assert_eq!(paged(&hotline), 0, "one who is there may know");
        night.block(&ticket["case"], &[&two]);
        night.block(&ticket["case"], &[&two]);
        let told = "SELECT count(*) AS value FROM steps WHERE kind = 'everyone_blocked'";
        assert_eq!(number(&mut hotline.stranger(), told), 1);
        let letters = floor.deliver();
        let pages: Vec<_> = letters.iter().filter(|letter| !letter.address.starts_with("shelter")).collect();
        let to: Vec<_> = pages.iter().map(|letter| letter.address.as_str()).collect();
        assert_eq!((to, paged(&hotline)), (vec!["lead@example.org"], 1), "cd-01 must not know either");
        let told = serde_json::to_string(&pages[0].letter).unwrap();
        assert!(told.contains(ticket["id"].as_str().unwrap()));
        for secret in [ticket["case"].as_str().unwrap(), ticket["contact"].as_str().unwrap(), "co-0", "Shelter", "/p/"]
        {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
}

#[test]
fn a_ticket_that_nobody_on_duty_may_know_of_pages_as_it_is_issued() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let hotline = can_page(engine);
        let floor = Floor::open(&hotline);
        let night = Night::on(&floor);
        let one = night.counselor("co-01", &json!({"hours": from_to("08:00", "20:00")}));
        let other = night.counselor("co-02", &json!({"hours": from_to("20:00", "08:00")}));
        let draft = night.seat.draft();
        let contact = draft.strip_prefix("/contacts/").unwrap();
        let case = night.seat.post("/cases", &json!({"contact": contact})).expect(201).json["id"].clone();
        night.block(&case, &[&one]);
        assert_eq!(paged(&hotline), 0, "no ticket waits yet");
        let ticket = night.issue(&draft);
        assert_eq!(paged(&hotline), 2);
        // Somebody who may know takes it and gives it back: it was told once.
        other.post(&verb(&ticket, "claim"), &json!({})).expect(200);
        other.post(&verb(&ticket, "release"), &json!({})).expect(200);
        assert_eq!(paged(&hotline), 2);
    }
}
