//! What GBVIMS calls an incident: type, contexts and elapsed band, computed and never set.
//! Source: GBVIMS classification tool; the questions are asked in order and the first yes wins.

use chrono_tz::Tz;

use super::codes::{Abduction, Context, ElapsedBand, GbvType, Practice, Relationship, Tri};
use super::form::{Incident, Person};
use crate::clock::Instant;

/// Years: below this a person is a child.
pub const ADULT: i64 = 18;

/// The type of one incident. `None` when none of the questions was asked; an unanswered earlier
/// question gives `unclassified`, never a lower type.
pub fn gbv_type(incident: &Incident) -> Option<GbvType> {
    let forms = incident.forms.as_ref()?;
    let asked = [
        (forms.penetration, GbvType::Rape),
        (forms.sexual_contact, GbvType::SexualAssault),
        (forms.physical, GbvType::PhysicalAssault),
        (forms.forced_marriage, GbvType::ForcedMarriage),
        (forms.denial_of_resources, GbvType::DenialOfResources),
        (forms.psychological, GbvType::Psychological),
    ];
    if asked.iter().all(|(answer, _)| answer.is_none()) {
        return None;
    }
    for (answer, kind) in asked {
        match answer {
            Some(Tri::Yes) => return Some(kind),
            Some(Tri::No) => {}
            Some(Tri::Unknown) | None => return Some(GbvType::Unclassified),
        }
    }
    Some(GbvType::NonGbv)
}

/// The contexts of one incident; `age` is her age then, as the least and the most it can have been.
pub fn contexts(incident: &Incident, age: Option<(i64, i64)>) -> Vec<Context> {
    let kind = gbv_type(incident);
    let sexual = matches!(kind, Some(GbvType::Rape | GbvType::SexualAssault));
    let child = age.is_some_and(|(_, most)| most < ADULT);
    let partner = incident.perpetrators.iter().any(|p| p.relationship == Some(Relationship::IntimatePartnerOrFormer));
    let taken = incident.abduction.is_some_and(|a| !matches!(a, Abduction::None | Abduction::Unknown));
    let practice = incident.harmful_traditional_practice.is_some_and(|p| p != Practice::None);
    let found = [
        (partner && kind.is_some_and(|kind| kind != GbvType::NonGbv), Context::IntimatePartner),
        (child && sexual, Context::ChildSexualAbuse),
        (child && kind == Some(GbvType::ForcedMarriage), Context::EarlyMarriage),
        (incident.goods_money_exchanged == Some(Tri::Yes) && sexual, Context::PossibleSexualExploitation),
        (taken && sexual, Context::PossibleSexualSlavery),
        (practice, Context::HarmfulTraditionalPractice),
    ];
    found.into_iter().filter(|(holds, _)| *holds).map(|(_, context)| context).collect()
}

/// The GBVIMS band of whole calendar days between incident and contact, in the place's zone.
/// `None` for an incident after the contact. Triage uses hours instead: three days' difference in
/// dates can be 96 hours.
pub fn elapsed_band(incident: Instant, contact: Instant, zone: Tz) -> Option<ElapsedBand> {
    let day = |at: Instant| at.utc().with_timezone(&zone).date_naive();
    band((day(contact) - day(incident)).num_days())
}

fn band(days: i64) -> Option<ElapsedBand> {
    match days {
        ..0 => None,
        0..=3 => Some(ElapsedBand::Days0To3),
        4..=5 => Some(ElapsedBand::Days4To5),
        6..=14 => Some(ElapsedBand::Days6To14),
        15..=29 => Some(ElapsedBand::Weeks2ToMonth),
        _ => Some(ElapsedBand::OverMonth),
    }
}

/// Her age now as the least and the most it can be: from the date of birth, the years she says, or
/// her band.
pub fn age(person: Option<&Person>, at: Instant, zone: Tz) -> Option<(i64, i64)> {
    let person = person?;
    if let Some(born) = person.born_on {
        let today = at.utc().with_timezone(&zone).date_naive();
        let years = today.years_since(born).map(i64::from)?;
        return Some((years, years));
    }
    if let Some(years) = person.age {
        return Some((years, years));
    }
    use super::codes::AgeBand::{Over60, To11, To17, To25, To40, To60, Unknown};
    match person.age_band? {
        To11 => Some((0, 11)),
        To17 => Some((12, 17)),
        To25 => Some((18, 25)),
        To40 => Some((26, 40)),
        To60 => Some((41, 60)),
        Over60 => Some((61, 120)),
        Unknown => None,
    }
}

