//! Exactly the fields she agreed to show, each from what is known.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::model::{Hop, Referral};
use crate::cases::SafeContact;
use crate::cases::codes::ShareableField;
use crate::clock::Instant;
use crate::contacts::Summary;
use crate::directory::{Area, Areas};
use crate::notifications::Words;

/// One field's value: codes and numbers for systems, words for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Shared {
    /// Agreed to, but nobody knows or nobody asked.
    Unknown(()),
    /// A number.
    Number(i64),
    /// A code, or words of hers that have no list.
    Text(String),
    /// Codes.
    Many(Vec<String>),
    /// A place: its code and its names.
    Place {
        /// The code.
        code: String,
        /// Language and name.
        #[serde(skip)]
        names: Vec<(String, String)>,
    },
}

/// The bands that stand in for an age.
const BANDS: [(i64, i64, &str); 6] = [
    (0, 11, "0_11"),
    (12, 17, "12_17"),
    (18, 25, "18_25"),
    (26, 40, "26_40"),
    (41, 60, "41_60"),
    (61, i64::MAX, "61_plus"),
];

/// The fields on a service's own place in her order. What is not named there is not looked at.
pub(super) fn fields(hop: &Hop, known: &Known<'_>) -> Vec<(&'static str, Shared)> {
    let named = hop.fields.split_whitespace().filter_map(ShareableField::from_code);
    named.map(|field| (field.code(), value(field, known))).collect()
}

/// Where the values come from.
pub(super) struct Known<'a> {
    /// What she asks for.
    pub referral: &'a Referral,
    /// Her call.
    pub summary: &'a Summary,
    /// How she may be reached, if she said so.
    pub terms: Option<&'a SafeContact>,
    /// Places and their names.
    pub areas: &'a Areas,
    /// The moment of showing.
    pub now: Instant,
}

fn value(field: ShareableField, known: &Known<'_>) -> Shared {
    let Known { referral, summary, areas, .. } = known;
    let text = |value: &Option<String>| value.clone().map_or(Shared::Unknown(()), Shared::Text);
    let area = summary.area.as_deref();
    match field {
        ShareableField::Need => Shared::Text(referral.need.code().to_owned()),
        ShareableField::AgeBand => Shared::Text(summary.age.and_then(band).unwrap_or("unknown").to_owned()),
        ShareableField::Sex => text(&summary.sex),
        ShareableField::Language => text(&summary.language),
        ShareableField::Province => place(area.and_then(|code| areas.province_of(code))),
        ShareableField::District => place(area.and_then(|code| areas.district_of(code))),
        ShareableField::AccessNeeds => Shared::Many(summary.access_needs.clone()),
        ShareableField::ChildrenWithHer => summary.children_with_her.map_or(Shared::Unknown(()), Shared::Number),
        ShareableField::IncidentType => text(&summary.incident_type),
        ShareableField::IncidentWhen => text(&summary.incident_when),
        ShareableField::FirstName => text(&summary.first_name),
        ShareableField::Phone => text(&summary.phone),
        ShareableField::SafeContact => Shared::Many(windows(known)),
        // A call does not hold these: whoever shares them tells them by phone.
        ShareableField::InjuryWarning | ShareableField::StaffAlert | ShareableField::PickupPlace => Shared::Unknown(()),
    }
}

/// When she may be phoned, under terms that hold; otherwise never.
fn windows(known: &Known<'_>) -> Vec<String> {
    let holds = |terms: &&SafeContact| {
        terms.may_call && terms.if_another_answers.is_some() && terms.expires_at.is_some_and(|end| known.now < end)
    };
    let windows = known.terms.filter(holds).map(|terms| terms.windows.as_slice()).unwrap_or_default();
    windows.iter().map(|window| format!("{} {}–{}", window.weekday, window.from, window.to)).collect()
}

fn band((low, high): (i64, i64)) -> Option<&'static str> {
    BANDS.iter().find(|(from, to, _)| *from <= low && high <= *to).map(|(_, _, code)| *code)
}

fn place(area: Option<&Area>) -> Shared {
    area.map_or(Shared::Unknown(()), |area| Shared::Place {
        code: area.code.clone(),
        names: area.names.iter().map(|(language, name)| (language.to_owned(), name.to_owned())).collect(),
    })
}

impl Shared {
    /// As a person reads it. A code without words is shown as it is.
    pub(super) fn told(&self, field: &str, words: &Words) -> String {
        let list = match field {
            "need" => "service_type",
            "access_needs" => "access",
            other => other,
        };
        let said = |code: &String| match words.say(&format!("partner.{list}.{code}")) {
            "" => code.clone(),
            words => words.to_owned(),
        };
        match self {
            Shared::Unknown(()) => words.say("partner.unknown").to_owned(),
            Shared::Number(number) => number.to_string(),
            Shared::Text(code) => said(code),
            Shared::Many(codes) if codes.is_empty() => words.say("partner.unknown").to_owned(),
            Shared::Many(codes) => codes.iter().map(said).collect::<Vec<_>>().join(", "),
            Shared::Place { code, names } => {
                let own = names.iter().find(|(language, _)| language == words.code).or_else(|| names.first());
                own.map_or_else(|| code.clone(), |(_, name)| name.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_as_a_band_only_where_it_is_sure() {
        assert_eq!(band((26, 40)), Some("26_40"));
        assert_eq!(band((30, 30)), Some("26_40"));
        assert_eq!(band((61, 120)), Some("61_plus"));
        assert_eq!(band((17, 18)), None);
    }

    #[test]
    fn a_word_without_a_translation_is_shown_as_it_is() {
        let words = Words::of("en");
        assert_eq!(Shared::Text("safe_house".into()).told("need", words), "A safe place to stay");
        assert_eq!(Shared::Text("Maral".into()).told("first_name", words), "Maral");
        assert_eq!(Shared::Unknown(()).told("phone", words), "Not known");
    }
}
