//! Response times, to the second: written down by hand here, and read back.

use diesel::prelude::*;
use goldaw::access::Role;
use goldaw::clock::{DAY, Instant, SECOND};
use goldaw::directory::{self, Areas, SAMPLE, SampleDirectory, ServiceFilter};
use goldaw::storage::records::Transition;
use goldaw::storage::schema::{blocked_parties, cases, contacts, notifications, referrals, staff, tickets};
use goldaw::storage::{By, Tx, new_id, new_reference};
use serde_json::{Value, json};

use crate::support::floor::{Floor, Seat};
use crate::support::http::TestApp;
use crate::support::{Hotline, MORNING, on_both_engines};

on_both_engines![
    every_step_of_a_ticket_is_told_to_the_second,
    after_a_decline_the_steps_are_those_of_the_service_asked_now,
    medians_are_those_of_the_group_and_an_auditor_sees_no_tickets,
    a_window_has_limits_and_pages_do_not_repeat,
    what_nobody_gives_is_counted_by_district,
    a_need_without_a_service_left_is_a_gap_although_services_are_open,
    a_small_district_is_told_to_nobody_but_coordinators,
    a_gap_in_a_case_that_is_hidden_is_not_counted,
];

/// Seconds after [`MORNING`].
fn at(seconds: i64) -> Instant {
    MORNING.plus(seconds * SECOND)
}

/// One ticket with one referral, and when everything happened to it.
struct Story {
    level: &'static str,
    issued: i64,
    steps: Vec<(&'static str, &'static str, i64)>,
    sent: Vec<i64>,
    hop: i32,
}

impl Story {
    fn plain(level: &'static str, issued: i64) -> Story {
        Story { level, issued, steps: Vec::new(), sent: Vec::new(), hop: 0 }
    }
}

struct Written {
    ticket: String,
    case_id: String,
    service: String,
}

/// The sample directory's first service: key and reference.
fn a_service(hotline: &Hotline) -> (String, String) {
    let config = hotline.app().config;
    let areas = Areas::load(&config).unwrap();
    let sample = SampleDirectory::parse(SAMPLE, &areas, &config).unwrap();
    let known = areas.clone();
    hotline.store.write_blocking(By::system(), move |tx| directory::import(tx, &known, &sample)).unwrap();
    let services = hotline
        .store
        .read_blocking(|db| directory::list_services(db, &areas, &ServiceFilter::default(), None, 1))
        .unwrap();
    (services[0].id.clone(), services[0].reference.clone())
}

fn write(hotline: &Hotline, service: &(String, String), story: Story) -> Written {
    let keys: Vec<String> = (0..5).map(|_| new_id(at(story.issued)).unwrap()).collect();
    let reference = new_reference('R').unwrap();
    let written = Written { ticket: reference.clone(), case_id: keys[0].clone(), service: service.1.clone() };
    let service = service.0.clone();
    let write = move |tx: &mut Tx<'_>| {
        records(tx, &keys, &reference, &service, &story)?;
        let subject = |kind: &str| match kind {
            "contact" => keys[1].as_str(),
            "ticket" => keys[2].as_str(),
            _ => keys[3].as_str(),
        };
        let mut steps: Vec<Transition<'_>> = story
            .steps
            .iter()
            .map(|(thing, kind, when)| Transition {
                subject: (thing, subject(thing)),
                kind,
                at: at(*when),
                detail: None,
            })
            .collect();
        steps.extend(story.sent.iter().map(|when| Transition {
            subject: ("notification", &keys[4]),
            kind: "sent",
            at: at(*when),
            detail: None,
        }));
        tx.steps(&steps)
    };
    hotline.store.write_blocking(By::system(), write).unwrap();
    written
}

