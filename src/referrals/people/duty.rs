//! What is known of somebody who helps.

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Instant;
use crate::contacts::codes::Language;
use crate::directory::{Areas, Hours, Week};
use crate::error::{Error, Problem, Result};
use crate::input::{At, Fields, FromJson, Json, text};
use crate::storage::codes;

/// More than this nobody carries.
const MOST: i64 = 500;
/// The longest code of an area.
const LONGEST_AREA: usize = 16;

/// Where, when, in what and how much somebody helps. Nothing said is: everywhere, at no set hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Duty {
    /// Codes of the areas they serve; none: everywhere.
    pub areas: Vec<String>,
    /// What they speak; none: nobody has said.
    pub languages: Vec<Language>,
    /// Weekly, in the place's own time; a shift may pass midnight.
    pub hours: Week,
    /// Whether they take work outside those hours.
    pub on_call: bool,
    /// How many open tickets they should hold at most; `null`: what is usual in the house.
    pub caseload: Option<i64>,
}

codes! {
    /// Whether somebody is at work.
    pub enum Presence {
        /// Inside their hours.
        OnDuty = "on_duty",
        /// Outside them, and takes work all the same.
        OnCall = "on_call",
        /// Not at work.
        OffDuty = "off_duty",
    }
}

/// The code of an area, not looked up yet.
struct Served(String);

impl FromJson for Served {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        text(json, at, LONGEST_AREA).map(Served)
    }
}

impl FromJson for Duty {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            Some(Duty {
                areas: f.list::<Served>("areas").into_iter().map(|code| code.0).collect(),
                languages: f.list("languages"),
                hours: f.with("hours", Week::read).unwrap_or_default(),
                on_call: f.optional("on_call").unwrap_or(false),
                caseload: f.whole("caseload", 0..=MOST),
            })
        })
    }
}

impl Duty {
    /// Errors: 422 for every area there never was.
    pub fn is_known_to(&self, areas: &Areas) -> Result<()> {
        let unknown = self.areas.iter().enumerate().filter(|(_, code)| !areas.exists(code));
        let problem = |(index, _)| Problem { pointer: format!("/areas/{index}"), code: "not_an_area", allowed: None };
        let problems: Vec<Problem> = unknown.map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
    }

    /// Whether they are at work at a moment.
    pub fn presence(&self, now: Instant, zone: Tz) -> Presence {
        match self.weekly().open_at(now, zone) {
            true => Presence::OnDuty,
            false if self.on_call => Presence::OnCall,
            false => Presence::OffDuty,
        }
    }

    /// When they come on duty next; `None` while they are on it, and where there are no hours.
    pub fn next_on_duty(&self, now: Instant, zone: Tz) -> Option<Instant> {
        self.weekly().next_opening(now, zone)
    }

    /// False where nobody has said when they are there.
    pub fn keeps_hours(&self) -> bool {
        self.hours != Week::default()
    }

    fn weekly(&self) -> Hours {
        Hours { week: self.hours.clone(), exceptions: Vec::new() }
    }
}
