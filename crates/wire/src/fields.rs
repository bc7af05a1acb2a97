//! Reading the fields of one frame, one after the other, and what can be wrong with them.
//!
//! [`Fields`] trims blanks, knows how many fields there are, and says by the name that
//! docs/PROTOCOL.md gives a field what is wrong with it. A body without escapes is a slice of the
//! frame, not a copy.
//!
//! Not here: which fields a kind has (see `parse`), and where fields end (see `scan`).

use std::net::SocketAddr;
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use crate::digits::{decimal, short_decimal};
use crate::escape::unescape;
use crate::kind::Kind;
use crate::names::{ClientName, Digest, Name, NodeName, ReplicaName};
use crate::scan::Scan;

/// How much of a wrong field is repeated to its sender, in characters.
const REPEATED: usize = 32;

/// Counters are below this, so that counting on from what a peer said never overflows.
const COUNTER_END: u64 = 1 << 63;

/// Why a field is not what its kind asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The frame has the wrong number of fields for its kind.
    #[error("`{kind}` does not have {fields} fields before it")]
    Count {
        /// The kind.
        kind: &'static str,
        /// How many fields stood before it.
        fields: usize,
    },
    /// A field cannot be read.
    #[error("`{kind}`: {name} cannot be `{value}`: {why}")]
    Value {
        /// The kind.
        kind: &'static str,
        /// What the field is called in docs/PROTOCOL.md.
        name: &'static str,
        /// What stood there, shortened.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// No such kind.
    #[error("the kind `{0}` is unknown")]
    Kind(String),
}

/// Whether a byte is ignored around fields and between frames.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Where a field stands in its frame, without the blanks around it.
pub(crate) type Place = Range<usize>;

/// A place without the blanks around what stands there.
fn trimmed(source: &[u8], mut place: Place) -> Place {
    while !place.is_empty() && is_blank(source[place.start]) {
        place.start += 1;
    }
    while !place.is_empty() && is_blank(source[place.end - 1]) {
        place.end -= 1;
    }
    place
}

/// A slice without the blanks around it.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    &bytes[trimmed(bytes, 0..bytes.len())]
}

/// The start of what a peer sent, fit to be shown.
pub(crate) fn shortened(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(&value[..value.len().min(4 * REPEATED)]);
    let shown: String = text.chars().take(REPEATED).flat_map(char::escape_debug).collect();
    if text.chars().count() > REPEATED { shown + "…" } else { shown }
}

/// The fields before the kind of one frame, read from left to right.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    kind: Kind,
    /// Starts with the frame.
    source: &'a mut BytesMut,
    scan: &'a Scan,
    /// The number of the next field.
    next: usize,
}

impl<'a> Fields<'a> {
    /// `source` starts with the frame that `scan` has looked at.
    pub(crate) fn new(kind: Kind, source: &'a mut BytesMut, scan: &'a Scan) -> Self {
        Self { kind, source, scan, next: 0 }
    }

    /// How many fields stand before the kind.
    pub(crate) fn count(&self) -> usize {
        self.scan.count()
    }

    /// The frame has a number of fields that its kind never has.
    pub(crate) fn wrong_count<T>(&self) -> Result<T, FieldError> {
        Err(FieldError::Count { kind: self.kind.as_str(), fields: self.count() })
    }

    /// Where the next field stands. There must be one: its kind was chosen by the count.
    pub(crate) fn take(&mut self) -> Place {
        let place = self.scan.field(self.next);
        self.next += 1;
        trimmed(self.source, place)
    }

    /// The next field, without the blanks around it.
    fn trimmed(&mut self) -> &[u8] {
        let place = self.take();
        &self.source[place]
    }

    /// The next field as it stands there. Few have blanks around them, so whoever can tell a blank
    /// from what it looks for trims only if it has found something else.
    #[inline(always)]
    fn untrimmed(&mut self) -> &[u8] {
        let place = self.scan.field(self.next);
        self.next += 1;
        self.source.get(place.start..place.end).unwrap_or_default()
    }

    /// The field of that number, which there must be.
    pub(crate) fn peek(&self, number: usize) -> &[u8] {
        trim(&self.source[self.scan.field(number)])
    }

    /// The field that was taken last is wrong.
    #[cold]
    fn wrong<T>(&self, name: &'static str, why: impl ToString) -> Result<T, FieldError> {
        self.wrong_value(name, self.peek(self.next - 1), why)
    }

    #[cold]
    fn wrong_value<T>(
        &self,
        name: &'static str,
        value: &[u8],
        why: impl ToString,
    ) -> Result<T, FieldError> {
        let (value, why) = (shortened(value), why.to_string());
        Err(FieldError::Value { kind: self.kind.as_str(), name, value, why })
    }

    fn name<T: From<Name>>(&mut self, name: &'static str) -> Result<T, FieldError> {
        match Name::short(self.untrimmed()) {
            Some(read) => Ok(read.into()),
            None => self.long_name(name),
        }
    }

