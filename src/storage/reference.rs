//! Keys and references. A key (UUIDv7) sorts by time and is never shown, because it tells when she
//! called. A reference is random, can be read aloud, and catches a slip of the tongue.

use crate::clock::Instant;
use crate::error::{Error, Result};

/// Crockford's base 32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Random bytes from the operating system. Errors: 503 when it has none to give.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Unavailable)?;
    Ok(bytes)
}

/// A new key: UUIDv7 of `now`, as 36 characters of text.
pub fn new_id(now: Instant) -> Result<String> {
    let millis = u64::try_from(now.0 / 1000).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes::<10>()?).into_uuid();
    Ok(id.to_string())
}

/// A new reference such as `C-7K4M-9QX2-PDH`: a letter, 50 random bits, a check character.
pub fn new_reference(letter: char) -> Result<String> {
    let bits = u64::from_be_bytes(random_bytes::<8>()?);
    let mut symbols = [0u8; 11];
    for (place, symbol) in symbols.iter_mut().take(10).enumerate() {
        *symbol = u8::try_from((bits >> (place * 5)) & 31).unwrap_or_default();
    }
    let check = check_symbol(&symbols);
    if let Some(last) = symbols.last_mut() {
        *last = check;
    }
    Ok(grouped(letter, &symbols))
}

/// The canonical form of a reference as somebody typed or said it: any case, with or without its
/// letter and dashes, O for 0, I and L for 1. `None` if it cannot be one, or its check fails.
pub fn read_reference(letter: char, text: &str) -> Option<String> {
    if text.len() > 32 {
        return None;
    }
    let plain: String = text.chars().filter(|c| *c != '-' && *c != ' ').flat_map(char::to_uppercase).collect();
    let body = if plain.len() == 12 { plain.strip_prefix(letter)? } else { &plain };
    let mut symbols = [0u8; 11];
    if body.chars().count() != symbols.len() {
        return None;
    }
    for (symbol, c) in symbols.iter_mut().zip(body.chars()) {
        *symbol = value(c)?;
    }
    (symbols.last() == Some(&check_symbol(&symbols))).then(|| grouped(letter, &symbols))
}

fn grouped(letter: char, symbols: &[u8; 11]) -> String {
    let mut text = String::with_capacity(15);
    text.push(letter);
    for (place, symbol) in symbols.iter().enumerate() {
        if place % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET.get(usize::from(*symbol)).copied().unwrap_or(b'0')));
    }
    text
}

fn value(c: char) -> Option<u8> {
    let c = match c {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET.iter().position(|known| char::from(*known) == c).and_then(|place| u8::try_from(place).ok())
}

/// The sum of `x^i * symbol(i)` in GF(32): finds every single wrong symbol and every swap of two
/// different neighbours, because the weights are all different and none is zero.
fn check_symbol(symbols: &[u8; 11]) -> u8 {
    let mut sum = 0;
    let mut weight = 1;
    for symbol in symbols.iter().take(10) {
        weight = times(weight, 2);
        sum ^= times(weight, *symbol);
    }
    sum
}

/// Multiplication in GF(32) modulo x^5 + x^2 + 1.
fn times(a: u8, b: u8) -> u8 {
    let (mut product, mut a) = (0, a);
    for bit in 0..5 {
        if b >> bit & 1 == 1 {
            product ^= a;
        }
        a <<= 1;
        if a & 32 != 0 {
            a ^= 0b10_0101;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reference_is_read_however_it_is_said() {
        let reference = new_reference('C').unwrap();
        let said = reference.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(read_reference('C', &said), Some(reference.clone()));
        assert_eq!(read_reference('C', &reference.replace('-', "")), Some(reference.clone()));
        assert_eq!(read_reference('R', &reference), None);
    }

    proptest! {
        #[test]
        fn one_wrong_symbol_or_two_swapped_are_always_caught(place in 0usize..11, other in 0u8..32, seed in any::<u64>()) {
            let mut symbols = [0u8; 11];
            for (i, s) in symbols.iter_mut().enumerate().take(10) { *s = (seed >> (i * 5) & 31) as u8; }
            symbols[10] = check_symbol(&symbols);
            let text = |s: &[u8; 11]| grouped('C', s);
            prop_assert_eq!(read_reference('C', &text(&symbols)), Some(text(&symbols)));
            let mut wrong = symbols;
            wrong[place] = other;
            if wrong != symbols { prop_assert_eq!(read_reference('C', &text(&wrong)), None); }
            if place < 10 {
                let mut swapped = symbols;
                swapped.swap(place, place + 1);
                if swapped != symbols && place < 9 { prop_assert_eq!(read_reference('C', &text(&swapped)), None); }
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = read_reference('C', &text);
        }
    }
}
