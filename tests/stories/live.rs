//! What happens is told while it happens: to whom, how much, and when a stream ends.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use goldaw::access::Role;
use goldaw::contacts;
use goldaw::storage::By;
use serde_json::{Value, json};

use crate::support::floor::{Floor, House, Seat};
use crate::support::{Engine, Hotline, on_both_engines};

on_both_engines![
    a_counselor_hears_of_a_ticket_by_reference_and_kind_while_it_happens,
    each_role_hears_of_what_its_lists_show,
    whoever_must_not_know_hears_nothing_and_cannot_tell_that_there_was_something,
    a_partner_hears_of_what_its_own_services_are_asked,
    a_stream_ends_with_the_session_and_with_the_process,
    one_person_listens_at_eight_places_and_no_more,
    another_server_over_the_same_house_tells_it_too,
    a_step_that_is_committed_behind_a_later_one_is_told_all_the_same,
];

/// Long enough for the slowest machine; no story waits for it in vain.
const LONG: Duration = Duration::from_secs(20);

/// A stream that somebody listens to.
pub struct Ear(Receiver<(String, Value)>);

impl Ear {
    /// Begins to listen; everything that happens from now on is heard.
    pub fn of(floor: &Floor<'_>, token: &str) -> Ear {
        let request =
            ureq::get(format!("{}/api/v1/events", floor.app.url)).header("authorization", format!("Bearer {token}"));
        let answer = request.call().unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut lines = BufReader::new(answer.into_body().into_reader()).lines().map_while(Result::ok);
        let (tell, told) = channel();
        std::thread::spawn(move || {
            while let Some(line) = lines.next() {
                let Some(name) = line.strip_prefix("event: ") else { continue };
                let data = lines.next().unwrap();
                let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                if tell.send((name.to_owned(), data)).is_err() {
                    return;
                }
            }
        });
        let ear = Ear(told);
        assert_eq!(ear.next(), Some(("ready".to_owned(), json!({}))));
        ear
    }

    /// What is heard next; `None` once the stream has ended.
    pub fn next(&self) -> Option<(String, Value)> {
        match self.0.recv_timeout(LONG) {
            Ok(event) => Some(event),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("nothing is heard"),
        }
    }

    /// What is heard before an organisation is made, which everybody may know of; not of services,
    /// which were made a moment before.
    fn until(&self, mark: &str) -> Vec<(String, Value)> {
        let heard = std::iter::from_fn(|| self.next());
        let heard = heard.take_while(|(name, data)| !(name == "organisation" && data["id"] == mark));
        heard.filter(|(name, _)| name != "service" && name != "organisation").collect()
    }
}

fn open(hotline: &Hotline) -> Floor<'_> {
    Floor::with(hotline, |config| config.server.stream_seconds = 60)
}

fn listen(floor: &Floor<'_>, seat: &Seat<'_>) -> Ear {
    Ear::of(floor, &floor.app.token_of(floor.hotline, &seat.staff))
}

/// Something everybody may know of, by which it is known that all before it was told.
fn mark(keeper: &Seat<'_>) -> String {
    keeper.post("/organisations", &json!({"kind": "state", "names": {"en": "A mark"}})).expect(201).text_of("id")
}

fn issue(seat: &Seat<'_>, house: &House) -> Value {
    let draft = seat.call(&json!({"channel": "phone", "answers": {"weapon": "yes"}})).place();
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [house.id], "consent": consent}]});
    seat.post(&format!("{draft}/tickets"), &needs).expect(201).json
}

fn a_counselor_hears_of_a_ticket_by_reference_and_kind_while_it_happens(hotline: &Hotline) {
    let floor = open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let counselor = floor.seat("co-01", Role::Counselor);
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let ear = listen(&floor, &counselor);
    let ticket = issue(&seat, &house);
    counselor.post(&format!("/tickets/{}/claim", ticket["id"].as_str().unwrap()), &json!({})).expect(200);
    let mark = mark(&keeper);
    let heard = ear.until(&mark);
    let of = |subject: &str, id: &Value, kind: &str| (subject.to_owned(), json!({"id": id, "kind": kind}));
    assert!(heard.contains(&of("ticket", &ticket["id"], "issued")), "{heard:?}");
    assert!(heard.contains(&of("referral", &ticket["referrals"][0]["id"], "asked")), "{heard:?}");
    assert_eq!(heard.last().unwrap(), &of("ticket", &ticket["id"], "claimed"));
}

fn each_role_hears_of_what_its_lists_show(hotline: &Hotline) {
    let floor = open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let (other, admin) = (floor.seat("op-08", Role::Operator), floor.seat("ad-01", Role::Admin));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let ears = [&seat, &other, &keeper, &admin].map(|seat| listen(&floor, seat));
    issue(&seat, &house);
    let mark = mark(&keeper);
    let kinds = |ear: &Ear| {
        let mut names: Vec<String> = ear.until(&mark).into_iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        names
    };
    let [hers, others, keepers, admins] = ears.each_ref().map(kinds);
    assert_eq!(hers, ["case", "contact", "referral", "ticket"]);
    assert_eq!(others, [""; 0]);
    assert_eq!(keepers, ["contact", "notification", "referral", "ticket"]);
    assert_eq!(admins, ["notification"]);
}

