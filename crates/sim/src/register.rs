//! The service of a simulated world: the status string that ships, with replies that say more.
//!
//! A reply is `BEFORE/AFTER`: which status the request replaced, and by which. So every request is
//! a swap, and the clients' own history shows in which order the requests took effect.
//!
//! Not here: the status string itself; it is the one of the server.

use bytes::Bytes;
use server::service::Status;
use server::{Effects, Request, RestoreError, Service};

/// A status register with swap semantics.
#[derive(Debug, Clone, Default)]
pub struct Register(Status);

impl Service for Register {
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects) {
        let before = self.0.checkpoint();
        self.0.apply(request, effects);
        let after = self.0.checkpoint();
        effects.reply(Bytes::from([&before[..], b"/", &after[..]].concat()));
    }

    fn checkpoint(&self) -> Bytes {
        self.0.checkpoint()
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        self.0.restore(checkpoint)
    }
}

/// What a reply says: the status before, and after.
#[must_use]
pub fn swapped(reply: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = reply.iter().position(|byte| *byte == b'/')?;
    Some((&reply[..slash], &reply[slash + 1..]))
}
