//! The directory as Open Referral HSDS: right by the published schema, whole on the way back, and
//! silent about what stays in the house.
#![expect(clippy::indexing_slicing, reason = "a story that misses what it looks for fails, and says where")]

use goldaw::access::Role;
use goldaw::directory::hsds::{Package, Table};
use goldaw::directory::{self, Capacity, EndpointStatus, Service, ServiceFilter};
use goldaw::storage::By;
use serde_json::{Value, json};

use super::{add, areas, change, coordinator, sample, state};
use crate::support::floor::{Floor, Seat};
use crate::support::{Hotline, number, on_both_engines};

on_both_engines![
    what_is_exported_is_right_by_the_published_schema,
    a_directory_goes_to_another_house_and_loses_nothing_but_what_must_not_leave,
    the_same_file_again_changes_nothing,
    one_fault_in_one_row_and_nothing_is_imported,
    every_fault_is_told_with_its_row,
    a_confidential_place_stays_and_no_file_opens_it,
    how_a_service_is_reached_is_neither_written_nor_touched,
    a_file_does_not_turn_back_what_is_free,
    a_file_of_another_publisher_is_taken_and_what_is_not_kept_is_told,
    only_a_coordinator_imports_and_once_for_each_key,
];

/// The members of HSDS by entity.
fn described() -> toml::Table {
    toml::from_str(include_str!("../../hsds.toml")).unwrap()
}

/// One entity of HSDS as JSON Schema, with all it refers to.
fn published(entity: &str) -> jsonschema::Validator {
    let parts: serde_json::Map<String, Value> = described()
        .into_iter()
        .map(|(name, entity)| {
            let members = entity["members"].as_table().unwrap().iter();
            let members: serde_json::Map<String, Value> =
                members.map(|(member, kind)| (member.clone(), schema_of(kind.as_str().unwrap()))).collect();
            (name, json!({"type": "object", "properties": members, "required": entity["required"]}))
        })
        .collect();
    let whole = json!({"$ref": format!("#/$defs/{entity}"), "$defs": parts});
    jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap()
}

/// What a member of this kind is: `uuid`, `of phone`, `list of phone`, `one of a|b` …
fn schema_of(kind: &str) -> Value {
    let entity = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    match kind.split_once("of ") {
        Some(("", name)) => entity(name),
        Some(("list ", name)) => json!({"type": "array", "items": entity(name)}),
        Some((_, codes)) => json!({"enum": codes.split('|').collect::<Vec<_>>()}),
        None if ["string", "number", "boolean", "integer"].contains(&kind) => json!({ "type": kind }),
        None => json!({"type": "string", "format": kind}),
    }
}

/// Every member of a thing, and of what is in it, is one of HSDS.
fn assert_known(thing: &Value, name: &str) {
    let known = &described()[name]["members"];
    for (member, value) in thing.as_object().unwrap() {
        let kind = known.get(member).unwrap_or_else(|| panic!("{name} has no {member}")).as_str().unwrap();
        let below = kind.strip_prefix("list of ").or(kind.strip_prefix("of "));
        for item in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            if let Some(below) = below {
                assert_known(item, below);
            }
        }
    }
}

fn services(hotline: &Hotline) -> Vec<Service> {
    let areas = areas(hotline);
    hotline
        .store
        .read_blocking(|db| directory::list_services(db, &areas, &ServiceFilter::default(), None, 500))
        .unwrap()
}

fn the_one(hotline: &Hotline, name: &str) -> Service {
    services(hotline).into_iter().find(|service| service.form.names.name_in("en", &[]) == name).unwrap()
}

/// In an order that does not depend on when things were made, without when they were changed.
fn sorted(mut document: Value) -> Value {
    for list in ["organizations", "services"] {
        let list = document[list].as_array_mut().unwrap();
        list.sort_by_key(|item| item["id"].to_string());
        list.iter_mut().for_each(|item| drop(item.as_object_mut().unwrap().remove("last_modified")));
    }
    document
}

