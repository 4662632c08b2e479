//! Names looked up and types checked: from a parsed expression to a compiled
//! condition, or to a list of what is wrong with it.

use std::collections::HashMap;
use std::ops::Range;

use super::syntax::{Expr, Form, parse};
use crate::triage::condition::{Comparison, Condition, Interval, ONE, Quantity, Reading, View};
use crate::triage::fault::{Findings, Place};
use crate::triage::name::Name;
use crate::triage::rules::{Indicator, Kind};
use crate::triage::spelling::closest;
use crate::triage::truth::Truth;

/// Everything an expression can refer to.
pub(crate) struct Scope<'a> {
    pub(crate) indicators: &'a [Indicator],
    pub(crate) positions: &'a HashMap<Name, usize>,
    pub(crate) ranges: &'a [Interval],
    /// Instruments by id, with the names of their bands.
    pub(crate) instruments: &'a HashMap<String, InstrumentScope>,
    /// How long each window lasts, in millionths of an hour.
    pub(crate) windows: &'a HashMap<String, i64>,
    /// The widest score, inside an instrument's own conditions.
    pub(crate) own_score: Option<Interval>,
}

/// What expressions may ask of an instrument.
pub(crate) struct InstrumentScope {
    pub(crate) position: usize,
    pub(crate) bands: Vec<String>,
    pub(crate) widest: Reading,
    pub(crate) has_value: bool,
}

/// What a quantity measures.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    /// A count, an age, a score.
    Plain,
    /// A bare number, which takes on the measure of what it is compared with.
    Bare,
    /// Hours.
    Hours,
    /// A moment.
    Moment,
}

impl Measure {
    const fn describe(self) -> &'static str {
        match self {
            Self::Plain | Self::Bare => "a number",
            Self::Hours => "a length of time",
            Self::Moment => "a moment",
        }
    }

    /// The measure of both, if they can be compared.
    fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Bare, b @ (Self::Plain | Self::Hours)) => Some(b),
            (a @ (Self::Plain | Self::Hours), Self::Bare) => Some(a),
            _ => None,
        }
    }
}

/// One expression being compiled.
pub(super) struct Typing<'a> {
    pub(super) scope: &'a Scope<'a>,
    /// Where the expression's first byte is.
    start: Place,
    findings: &'a mut Findings,
}

/// Compiles a condition; every fault in it is reported.
pub(crate) fn condition(text: &str, start: &Place, scope: &Scope<'_>, findings: &mut Findings) -> Option<Condition> {
    let mut typing = Typing { scope, start: start.clone(), findings };
    let expr = typing.parse(text)?;
    typing.condition(&expr)
}

/// Compiles a length of time.
pub(crate) fn hours(text: &str, start: &Place, scope: &Scope<'_>, findings: &mut Findings) -> Option<Quantity> {
    let mut typing = Typing { scope, start: start.clone(), findings };
    let expr = typing.parse(text)?;
    match typing.quantity(&expr)? {
        (quantity, Measure::Hours) => Some(quantity),
        (_, other) => {
            typing.wrong(
                &expr.at,
                format!("this is {}, not a length of time", other.describe()),
                Some("name an indicator with `unit = \"hours\"`, or write `now - moment`".into()),
            );
            None
        }
    }
}

