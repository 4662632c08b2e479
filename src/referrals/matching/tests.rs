use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::clock::{HOUR, Instant};
use crate::config::Config;
use crate::directory::{SAMPLE, SampleDirectory, Service, ServiceForm};
use crate::input::{FromJson, Json, read};

const ZONE: Tz = Tz::Asia__Ashgabat;
/// 2026-11-22T22:00:00Z, three in the morning of a Monday in Ashgabat.
const NIGHT: Instant = Instant(1_795_384_800_000_000);

fn config() -> Config {
    Config::defaults("/tmp".as_ref()).unwrap()
}

fn areas() -> &'static Areas {
    static AREAS: LazyLock<Areas> = LazyLock::new(|| Areas::load(&config()).unwrap());
    &AREAS
}

fn form<T: FromJson>(body: serde_json::Value) -> T {
    read(&Json::parse(body.to_string().as_bytes()).unwrap()).unwrap()
}

/// A doctor in Bayramaly, day and night, for everyone; `change` says what differs.
fn service(name: &str, change: serde_json::Value) -> Candidate {
    let mut body = serde_json::json!({
        "organisation": "G", "type": "medical", "names": {"en": name}, "areas": ["TM-M-BAY"],
        "location_confidential": false, "hours": "24/7", "languages": ["tk", "ru"], "letter_language": "tk",
        "capacity": {"unit": "appointments", "available": 4, "maximum": 6}, "duty_to_report": false,
        "endpoints": [{"channel": "email", "address": "a@example.org"}],
    });
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    Candidate::sketch(name, form::<ServiceForm>(body))
}

fn ask() -> Ask {
    Ask {
        need: ServiceType::Medical,
        area: Some("TM-M-BAY".into()),
        at: NIGHT,
        age: Some((26, 40)),
        sex: Some(Sex::Female),
        children: Some(0),
        access_needs: Vec::new(),
        languages: Vec::new(),
        excluded_types: Vec::new(),
        blocked_organisations: Vec::new(),
        blocked_services: Vec::new(),
    }
}

fn order(ask: &Ask, services: &[Candidate]) -> Vec<String> {
    let ranking = rank(ask, services, areas(), ZONE);
    ranking.candidates.iter().map(|ranked| services[ranked.index].service.reference.clone()).collect()
}

fn one(ask: &Ask, change: serde_json::Value) -> Result<Ranked, Reason> {
    let ranking = rank(ask, &[service("one", change)], areas(), ZONE);
    assert_eq!(ranking.candidates.len() + ranking.passed_over.len(), 1);
    ranking.candidates.into_iter().next().ok_or_else(|| ranking.passed_over[0].reason)
}

