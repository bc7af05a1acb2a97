//! Eight bytes at a time in one 64-bit number, the first byte the lowest.
//!
//! Each function answers for all eight bytes at once and says so by the highest bit of each byte.
//!
//! Not here: what the bytes mean (see `scan`, `escape` and `digits`).

/// The same byte eight times.
pub(crate) const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const HIGH: u64 = repeated(0x80);
const LOW: u64 = repeated(0x7f);

/// Which bytes are zero. Exact: none carries into its neighbour.
pub(crate) const fn zeros(word: u64) -> u64 {
    !(((word & LOW) + LOW) | word | LOW)
}

/// Which bytes are `byte`.
pub(crate) const fn equal(word: u64, byte: u8) -> u64 {
    zeros(word ^ repeated(byte))
}

/// Which bytes are not below `limit`, which is at most 128.
pub(crate) const fn not_below(word: u64, limit: u8) -> u64 {
    (((word & LOW) + repeated(0x80 - limit)) | word) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which bytes fulfil the condition, asked one by one.
    fn each(bytes: [u8; 8], condition: impl Fn(u8) -> bool) -> u64 {
        u64::from_le_bytes(bytes.map(|byte| if condition(byte) { 0x80 } else { 0 }))
    }

    #[test]
    fn eight_answers_are_the_answers_for_each_byte() {
        // Neighbours at which a carry would show: each byte beside 0, 1, 0x7f, 0x80 and 0xff.
        for byte in 0..=u8::MAX {
            for other in [0, 1, b',', 0x1f, 0x20, 0x7f, 0x80, 0xff] {
                let bytes = [other, byte, byte, other, byte, other, other, byte];
                let word = u64::from_le_bytes(bytes);
                assert_eq!(zeros(word), each(bytes, |b| b == 0), "{bytes:?}");
                assert_eq!(equal(word, b','), each(bytes, |b| b == b','), "{bytes:?}");
                for limit in [10, 0x20, 0x80] {
                    assert_eq!(not_below(word, limit), each(bytes, |b| b >= limit), "{bytes:?}");
                }
            }
        }
    }
}
