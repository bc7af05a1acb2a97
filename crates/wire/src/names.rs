//! Names and numbers: newtypes, so that an epoch is never passed where a sequence is meant.
//!
//! A name is stored inline and is `Copy`, so that no message on the request path allocates for it.

use std::fmt;
use std::str::FromStr;

/// The longest name, in bytes.
const NAME_LIMIT: usize = 23;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Names have 1 to 23 bytes.
    #[error("a name has 1 to {NAME_LIMIT} bytes, this has {0}")]
    Length(usize),
    /// Only letters, digits, `_`, `-` and `.` stand in a name.
    #[error("a name is made of letters, digits, '_', '-' and '.', not of {0:?}")]
    Byte(char),
}

/// A name stored inline: its bytes, zeros, and in the last byte its length. Tables are searched by
/// name for every request, so names are compared as three numbers and not byte by byte.
#[derive(Clone, Copy)]
#[repr(align(8))]
pub(crate) struct Name([u8; NAME_LIMIT + 1]);

/// The bytes that stand in names.
const ALLOWED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};

impl Name {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > NAME_LIMIT {
            return Err(NameError::Length(text.len()));
        }
        let mut bytes = [0; NAME_LIMIT + 1];
        for (place, byte) in bytes.iter_mut().zip(text) {
            if !ALLOWED[usize::from(*byte)] {
                return Err(NameError::Byte(char::from(*byte)));
            }
            *place = *byte;
        }
        bytes[NAME_LIMIT] = text.len() as u8;
        Ok(Self(bytes))
    }

    /// A name of at most 8 bytes, as most are; `None` for anything else. It is put together in
    /// registers: bytes that are stored one by one and then read as a whole are waited for.
    #[inline]
    pub(crate) fn short(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > 8 {
            return None;
        }
        let mut eight = 0;
        for byte in text.iter().rev() {
            if !ALLOWED[usize::from(*byte)] {
                return None;
            }
            eight = eight << 8 | u64::from(*byte);
        }
        let mut bytes = [0; NAME_LIMIT + 1];
        bytes[..8].copy_from_slice(&eight.to_le_bytes());
        bytes[NAME_LIMIT - 7..].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, text.len() as u8]);
        Some(Self(bytes))
    }

    /// A name that is known to be one.
    pub(crate) const fn of(text: &str) -> Self {
        assert!(!text.is_empty() && text.len() <= NAME_LIMIT);
        let mut bytes = [0; NAME_LIMIT + 1];
        let mut place = 0;
        while place < text.len() {
            assert!(ALLOWED[text.as_bytes()[place] as usize]);
            bytes[place] = text.as_bytes()[place];
            place += 1;
        }
        bytes[NAME_LIMIT] = text.len() as u8;
        Self(bytes)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn as_bytes(&self) -> &[u8] {
        &self.0[..usize::from(self.0[NAME_LIMIT])]
    }

    /// The bytes with what is stored behind them, and how many there are.
    pub(crate) fn padded(&self) -> (&[u8; NAME_LIMIT + 1], usize) {
        (&self.0, usize::from(self.0[NAME_LIMIT]))
    }

    /// Three numbers that compare as the text does.
    #[inline]
    fn words(&self) -> [u64; 3] {
        let (words, _) = self.0.as_chunks::<8>();
        [u64::from_be_bytes(words[0]), u64::from_be_bytes(words[1]), u64::from_be_bytes(words[2])]
    }
}

impl PartialEq for Name {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.words() == other.words()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (mine, theirs) = (self.words(), other.words());
        mine[0].cmp(&theirs[0]).then_with(|| mine[1..].cmp(&theirs[1..]))
    }
}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Name);

        impl $type {
            /// Reads a name from the bytes of a field.
            ///
            /// # Errors
            /// [`NameError`] when it is empty, too long, or has a byte that no name has.
            pub fn from_bytes(text: &[u8]) -> Result<Self, NameError> {
                Name::parse(text).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The name as it stands in a field.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }

            pub(crate) fn inner(&self) -> &Name {
                &self.0
            }
        }

        impl From<Name> for $type {
            fn from(name: Name) -> Self {
                Self(name)
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::from_bytes(text.as_bytes())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

name! {
    /// Any process: `LFD1`, `GFD`, `RM`, `S1`, `C1`.
    NodeName
}
name! {
    /// A replicated server: `S1`.
    ReplicaName
}
name! {
    /// A client: `C1`.
    ClientName
}

impl From<ReplicaName> for NodeName {
    fn from(name: ReplicaName) -> Self {
        Self(name.0)
    }
}

impl From<ClientName> for NodeName {
    fn from(name: ClientName) -> Self {
        Self(name.0)
    }
}

impl From<NodeName> for ReplicaName {
    fn from(name: NodeName) -> Self {
        Self(name.0)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $type(pub u64);

        impl $type {
            /// The next one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl From<u64> for $type {
            fn from(value: u64) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// The number that a client gives its request; starts anew with each session.
    RequestNumber
}
number! {
    /// The number of a view; 0 means "no view yet". Only the RM makes the next one (R3).
    Epoch
}
number! {
    /// The place of an entry in the log; the first entry is 1, 0 means "nothing".
    Sequence
}
number! {
    /// One run of a server process: new at every start, never reused (R6).
    Incarnation
}
number! {
    /// A client's session (R7): the log sequence of its registration, so it never repeats.
    SessionId
}
number! {
    /// One life of the replicated state: a new cluster never takes over the state of another (R12).
    ClusterId
}

impl ClusterId {
    /// How far apart the ids of clusters are that have nothing to do with each other.
    const APART: u64 = 1 << 20;

    /// The cluster that goes on with the state that one server of this cluster holds, although it
    /// may not be the newest (R12, by the operator's word).
    #[must_use]
    pub const fn continued(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The cluster that begins with nothing after the state of this one was lost (R12).
    #[must_use]
    pub const fn afresh(self) -> Self {
        Self(self.0.wrapping_add(Self::APART))
    }
}

/// A digest of the replicated state (R9); 16 hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub u64);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_as_their_texts() {
        let texts = [
            "A",
            "8-bytes.",
            "9-bytes._",
            "S1",
            "S10",
            "S2",
            "a.longer-name_of_23.bytes",
            "S",
            "s1",
            "S1.",
            "S100",
        ];
        let texts: Vec<&str> = texts.into_iter().filter(|t| t.len() <= NAME_LIMIT).collect();
        for a in &texts {
            for b in &texts {
                let (x, y): (NodeName, NodeName) =
                    (a.parse().expect("a name"), b.parse().expect("a name"));
                assert_eq!(x.cmp(&y), a.cmp(b), "{a} {b}");
                assert_eq!(x == y, a == b, "{a} {b}");
                assert_eq!(x.as_str(), *a);
                assert!(Name::short(a.as_bytes()) == (a.len() <= 8).then_some(x.0), "{a}");
            }
        }
    }
}
