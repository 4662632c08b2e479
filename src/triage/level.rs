//! How soon somebody must act.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The danger level of a contact.
///
/// There is deliberately no `Ord`: `NotAssessed` is not a place on the scale
/// but the absence of one. Compare with [`Level::rank`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, JsonSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The minimum set is answered and nothing above Low was found.
    Low,
    /// Help is needed within days.
    Medium,
    /// Help is needed within hours.
    High,
    /// Somebody may die or be badly hurt now.
    Critical,
    /// Too little is known to say. Silence is not safety, so it is queued and
    /// clocked as [`Level::High`].
    NotAssessed,
}

impl Level {
    /// The four places on the scale, lowest first.
    pub const SCALE: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Every level there is: the scale, then [`Level::NotAssessed`].
    pub const ALL: [Self; 5] = [Self::Low, Self::Medium, Self::High, Self::Critical, Self::NotAssessed];

    /// Place on the scale from 0 (Low) to 3 (Critical); `NotAssessed` ranks with High.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Low => 0,
            Self::Medium => 1,
            Self::High | Self::NotAssessed => 2,
            Self::Critical => 3,
        }
    }

    /// The level whose targets and queue place apply: `NotAssessed` runs on High's clock.
    #[must_use]
    pub const fn clocked(self) -> Self {
        match self {
            Self::NotAssessed => Self::High,
            other => other,
        }
    }

    /// The place on the scale with this rank; anything past the end is Critical.
    #[must_use]
    pub const fn from_rank(rank: u8) -> Self {
        match rank {
            0 => Self::Low,
            1 => Self::Medium,
            2 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The more urgent of two; the first when they rank alike.
    #[must_use]
    pub const fn or_higher(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// This level raised by `steps`, never beyond Critical.
    #[must_use]
    pub const fn raised(self, steps: u8) -> Self {
        Self::from_rank(self.rank().saturating_add(steps))
    }

    /// The code used in JSON, packs and the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
            Self::NotAssessed => "not_assessed",
        }
    }

    /// The level with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.code() == code)
    }
}
