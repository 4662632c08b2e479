//! The shape of a pack in TOML.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::triage::answer::Answer;
use crate::triage::assessment::ClockState;
use crate::triage::fault::Place;
use crate::triage::level::Level;
use crate::triage::number::Number;

/// Texts by language code.
pub(crate) type Texts = BTreeMap<String, String>;
/// A text whose place in the file is known.
pub(crate) type Placed = Spanned<String>;

/// A table, and where it was found.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) place: Place,
    pub(crate) item: T,
}

/// Everything found in all sources.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) packs: Vec<Found<PackTable>>,
    pub(crate) indicators: Vec<Found<IndicatorTable>>,
    pub(crate) instruments: Vec<Found<InstrumentTable>>,
    pub(crate) windows: Vec<Found<WindowTable>>,
    pub(crate) rules: Vec<Found<RuleTable>>,
    pub(crate) constraints: Vec<Found<ConstraintTable>>,
    pub(crate) minimums: Vec<Found<MinimumTable>>,
    pub(crate) leads: Vec<Found<LeadTable>>,
    pub(crate) cases: Vec<Found<CaseTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackTable {
    pub(crate) id: String,
    pub(crate) version: String,
    /// The pack whose id and version name the whole rule set.
    #[serde(default)]
    pub(crate) lead: bool,
    #[serde(rename = "about")]
    pub(crate) _about: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KindWord {
    Bool,
    Number,
    Time,
    Choice,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceWord {
    #[default]
    Asked,
    Contact,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnitWord {
    Hours,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndicatorTable {
    pub(crate) id: Placed,
    pub(crate) kind: KindWord,
    #[serde(default)]
    pub(crate) source: SourceWord,
    pub(crate) tier: Option<u8>,
    #[serde(default)]
    pub(crate) part: String,
    #[serde(default)]
    pub(crate) options: Vec<Placed>,
    pub(crate) min: Option<Number>,
    pub(crate) max: Option<Number>,
    pub(crate) unit: Option<UnitWord>,
    #[serde(default)]
    pub(crate) always: bool,
    pub(crate) twin: Option<Placed>,
    #[serde(default)]
    pub(crate) question: Texts,
    #[serde(default)]
    pub(crate) guidance: Texts,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScoringWord {
    #[default]
    Sum,
    Max,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstrumentTable {
    pub(crate) id: Placed,
    pub(crate) source: String,
    pub(crate) population: String,
    pub(crate) limits: String,
    pub(crate) dormant: Option<String>,
    #[serde(default)]
    pub(crate) scoring: ScoringWord,
    pub(crate) items: Vec<(Placed, Number)>,
    #[serde(default)]
    pub(crate) overrides: Vec<Placed>,
    #[serde(default)]
    pub(crate) exclusions: Vec<(Placed, Placed)>,
    pub(crate) bands: Vec<BandTable>,
    #[serde(default)]
    pub(crate) triggers: Vec<MarkTable>,
    #[serde(default)]
    pub(crate) reasons: Vec<MarkTable>,
    #[serde(default)]
    pub(crate) protocols: Vec<ProtocolTable>,
    #[serde(default)]
    pub(crate) bins: Vec<BinTable>,
    #[serde(default)]
    pub(crate) skips: Vec<SkipTable>,
    pub(crate) applies_when: Option<Placed>,
    pub(crate) ask_when: Option<Placed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BandTable {
    pub(crate) name: Placed,
    pub(crate) from: Option<Number>,
    pub(crate) when: Option<Placed>,
    #[serde(default)]
    pub(crate) assume: Vec<Placed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkTable {
    pub(crate) name: Placed,
    pub(crate) when: Placed,
    pub(crate) band: Placed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProtocolTable {
    pub(crate) name: String,
    pub(crate) when: Placed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BinTable {
    pub(crate) from: Number,
    pub(crate) value: Number,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkipTable {
    pub(crate) when: Placed,
    pub(crate) items: Vec<Placed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowTable {
    pub(crate) id: Placed,
    pub(crate) lasts: Spanned<Length>,
    pub(crate) ideal: Option<Spanned<Length>>,
    pub(crate) margin: Option<Spanned<Length>>,
    #[serde(default)]
    pub(crate) say: Texts,
    pub(crate) source: String,
}

/// A length of time. A bare number is accepted by the reader so that the
/// checker can say that its unit is missing.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Length {
    Text(String),
    Bare(Number),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockTable {
    pub(crate) window: Placed,
    pub(crate) since: Placed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleTable {
    pub(crate) id: Placed,
    pub(crate) when: Placed,
    #[serde(default)]
    pub(crate) assume: Vec<Placed>,
    pub(crate) level: Option<Spanned<Level>>,
    #[serde(default)]
    pub(crate) raise_by: u8,
    #[serde(default)]
    pub(crate) needs: Vec<Placed>,
    pub(crate) clock: Option<ClockTable>,
    #[serde(default)]
    pub(crate) flag: Vec<String>,
    #[serde(default)]
    pub(crate) ask: Vec<Placed>,
    #[serde(default)]
    pub(crate) task: Vec<String>,
    #[serde(default)]
    pub(crate) warn: Texts,
    #[serde(default)]
    pub(crate) exclude: Vec<Placed>,
    #[serde(default)]
    pub(crate) say: Texts,
    pub(crate) source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConstraintTable {
    pub(crate) id: Placed,
    pub(crate) never: Placed,
    #[serde(default)]
    pub(crate) say: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MinimumTable {
    pub(crate) when: Option<Placed>,
    /// One of each group must be answered.
    pub(crate) answer: Vec<Vec<Placed>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeadTable {
    pub(crate) when: Placed,
    pub(crate) tier: u8,
    /// When not empty, nothing else is asked below High.
    #[serde(default)]
    pub(crate) only: Vec<Placed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseTable {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) facts: BTreeMap<Placed, Answer>,
    /// Instruments whose other items are all no.
    #[serde(default)]
    pub(crate) rest_no: Vec<Placed>,
    /// With these instead, what is expected to fire just does not.
    #[serde(default)]
    pub(crate) but: BTreeMap<Placed, Answer>,
    pub(crate) expect: Expect,
}

/// What a case expects; what is left out is not looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) level: Option<Level>,
    pub(crate) at_least: Option<Level>,
    pub(crate) at_most: Option<Level>,
    #[serde(default)]
    pub(crate) fires: Vec<Placed>,
    #[serde(default)]
    pub(crate) silent: Vec<Placed>,
    #[serde(default)]
    pub(crate) clocks: BTreeMap<String, ClockState>,
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    #[serde(default)]
    pub(crate) excluded: Vec<String>,
    #[serde(default)]
    pub(crate) asks: Vec<String>,
    #[serde(default)]
    pub(crate) contradictions: Vec<String>,
    #[serde(default)]
    pub(crate) instruments: BTreeMap<Placed, ExpectInstrument>,
    /// The first open question.
    pub(crate) first_question: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectInstrument {
    pub(crate) score: Option<Number>,
    pub(crate) band: Option<String>,
    pub(crate) trigger: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) withheld: Option<bool>,
    pub(crate) value: Option<Number>,
    pub(crate) protocol: Option<String>,
}
