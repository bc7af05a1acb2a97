//! The one look at the bytes of a frame: where it ends, and where its fields end.
//!
//! [`Scan`] goes over each byte once, however many reads a frame takes to arrive. The start of a
//! frame, where its fields are, is looked at eight bytes at a time; what is far behind, which is the
//! inside of a long body, is searched at memory speed.
//!
//! Not here: what stands in the fields (see `fields`), and how long a frame may be (see `codec`).

use std::ops::Range;

use crate::eight::{equal, repeated, zeros};

/// The most fields before its kind that a frame of any kind has.
pub(crate) const MOST_FIELDS: usize = 11;

/// Which of the remembered signs is always the last one.
const LAST: usize = MOST_FIELDS + 1;

/// How many bytes at the start of a frame are looked at in eights.
const NEAR: usize = 256;

/// How the look at a frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The place of the `>`.
    End(usize),
    /// Another frame begins before this one ends.
    Nested,
    /// All bytes were looked at.
    Nothing,
}

impl Found {
    fn bracket(byte: u8, place: usize) -> Self {
        if byte == b'>' { Self::End(place) } else { Self::Nested }
    }
}

/// What is known of a frame of which not everything may have come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scan {
    /// How many bytes at the start of the buffer belong to the frame and were looked at.
    looked: usize,
    /// How many commas there are.
    count: usize,
    /// The places of the `<`, of the first commas and of the sign that comes last. More commas no
    /// frame has that is any good, so that those in between need not be known.
    signs: [usize; LAST + 1],
}

impl Scan {
    /// Looks at what has come since the last time. `source` starts with the frame's `<`.
    pub(crate) fn look(&mut self, source: &[u8]) -> Found {
        let mut from = self.looked.max(1);
        // Counted in a register: the loop stores to this very struct.
        let mut count = self.count;
        let near = &source[..source.len().min(NEAR)];
        while let Some(eight) = near.get(from..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_le_bytes(*eight);
            let brackets = brackets(word);
            // Of a word in which the frame ends, only what is before the end.
            let mut commas = equal(word, b',') & brackets.wrapping_sub(1) & !brackets;
            while commas != 0 {
                count += 1;
                self.signs[count.min(LAST)] = from + commas.trailing_zeros() as usize / 8;
                commas &= commas - 1;
            }
            if brackets != 0 {
                self.count = count;
                let place = brackets.trailing_zeros() as usize / 8;
                return Found::bracket(eight[place], from + place);
            }
            from += eight.len();
        }
        self.count = count;
        self.look_far(source, from)
    }

    /// Looks at what is far behind, and at the last few bytes of what has come.
    #[inline(never)]
    fn look_far(&mut self, source: &[u8], from: usize) -> Found {
        let rest = source.get(from..).unwrap_or_default();
        for place in memchr::memchr3_iter(b',', b'<', b'>', rest) {
            if rest[place] != b',' {
                return Found::bracket(rest[place], from + place);
            }
            self.count += 1;
            self.signs[self.count.min(LAST)] = from + place;
        }
        self.looked = source.len();
        Found::Nothing
    }

    /// How many fields stand before the kind.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Where a field stands; only of the first [`MOST_FIELDS`].
    pub(crate) fn field(&self, number: usize) -> Range<usize> {
        self.signs[number] + 1..self.signs[number + 1]
    }

    /// Where the kind starts.
    pub(crate) fn kind(&self) -> usize {
        self.signs[self.count.min(LAST)] + 1
    }

    /// Forgets the frame: another one begins.
    pub(crate) fn next_frame(&mut self) {
        (self.looked, self.count) = (0, 0);
    }
}

/// Which of eight bytes are `<` or `>`, which differ in one bit.
const fn brackets(eight: u64) -> u64 {
    zeros((eight | repeated(b'<' ^ b'>')) ^ repeated(b'<' | b'>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the length of a body and the pieces it comes in, far behind or near.
    #[test]
    fn commas_and_the_end_are_found_in_any_pieces() {
        for length in (0..40).chain(NEAR - 20..NEAR + 20) {
            let frame = format!("<C1,S1,{}.,ab,request>and, more", "x".repeat(length));
            let end = frame.find('>').unwrap();
            let commas: Vec<usize> = frame.match_indices(',').map(|(place, _)| place).collect();
            for piece in 1..20 {
                let mut scan = Scan::default();
                let mut come = 0;
                let found = loop {
                    come = frame.len().min(come + piece);
                    match scan.look(&frame.as_bytes()[..come]) {
                        Found::Nothing => assert!(come <= end),
                        found => break found,
                    }
                };
                assert_eq!(found, Found::End(end));
                assert_eq!((scan.count(), scan.kind()), (4, commas[3] + 1));
                let told: Vec<&str> = (0..4).map(|number| &frame[scan.field(number)]).collect();
                assert_eq!(told, frame[1..].split(',').take(4).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn all_commas_are_counted_and_the_first_of_them_remembered() {
        for count in [0, 1, MOST_FIELDS, LAST, LAST + 1, 300] {
            let mut scan = Scan::default();
            let frame = format!("<{}x>", "ab,".repeat(count));
            assert_eq!(scan.look(frame.as_bytes()), Found::End(frame.len() - 1));
            assert_eq!((scan.count(), scan.kind()), (count, frame.len() - 2));
            for number in 0..count.min(MOST_FIELDS) {
                assert_eq!(scan.field(number), 3 * number + 1..3 * number + 3);
            }
        }
    }

    #[test]
    fn what_stands_behind_the_end_is_not_looked_at() {
        let mut scan = Scan::default();
        for (frame, end) in [("<a,b>,<,,,,,,", 4), ("<x>,,,,,<<<<<", 2)] {
            assert_eq!(scan.look(frame.as_bytes()), Found::End(end));
            assert_eq!(scan.count(), end / 4);
            scan.next_frame();
        }
        assert_eq!(scan.look(b"<a,b<c,d>      "), Found::Nested);
    }
}
