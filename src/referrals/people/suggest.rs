//! Who could take a ticket, in which order, and why. Pure: no database and no clock.

use std::cmp::Reverse;

use chrono_tz::Tz;

use super::duty::{Duty, Presence};
use super::model::Helper;
use crate::clock::Instant;
use crate::contacts::codes::Language;
use crate::directory::{AreaKind, Areas, Closeness};
use crate::storage::codes;

/// What is known of her, and when it is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// District or province.
    pub area: Option<String>,
    /// What she speaks.
    pub language: Option<Language>,
    /// The moment.
    pub now: Instant,
}

codes! {
    /// How near somebody who helps is to her.
    pub enum Near {
        /// They serve her district.
        SameDistrict = "same_district",
        /// They serve her province, or another part of it.
        SameProvince = "same_province",
        /// They serve everywhere.
        Everywhere = "everywhere",
        /// Nobody knows where she is.
        Unknown = "unknown",
        /// They serve other provinces.
        Elsewhere = "elsewhere",
    }
}

/// Somebody who could take it, and what speaks for them.
#[derive(Debug, Clone)]
pub struct Suggestion {
    /// Who.
    pub helper: Helper,
    /// Whether they are at work.
    pub presence: Presence,
    /// When they come on duty next, unless they are.
    pub next_on_duty: Option<Instant>,
    /// How near.
    pub near: Near,
    /// Whether they speak her language; `None` where either is not known.
    pub speaks_hers: Option<bool>,
}

/// Orders them: who is free, then who is at work, who is near, who speaks her language, who holds
/// least; equals by staff number.
pub fn rank(ask: &Ask, helpers: Vec<Helper>, areas: &Areas, zone: Tz) -> Vec<Suggestion> {
    let judged = |helper: Helper| Suggestion {
        presence: helper.duty.presence(ask.now, zone),
        next_on_duty: helper.duty.next_on_duty(ask.now, zone),
        near: near(ask.area.as_deref(), &helper.duty, areas),
        speaks_hers: speaks(ask.language, &helper.duty),
        helper,
    };
    let mut all: Vec<Suggestion> = helpers.into_iter().map(judged).collect();
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    all
}

impl Suggestion {
    /// Their place: the smaller, the sooner.
    fn order(&self) -> (bool, Presence, Near, Reverse<i8>, i64, &str) {
        // Not to know whether they understand each other is better than to know that they do not.
        let language = self.speaks_hers.map_or(0, |speaks| if speaks { 1 } else { -1 });
        let Helper { held, name, .. } = &self.helper;
        (self.helper.is_full(), self.presence, self.near, Reverse(language), *held, name)
    }
}

fn near(hers: Option<&str>, duty: &Duty, areas: &Areas) -> Near {
    let is_country = |code: &String| areas.get(code).is_some_and(|area| area.kind == AreaKind::Country);
    let closest = hers.and_then(|hers| duty.areas.iter().map(|code| areas.closeness(hers, code)).min());
    match closest {
        Some(Closeness::SameDistrict) => Near::SameDistrict,
        Some(Closeness::SameProvince) => Near::SameProvince,
        _ if duty.areas.is_empty() || duty.areas.iter().any(is_country) => Near::Everywhere,
        Some(Closeness::Elsewhere) => Near::Elsewhere,
        Some(Closeness::Unknown) | None => Near::Unknown,
    }
}

fn speaks(hers: Option<Language>, duty: &Duty) -> Option<bool> {
    let hers = hers.filter(|_| !duty.languages.is_empty())?;
    Some(duty.languages.contains(&hers))
}
