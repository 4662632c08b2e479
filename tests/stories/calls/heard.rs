//! What is heard: numbers in any spelling, fields that are off or on, types that are computed.

use serde_json::{Value, json};

use crate::support::floor::Floor;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_number_in_any_spelling_is_one_number_and_no_number_blocks,
    a_field_that_is_off_is_refused_by_name_and_one_that_is_on_is_kept,
    all_problems_of_a_body_are_told_at_once_without_its_words,
    gbvims_type_and_contexts_are_computed_and_cannot_be_set,
    whether_she_is_a_child_is_computed_and_cannot_be_set,
];

fn a_number_in_any_spelling_is_one_number_and_no_number_blocks(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let kept = |said: &str| {
        let told = seat.call(&json!({"channel": "phone", "person": {"phone": said}}));
        told.json["person"]["phone"].as_str().unwrap().to_owned()
    };
    for said in ["8 65 123456", "65 12-34-56", "+993 65 123456", "8 (65) 12 34 56", "00993 65 123456", "865123456"] {
        assert_eq!(kept(said), "+99365123456", "{said}");
    }
    assert_eq!(kept("+7 495 123-45-67"), "+74951234567");
    for unreadable in ["ask the neighbour", "12", "8 65 12345", "+99365123456789012", "????"] {
        assert_eq!(kept(unreadable), unreadable);
    }
    let call = seat.draft();
    let told = seat.patch(&call, 1, &json!({"person": {"phone": "65 123456"}})).expect(200);
    assert_eq!(told.json["person"]["phone"], "+99365123456");
}

/// Every optional field, where it stands in a body, and where a refusal points.
fn optional_fields() -> Vec<(Value, &'static str)> {
    let person = |name: &str, value: &str| json!({"channel": "phone", "person": {name: value}});
    let incident = |name: &str, value: Value| json!({"channel": "phone", "incidents": [{name: value}]});
    vec![
        (person("name", "Zyqqa"), "/person/name"),
        (person("address", "quuxstreet"), "/person/address"),
        (person("born_on", "1990-01-31"), "/person/born_on"),
        (person("marital_status", "widowed"), "/person/marital_status"),
        (person("displacement_status", "refugee"), "/person/displacement_status"),
        (person("displacement_stage", "not_displaced"), "/person/displacement_stage"),
        (person("country", "TM"), "/person/country"),
        (person("ethnicity", "quuxish"), "/person/ethnicity"),
        (person("disability", "none"), "/person/disability"),
        (incident("harmful_traditional_practice", json!("none")), "/incidents"),
        (incident("goods_money_exchanged", json!("yes")), "/incidents"),
        (incident("abduction", json!("none")), "/incidents"),
        (incident("perpetrators", json!([{"role": "primary", "name": "Zyqqo"}])), "/incidents"),
        (incident("perpetrators", json!([{"role": "primary", "occupation": "quuxer"}])), "/incidents"),
    ]
}

fn a_field_that_is_off_is_refused_by_name_and_one_that_is_on_is_kept(hotline: &Hotline) {
    let (off, on) = (Floor::open(hotline), Floor::asking_all(hotline));
    let strict = off.operator();
    let asking = on.seat("op-08", goldaw::access::Role::Operator);
    let draft = strict.draft();
    assert_eq!(optional_fields().len(), goldaw::config::OPTIONAL_FIELDS.len(), "each is tried");
    for (body, pointer) in optional_fields() {
        let refused = strict.post("/contacts", &body).expect(422);
        assert_eq!(refused.problems(), [format!("{pointer}: switched_off")]);
        strict.patch(&draft, 1, &body).expect(422);
        let told = asking.call(&body);
        let kept = asking.get(&told.place()).json;
        for part in ["person", "incidents"] {
            assert!(includes(&kept[part], &body[part]), "{} of {body}", kept[part]);
        }
    }
    assert_eq!(strict.get("/contacts").json["items"].as_array().unwrap().len(), 1);
}

/// True when `whole` has all that is in `part`.
fn includes(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (_, Value::Null) => true,
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|own| includes(own, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(own, value)| includes(own, value))
        }
        (whole, part) => whole == part,
    }
}

