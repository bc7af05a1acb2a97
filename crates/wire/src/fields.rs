//! Reading the fields of one frame, one after the other, and what can be wrong with them.
//!
//! [`Fields`] trims blanks, knows how many fields there are, and says by the name that
//! docs/PROTOCOL.md gives a field what is wrong with it. A body without escapes is a slice of the
//! frame, not a copy.
//!
//! Not here: which fields a kind has (see `parse`).

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use crate::kind::Kind;
use crate::names::{ClientName, Digest, NameError, NodeName, ReplicaName};

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

/// A slice without the blanks around it.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
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
    /// The frame's own bytes, for the kinds that carry a body.
    shared: Option<&'a Bytes>,
    /// What is still to be read, up to but without the kind; each field with its comma.
    rest: &'a [u8],
    count: usize,
}

impl<'a> Fields<'a> {
    /// `inside` is what stands between `<` and the kind: every field with its comma.
    pub(crate) fn new(kind: Kind, inside: &'a [u8], shared: Option<&'a Bytes>) -> Self {
        let count = inside.iter().filter(|b| **b == b',').count();
        Self { kind, shared, rest: inside, count }
    }

    /// How many fields stand before the kind.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The frame has a number of fields that its kind never has.
    pub(crate) fn wrong_count<T>(&self) -> Result<T, FieldError> {
        Err(FieldError::Count { kind: self.kind.as_str(), fields: self.count })
    }

    /// The next field. There must be one: its kind was chosen by the count.
    fn take(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b',', self.rest).unwrap_or(self.rest.len());
        let field = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        trim(field)
    }

    /// The field that comes after `skip` others, without reading any.
    pub(crate) fn peek(&self, skip: usize) -> &'a [u8] {
        self.rest.split(|b| *b == b',').nth(skip).map(trim).unwrap_or_default()
    }

    fn wrong(&self, name: &'static str, value: &[u8], why: impl ToString) -> FieldError {
        let (value, why) = (shortened(value), why.to_string());
        FieldError::Value { kind: self.kind.as_str(), name, value, why }
    }

    fn named<T>(
        &mut self,
        name: &'static str,
        parse: fn(&[u8]) -> Result<T, NameError>,
    ) -> Result<T, FieldError> {
        let field = self.take();
        parse(field).map_err(|why| self.wrong(name, field, why))
    }

    pub(crate) fn node(&mut self, name: &'static str) -> Result<NodeName, FieldError> {
        self.named(name, NodeName::from_bytes)
    }

    pub(crate) fn replica(&mut self, name: &'static str) -> Result<ReplicaName, FieldError> {
        self.named(name, ReplicaName::from_bytes)
    }

    pub(crate) fn client(&mut self, name: &'static str) -> Result<ClientName, FieldError> {
        self.named(name, ClientName::from_bytes)
    }

    /// A number that is counted up.
    pub(crate) fn counter<T: From<u64>>(&mut self, name: &'static str) -> Result<T, FieldError> {
        let field = self.take();
        match decimal(field) {
            Some(number) if number < COUNTER_END => Ok(number.into()),
            _ => Err(self.wrong(name, field, "a number below 2^63 stands here")),
        }
    }

    /// A number that only tells things apart.
    pub(crate) fn mark<T: From<u64>>(&mut self, name: &'static str) -> Result<T, FieldError> {
        let field = self.take();
        match decimal(field) {
            Some(number) => Ok(number.into()),
            None => Err(self.wrong(name, field, "a number below 2^64 stands here")),
        }
    }

    /// A number of at most 32 bits.
    pub(crate) fn small(&mut self, name: &'static str) -> Result<u32, FieldError> {
        let field = self.take();
        decimal(field)
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| self.wrong(name, field, "a number below 2^32 stands here"))
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, FieldError> {
        let field = self.take();
        match field {
            b"0" => Ok(false),
            b"1" => Ok(true),
            _ => Err(self.wrong(name, field, "0 or 1 stands here")),
        }
    }

    pub(crate) fn digest(&mut self, name: &'static str) -> Result<Digest, FieldError> {
        let field = self.take();
        let digits = std::str::from_utf8(field)
            .ok()
            .filter(|text| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|text| u64::from_str_radix(text, 16).ok()) {
            Some(digest) => Ok(Digest(digest)),
            None => Err(self.wrong(name, field, "16 hexadecimal digits stand here")),
        }
    }

    pub(crate) fn address(&mut self, name: &'static str) -> Result<SocketAddr, FieldError> {
        let field = self.take();
        address(field).ok_or_else(|| self.wrong(name, field, "IP:PORT stands here"))
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Result<T, FieldError> {
        let field = self.take();
        let found = all.iter().find(|word| as_str(**word).as_bytes() == field);
        found.copied().ok_or_else(|| {
            let words: Vec<&str> = all.iter().map(|word| as_str(*word)).collect();
            self.wrong(name, field, format!("one of {} stands here", words.join(", ")))
        })
    }

    /// The items of a list; a trailing `;` and empty items are ignored.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Vec<T>, FieldError> {
        let items = self.take().split(|b| *b == b';').map(trim).filter(|item| !item.is_empty());
        items.map(|item| parse(item).map_err(|why| self.wrong(name, item, why))).collect()
    }

    /// Any bytes; shared with the frame unless there is an escape in them.
    pub(crate) fn body(&mut self) -> Bytes {
        let field = self.take();
        if field.is_empty() {
            return Bytes::new();
        }
        if memchr::memchr(b'%', field).is_some() {
            return unescape(field);
        }
        match self.shared {
            Some(frame) => frame.slice_ref(field),
            None => Bytes::copy_from_slice(field),
        }
    }
}

/// An address as it stands in a field.
pub(crate) fn address(field: &[u8]) -> Option<SocketAddr> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// A decimal number; `None` for anything else and for what does not fit.
pub(crate) fn decimal(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Percent escapes to bytes. A `%` that starts no escape stands for itself.
fn unescape(field: &[u8]) -> Bytes {
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
