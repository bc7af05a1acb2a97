//! What messages are made of: log entries, what detectors report, orders and their reasons.
//!
//! Not here: the messages themselves (see `message`), names and numbers (see `names`), and views
//! (see `view`).

use std::net::SocketAddr;

use bytes::Bytes;

use crate::names::{
    ClientName, ClusterId, Digest, Epoch, Incarnation, RequestNumber, Sequence, SessionId,
};
use crate::view::Phase;

/// One place in the replicated log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub sequence: Sequence,
    /// The epoch whose primary first appended it. Two entries with the same sequence and epoch are
    /// the same entry; a different epoch at the same sequence is a conflict (R4).
    pub epoch: Epoch,
    /// What it does.
    pub op: Op,
}

/// What a log entry does when it is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Apply a client's request to the service, once per (session, number) (R7).
    Request {
        /// Who asked.
        client: ClientName,
        /// In which session.
        session: SessionId,
        /// Under which number.
        number: RequestNumber,
        /// What to apply.
        body: Bytes,
    },
    /// Open a session for a client (R7); its id is this entry's sequence.
    Register {
        /// Whose session.
        client: ClientName,
        /// The client's own mark of the session, so that a repeated registration is the same
        /// session; 0 for the implicit session of a client that speaks the short form.
        nonce: u64,
        /// How many requests the client may have unanswered; as many replies are kept.
        window: u32,
    },
    /// Every member that executes computes its digest here and tells the primary (R9).
    Mark,
    /// A client that the service watches has had no connection for a while: the primary says so, and
    /// the log makes it the same moment for every member.
    Absent {
        /// Who.
        client: ClientName,
        /// In which session; a newer one is not meant.
        session: SessionId,
    },
}

/// What a server says of itself in a heartbeat answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Which run of the process.
    pub incarnation: Incarnation,
    /// Its process id, so that its LFD can watch and end a server that it did not launch itself.
    pub pid: u32,
    /// The cluster whose state it holds; 0 for none.
    pub cluster: ClusterId,
    /// The highest epoch that it has adopted.
    pub epoch: Epoch,
    /// Where it stands.
    pub phase: Phase,
}

/// What a membership report says of a server that is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// Which run of the process.
    pub incarnation: Incarnation,
    /// The machine's IP and port base.
    pub address: SocketAddr,
    /// The cluster whose state it holds; 0 for none.
    pub cluster: ClusterId,
    /// The highest epoch that it has adopted.
    pub epoch: Epoch,
    /// Where it stands.
    pub phase: Phase,
}

/// Why a server was deleted from the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gone {
    /// Its exit was seen: proven dead (R12).
    Exited,
    /// Its connection closed and could not be opened again.
    Closed,
    /// It did not answer in time; it may be alive.
    Silent,
}

impl Gone {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Closed => "closed",
            Self::Silent => "silent",
        }
    }
}

/// A change of the membership, as the LFD tells the GFD and the GFD tells the RM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The server is alive. Repeated when what it reports has changed.
    Add(Option<Reported>),
    /// The server is dead or silent.
    Delete(Option<(Incarnation, Gone)>),
    /// GFD -> RM only: the server's LFD is silent; nothing is known of the server (R15).
    Unmonitored,
}

/// How soon a launch order may end a process that still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Only after the LFD's grace for hung processes; a process that answers again is kept.
    Grace,
    /// At once: its state must not be used (it diverged, or is of another cluster).
    Now,
}

impl Urgency {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grace => "grace",
            Self::Now => "now",
        }
    }
}

/// The extended part of a launch order: which run is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaunchOrder {
    /// The run that is no longer wanted; any other run of the server stays as it is.
    pub incarnation: Incarnation,
    /// How soon a process that still exists is ended.
    pub urgency: Urgency,
}

/// Why one replica complains of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It acknowledges late while another member does not (R14).
    Slow,
    /// Its connection closed and cannot be opened, or nothing was heard for long.
    Unreachable,
    /// Its digest differs from the others' (R9).
    Diverged,
    /// It was joining and is gone; the primary asks for a new epoch so as not to wait for it (R3).
    Abandoned,
}

impl Why {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Unreachable => "unreachable",
            Self::Diverged => "diverged",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The extended part of a chunk of a checkpoint (`recovery` and `checkpoint`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// The sender's epoch.
    pub epoch: Epoch,
    /// The checkpoint holds the effect of every entry up to and including this one.
    pub sequence: Sequence,
    /// Where in the whole checkpoint this chunk starts, in bytes.
    pub offset: u64,
    /// The length of the whole checkpoint, in bytes.
    pub total: u64,
    /// The digest of the whole checkpoint.
    pub digest: Digest,
}

/// The first field after the sender's name in an `error` frame: a word that a program can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorCode {
    /// The bytes are not a frame of this language.
    Malformed,
    /// The frame is longer than the limit.
    TooLong,
    /// The kind is known, but has no place on this connection.
    Unexpected,
    /// In passive mode only the primary answers; the text names it.
    NotPrimary,
    /// The server is not a member of the view.
    NotReady,
    /// The session is unknown: evicted, or replaced by a newer one (R7).
    Expired,
    /// The request is older than what the session remembers.
    Stale,
    /// That name is connected already.
    Taken,
    /// Nothing was said in time.
    Silent,
    /// The peer does not read, or sends more than it may.
    Overrun,
    /// A code of a later version.
    Other,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::TooLong,
        Self::Unexpected,
        Self::NotPrimary,
        Self::NotReady,
        Self::Expired,
        Self::Stale,
        Self::Taken,
        Self::Silent,
        Self::Overrun,
        Self::Other,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too-long",
            Self::Unexpected => "unexpected",
            Self::NotPrimary => "not-primary",
            Self::NotReady => "not-ready",
            Self::Expired => "expired",
            Self::Stale => "stale",
            Self::Taken => "taken",
            Self::Silent => "silent",
            Self::Overrun => "overrun",
            Self::Other => "other",
        }
    }

    /// The code of that word; [`ErrorCode::Other`] for one of a later version.
    #[must_use]
    pub fn from_bytes(word: &[u8]) -> Self {
        let known = Self::ALL.iter().find(|code| code.as_str().as_bytes() == word);
        known.copied().unwrap_or(Self::Other)
    }
}
