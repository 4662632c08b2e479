//! What was heard: the body of a contact, read strictly and kept, in the same shape, in the sealed
//! document. Nearly everything is optional, because nearly everything about a survivor is.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::codes::*;
use crate::access::Reference;
use crate::cases::phone::Phone;
use crate::clock::Instant;
use crate::input::{At, Fields, FromJson, Json};
use crate::rules::read_answers;
use crate::triage::Answer;

/// A contact as a client sends it and as it is sealed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContactForm {
    /// What kind of contact.
    pub kind: Kind,
    /// How it came.
    pub channel: Channel,
    /// Who reached for whom.
    pub direction: Direction,
    /// When it began; now, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Instant>,
    /// When the call reached the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<Instant>,
    /// When it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Instant>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Instant>,
    /// Who speaks.
    pub caller_role: CallerRole,
    /// Her language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Whether an interpreter is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<bool>,
    /// Whose voice she wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
    /// Whether the limits of confidentiality were said before she told anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits_explained: Option<bool>,
    /// About her.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// What happened, each time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
    /// Answers by indicator. Which indicators there are is the rule set's word, not this reader's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, Answer>,
    /// What she wants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wishes: Vec<Wish>,
    /// The reference of her case, if she has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// A word by which another seat takes the draft up again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejoin_word: Option<String>,
}

impl FromJson for ContactForm {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let kind = f.optional("kind").unwrap_or(Kind::Support);
            let channel = f.required("channel");
            let direction = f.optional("direction").unwrap_or(Direction::Inbound);
            let opened_at = f.optional("opened_at");
            let queued_at = f.optional("queued_at");
            let answered_at = f.optional("answered_at");
            let ended_at = f.optional("ended_at");
            let caller_role = f.optional("caller_role").unwrap_or(CallerRole::Unknown);
            let language = f.optional("language");
            let interpreter = f.optional("interpreter");
            let voice = f.optional("voice");
            let limits_explained = f.optional("limits_explained");
            let person = f.optional("person");
            let incidents = f.list("incidents");
            let answers = f.with("answers", read_answers).unwrap_or_default();
            let wishes = f.list("wishes");
            let case = f.optional::<Reference<'K'>>("case").map(|case| case.0);
            let rejoin_word = f.text("rejoin_word", 32);
            Some(ContactForm {
                kind,
                channel: channel?,
                direction,
                opened_at,
                queued_at,
                answered_at,
                ended_at,
                caller_role,
                language,
                interpreter,
                voice,
                limits_explained,
                person,
                incidents,
                answers,
                wishes,
                case,
                rejoin_word,
            })
        })
    }
}

/// About her. Names are never required.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Person {
    /// Her name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Her number, in E.164 where it can be read as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// Where she lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Her date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub born_on: Option<NaiveDate>,
    /// Years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<i64>,
    /// Or a band.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_band: Option<AgeBand>,
    /// Whether the voice is a child's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sounds_under_18: Option<Tri>,
    /// Sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// Where, as a code of the gazetteer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// Marital status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marital_status: Option<MaritalStatus>,
    /// Displacement status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displacement_status: Option<DisplacementStatus>,
    /// Stage of displacement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displacement_stage: Option<DisplacementStage>,
    /// Country of origin, ISO 3166-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Ethnicity, as she says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ethnicity: Option<String>,
    /// A child without her adults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unaccompanied_or_separated: Option<Unaccompanied>,
    /// What she needs to be able to come; needs, not diagnoses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_needs: Vec<String>,
    /// Disability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disability: Option<Disability>,
    /// Pregnant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pregnant: Option<Tri>,
    /// How many children are with her.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children_with_her: Option<i64>,
    /// Whether those who depend on her are in danger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependants_at_risk: Option<Tri>,
    /// Whether she has nowhere safe tonight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nowhere_safe_tonight: Option<Tri>,
}

impl FromJson for Person {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let name = f.text("name", 200);
            let phone = f.optional("phone");
            let address = f.text("address", 400);
            let born_on = f.optional("born_on");
            let age = f.whole("age", 0..=120);
            let age_band = f.optional("age_band");
            let sounds_under_18 = f.optional("sounds_under_18");
            let sex = f.optional("sex");
            let area = f.with("area", area_code);
            let marital_status = f.optional("marital_status");
            let displacement_status = f.optional("displacement_status");
            let displacement_stage = f.optional("displacement_stage");
            let country = f.with("country", country_code);
            let ethnicity = f.text("ethnicity", 60);
            let unaccompanied_or_separated = f.optional("unaccompanied_or_separated");
            let access_needs = f.list::<Code>("access_needs").into_iter().map(|code| code.0).collect();
            let disability = f.optional("disability");
            let pregnant = f.optional("pregnant");
            let children_with_her = f.whole("children_with_her", 0..=20);
            let dependants_at_risk = f.optional("dependants_at_risk");
            let nowhere_safe_tonight = f.optional("nowhere_safe_tonight");
            Some(Person {
                name,
                phone,
                address,
                born_on,
                age,
                age_band,
                sounds_under_18,
                sex,
                area,
                marital_status,
                displacement_status,
                displacement_stage,
                country,
                ethnicity,
                unaccompanied_or_separated,
                access_needs,
                disability,
                pregnant,
                children_with_her,
                dependants_at_risk,
                nowhere_safe_tonight,
            })
        })
    }
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Incident {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Instant>,
    /// How well the time is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Or how long ago, as it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bracket: Option<Bracket>,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forms: Option<Forms>,
    /// Her age then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_at_incident: Option<i64>,
    /// Whether she told it herself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_by_survivor: Option<bool>,
    /// Where, as a code of the gazetteer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// What kind of place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_type: Option<LocationType>,
    /// What time of day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_of_day: Option<TimeOfDay>,
    /// A practice of the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harmful_traditional_practice: Option<Practice>,
    /// Whether goods or money changed hands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goods_money_exchanged: Option<Tri>,
    /// Whether she was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abduction: Option<Abduction>,
    /// Whether it was reported before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_elsewhere: Option<ReportedElsewhere>,
    /// Whether it happened before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_incidents: Option<Tri>,
    /// Whether she wants to go to law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wants_legal_action: Option<LegalAction>,
    /// Who sent her.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referred_from: Vec<ReferredFrom>,
    /// Who did it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub perpetrators: Vec<Perpetrator>,
}