fn records(tx: &mut Tx<'_>, keys: &[String], ticket: &str, service: &str, story: &Story) -> goldaw::error::Result<()> {
    let [case, contact, ticket_key, referral, letter] = keys else { panic!("five keys") };
    let issued = at(story.issued);
    let random = |letter| new_reference(letter).unwrap();
    let operator: String = staff::table.select(staff::id).first(tx.db)?;
    let row = (
        (cases::id.eq(case), cases::reference.eq(random('K')), cases::version.eq(1), cases::status.eq("open")),
        (cases::opened_by.eq("x"), cases::opened_at.eq(issued), cases::updated_at.eq(issued)),
        (cases::key_id.eq("x"), cases::document.eq(vec![0u8])),
    );
    diesel::insert_into(cases::table).values(row).execute(tx.db)?;
    let row = (
        (contacts::id.eq(contact), contacts::reference.eq(random('C')), contacts::version.eq(1)),
        (contacts::status.eq("finished"), contacts::kind.eq("support"), contacts::channel.eq("phone")),
        (contacts::direction.eq("inbound"), contacts::operator_id.eq(operator), contacts::opened_at.eq(issued)),
        (contacts::queued_at.eq(at(story.issued - 100)), contacts::answered_at.eq(at(story.issued - 93))),
        (contacts::updated_at.eq(issued), contacts::key_id.eq("x"), contacts::document.eq(vec![0u8])),
    );
    diesel::insert_into(contacts::table).values(row).execute(tx.db)?;
    let row = (
        (tickets::id.eq(ticket_key), tickets::reference.eq(ticket), tickets::version.eq(1), tickets::state.eq("open")),
        (tickets::contact_id.eq(contact), tickets::case_id.eq(case), tickets::level.eq(story.level)),
        (tickets::area.eq("TM-M-BAY"), tickets::issued_by.eq("x"), tickets::issued_at.eq(issued)),
        tickets::claim_due.eq(at(story.issued + 300)),
    );
    diesel::insert_into(tickets::table).values(row).execute(tx.db)?;
    let row = (
        (referrals::id.eq(referral), referrals::reference.eq(random('F')), referrals::version.eq(1)),
        (referrals::ticket_id.eq(ticket_key), referrals::need.eq("medical"), referrals::state.eq("requested")),
        (referrals::unroutable.eq(false), referrals::level.eq(story.level), referrals::service_id.eq(service)),
        (referrals::hop.eq(story.hop), referrals::issued_at.eq(issued)),
        (referrals::accept_due.eq(at(story.issued + 900)), referrals::start_due.eq(at(story.issued + 7200))),
    );
    diesel::insert_into(referrals::table).values(row).execute(tx.db)?;
    let row = (
        (notifications::id.eq(letter), notifications::reference.eq(random('N'))),
        (notifications::referral_id.eq(referral), notifications::service_id.eq(service)),
        (notifications::endpoint_id.eq("x"), notifications::partner.eq("x"), notifications::channel.eq("email")),
        (notifications::address.eq("x"), notifications::kind.eq("request"), notifications::revision.eq(1)),
        (notifications::urgent.eq(true), notifications::letter.eq("{}"), notifications::state.eq("sent")),
        (notifications::attempts.eq(1), notifications::tries.eq(0), notifications::not_before.eq(issued)),
        (notifications::fence.eq(1i64), notifications::created_at.eq(issued), notifications::give_up_at.eq(issued)),
        notifications::code_failures.eq(0),
    );
    diesel::insert_into(notifications::table).values(row).execute(tx.db)?;
    Ok(())
}

/// `(step, since, seconds)` of a chain.
fn steps(chain: &Value) -> Vec<(String, Option<String>, Option<i64>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    chain
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (text(&step["step"]).unwrap(), text(&step["since"]), step["seconds"].as_i64()))
        .collect()
}

fn expected(chain: &[(&str, Option<&str>, Option<i64>)]) -> Vec<(String, Option<String>, Option<i64>)> {
    chain.iter().map(|(step, since, seconds)| ((*step).into(), since.map(Into::into), *seconds)).collect()
}