/// Whether she is a child: computed, never set. `None` when it is not known.
pub fn is_child(person: Option<&Person>, at: Instant, zone: Tz) -> Option<bool> {
    match age(person, at, zone) {
        Some((_, most)) if most < ADULT => Some(true),
        Some((least, _)) if least >= ADULT => Some(false),
        _ => match person?.sounds_under_18 {
            // An unknown age with a child's voice is a child's until it is known.
            Some(Tri::Yes) => Some(true),
            _ => None,
        },
    }
}

/// Her age at an incident.
pub fn age_at(incident: &Incident, person: Option<&Person>, at: Instant, zone: Tz) -> Option<(i64, i64)> {
    match incident.age_at_incident {
        Some(years) => Some((years, years)),
        None => age(person, incident.happened_at.unwrap_or(at), zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contacts::form::ContactForm;
    use crate::input::{Json, read};

    fn incident(body: &str) -> Incident {
        let call = format!(r#"{{"channel":"phone","incidents":[{body}]}}"#);
        let form: ContactForm = read(&Json::parse(call.as_bytes()).unwrap()).unwrap();
        form.incidents.into_iter().next().unwrap()
    }

    fn forms(yes: &[&str]) -> String {
        let all =
            ["penetration", "sexual_contact", "physical", "forced_marriage", "denial_of_resources", "psychological"];
        let members: Vec<String> =
            all.iter().map(|f| format!(r#""{f}":"{}""#, if yes.contains(f) { "yes" } else { "no" })).collect();
        format!(r#""forms":{{{}}}"#, members.join(","))
    }

    #[test]
    fn the_published_classifications_hold() {
        for (yes, expected) in [
            (&["penetration", "sexual_contact", "physical"][..], GbvType::Rape),
            (&["sexual_contact"], GbvType::SexualAssault),
            (&["penetration", "forced_marriage"], GbvType::Rape),
            (&["forced_marriage"], GbvType::ForcedMarriage),
            (&["psychological"], GbvType::Psychological),
            (&[], GbvType::NonGbv),
        ] {
            assert_eq!(gbv_type(&incident(&format!("{{{}}}", forms(yes)))), Some(expected));
        }
    }

    #[test]
    fn a_marriage_against_her_will_at_sixteen_is_early() {
        let incident = incident(&format!(r#"{{{},"age_at_incident":16}}"#, forms(&["forced_marriage"])));
        assert_eq!(contexts(&incident, Some((16, 16))), [Context::EarlyMarriage]);
        assert_eq!(contexts(&incident, Some((18, 18))), []);
        assert_eq!(contexts(&incident, Some((12, 18))), []);
    }

    #[test]
    fn an_unanswered_earlier_question_never_gives_a_lower_type() {
        assert_eq!(gbv_type(&incident(r#"{"forms":{"physical":"yes"}}"#)), Some(GbvType::Unclassified));
        assert_eq!(
            gbv_type(&incident(r#"{"forms":{"penetration":"unknown","physical":"yes"}}"#)),
            Some(GbvType::Unclassified)
        );
        assert_eq!(gbv_type(&incident(r#"{"forms":{}}"#)), None);
    }

    #[test]
    fn the_published_bands_hold() {
        use ElapsedBand::*;
        for (days, expected) in [
            (0, Some(Days0To3)),
            (3, Some(Days0To3)),
            (4, Some(Days4To5)),
            (5, Some(Days4To5)),
            (6, Some(Days6To14)),
            (14, Some(Days6To14)),
            (15, Some(Weeks2ToMonth)),
            (29, Some(Weeks2ToMonth)),
            (30, Some(OverMonth)),
            (-1, None),
        ] {
            assert_eq!(band(days), expected, "{days}");
        }
    }

    #[test]
    fn a_childs_voice_counts_only_while_the_age_is_unknown() {
        let person = |body: &str| {
            let call = format!(r#"{{"channel":"phone","person":{body}}}"#);
            read::<ContactForm>(&Json::parse(call.as_bytes()).unwrap()).unwrap().person
        };
        let child = |body: &str| is_child(person(body).as_ref(), Instant(0), Tz::UTC);
        assert_eq!(child(r#"{"sounds_under_18":"yes"}"#), Some(true));
        assert_eq!(child(r#"{"sounds_under_18":"yes","age":30}"#), Some(false));
        assert_eq!(child(r#"{"age_band":"12_17"}"#), Some(true));
        assert_eq!(child(r#"{"sounds_under_18":"no"}"#), None);
        assert_eq!(child("{}"), None);
    }
}
