//! Which services could help her now, in which order, and why the others were passed over. Pure: no
//! database and no clock, so the same question always has the same answer.
//!
//! Three rules stand above the order. A blocked service or organisation is as if it did not exist:
//! it is in neither list. Every other service of the type is in exactly one of them, so nothing is
//! dropped silently. And what nobody knows (her age, her sex, where she is) never shuts a door: the
//! service stays a candidate, with what is in doubt named in `maybe`, so that the operator can ask.
//!
//! Without a known area every service is considered: nationwide ones first, the rest with
//! `maybe: area`, because a wrong guess is seen at once when the operator reads the name aloud,
//! and a service never shown is never seen.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use chrono_tz::Tz;

use crate::clock::Instant;
use crate::directory::{
    AccessNeed, AreaKind, Areas, Candidate, Capacity, CapacityUnit, Closeness, Language, ServiceStatus, ServiceType,
    Sex,
};
use crate::storage::codes;

/// What is asked for, and what is known about her. `None` is not known.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The help she needs.
    pub need: ServiceType,
    /// Where she is.
    pub area: Option<String>,
    /// The moment to match for.
    pub at: Instant,
    /// Her age in years, or the ends of her age band.
    pub age: Option<(i64, i64)>,
    /// Her sex.
    pub sex: Option<Sex>,
    /// How many children come with her.
    pub children: Option<i64>,
    /// What she needs to be able to use a service.
    pub access_needs: Vec<AccessNeed>,
    /// Languages she speaks. They never shut a door; a shared one decides between equals.
    pub languages: Vec<Language>,
    /// Types of help the rules keep from her now.
    pub excluded_types: Vec<ServiceType>,
    /// Keys of organisations that must not know.
    pub blocked_organisations: Vec<String>,
    /// Keys of services that must not know.
    pub blocked_services: Vec<String>,
}

codes! {
    /// How far she would travel, in bands: a distance would tell where a hidden house is.
    pub enum Travel {
        /// Within her district or city.
        SameDistrict = "same_district",
        /// Within her province.
        SameProvince = "same_province",
        /// Another province, although it serves hers.
        Elsewhere = "elsewhere",
        /// It serves the whole country; it may be anywhere, or come to her.
        National = "national",
        /// Nobody knows where she is.
        Unknown = "unknown",
    }
}

codes! {
    /// Why a service was passed over; the first that holds, in this order.
    pub enum Reason {
        ExcludedByRule = "excluded_by_rule",
        Inactive = "inactive",
        TemporarilyClosed = "temporarily_closed",
        OutOfArea = "out_of_area",
        NotEligibleAge = "not_eligible_age",
        NotEligibleSex = "not_eligible_sex",
        NoChildren = "no_children",
        Access = "access",
        NoEndpoint = "no_endpoint",
        NoCapacity = "no_capacity",
    }
}

codes! {
    /// What to ask her, or the service, before relying on it.
    pub enum Doubt {
        /// Where she is: it may not serve her place.
        Area = "area",
        /// Her age: it has limits.
        Age = "age",
        /// Her sex: it takes only some.
        Sex = "sex",
        /// Whether children come with her: it takes none.
        Children = "children",
        /// Fewer places are free than she and her children are.
        Places = "places",
    }
}

/// A service that could help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// Its place in the list that was given.
    pub index: usize,
    /// Open at the moment asked for.
    pub open_now: bool,
    /// When it opens, if it is closed now.
    pub next_opening: Option<Instant>,
    /// How far she would travel.
    pub travel: Travel,
    /// What is free; `None` is without limit.
    pub available: Option<i64>,
    /// Whether it speaks one of her languages; `None` when hers are not known.
    pub speaks_hers: Option<bool>,
    /// What is in doubt; empty is a sure fit.
    pub maybe: Vec<Doubt>,
}

/// A service that could not help, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassedOver {
    /// Its place in the list that was given.
    pub index: usize,
    /// Why.
    pub reason: Reason,
}

/// The answer. Services of another type and blocked ones are in neither list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranking {
    /// Best first.
    pub candidates: Vec<Ranked>,
    /// Those that fit best but for one thing first.
    pub passed_over: Vec<PassedOver>,
}

/// Ranks the services for what is asked: open now, then near, then with most free (without limit
/// first), then preferred, then idle. Equals are told apart by a shared language, then by how sure
/// the fit is, then by reference.
pub fn rank(ask: &Ask, services: &[Candidate], areas: &Areas, zone: Tz) -> Ranking {
    let mut ranking = Ranking::default();
    for (index, candidate) in services.iter().enumerate().filter(|(_, candidate)| ask.may_see(candidate)) {
        match fit(ask, candidate, areas) {
            Ok(fit) => ranking.candidates.push(ranked(ask, index, candidate, fit, zone)),
            Err(reason) => ranking.passed_over.push(PassedOver { index, reason }),
        }
    }
    let of = |index: usize| services.get(index);
    ranking.candidates.sort_by_key(|ranked| {
        let service = of(ranked.index);
        (
            Reverse(ranked.open_now),
            ranked.travel,
            Reverse(ranked.available.unwrap_or(i64::MAX)),
            service.map(|candidate| (candidate.service.form.preference, candidate.load)),
            Reverse(ranked.speaks_hers),
            ranked.maybe.len(),
            service.map(|candidate| candidate.service.reference.as_str()),
        )
    });
    ranking.passed_over.sort_by_key(|passed| {
        (Reverse(passed.reason), of(passed.index).map(|candidate| candidate.service.reference.as_str()))
    });
    ranking
}

