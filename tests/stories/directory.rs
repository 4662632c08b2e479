//! What coordinators and partners do with the directory, and what it never gives away.
#![expect(clippy::indexing_slicing, reason = "a story that misses what it looks for fails, and says where")]

mod api;
mod hsds;

use goldaw::access::Role;
use goldaw::directory::{
    self, AreaKind, Areas, Capacity, Catalogue, Counts, EndpointStatus, OrganisationForm, SAMPLE, SampleDirectory,
    Service, ServiceFilter, ServiceForm, ServiceStatus, ServiceType, ServiceView, Verdict,
};
use goldaw::error::{Error, Result};
use goldaw::input::{FromJson, Json, read};
use goldaw::storage::{By, Tx};
use serde_json::{Value, json};

use crate::support::floor::{Floor, Seat};
use crate::support::{Hotline, number, on_both_engines, work};

on_both_engines![
    what_was_read_is_read_again_after_every_change,
    the_sample_fills_a_directory,
    a_list_is_paged_and_filtered,
    every_problem_of_a_service_is_told,
    a_change_keeps_what_it_does_not_name,
    a_change_from_an_old_version_is_refused,
    of_two_changes_at_once_one_is_refused,
    stating_capacity_starts_the_count_anew,
    a_new_address_waits_for_a_second_person,
    a_letter_leaves_for_the_address_that_two_agreed_on,
    a_refused_change_leaves_letters_as_they_were,
    nobody_alone_stops_letters,
    what_is_confirmed_is_what_was_seen,
    two_coordinators_confirm_what_the_other_changed,
    what_the_command_line_changed_is_settled_by_one_person,
    the_number_that_is_called_changes_when_a_second_person_agrees,
    nobody_alone_takes_the_number_away,
    a_code_is_renewed_by_two_and_shown_once,
    an_organisation_that_leaves_takes_its_services_along,
    a_partner_code_is_kept_as_it_was_hashed,
    a_hidden_place_is_not_in_the_view,
    the_gazetteer_fills_its_table_once,
];

pub fn areas(hotline: &Hotline) -> Areas {
    Areas::load(&hotline.setting.config).unwrap()
}

pub fn sample(hotline: &Hotline) -> Areas {
    let areas = areas(hotline);
    let sample = SampleDirectory::parse(SAMPLE, &areas, &hotline.setting.config).unwrap();
    let gazetteer = areas.clone();
    let many =
        hotline.store.write_blocking(By::system(), move |tx| directory::import(tx, &gazetteer, &sample)).unwrap();
    assert_eq!(many, 64);
    areas
}

fn form<T: FromJson>(body: &Value) -> Result<T> {
    read(&Json::parse(body.to_string().as_bytes())?)
}

/// A doctor in Bayramaly, as a coordinator would type her in.
pub fn doctor(organisation: &str) -> Value {
    json!({
        "organisation": organisation, "type": "medical", "names": {"en": "A doctor", "tk": "Lukman"},
        "areas": ["TM-M-BAY"], "location_area": "TM-M-BYC", "location_confidential": false,
        "hours": [{"days": ["mon", "fri"], "from": "09:00", "to": "18:00"}], "languages": ["tk"],
        "eligibility": {"sexes": ["female"], "age_min": 16}, "access": ["step_free"], "stock": {"pep": true},
        "capacity": {"unit": "appointments", "available": 4, "maximum": 6}, "duty_to_report": true,
        "endpoints": [{"channel": "email", "address": "a@example.org"}, {"channel": "phone", "address": "8 65 000001"}],
        "focal_points": [{"name": "The nurse on duty", "phone": "+993 65 000002"}], "phone": "65 00 00 03",
        "letter_language": "tk", "verified_at": "2026-11-01T00:00:00Z",
    })
}

fn add(hotline: &Hotline, change: Value) -> Result<Service> {
    let organisation: OrganisationForm = form(&json!({"kind": "state", "names": {"en": "Health"}})).unwrap();
    let areas = areas(hotline);
    hotline.store.write_blocking(By::system(), move |tx| {
        let organisation = directory::create_organisation(tx, &organisation)?;
        let mut body = doctor(&organisation.reference);
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        directory::create_service(tx, &areas, &form::<ServiceForm>(&body)?)
    })
}

