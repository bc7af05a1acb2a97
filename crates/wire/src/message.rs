//! Every frame of the language as a typed message.
//!
//! `Option`al parts are the extension rule (DESIGN section 4): `None` is the documents' short form,
//! `Some` the extended one, whose fields stand between the documents' fields and the kind.
//!
//! Not here: the parts that several messages share (see `parts`), and the text form (see `text` and
//! `parse`).

use std::net::SocketAddr;

use bytes::Bytes;

use crate::ivy::Page;
use crate::names::{
    ClientName, ClusterId, Digest, Epoch, Incarnation, NodeName, ReplicaName, RequestNumber,
    Sequence, SessionId,
};
use crate::parts::{Change, Entry, ErrorCode, Health, LaunchOrder, Transfer, Why};
use crate::view::{Mode, Phase, Role, View};

/// One frame. Each variant says who sends it to whom, why, and whether it may arrive twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    // ---- the documents' kinds ----
    /// `<C1,S1,8,hello_world[,SESSION],request>` client -> server. Idempotent by
    /// (client, session, number).
    Request {
        /// Who asks.
        client: ClientName,
        /// Whom.
        server: ReplicaName,
        /// Under which number.
        number: RequestNumber,
        /// What to apply.
        body: Bytes,
        /// The session; `None` for a client of the documents.
        session: Option<SessionId>,
    },
    /// `<C1,S1,8[,hello_world[,SESSION]],reply>` server -> client, once the request is committed
    /// and executed. The client takes the first of a number and discards the rest.
    Reply {
        /// Who asked.
        client: ClientName,
        /// Who answers.
        server: ReplicaName,
        /// The number of the request.
        number: RequestNumber,
        /// The service's answer; `None` where a peer of this family leaves it out.
        body: Option<Bytes>,
        /// The session; `None` towards a client of the documents.
        session: Option<SessionId>,
    },
    /// `<LFD1,S1,8[,INCARNATION,PID,CLUSTER,EPOCH,PHASE],heartbeat>` LFD -> server and back,
    /// GFD -> LFD and back, RM -> GFD and back: the answer repeats the names and the count.
    /// Idempotent.
    Heartbeat {
        /// Who asked.
        from: NodeName,
        /// Who answers.
        to: NodeName,
        /// The number of the heartbeat.
        count: u64,
        /// What a server says of itself in its answer.
        health: Option<Health>,
    },
    /// `<LFD1,S1,add[,INCARNATION,ADDRESS,CLUSTER,EPOCH,PHASE],membership>`,
    /// `<LFD1,S1,delete[,INCARNATION,GONE],membership>`, `<GFD,S1,unmonitored,membership>`
    /// LFD -> GFD -> RM. Idempotent: the latest report of a server counts.
    Membership {
        /// Who reports.
        from: NodeName,
        /// Of which server.
        server: ReplicaName,
        /// What.
        change: Change,
    },
    /// `<S1,ready>`, `<S1,active,primary,ready>`,
    /// `<S1,active,primary,CLUSTER,EPOCH,PRIMARY,MEMBERS,ready>` RM -> GFD -> LFD -> server: you
    /// are a member of this view. Idempotent. MEMBERS is `S1/INCARNATION/IP:PORT;...`.
    Ready {
        /// The member.
        server: ReplicaName,
        /// Its mode and role.
        role: Option<(Mode, Role)>,
        /// The view; without it a server knows nobody else.
        view: Option<View>,
    },
    /// `<C1,active,S1;S2;S3,ready>`, `<C1,passive,S1,ready>`, extended
    /// `<C1,passive,S1,CLUSTER,EPOCH,PRIMARY,MEMBERS,ready>` RM -> client: whom to ask. A client
    /// that spoke the extended form is told again at every view. Idempotent.
    ClientReady {
        /// Which client.
        client: ClientName,
        /// The mode.
        mode: Mode,
        /// Active: all members. Passive: the primary.
        servers: Vec<ReplicaName>,
        /// The view behind it.
        view: Option<View>,
    },
    /// `<S1,S3[,EPOCH,INCARNATION,ADDRESS],send_checkpoint>` RM -> GFD -> LFD -> donor: bring S3
    /// to your state (R8). Idempotent.
    SendCheckpoint {
        /// Who sends: the primary.
        donor: ReplicaName,
        /// Who joins.
        joiner: ReplicaName,
        /// The epoch of the order, and which run of the joiner is where.
        order: Option<(Epoch, Incarnation, SocketAddr)>,
    },
    /// `<S1,S2,active,primary,19,STATE[,EPOCH,SEQUENCE,OFFSET,TOTAL,DIGEST],recovery>` donor ->
    /// joiner: a chunk of the checkpoint. Only the extended form, which carries the epoch, is
    /// acted on (R6).
    Recovery {
        /// Who sends.
        from: ReplicaName,
        /// Who joins.
        to: ReplicaName,
        /// The mode of the view.
        mode: Mode,
        /// The role of the sender.
        role: Role,
        /// The documents' request id: here the sequence that the checkpoint stands at.
        request: u64,
        /// A chunk of the checkpoint.
        state: Bytes,
        /// Where the chunk belongs.
        transfer: Option<Transfer>,
    },
    /// `<S1,S2,8,hello_world[,EPOCH,SEQUENCE,OFFSET,TOTAL,DIGEST],checkpoint>` primary -> backup,
    /// periodically in passive mode: a chunk of the checkpoint. Only the extended form is acted on.
    Checkpoint {
        /// Who sends.
        from: ReplicaName,
        /// Who keeps it.
        to: ReplicaName,
        /// The number of the checkpoint.
        count: u64,
        /// A chunk of the checkpoint.
        state: Bytes,
        /// Where the chunk belongs.
        transfer: Option<Transfer>,
    },
    /// `<S2[,INCARNATION,URGENCY],launch>` RM -> GFD -> LFD: the server is to run again.
    /// Idempotent: a server that answers is left alone, unless the order names its incarnation
    /// and says `now`.
    Launch {
        /// Which server.
        server: ReplicaName,
        /// Which run is to be replaced.
        order: Option<LaunchOrder>,
    },
    /// `<C1[,EPOCH],client>` client -> RM: whom do I ask? With an epoch: and tell me of every
    /// newer view without being asked. Idempotent.
    Client {
        /// Who asks.
        client: ClientName,
        /// The newest epoch it knows, 0 for none.
        known: Option<Epoch>,
    },
    /// `<S1,malformed,what and where,error>` any -> any, then the connection is closed.
    Error {
        /// Who says it.
        from: NodeName,
        /// A word that a program can read.
        code: ErrorCode,
        /// What failed, where, and what to do.
        text: String,
    },

    // ---- sessions ----
    /// `<C1,S1,NONCE,WINDOW,register>` client -> server: open a session. Idempotent by
    /// (client, nonce); a nonce below the current one is refused as expired.
    Register {
        /// Whose session.
        client: ClientName,
        /// At which server.
        server: ReplicaName,
        /// Greater at every start of the client (it takes the clock's microseconds).
        nonce: u64,
        /// How many requests it may have unanswered.
        window: u32,
    },
    /// `<C2,S1,BODY,notice>` server -> client that did not ask: something that the service has to
    /// say to it (an Ivy process is told to give a page). Committed before it is sent, repeated after
    /// a promotion; the service makes it harmless twice.
    Notice {
        /// To whom.
        client: ClientName,
        /// From which server.
        server: ReplicaName,
        /// What.
        body: Bytes,
    },
    /// `<C1,S1,NONCE,SESSION,registered>` server -> client: the session is open.
    Registered {
        /// Whose session.
        client: ClientName,
        /// Who answers.
        server: ReplicaName,
        /// The client's mark of the session.
        nonce: u64,
        /// What to write in requests.
        session: SessionId,
    },

    // ---- between replicas; every one carries the sender's epoch (R6) ----
    /// `<S1,S3,INCARNATION,COMMITTED,LAST,CLUSTER,EPOCH,MODE,PRIMARY,MEMBERS,sync>` primary ->
    /// member or joiner, first on a connection and at every new view: this is the view, this is my
    /// log; what do you hold? Idempotent. A receiver that is not in the view is being joined.
    Sync {
        /// The primary.
        from: ReplicaName,
        /// The receiver,
        to: ReplicaName,
        /// in exactly this run: another one answers `fenced`.
        incarnation: Incarnation,
        /// The primary's last committed entry.
        committed: Sequence,
        /// The primary's last entry: a longer log is cut there.
        last: Sequence,
        /// The view that the primary leads.
        view: View,
    },
    /// `<S3,S1,EPOCH,INCARNATION,CLUSTER,COMMITTED,LAST,have>` member or joiner -> primary, the
    /// answer to `sync`: stream from after COMMITTED.
    Have {
        /// Who answers.
        from: ReplicaName,
        /// The primary.
        to: ReplicaName,
        /// The epoch of the `sync` it answers.
        epoch: Epoch,
        /// Which run answers.
        incarnation: Incarnation,
        /// The cluster whose state it holds; 0 for none.
        cluster: ClusterId,
        /// Its last entry that it knows to be committed.
        committed: Sequence,
        /// Its last entry.
        last: Sequence,
    },
    /// `<S1,EPOCH,SEQUENCE,ENTRY_EPOCH,CLIENT,SESSION,NUMBER,BODY,append>`, and with
    /// `CLIENT,NONCE,WINDOW,append_register` or `append_mark` after ENTRY_EPOCH: primary -> members
    /// and joiners, in order and without gaps. It names no receiver, so that one encoding serves
    /// all; `sync` has said whom the connection is for. `CLIENT,SESSION,append_absent` likewise.
    Append {
        /// The primary.
        from: ReplicaName,
        /// The primary's epoch.
        epoch: Epoch,
        /// The entry.
        entry: Entry,
    },
    /// `<S2,S1,EPOCH,INCARNATION,SEQUENCE,ack>` member or joiner -> primary: in this epoch my log
    /// equals yours up to and including SEQUENCE. Cumulative, so idempotent (R1).
    Ack {
        /// Who acknowledges,
        from: ReplicaName,
        /// to the primary,
        to: ReplicaName,
        /// in which epoch,
        epoch: Epoch,
        /// in which run,
        incarnation: Incarnation,
        /// up to where.
        sequence: Sequence,
    },
    /// `<S1,EPOCH,SEQUENCE,commit>` primary -> members and joiners: committed up to and including
    /// SEQUENCE. Cumulative, so idempotent; one encoding serves all.
    Commit {
        /// The primary.
        from: ReplicaName,
        /// The epoch in which it was committed.
        epoch: Epoch,
        /// Up to where.
        sequence: Sequence,
    },
    /// `<S2,S1,EPOCH,CLIENT,SESSION,NUMBER,BODY,FRESH,forward>` member -> primary, active mode: a
    /// client sent me this and it does not show up in the log (R2). FRESH is 1 when it was the
    /// first request of its connection. Idempotent.
    Forward {
        /// The member.
        from: ReplicaName,
        /// The primary.
        to: ReplicaName,
        /// Their epoch.
        epoch: Epoch,
        /// Whose request.
        client: ClientName,
        /// Its session, 0 for the implicit one.
        session: SessionId,
        /// Its number.
        number: RequestNumber,
        /// What to apply.
        body: Bytes,
        /// Whether it was the first request of its connection.
        fresh: bool,
    },
    /// `<S2,S1,EPOCH,CLIENT,NONCE,WINDOW,forward_register>` member -> primary, active mode: as
    /// `forward`, for a registration. Idempotent.
    ForwardRegister {
        /// The member.
        from: ReplicaName,
        /// The primary.
        to: ReplicaName,
        /// Their epoch.
        epoch: Epoch,
        /// Whose session.
        client: ClientName,
        /// The client's mark of it.
        nonce: u64,
        /// How many requests it may have unanswered.
        window: u32,
    },
    /// `<S3,S1,EPOCH,INCARNATION,OFFSET,received>` receiver of a checkpoint -> its sender: I have the
    /// checkpoint's bytes up to OFFSET; send on. Cumulative, so idempotent.
    Received {
        /// Who receives,
        from: ReplicaName,
        /// from the primary,
        to: ReplicaName,
        /// in which epoch,
        epoch: Epoch,
        /// in which run,
        incarnation: Incarnation,
        /// how many bytes of the checkpoint, from its start.
        offset: u64,
    },
    /// `<S2,S1,CLUSTER,EPOCH,fenced>` replica -> replica: what you sent is refused; I am in this
    /// epoch (R6). Idempotent.
    Fenced {
        /// Who refuses.
        from: ReplicaName,
        /// Whom.
        to: ReplicaName,
        /// The refuser's cluster.
        cluster: ClusterId,
        /// The refuser's epoch.
        epoch: Epoch,
    },
    /// `<S2,S1,EPOCH,SEQUENCE,DIGEST,digest>` member -> primary, active mode, at a mark (R9).
    Digest {
        /// The member.
        from: ReplicaName,
        /// The primary.
        to: ReplicaName,
        /// Their epoch.
        epoch: Epoch,
        /// The place of the mark.
        sequence: Sequence,
        /// The digest of the member's state there.
        digest: Digest,
    },

    // ---- between servers and the RM, carried by LFD and GFD ----
    /// `<S3,CLUSTER,EPOCH,MODE,PRIMARY,MEMBERS,view>` RM -> GFD -> LFD -> server that is not in the
    /// view (it is fenced by it); also RM -> anyone, the answer to `inspect`. Idempotent.
    View {
        /// To whom.
        to: NodeName,
        /// The view.
        view: View,
    },
    /// `<S1,S3,EPOCH[,INCARNATION,WHY],suspect>` server -> LFD -> GFD -> RM: S3 holds me up in
    /// EPOCH (R3). Repeated while it lasts; idempotent by epoch.
    Suspect {
        /// Who complains.
        from: ReplicaName,
        /// Of whom.
        suspect: ReplicaName,
        /// In which epoch.
        epoch: Epoch,
        /// Which run of it, and why.
        detail: Option<(Incarnation, Why)>,
    },
    /// `<S1,S3,EPOCH,INCARNATION,join>` primary -> LFD -> GFD -> RM: S3 is caught up and I require
    /// its acks; put it into the next view, if EPOCH is still yours (compare-and-set, R3).
    /// Idempotent by epoch.
    Join {
        /// The primary.
        from: ReplicaName,
        /// The joiner.
        joiner: ReplicaName,
        /// The epoch that must still be the RM's.
        epoch: Epoch,
        /// Which run of the joiner.
        incarnation: Incarnation,
    },
    /// `<S2,S1,EPOCH,handover>` RM -> GFD -> LFD -> acting primary S2: stop sequencing, wait for
    /// full acks, then say `drained`; S1 takes over (R11). Idempotent by epoch.
    Handover {
        /// The acting primary.
        from: ReplicaName,
        /// The preferred one.
        to: ReplicaName,
        /// The epoch that this ends.
        epoch: Epoch,
    },
    /// `<S2,S1,EPOCH,drained>` acting primary -> LFD -> GFD -> RM: all is acknowledged; S1 may take
    /// over, if EPOCH is still yours.
    Drained {
        /// The acting primary.
        from: ReplicaName,
        /// The preferred one.
        to: ReplicaName,
        /// The epoch that this ends.
        epoch: Epoch,
    },

    // ---- for people and tools ----
    /// `<GFD,hello>` GFD -> RM, `<LFD1,S1,hello>` LFD -> GFD: who I am, and whose detector.
    Hello {
        /// Who speaks.
        from: NodeName,
        /// The server that an LFD is for.
        server: Option<ReplicaName>,
    },
    /// `<NAME,inspect>` anyone -> server or RM: say where you stand. The server answers `state`,
    /// the RM `view`.
    Inspect {
        /// Who asks.
        from: NodeName,
    },
    /// `<S1,CLUSTER,EPOCH,MODE,PHASE,LAST,COMMITTED,EXECUTED,DIGEST,STATE,state>` server -> whoever
    /// sent `inspect`.
    State {
        /// Who answers.
        from: ReplicaName,
        /// The cluster whose state it holds.
        cluster: ClusterId,
        /// Its epoch.
        epoch: Epoch,
        /// The mode of its view.
        mode: Mode,
        /// Where it stands.
        phase: Phase,
        /// Its last entry.
        last: Sequence,
        /// Its last committed entry.
        committed: Sequence,
        /// Its last executed entry.
        executed: Sequence,
        /// The digest of its state after that entry.
        digest: Digest,
        /// The service's own summary of its state.
        state: Bytes,
    },
    /// `<P1,P3,PAGE,OPERATION,GRANT,CLOCK,BODY,ReadPage>`, `...,WritePage>` Ivy process -> Ivy process:
    /// the page that the manager told the sender to give (docs/IVY.md). Idempotent by grant.
    Page(Page),
    /// `<NAME,passive,switch>` operator -> RM: make a view in this mode (R10).
    Switch {
        /// Who asks.
        from: NodeName,
        /// The mode wanted.
        mode: Mode,
    },
}
