//! How arbitrary bytes stand in a body: which are percent-encoded, and back.
//!
//! Most bodies have nothing to escape, so they are looked at eight bytes at a time, and what stands
//! for itself is handed on in runs.
//!
//! Not here: where a body stands in a frame (see `text` and `fields`).

use bytes::{Bytes, BytesMut};

use crate::eight::{equal, not_below, repeated, zeros};

/// The bytes that cannot stand for themselves in a body.
const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = true;
        control += 1;
    }
    table[0x7f] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b',' as usize] = true;
    table[b'%' as usize] = true;
    table
};

fn is_escaped(byte: &u8) -> bool {
    ESCAPED[usize::from(*byte)]
}

/// How many bytes the body takes on the wire.
pub(crate) fn escaped_len(body: &[u8]) -> usize {
    let blanks = outer_blanks(body);
    body.len() + 2 * (body.iter().filter(|b| is_escaped(b)).count() + blanks.0 + blanks.1)
}

/// How many blanks a body starts and ends with; one that is all blank only starts with them.
fn outer_blanks(body: &[u8]) -> (usize, usize) {
    let leading = body.iter().take_while(|b| **b == b' ').count();
    let trailing = body[leading..].iter().rev().take_while(|b| **b == b' ').count();
    (leading, trailing)
}

/// Whether every one of eight bytes stands for itself.
const fn is_plain(eight: u64) -> bool {
    // `<` and `>` differ in one bit.
    let brackets = zeros((eight | repeated(b'<' ^ b'>')) ^ repeated(b'<' | b'>'));
    let signs = equal(eight, b',') | equal(eight, b'%') | equal(eight, 0x7f);
    not_below(eight, 0x20) & !(brackets | signs) == repeated(0x80)
}

/// How many bytes at the start of a body stand for themselves.
fn plain(body: &[u8]) -> usize {
    let (eights, _) = body.as_chunks::<8>();
    let checked = 8 * eights.iter().take_while(|e| is_plain(u64::from_le_bytes(**e))).count();
    let rest = &body[checked..];
    checked + rest.iter().position(is_escaped).unwrap_or(rest.len())
}

/// Hands on the text of a body, piece by piece: what has a meaning in a frame, control bytes and the
/// blanks at both ends are percent escapes, all else is itself.
pub fn escape(body: &[u8], mut put: impl FnMut(&[u8])) {
    let mut run = plain(body);
    let has_blank = |end: Option<&u8>| end == Some(&b' ');
    if run == body.len() && !has_blank(body.first()) && !has_blank(body.last()) {
        // As most bodies are.
        return put(body);
    }
    let (leading, trailing) = outer_blanks(body);
    (0..leading).for_each(|_| put(b"%20"));
    let mut rest = &body[leading..body.len() - trailing];
    // Blanks stand for themselves within a body.
    run = rest.len().min(run - leading);
    loop {
        put(&rest[..run]);
        let [byte, after @ ..] = &rest[run..] else { break };
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        put(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        rest = after;
        run = plain(rest);
    }
    (0..trailing).for_each(|_| put(b"%20"));
}

/// Percent escapes to bytes. A `%` that starts no escape stands for itself.
#[must_use]
pub fn unescape(field: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(field.len());
    let mut rest = field;
    while let Some(place) = memchr::memchr(b'%', rest) {
        bytes.extend_from_slice(&rest[..place]);
        let digits = rest.get(place + 1..place + 3).and_then(|d| Some((hex(d[0])?, hex(d[1])?)));
        let (byte, length) = digits.map_or((b'%', 1), |(high, low)| (high << 4 | low, 3));
        bytes.extend_from_slice(&[byte]);
        rest = &rest[place + length..];
    }
    bytes.extend_from_slice(rest);
    bytes.freeze()
}

fn hex(digit: u8) -> Option<u8> {
    // At most 15, so it fits.
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every place of a body that has whole eights and a rest.
    #[test]
    fn a_byte_is_escaped_at_any_place_or_at_none() {
        for byte in 0..=u8::MAX {
            for place in 0..21 {
                let mut body = [b'x'; 21];
                body[place] = byte;
                let mut text = Vec::new();
                escape(&body, |piece| text.extend_from_slice(piece));
                let outside = byte == b' ' && (place == 0 || place == 20);
                let escaped = is_escaped(&byte) || outside;
                assert_eq!(text.len(), if escaped { 23 } else { 21 }, "{byte} at {place}");
                assert_eq!(text.len(), escaped_len(&body));
                assert_eq!(unescape(&text), &body[..]);
            }
        }
    }
}
