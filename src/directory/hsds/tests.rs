//! What is written is read back as it was, whatever it is; as JSON and as tables.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::import::together;
use super::write::House;
use super::{Document, Incoming, Package, Table, Tables};
use crate::clock::Instant;
use crate::config::Config;
use crate::directory::areas::Areas;
use crate::directory::codes::{AccessNeed, OrganisationKind, ServiceStatus, ServiceType};
use crate::directory::form::ServiceForm;
use crate::directory::model::Service;
use crate::directory::names::Names;
use crate::directory::{Candidate, OrganisationForm};
use crate::input::{Json, read};

fn words() -> impl Strategy<Value = String> {
    // What spreadsheets, CSV and JSON trip over, and letters of the place.
    "[=+@'\\-\",;öýЖ 0-9a-z]{0,20}[a-zý]".prop_map(|text| text.trim().to_owned())
}

fn texts(least: usize) -> impl Strategy<Value = Value> {
    btree_map(select(vec!["en", "tk", "ru", "uz", "sign"]), words(), least..5).prop_map(|texts| json!(texts))
}

fn time() -> impl Strategy<Value = String> {
    (0..24u32, 0..60u32).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
}

fn hours() -> impl Strategy<Value = Value> {
    let days = subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 0..=7);
    let line = (days, time(), time()).prop_map(|(days, from, to)| json!({"days": days, "from": from, "to": to}));
    prop_oneof![Just(json!("24/7")), vec(line, 0..5).prop_map(|lines| json!(lines))]
}

fn exceptions() -> impl Strategy<Value = Value> {
    let date = (2025..2030i32, 1..=12u32, 1..=28u32).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}"));
    let shut = date.clone().prop_map(|date| json!({"date": date, "closed": true}));
    let open = (date, time(), time()).prop_map(|(date, from, to)| json!({"date": date, "from": from, "to": to}));
    vec(prop_oneof![shut, open], 0..4).prop_map(|list| json!(list))
}

fn capacity() -> impl Strategy<Value = Value> {
    let counted = (select(vec!["places", "cars"]), 0..50i64, 0..50i64)
        .prop_map(|(unit, a, b)| json!({"unit": unit, "available": a.min(b), "maximum": a.max(b)}));
    prop_oneof![Just(json!({"unlimited": true})), counted]
}

fn eligibility() -> impl Strategy<Value = Value> {
    let ages = option::of((0..60i64, 60..120i64));
    let sexes = subsequence(vec!["female", "male", "other"], 0..=3);
    (ages, sexes, option::of(any::<bool>()), option::of(any::<bool>())).prop_map(
        |(ages, sexes, children, disability)| {
            json!({"age_min": ages.map(|a| a.0), "age_max": ages.map(|a| a.1), "sexes": sexes, "children": children,
            "disability": disability})
        },
    )
}

prop_compose! {
    fn body()(
        kind in select(ServiceType::ALL.to_vec()),
        status in select(ServiceStatus::ALL.to_vec()),
        names in texts(1),
        descriptions in texts(0),
        areas in btree_set(select(vec!["TM", "TM-M", "TM-M-BAY", "TM-L", "TM-D"]), 1..4),
        place in (option::of(Just("TM-M-MRC")), any::<bool>()),
        week in (hours(), exceptions()),
        languages in subsequence(vec!["tk", "ru", "sign", "en"], 0..=4),
        eligibility in eligibility(),
        access in subsequence(AccessNeed::ALL.to_vec(), 0..=7),
        stock in (option::of(any::<bool>()), option::of(any::<bool>())),
        capacity in capacity(),
        rest in (any::<bool>(), 0..=1000i32, select(vec!["tk", "ru", "en"])),
        verified in option::of(0..4_000_000_000_000_000i64),
    ) -> Value {
        let stock = if kind == ServiceType::Medical { json!({"pep": stock.0, "emergency_contraception": stock.1}) } else { json!({}) };
        json!({
            "organisation": "O-1", "type": kind, "names": names, "descriptions": descriptions, "status": status,
            "areas": areas, "location_area": place.0, "location_confidential": place.1, "hours": week.0,
            "exceptions": week.1, "languages": languages, "eligibility": eligibility, "access": access, "stock": stock,
            "capacity": capacity, "duty_to_report": rest.0, "preference": rest.1, "letter_language": rest.2,
            "verified_at": verified.map(|at| Instant(at).rfc3339()), "phone": "+99365000003",
            "endpoints": [{"channel": "email", "address": "a@example.org"}], "focal_points": [{"name": "The nurse"}],
        })
    }
}