    /// The name that was taken last is long, has blanks around it, or is none.
    #[inline(never)]
    fn long_name<T: From<Name>>(&self, name: &'static str) -> Result<T, FieldError> {
        Name::parse(self.peek(self.next - 1)).map(T::from).or_else(|why| self.wrong(name, why))
    }

    pub(crate) fn node(&mut self, name: &'static str) -> Result<NodeName, FieldError> {
        self.name(name)
    }

    pub(crate) fn replica(&mut self, name: &'static str) -> Result<ReplicaName, FieldError> {
        self.name(name)
    }

    pub(crate) fn client(&mut self, name: &'static str) -> Result<ClientName, FieldError> {
        self.name(name)
    }

    /// A number, which comes back in a register: most fields are one.
    #[inline(never)]
    fn number(&mut self) -> Option<u64> {
        match short_decimal(self.untrimmed()) {
            None => self.long_number(),
            number => number,
        }
    }

    /// The number that was taken last is long, has blanks around it, or is none.
    #[inline(never)]
    fn long_number(&self) -> Option<u64> {
        let field = &self.source[self.scan.field(self.next - 1)];
        decimal(field).or_else(|| decimal(trim(field)))
    }

    /// A number that is counted up.
    #[inline]
    pub(crate) fn counter<T: From<u64>>(&mut self, name: &'static str) -> Result<T, FieldError> {
        match self.number() {
            Some(number) if number < COUNTER_END => Ok(number.into()),
            _ => self.wrong(name, "a number below 2^63 stands here"),
        }
    }

    /// A number that only tells things apart.
    #[inline]
    pub(crate) fn mark<T: From<u64>>(&mut self, name: &'static str) -> Result<T, FieldError> {
        match self.number() {
            Some(number) => Ok(number.into()),
            None => self.wrong(name, "a number below 2^64 stands here"),
        }
    }

    /// A number of at most 32 bits.
    pub(crate) fn small(&mut self, name: &'static str) -> Result<u32, FieldError> {
        match self.number().map(u32::try_from) {
            Some(Ok(number)) => Ok(number),
            _ => self.wrong(name, "a number below 2^32 stands here"),
        }
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, FieldError> {
        match self.trimmed() {
            b"0" => Ok(false),
            b"1" => Ok(true),
            _ => self.wrong(name, "0 or 1 stands here"),
        }
    }

    pub(crate) fn digest(&mut self, name: &'static str) -> Result<Digest, FieldError> {
        let digits = std::str::from_utf8(self.trimmed())
            .ok()
            .filter(|text| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|text| u64::from_str_radix(text, 16).ok()) {
            Some(digest) => Ok(Digest(digest)),
            None => self.wrong(name, "16 hexadecimal digits stand here"),
        }
    }

    pub(crate) fn address(&mut self, name: &'static str) -> Result<SocketAddr, FieldError> {
        match address(self.trimmed()) {
            Some(address) => Ok(address),
            None => self.wrong(name, "IP:PORT stands here"),
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Result<T, FieldError> {
        let field = self.trimmed();
        if let Some(word) = all.iter().find(|word| as_str(**word).as_bytes() == field) {
            return Ok(*word);
        }
        let words: Vec<&str> = all.iter().map(|word| as_str(*word)).collect();
        self.wrong(name, format!("one of {} stands here", words.join(", ")))
    }

    /// The items of a list; a trailing `;` and empty items are ignored.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Vec<T>, FieldError> {
        let place = self.take();
        let items = self.source[place].split(|b| *b == b';').map(trim);
        let items = items.filter(|item| !item.is_empty());
        items.map(|item| parse(item).or_else(|why| self.wrong_value(name, item, why))).collect()
    }

    /// Any bytes, copied.
    pub(crate) fn copied(&mut self) -> Bytes {
        unescape(self.trimmed())
    }

    /// The next field, which is the last, as [`Fields::body`].
    pub(crate) fn rest(mut self) -> Bytes {
        let place = self.take();
        self.body(place)
    }

    /// Any bytes; shared with the frame unless there is an escape in them. It takes the frame
    /// apart, so it comes last: the place is kept from [`Fields::take`] until all else is read.
    pub(crate) fn body(self, place: Place) -> Bytes {
        let field = &self.source[place.start..place.end];
        if field.is_empty() {
            return Bytes::new();
        }
        if memchr::memchr(b'%', field).is_some() {
            return unescape(field);
        }
        // Only one more handle on the buffer is made, the one that the body keeps.
        let mut body = self.source.split_to(place.end).freeze();
        body.advance(place.start);
        body
    }
}

/// An address as it stands in a field.
pub(crate) fn address(field: &[u8]) -> Option<SocketAddr> {
    std::str::from_utf8(field).ok()?.parse().ok()
}