fn every_step_of_a_ticket_is_told_to_the_second(hotline: &Hotline) {
    let app = TestApp::start(hotline);
    let coordinator = app.sign_in(hotline, "coord-01", Role::Coordinator).staff;
    let service = a_service(hotline);
    let mut story = Story::plain("critical", 1000);
    story.steps = vec![
        ("contact", "saved", 915),
        ("contact", "triaged", 920),
        ("contact", "finished", 990),
        ("contact", "triaged", 995),
        ("ticket", "issued", 1000),
        ("ticket", "claimed", 1301),
        ("referral", "asked", 1000),
        ("referral", "received", 1071),
        ("referral", "accepted", 1900),
        ("referral", "told", 1930),
        ("referral", "in_progress", 8201),
    ];
    story.sent = vec![1002, 1050];
    let written = write(hotline, &service, story);
    hotline.clock.set(at(9000));
    let coordinator = app.token_of(hotline, &coordinator);
    let told = app.get("/api/v1/reports/response-times", &coordinator);
    assert_eq!(told.status, 200, "{}", told.text);
    let ticket = &told.json["items"][0];
    assert_eq!((&ticket["ticket"], &ticket["level"]), (&json!(written.ticket), &json!("critical")));
    let call = [
        ("queued", None, None),
        ("answered", Some("queued"), Some(7)),
        ("saved", Some("answered"), Some(8)),
        ("triaged", Some("saved"), Some(5)),
        ("finished", Some("triaged"), Some(70)),
    ];
    assert_eq!(steps(&ticket["contact_steps"]), expected(&call));
    let claim = [("issued", None, None), ("claimed", Some("issued"), Some(301))];
    assert_eq!(steps(&ticket["ticket_steps"]), expected(&claim));
    assert_eq!(ticket["due"], json!([{"step": "claimed", "due": at(1300), "at": at(1301), "late": true}]));
    let referral = &ticket["referrals"][0];
    assert_eq!(referral["service"], json!(written.service));
    let help = [
        ("issued", None, None),
        ("notified", Some("issued"), Some(2)),
        ("received", Some("notified"), Some(69)),
        ("accepted", Some("received"), Some(829)),
        ("told", Some("accepted"), Some(30)),
        ("in_progress", Some("told"), Some(6271)),
    ];
    assert_eq!(steps(&referral["steps"]), expected(&help));
    assert_eq!(referral["steps"][3]["since_start_seconds"], 900);
    assert_eq!(referral["due"][0]["late"], false, "accepted in the very second it was due");
    assert_eq!(referral["due"][1]["late"], true);
}

fn after_a_decline_the_steps_are_those_of_the_service_asked_now(hotline: &Hotline) {
    let app = TestApp::start(hotline);
    let coordinator = app.sign_in(hotline, "coord-01", Role::Coordinator).staff;
    let service = a_service(hotline);
    let mut story = Story::plain("high", 0);
    story.hop = 1;
    story.sent = vec![3, 204];
    story.steps = vec![
        ("referral", "asked", 0),
        ("referral", "received", 10),
        ("referral", "accepted", 20),
        ("referral", "handed_back", 199),
        ("referral", "asked", 200),
        ("referral", "received", 260),
    ];
    write(hotline, &service, story);
    hotline.clock.set(at(1000));
    let coordinator = app.token_of(hotline, &coordinator);
    let told = app.get("/api/v1/reports/response-times", &coordinator);
    let referral = &told.json["items"][0]["referrals"][0];
    let help = [
        ("issued", None, None),
        ("asked", Some("issued"), Some(200)),
        ("notified", Some("asked"), Some(4)),
        ("received", Some("notified"), Some(56)),
    ];
    assert_eq!(steps(&referral["steps"]), expected(&help));
    assert_eq!(referral["due"][0]["late"], true, "nobody has accepted, and it is past due");
}

