//! The service of the model: the bodies of all requests that took effect, in order.
//!
//! A reply is the whole diary up to its request, so it shows what took effect before it, and a
//! request that took effect twice stands in it twice.

use bytes::Bytes;
use server::{Effects, Request, RestoreError, Service};

/// What took effect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Diary(Vec<u8>);

impl Diary {
    /// The bodies, one letter each.
    pub(crate) fn letters(&self) -> &[u8] {
        &self.0
    }
}

impl Service for Diary {
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects) {
        self.0.extend_from_slice(request.body);
        effects.reply(self.checkpoint());
    }

    fn checkpoint(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        self.0 = checkpoint.to_vec();
        Ok(())
    }
}
