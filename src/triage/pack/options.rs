//! Comparisons with a text: the options of a choice and the bands of an instrument.

use std::ops::Range;

use super::syntax::{Expr, Form};
use super::typing::{Typing, did_you_mean};
use crate::triage::condition::{Comparison, Condition, ONE, Quantity};
use crate::triage::name::Name;
use crate::triage::rules::Kind;
use crate::triage::spelling::closest;

impl Typing<'_> {
    /// `cssrs.band >= "moderate"` and `sex == "male"`.
    pub(super) fn compare_text(
        &mut self,
        left: &Expr,
        op: Comparison,
        text: &str,
        at: &Range<usize>,
    ) -> Option<Condition> {
        match &left.form {
            Form::Part(owner, part) if part == "band" => {
                let scope = self.instrument(owner, &left.at)?;
                let position = scope.position;
                let bands = scope.bands.clone();
                let Some(place) = bands.iter().position(|band| band == text) else {
                    let meant = closest(text, bands.iter().map(String::as_str));
                    let hint = meant.map(did_you_mean);
                    let hint = hint.or_else(|| Some(format!("it is one of {}", bands.join(", "))));
                    self.wrong(at, format!("`{owner}` has no band `{text}`"), hint);
                    return None;
                };
                let place = i64::try_from(place).ok()? * ONE;
                let condition =
                    Condition::Compare { left: Quantity::Band(position), op, right: Quantity::Constant(place) };
                self.refuse_constant(&(left.at.start..at.end), condition)
            }
            Form::Name(id) => {
                let options = self.option_bits(id, &left.at, &[(text.to_owned(), at.clone())])?;
                match op {
                    Comparison::Equal => Some(options),
                    Comparison::Different => Some(Condition::Not(Box::new(options))),
                    _ => {
                        self.wrong(at, "options have no order; use `==`, `!=` or `in`", None);
                        None
                    }
                }
            }
            _ => {
                self.wrong(at, "a text can only be compared with a choice or a band", None);
                None
            }
        }
    }

    pub(super) fn chosen_among(&mut self, subject: &Expr, options: &[Expr]) -> Option<Condition> {
        let Form::Name(id) = &subject.form else {
            self.wrong(&subject.at, "`in` needs a choice on its left", None);
            return None;
        };
        let mut codes = Vec::new();
        for option in options {
            match &option.form {
                Form::Text(text) => codes.push((text.clone(), option.at.clone())),
                _ => self.wrong(&option.at, "options are written in quotes", None),
            }
        }
        self.option_bits(id, &subject.at, &codes)
    }

    fn option_bits(&mut self, id: &str, at: &Range<usize>, codes: &[(String, Range<usize>)]) -> Option<Condition> {
        let (position, kind) = self.indicator(id, at)?;
        if kind != Kind::Choice {
            self.wrong(at, format!("`{id}` is {}, not a choice", kind.describe()), None);
            return None;
        }
        let known = &self.scope.indicators.get(position)?.options;
        let mut options = 0_u64;
        let mut complete = true;
        for (code, at) in codes {
            if let Some(place) = known.iter().position(|option| option == code.as_str()) {
                options |= 1 << place;
            } else {
                let meant = closest(code, known.iter().map(Name::as_str)).map(did_you_mean);
                self.wrong(at, format!("`{id}` has no option `{code}`"), meant);
                complete = false;
            }
        }
        complete.then_some(Condition::Chosen { indicator: position, options })
    }
}