fn change(hotline: &Hotline, by: By, service: &Service, patch: &Value) -> Result<Service> {
    let (areas, reference, seen) = (areas(hotline), service.reference.clone(), service.version);
    let patch = Json::parse(patch.to_string().as_bytes()).unwrap();
    hotline.store.write_blocking(by, move |tx| directory::update_service(tx, &areas, &reference, seen, &patch))
}

fn state(hotline: &Hotline, service: &Service, available: i32) -> Result<Service> {
    let (reference, seen) = (service.reference.clone(), service.version);
    let counts = Counts { available, maximum: 6 };
    hotline.store.write_blocking(By::system(), move |tx| directory::state_capacity(tx, &reference, seen, counts))
}

fn coordinator(number: &str) -> By {
    By { id: Some(format!("id-{number}")), name: number.to_owned(), role: "coordinator", request: String::new() }
}

fn the_sample_fills_a_directory(hotline: &Hotline) {
    let areas = sample(hotline);
    let found = hotline.store.read_blocking(|db| Catalogue::default().candidates(db, ServiceType::SafeHouse)).unwrap();
    assert!(found.len() > 5);
    let house =
        found.iter().map(|found| &found.service).find(|house| house.form.names.name_in("en", &[]).starts_with("Nar"));
    let house = house.unwrap().clone();
    assert_eq!(house.form.areas, ["TM-M"]);
    assert_eq!(house.endpoints.len(), 2);
    assert!(house.endpoints.iter().all(|endpoint| endpoint.status == EndpointStatus::Active));
    let (id, spoken) = (house.id.clone(), house.reference.to_lowercase().replace('-', " "));
    let again = hotline.store.read_blocking(|db| directory::find_service(db, &spoken)).unwrap();
    assert_eq!(again, *house);
    let letters = hotline.store.read_blocking(|db| directory::endpoints_of(db, &id)).unwrap();
    assert_eq!(letters.iter().map(|endpoint| endpoint.position).collect::<Vec<_>>(), [0, 1]);
    let in_mary = hotline.store.read_blocking(|db| directory::service_ids_serving(db, &areas, "TM-M-BAY")).unwrap();
    assert!(in_mary.contains(&id));
    let in_lebap =
        hotline.store.read_blocking(move |db| directory::service_ids_serving(db, &areas, "TM-L-KER")).unwrap();
    assert!(!in_lebap.contains(&id));
}

fn a_list_is_paged_and_filtered(hotline: &Hotline) {
    let areas = sample(hotline);
    let list = |filter: &ServiceFilter, after: Option<&str>, limit| {
        hotline.store.read_blocking(|db| directory::list_services(db, &areas, filter, after, limit)).unwrap()
    };
    let mut walked = Vec::new();
    loop {
        let after = walked.last().map(|service: &Service| service.id.clone());
        let page = list(&ServiceFilter::default(), after.as_deref(), 7);
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    assert_eq!(walked, list(&ServiceFilter::default(), None, 200));
    assert_eq!(walked.len(), 64);
    let filter = ServiceFilter {
        kind: Some(ServiceType::Medical),
        area: Some("TM-M-TAG".into()),
        status: Some(ServiceStatus::Inactive),
        organisation: Some(
            walked
                .iter()
                .find(|found| found.form.status == ServiceStatus::Inactive)
                .unwrap()
                .organisation
                .reference
                .clone(),
        ),
    };
    let found = list(&filter, None, 200);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].form.names.name_in("en", &[]), "Health house, Serhetabat (sample)");
    assert_eq!(list(&ServiceFilter { area: Some("XX".into()), ..filter }, None, 200).len(), 0);
}

