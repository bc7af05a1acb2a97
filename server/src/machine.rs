//! The machine: the service, the sessions, and how far they have executed the log.
//!
//! Guarantees: entries are executed in sequence, each once (I8); a repeated request has no second
//! effect (I9); equal machines have equal checkpoints and digests (I6).
//!
//! Not here: whether an entry is committed. The replica passes committed ones only (R2).

use bytes::Bytes;
use node::mutant::{Mutant, is_off};
use wire::{ClientName, Digest, Entry, Op, RequestNumber, Sequence, SessionId};
use xxhash_rust::xxh3::xxh3_64;

use crate::service::{Effects, Request, RestoreError, Service};
use crate::sessions::{Known, Sessions};

/// What executing an entry came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A request has its answer; `effect` is false for a repetition.
    Answer {
        /// Who asked.
        client: ClientName,
        /// In which session.
        session: SessionId,
        /// Under which number.
        number: RequestNumber,
        /// The answer.
        reply: Bytes,
        /// Whether this entry took effect.
        effect: bool,
    },
    /// A request of a session that is over, or too old to be told: no effect.
    Refused {
        /// Who asked.
        client: ClientName,
        /// In which session.
        session: SessionId,
        /// Under which number.
        number: RequestNumber,
        /// Whether the whole session is over.
        expired: bool,
    },
    /// A session is open, or was refused because the client has a newer one.
    Session {
        /// Whose.
        client: ClientName,
        /// The client's mark.
        nonce: u64,
        /// Its id.
        session: Option<SessionId>,
    },
    /// The service was told that a client is absent.
    Absent,
    /// A mark: the state's digest here.
    Mark(Digest),
}

/// Service, sessions and progress.
#[derive(Debug, Clone)]
pub struct Machine<S> {
    /// What is replicated.
    pub service: S,
    /// Who has asked what.
    pub sessions: Sessions,
    executed: Sequence,
}

impl<S: Service> Machine<S> {
    /// A machine that has executed nothing.
    pub fn new(service: S) -> Self {
        Self { service, sessions: Sessions::default(), executed: Sequence(0) }
    }

    /// The last entry that was executed.
    pub fn executed(&self) -> Sequence {
        self.executed
    }

    /// Executes the next entry.
    pub fn execute(&mut self, entry: &Entry, effects: &mut Effects) -> Outcome {
        assert_eq!(entry.sequence, self.executed.next(), "entries are executed in sequence");
        self.executed = entry.sequence;
        match &entry.op {
            Op::Request { client, session, number, body } => {
                let request =
                    Request { client: *client, number: *number, sequence: entry.sequence, body };
                self.request(&request, *session, effects)
            }
            Op::Register { client, nonce, window } => {
                let session = self.sessions.register(*client, *nonce, *window, entry.sequence);
                Outcome::Session { client: *client, nonce: *nonce, session }
            }
            Op::Absent { client, session } => {
                if self.sessions.session(*client).is_some_and(|s| s.id == *session) {
                    self.service.absent(*client, entry.sequence, effects);
                }
                Outcome::Absent
            }
            Op::Mark => Outcome::Mark(self.digest()),
        }
    }

    fn request(&mut self, r: &Request<'_>, session: SessionId, effects: &mut Effects) -> Outcome {
        let (client, number) = (r.client, r.number);
        let Some(known) = self.sessions.meant(client, session) else {
            return Outcome::Refused { client, session, number, expired: true };
        };
        match known.known(number) {
            Known::New => {
                self.service.apply(r, effects);
                let reply = effects.take_reply();
                known.answered(number, r.body, reply.clone(), r.sequence);
                Outcome::Answer { client, session, number, reply, effect: true }
            }
            Known::Answered(reply) => {
                Outcome::Answer { client, session, number, reply, effect: false }
            }
            Known::Stale | Known::Expired => {
                Outcome::Refused { client, session, number, expired: false }
            }
        }
    }

    /// The whole state: where it stands, the sessions, the service's own checkpoint.
    pub fn checkpoint(&self) -> Bytes {
        let mut out = format!("{} ", self.executed).into_bytes();
        self.sessions.write(&mut out);
        out.extend_from_slice(&self.service.checkpoint());
        Bytes::from(out)
    }

    /// Replaces the whole state.
    ///
    /// # Errors
    /// When the bytes are not a checkpoint that stands at `sequence`; the state is undefined then.
    pub fn restore(&mut self, sequence: Sequence, bytes: &[u8]) -> Result<(), RestoreError> {
        let rest = bytes.strip_prefix(format!("{sequence} ").as_bytes());
        let mut rest =
            rest.ok_or_else(|| RestoreError(format!("it does not stand at {sequence}")))?;
        self.sessions = Sessions::read(&mut rest)
            .ok_or_else(|| RestoreError("its sessions are malformed".to_owned()))?;
        if is_off(Mutant::ForgetSessions) {
            self.sessions = Sessions::default();
        }
        self.service.restore(rest)?;
        self.executed = sequence;
        Ok(())
    }

    /// Begins anew: nothing executed, no sessions, the service as it was at first.
    pub fn reset(&mut self, initial: &[u8]) {
        if let Err(error) = self.service.restore(initial) {
            panic!("the service does not take back its own first checkpoint: {error}");
        }
        self.sessions = Sessions::default();
        self.executed = Sequence(0);
    }

    /// Passes over the next entry without its effect; for the test that shows that a primary without
    /// its metadata is noticed.
    pub(crate) fn skip(&mut self, entry: &Entry) -> Outcome {
        self.executed = entry.sequence;
        Outcome::Absent
    }

    /// Spoils the state now and then at some replicas, which is what digests are for; for the test
    /// that shows that it is noticed.
    pub(crate) fn diverge(&mut self, replica: u64) {
        if replica.is_multiple_of(3) && self.executed.0.is_multiple_of(16) {
            let spoilt = format!("spoilt at {}", self.executed);
            self.service.restore(spoilt.as_bytes()).unwrap_or_default();
        }
    }

    /// Passes over what was not executed, for the tests that show that it is noticed.
    pub(crate) fn pass_over(&mut self, to: Sequence) {
        self.executed = self.executed.max(to);
    }

    /// The digest of the whole state (R9).
    pub fn digest(&self) -> Digest {
        digest_of(&self.checkpoint())
    }
}

/// The digest of a checkpoint.
pub fn digest_of(checkpoint: &[u8]) -> Digest {
    Digest(xxh3_64(checkpoint))
}
