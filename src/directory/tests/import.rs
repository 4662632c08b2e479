use super::{config, turkmenistan};
use crate::directory::{SAMPLE, SampleDirectory};

fn faults(from: &str, to: &str) -> Vec<String> {
    assert!(SAMPLE.contains(from), "{from}");
    SampleDirectory::parse(&SAMPLE.replacen(from, to, 1), &turkmenistan(), &config()).map(drop).unwrap_err()
}

#[test]
fn the_sample_has_no_faults() {
    SampleDirectory::parse(SAMPLE, &turkmenistan(), &config()).unwrap();
}

#[test]
fn a_slip_in_the_file_is_told_with_its_place() {
    for (from, to, told) in [
        ("type = \"medical\"", "type = \"doctor\"", "service national-clinic: /type not_allowed (one of: medical, "),
        ("areas = [\"TM\"]", "areas = [\"XX\"]", "service hotline-counselling: /areas/0 not_an_area"),
        ("areas = [\"TM\"]", "areas = [\"TM\", \"TM\"]", "service hotline-counselling: /areas/1 repeated"),
        ("areas = [\"TM\"]", "areas = []", "service hotline-counselling: /areas out_of_range"),
        (
            "phone = \"+99365000001\"",
            "phone = \"ring twice\"",
            "service hotline-counselling: /phone not_a_phone_number",
        ),
        (
            "intake.national-clinic@example.org",
            "intake",
            "service national-clinic: /endpoints/0/address not_a_mail_address",
        ),
        (
            "available = 18, maximum = 24",
            "available = 28, maximum = 24",
            "service national-house: /capacity/available above_maximum",
        ),
        (
            "capacity = { unlimited = true }",
            "capacity = { unlimited = false }",
            "service hotline-counselling: /capacity/unit required",
        ),
        ("age_min = 18", "age_min = 181", "service national-house: /eligibility/age_min out_of_range"),
        (
            "organisation = \"cinar\"",
            "organisation = \"nobody\"",
            "service national-house: its organisation is not in this file",
        ),
        ("location_confidential = true\n", "", "service national-house: /location_confidential required"),
        ("key = \"national-clinic\"", "key = \"national-house\"", "service national-house: stands here twice"),
        ("preference = 40", "preference = 40.5", "service hotline-counselling: /preference not_a_whole_number"),
        ("preference = 40", "prefrence = 40", "service hotline-counselling:  unknown_field"),
        (
            "letter_language = \"tk\"",
            "letter_language = \"de\"",
            "service hotline-counselling: /letter_language not_a_language_of_letters",
        ),
        (
            "capacity = { unlimited = true }",
            "capacity = { unlimited = true }\nstock = { pep = true }",
            "service hotline-counselling: /stock only_for_medical",
        ),
    ] {
        let told_instead = faults(from, to);
        assert!(told_instead.iter().any(|line| line.starts_with(told)), "{told} is not in {told_instead:#?}");
    }
}

#[test]
fn all_slips_are_told_at_once() {
    let text = SAMPLE.replace("\"safe_house\"", "\"house\"").replace("kind = \"state\"", "kind = \"kingdom\"");
    let told = SampleDirectory::parse(&text, &turkmenistan(), &config()).map(drop).unwrap_err();
    assert!(told.iter().filter(|line| line.contains("/type not_allowed")).count() > 5);
    assert_eq!(told.iter().filter(|line| line.contains("/kind not_allowed")).count(), 4);
}