fn every_problem_of_a_service_is_told(hotline: &Hotline) {
    let change = json!({
        "organisation": "O-0000-0000-000", "areas": ["XX"], "phone": "secret", "letter_language": "de", "type": "legal",
        "location_area": "YY",
    });
    let Err(Error::Invalid(problems)) = add(hotline, change) else { panic!("it should have been refused") };
    let told: Vec<_> = problems.iter().map(|problem| (problem.pointer.as_str(), problem.code)).collect();
    let expected = [
        ("/areas/0", "not_an_area"),
        ("/location_area", "not_an_area"),
        ("/stock", "only_for_medical"),
        ("/letter_language", "not_a_language_of_letters"),
        ("/phone", "not_a_phone_number"),
    ];
    assert_eq!(told, expected);
    assert!(!format!("{problems:?}").contains("secret"));
    let wrong = add(hotline, json!({"organisation": "O-0000-0000-000"}));
    assert_eq!(wrong.unwrap_err().problem("r")["errors"][0]["pointer"], "/organisation");
    assert_eq!(hotline.count("services"), 0);
}

fn a_change_keeps_what_it_does_not_name(hotline: &Hotline) {
    let made = add(hotline, json!({})).unwrap();
    assert_eq!(made.form.phone.as_deref(), Some("+99365000003"));
    assert_eq!(made.form.endpoints[1].address, "+99365000001");
    hotline.wait(1_000_000);
    let changed =
        change(hotline, By::system(), &made, &json!({"preference": 3, "areas": ["TM-M"], "verified_at": null}))
            .unwrap();
    let mut expected = made.clone();
    expected.version = 2;
    expected.updated_at = hotline.clock.now();
    (expected.form.preference, expected.form.areas, expected.form.verified_at) = (3, vec!["TM-M".into()], None);
    assert_eq!(changed, expected);
    assert_eq!(
        number(&mut hotline.stranger(), "SELECT count(*) AS value FROM trail WHERE action = 'services.change'"),
        1
    );
}

fn a_change_from_an_old_version_is_refused(hotline: &Hotline) {
    let made = add(hotline, json!({})).unwrap();
    change(hotline, By::system(), &made, &json!({"preference": 3})).unwrap();
    let late = change(hotline, By::system(), &made, &json!({"preference": 4}));
    assert!(matches!(late, Err(Error::Stale { current: 2 })));
    assert!(matches!(state(hotline, &made, 1), Err(Error::Stale { current: 2 })));
}

fn of_two_changes_at_once_one_is_refused(hotline: &Hotline) {
    let made = add(hotline, json!({})).unwrap();
    let state = |available| {
        let reference = made.reference.clone();
        work(move |tx| directory::state_capacity(tx, &reference, 1, Counts { available, maximum: 6 }).map(|_| ()))
    };
    let outcomes = hotline.together(vec![state(1), state(2)]);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(Error::Stale { current: 2 }))));
}

fn stating_capacity_starts_the_count_anew(hotline: &Hotline) {
    let made = add(hotline, json!({})).unwrap();
    assert_eq!(made.form.capacity.free(3), Some(1));
    hotline.wait(1_000_000);
    let edited = change(hotline, By::system(), &made, &json!({"preference": 3})).unwrap();
    assert_eq!(edited.capacity_stated_at, made.capacity_stated_at, "nobody stated anything");
    let stated = state(hotline, &edited, 5).unwrap();
    assert_eq!(stated.capacity_stated_at, hotline.clock.now());
    assert!(matches!(stated.form.capacity, Capacity::Stated { available: 5, maximum: 6, .. }));
    let endless = add(hotline, json!({"capacity": {"unlimited": true}})).unwrap();
    assert!(matches!(state(hotline, &endless, 5), Err(Error::Conflict { code: "capacity_unlimited", .. })));
    assert_eq!(
        number(&mut hotline.stranger(), "SELECT count(*) AS value FROM steps WHERE kind = 'capacity_stated'"),
        1
    );
}

fn settle(hotline: &Hotline, by: &str, service: &Service, verdict: Verdict) -> Result<Service> {
    let (reference, seen) = (service.reference.clone(), service.version);
    let settle = move |tx: &mut Tx<'_>| directory::settle_endpoints(tx, &reference, seen, verdict);
    hotline.store.write_blocking(coordinator(by), settle)
}

