//! Bytes as lower-case hexadecimal. Buffers are sized once, so that a key passing through
//! leaves no copy behind in a buffer that was outgrown.

const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let pair = [byte >> 4, byte & 0x0f];
        text.extend(pair.iter().filter_map(|half| DIGITS.get(usize::from(*half))));
    }
    text
}

/// `None` unless the text is whole pairs of hexadecimal digits, of either case.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        bytes.push((digit(*high)? << 4) | digit(*low)?);
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    let value = char::from(character).to_digit(16)?;
    u8::try_from(value).ok()
}