fn service(body: &Value) -> Service {
    let form: ServiceForm = read(&Json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    let mut service = std::sync::Arc::unwrap_or_clone(Candidate::sketch("S-1", form).service);
    service.organisation.reference = "O-1".to_owned();
    let organisation = json!({"kind": OrganisationKind::Private, "names": body["names"], "status": "inactive"});
    service.organisation.form =
        read::<OrganisationForm>(&Json::parse(organisation.to_string().as_bytes()).unwrap()).unwrap();
    service.capacity_stated_at = Instant(1_700_000_000_123_456);
    service
}

fn config() -> Config {
    Config::defaults("/tmp".as_ref()).unwrap()
}

fn written(service: &Service) -> Document {
    let config = config();
    let areas = Areas::load(&config).unwrap();
    let house = House { ids: &Default::default(), areas: &areas, languages: &config.place.languages };
    Document::of(std::slice::from_ref(&service.organisation), std::slice::from_ref(service), &house)
}

/// What a file may say of a service.
fn may_leave(form: &ServiceForm) -> ServiceForm {
    let mut form = form.clone();
    (form.organisation, form.phone) = (String::new(), None);
    form.endpoints.clear();
    form.focal_points.clear();
    form.location_area = form.location_area.filter(|_| !form.location_confidential);
    form
}

fn assert_same(file: &Incoming, service: &Service) {
    let languages = config().place.languages;
    let one = &file.services[0];
    let names = |main, others| -> Names { together(main, &one.texts, others, &languages).unwrap() };
    let (name, description) = (
        names(Some(&one.texts.name), &one.texts.names),
        names(one.texts.description.as_ref(), &one.texts.descriptions),
    );
    assert_eq!(one.form(None, name, description), Some(may_leave(&service.form)));
    assert_eq!(one.capacity_stated_at, Some(service.capacity_stated_at));
    assert_eq!(file.left_out(), Default::default());
    let organisation = &file.organizations[0];
    let form = &service.organisation.form;
    assert_eq!((organisation.kind, organisation.status), (form.kind, form.status));
    let texts = &organisation.texts;
    assert_eq!(together(Some(&texts.name), texts, &texts.names, &languages).as_ref(), Ok(&form.names));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn json_comes_back_as_it_left(body in body()) {
        let service = service(&body);
        let text = serde_json::to_string(&written(&service)).unwrap();
        assert_same(&read(&Json::parse(text.as_bytes()).unwrap()).unwrap(), &service);
    }

    #[test]
    fn tables_come_back_as_they_left(body in body()) {
        let service = service(&body);
        let tables = Tables::of(&written(&service)).unwrap();
        let files: Vec<_> = Table::ALL.iter().map(|table| (table.file(), tables.csv(*table).unwrap())).collect();
        assert_same(&Package::parse(&files).unwrap().incoming, &service);
    }

    #[test]
    fn nothing_of_how_it_is_reached_or_hidden_leaves(body in body()) {
        let service = service(&body);
        let text = serde_json::to_string(&written(&service)).unwrap();
        prop_assert!(!text.contains("99365") && !text.contains("example.org") && !text.contains("nurse"));
        prop_assert_eq!(text.contains("TM-M-MRC"), service.form.location_area.is_some() && !service.form.location_confidential);
    }

    #[test]
    fn no_file_makes_the_reader_panic(bytes in vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = Package::parse(&[("services.csv".into(), text.clone()), ("organizations.csv".into(), text)]);
    }
}

#[test]
fn a_row_of_something_that_is_not_kept_is_counted() {
    let body = json!({"organisation": "O-1", "type": "legal", "names": {"en": "House"}, "areas": ["TM"], "hours": "24/7",
        "location_confidential": false, "capacity": {"unlimited": true}, "duty_to_report": false, "letter_language": "en"});
    let tables = Tables::of(&written(&service(&body))).unwrap();
    let mut files: Vec<_> = Table::ALL.iter().map(|table| (table.file(), tables.csv(*table).unwrap())).collect();
    for (file, text) in &mut files {
        match file.as_str() {
            "schedules.csv" => text.push_str("x,,,,WEEKLY,MO,,09:00,10:00\r\n"),
            "locations.csv" => text.push_str("x,postal,Box,,\r\n"),
            "attributes.csv" => text.push_str("x,y,z,location,v\r\n"),
            _ => {}
        }
    }
    files.push(("phones.csv".into(), "id,number\n1,2\n3,4\n".into()));
    let told = Package::parse(&files).unwrap().incoming.left_out();
    let told: Vec<(&str, usize)> = told.iter().map(|(table, rows)| (table.as_str(), *rows)).collect();
    assert_eq!(told, [("attributes", 1), ("locations", 1), ("phones", 2), ("schedules", 1)]);
}

#[test]
fn a_fault_in_a_table_is_told_with_its_file_and_line() {
    let id = "d9d5e0f5-d3ce-4f73-9a2f-4dd0ecc6c610";
    let organizations = format!("id,name,description\n{id},=House,words\nnonsense,House,words\n");
    let services = format!("id,organization_id,name,status,fees,colour\n{id},{id},House,busy,none,purple\n");
    let files = [
        ("organizations.csv", organizations.as_str()),
        ("services.csv", &services),
        ("schedules.csv", "id,service_id\n1,2\n"),
    ];
    let told = Package::parse(&files.map(|(name, text)| (name.into(), text.into()))).unwrap_err();
    let expected = [
        "schedules.csv line 2: belongs to nothing",
        "organizations.csv line 2: attributes needs_kind",
        "organizations.csv line 3: id not_a_uuid",
        "services.csv line 2: status not_allowed (one of: active, temporarily closed, inactive, defunct)",
        "services.csv line 2: service_areas required",
        "services.csv line 2: attributes needs_type",
    ];
    for line in expected {
        assert!(told.iter().any(|told| told == line), "{line} is not in {told:#?}");
    }
    assert!(told.iter().any(|told| told.starts_with("services.csv line 2: unknown_field")), "{told:#?}");
    assert!(!told.concat().contains("nonsense") && !told.concat().contains("purple"));
    for (broken, fault) in
        [("id,id\n1,1\n", "line 1: names a column twice"), ("id,name\n1\n", "line 2: has not as many")]
    {
        let told = Package::parse(&[("services.csv".into(), broken.into())]).unwrap_err();
        assert!(told[0].contains(fault), "{told:?}");
    }
}