/// Where letters to a service go, in their order.
fn letters(hotline: &Hotline, service: &Service) -> Vec<String> {
    let id = service.id.clone();
    let used = hotline.store.read_blocking(move |db| directory::endpoints_of(db, &id)).unwrap();
    used.into_iter().map(|endpoint| endpoint.address).collect()
}

fn mail(addresses: &[&str]) -> Value {
    let mail = |address: &&str| json!({"channel": "email", "address": format!("{address}@example.org")});
    json!({ "endpoints": addresses.iter().map(mail).collect::<Vec<_>>() })
}

fn a_new_address_waits_for_a_second_person(hotline: &Hotline) {
    let made = add(hotline, mail(&["a", "b"])).unwrap();
    assert_eq!(letters(hotline, &made), ["a@example.org", "b@example.org"], "entered with it, in use at once");
    let changed = change(hotline, coordinator("co-01"), &made, &mail(&["c", "b"])).unwrap();
    assert_eq!(letters(hotline, &changed), letters(hotline, &made), "letters go where they went");
    assert_eq!(changed.form.endpoints.len(), 2, "what shall go is no longer what is written");
    let edited = change(hotline, coordinator("co-02"), &changed, &json!({"preference": 3})).unwrap();
    assert_eq!(edited.endpoints, changed.endpoints, "another change is no agreement");
    let alone = settle(hotline, "co-01", &edited, Verdict::Confirmed);
    assert!(matches!(alone, Err(Error::Conflict { code: "second_person_needed", .. })));
    let settled = settle(hotline, "co-02", &edited, Verdict::Confirmed).unwrap();
    assert_eq!(letters(hotline, &settled), ["c@example.org", "b@example.org"]);
    let again = settle(hotline, "co-02", &settled, Verdict::Confirmed);
    assert!(matches!(again, Err(Error::Conflict { code: "nothing_to_confirm", .. })));
}

