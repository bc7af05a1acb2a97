//! What is replicated: a deterministic struct behind the [`Service`] trait.
//!
//! The replica calls `apply` for committed entries only, in log order, at every member that executes;
//! two members that have executed the same entries must have equal checkpoints (I6).
//!
//! Not here: sessions and repeated requests. A service sees every (session, number) once.

mod ivy;
mod status;

use bytes::Bytes;
use node::Event;
use wire::{ClientName, RequestNumber, Sequence};

pub use ivy::CentralManager;
pub use status::Status;

/// A committed request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub client: ClientName,
    /// Under which number of its session.
    pub number: RequestNumber,
    /// Its place in the log: the only clock that a service has, equal at every member.
    pub sequence: Sequence,
    /// What is asked.
    pub body: &'a Bytes,
}

/// What executing a request leads to.
#[derive(Debug, Default)]
pub struct Effects {
    reply: Option<Bytes>,
    notices: Vec<(ClientName, Bytes)>,
    notes: Vec<Event>,
}

impl Effects {
    /// Answers the client that asked. The last call counts; without one the reply is empty.
    pub fn reply(&mut self, body: Bytes) {
        self.reply = Some(body);
    }

    /// Says something to a client, whether it asked or not. It may arrive twice and, when the client
    /// is away, not at all: [`Service::resume`] repeats what matters.
    pub fn notify(&mut self, client: ClientName, body: Bytes) {
        self.notices.push((client, body));
    }

    /// Says something to people, at the server that answers.
    pub fn note(&mut self, event: Event) {
        self.notes.push(event);
    }

    /// Takes the reply out.
    pub(crate) fn take_reply(&mut self) -> Bytes {
        self.reply.take().unwrap_or_default()
    }

    /// Takes the notices out.
    pub fn take_notices(&mut self) -> Vec<(ClientName, Bytes)> {
        std::mem::take(&mut self.notices)
    }

    /// Takes out what is for people.
    pub fn take_notes(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.notes)
    }
}

/// Why a checkpoint cannot be restored. The service's state is undefined after this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the checkpoint cannot be restored: {0}")]
pub struct RestoreError(pub String);

/// A deterministic state machine that is to be replicated (Schneider's state machine approach).
///
/// Deterministic means: no clock, no randomness, no iteration over unordered maps. What depends on
/// time or chance has to come in with the request.
pub trait Service {
    /// Executes one request.
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects);

    /// The whole state as bytes; equal states give equal bytes.
    fn checkpoint(&self) -> Bytes;

    /// Replaces the state by a checkpoint.
    ///
    /// # Errors
    /// [`RestoreError`] when the bytes are not a checkpoint of this service.
    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError>;

    /// After a promotion: says again, through `effects`, what the last primary may not have said.
    fn resume(&self, _effects: &mut Effects) {}

    /// The clients that must not be away for long: [`Service::absent`] is called for one that had no
    /// connection to the primary for a while.
    fn watched(&self) -> Vec<ClientName> {
        Vec::new()
    }

    /// A watched client had no connection for a while. Comes through the log, as a request does.
    fn absent(&mut self, _client: ClientName, _at: Sequence, _effects: &mut Effects) {}

    /// The state as a table, for whoever types `print` at the server; whether that is the primary.
    fn table(&self, _primary: bool) -> Vec<Event> {
        Vec::new()
    }

    /// A short text of the state for people, as it stands in the printed lines.
    fn summary(&self) -> Bytes {
        self.checkpoint()
    }
}
