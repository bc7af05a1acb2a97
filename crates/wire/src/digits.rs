//! Decimal numbers, eight digits at a time: reading and writing them.
//!
//! Every message has several, so both directions are without a loop over the digits: eight of them
//! are one 64-bit number, a digit in each byte, the first digit the lowest byte.
//!
//! Not here: how large a number a field may hold (see `fields`).

use crate::eight::{not_below, repeated};

/// Eight digits hold the numbers below this.
pub(crate) const EIGHT: u64 = 100_000_000;

/// A decimal number; `None` for anything else and for what does not fit.
pub(crate) fn decimal(field: &[u8]) -> Option<u64> {
    let (start, eights) = field.as_rchunks::<8>();
    let mut number = match start {
        [] if eights.is_empty() => return None,
        [] => 0,
        start => short_decimal(start)?,
    };
    for digits in eights {
        let digits = value(u64::from_le_bytes(*digits) ^ repeated(b'0'))?;
        number = number.checked_mul(EIGHT)?.checked_add(digits)?;
    }
    Some(number)
}

/// A decimal number of 1 to 8 digits; `None` for anything else.
#[inline]
pub(crate) fn short_decimal(field: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| Some(u64::from(byte.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    match field {
        [a] => digit(a),
        [a, b] => Some(digit(a)? * 10 + digit(b)?),
        [a, b, c] => Some(digit(a)? * 100 + digit(b)? * 10 + digit(c)?),
        _ => {
            let (first, last) = (field.first_chunk()?, field.last_chunk()?);
            let missing = 8_usize.checked_sub(field.len())?;
            // The two fours share the digits in the middle; zeros come to stand in front.
            let four = |digits| u64::from(u32::from_le_bytes(digits) ^ repeated(b'0') as u32);
            value(four(*first) << (8 * missing) | four(*last) << 32)
        }
    }
}

/// The number of eight digits; `None` if one of the bytes is none.
const fn value(digits: u64) -> Option<u64> {
    if not_below(digits, 10) != 0 {
        return None;
    }
    // Neighbours become one: digits to pairs, pairs to fours, fours to the whole.
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

/// The eight digits of a number below [`EIGHT`], as text with zeros in front.
pub(crate) const fn eight(number: u64) -> [u8; 8] {
    (digits_of(number) | repeated(b'0')).to_le_bytes()
}

/// The digits of a number below [`EIGHT`], as text without zeros in front, and how many there are;
/// what is behind them has no meaning.
pub(crate) const fn short(number: u64) -> ([u8; 8], usize) {
    let digits = digits_of(number);
    // The last digit stays, also if it is zero.
    let zeros = (digits | 1 << 56).trailing_zeros() / 8;
    (((digits | repeated(b'0')) >> (8 * zeros)).to_le_bytes(), 8 - zeros as usize)
}

/// The digits of a number below [`EIGHT`]: the whole is split into fours, those into pairs, those
/// into digits. Dividing a small number is multiplying it and dropping the fraction.
const fn digits_of(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - 10 * tens) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of every length, with the digits that carry.
    fn numbers() -> impl Iterator<Item = u64> {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        let around = powers.flat_map(|p| [p - 1, p, p + 1, p.saturating_mul(9), p / 3, p / 7]);
        around.chain([u64::MAX, u64::MAX - 1, 1 << 63, 1_763_683_200_123_456]).chain(0..20_000)
    }

    #[test]
    fn a_number_is_read_as_it_is_shown() {
        for number in numbers() {
            let text = number.to_string();
            assert_eq!(decimal(text.as_bytes()), Some(number));
            assert_eq!(decimal(format!("{number:0>40}").as_bytes()), Some(number));
        }
    }

    #[test]
    fn a_number_is_written_as_it_is_shown() {
        for number in numbers().filter(|number| *number < EIGHT) {
            let (text, length) = short(number);
            assert_eq!(&text[..length], number.to_string().as_bytes());
            assert_eq!(eight(number), *format!("{number:08}").as_bytes());
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in ["", "-1", "+1", " 1", "1 ", "0x1", "1_000", "18446744073709551616"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        assert_eq!(decimal(&[b'9'; 24]), None);
        for length in 1..=24 {
            for place in 0..length {
                for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                    let mut text = vec![b'0'; length];
                    text[place] = byte;
                    assert_eq!(decimal(&text), None, "{text:?}");
                }
            }
        }
    }
}