fn medians_are_those_of_the_group_and_an_auditor_sees_no_tickets(hotline: &Hotline) {
    let app = TestApp::start(hotline);
    let coordinator = app.sign_in(hotline, "coord-01", Role::Coordinator);
    let service = a_service(hotline);
    let claimed = |level, issued, after| {
        let mut story = Story::plain(level, issued);
        story.steps = vec![("ticket", "claimed", issued + after)];
        write(hotline, &service, story)
    };
    for (number, after) in [10, 20, 30, 40, 500].into_iter().enumerate() {
        claimed("critical", i64::try_from(number).unwrap(), after);
    }
    claimed("low", 50, 77);
    let hidden = claimed("critical", 60, 9_999).case_id;
    let viewer = coordinator.staff.id.clone();
    let block = move |tx: &mut Tx<'_>| {
        let row = (
            (blocked_parties::id.eq("b1"), blocked_parties::case_id.eq(&hidden), blocked_parties::at.eq(tx.now)),
            (blocked_parties::party_kind.eq("staff"), blocked_parties::party_id.eq(&viewer)),
            blocked_parties::recorded_by.eq("x"),
        );
        diesel::insert_into(blocked_parties::table).values(row).execute(tx.db)?;
        Ok(())
    };
    hotline.store.write_blocking(By::system(), block).unwrap();
    hotline.clock.set(at(20_000));
    let coordinator = app.token_of(hotline, &coordinator.staff);
    let auditor = app.sign_in(hotline, "audit-1", Role::Auditor).token;
    let told = app.get("/api/v1/reports/response-times?group_by=level", &coordinator);
    assert_eq!(told.json["items"].as_array().unwrap().len(), 6, "a case one must not see is not counted");
    let group = |told: &Value, name: &str| {
        told["groups"].as_array().unwrap().iter().find(|group| group["group"] == name).cloned().unwrap()
    };
    let spread =
        |group: &Value| group["steps"].as_array().unwrap().iter().find(|step| step["step"] == "claimed").cloned();
    let critical = group(&told.json, "critical");
    assert_eq!(
        spread(&critical).unwrap(),
        json!({"step": "claimed", "since": "issued", "count": 5, "median_seconds": 30, "p90_seconds": 500})
    );
    assert!(critical["due"].as_array().unwrap().contains(&json!({"step": "claimed", "count": 5, "late": 1})));
    let told = app.get("/api/v1/reports/response-times?group_by=level", &auditor);
    assert!(told.json.get("items").is_none());
    assert_eq!(spread(&group(&told.json, "critical")).unwrap()["count"], 6);
    assert_eq!(spread(&group(&told.json, "low")), None, "one duration is one person");
    let by_service = app.get("/api/v1/reports/response-times?group_by=service&level=low", &coordinator);
    assert_eq!(by_service.json["groups"][0]["group"], json!(service.1));
    assert_eq!(by_service.json["items"].as_array().unwrap().len(), 1);
}

fn a_window_has_limits_and_pages_do_not_repeat(hotline: &Hotline) {
    let app = TestApp::start(hotline);
    let coordinator = app.sign_in(hotline, "coord-01", Role::Coordinator).token;
    let operator = app.sign_in(hotline, "op-07", Role::Operator).token;
    let service = a_service(hotline);
    for second in 0..5 {
        // Two share each moment.
        write(hotline, &service, Story::plain("medium", -(second / 2) - 1));
    }
    let path = "/api/v1/reports/response-times";
    assert_eq!(app.get(path, &operator).status, 403);
    let (far, now) = (MORNING.plus(-94 * DAY), MORNING);
    for wrong in [
        format!("from={far}&to={now}"),
        format!("from={now}&to={now}"),
        "level=urgent".into(),
        "area=%25".into(),
        "service=x".into(),
        "group_by=operator".into(),
    ] {
        assert_eq!(app.get(&format!("{path}?{wrong}"), &coordinator).status, 422, "{wrong}");
    }
    assert_eq!(app.get(&format!("{path}?area=TM-D"), &coordinator).json["items"], json!([]));
    let mut next = Some(format!("{path}?limit=2&area=TM-M&to={now}"));
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = app.get(&path, &coordinator);
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(page.json.get("groups").is_some(), seen.is_empty(), "the summary stands on the first page");
        seen.extend(page.json["items"].as_array().unwrap().iter().map(|ticket| ticket["ticket"].to_string()));
        next = page.next();
    }
    assert_eq!(seen.len(), 5);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
}

fn call_for(seat: &Seat<'_>, wishes: Value, area: &str) -> String {
    let call = json!({"channel": "phone", "person": {"area": area}, "wishes": wishes, "finish": true});
    seat.call(&call).place()
}

/// `(area, need, asked, open services, unroutable)` of each gap.
fn gaps(seat: &Seat<'_>, query: &str) -> Vec<(Value, Value, Value, Value, Value)> {
    let items = seat.get(&format!("/reports/service-gaps{query}")).expect(200).json["items"].clone();
    let gap = |item: &Value| {
        let of = |name: &str| item[name].clone();
        (of("area"), of("need"), of("asked"), of("open_services"), of("unroutable"))
    };
    items.as_array().unwrap().iter().map(gap).collect()
}

fn gap(area: Value, need: &str, asked: i64, open: i64, unroutable: i64) -> (Value, Value, Value, Value, Value) {
    (area, json!(need), json!(asked), json!(open), json!(unroutable))
}

