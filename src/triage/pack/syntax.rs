//! The expression language: text to tree, with positions kept.
//!
//! `strangled and hours_since_strangulation <= 7d`
//! `count(lap_4, lap_5, lap_6) >= 2 or cssrs.band >= "moderate"`

use std::ops::Range;

use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{alt, cut_err, delimited, opt, preceded, repeat, separated};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::LocatingSlice;
use winnow::token::{one_of, take_till, take_while};

use crate::triage::condition::{Comparison, ONE};

/// A parsed expression and the bytes it came from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    pub(crate) form: Form,
    pub(crate) at: Range<usize>,
}

/// What an expression is made of, before its names are looked up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// Millionths.
    Number(i64),
    /// Millionths of an hour, written with a unit.
    Hours(i64),
    Text(String),
    Name(String),
    /// `instrument.score`, `window.lasts`.
    Part(String, String),
    Call(String, Vec<Expr>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare(Box<Expr>, Comparison, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Plus(Box<Expr>, Box<Expr>),
    Minus(Box<Expr>, Box<Expr>),
}

/// Why an expression cannot be read: the byte, and what was expected there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SyntaxError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

type Input<'i> = LocatingSlice<&'i str>;

/// Deeper nesting than anybody would write, and far less than the stack holds.
const DEEPEST: usize = 64;

/// Reads one whole expression.
pub(crate) fn parse(text: &str) -> Result<Expr, SyntaxError> {
    if let Some(at) = too_deep(text) {
        return Err(SyntaxError { at, message: "the expression is nested too deeply".to_owned() });
    }
    delimited(multispace0, disjunction, multispace0).parse(LocatingSlice::new(text)).map_err(|error| SyntaxError {
        at: error.offset(),
        message: described(error.inner(), text.get(error.offset()..).unwrap_or("")),
    })
}

/// The byte at which nesting becomes too deep, before the parser recurses.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut negations = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        negations += usize::from(text.get(at..).is_some_and(|rest| rest.starts_with("not")));
        if depth > DEEPEST || negations > DEEPEST {
            return Some(at);
        }
    }
    None
}

fn described(error: &ContextError, rest: &str) -> String {
    let expected: Vec<String> = error
        .context()
        .filter_map(|context| match context {
            StrContext::Expected(value) => Some(value.to_string()),
            _ => None,
        })
        .collect();
    let found: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
    let found = if found.is_empty() {
        "the expression ends too early".to_owned()
    } else {
        format!("`{found}` does not fit here")
    };
    match expected.as_slice() {
        [] => found,
        some => format!("{found}; expected {}", some.join(" or ")),
    }
}

fn disjunction(input: &mut Input<'_>) -> ModalResult<Expr> {
    joined(conjunction, "or", Form::Or).parse_next(input)
}

fn conjunction(input: &mut Input<'_>) -> ModalResult<Expr> {
    joined(negation, "and", Form::And).parse_next(input)
}

/// Parts joined by a word; a single part stays as it is.
fn joined<'i>(
    mut part: impl Parser<Input<'i>, Expr, ErrMode<ContextError>>,
    word: &'static str,
    make: fn(Vec<Expr>) -> Form,
) -> impl Parser<Input<'i>, Expr, ErrMode<ContextError>> {
    move |input: &mut Input<'i>| {
        let first = part.parse_next(input)?;
        let mut parts = vec![first];
        while opt(keyword(word)).parse_next(input)?.is_some() {
            parts.push(cut_err(part.by_ref()).parse_next(input)?);
        }
        let at = around(&parts);
        match <[Expr; 1]>::try_from(parts) {
            Ok([only]) => Ok(only),
            Err(parts) => Ok(Expr { form: make(parts), at }),
        }
    }
}

fn around(parts: &[Expr]) -> Range<usize> {
    let start = parts.first().map_or(0, |part| part.at.start);
    let end = parts.last().map_or(start, |part| part.at.end);
    start..end
}

fn negation(input: &mut Input<'_>) -> ModalResult<Expr> {
    if opt(keyword("not")).parse_next(input)?.is_none() {
        return comparison(input);
    }
    let inner = cut_err(negation).parse_next(input)?;
    let at = inner.at.clone();
    Ok(Expr { form: Form::Not(Box::new(inner)), at })
}

fn comparison(input: &mut Input<'_>) -> ModalResult<Expr> {
    let left = sum(input)?;
    if opt(keyword("in")).parse_next(input)?.is_some() {
        let options = cut_err(delimited(symbol("["), listed, symbol("]"))).parse_next(input)?;
        let at = left.at.start..options.last().map_or(left.at.end, |o| o.at.end);
        return Ok(Expr { form: Form::In(Box::new(left), options), at });
    }
    let Some(op) = opt(operator).parse_next(input)? else {
        return Ok(left);
    };
    let right = cut_err(sum).parse_next(input)?;
    let at = left.at.start..right.at.end;
    Ok(Expr { form: Form::Compare(Box::new(left), op, Box::new(right)), at })
}

fn operator(input: &mut Input<'_>) -> ModalResult<Comparison> {
    spaced(alt((
        "<=".value(Comparison::AtMost),
        ">=".value(Comparison::AtLeast),
        "==".value(Comparison::Equal),
        "!=".value(Comparison::Different),
        "<".value(Comparison::Less),
        ">".value(Comparison::More),
    )))
    .parse_next(input)
}