#[test]
fn each_reason_is_given_for_what_it_names() {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let with = |change: fn(&mut Ask)| {
        let mut ask = ask();
        change(&mut ask);
        ask
    };
    for (ask, change, reason) in [
        (with(|ask| ask.excluded_types.push(ServiceType::Medical)), "{}", Reason::ExcludedByRule),
        (ask(), r#"{"status":"inactive"}"#, Reason::Inactive),
        (ask(), r#"{"status":"temporarily_closed"}"#, Reason::TemporarilyClosed),
        (ask(), r#"{"areas":["TM-M-TAG","TM-L"]}"#, Reason::OutOfArea),
        (ask(), r#"{"eligibility":{"age_max":17}}"#, Reason::NotEligibleAge),
        (ask(), r#"{"eligibility":{"age_min":60}}"#, Reason::NotEligibleAge),
        (ask(), r#"{"eligibility":{"sexes":["male"]}}"#, Reason::NotEligibleSex),
        (with(|ask| ask.children = Some(1)), r#"{"eligibility":{"children":false}}"#, Reason::NoChildren),
        (with(|ask| ask.access_needs.push(AccessNeed::StepFree)), r#"{"access":["interpreter"]}"#, Reason::Access),
        (ask(), r#"{"endpoints":[]}"#, Reason::NoEndpoint),
        (ask(), r#"{"capacity":{"unit":"places","available":0,"maximum":6}}"#, Reason::NoCapacity),
    ] {
        assert_eq!(one(&ask, json(change)), Err(reason), "{change}");
    }
}

#[test]
fn what_nobody_knows_shuts_no_door_but_is_named() {
    let unknown = Ask { area: None, age: None, sex: None, children: None, ..ask() };
    let limits = serde_json::json!({"eligibility": {"sexes": ["female"], "age_min": 18, "children": false}});
    let found = one(&unknown, limits).unwrap();
    assert_eq!(found.maybe, [Doubt::Area, Doubt::Age, Doubt::Sex, Doubt::Children]);
    assert_eq!(found.travel, Travel::Unknown);
    assert_eq!(one(&unknown, serde_json::json!({"areas": ["TM"]})).unwrap().travel, Travel::National);
    assert_eq!(one(&unknown, serde_json::json!({"areas": ["TM"]})).unwrap().maybe, []);
    let teenager = Ask { age: Some((12, 17)), ..ask() };
    let from_16 = serde_json::json!({"eligibility": {"age_min": 16}});
    assert_eq!(one(&teenager, from_16).unwrap().maybe, [Doubt::Age]);
    let until_35 = serde_json::json!({"eligibility": {"age_max": 35}});
    assert_eq!(one(&ask(), until_35).unwrap().maybe, [Doubt::Age], "she is 26 to 40");
    let somewhere_in_mary = Ask { area: Some("TM-M".into()), ..ask() };
    let found = one(&somewhere_in_mary, serde_json::json!({})).unwrap();
    assert_eq!((found.travel, found.maybe), (Travel::SameProvince, vec![Doubt::Area]));
}

#[test]
fn nearer_comes_first_and_open_comes_before_near() {
    let services = [
        service("shut", serde_json::json!({"hours": [{"days": ["mon"], "from": "09:00", "to": "18:00"}]})),
        service("national", serde_json::json!({"areas": ["TM"]})),
        service("province", serde_json::json!({"areas": ["TM-M"]})),
        service("elsewhere", serde_json::json!({"areas": ["TM-M"], "location_area": "TM-L-KER"})),
        service("district", serde_json::json!({})),
    ];
    assert_eq!(order(&ask(), &services), ["district", "province", "elsewhere", "national", "shut"]);
    let ranking = rank(&ask(), &services, areas(), ZONE);
    assert_eq!(ranking.candidates[4].next_opening, Some(NIGHT.plus(6 * HOUR)));
    assert_eq!(ranking.candidates[0].next_opening, None);
}

#[test]
fn among_equals_free_places_then_preference_then_load_then_reference_decide() {
    let places = |free: i64| serde_json::json!({"unit": "places", "available": free, "maximum": 9});
    let mut services = [
        service("c-busy", serde_json::json!({"capacity": places(5)})),
        service("b", serde_json::json!({"capacity": places(5)})),
        service("a", serde_json::json!({"capacity": places(5)})),
        service("liked", serde_json::json!({"capacity": places(5), "preference": 1})),
        service("roomy", serde_json::json!({"capacity": places(6)})),
        service("endless", serde_json::json!({"capacity": {"unlimited": true}})),
    ];
    services[0].load = 3;
    assert_eq!(order(&ask(), &services), ["endless", "roomy", "liked", "a", "b", "c-busy"]);
}

#[test]
fn acceptances_since_it_was_stated_fill_a_service() {
    let mut full = [service("four", serde_json::json!({}))];
    full[0].accepted_since = 3;
    assert_eq!(rank(&ask(), &full, areas(), ZONE).candidates[0].available, Some(1));
    full[0].accepted_since = 5;
    assert_eq!(rank(&ask(), &full, areas(), ZONE).passed_over[0].reason, Reason::NoCapacity);
}

#[test]
fn a_woman_with_three_children_hears_of_two_free_places_with_a_doubt() {
    let family = Ask { children: Some(3), ..ask() };
    let two = serde_json::json!({"capacity": {"unit": "places", "available": 2, "maximum": 9}});
    assert_eq!(one(&family, two).unwrap().maybe, [Doubt::Places]);
}

#[test]
fn a_hidden_house_is_as_far_as_its_areas_and_no_nearer() {
    let hidden = serde_json::json!({"areas": ["TM"], "location_area": "TM-M-BAY", "location_confidential": true});
    let shown = serde_json::json!({"areas": ["TM"], "location_area": "TM-M-BAY"});
    assert_eq!(one(&ask(), hidden).unwrap().travel, Travel::National);
    assert_eq!(one(&ask(), shown).unwrap().travel, Travel::SameDistrict);
}

#[test]
fn an_old_name_of_a_place_finds_the_services_of_today() {
    let old = Ask { area: Some("TM-M-SER".into()), ..ask() };
    assert!(one(&old, serde_json::json!({"areas": ["TM-M-TAG"]})).is_ok());
    let today = Ask { area: Some("TM-M-TAG".into()), ..ask() };
    assert!(one(&today, serde_json::json!({"areas": ["TM-M-SER"]})).is_ok());
}

#[test]
fn the_sample_offers_a_woman_in_mary_two_doctors_and_two_houses_at_any_hour() {
    let (areas, config) = (areas(), config());
    let sample = SampleDirectory::parse(SAMPLE, areas, &config).unwrap();
    for need in [ServiceType::Medical, ServiceType::SafeHouse] {
        let services: Vec<Candidate> =
            sample.services().map(|(key, form)| Candidate::sketch(key, form.clone())).collect();
        for area in ["TM-M", "TM-M-BAY"] {
            for hour in 0..24 * 7 {
                let ask = Ask { need, area: Some(area.into()), at: NIGHT.plus(hour * HOUR), ..ask() };
                let ranking = rank(&ask, &services, areas, ZONE);
                let sure = ranking.candidates.iter().filter(|ranked| ranked.open_now && ranked.maybe.is_empty());
                assert!(sure.count() >= 2, "{need} in {area} after {hour} h");
            }
        }
    }
}

const CODES: &[&str] =
    &["TM", "TM-M", "TM-M-BAY", "TM-M-TAG", "TM-M-SER", "TM-L", "TM-L-KER", "TM-S", "TM-S-BAG", "TM-ARK"];

prop_compose! {
    fn any_candidate()(
        number in 0u32..40,
        (kind, status) in (0usize..2, 0usize..5),
        codes in proptest::sample::subsequence(CODES.to_vec(), 1..4),
        location in proptest::option::of(proptest::sample::select(CODES)),
        (hidden, reachable) in (any::<bool>(), proptest::bool::weighted(0.9)),
        sexes in proptest::sample::subsequence(vec!["female", "male", "other"], 0..3),
        (youngest, span) in (proptest::option::of(0i64..30), proptest::option::of(0i64..60)),
        children in proptest::option::of(any::<bool>()),
        access in proptest::sample::subsequence(vec!["step_free", "interpreter", "home_visit"], 0..4),
        capacity in proptest::option::of(0i64..4),
        (accepted, load, preference) in (0i64..4, 0i64..3, 0i64..3),
        night in any::<bool>(),
    ) -> Candidate {
        let limit = span.map(|span| youngest.unwrap_or(0) + span);
        let capacity = match capacity {
            None => serde_json::json!({"unlimited": true}),
            Some(free) => serde_json::json!({"unit": "places", "available": free, "maximum": 9}),
        };
        let night_hours = serde_json::json!([{"days": ["mon", "tue", "sun"], "from": "20:00", "to": "08:00"}]);
        let letters = serde_json::json!([{"channel": "email", "address": "a@example.org"}]);
        let mut candidate = service(&format!("s{number:02}"), serde_json::json!({
            "type": (["medical", "safe_house"][kind]),
            "status": (["active", "active", "active", "temporarily_closed", "inactive"][status]),
            "areas": codes, "location_area": location, "location_confidential": hidden, "access": access,
            "eligibility": {"sexes": sexes, "age_min": youngest, "age_max": limit, "children": children},
            "capacity": capacity, "preference": preference,
            "hours": (if night { night_hours } else { serde_json::json!("24/7") }),
            "endpoints": (if reachable { letters } else { serde_json::json!([]) }),
        }));
        (candidate.accepted_since, candidate.load) = (accepted, load);
        candidate
    }
}

prop_compose! {
    fn any_ask()(
        area in proptest::option::of(proptest::sample::select(CODES)),
        hours in 0i64..200,
        age in proptest::option::of((0i64..60, 0i64..20)),
        sex in proptest::option::of(proptest::sample::select(Sex::ALL)),
        children in proptest::option::of(0i64..3),
        access_needs in proptest::sample::subsequence(vec![AccessNeed::StepFree, AccessNeed::Interpreter], 0..2),
        excluded in proptest::bool::weighted(0.1),
        blocked in proptest::collection::vec(0u32..40, 0..6),
    ) -> Ask {
        Ask {
            area: area.map(str::to_owned), at: NIGHT.plus(hours * HOUR), age: age.map(|(min, span)| (min, min + span)),
            sex, children, access_needs,
            excluded_types: if excluded { vec![ServiceType::Medical] } else { Vec::new() },
            blocked_services: blocked.iter().step_by(2).map(|number| format!("id-s{number:02}")).collect(),
            blocked_organisations: blocked.iter().skip(1).step_by(2).map(|number| format!("of-s{number:02}")).collect(),
            ..ask()
        }
    }
}

/// Written again from the domain's words, apart from the code under test.
fn surely_unfit(ask: &Ask, candidate: &Candidate, areas: &Areas) -> bool {
    let Service { form, .. } = &*candidate.service;
    let takes = &form.eligibility;
    let free = match form.capacity {
        Capacity::Unlimited => 1,
        Capacity::Stated { available, .. } => i64::from(available) - candidate.accepted_since,
    };
    let line = |code: &str| {
        let today = areas.current(code).unwrap().code.clone();
        let mut line: Vec<String> = areas.ancestors(&today).iter().map(|area| area.code.clone()).collect();
        line.extend([today, code.to_owned()]);
        line
    };
    let disjoint = |hers: &String| {
        form.areas.iter().all(|code| {
            !line(hers).contains(code)
                && !line(code).contains(hers)
                && !line(hers).contains(&areas.current(code).unwrap().code)
        })
    };
    form.status != ServiceStatus::Active
        || form.endpoints.is_empty()
        || free < 1
        || ask.excluded_types.contains(&form.kind)
        || ask.age.is_some_and(|(min, max)| {
            takes.age_min.is_some_and(|limit| max < limit) || takes.age_max.is_some_and(|limit| min > limit)
        })
        || ask.sex.is_some_and(|sex| !takes.sexes.is_empty() && !takes.sexes.contains(&sex))
        || (ask.children.is_some_and(|many| many > 0) && takes.children == Some(false))
        || ask.access_needs.iter().any(|need| !form.access.contains(need))
        || ask.area.as_ref().filter(|code| *code != "TM").is_some_and(disjoint)
}

proptest! {
    // `PROPTEST_CASES` asks for more, as `scripts/prove.sh tickets` does.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), ..ProptestConfig::default() })]

    #[test]
    fn a_candidate_is_always_fit_and_what_is_fit_is_always_a_candidate(ask in any_ask(), services in proptest::collection::vec(any_candidate(), 0..24)) {
        let areas = areas();
        let ranking = rank(&ask, &services, areas, ZONE);
        for ranked in &ranking.candidates {
            prop_assert!(!surely_unfit(&ask, &services[ranked.index], areas), "{:?}", services[ranked.index]);
            prop_assert_eq!(ranked.open_now, services[ranked.index].service.form.hours.open_at(ask.at, ZONE));
            prop_assert_ne!(ranked.available, Some(0));
        }
        for passed in &ranking.passed_over {
            prop_assert!(surely_unfit(&ask, &services[passed.index], areas), "{:?} {:?}", passed, services[passed.index]);
        }
    }

    #[test]
    fn every_service_of_the_type_that_may_be_seen_is_in_exactly_one_list(ask in any_ask(), services in proptest::collection::vec(any_candidate(), 0..24)) {
        let ranking = rank(&ask, &services, areas(), ZONE);
        let shown: Vec<usize> = ranking.candidates.iter().map(|ranked| ranked.index)
            .chain(ranking.passed_over.iter().map(|passed| passed.index)).collect();
        let visible: BTreeSet<usize> = services.iter().enumerate()
            .filter(|(_, candidate)| candidate.service.form.kind == ServiceType::Medical)
            .filter(|(_, candidate)| !ask.blocked_services.contains(&candidate.service.id))
            .filter(|(_, candidate)| !ask.blocked_organisations.contains(&candidate.service.organisation.id))
            .map(|(index, _)| index).collect();
        prop_assert_eq!(shown.len(), visible.len());
        prop_assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), visible);
    }

    #[test]
    fn the_answer_depends_on_nothing_but_the_question(ask in any_ask(), mut services in proptest::collection::vec(any_candidate(), 0..24), places in proptest::collection::vec(any::<proptest::sample::Index>(), 24)) {
        services.sort_by(|a, b| a.service.reference.cmp(&b.service.reference));
        services.dedup_by(|a, b| a.service.reference == b.service.reference);
        let first = order(&ask, &services);
        prop_assert_eq!(&first, &order(&ask, &services));
        let many = services.len();
        for (place, other) in places.iter().enumerate().take(many) {
            services.swap(place, other.index(many));
        }
        prop_assert_eq!(first, order(&ask, &services), "the order of the list that was given must not matter");
    }

    #[test]
    fn who_is_blocked_changes_nothing_about_the_others(ask in any_ask(), services in proptest::collection::vec(any_candidate(), 0..16)) {
        let unseen: Vec<Candidate> = services.iter().filter(|candidate| ask.may_see(candidate)).cloned().collect();
        prop_assert_eq!(order(&ask, &services), order(&ask, &unseen));
    }
}
