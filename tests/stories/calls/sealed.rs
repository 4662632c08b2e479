//! Nothing of hers lies in clear: not in the database, its log, letters, logs or the trail.

use diesel::prelude::*;
use goldaw::access::Role;
use goldaw::contacts::document::{open_at, seal_at};
use goldaw::storage::schema::{assessments, contacts};
use serde_json::{Value, json};

use crate::support::canary::{assert_nowhere, everything};
use crate::support::floor::{Floor, Seat};
use crate::support::program::Program;
use crate::support::{Hotline, on_both_engines};

on_both_engines![
    a_marked_word_in_every_field_is_nowhere_in_clear,
    an_assessment_takes_half_the_place_and_one_from_before_that_opens_too,
];

/// A body with a word of its own in every place that takes words.
fn marked() -> Value {
    json!({
        "channel": "phone", "rejoin_word": "Wrejoinqx", "narrative": "Wnarrativeqx ýüregim",
        "person": {"name": "Wnameqx Wsurnameqx", "phone": "8 65 987654", "address": "Waddressqx", "born_on": "1971-03-09",
            "ethnicity": "Wethnicqx", "access_needs": ["wneedqx"], "children_with_her": 3},
        "incidents": [{"bracket": "today", "forms": {"penetration": "yes"},
            "perpetrators": [{"role": "primary", "name": "Wheqx", "occupation": "Wjobqxx"}]}],
        "answers": {"perpetrator_present": "yes", "strangled": "yes"},
    })
}

const WORDS: [&str; 19] = [
    "Wrejoinqx",
    "Wnarrativeqx",
    "ýüregim",
    "Wnameqx",
    "Wsurnameqx",
    "65987654",
    "65 987654",
    "Waddressqx",
    "1971-03-09",
    "Wethnicqx",
    "wneedqx",
    "Wheqxx",
    "Wjobqxx",
    "strangled",
    "perpetrator_present",
    "Wnoteqx",
    "Wcodeqx",
    "Wanswersqx",
    "Wmessageqx",
];

/// Everything she can say, said: a call, changes, her terms, an amendment with a note.
fn say_everything(seat: &Seat<'_>) {
    let call = seat.call(&marked());
    seat.patch(&call.place(), 1, &json!({"narrative": "Wnarrativeqx again", "person": {"address": "Waddressqx 2"}}))
        .expect(200);
    let case = seat.post("/cases", &json!({"contact": call.json["id"]})).expect(201);
    let terms = json!({"may_call": true, "number": "+993 65 987654", "if_another_answers": "Wanswersqx", "code_word": "Wcodeqx",
        "may_leave_message": true, "message": "Wmessageqx", "windows": [{"weekday": "mon", "from": "09:00", "to": "11:00"}]});
    seat.put(&format!("/cases/{}/safe-contact", case.text_of("id")), 1, &terms).expect(200);
    seat.post("/cases/lookup", &json!({"contact": call.json["id"], "code_word": "wcodeqx"})).expect(200);
    seat.post(&format!("{}/finish", call.place()), &json!({})).expect(200);
    let amendment = json!({"reason": "other", "note": "Wnoteqx", "patch": {"person": {"name": "Wnameqx"}}});
    seat.send("POST", &format!("{}/amend", call.place()), &[("if-match", "\"3\"")], &amendment).expect(200);
    for wrong in [json!({"channel": "Wnameqx"}), json!({"channel": "phone", "Wnameqx": "Wnameqx"})] {
        seat.post("/contacts", &wrong).expect(422);
    }
}

fn a_marked_word_in_every_field_is_nowhere_in_clear(hotline: &Hotline) {
    let floor = Floor::asking_all(hotline);
    say_everything(&floor.operator());
    let auditor = floor.seat("au-01", Role::Auditor);
    let trail = auditor.get("/audit?limit=200").expect(200).text;
    let mut places = everything(hotline);
    places.push(("the trail".into(), trail.into_bytes()));
    assert_nowhere(&places, &WORDS);
}

#[test]
fn a_program_that_runs_for_real_writes_nothing_of_hers_into_any_file_or_its_log() {
    let program = Program::new();
    program.done(&["migrate"]);
    let seat = program.engage("op-07", "operator");
    let on = "[fields]\non = [\"name\", \"address\", \"born_on\", \"ethnicity\", \"perpetrator_name\", \"perpetrator_occupation\"]";
    program.configure(&format!("{on}\n[log]\nlevel = \"debug\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n"));
    let mut serving = program.serve();
    let client = serving.client(&seat);
    let call = client.post("contacts", "first-key", &marked());
    assert_eq!(call.0, 201, "{}", call.1);
    let place = format!("contacts/{}", call.1["id"].as_str().unwrap());
    assert_eq!(client.patch(&place, 1, &json!({"narrative": "Wnarrativeqx"})).0, 200);
    assert_eq!(client.post("contacts", "second-key", &json!({"channel": "Wnameqx", "Wnameqx": 1})).0, 422);
    assert_eq!(client.get(&format!("{place}?Wnameqx=Wnameqx")).0, 422);
    assert_eq!(client.get("contacts?level=Wnameqx").0, 422);
    let running = crate::support::canary::files_below(program.folder());
    let figures = serving.figures();
    let log = serving.stop();
    assert!(log.contains("\"status\":422"), "there is a log: {log}");
    let mut places = crate::support::canary::files_below(program.folder());
    places.extend(running);
    places.push(("the log".into(), log.into_bytes()));
    places.push(("the figures".into(), figures.into_bytes()));
    // What the rules say is kept in full, so words of theirs are in clear.
    let hers: Vec<&str> =
        WORDS.into_iter().filter(|word| !["strangled", "perpetrator_present"].contains(word)).collect();
    assert_nowhere(&places, &hers);
}

fn an_assessment_takes_half_the_place_and_one_from_before_that_opens_too(hotline: &Hotline) {
    let floor = Floor::open(hotline);
    let seat = floor.operator();
    let call = seat.call(&json!({"channel": "phone", "answers": {"perpetrator_present": "yes", "strangled": "yes"}}));
    let shown = || seat.get(&format!("{}/assessments", call.place())).expect(200).json["items"].clone();
    let kept = shown();
    let (id, contact_id, sealed): (String, String, Vec<u8>) = assessments::table
        .select((assessments::id, assessments::contact_id, assessments::document))
        .first(&mut hotline.stranger())
        .unwrap();
    let key_id: String =
        contacts::table.find(&contact_id).select(contacts::key_id).first(&mut hotline.stranger()).unwrap();
    let key = hotline.vault.data_key(&key_id).unwrap();
    let bytes = open_at(&key, "assessment", &id, 0, &sealed).unwrap();
    let plain = lz4_flex::decompress_size_prepended(&bytes[1..]).unwrap();
    assert!(plain.len() > 1400 && sealed.len() < 1400, "{} bytes lie in {}", plain.len(), sealed.len());

    let before = seal_at(&key, "assessment", &id, 0, &plain).unwrap();
    diesel::update(assessments::table).set(assessments::document.eq(before)).execute(&mut hotline.stranger()).unwrap();
    assert_eq!(shown(), kept);
}