/// A floor whose server takes a whole directory in one body.
fn floor(hotline: &Hotline) -> Floor<'_> {
    Floor::with(hotline, |config| config.server.body_bytes = 4 << 20)
}

fn exported(seat: &Seat<'_>) -> Value {
    seat.get("/directory/hsds").expect(200).json
}

fn what_is_exported_is_right_by_the_published_schema(hotline: &Hotline) {
    sample(hotline);
    let floor = floor(hotline);
    let operator = floor.operator();
    let document = exported(&operator);
    let (services, organizations) = (document["services"].as_array().unwrap(), document["organizations"].as_array());
    assert_eq!(services.len(), 64);
    for (name, list) in [("service", services), ("organization", organizations.unwrap())] {
        let validator = published(name);
        for thing in list {
            let faults: Vec<String> = validator.iter_errors(thing).map(|error| error.to_string()).collect();
            assert_eq!(faults, [""; 0], "{thing}");
            assert_known(thing, name);
        }
        let mut spoiled = list[0].clone();
        spoiled["id"] = json!("S-1");
        assert!(!validator.is_valid(&spoiled), "the schema is really asked");
    }
    for table in Table::ALL {
        let answer = operator.get(&format!("/directory/hsds.csv?table={table}")).expect(200);
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        let described = described();
        let entity = described.values().find(|entity| entity["table"].as_str() == Some(&table.file())).unwrap();
        let columns: Vec<&str> = answer.text.lines().next().unwrap().split(',').collect();
        assert!(columns.iter().all(|column| entity["members"].get(column).is_some()), "{table}: {columns:?}");
        for needed in ["required", "tabular_required"].iter().flat_map(|list| entity[*list].as_array().unwrap()) {
            assert!(columns.contains(&needed.as_str().unwrap()), "{table} lacks {needed}");
        }
        assert!(answer.text.lines().count() > 1, "{table} is empty");
    }
    assert_eq!(
        number(&mut hotline.stranger(), "SELECT count(*) AS value FROM trail WHERE action = 'directory.export'"),
        10
    );
}

fn a_directory_goes_to_another_house_and_loses_nothing_but_what_must_not_leave(hotline: &Hotline) {
    sample(hotline);
    let here = floor(hotline);
    let document = exported(&here.operator());
    let other = Hotline::open(hotline.engine);
    let there = floor(&other);
    let keeper = there.seat("cd-01", Role::Coordinator);
    let told = keeper.post_twice("/directory/hsds", &document).expect(200).json;
    assert_eq!(told["services"], json!({"added": 64, "changed": 0, "unchanged": 0}));
    assert_eq!(told["left_out"], json!([]));
    assert_eq!(sorted(exported(&keeper)), sorted(document));
    let forms = |hotline: &Hotline| {
        let mut forms: Vec<_> = services(hotline).into_iter().map(|service| service.form).collect();
        for form in &mut forms {
            (form.organisation, form.phone) = (String::new(), None);
            form.endpoints.clear();
            form.focal_points.clear();
            form.location_area = form.location_area.take().filter(|_| !form.location_confidential);
            form.areas.sort();
        }
        forms.sort_by_key(|form| form.names.name_in("en", &[]).to_owned());
        forms
    };
    assert_eq!(forms(&other), forms(hotline));
}

