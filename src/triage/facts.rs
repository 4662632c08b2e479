//! What is known about one contact, by indicator.

use std::collections::BTreeMap;
use std::fmt;

use super::answer::Answer;
use super::name::Name;
use super::number::{Number, Span};
use super::rules::{Indicator, Kind, RuleSet};
use super::spelling::closest;

/// Answers by indicator. An indicator that is absent was not asked, which is
/// not the same as an answer of "unknown". The order of setting never matters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts(BTreeMap<Name, Answer>);

impl Facts {
    /// No facts at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records an answer, replacing an earlier one.
    ///
    /// # Errors
    /// [`FactError`] when the rule set has no such indicator, or the answer
    /// does not fit its kind, its options or its range. Nothing is recorded then.
    pub fn set(&mut self, rules: &RuleSet, id: &str, answer: Answer) -> Result<(), FactError> {
        let Some(indicator) = rules.indicator(id) else {
            return Err(FactError::UnknownIndicator {
                id: id.to_owned(),
                suggestion: closest(id, rules.indicators().map(|i| i.id.as_str())),
            });
        };
        // A choice of "unknown" is the answer "unknown", wherever it came from.
        let answer = match answer {
            Answer::Choice(code) => Answer::from_word(&code),
            other => other,
        };
        indicator.admits(&answer)?;
        self.0.insert(indicator.id.clone(), answer);
        Ok(())
    }

    /// Takes an answer back: the indicator counts as not asked again.
    pub fn clear(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// The answer to one indicator; `None` when it was not asked.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Answer> {
        self.0.get(id)
    }

    /// Every answer, by indicator id.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Answer)> {
        self.0.iter()
    }

    /// How many indicators have an answer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why an answer cannot be recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FactError {
    /// The rule set has no such indicator.
    UnknownIndicator {
        /// What was asked for.
        id: String,
        /// The indicator that was probably meant.
        suggestion: Option<String>,
    },
    /// The answer is not of the indicator's kind.
    WrongKind {
        /// The indicator.
        id: Name,
        /// Its kind.
        expected: Kind,
    },
    /// The code is not among the indicator's options.
    UnknownOption {
        /// The indicator.
        id: Name,
        /// The options it has.
        options: Vec<Name>,
    },
    /// The number lies outside what the indicator can be.
    OutOfRange {
        /// The indicator.
        id: Name,
        /// The least it can be.
        min: Number,
        /// The most it can be, if there is a most.
        max: Option<Number>,
    },
    /// A count has decimals.
    NotWhole {
        /// The indicator.
        id: Name,
    },
}

impl fmt::Display for FactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIndicator { id, suggestion } => {
                write!(f, "there is no indicator `{id}`")?;
                match suggestion {
                    Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
                    None => Ok(()),
                }
            }
            Self::WrongKind { id, expected } => {
                write!(f, "`{id}` takes {}", expected.describe())
            }
            Self::UnknownOption { id, options } => {
                let options: Vec<&str> = options.iter().map(Name::as_str).collect();
                write!(f, "`{id}` is one of {}", options.join(", "))
            }
            Self::OutOfRange { id, min, max } => match max {
                Some(max) => write!(f, "`{id}` lies between {min} and {max}"),
                None => write!(f, "`{id}` is at least {min}"),
            },
            Self::NotWhole { id } => write!(f, "`{id}` is a whole number"),
        }
    }
}

impl std::error::Error for FactError {}

impl Indicator {
    /// Whether this answer can be recorded for this indicator.
    fn admits(&self, answer: &Answer) -> Result<(), FactError> {
        match (answer, self.kind) {
            (Answer::Unknown | Answer::Declined | Answer::NotApplicable, _)
            | (Answer::Yes | Answer::No, Kind::Bool)
            | (Answer::Time(_), Kind::Time) => Ok(()),
            (Answer::Number(span), Kind::Number) => self.admits_number(span),
            (Answer::Choice(code), Kind::Choice) => {
                if self.options.iter().any(|option| option == code.as_str()) {
                    return Ok(());
                }
                Err(FactError::UnknownOption { id: self.id.clone(), options: self.options.clone() })
            }
            _ => Err(FactError::WrongKind { id: self.id.clone(), expected: self.kind }),
        }
    }

    fn admits_number(&self, span: &Span) -> Result<(), FactError> {
        let above = |value: Number| self.max.is_some_and(|max| value > max);
        if span.min < self.min || above(span.min) || span.max.is_some_and(above) {
            return Err(FactError::OutOfRange { id: self.id.clone(), min: self.min, max: self.max });
        }
        let whole = span.min.is_whole() && span.max.is_none_or(Number::is_whole);
        if self.whole && !whole {
            return Err(FactError::NotWhole { id: self.id.clone() });
        }
        Ok(())
    }
}
