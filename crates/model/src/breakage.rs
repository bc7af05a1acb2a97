//! Rules broken on purpose: a checker that never caught anything proves nothing.
//!
//! Each breakage wraps a role that ships: it changes what the role is told, or tells it something
//! more, as if the rule were not there. The role itself stays as it is.

use bytes::Bytes;
use node::Time;
use server::machine::{Machine, digest_of};
use server::sessions::Sessions;
use wire::{Incarnation, Message, Sequence};

use crate::diary::Diary;
use crate::local::{Actor, Local, Slot, Stimulus, WATCHER, Wish, peer_at};
use crate::scope;

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakage {
    /// R1: the primary counts an entry as acknowledged by a member to which it has only sent it.
    AnswerBeforeAcks,
    /// R3: the primary does not wait for a joiner, although it asked for a view with it.
    CommitWithoutJoiner,
    /// R3: the RM takes a join for whatever epoch is the current one.
    JoinWithoutCompareAndSet,
    /// R2: a backup takes what it is sent for committed.
    ExecuteOnReceipt,
    /// R7: the checkpoint that a joiner gets has no sessions in it.
    LoseSessions,
    /// I12: the RM tells of a view before its record is safe.
    AnnounceBeforePersisted,
    /// R13: a restarted RM has forgotten its record.
    ForgetRecord,
}

impl Breakage {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AnswerBeforeAcks,
        Self::CommitWithoutJoiner,
        Self::JoinWithoutCompareAndSet,
        Self::ExecuteOnReceipt,
        Self::LoseSessions,
        Self::AnnounceBeforePersisted,
        Self::ForgetRecord,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AnswerBeforeAcks => "answer-before-acks",
            Self::CommitWithoutJoiner => "commit-without-joiner",
            Self::JoinWithoutCompareAndSet => "join-without-compare-and-set",
            Self::ExecuteOnReceipt => "execute-on-receipt",
            Self::LoseSessions => "lose-sessions",
            Self::AnnounceBeforePersisted => "announce-before-persisted",
            Self::ForgetRecord => "forget-record",
        }
    }

    /// Whether a restarted RM finds its record.
    pub(crate) fn keeps_record(self) -> bool {
        self != Self::ForgetRecord
    }

    /// Plays one input with the rule broken.
    pub(crate) fn play(
        self,
        local: &mut Local,
        now: Time,
        stimulus: Stimulus,
    ) -> Result<Vec<Wish>, String> {
        if self == Self::AnnounceBeforePersisted && stimulus == Stimulus::Persisted {
            // It was told so long ago.
            return Ok(Vec::new());
        }
        let follow_up = self.follow_up(local, &stimulus);
        let mut wishes = local.step(now, self.distort(local, stimulus))?;
        let mut more: Vec<Stimulus> = wishes.iter().filter_map(|w| self.lie(local, w)).collect();
        more.extend(follow_up);
        for stimulus in more {
            wishes.extend(local.step(now, stimulus)?);
        }
        Ok(wishes)
    }

    /// What a role is told instead of what happened.
    fn distort(self, local: &Local, stimulus: Stimulus) -> Stimulus {
        match (self, &local.actor, stimulus) {
            (
                Self::JoinWithoutCompareAndSet,
                Actor::Manager(manager),
                Stimulus::Received(WATCHER, Message::Join { from, joiner, epoch, incarnation }),
            ) => {
                let view = manager.facts().view.as_ref();
                let (from, epoch) = view.map_or((from, epoch), |v| (v.primary, v.epoch));
                let join = Message::Join { from, joiner, epoch, incarnation };
                Stimulus::Received(WATCHER, join)
            }
            (Self::LoseSessions, Actor::Server(_), Stimulus::Received(slot, message)) => {
                Stimulus::Received(slot, without_sessions(message))
            }
            (_, _, stimulus) => stimulus,
        }
    }

    /// What a role is told after something that happened.
    fn follow_up(self, local: &Local, stimulus: &Stimulus) -> Option<Stimulus> {
        let Stimulus::Received(slot, Message::Append { from, epoch, entry }) = stimulus else {
            return None;
        };
        local.replica().filter(|_| self == Self::ExecuteOnReceipt)?;
        let commit = Message::Commit { from: *from, epoch: *epoch, sequence: entry.sequence };
        Some(Stimulus::Received(*slot, commit))
    }

    /// What a role is told about something that it did.
    fn lie(self, local: &Local, wish: &Wish) -> Option<Stimulus> {
        match (self, wish) {
            (Self::AnnounceBeforePersisted, Wish::Persist(_)) => Some(Stimulus::Persisted),
            (_, Wish::Send(slot, Message::Append { entry, .. })) => {
                self.acknowledge(local, *slot, entry.sequence)
            }
            _ => None,
        }
    }

    /// An acknowledgement that nobody has sent.
    fn acknowledge(self, local: &Local, slot: Slot, sequence: Sequence) -> Option<Stimulus> {
        let (replica, from) = (local.replica()?, scope::replica(peer_at(slot)?));
        let (view, probe) = (replica.view()?, replica.probe());
        let member = view.member(from).map(|m| m.incarnation);
        let required = probe.required.iter().find(|(name, _)| *name == from).map(|(_, run)| *run);
        let incarnation: Incarnation = match self {
            Self::AnswerBeforeAcks => member?,
            Self::CommitWithoutJoiner => required.filter(|_| member.is_none())?,
            _ => return None,
        };
        let (to, epoch) = (view.primary, probe.epoch);
        let ack = Message::Ack { from, to, epoch, incarnation, sequence };
        Some(Stimulus::Received(slot, ack))
    }
}

/// The same checkpoint of a server to which no client ever spoke.
fn without_sessions(message: Message) -> Message {
    let Message::Recovery { from, to, mode, role, request, state, transfer: Some(mut t) } = message
    else {
        return message;
    };
    let mut machine = Machine::new(Diary::default());
    let state = match machine.restore(t.sequence, &state) {
        Ok(()) => {
            machine.sessions = Sessions::default();
            machine.checkpoint()
        }
        Err(_) => Bytes::new(),
    };
    (t.total, t.digest) = (state.len() as u64, digest_of(&state));
    Message::Recovery { from, to, mode, role, request, state, transfer: Some(t) }
}