fn whoever_must_not_know_hears_nothing_and_cannot_tell_that_there_was_something(hotline: &Hotline) {
    let floor = open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let kin =
        [Role::Counselor, Role::Coordinator, Role::Admin].map(|role| floor.seat(&format!("kin-{}", role.code()), role));
    let house = floor.house(&keeper, "Shelter", "safe_house");
    let ticket = issue(&seat, &house);
    let parties: Vec<Value> = kin.iter().map(|kin| json!({"staff": kin.staff.reference})).collect();
    let blocked = format!("/cases/{}/blocked", ticket["case"].as_str().unwrap());
    seat.send("PUT", &blocked, &[], &json!({"parties": parties})).expect(204);
    let ears = kin.each_ref().map(|relative| listen(&floor, relative));
    let friend = listen(&floor, &floor.seat("co-02", Role::Counselor));
    let referral = ticket["referrals"][0]["id"].as_str().unwrap();
    keeper.post(&format!("/referrals/{referral}/accept"), &json!({})).expect(200);
    let mark = mark(&keeper);
    assert!(!friend.until(&mark).is_empty());
    for ear in ears {
        assert_eq!(ear.until(&mark), []);
    }
}

fn a_partner_hears_of_what_its_own_services_are_asked(hotline: &Hotline) {
    let floor = open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let (asked, other) = (floor.house(&keeper, "Shelter", "safe_house"), floor.house(&keeper, "Refuge", "safe_house"));
    let ears = [(&asked, "pa-01"), (&other, "pa-02")]
        .map(|(house, name)| Ear::of(&floor, &floor.app.sign_in_partner(hotline, name, &house.organisation).token));
    let ticket = issue(&seat, &asked);
    let mark = mark(&keeper);
    let [heard, nothing] = ears.each_ref().map(|ear| ear.until(&mark));
    let id = &ticket["referrals"][0]["id"];
    assert!(!heard.is_empty() && heard.iter().all(|(name, data)| name == "referral" && data["id"] == *id), "{heard:?}");
    assert_eq!(nothing, []);
    while hotline.store.write_blocking(By::system(), goldaw::referrals::escalation::climb).unwrap() {}
    let steps = floor.hotline.count("steps WHERE kind = 'phone_task'");
    assert_eq!((steps, ears[0].until(&self::mark(&keeper))), (1, vec![]), "what is done about their silence is ours");
    keeper.post(&format!("/referrals/{}/accept", id.as_str().unwrap()), &json!({})).expect(200);
    let heard = ears[0].until(&self::mark(&keeper));
    assert_eq!(heard, [("referral".to_owned(), json!({"id": id, "kind": "accepted"}))]);
}

fn a_stream_ends_with_the_session_and_with_the_process(hotline: &Hotline) {
    let floor = open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let token = floor.app.token_of(hotline, &seat.staff);
    let (hers, stays) = (Ear::of(&floor, &token), listen(&floor, &keeper));
    floor.app.post("/api/v1/auth/logout", &token, &json!({})).expect(204);
    let mark = mark(&keeper);
    assert_eq!(hers.next(), None, "nothing is told to a session that has ended");
    stays.until(&mark);
    drop(seat);
    drop(keeper);
    drop(floor);
    assert_eq!(stays.next(), None);
}

fn one_person_listens_at_eight_places_and_no_more(hotline: &Hotline) {
    let floor = open(hotline);
    let token = floor.app.token_of(hotline, &floor.operator().staff);
    let mut ears: Vec<Ear> = (0..8).map(|_| Ear::of(&floor, &token)).collect();
    floor.app.get("/api/v1/events", &token).expect(429);
    let other = floor.app.token_of(hotline, &floor.seat("op-08", Role::Operator).staff);
    Ear::of(&floor, &other);
    ears.truncate(7);
    assert_eq!(ears.len(), 7);
}

fn another_server_over_the_same_house_tells_it_too(hotline: &Hotline) {
    let (here, there) = (open(hotline), open(hotline));
    let (seat, keeper) = (here.operator(), here.seat("cd-01", Role::Coordinator));
    let ear = listen(&there, &keeper);
    let call = seat.draft();
    let mark = mark(&keeper);
    let heard = ear.until(&mark);
    assert!(heard.iter().any(|(_, data)| call.ends_with(data["id"].as_str().unwrap())), "{heard:?}");
}

fn a_step_that_is_committed_behind_a_later_one_is_told_all_the_same(hotline: &Hotline) {
    let floor = open(hotline);
    let (seat, keeper) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let ear = listen(&floor, &keeper);
    let call = seat.draft();
    let reference = call.trim_start_matches("/contacts/").to_owned();
    let id = hotline.store.read_blocking(|db| contacts::find(db, &reference)).unwrap().id;
    let (hold, held) = channel::<()>();
    let (store, slow_engine) = (hotline.store.clone(), hotline.engine == Engine::Postgres);
    let slow = std::thread::spawn(move || {
        let held = std::sync::Mutex::new(held);
        let write = move |tx: &mut goldaw::storage::Tx<'_>| {
            tx.step(("contact", &id), "slow", None)?;
            if slow_engine {
                let _ = held.lock().unwrap().recv_timeout(LONG);
            }
            Ok(())
        };
        store.write_blocking(By::system(), write).unwrap();
    });
    if slow_engine {
        std::thread::sleep(Duration::from_millis(500));
        let mark = mark(&keeper);
        assert!(!ear.until(&mark).iter().any(|(_, data)| data["kind"] == "slow"));
    }
    drop(hold);
    slow.join().unwrap();
    let mark = mark(&keeper);
    assert!(ear.until(&mark).iter().any(|(_, data)| data["kind"] == "slow"));
}