/// Issues a ticket to a service; gives where its letter went.
fn sent_to(floor: &Floor<'_>, operator: &Seat<'_>, service: &str) -> Vec<String> {
    let consent =
        json!({"given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "fields": ["need"]});
    let needs = json!({"needs": [{"need": "safe_house", "services": [service], "consent": consent}]});
    operator.post(&format!("{}/tickets", operator.draft()), &needs).expect(201);
    floor.deliver().into_iter().map(|letter| letter.address).collect()
}

fn a_letter_leaves_for_the_address_that_two_agreed_on(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (operator, first) = (floor.operator(), floor.seat("cd-01", Role::Coordinator));
    let second = floor.seat("cd-02", Role::Coordinator);
    let house = floor.house(&first, "Shelter", "safe_house");
    let path = format!("/services/{}", house.id);
    first.patch(&path, 1, &mail(&["new"])).expect(200);
    assert_eq!(sent_to(&floor, &operator, &house.id), ["shelter@example.org"]);
    let confirm = |seat: &Seat<'_>, version: &str| {
        seat.send("POST", &format!("{path}/endpoints/confirm"), &[("if-match", version)], &json!({}))
    };
    assert_eq!(confirm(&first, "\"2\"").expect(409).json["code"], "second_person_needed");
    confirm(&second, "\"1\"").expect(412);
    let settled = confirm(&second, "\"2\"").expect(200);
    assert_eq!(settled.json["endpoints"].as_array().unwrap().len(), 1);
    assert_eq!(sent_to(&floor, &operator, &house.id), ["new@example.org"]);
}

fn a_refused_change_leaves_letters_as_they_were(hotline: &Hotline) {
    let made = add(hotline, mail(&["a", "b"])).unwrap();
    let changed = change(hotline, coordinator("co-01"), &made, &mail(&["c"])).unwrap();
    let alone = settle(hotline, "co-01", &changed, Verdict::Refused);
    assert!(matches!(alone, Err(Error::Conflict { code: "second_person_needed", .. })));
    let refused = settle(hotline, "co-02", &changed, Verdict::Refused).unwrap();
    assert_eq!((letters(hotline, &refused), &refused.form), (letters(hotline, &made), &made.form));
    assert!(refused.endpoints.iter().all(|one| one.status == EndpointStatus::Active && one.proposed_by.is_none()));
    let trail = "SELECT count(*) AS value FROM trail WHERE action = 'services.refuse_endpoints'";
    assert_eq!(number(&mut hotline.stranger(), trail), 1);
}

fn nobody_alone_stops_letters(hotline: &Hotline) {
    let made = add(hotline, json!({"phone": null})).unwrap();
    let emptied = change(hotline, coordinator("co-01"), &made, &json!({"endpoints": null})).unwrap();
    assert_eq!(letters(hotline, &emptied), letters(hotline, &made));
    assert!(emptied.is_reachable() && emptied.form.endpoints.is_empty());
    let back = json!({"endpoints": made.form.endpoints});
    let back = change(hotline, coordinator("co-01"), &emptied, &back).unwrap();
    assert!(back.endpoints.iter().all(|one| one.status == EndpointStatus::Active), "wanted back, it never left");
    let emptied = change(hotline, coordinator("co-01"), &back, &json!({"endpoints": null})).unwrap();
    let gone = settle(hotline, "co-02", &emptied, Verdict::Confirmed).unwrap();
    assert!(letters(hotline, &gone).is_empty() && !gone.is_reachable());
}

fn what_is_confirmed_is_what_was_seen(hotline: &Hotline) {
    let made = add(hotline, mail(&["a"])).unwrap();
    let seen = change(hotline, coordinator("co-01"), &made, &mail(&["b"])).unwrap();
    let swapped = change(hotline, coordinator("co-01"), &seen, &mail(&["x"])).unwrap();
    let stale = settle(hotline, "co-02", &seen, Verdict::Confirmed);
    assert!(matches!(stale, Err(Error::Stale { current: 3 })));
    assert_eq!(letters(hotline, &swapped), ["a@example.org"]);
    let reference = made.reference.clone();
    let by = |name: &str, verdict| {
        let (reference, name) = (reference.clone(), name.to_owned());
        work(move |tx| {
            tx.by = Box::leak(Box::new(coordinator(&name)));
            directory::settle_endpoints(tx, &reference, 3, verdict).map(|_| ())
        })
    };
    let outcomes = hotline.together(vec![by("co-02", Verdict::Confirmed), by("co-03", Verdict::Refused)]);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
}

fn two_coordinators_confirm_what_the_other_changed(hotline: &Hotline) {
    let made = add(hotline, mail(&["a"])).unwrap();
    let first = change(hotline, coordinator("co-01"), &made, &mail(&["a", "b"])).unwrap();
    let second = change(hotline, coordinator("co-02"), &first, &mail(&["a", "b", "c"])).unwrap();
    let one = settle(hotline, "co-01", &second, Verdict::Confirmed).unwrap();
    assert_eq!(letters(hotline, &one), ["a@example.org", "c@example.org"]);
    let both = settle(hotline, "co-02", &one, Verdict::Confirmed).unwrap();
    assert_eq!(letters(hotline, &both), ["a@example.org", "b@example.org", "c@example.org"]);
}

fn what_the_command_line_changed_is_settled_by_one_person(hotline: &Hotline) {
    let made = add(hotline, mail(&["a"])).unwrap();
    let changed = change(hotline, By::system(), &made, &mail(&["b"])).unwrap();
    assert_eq!(letters(hotline, &changed), ["a@example.org"], "nor does the program lead letters astray alone");
    let settled = settle(hotline, "co-01", &changed, Verdict::Confirmed).unwrap();
    assert_eq!(letters(hotline, &settled), ["b@example.org"]);
}

fn the_number_that_is_called_changes_when_a_second_person_agrees(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.seat("cd-01", Role::Coordinator), floor.seat("cd-02", Role::Coordinator));
    let path = format!("/services/{}", floor.house(&first, "Shelter", "safe_house").id);
    let settle = |seat: &Seat<'_>, verdict: &str, version: i64| {
        let tag = format!("\"{version}\"");
        seat.send("POST", &format!("{path}/endpoints/{verdict}"), &[("if-match", &tag)], &json!({}))
    };
    let numbers = |answer: crate::support::http::Answer| {
        let json = answer.expect(200).json;
        (json["phone"].clone(), json["phone_wanted"].clone())
    };
    let wanted = json!({"number": "+99365123456"});
    assert_eq!(numbers(first.patch(&path, 1, &json!({"phone": "65 123456"}))), (Value::Null, wanted.clone()));
    assert_eq!(numbers(second.patch(&path, 2, &json!({"preference": 3}))), (Value::Null, wanted), "no agreement");
    assert_eq!(settle(&first, "confirm", 3).expect(409).json["code"], "second_person_needed");
    settle(&second, "confirm", 2).expect(412);
    let (agreed, nothing) = (json!("+99365123456"), Value::Null);
    assert_eq!(numbers(settle(&second, "confirm", 3)), (agreed.clone(), nothing.clone()));
    assert_eq!(settle(&second, "confirm", 4).expect(409).json["code"], "nothing_to_confirm");
    first.patch(&path, 4, &json!({"phone": "65 999999"})).expect(200);
    assert_eq!(numbers(settle(&second, "refuse", 5)), (agreed, nothing));
}