impl Ask {
    fn may_see(&self, candidate: &Candidate) -> bool {
        let service = &candidate.service;
        service.form.kind == self.need
            && !self.blocked_services.contains(&service.id)
            && !self.blocked_organisations.contains(&service.organisation.id)
    }
}

/// What is known about a service that fits.
struct Fit {
    travel: Travel,
    available: Option<i64>,
    maybe: Vec<Doubt>,
}

fn fit(ask: &Ask, candidate: &Candidate, areas: &Areas) -> Result<Fit, Reason> {
    let service = &candidate.service;
    if ask.excluded_types.contains(&service.form.kind) {
        return Err(Reason::ExcludedByRule);
    }
    match service.status() {
        ServiceStatus::Active => {}
        ServiceStatus::TemporarilyClosed => return Err(Reason::TemporarilyClosed),
        ServiceStatus::Inactive => return Err(Reason::Inactive),
    }
    let mut maybe = Vec::new();
    let (travel, sure) = travel(ask, candidate, areas).ok_or(Reason::OutOfArea)?;
    if !sure {
        maybe.push(Doubt::Area);
    }
    fits_her(ask, candidate, &mut maybe)?;
    if !service.is_reachable() {
        return Err(Reason::NoEndpoint);
    }
    let available = service.form.capacity.free(candidate.accepted_since);
    if available == Some(0) {
        return Err(Reason::NoCapacity);
    }
    let counted_in_places = matches!(service.form.capacity, Capacity::Stated { unit: CapacityUnit::Places, .. });
    if counted_in_places && available.is_some_and(|free| free < 1 + ask.children.unwrap_or(0)) {
        maybe.push(Doubt::Places);
    }
    Ok(Fit { travel, available, maybe })
}

/// Age, sex, children, access.
fn fits_her(ask: &Ask, candidate: &Candidate, maybe: &mut Vec<Doubt>) -> Result<(), Reason> {
    let form = &candidate.service.form;
    let takes = &form.eligibility;
    let (youngest, oldest) = (takes.age_min.unwrap_or(0), takes.age_max.unwrap_or(i64::MAX));
    match ask.age {
        Some((min, max)) if max < youngest || oldest < min => return Err(Reason::NotEligibleAge),
        Some((min, max)) if youngest <= min && max <= oldest => {}
        None if takes.age_min.is_none() && takes.age_max.is_none() => {}
        _ => maybe.push(Doubt::Age),
    }
    match ask.sex {
        _ if takes.sexes.is_empty() => {}
        Some(sex) if !takes.sexes.contains(&sex) => return Err(Reason::NotEligibleSex),
        Some(_) => {}
        None => maybe.push(Doubt::Sex),
    }
    match ask.children {
        _ if takes.children != Some(false) => {}
        Some(0) => {}
        Some(_) => return Err(Reason::NoChildren),
        None => maybe.push(Doubt::Children),
    }
    let meets = |need: &AccessNeed| {
        let signs = *need == AccessNeed::SignLanguage && form.languages.iter().any(|spoken| spoken.code() == "sign");
        signs || form.access.contains(need)
    };
    if !ask.access_needs.iter().all(meets) {
        return Err(Reason::Access);
    }
    Ok(())
}

/// How far she would travel, and whether it is sure that her place is served. `None` when it is
/// sure that it is not.
///
/// The location of a service decides where it is open to see. A hidden one is judged by the areas
/// it says it serves, so that the answer tells nothing its entry does not.
fn travel(ask: &Ask, candidate: &Candidate, areas: &Areas) -> Option<(Travel, bool)> {
    let form = &candidate.service.form;
    let is_country = |code: &String| areas.get(code).is_some_and(|area| area.kind == AreaKind::Country);
    let national = form.areas.iter().any(is_country);
    let Some(hers) = ask.area.as_ref().filter(|code| areas.province_of(code).is_some()) else {
        return Some(if national { (Travel::National, true) } else { (Travel::Unknown, false) });
    };
    let reach = areas.reach(hers);
    // Only her province is known, and a part of it is served: she may well be there.
    let may_be_there = |code: &String| areas.reach(code).contains(&hers.as_str());
    let sure = form.areas.iter().any(|code| serves(areas, &reach, code));
    if !sure && !form.areas.iter().any(may_be_there) {
        return None;
    }
    let by_areas = form.areas.iter().filter(|code| !is_country(code)).map(|code| areas.closeness(hers, code)).min();
    let by_location = form.location_area.as_ref().filter(|_| !form.location_confidential);
    let closeness = by_location.map_or(by_areas, |location| Some(areas.closeness(hers, location)));
    let travel = match closeness {
        Some(Closeness::SameDistrict) => Travel::SameDistrict,
        Some(Closeness::SameProvince) => Travel::SameProvince,
        _ if national => Travel::National,
        _ => Travel::Elsewhere,
    };
    Some((travel, sure))
}

/// An old code in a service's list stands for the area that has its land today.
fn serves(areas: &Areas, reach: &[&str], code: &str) -> bool {
    reach.contains(&code) || areas.current(code).is_some_and(|area| reach.contains(&area.code.as_str()))
}

fn ranked(ask: &Ask, index: usize, candidate: &Candidate, fit: Fit, zone: Tz) -> Ranked {
    let form = &candidate.service.form;
    let open_now = form.hours.open_at(ask.at, zone);
    let shared = || form.languages.iter().any(|spoken| ask.languages.contains(spoken));
    Ranked {
        index,
        open_now,
        next_opening: form.hours.next_opening(ask.at, zone),
        travel: fit.travel,
        available: fit.available,
        speaks_hers: (!ask.languages.is_empty()).then(shared),
        maybe: fit.maybe,
    }
}
