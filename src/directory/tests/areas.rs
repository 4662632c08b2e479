use proptest::prelude::*;

use super::turkmenistan;
use crate::directory::{Areas, Closeness};

fn date(text: &str) -> chrono::NaiveDate {
    crate::input::date(text).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    Areas::parse(text).unwrap_err()
}

/// A small country as TOML, with one line changed.
fn country(from: &str, to: &str) -> String {
    let area = |code: &str, kind: &str, rest: &str| {
        format!(
            "[[area]]\ncode = \"{code}\"\nkind = \"{kind}\"\nname.en = \"{code}\"\nvalid_from = \"1992-01-01\"\n{rest}\n"
        )
    };
    let text = area("X", "country", "")
        + &area("X-A", "province", "parent = \"X\"")
        + &area("X-A-ONE", "district", "parent = \"X-A\"")
        + &area("X-A-OLD", "district", "parent = \"X-A\"\nvalid_to = \"2020-01-01\"\nsucceeded_by = \"X-A-ONE\"");
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

#[test]
fn the_gazetteer_inside_the_program_has_no_faults() {
    let areas = turkmenistan();
    assert_eq!(areas.get("TM-M-BAY").unwrap().names.name_in("en", &[]), "Bayramaly district");
    assert_eq!(areas.all().iter().filter(|area| area.valid_to.is_none()).count(), 1 + 6 + 1 + 44 + 6 + 7);
}

#[test]
fn a_province_is_what_lies_directly_below_the_country() {
    let areas = turkmenistan();
    let province = |code| areas.province_of(code).map(|area| area.code.as_str());
    assert_eq!(province("TM-M-BAY"), Some("TM-M"));
    assert_eq!(province("TM-M"), Some("TM-M"));
    assert_eq!(province("TM-S-BAG"), Some("TM-S"));
    assert_eq!(province("TM-ARK"), Some("TM-ARK"), "a city can be one, too");
    assert_eq!(province("TM"), None);
    assert_eq!(province("XX"), None);
}

#[test]
fn closeness_needs_a_district_to_say_district() {
    let areas = turkmenistan();
    assert_eq!(areas.closeness("TM-M-BAY", "TM-M-BAY"), Closeness::SameDistrict);
    assert_eq!(areas.closeness("TM-M-BAY", "TM-M-TAG"), Closeness::SameProvince);
    assert_eq!(areas.closeness("TM-M", "TM-M"), Closeness::SameProvince, "two ends of one province");
    assert_eq!(areas.closeness("TM-M-BAY", "TM-L"), Closeness::Elsewhere);
    assert_eq!(areas.closeness("TM-M-BAY", "TM"), Closeness::Unknown);
    assert_eq!(areas.closeness("TM-M-BAY", "XX"), Closeness::Unknown);
}

#[test]
fn a_province_without_parts_is_its_own_district() {
    let text = country("parent = \"X-A\"", "parent = \"X\"");
    let areas = Areas::parse(&text).unwrap();
    assert_eq!(areas.closeness("X-A-ONE", "X-A-ONE"), Closeness::SameDistrict);
    assert_eq!(areas.closeness("X-A-ONE", "X-A"), Closeness::Elsewhere);
}

#[test]
fn an_area_ends_on_its_day_and_its_land_lives_on() {
    let areas = turkmenistan();
    assert!(areas.is_valid_at("TM-M-SER", date("2022-11-08")));
    assert!(!areas.is_valid_at("TM-M-SER", date("2022-11-09")));
    assert!(!areas.is_valid_at("TM-ARK", date("2022-12-20")));
    assert!(!areas.is_valid_at("XX", date("2022-12-20")));
    assert!(areas.exists("TM-M-SER"));
    assert_eq!(areas.closeness("TM-M-SER", "TM-M-TAG"), Closeness::SameDistrict);
    assert_eq!(areas.reach("TM-M-SER"), ["TM-M-SER", "TM-M", "TM", "TM-M-TAG"]);
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let text = country("kind = \"province\"", "kind = \"shire\"")
        .replace("2020-01-01", "2020-1-1")
        .replace("name.en = \"X-A-ONE\"", "note = \"what is this\"");
    let told = faults(&text);
    for part in ["area X-A: /kind not_allowed", "area X-A-OLD: /valid_to not_a_date", "area X-A-ONE: /name required"] {
        assert!(told.iter().any(|line| line.starts_with(part)), "{part} is not in {told:?}");
    }
    assert!(told.iter().any(|line| line.starts_with("area X-A-ONE:  unknown_field")), "{told:?}");
    assert_eq!(told.len(), 4);
}

#[test]
fn a_tree_that_does_not_hang_together_is_refused() {
    for (from, to, told) in [
        ("parent = \"X-A\"", "parent = \"X-B\"", "area X-A-ONE: its parent is not in this file"),
        ("parent = \"X\"", "parent = \"X-A-ONE\"", "area X-A: its parents lead in a circle"),
        ("kind = \"country\"", "kind = \"district\"", "there must be one area of kind country; here are 0"),
        ("kind = \"country\"", "kind = \"district\"", "area X: has no parent"),
        ("2020-01-01", "1991-01-01", "area X-A-OLD: valid_to must be after valid_from"),
        ("valid_to = \"2020-01-01\"\n", "", "area X-A-OLD: has succeeded_by but no valid_to"),
        ("succeeded_by = \"X-A-ONE\"", "succeeded_by = \"X-A-OLD\"", "area X-A-OLD: its successors lead in a circle"),
        ("succeeded_by = \"X-A-ONE\"", "succeeded_by = \"X-Z\"", "area X-A-OLD: succeeded_by is not in this file"),
        ("code = \"X-A-OLD\"", "code = \"X-A-ONE\"", "area X-A-ONE: stands here twice"),
        ("code = \"X-A-OLD\"", "code = \"x a\"", "area x a: /code not_an_area"),
    ] {
        let faults = faults(&country(from, to));
        assert!(faults.iter().any(|line| line == told), "{told} is not in {faults:?}");
    }
    assert!(Areas::parse(&country("X", "X")).is_ok());
    assert!(faults("[[area]]\ncode = ")[0].contains("line 2"));
    assert!(faults("[[aera]]\n").iter().any(|line| line == "[aera]: there is no such table"));
}

#[test]
fn a_file_of_ones_own_replaces_the_gazetteer() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = super::config();
    config.place.areas_file = folder.path().join("areas.toml");
    assert!(Areas::load(&config).unwrap_err()[0].contains("cannot be read"));
    std::fs::write(&config.place.areas_file, country("X", "X")).unwrap();
    assert_eq!(Areas::load(&config).unwrap().all().len(), 4);
}

proptest! {
    #[test]
    fn closeness_is_the_same_from_both_ends(a in 0usize..78, b in 0usize..78) {
        static AREAS: std::sync::LazyLock<Areas> = std::sync::LazyLock::new(turkmenistan);
        let areas = &*AREAS;
        let code = |index: usize| areas.all()[index % areas.all().len()].code.as_str();
        prop_assert_eq!(areas.closeness(code(a), code(b)), areas.closeness(code(b), code(a)));
    }

    #[test]
    fn no_file_makes_the_reader_panic(text in "(\\[\\[area\\]\\]\n|code = \"[A-C]\"\n|parent = \"[A-C]\"\n|kind = \"(country|city)\"\n|valid_from = \"2000-01-01\"\n|valid_to = \"2001-01-01\"\n|name.en = \"x\"\n|succeeded_by = \"[A-C]\"\n){0,24}") {
        if let Ok(areas) = Areas::parse(&text) {
            for area in areas.all() {
                areas.reach(&area.code);
                areas.province_of(&area.code);
            }
        }
    }
}