impl Typing<'_> {
    pub(super) fn parse(&mut self, text: &str) -> Option<Expr> {
        parse(text).map_err(|error| self.wrong(&(error.at..error.at), error.message, None)).ok()
    }

    pub(super) fn wrong(&mut self, at: &Range<usize>, message: impl Into<String>, suggestion: Option<String>) {
        let place = Place { source: self.start.source, start: self.start.start + at.start };
        self.findings.suggest(&place, message, suggestion);
    }

    fn condition(&mut self, expr: &Expr) -> Option<Condition> {
        match &expr.form {
            Form::Not(inner) => Some(Condition::Not(Box::new(self.condition(inner)?))),
            Form::And(parts) => Some(Condition::All(self.conditions(parts)?)),
            Form::Or(parts) => Some(Condition::Any(self.conditions(parts)?)),
            Form::Compare(left, op, right) => self.compare(expr, left, *op, right),
            Form::In(subject, options) => self.chosen_among(subject, options),
            Form::Name(name) => self.yes(name, &expr.at),
            Form::Part(owner, part) => self.triggered(owner, part, &expr.at),
            Form::Call(name, arguments) => self.call(name, arguments, &expr.at),
            Form::Number(_) | Form::Hours(_) | Form::Text(_) | Form::Plus(..) | Form::Minus(..) => {
                self.wrong(&expr.at, "this is not true or false; compare it with something", None);
                None
            }
        }
    }

    /// Compiles each part, so that every fault is found before giving up.
    fn conditions(&mut self, parts: &[Expr]) -> Option<Vec<Condition>> {
        let compiled: Vec<Option<Condition>> = parts.iter().map(|part| self.condition(part)).collect();
        compiled.into_iter().collect()
    }

    fn call(&mut self, name: &str, arguments: &[Expr], at: &Range<usize>) -> Option<Condition> {
        match (name, arguments) {
            ("any", parts) => Some(Condition::Any(self.conditions(parts)?)),
            ("all", parts) => Some(Condition::All(self.conditions(parts)?)),
            ("declined", [Expr { form: Form::Name(id), at }]) => Some(Condition::Declined(self.indicator(id, at)?.0)),
            ("declined", _) => {
                self.wrong(at, "`declined` takes one indicator", None);
                None
            }
            ("count", _) => {
                self.wrong(at, "a count must be compared: `count(a, b) >= 2`", None);
                None
            }
            (other, _) => {
                let meant = closest(other, ["any", "all", "count", "declined"].into_iter());
                self.wrong(at, format!("there is no function `{other}`"), meant.map(did_you_mean));
                None
            }
        }
    }

    pub(super) fn indicator(&mut self, id: &str, at: &Range<usize>) -> Option<(usize, Kind)> {
        let found = self.scope.positions.get(id).copied();
        if let Some(position) = found {
            let indicator = self.scope.indicators.get(position)?;
            return Some((position, indicator.kind));
        }
        let known = self.scope.indicators.iter().map(|i| i.id.as_str());
        let meant = closest(id, known).map(did_you_mean);
        self.wrong(at, format!("there is no indicator `{id}`"), meant);
        None
    }

    fn yes(&mut self, id: &str, at: &Range<usize>) -> Option<Condition> {
        match self.indicator(id, at)? {
            (position, Kind::Bool) => Some(Condition::Yes(position)),
            (_, kind) => {
                self.wrong(
                    at,
                    format!("`{id}` is {}, not yes or no", kind.describe()),
                    Some(format!("compare it, like `{id} == ..`")),
                );
                None
            }
        }
    }

    fn triggered(&mut self, owner: &str, part: &str, at: &Range<usize>) -> Option<Condition> {
        let position = self.instrument(owner, at)?.position;
        if part == "triggered" {
            return Some(Condition::Compare {
                left: Quantity::Band(position),
                op: Comparison::AtLeast,
                right: Quantity::Constant(ONE),
            });
        }
        self.wrong(at, format!("`{owner}.{part}` is not true or false"), None);
        None
    }

    pub(super) fn instrument(&mut self, id: &str, at: &Range<usize>) -> Option<&InstrumentScope> {
        if !self.scope.instruments.contains_key(id) {
            let known = self.scope.instruments.keys().map(String::as_str);
            let meant = closest(id, known).map(did_you_mean);
            self.wrong(at, format!("there is no instrument `{id}`"), meant);
        }
        self.scope.instruments.get(id)
    }

    fn compare(&mut self, whole: &Expr, left: &Expr, op: Comparison, right: &Expr) -> Option<Condition> {
        if let Form::Text(text) = &right.form {
            return self.compare_text(left, op, text, &right.at);
        }
        let (left, right) = (self.quantity(left), self.quantity(right));
        let ((left, a), (right, b)) = (left?, right?);
        if a.with(b).is_none() {
            let message = format!("{} cannot be compared with {}", a.describe(), b.describe());
            self.wrong(&whole.at, message, None);
            return None;
        }
        self.refuse_constant(&whole.at, Condition::Compare { left, op, right })
    }

    fn quantity(&mut self, expr: &Expr) -> Option<(Quantity, Measure)> {
        match &expr.form {
            Form::Number(value) => Some((Quantity::Constant(*value), Measure::Bare)),
            Form::Hours(value) => Some((Quantity::Constant(*value), Measure::Hours)),
            Form::Name(name) if name == "now" => Some((Quantity::Now, Measure::Moment)),
            Form::Name(name) if name == "score" && self.scope.own_score.is_some() => {
                Some((Quantity::OwnScore, Measure::Plain))
            }
            Form::Name(name) => self.measured(name, &expr.at),
            Form::Part(owner, part) => self.part(owner, part, &expr.at),
            Form::Call(name, arguments) if name == "count" => {
                Some((Quantity::Count(self.conditions(arguments)?), Measure::Plain))
            }
            Form::Plus(a, b) => self.arithmetic(a, b, false, &expr.at),
            Form::Minus(a, b) => self.arithmetic(a, b, true, &expr.at),
            _ => {
                self.wrong(&expr.at, "this is not a number or a length of time", None);
                None
            }
        }
    }

    fn measured(&mut self, id: &str, at: &Range<usize>) -> Option<(Quantity, Measure)> {
        let (position, kind) = self.indicator(id, at)?;
        let measure = match kind {
            Kind::Time => Measure::Moment,
            // Hours may have decimals; every other number is a count.
            Kind::Number if self.scope.indicators.get(position)?.whole => Measure::Plain,
            Kind::Number => Measure::Hours,
            Kind::Bool | Kind::Choice => {
                self.wrong(at, format!("`{id}` is {}, not a number", kind.describe()), None);
                return None;
            }
        };
        Some((Quantity::Indicator(position), measure))
    }

    fn part(&mut self, owner: &str, part: &str, at: &Range<usize>) -> Option<(Quantity, Measure)> {
        if let (Some(lasts), "lasts") = (self.scope.windows.get(owner), part) {
            return Some((Quantity::Constant(*lasts), Measure::Hours));
        }
        let scope = self.instrument(owner, at)?;
        let (position, has_value) = (scope.position, scope.has_value);
        match part {
            "score" => Some((Quantity::Score(position), Measure::Plain)),
            "value" if has_value => Some((Quantity::Value(position), Measure::Plain)),
            "band" => {
                self.wrong(at, "a band is compared with its name in quotes", None);
                None
            }
            other => {
                let parts = ["score", "band", "triggered", "value"];
                let meant = closest(other, parts.into_iter()).map(did_you_mean);
                self.wrong(at, format!("`{owner}` has no `{other}`"), meant);
                None
            }
        }
    }

    fn arithmetic(&mut self, a: &Expr, b: &Expr, minus: bool, at: &Range<usize>) -> Option<(Quantity, Measure)> {
        let (a, b) = (self.quantity(a), self.quantity(b));
        let ((a, left), (b, right)) = (a?, b?);
        let measure = match (left, right, minus) {
            (Measure::Moment, Measure::Moment, true) => Some(Measure::Hours),
            (Measure::Moment, Measure::Hours, _) | (Measure::Hours, Measure::Moment, false) => Some(Measure::Moment),
            (Measure::Moment, ..) | (_, Measure::Moment, _) => None,
            _ => left.with(right),
        };
        let Some(measure) = measure else {
            let message = format!("{} and {} do not add up", left.describe(), right.describe());
            self.wrong(at, message, None);
            return None;
        };
        let (a, b) = (Box::new(a), Box::new(b));
        let quantity = if minus { Quantity::Difference(a, b) } else { Quantity::Sum(a, b) };
        Some((quantity, measure))
    }

    /// A comparison that comes out the same whatever is answered is a slip.
    pub(super) fn refuse_constant(&mut self, at: &Range<usize>, condition: Condition) -> Option<Condition> {
        let mut readings: Vec<Option<Reading>> = Vec::new();
        readings.resize(self.scope.instruments.len(), None);
        for instrument in self.scope.instruments.values() {
            if let Some(slot) = readings.get_mut(instrument.position) {
                *slot = Some(instrument.widest);
            }
        }
        let view = View {
            facts: &[],
            ranges: self.scope.ranges,
            readings: &readings,
            own_score: self.scope.own_score.unwrap_or(Interval::ANY),
            now: 0,
        };
        match view.judge(&condition, crate::triage::condition::Stance::STRICT) {
            Truth::Unknown => Some(condition),
            Truth::True => {
                self.wrong(at, "this comparison is always true", None);
                None
            }
            Truth::False => {
                self.wrong(at, "this comparison can never be true", None);
                None
            }
        }
    }
}

pub(crate) fn did_you_mean(id: String) -> String {
    format!("did you mean `{id}`?")
}
