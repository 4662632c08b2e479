//! The words of letters and of partners' pages, from `config/locales/`.

use std::sync::LazyLock;

use chrono_tz::Tz;

use crate::clock::Instant;

/// Languages with words; the first stands in for one that has none.
const LOCALES: [(&str, &str); 3] = [
    ("tk", include_str!("../../config/locales/tk.toml")),
    ("ru", include_str!("../../config/locales/ru.toml")),
    ("en", include_str!("../../config/locales/en.toml")),
];

static WORDS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    LOCALES.iter().map(|(code, file)| Words { code, tree: toml::from_str(file).unwrap_or_default() }).collect()
});

static NONE: LazyLock<Words> = LazyLock::new(|| Words { code: "", tree: toml::Table::new() });

/// The words of one language.
pub struct Words {
    /// ISO 639-1.
    pub code: &'static str,
    tree: toml::Table,
}

impl Words {
    /// The words of a language, or of the first one there is.
    pub fn of(language: &str) -> &'static Words {
        let fitting = WORDS.iter().find(|words| words.code == language);
        fitting.or_else(|| WORDS.first()).unwrap_or_else(|| &*NONE)
    }

    /// All languages, for what is said before anybody's is known.
    pub fn all() -> &'static [Words] {
        &WORDS
    }

    /// The text under a dotted name; empty if there is none, which a test rules out.
    pub fn say(&self, name: &str) -> &str {
        let mut table = &self.tree;
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            match table.get(part) {
                Some(toml::Value::Table(inner)) => table = inner,
                Some(toml::Value::String(text)) if parts.peek().is_none() => return text,
                _ => return "",
            }
        }
        ""
    }

    /// The text under a name with its `{placeholders}` filled.
    pub fn fill(&self, name: &str, values: &[(&str, &str)]) -> String {
        values.iter().fold(self.say(name).to_owned(), |text, (key, value)| text.replace(&format!("{{{key}}}"), value))
    }

    /// A moment as people there read it. The zone is an offset: its name would be a city.
    pub fn time(&self, at: Instant, zone: Tz) -> String {
        let local = at.utc().with_timezone(&zone);
        let (date, time) = (local.format("%d.%m.%Y").to_string(), local.format("%H:%M").to_string());
        let offset = local.format("UTC%:z").to_string();
        self.fill("time.local", &[("date", &date), ("time", &time), ("zone", &offset)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str, table: &toml::Table, all: &mut Vec<String>) {
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) => names(&format!("{prefix}{key}."), inner, all),
                _ => all.push(format!("{prefix}{key}")),
            }
        }
    }

    fn placeholders(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn every_language_has_the_same_words_with_the_same_placeholders() {
        let mut keys = Vec::new();
        names("", &Words::of("en").tree, &mut keys);
        assert!(keys.len() > 80);
        for words in Words::all() {
            let mut own = Vec::new();
            names("", &words.tree, &mut own);
            assert_eq!(own, keys, "{}", words.code);
            for key in &keys {
                assert!(!words.say(key).is_empty(), "{} {key}", words.code);
                assert_eq!(
                    placeholders(words.say(key)),
                    placeholders(Words::of("en").say(key)),
                    "{} {key}",
                    words.code
                );
            }
        }
    }

    #[test]
    fn a_moment_names_an_offset_and_never_a_city() {
        let at = crate::input::instant("2026-11-22T10:06:00Z").unwrap();
        assert_eq!(Words::of("en").time(at, Tz::Asia__Ashgabat), "22.11.2026, 15:06 (UTC+05:00)");
        assert_eq!(Words::of("xx").code, "tk");
    }
}
