//! Golden copies, and words that must never stand in a letter.

use super::*;

fn facts(language: &str, level: Level) -> Facts<'_> {
    let answer_by = crate::input::instant("2026-11-22T10:06:00Z").unwrap();
    Facts { language, reference: "P-7K4M-9QX2-PDH", level, answer_by, zone: Tz::Asia__Ashgabat }
}

fn golden(language: &str) -> String {
    let letter = request(&facts(language, Level::Critical));
    format!("{}\n\n{}\n{}", letter.subject, letter.text, letter.html)
}

#[test]
fn the_letter_in_three_languages_is_word_for_word_the_copy_that_was_read() {
    for (language, copy) in [
        ("tk", include_str!("golden/tk.txt")),
        ("ru", include_str!("golden/ru.txt")),
        ("en", include_str!("golden/en.txt")),
    ] {
        assert_eq!(golden(language), copy, "{language}");
    }
}

/// Kinds of help, kinds of harm, who she is, and the product: in each language, by their stems.
const FORBIDDEN: &[&str] = &[
    "goldaw",
    "shelter",
    "safe",
    "medical",
    "clinic",
    "hospital",
    "doctor",
    "police",
    "legal",
    "lawyer",
    "violence",
    "abuse",
    "rape",
    "assault",
    "survivor",
    "victim",
    "woman",
    "women",
    "child",
    "husband",
    "partner",
    "hotline",
    "she ",
    "her ",
    "ashgabat",
    "critical",
    "насил",
    "убежищ",
    "приют",
    "медиц",
    "врач",
    "больниц",
    "полици",
    "юрист",
    "женщин",
    "ребён",
    "дет",
    "муж",
    "жертв",
    "пострадав",
    "горяч",
    "критич",
    "zorluk",
    "gaçybatalga",
    "lukman",
    "hassahana",
    "polisi",
    "hukuk",
    "aýal",
    "zenan",
    "çaga",
    "är ",
    "pida",
    "gyzgyn",
    "aşgabat",
];

#[test]
fn no_letter_says_what_kind_of_help_what_happened_or_to_whom() {
    for language in ["tk", "ru", "en"] {
        for level in [Level::Low, Level::Medium, Level::High, Level::Critical, Level::NotAssessed] {
            for letter in [request(&facts(language, level)), reminder(&facts(language, level))] {
                let text = format!("{}\n{}", letter.subject, letter.text).to_lowercase();
                for word in FORBIDDEN {
                    assert!(!text.contains(word), "{language}: {word}");
                }
            }
        }
    }
}

#[test]
fn a_letter_keeps_the_place_of_its_link_and_fills_all_others() {
    for language in ["tk", "ru", "en"] {
        let letter = request(&facts(language, Level::High));
        for part in [&letter.text, &letter.html] {
            assert_eq!(part.matches("{link}").count(), 1);
            assert_eq!(part.replace("{link}", "").matches('{').count(), 0);
        }
        assert!(letter.text.contains("22.11.2026") && letter.text.contains("15:06"));
        assert!(letter.subject.contains("P-7K4M-9QX2-PDH"));
    }
}
