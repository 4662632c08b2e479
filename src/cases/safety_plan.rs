//! What she will do when it becomes dangerous, in her own words: made with her, for her, and read
//! back to her when she calls again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::input::{At, Fields, FromJson, Json};

/// The longest of its parts, in characters.
const LONGEST: usize = 1000;

/// Her plan. Every part may be missing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct SafetyPlan {
    /// How she can tell that it is about to become dangerous.
    pub warning_signs: Option<String>,
    /// How she gets out.
    pub ways_out: Option<String>,
    /// Where she goes.
    pub safe_places: Option<String>,
    /// Whom she can call, and who may know.
    pub people: Option<String>,
    /// The word or sign that asks them for help.
    pub signal: Option<String>,
    /// What she takes along, and where it lies ready: papers, money, medicine, keys.
    pub to_take: Option<String>,
    /// What the children know and do.
    pub children: Option<String>,
    /// Her phone and accounts: what he can see, and what she has done about it.
    pub devices: Option<String>,
    /// What keeps her safe once she has left.
    pub after_leaving: Option<String>,
    /// When it was last gone through with her.
    pub agreed_at: Option<Instant>,
}

impl FromJson for SafetyPlan {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            Some(SafetyPlan {
                warning_signs: f.text("warning_signs", LONGEST),
                ways_out: f.text("ways_out", LONGEST),
                safe_places: f.text("safe_places", LONGEST),
                people: f.text("people", LONGEST),
                signal: f.text("signal", LONGEST),
                to_take: f.text("to_take", LONGEST),
                children: f.text("children", LONGEST),
                devices: f.text("devices", LONGEST),
                after_leaving: f.text("after_leaving", LONGEST),
                agreed_at: None,
            })
        })
    }
}

impl SafetyPlan {
    /// The plan as it is kept: gone through with her now.
    pub fn agreed(self, now: Instant) -> SafetyPlan {
        SafetyPlan { agreed_at: Some(now), ..self }
    }
}
