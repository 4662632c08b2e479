//! The taxonomy terms for what HSDS has no member for. The value of an attribute is a code of the
//! API, `true` or `false`, a number, a time or a text.

use super::derived;

/// How the taxonomy is called.
pub(super) const TAXONOMY: &str = "Goldaw";
/// What every code begins with.
const PREFIX: &str = "goldaw:";

/// Every term, and what it says.
const TERMS: [(&str, &str); 22] = [
    ("language", "The language of the name and the description"),
    ("name", "The name in another language, which the code ends with"),
    ("description", "The description in another language, which the code ends with"),
    ("kind", "Who stands behind the organisation"),
    ("status", "Whether the organisation still works with the hotline"),
    ("type", "What kind of help the service gives"),
    ("location_confidential", "Whether the place of the service is secret"),
    ("duty_to_report", "Whether the service must tell an authority what it learns"),
    ("letter_language", "The language of letters to the service"),
    ("preference", "Lower is asked first"),
    ("access", "A need that the service meets"),
    ("sex", "A sex the service is limited to"),
    ("children", "Whether children may come along"),
    ("disability", "Whether the service can care for a person with a disability"),
    ("pep", "Whether HIV prophylaxis is on the shelf"),
    ("emergency_contraception", "Whether emergency contraception is on the shelf"),
    ("capacity_unlimited", "Whether the service does not run out"),
    ("capacity_unit", "What is counted when the service says how much is free"),
    ("capacity_available", "How much was free when it was stated"),
    ("capacity_maximum", "Of how much"),
    ("capacity_stated_at", "When that was stated"),
    ("verified_at", "When somebody last made sure that all this is true"),
];

/// The whole code of a term.
pub(super) fn code(term: &str) -> String {
    format!("{PREFIX}{term}")
}

/// The id of a term, the same in every house.
pub(super) fn id(code: &str) -> String {
    derived(&["term", code])
}

/// What a term says. `None` for one that does not exist.
pub(super) fn meaning(term: &str) -> Option<&'static str> {
    let (name, _) = split(term);
    TERMS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// `name.ru` is the term `name` for `ru`.
pub(super) fn split(term: &str) -> (&str, Option<&str>) {
    match term.split_once('.') {
        Some((name, language)) => (name, Some(language)),
        None => (term, None),
    }
}

/// The term of a code. `None` if it belongs to another taxonomy.
pub(super) fn of_code(code: &str) -> Option<&str> {
    code.strip_prefix(PREFIX)
}
