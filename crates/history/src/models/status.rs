//! The status string of the documents: a register.
//!
//! What can be seen from the outside depends on what a reply tells. The documents' reply carries the
//! status that was just set, so it shows nothing of the state before: every history whose replies
//! repeat their requests is linearizable. A service that is to be judged tells the state before, too,
//! which makes every request a swap.

use bytes::Bytes;

use crate::Model;

/// What a reply of the register tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replies {
    /// The state after the request, as the documents have it.
    After,
    /// `BEFORE/AFTER`.
    BeforeAndAfter,
}

/// A register that every request overwrites; `?` at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub Replies);

impl Model for Status {
    type State = Bytes;

    fn initial(&self) -> Bytes {
        Bytes::from_static(b"?")
    }

    fn step(&self, state: &Bytes, request: &[u8], reply: Option<&[u8]>) -> Option<Bytes> {
        let told = |reply: &[u8]| match self.0 {
            Replies::After => reply == request,
            Replies::BeforeAndAfter => reply == [&state[..], b"/", request].concat(),
        };
        reply.is_none_or(told).then(|| Bytes::copy_from_slice(request))
    }

    fn before(&self, request: &[u8], reply: &[u8]) -> Option<Bytes> {
        let before = reply.strip_suffix(request)?.strip_suffix(b"/")?;
        (self.0 == Replies::BeforeAndAfter).then(|| Bytes::copy_from_slice(before))
    }

    fn after(&self, request: &[u8]) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(request))
    }
}