impl FromJson for Incident {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let happened_at = f.optional("happened_at");
            let precision = f.optional("precision");
            let bracket = f.optional("bracket");
            let forms = f.optional("forms");
            let age_at_incident = f.whole("age_at_incident", 0..=120);
            let reported_by_survivor = f.optional("reported_by_survivor");
            let area = f.with("area", area_code);
            let location_type = f.optional("location_type");
            let time_of_day = f.optional("time_of_day");
            let harmful_traditional_practice = f.optional("harmful_traditional_practice");
            let goods_money_exchanged = f.optional("goods_money_exchanged");
            let abduction = f.optional("abduction");
            let reported_elsewhere = f.optional("reported_elsewhere");
            let previous_incidents = f.optional("previous_incidents");
            let wants_legal_action = f.optional("wants_legal_action");
            let referred_from = f.list("referred_from");
            let perpetrators = f.list("perpetrators");
            Some(Incident {
                happened_at,
                precision,
                bracket,
                forms,
                age_at_incident,
                reported_by_survivor,
                area,
                location_type,
                time_of_day,
                harmful_traditional_practice,
                goods_money_exchanged,
                abduction,
                reported_elsewhere,
                previous_incidents,
                wants_legal_action,
                referred_from,
                perpetrators,
            })
        })
    }
}

/// What was done, in the order of the GBVIMS questions.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Forms {
    /// Penetration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub penetration: Option<Tri>,
    /// Unwanted sexual contact, attempts included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sexual_contact: Option<Tri>,
    /// Physical violence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical: Option<Tri>,
    /// Forced marriage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced_marriage: Option<Tri>,
    /// Denial of resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial_of_resources: Option<Tri>,
    /// Psychological violence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psychological: Option<Tri>,
}

impl FromJson for Forms {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let penetration = f.optional("penetration");
            let sexual_contact = f.optional("sexual_contact");
            let physical = f.optional("physical");
            let forced_marriage = f.optional("forced_marriage");
            let denial_of_resources = f.optional("denial_of_resources");
            let psychological = f.optional("psychological");
            Some(Forms { penetration, sexual_contact, physical, forced_marriage, denial_of_resources, psychological })
        })
    }
}

/// Who did it. A name is kept only to keep him away from her helpers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Perpetrator {
    /// First or further.
    pub role: PerpetratorRole,
    /// Sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// Age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_group: Option<AgeBand>,
    /// Whether it is a former partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former: Option<bool>,
    /// Relationship to her.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationship: Option<Relationship>,
    /// Which side of the family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<FamilySide>,
    /// Power by office.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Occupation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occupation: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl FromJson for Perpetrator {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let role = f.optional("role").unwrap_or(PerpetratorRole::Primary);
            let sex = f.optional("sex");
            let age_group = f.optional("age_group");
            let former = f.optional("former");
            let relationship = f.optional("relationship");
            let side = f.optional("side");
            let position = f.optional("position");
            let occupation = f.text("occupation", 60);
            let name = f.text("name", 200);
            Some(Perpetrator { role, sex, age_group, former, relationship, side, position, occupation, name })
        })
    }
}

/// The shape of a gazetteer code; whether it exists is asked of the gazetteer.
fn area_code(json: &Json, at: &At<'_>) -> Option<String> {
    at.takes(|| json!({"type": "string", "pattern": "^[A-Z0-9-]{2,16}$", "examples": ["TM-M-BAY"]}));
    shaped(json, at, 2..=16, |b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

fn country_code(json: &Json, at: &At<'_>) -> Option<String> {
    at.takes(|| json!({"type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO 3166-1."}));
    shaped(json, at, 2..=2, |b| b.is_ascii_uppercase())
}

fn shaped(json: &Json, at: &At<'_>, length: std::ops::RangeInclusive<usize>, fits: fn(u8) -> bool) -> Option<String> {
    match json {
        Json::Text(code) if length.contains(&code.len()) && code.bytes().all(fits) => Some(code.clone()),
        _ => {
            at.problem("not_a_code");
            None
        }
    }
}

/// A short lower-case code of a list that is data, not program.
struct Code(String);

impl FromJson for Code {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        at.takes(|| json!({"type": "string", "pattern": "^[a-z0-9_]{1,40}$"}));
        shaped(json, at, 1..=40, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_').map(Code)
    }
}