fn a_code_is_renewed_by_two_and_shown_once(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let (first, second) = (floor.seat("cd-01", Role::Coordinator), floor.seat("cd-02", Role::Coordinator));
    let service = floor.house(&first, "Shelter", "safe_house").id;
    let ask = |seat: &Seat<'_>, end: &str, key: &str, version: i64| {
        let tag = format!("\"{version}\"");
        let headers = [("if-match", &*tag), ("idempotency-key", key)];
        seat.send("POST", &format!("/services/{service}/partner-code{end}"), &headers, &json!({}))
    };
    let kept = || {
        let found = hotline.store.read_blocking(|db| directory::find_service(db, &service)).unwrap();
        (found.id, found.partner_code_mac.unwrap())
    };
    let (key, old) = kept();
    assert_eq!(ask(&second, "/confirm", "key-00001", 1).expect(409).json["code"], "nothing_to_confirm");
    assert_eq!(ask(&first, "", "key-00002", 1).expect(200).json["partner_code_wanted"], true);
    assert_eq!(kept().1, old, "the old one opens until somebody else agrees");
    assert_eq!(ask(&first, "/confirm", "key-00003", 2).expect(409).json["code"], "second_person_needed");
    let code = ask(&second, "/confirm", "key-00004", 2).expect(200).text_of("code");
    assert_eq!(kept().1, directory::code_mac(&hotline.vault, &key, &code));
    assert_eq!(ask(&second, "/confirm", "key-00004", 2).expect(200).json["code"], Value::Null);
    assert_eq!(ask(&second, "/confirm", "key-00005", 3).expect(409).json["code"], "nothing_to_confirm");
}

fn nobody_alone_takes_the_number_away(hotline: &Hotline) {
    let made = add(hotline, json!({"phone": "65 123456"})).unwrap();
    assert_eq!(made.form.phone.as_deref(), Some("+99365123456"), "entered with it, in use at once");
    let emptied = change(hotline, coordinator("co-01"), &made, &json!({"phone": null})).unwrap();
    assert!(emptied.is_reachable() && emptied.form.phone == made.form.phone);
    let gone = settle(hotline, "co-02", &emptied, Verdict::Confirmed).unwrap();
    assert_eq!((gone.form.phone, gone.phone_wanted), (None, None));
}

