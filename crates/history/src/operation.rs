//! What a client knows of one request.
//!
//! Not here: how it was carried out, and by whom.

use bytes::Bytes;

/// One request of a client, from its invocation to its answer.
///
/// Moments are numbers of one clock, in whatever unit it has. An operation without an answer is
/// *pending*: it may have taken effect at any moment after its invocation, or never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who asked; only for people.
    pub process: String,
    /// What was asked.
    pub request: Bytes,
    /// When it was asked first.
    pub invoked: u64,
    /// When it was answered first, and what the answer was.
    pub answered: Option<(u64, Bytes)>,
}

impl Operation {
    /// What it was told, if it was.
    #[must_use]
    pub fn reply(&self) -> Option<&[u8]> {
        self.answered.as_ref().map(|(_, reply)| &reply[..])
    }

    /// Whether this one was answered before the other was asked. Two events at one moment have no
    /// order: a clock's reading is as coarse as its unit.
    #[must_use]
    pub fn precedes(&self, other: &Self) -> bool {
        self.answered.as_ref().is_some_and(|(at, _)| *at < other.invoked)
    }
}
