//! Looks for words that must not lie anywhere in clear, in every form they could have taken.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::Text;
use goldaw::storage::Db;

use super::{Engine, Hotline};

/// Everything a thief of the disk would have: the files of the data folder (write-ahead log and
/// temporary files included), and on PostgreSQL every row of every table.
pub fn everything(hotline: &Hotline) -> Vec<(String, Vec<u8>)> {
    let mut all = files_below(hotline.folder.path());
    if hotline.engine == Engine::Postgres {
        all.extend(rows(&mut hotline.stranger()));
    }
    all
}

/// Every file below a folder, with its path.
pub fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

/// Each table as text; bytes are in hexadecimal, which is one of the forms that are looked for.
fn rows(db: &mut Db) -> Vec<(String, Vec<u8>)> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }
    let Db::Postgres(connection) = db else { panic!("only where rows are not files") };
    let mut ask = |query: String| -> Vec<Row> { diesel::sql_query(query).load(connection).unwrap() };
    let tables = ask(
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS text FROM pg_tables
            WHERE schemaname IN ('public', 'keys')"
            .into(),
    );
    assert!(tables.len() > 20, "all tables are looked at");
    tables
        .into_iter()
        .flat_map(|table| {
            let found = ask(format!("SELECT it::text AS text FROM {} AS it", table.text));
            found.into_iter().map(move |row| (table.text.clone(), row.text.into_bytes())).collect::<Vec<_>>()
        })
        .collect()
}

/// Fails when one of `words` lies in clear, or encoded, in one of `places`.
pub fn assert_nowhere(places: &[(String, Vec<u8>)], words: &[&str]) {
    assert!(!places.is_empty() && words.iter().all(|word| word.len() >= 5), "something to look for, and where");
    for word in words {
        for (form, bytes) in forms(word) {
            for (place, content) in places {
                assert!(!contains(content, &bytes), "{word:?} lies in {place} as {form}");
            }
        }
    }
}

fn contains(content: &[u8], sought: &[u8]) -> bool {
    let Some(first) = sought.first() else { return false };
    content
        .iter()
        .enumerate()
        .any(|(place, byte)| byte == first && content.get(place..place + sought.len()) == Some(sought))
}

/// A word as text, in both orders of UTF-16, as hexadecimal and as base 64 at each of the three
/// places it can begin at.
fn forms(word: &str) -> Vec<(&'static str, Vec<u8>)> {
    let plain = word.as_bytes();
    let mut forms = vec![
        ("UTF-8", plain.to_vec()),
        ("UTF-8, upper case", word.to_uppercase().into_bytes()),
        ("UTF-8, lower case", word.to_lowercase().into_bytes()),
        ("UTF-16LE", word.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", word.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("hexadecimal", plain.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect()),
        ("HEXADECIMAL", plain.iter().flat_map(|b| format!("{b:02X}").into_bytes()).collect()),
        ("reversed", plain.iter().rev().copied().collect()),
    ];
    if !word.is_ascii() {
        let escaped = |unit: u16| if unit < 128 { char::from(unit as u8).to_string() } else { format!("\\u{unit:04x}") };
        forms.push(("JSON escapes", word.encode_utf16().map(escaped).collect::<String>().into_bytes()));
    }
    forms.extend((0..3).map(|lead| ("base 64", base64_core(plain, lead))));
    forms
}

/// The characters of base 64 that follow from `word` alone when `lead` bytes stand before it.
fn base64_core(word: &[u8], lead: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> =
        word.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).skip((6 - lead * 8 % 6) % 6).collect();
    bits.chunks_exact(6)
        .map(|six| ALPHABET[usize::from(six.iter().fold(0, |sum, bit| sum << 1 | bit))])
        .collect()
}

#[test]
fn the_scan_finds_a_word_in_every_form_it_knows() {
    use std::panic::catch_unwind;
    let encoded = ["YXN5bXB0b3Rl", "MWFzeW1wdG90ZQ==", "MTFhc3ltcHRvdGU="];
    for text in encoded.iter().chain(&["asymptote", "ASYMPTOTE", "6173796d70746f7465"]) {
        let place = vec![("here".to_owned(), format!("xx {text} xx").into_bytes())];
        assert!(catch_unwind(|| assert_nowhere(&place, &["asymptote"])).is_err(), "{text}");
    }
    let wide: Vec<u8> = "asymptote".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(catch_unwind(|| assert_nowhere(&[("here".to_owned(), wide)], &["asymptote"])).is_err());
    assert_nowhere(&[("here".to_owned(), b"asympto te".to_vec())], &["asymptote"]);
}