fn what_nobody_gives_is_counted_by_district(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (operator, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let shelter = floor.house(&keeper, "Shelter", "safe_house");
    call_for(&operator, json!(["safe_house", "legal", "legal"]), "TM-M-BAY");
    call_for(&operator, json!(["legal", "only_to_be_heard"]), "TM-M-BAY");
    call_for(&operator, json!(["safe_house"]), "TM-L-KER");
    call_for(&operator, json!(["safe_house"]), "TM-M");
    operator.call(&json!({"channel": "phone", "wishes": ["police"], "finish": true}));
    operator.call(&json!({"channel": "phone", "kind": "test", "person": {"area": "TM-L-KER"}, "wishes": ["legal"], "finish": true}));
    operator.call(&json!({"channel": "phone", "person": {"area": "TM-L-KER"}, "wishes": ["legal"]}));
    let found = [
        gap(Value::Null, "police", 1, 0, 0),
        gap(json!("TM-L-KER"), "safe_house", 1, 0, 0),
        gap(json!("TM-M-BAY"), "legal", 2, 0, 0),
    ];
    assert_eq!(gaps(&keeper, ""), found, "Mary has a shelter; drafts and tests ask for nothing");
    keeper.patch(&format!("/services/{}", shelter.id), 1, &json!({"status": "temporarily_closed"})).expect(200);
    let closed = gaps(&keeper, "");
    assert!(closed.contains(&gap(json!("TM-M-BAY"), "safe_house", 1, 0, 0)), "{closed:?}");
    assert!(closed.contains(&gap(json!("TM-M"), "safe_house", 1, 0, 0)), "{closed:?}");
    assert_eq!(gaps(&keeper, "?from=2026-11-24T00:00:00Z&to=2026-11-25T00:00:00Z").len(), 0);
    assert_eq!(keeper.get("/reports/service-gaps?from=2026-01-01T00:00:00Z").status, 422);
    assert_eq!(operator.get("/reports/service-gaps").status, 403);
}

fn a_need_without_a_service_left_is_a_gap_although_services_are_open(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (operator, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let shelter = floor.house(&keeper, "Shelter", "safe_house");
    let call = operator.call(&json!({"channel": "phone", "person": {"area": "TM-M-BAY"}})).place();
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [shelter.id], "consent": consent}]});
    let ticket = operator.post(&format!("{call}/tickets"), &needs).expect(201);
    assert_eq!(gaps(&keeper, "").len(), 0);
    let referral = ticket.json["referrals"][0]["id"].as_str().unwrap();
    let declined = json!({"reason": "no_capacity"});
    keeper.post(&format!("/referrals/{referral}/decline"), &declined).expect(200);
    assert_eq!(gaps(&keeper, ""), [gap(json!("TM-M-BAY"), "safe_house", 0, 1, 1)]);
}

fn a_small_district_is_told_to_nobody_but_coordinators(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (operator, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let auditor = floor.seat("au-01", Role::Auditor);
    (0..10).for_each(|_| drop(call_for(&operator, json!(["legal"]), "TM-M-BAY")));
    (0..9).for_each(|_| drop(call_for(&operator, json!(["legal"]), "TM-L-KER")));
    assert_eq!(gaps(&keeper, "").len(), 2);
    assert_eq!(
        gaps(&auditor, ""),
        [(json!("TM-M-BAY"), json!("legal"), json!(10), json!(0), Value::Null)],
        "nine is small, and so is zero"
    );
}

fn a_gap_in_a_case_that_is_hidden_is_not_counted(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (operator, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let draft = json!({"channel": "phone", "person": {"area": "TM-M-BAY"}, "wishes": ["legal"]});
    let call = operator.call(&draft).place();
    let contact = call.strip_prefix("/contacts/").unwrap();
    let case = operator.post("/cases", &json!({ "contact": contact })).expect(201);
    let parties = json!({"parties": [{"staff": keeper.staff.reference}]});
    operator.send("PUT", &format!("/cases/{}/blocked", case.text_of("id")), &[], &parties).expect(204);
    operator.post(&format!("{call}/finish"), &json!({})).expect(200);
    assert_eq!(gaps(&keeper, "").len(), 0);
    let other = floor.seat("cd-02", Role::Coordinator);
    assert_eq!(gaps(&other, ""), [gap(json!("TM-M-BAY"), "legal", 1, 0, 0)]);
}
