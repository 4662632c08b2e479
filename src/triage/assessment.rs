//! The result of triage: what was concluded, and every reason for it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instant;
use super::level::Level;
use super::name::{Name, Words};
use super::number::Number;

/// One assessment. Stored whole and never changed, so that every contact can be
/// explained again under the rules of its day.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct Assessment {
    /// The level shown and clocked: `at_least`, raised by rules that read an
    /// unknown the dangerous way, or `not_assessed`.
    pub level: Level,
    /// The level if every unknown turned out the least dangerous way.
    pub at_least: Level,
    /// The level if every unknown turned out the most dangerous way.
    pub at_most: Level,
    /// The earliest last useful moment of a treatment window that may be open;
    /// never before `at`. Separate from danger.
    #[serde(with = "instant::optional")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub care_by: Option<DateTime<Utc>>,
    /// The rules that hold, in the order of the pack.
    pub fired: Vec<Fired>,
    /// Treatment and evidence windows that concern her, by name.
    pub clocks: Vec<Clock>,
    /// Instruments with at least one item recorded, in the order of the packs.
    pub instruments: Vec<InstrumentResult>,
    /// Service types to offer.
    pub needs: Vec<Name>,
    /// Marks such as `child_protection`, `trafficking` or `self_harm`.
    pub flags: Vec<Name>,
    /// Things a member of staff must do.
    pub tasks: Vec<Name>,
    /// Words that must be said before anything is offered.
    pub warnings: Vec<Warning>,
    /// Indicators that the fired rules want asked next and that are unanswered.
    pub asks: Vec<Name>,
    /// Service types not to be offered.
    pub excluded: Vec<Name>,
    /// Facts that cannot hold together. They are kept; what rests on them is marked.
    pub contradictions: Vec<Contradiction>,
    /// Ids that were recorded but that this rule set does not know.
    pub unrecognised: Vec<Name>,
    /// Members of the minimum set that are still unanswered.
    pub minimum_missing: Vec<Name>,
    /// The rules it was made under.
    pub rule_set: RuleSetId,
    /// When it was made.
    #[serde(with = "instant::required")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
}

/// Which rules, exactly.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct RuleSetId {
    /// The id of the leading pack.
    pub id: Name,
    /// The version of the leading pack.
    pub version: Name,
    /// SHA-256 over the names and texts of all sources, in lower-case hex.
    pub sha256: Name,
}

/// A rule that holds.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct Fired {
    /// The rule.
    pub rule: Name,
    /// The floor it sets, if any.
    pub level: Option<Level>,
    /// Steps it raises the level by; usually 0.
    pub raise_by: u8,
    /// The reason in words, by language code.
    pub text: Words,
    /// The indicators that made it true.
    pub because: Vec<Name>,
    /// Unknown indicators that it read the dangerous way.
    pub assumed: Vec<Name>,
    /// Indicators it rests on that contradict something else recorded.
    pub disputed: Vec<Name>,
}

/// Whether a window is open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, JsonSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Certainly open, its last moment included.
    Open,
    /// Certainly over. Care still helps.
    Closed,
    /// It may be open; treat it as open.
    Unknown,
}

/// A named window from a named time.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct Clock {
    /// The window.
    pub name: Name,
    /// Open, closed or unknown.
    pub state: ClockState,
    /// When it closes, if it closes at a known moment or between two.
    pub closes_at: Option<ClosesAt>,
    /// Whole hours left, rounded down; `None` once it is closed.
    pub hours_left: Option<HoursLeft>,
    /// The last useful moment: the earliest closing less the window's margin
    /// for travel, never before the assessment. `None` once it is closed.
    #[serde(with = "instant::optional")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub last_useful: Option<DateTime<Utc>>,
    /// The moment by which it is best used, when the pack names one that is still ahead.
    #[serde(with = "instant::optional")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub ideally_by: Option<DateTime<Utc>>,
    /// The rules that started it.
    pub rules: Vec<Name>,
}

/// The moments between which a window closes.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct ClosesAt {
    /// The earliest it can close; `None` when there is no telling.
    #[serde(with = "instant::optional")]
    #[schemars(with = "Option<DateTime<Utc>>")]
    pub earliest: Option<DateTime<Utc>>,
    /// The latest it can close.
    #[serde(with = "instant::required")]
    #[schemars(with = "DateTime<Utc>")]
    pub latest: DateTime<Utc>,
}

/// Whole hours left, rounded down.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct HoursLeft {
    /// The fewest; 0 when it may already be over.
    pub min: u32,
    /// The most.
    pub max: u32,
}

/// What an instrument says so far.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct InstrumentResult {
    /// The instrument.
    pub id: Name,
    /// The score between its ends; `None` while it is withheld.
    pub score: Option<ScoreRange>,
    /// The band between its ends; `None` while it is withheld.
    pub band: Option<BandRange>,
    /// Items still unanswered, that could change the score or band.
    pub missing: Vec<Name>,
    /// The figure looked up from the score, for instruments that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<ScoreRange>,
    /// Which trigger screened in, or `none` once it is settled that none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Name>,
    /// Which reason made it high, or `none` once it is settled that none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Name>,
    /// Protocols that apply whatever the score, such as `strangulation`.
    pub protocols: Vec<Name>,
    /// True when contradictory items keep the score from being shown.
    pub withheld: bool,
    /// True when the deployment has not confirmed or worded it: scored, never asked.
    pub dormant: bool,
    /// Whether she belongs to the people it was made for.
    pub in_population: Known,
    /// The people it was made for.
    pub population: Name,
    /// What it cannot do.
    pub limits: Name,
    /// Where its scoring comes from.
    pub source: Name,
}

/// Yes, no, or not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, JsonSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// Too little is known.
    Unknown,
}

/// A score between its ends, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct ScoreRange {
    /// The least it can be.
    pub min: Number,
    /// The most it can be.
    pub max: Number,
}

/// A band between its ends; equal ends mean it is settled.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct BandRange {
    /// The lowest band it can be.
    pub min: Name,
    /// The highest band it can be.
    pub max: Name,
}

/// Words that must be said first.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct Warning {
    /// The rule that asks for them.
    pub rule: Name,
    /// The words, by language code.
    pub text: Words,
}

/// Facts that cannot hold together.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct Contradiction {
    /// The constraint they break.
    pub constraint: Name,
    /// What to clear up, by language code; empty when the pack has no words for it.
    pub text: Words,
    /// The facts concerned.
    pub facts: Vec<Name>,
}

/// An unanswered question that still matters.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, JsonSchema, Deserialize)]
pub struct OpenQuestion {
    /// The indicator to ask.
    pub id: Name,
    /// Its fixed tier; lower is asked earlier.
    pub tier: u8,
    /// The level that its answer alone could reach.
    pub alone: Level,
    /// The level that it could reach together with other unknowns.
    pub could_reach: Level,
}
