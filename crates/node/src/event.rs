//! What a role has to say: one type behind the console, the logs, the metrics and the golden tests.
//!
//! The documents' lines (DESIGN section 6) go to standard output, diagnostics to standard error; a
//! role formats nothing itself.
//!
//! Not here: how a line looks (see `line`).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use wire::{
    ClientName, Digest, Epoch, ErrorCode, Gone, Incarnation, Mode, NodeName, ReplicaName,
    RequestNumber, Role, Sequence, SessionId, View, Why,
};

use crate::ivy::Ivy;
use crate::role::Conn;

/// Where a line belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// One of the documents' lines, with the time before it: standard output.
    Timed,
    /// One of the documents' lines that has no time before it: standard output.
    Plain,
    /// A diagnostic that a person should see: standard error.
    Diagnostic,
    /// A detail: standard error, only when asked for.
    Detail,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    // ---- the documents' lines ----
    /// A detector sends a heartbeat.
    HeartbeatSent {
        /// The number of the heartbeat.
        count: u64,
        /// Who sends.
        from: NodeName,
        /// To whom.
        to: NodeName,
    },
    /// A heartbeat has arrived.
    HeartbeatReceived {
        /// The number of the heartbeat.
        count: u64,
        /// Who received.
        by: NodeName,
        /// From whom.
        from: NodeName,
    },
    /// The primary sends a checkpoint.
    CheckpointSent {
        /// The number of the checkpoint.
        count: u64,
        /// The service's summary of the state.
        state: Bytes,
        /// Who sends.
        from: ReplicaName,
        /// To whom.
        to: ReplicaName,
    },
    /// A backup has taken over a checkpoint.
    CheckpointReceived {
        /// The number of the checkpoint.
        count: u64,
        /// The service's summary of the state.
        state: Bytes,
        /// Who received.
        by: ReplicaName,
        /// From whom.
        from: ReplicaName,
    },
    /// A client sent a request.
    RequestSent {
        /// Who asks.
        client: ClientName,
        /// Whom.
        server: ReplicaName,
        /// Under which number.
        number: RequestNumber,
    },
    /// A client received a reply.
    ReplyReceived {
        /// Who asked.
        client: ClientName,
        /// Who answered.
        server: ReplicaName,
        /// The number.
        number: RequestNumber,
    },
    /// A client discarded a reply to a number that was answered before.
    DuplicateDiscarded {
        /// The number.
        number: RequestNumber,
        /// Who answered.
        server: ReplicaName,
    },
    /// The state before (or after) a request was executed.
    StateLine {
        /// Whose state.
        server: ReplicaName,
        /// The service's summary of it.
        state: Bytes,
        /// After the request, or before it.
        after: bool,
        /// Who asked.
        client: ClientName,
        /// Under which number.
        number: RequestNumber,
    },
    /// A server took a role.
    RoleTaken {
        /// The mode.
        mode: Mode,
        /// The role.
        role: Role,
    },
    /// A server became a member.
    ServerReady,
    /// An LFD's server is alive.
    ReplicaAdded {
        /// The LFD.
        by: NodeName,
        /// The server.
        server: ReplicaName,
    },
    /// An LFD's server is dead or silent.
    ReplicaDeleted {
        /// The LFD.
        by: NodeName,
        /// The server.
        server: ReplicaName,
    },
    /// The membership, anew.
    Members {
        /// `GFD` or `RM`.
        by: NodeName,
        /// Who is alive, in name order.
        members: Vec<ReplicaName>,
    },
    /// A client gives up: three rounds without any answer.
    ServersDead,

    // ---- audit: what was executed, for drills and checkers; never printed ----
    /// An entry took effect (or was found to be a repetition and took none).
    Executed {
        /// Its place in the log.
        sequence: Sequence,
        /// Who asked.
        client: ClientName,
        /// In which session.
        session: SessionId,
        /// Under which number.
        number: RequestNumber,
        /// False for a repetition, which gets its first reply again.
        effect: bool,
        /// What was asked.
        body: Bytes,
    },
    /// The digest of the state after an entry.
    DigestAt {
        /// The entry.
        sequence: Sequence,
        /// The digest.
        digest: Digest,
    },
    /// A client's request, with its body, as it was first sent (the invocation).
    Invoked {
        /// Under which number.
        number: RequestNumber,
        /// What was asked.
        body: Bytes,
    },
    /// A client's request was answered for the first time (the response).
    Answered {
        /// Under which number.
        number: RequestNumber,
        /// Who answered.
        server: ReplicaName,
        /// The answer.
        body: Bytes,
    },

    /// Something that happened in Ivy.
    Ivy(Ivy),

    // ---- views ----
    /// The RM has made and persisted a view.
    ViewMade {
        /// The view.
        view: View,
        /// Why.
        why: String,
    },
    /// A server has adopted a view.
    ViewAdopted {
        /// Who.
        by: ReplicaName,
        /// The view.
        view: View,
    },
    /// A server was refused by one that is in a higher epoch; it does nothing until it knows the view
    /// behind it, which may well have it as a member.
    EpochHeard {
        /// Who.
        by: ReplicaName,
        /// The epoch that it heard of.
        epoch: Epoch,
    },
    /// A server learnt that it is not in the current view.
    FencedOut {
        /// Who.
        by: ReplicaName,
        /// The epoch that it learnt of.
        epoch: Epoch,
    },
    /// A stale peer was refused.
    Refused {
        /// Who was refused.
        from: ReplicaName,
        /// Its epoch.
        epoch: Epoch,
        /// Ours.
        ours: Epoch,
    },
    /// A new primary has committed the whole tail of the epochs before its own.
    TailCommitted {
        /// In which epoch.
        epoch: Epoch,
        /// Up to where.
        sequence: Sequence,
    },
    /// A conflicting tail was cut; none of it was ever executed (R4).
    TailCut {
        /// What is kept.
        last: Sequence,
        /// How many entries were cut.
        entries: u64,
    },
    /// A clients was told of a view.
    ClientTold {
        /// Who.
        client: ClientName,
        /// Of which.
        epoch: Epoch,
    },
    /// A client switches to a view.
    ClientSwitched {
        /// The mode.
        mode: Mode,
        /// Whom it asks now.
        servers: Vec<ReplicaName>,
    },
    /// A complaint was sent or received.
    Suspected {
        /// Who complains.
        by: ReplicaName,
        /// Of whom.
        suspect: ReplicaName,
        /// In which epoch.
        epoch: Epoch,
        /// Why.
        why: Why,
    },
    /// A request of a peer was refused by the compare-and-set on the epoch (R3).
    StaleEpoch {
        /// What was asked: `join`, `suspect`, `drained`.
        what: &'static str,
        /// By whom.
        from: ReplicaName,
        /// For which epoch.
        epoch: Epoch,
        /// The RM's epoch.
        ours: Epoch,
    },
    /// A digest differs: silent divergence was found (R9).
    Diverged {
        /// Whose state differs.
        server: ReplicaName,
        /// Where.
        sequence: Sequence,
        /// What the others have.
        expected: Digest,
        /// What it has.
        found: Digest,
    },

    // ---- joining ----
    /// A donor starts to bring a joiner up to date.
    JoinStarted {
        /// The donor.
        donor: ReplicaName,
        /// The joiner.
        joiner: ReplicaName,
        /// Whether a checkpoint is sent, or the missing suffix of the log is enough.
        checkpoint: bool,
        /// The sequence that it starts from.
        from: Sequence,
    },
    /// The donor requires the joiner's acks and asks the RM for a view with it.
    Joint {
        /// The joiner.
        joiner: ReplicaName,
        /// In which epoch.
        epoch: Epoch,
    },
    /// A join was given up; it is ordered again.
    JoinAbandoned {
        /// The joiner.
        joiner: ReplicaName,
        /// Why.
        why: &'static str,
    },
    /// A joiner has the donor's checkpoint.
    Recovered {
        /// Who.
        by: ReplicaName,
        /// From whom.
        from: ReplicaName,
        /// Where the checkpoint stands.
        sequence: Sequence,
    },

    // ---- processes ----
    /// A server process was launched.
    ServerLaunched {
        /// The server.
        server: ReplicaName,
        /// Its process id.
        pid: u32,
    },
    /// A server process that runs already was adopted.
    ServerAdopted {
        /// The server.
        server: ReplicaName,
        /// Its process id.
        pid: u32,
        /// Which run it is.
        incarnation: Incarnation,
    },
    /// A server process ended.
    ServerExited {
        /// The server.
        server: ReplicaName,
        /// How.
        how: String,
    },
    /// A server process did not answer; it may be alive.
    ServerSilent {
        /// The server.
        server: ReplicaName,
        /// How its silence ended or what happens next.
        gone: Gone,
    },
    /// A hung or unwanted server process is ended.
    ServerKilled {
        /// The server.
        server: ReplicaName,
        /// Its process id.
        pid: u32,
    },
    /// The next launch waits, because the last ones ended at once.
    LaunchDelayed {
        /// The server.
        server: ReplicaName,
        /// For how long, in milliseconds.
        millis: u64,
    },

    // ---- load generators ----
    /// How a load generator has got on since it last said so.
    Load {
        /// Requests that were answered from the start.
        answered: u64,
        /// Answers per second since it last said so.
        per_second: u64,
        /// How long half of these took at most.
        median: Duration,
        /// How long 99 of 100 took at most.
        p99: Duration,
        /// How long the slowest took.
        slowest: Duration,
        /// Requests that will never be answered, from the start.
        lost: u64,
    },

    // ---- trouble ----
    /// A connection broke the rules and is closed.
    Rejected {
        /// Which.
        conn: Conn,
        /// The code that it was told.
        code: ErrorCode,
        /// What and where.
        text: String,
    },
    /// A peer said `error`.
    ErrorReceived {
        /// Who.
        from: NodeName,
        /// The code.
        code: ErrorCode,
        /// The text.
        text: String,
    },
    /// Something was dropped; it is counted and said.
    Dropped {
        /// What.
        what: &'static str,
        /// How many in all.
        count: u64,
    },
    /// A connection to a named process is up.
    Connected {
        /// Who.
        to: NodeName,
        /// Where.
        address: SocketAddr,
    },
    /// A connection to a named process is lost.
    Disconnected {
        /// Who.
        from: NodeName,
    },
    /// Anything else that a person should know: what, and what to do.
    Warning(String),
    /// Anything else that is good to know.
    Info(String),
    /// A detail for those who ask for it.
    Debug(String),
}
