//! The service of the documents: the state is a status string, initially `?`; a request replaces it
//! and the reply carries it.

use bytes::Bytes;

use super::{Effects, Request, RestoreError, Service};

/// A status string.
#[derive(Debug, Clone)]
pub struct Status {
    status: Bytes,
}

impl Default for Status {
    fn default() -> Self {
        Self { status: Bytes::from_static(b"?") }
    }
}

impl Service for Status {
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects) {
        self.status = request.body.clone();
        effects.reply(request.body.clone());
    }

    fn checkpoint(&self) -> Bytes {
        self.status.clone()
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        self.status = Bytes::copy_from_slice(checkpoint);
        Ok(())
    }
}
