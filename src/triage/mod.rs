//! Triage: what the answers of one contact mean under a set of rules.
//!
//! [`assess`] is a pure function of a [`RuleSet`], [`Facts`] and a moment. It
//! decides nothing for people; it makes the reasons visible, the same way every
//! time. Unknown answers are carried through as unknown, so that a result is an
//! interval and silence never looks like safety.
//!
//! Rules, questions and instruments are data: TOML packs, wholly checked when
//! they are loaded by [`RuleSet::load`].

mod answer;
mod assess;
mod assessment;
mod clocks;
mod condition;
mod facts;
mod fault;
mod in_force;
mod instant;
mod instrument;
mod level;
mod name;
mod number;
mod pack;
mod questions;
mod rules;
mod scene;
mod spelling;
mod support;
mod truth;

pub use answer::{Answer, TimeSpan};
pub use assess::assess;
pub use assessment::{
    Assessment, BandRange, Clock, ClockState, ClosesAt, Contradiction, Fired, HoursLeft, InstrumentResult, Known,
    OpenQuestion, RuleSetId, ScoreRange, Warning,
};
pub use facts::{FactError, Facts};
pub use fault::Fault;
pub use in_force::InForce;
pub use instant::Instant;
pub use instrument::Instrument;
pub use level::Level;
pub use name::{Name, Words};
pub use number::{Number, Span};
pub use questions::open_questions;
pub use rules::{Indicator, Kind, PackSource, Rule, RuleSet, Source, Window};