fn sum(input: &mut Input<'_>) -> ModalResult<Expr> {
    let mut total = operand(input)?;
    while let Some(sign) = opt(spaced(one_of(['+', '-']))).parse_next(input)? {
        let next = cut_err(operand).parse_next(input)?;
        let at = total.at.start..next.at.end;
        let (a, b) = (Box::new(total), Box::new(next));
        let form = match sign {
            '+' => Form::Plus(a, b),
            _ => Form::Minus(a, b),
        };
        total = Expr { form, at };
    }
    Ok(total)
}

fn operand(input: &mut Input<'_>) -> ModalResult<Expr> {
    let bracketed = delimited(symbol("("), cut_err(disjunction), cut_err(symbol(")")));
    alt((bracketed, literal, named))
        .context(StrContext::Expected(StrContextValue::Description("an indicator, a number, a quoted text or `(`")))
        .parse_next(input)
}

fn literal(input: &mut Input<'_>) -> ModalResult<Expr> {
    alt((amount, text)).with_span().map(|(form, at)| Expr { form, at }).parse_next(input)
}

/// A number, with hours, days or minutes if a unit follows.
fn amount(input: &mut Input<'_>) -> ModalResult<Form> {
    let number = (digit1, opt(preceded('.', digit1))).take();
    let unit = take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '_');
    (number, unit)
        .verify_map(|(number, unit): (&str, &str)| {
            let value = millionths(number)?;
            if unit.is_empty() {
                return Some(Form::Number(value));
            }
            in_hours(value, unit).map(Form::Hours)
        })
        .parse_next(input)
}

/// A decimal as millionths.
fn millionths(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 6 {
        return None;
    }
    let decimals: i64 = format!("{decimals:0<6}").parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    whole.checked_mul(ONE)?.checked_add(decimals)
}

fn in_hours(value: i64, unit: &str) -> Option<i64> {
    match unit {
        "min" => Some(value / 60),
        "h" => Some(value),
        "d" => value.checked_mul(24),
        _ => None,
    }
}

/// A length of time as a pack writes it, `72h`, `14d` or `30min`, in
/// millionths of an hour; `None` without a unit.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(split)?;
    let number = number.trim_end();
    let digits = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    in_hours(digits.then(|| millionths(number)).flatten()?, unit)
}

fn text(input: &mut Input<'_>) -> ModalResult<Form> {
    alt((delimited('"', take_till(0.., '"'), '"'), delimited('\'', take_till(0.., '\''), '\'')))
        .map(|text: &str| Form::Text(text.to_owned()))
        .parse_next(input)
}

/// A name, a part of a named thing, or a call.
fn named(input: &mut Input<'_>) -> ModalResult<Expr> {
    let ((name, at), part) = (identifier.with_span(), opt(preceded('.', cut_err(identifier)))).parse_next(input)?;
    if let Some(part) = part {
        let at = at.start..at.end + 1 + part.len();
        return Ok(Expr { form: Form::Part(name, part), at });
    }
    if opt(symbol("(")).parse_next(input)?.is_none() {
        return Ok(Expr { form: Form::Name(name), at });
    }
    let (arguments, _) = cut_err((listed, symbol(")"))).parse_next(input)?;
    Ok(Expr { form: Form::Call(name, arguments), at })
}

fn listed(input: &mut Input<'_>) -> ModalResult<Vec<Expr>> {
    separated(1.., disjunction, symbol(",")).parse_next(input)
}

fn identifier(input: &mut Input<'_>) -> ModalResult<String> {
    word.verify(|word: &str| !matches!(word, "and" | "or" | "not" | "in")).map(str::to_owned).parse_next(input)
}

fn word<'i>(input: &mut Input<'i>) -> ModalResult<&'i str> {
    let first = one_of(|c: char| c.is_ascii_lowercase());
    let rest =
        repeat::<_, _, (), _, _>(0.., one_of(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    (first, rest).take().parse_next(input)
}

fn keyword<'i>(expected: &'static str) -> impl Parser<Input<'i>, (), ErrMode<ContextError>> {
    spaced(word.verify(move |found: &str| found == expected)).void()
}

fn symbol<'i>(symbol: &'static str) -> impl Parser<Input<'i>, &'i str, ErrMode<ContextError>> {
    spaced(symbol.context(StrContext::Expected(StrContextValue::StringLiteral(symbol))))
}

fn spaced<'i, O>(
    parser: impl Parser<Input<'i>, O, ErrMode<ContextError>>,
) -> impl Parser<Input<'i>, O, ErrMode<ContextError>> {
    delimited(multispace0, parser, multispace0)
}

#[cfg(test)]
mod tests {
    use super::{Form, duration, parse};

    #[test]
    fn and_binds_tighter_than_or() {
        let expr = parse("a or b and not c").unwrap();
        let Form::Or(parts) = expr.form else { panic!() };
        assert_eq!(parts.len(), 2);
        assert!(matches!(parts[1].form, Form::And(_)));
    }

    #[test]
    fn a_slip_is_reported_where_it_is() {
        assert_eq!(parse("a and").unwrap_err().at, 5);
        assert_eq!(parse("a && b").unwrap_err().at, 2);
        assert_eq!(parse("count(a, b >= 2").unwrap_err().at, 15);
        assert!(parse("hours <= 7x").is_err());
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(parse(&deep).is_err());
        assert!(parse(&format!("{}a", "not ".repeat(100_000))).is_err());
    }

    #[test]
    fn a_duration_needs_its_unit() {
        assert_eq!(duration("72h"), Some(72_000_000));
        assert_eq!(duration("14d"), Some(336_000_000));
        assert_eq!(duration("30min"), Some(500_000));
        assert_eq!(duration("72"), None);
        assert_eq!(duration("72 weeks"), None);
    }
}