fn an_organisation_that_leaves_takes_its_services_along(hotline: &Hotline) {
    let made = add(hotline, json!({})).unwrap();
    let reference = made.organisation.reference.clone();
    let patch = Json::parse(br#"{"status":"inactive"}"#).unwrap();
    let left = hotline
        .store
        .write_blocking(By::system(), move |tx| directory::update_organisation(tx, &reference, 1, &patch))
        .unwrap();
    assert_eq!(left.version, 2);
    let service = hotline.store.read_blocking(|db| directory::service_by_id(db, &made.id)).unwrap();
    assert_eq!((service.status(), service.form.status), (ServiceStatus::Inactive, ServiceStatus::Active));
}

fn a_partner_code_is_kept_as_it_was_hashed(hotline: &Hotline) {
    let made = add(hotline, json!({})).unwrap();
    let id = made.id.clone();
    hotline.store.write_blocking(By::system(), move |tx| directory::set_partner_code(tx, &id, "mac")).unwrap();
    let service = hotline.store.read_blocking(|db| directory::service_by_id(db, &made.id)).unwrap();
    assert_eq!(service.partner_code_mac.as_deref(), Some("mac"));
    let nobody = hotline.store.write_blocking(By::system(), |tx| directory::set_partner_code(tx, "none", "mac"));
    assert!(matches!(nobody, Err(Error::NotFound)));
}

fn a_hidden_place_is_not_in_the_view(hotline: &Hotline) {
    let made = add(hotline, json!({"location_area": "TM-M-MRC", "location_confidential": true})).unwrap();
    let text = serde_json::to_string(&ServiceView::of(made.clone(), true)).unwrap();
    assert!(!text.contains("TM-M-MRC") && !text.contains(&made.id) && !text.contains(&made.organisation.id));
    let outside = serde_json::to_string(&ServiceView::of(made, false)).unwrap();
    assert!(!outside.contains("a@example.org") && !outside.contains("99365") && !outside.contains("nurse"));
}

fn the_gazetteer_fills_its_table_once(hotline: &Hotline) {
    let areas = areas(hotline);
    let country = areas.all().iter().filter(|area| area.kind == AreaKind::Country).count();
    assert_eq!(country, 1);
    let many = i64::try_from(areas.all().len()).unwrap();
    for _ in 0..2 {
        let areas = areas.clone();
        hotline.store.write_blocking(By::system(), move |tx| directory::publish_areas(tx, &areas)).unwrap();
        assert_eq!(hotline.count("areas"), many);
    }
    assert_eq!(hotline.count("trail"), 1);
}

fn what_was_read_is_read_again_after_every_change(hotline: &Hotline) {
    let service = add(hotline, json!({})).unwrap();
    let (catalogue, kind) = (Catalogue::default(), service.form.kind);
    let same = |told: &str| {
        let read = |catalogue: &Catalogue| {
            let found = hotline.store.read_blocking(|db| catalogue.candidates(db, kind)).unwrap();
            found.into_iter().map(|found| (*found.service).clone()).collect::<Vec<_>>()
        };
        assert_eq!(read(&catalogue), read(&Catalogue::default()), "{told}");
        read(&catalogue)
    };
    let read = |id: &str| hotline.store.read_blocking(|db| directory::service_by_id(db, id)).unwrap();
    assert_eq!(same("at first"), std::slice::from_ref(&service));
    let service = change(hotline, coordinator("cd-01"), &service, &json!({"duty_to_report": false})).unwrap();
    assert_eq!(same("what it says"), std::slice::from_ref(&service));
    let service = state(hotline, &service, 1).unwrap();
    assert_eq!(same("what is free"), std::slice::from_ref(&service));
    change(hotline, coordinator("cd-01"), &service, &mail(&["new"])).unwrap();
    same("an address that waits");
    settle(hotline, "cd-02", &read(&service.id), Verdict::Confirmed).unwrap();
    let address = same("an address that two agreed on")[0].endpoints[0].id.clone();
    hotline.store.write_blocking(By::system(), move |tx| directory::mark_failing(tx, &address)).unwrap();
    let failing = |service: &Service| service.endpoints.iter().any(|one| one.status == EndpointStatus::Failing);
    assert!(failing(&same("an address that fails")[0]));
    let other = add(hotline, json!({})).unwrap();
    assert_eq!(same("one more").len(), 2);
    let gone = json!({"status": "inactive"}).to_string();
    let (id, version) = (other.organisation.reference.clone(), other.organisation.version);
    hotline
        .store
        .write_blocking(coordinator("cd-01"), move |tx| {
            directory::update_organisation(tx, &id, version, &Json::parse(gone.as_bytes()).unwrap())
        })
        .unwrap();
    same("an organisation that leaves");
}