fn the_same_file_again_changes_nothing(hotline: &Hotline) {
    sample(hotline);
    let floor = floor(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let document = exported(&keeper);
    let before = (services(hotline), hotline.count("steps"));
    hotline.wait(1_000_000);
    let told = keeper.post("/directory/hsds", &document).expect(200).json;
    assert_eq!(told["services"], json!({"added": 0, "changed": 0, "unchanged": 64}));
    assert_eq!((services(hotline), hotline.count("steps")), before);
    assert_eq!(hotline.count("hsds_ids"), 0, "what was made here has its id already");
    let mut changed = document.clone();
    changed["services"][0]["minimum_age"] = json!(17);
    let told = keeper.post("/directory/hsds", &changed).expect(200).json;
    assert_eq!(told["services"], json!({"added": 0, "changed": 1, "unchanged": 63}));
    changed["services"] = json!([]);
    changed["organizations"] = json!([]);
    keeper.post("/directory/hsds", &changed).expect(200);
    assert_eq!(hotline.count("services"), 64, "what a file does not name stays");
}

/// An organisation and a service, as small as they may be.
fn small() -> Value {
    let attribute =
        |term: &str, value: &str| json!({"value": value, "taxonomy_term": {"code": format!("goldaw:{term}")}});
    json!({
        "organizations": [{
            "id": "d9d5e0f5-d3ce-4f73-9a2f-4dd0ecc6c610", "name": "House", "description": "words",
            "attributes": [attribute("kind", "private")],
        }],
        "services": [{
            "id": "ac148810-d857-441c-9679-408f346de14b", "organization_id": "d9d5e0f5-d3ce-4f73-9a2f-4dd0ecc6c610",
            "name": "Counselling", "status": "active", "service_areas": [{"extent": "TM-M"}],
            "attributes": [
                attribute("type", "psychosocial"), attribute("location_confidential", "false"),
                attribute("duty_to_report", "false"), attribute("letter_language", "en"),
                attribute("capacity_unlimited", "true"), attribute("language", "en"),
            ],
        }],
    })
}

fn one_fault_in_one_row_and_nothing_is_imported(hotline: &Hotline) {
    let floor = floor(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    for (pointer, value, fault) in [
        ("/services/0/status", json!("busy"), "/services/0/status: not_allowed"),
        ("/services/0/service_areas/0/extent", json!("XX"), "/services/0/service_areas/0/extent: not_an_area"),
        ("/services/0/attributes/0/value", json!("doctor"), "/services/0/attributes/0/value: not_allowed"),
        (
            "/services/0/attributes/1/taxonomy_term/code",
            json!("goldaw:colour"),
            "/services/0/attributes/1/taxonomy_term/code: unknown_term",
        ),
        ("/services/0/attributes/3/value", json!("de"), "/services/0/attributes: not_a_language_of_letters"),
        (
            "/services/0/organization_id",
            json!("ac148810-d857-441c-9679-408f346de14b"),
            "/services/0/organization_id: not_found",
        ),
        ("/organizations/0/id", json!("O-1"), "/organizations/0/id: not_a_uuid"),
    ] {
        let mut file = small();
        *file.pointer_mut(pointer).unwrap() = value;
        let told = keeper.post("/directory/hsds", &file).expect(422).problems();
        assert!(told.iter().any(|told| told == fault), "{fault} is not in {told:?}");
        assert_eq!(
            hotline.count("organisations") + hotline.count("services") + hotline.count("hsds_ids"),
            0,
            "{fault}"
        );
    }
    keeper.post("/directory/hsds", &small()).expect(200);
    assert_eq!(hotline.count("hsds_ids"), 2);
}

fn every_fault_is_told_with_its_row(hotline: &Hotline) {
    let floor = floor(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let mut file = small();
    let mut second = file["services"][0].clone();
    second["attributes"] = json!([]);
    second["schedules"] = json!([
        {"freq": "MONTHLY", "opens_at": "09:00", "closes_at": "18:00"},
        {"freq": "WEEKLY", "byday": "MO,XX", "opens_at": "9", "closes_at": "18:00"},
        {"freq": "WEEKLY", "byday": "MO", "opens_at": "09:00"},
    ]);
    second["minimum_age"] = json!(40);
    second["maximum_age"] = json!(20);
    file["services"].as_array_mut().unwrap().push(second);
    let told = keeper.post("/directory/hsds", &file).expect(422).problems();
    for fault in [
        "/services/1/maximum_age: below_minimum",
        "/services/1/schedules/0/freq: not_weekly_hours",
        "/services/1/schedules/1/byday: not_weekly_hours",
        "/services/1/schedules/1/opens_at: not_a_time_of_day",
        "/services/1/schedules/2/closes_at: required",
        "/services/1/attributes: needs_type",
        "/services/1/attributes: needs_duty_to_report",
        "/services/1/attributes: needs_location_confidential",
        "/services/1/attributes: needs_letter_language",
    ] {
        assert!(told.iter().any(|told| told == fault), "{fault} is not in {told:?}");
    }
    let mut twice = small();
    let again = twice["services"][0].clone();
    twice["services"].as_array_mut().unwrap().push(again);
    assert_eq!(keeper.post("/directory/hsds", &twice).expect(422).problems(), ["/services/1/id: repeated"]);
}

fn a_confidential_place_stays_and_no_file_opens_it(hotline: &Hotline) {
    let hidden = json!({"location_area": "TM-M-MRC", "location_confidential": true, "areas": ["TM-M"]});
    let made = add(hotline, hidden).unwrap();
    let floor = floor(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let mut file = exported(&keeper);
    assert!(!file.to_string().contains("TM-M-MRC"));
    assert_eq!(file["services"][0]["service_at_locations"], json!([]));
    assert_eq!(file["services"][0]["service_areas"][0]["extent"], "TM-M");
    file["services"][0]["name"] = json!("Another name");
    keeper.post("/directory/hsds", &file).expect(200);
    let kept = hotline.store.read_blocking(|db| directory::service_by_id(db, &made.id)).unwrap();
    assert_eq!((kept.version, kept.form.location_area.as_deref()), (2, Some("TM-M-MRC")));
    let terms = file["services"][0]["attributes"].as_array_mut().unwrap();
    let term = terms.iter_mut().find(|one| one["taxonomy_term"]["code"] == "goldaw:location_confidential").unwrap();
    term["value"] = json!("false");
    let told = keeper.post("/directory/hsds", &file).expect(422).problems();
    assert_eq!(told, ["/services/0/attributes: confidential_here"]);
}

fn how_a_service_is_reached_is_neither_written_nor_touched(hotline: &Hotline) {
    let made = add(hotline, json!({})).unwrap();
    let id = made.id.clone();
    hotline.store.write_blocking(By::system(), move |tx| directory::set_partner_code(tx, &id, "mac")).unwrap();
    let proposed = json!({"endpoints": [{"channel": "email", "address": "b@example.org"}]});
    change(hotline, coordinator("co-01"), &made, &proposed).unwrap();
    let before = hotline.store.read_blocking(|db| directory::service_by_id(db, &made.id)).unwrap();
    let floor = floor(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let mut file = exported(&keeper);
    let text = file.to_string();
    for secret in ["example.org", "99365", "nurse", "mac\"", made.reference.as_str(), made.id.as_str()] {
        assert!(!text.contains(secret), "{secret}");
    }
    file["services"][0]["status"] = json!("temporarily closed");
    keeper.post("/directory/hsds", &file).expect(200);
    let after = hotline.store.read_blocking(|db| directory::service_by_id(db, &made.id)).unwrap();
    assert_eq!((&after.endpoints, &after.partner_code_mac), (&before.endpoints, &before.partner_code_mac));
    assert_eq!((&after.form.phone, &after.form.focal_points), (&before.form.phone, &before.form.focal_points));
    let small = keeper.post("/directory/hsds", &super::hsds::small());
    assert_eq!(small.status, 200);
    let new = the_one(hotline, "Counselling");
    assert!(!new.is_reachable() && new.endpoints.iter().all(|one| one.status != EndpointStatus::Active));
}

fn a_file_does_not_turn_back_what_is_free(hotline: &Hotline) {
    let made = add(hotline, json!({})).unwrap();
    let floor = floor(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let mut file = exported(&keeper);
    hotline.wait(60_000_000);
    let stated = state(hotline, &made, 1).unwrap();
    file["services"][0]["minimum_age"] = json!(18);
    keeper.post("/directory/hsds", &file).expect(200);
    let kept = hotline.store.read_blocking(|db| directory::service_by_id(db, &made.id)).unwrap();
    assert!(matches!(kept.form.capacity, Capacity::Stated { available: 1, .. }));
    assert_eq!(kept.capacity_stated_at, stated.capacity_stated_at);
    let set = |file: &mut Value, term: &str, value: String| {
        let terms = file["services"][0]["attributes"].as_array_mut().unwrap();
        let code = format!("goldaw:{term}");
        terms.iter_mut().find(|one| one["taxonomy_term"]["code"] == code.as_str()).unwrap()["value"] = json!(value);
    };
    hotline.wait(60_000_000);
    let later = hotline.clock.now();
    set(&mut file, "capacity_stated_at", later.plus(1_000_000).rfc3339());
    assert_eq!(keeper.post("/directory/hsds", &file).expect(422).problems(), ["/services/0/attributes: in_the_future"]);
    set(&mut file, "capacity_stated_at", later.rfc3339());
    keeper.post("/directory/hsds", &file).expect(200);
    let moved = hotline.store.read_blocking(|db| directory::service_by_id(db, &made.id)).unwrap();
    assert!(matches!(moved.form.capacity, Capacity::Stated { available: 4, .. }));
    assert_eq!(moved.capacity_stated_at, later);
}

fn a_file_of_another_publisher_is_taken_and_what_is_not_kept_is_told(hotline: &Hotline) {
    let floor = floor(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    let mut file = small();
    let service = file["services"][0].as_object_mut().unwrap();
    service.insert("fees_description".into(), json!("Free"));
    service.insert("assured_date".into(), json!("2026-10-01"));
    service.insert("phones".into(), json!([{"id": "1554f2e2-a373-45db-a3fa-9fc48a61c15e", "number": "1"}]));
    service.insert("contacts".into(), json!([]));
    service.insert("schedules".into(), json!([
        {"freq": "WEEKLY", "wkst": "MO", "interval": 1, "byday": "MO,TU", "opens_at": "09:00:00", "closes_at": "17:00:00", "notes": "Ring"},
    ]));
    service["attributes"].as_array_mut().unwrap().push(json!({"value": "x", "taxonomy_term": {"code": "LH-2600"}}));
    let told = keeper.post("/directory/hsds", &file).expect(200).json;
    assert_eq!(
        told["left_out"],
        json!([
            {"member": "organization.description", "rows": 1}, {"member": "service.attributes", "rows": 1},
            {"member": "service.fees_description", "rows": 1}, {"member": "service.phones", "rows": 1},
            {"member": "service.schedules", "rows": 1},
        ])
    );
    let made = the_one(hotline, "Counselling");
    assert_eq!(made.form.verified_at.unwrap().rfc3339(), "2026-10-01T00:00:00Z");
    let again = exported(&keeper);
    assert_eq!(again["services"][0]["id"], file["services"][0]["id"], "its id is its own");
    assert_eq!(again["services"][0]["schedules"][0]["byday"], "MO,TU");
    assert_eq!(again["organizations"][0]["id"], file["organizations"][0]["id"]);
}

fn only_a_coordinator_imports_and_once_for_each_key(hotline: &Hotline) {
    let floor = floor(hotline);
    let keeper = floor.seat("cd-01", Role::Coordinator);
    assert_eq!(floor.operator().post("/directory/hsds", &small()).status, 403);
    let first = keeper.post_twice("/directory/hsds", &small()).expect(200);
    assert_eq!(first.json["services"], json!({"added": 1, "changed": 0, "unchanged": 0}));
    assert_eq!(keeper.get("/directory/hsds.csv?table=colours").status, 422);
    let csv: Vec<(String, String)> = Table::ALL
        .iter()
        .map(|table| (table.file(), keeper.get(&format!("/directory/hsds.csv?table={table}")).expect(200).text))
        .collect();
    assert!(Package::parse(&csv).is_ok());
}