fn all_problems_of_a_body_are_told_at_once_without_its_words(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let body = json!({
        "channel": "quuxpigeon", "opened_at": "2026-1-1", "person": {"age": 400, "sex": 5, "area": "quux area", "quux": 1},
        "answers": {"strangled": []}, "incidents": [{"happened_at": "2026-13-01T00:00:00Z"}], "wishes": ["quuxwish"],
        "narrative": "quux\u{0}",
    });
    let told = floor.operator().post("/contacts", &body).expect(422);
    let mut problems = told.problems();
    problems.sort();
    for wrong in [
        "/answers: not_an_answer", "/channel: not_allowed", "/incidents/0/happened_at: not_a_time",
        "/narrative: unclean_text", "/opened_at: not_a_time", "/person/age: out_of_range", "/person/area: not_a_code",
        "/person/sex: not_allowed", "/person: unknown_field", "/wishes/0: not_allowed",
    ] {
        assert!(problems.iter().any(|problem| problem == wrong), "{wrong} in {problems:?}");
    }
    assert!(!told.text.contains("quux") && !told.text.contains("400"), "{}", told.text);
    let unknown = json!({"channel": "phone", "answers": {"quuxindicator": "yes"}});
    let told = floor.app.sign_in(hotline, "op-08", goldaw::access::Role::Operator);
    let told = floor.seated(told.staff, told.token).post("/contacts", &unknown).expect(422);
    assert_eq!((told.problems(), told.text.contains("quux")), (vec!["/answers: unknown_indicator".to_owned()], false));
    assert_eq!(hotline.count("contacts"), 0);
}

fn gbvims_type_and_contexts_are_computed_and_cannot_be_set(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    let seat = floor.operator();
    let classified = |incident: Value| {
        let told = seat.call(&json!({"channel": "phone", "incidents": [incident]})).json["incidents"][0].clone();
        (told["gbv_type"].clone(), told["contexts"].clone())
    };
    let no = |yes: &[&str]| {
        let all = ["penetration", "sexual_contact", "physical", "forced_marriage", "denial_of_resources", "psychological"];
        all.iter().map(|form| ((*form).to_owned(), json!(if yes.contains(form) { "yes" } else { "no" }))).collect::<Value>()
    };
    let partner = json!([{"role": "primary", "relationship": "intimate_partner_or_former"}]);
    for (incident, kind, contexts) in [
        (json!({"forms": no(&["penetration", "physical"])}), json!("rape"), json!([])),
        (json!({"forms": no(&["sexual_contact"]), "age_at_incident": 12}), json!("sexual_assault"), json!(["child_sexual_abuse"])),
        (json!({"forms": no(&["physical"]), "perpetrators": partner}), json!("physical_assault"), json!(["intimate_partner"])),
        (json!({"forms": no(&["forced_marriage"]), "age_at_incident": 16}), json!("forced_marriage"), json!(["early_marriage"])),
        (json!({"forms": no(&["penetration"]), "goods_money_exchanged": "yes", "abduction": "trafficked"}), json!("rape"),
            json!(["possible_sexual_exploitation", "possible_sexual_slavery"])),
        (json!({"forms": no(&[]), "perpetrators": partner}), json!("non_gbv"), json!([])),
        (json!({"forms": {"physical": "yes"}}), json!("unclassified"), json!([])),
    ] {
        assert_eq!(classified(incident.clone()), (kind, contexts), "{incident}");
    }
    let set = json!({"channel": "phone", "incidents": [{"gbv_type": "rape"}]});
    assert_eq!(seat.post("/contacts", &set).expect(422).problems(), ["/incidents/0: unknown_field"]);
}

fn whether_she_is_a_child_is_computed_and_cannot_be_set(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let child = |person: Value| seat.call(&json!({"channel": "phone", "person": person})).json["is_child"].clone();
    assert_eq!(child(json!({"age": 17})), true);
    assert_eq!(child(json!({"age_band": "18_25"})), false);
    assert_eq!(child(json!({"sounds_under_18": "yes"})), true);
    assert_eq!(child(json!({})), Value::Null);
    seat.post("/contacts", &json!({"channel": "phone", "is_child": false})).expect(422);
}
