//! What a pack declares before anything refers to it: indicators and windows.

use std::collections::HashMap;

use toml::Spanned;

use super::source::{
    Found, IndicatorTable, InstrumentTable, KindWord, Length, Placed, SourceWord, Tables, Texts, UnitWord, WindowTable,
};
use super::syntax::duration;
use super::typing::did_you_mean;
use crate::triage::fault::{Findings, Place};
use crate::triage::name::{Name, Words};
use crate::triage::number::Number;
use crate::triage::rules::{Indicator, Kind, PackSource, Source, Window};
use crate::triage::spelling::closest;

/// The words of an answer, which no option may be called.
const ANSWER_WORDS: [&str; 5] = ["yes", "no", "unknown", "declined", "not_applicable"];
/// Options are kept as bits of one word, of which one means "does not apply".
const MOST_OPTIONS: usize = 63;
/// Words of the expression language, which no id may be called.
const LANGUAGE_WORDS: [&str; 10] = ["and", "or", "not", "in", "now", "score", "count", "any", "all", "declined"];

/// Ids seen so far, to refuse a second definition.
#[derive(Default)]
pub(crate) struct Ids(HashMap<String, Place>);

impl Ids {
    pub(crate) fn define(&mut self, id: &Placed, place: &Place, findings: &mut Findings) {
        let at = Place::new(place.source, &id.span());
        let word = id.get_ref();
        let well_formed = word.chars().next().is_some_and(|c| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
        if !well_formed {
            findings.add(&at, format!("`{word}` is not an id: use a-z, 0-9, `_` and `-`"));
        }
        if self.0.insert(word.clone(), at.clone()).is_some() {
            findings.suggest(&at, format!("`{word}` is defined twice"), Some("rename one of them".to_owned()));
        }
    }
}

/// Where the text inside a quoted value starts.
pub(crate) fn inside_quotes(sources: &[PackSource], source: usize, value: &Placed) -> Place {
    let start = value.span().start;
    let text = sources.get(source).and_then(|s| s.text.get(start..));
    let quotes = text.map_or(1, |text| {
        if text.starts_with("\"\"\"") || text.starts_with("'''") {
            // A line break right after the opening quotes is not part of the text.
            3 + usize::from(text.get(3..).is_some_and(|rest| rest.starts_with('\n')))
        } else {
            1
        }
    });
    Place { source, start: start + quotes }
}

/// Which languages every text must exist in.
pub(crate) struct Languages<'a>(pub(crate) &'a [&'a str]);

impl Languages<'_> {
    /// Keeps the texts; reports every configured language they lack.
    pub(crate) fn require(&self, texts: &Texts, what: &str, place: &Place, findings: &mut Findings) -> Words {
        for language in self.0 {
            if texts.get(*language).is_none_or(|text| text.trim().is_empty()) {
                findings.suggest(
                    place,
                    format!("{what} has no text in `{language}`"),
                    Some(format!("add `{language} = \"..\"`")),
                );
            }
        }
        Words::from(texts.clone())
    }

    /// As [`Self::require`], unless there is no text at all.
    pub(crate) fn require_if_any(&self, texts: &Texts, what: &str, place: &Place, findings: &mut Findings) -> Words {
        if texts.is_empty() {
            return Words::default();
        }
        self.require(texts, what, place, findings)
    }
}

/// Every indicator: those declared, then the items of dormant instruments,
/// which need no words.
pub(crate) fn indicators(tables: &Tables, languages: &Languages<'_>, findings: &mut Findings) -> Vec<Indicator> {
    let mut ids = Ids::default();
    let mut indicators = Vec::new();
    for found in &tables.indicators {
        ids.define(&found.item.id, &found.place, findings);
        refuse_language_words(&found.item.id, &found.place, findings);
        indicators.push(indicator(found, languages, findings));
    }
    for found in &tables.instruments {
        for id in item_ids(&found.item) {
            let known = indicators.iter_mut().find(|i: &&mut Indicator| i.id == id.get_ref().as_str());
            let owner = Some(Name::from(found.item.id.get_ref().as_str()));
            match known {
                Some(indicator) => indicator.instrument = owner,
                None if found.item.dormant.is_some() => {
                    indicators.push(unworded_item(id, owner));
                }
                None => findings.suggest(
                    &Place::new(found.place.source, &id.span()),
                    format!("the item `{}` has no question", id.get_ref()),
                    Some("declare it as an [[indicator]], or make the instrument dormant".into()),
                ),
            }
        }
    }
    twins(tables, &mut indicators, findings);
    indicators
}

/// Items and overrides, in the order of the instrument, each once.
pub(crate) fn item_ids(instrument: &InstrumentTable) -> impl Iterator<Item = &Placed> {
    let scored = instrument.items.iter().map(|(id, _)| id);
    let only_overrides = instrument
        .overrides
        .iter()
        .filter(|id| !instrument.items.iter().any(|(item, _)| item.get_ref() == id.get_ref()));
    scored.chain(only_overrides)
}

fn refuse_language_words(id: &Placed, place: &Place, findings: &mut Findings) {
    let word = id.get_ref().as_str();
    if LANGUAGE_WORDS.contains(&word) || word.contains('-') {
        findings.add(
            &Place::new(place.source, &id.span()),
            format!("`{word}` cannot be named in an expression; choose another id"),
        );
    }
}

fn indicator(found: &Found<IndicatorTable>, languages: &Languages<'_>, findings: &mut Findings) -> Indicator {
    let (table, place) = (&found.item, &found.place);
    let id = table.id.get_ref();
    let at = Place::new(place.source, &table.id.span());
    let source = match table.source {
        SourceWord::Asked => Source::Asked,
        SourceWord::Contact => Source::Contact,
    };
    let question = match source {
        Source::Asked => languages.require(&table.question, &format!("`{id}`"), &at, findings),
        // Its words are on the form, not in the pack.
        Source::Contact => Words::from(table.question.clone()),
    };
    let what = format!("the guidance of `{id}`");
    let guidance = languages.require_if_any(&table.guidance, &what, &at, findings);
    check_options(table, &at, findings);
    check_range(table, &at, findings);
    Indicator {
        id: Name::from(id.as_str()),
        kind: match table.kind {
            KindWord::Bool => Kind::Bool,
            KindWord::Number => Kind::Number,
            KindWord::Time => Kind::Time,
            KindWord::Choice => Kind::Choice,
        },
        source,
        tier: table.tier,
        question,
        guidance,
        part: Name::from(table.part.as_str()),
        options: table.options.iter().map(|option| Name::from(option.get_ref().as_str())).collect(),
        min: table.min.unwrap_or_default(),
        max: table.max,
        whole: !matches!(table.unit, Some(UnitWord::Hours)),
        always: table.always,
        instrument: None,
        twin: None,
    }
}

fn check_options(table: &IndicatorTable, at: &Place, findings: &mut Findings) {
    let id = table.id.get_ref();
    let is_choice = matches!(table.kind, KindWord::Choice);
    if is_choice == table.options.is_empty() {
        let message = if is_choice {
            format!("the choice `{id}` has no options")
        } else {
            format!("`{id}` has options but is no choice")
        };
        findings.suggest(at, message, Some("use `kind = \"choice\"` with `options`".into()));
    }
    if table.options.len() > MOST_OPTIONS {
        findings.add(at, format!("`{id}` has more than {MOST_OPTIONS} options"));
    }
    for option in &table.options {
        if ANSWER_WORDS.contains(&option.get_ref().as_str()) {
            findings.suggest(
                &Place::new(at.source, &option.span()),
                format!("`{}` is an answer to anything, not an option", option.get_ref()),
                Some("leave it out; it can be answered all the same".to_owned()),
            );
        }
    }
}

fn check_range(table: &IndicatorTable, at: &Place, findings: &mut Findings) {
    let id = table.id.get_ref();
    let is_number = matches!(table.kind, KindWord::Number);
    let bounded = table.min.is_some() || table.max.is_some() || table.unit.is_some();
    if !is_number && bounded {
        findings.add(at, format!("`{id}` is no number and takes no min, max or unit"));
    }
    if table.max.is_some_and(|max| max < table.min.unwrap_or_default()) {
        findings.add(at, format!("the max of `{id}` is below its min"));
    }
}

fn unworded_item(id: &Placed, instrument: Option<Name>) -> Indicator {
    Indicator {
        id: Name::from(id.get_ref().as_str()),
        kind: Kind::Bool,
        source: Source::Asked,
        tier: None,
        question: Words::default(),
        guidance: Words::default(),
        part: Name::from("instrument"),
        options: Vec::new(),
        min: Number::ZERO,
        max: None,
        whole: true,
        always: false,
        instrument,
        twin: None,
    }
}

fn twins(tables: &Tables, indicators: &mut [Indicator], findings: &mut Findings) {
    for found in &tables.indicators {
        let Some(twin) = &found.item.twin else {
            continue;
        };
        let place = indicators.iter().position(|i| i.id == twin.get_ref().as_str());
        if place.is_none() {
            let known = indicators.iter().map(|i| i.id.as_str());
            findings.suggest(
                &Place::new(found.place.source, &twin.span()),
                format!("there is no indicator `{}`", twin.get_ref()),
                closest(twin.get_ref(), known).map(did_you_mean),
            );
        }
        let id = found.item.id.get_ref().as_str();
        if let Some(indicator) = indicators.iter_mut().find(|i| i.id == id) {
            indicator.twin = place;
        }
    }
}

/// Every window, with its lengths read.
pub(crate) fn windows(tables: &Tables, languages: &Languages<'_>, findings: &mut Findings) -> Vec<Window> {
    let mut ids = Ids::default();
    let mut windows = Vec::new();
    for found in &tables.windows {
        ids.define(&found.item.id, &found.place, findings);
        refuse_language_words(&found.item.id, &found.place, findings);
        windows.extend(window(found, languages, findings));
    }
    windows
}

fn window(found: &Found<WindowTable>, languages: &Languages<'_>, findings: &mut Findings) -> Option<Window> {
    let (table, source) = (&found.item, found.place.source);
    let id = table.id.get_ref();
    let at = Place::new(source, &table.id.span());
    let say = languages.require(&table.say, &format!("the window `{id}`"), &at, findings);
    let lasts = length(&table.lasts, source, findings);
    let mut optional = |value: &Option<Spanned<Length>>| match value {
        Some(value) => length(value, source, findings).map(Some),
        None => Some(None),
    };
    let (ideal, margin) = (optional(&table.ideal), optional(&table.margin));
    let window = Window {
        id: Name::from(id.as_str()),
        lasts: lasts?,
        ideal: ideal?,
        margin: margin?.unwrap_or_default(),
        say,
        source: Name::from(table.source.as_str()),
    };
    if window.margin >= window.lasts || window.ideal.is_some_and(|ideal| ideal > window.lasts) {
        findings.add(&at, format!("the margin or ideal of `{id}` is longer than the window"));
    }
    Some(window)
}

fn length(value: &Spanned<Length>, source: usize, findings: &mut Findings) -> Option<Number> {
    let (read, example) = match value.get_ref() {
        Length::Text(text) => (duration(text), "72".to_owned()),
        Length::Bare(number) => (None, number.to_string()),
    };
    if read.is_none() {
        findings.suggest(
            &Place::new(source, &value.span()),
            "a window needs a length with its unit",
            Some(format!("write it like \"{example}h\" or \"{example}d\"")),
        );
    }
    read.map(Number::from_millionths)
}
