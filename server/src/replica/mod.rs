//! The replica: one server of the replicated service.
//!
//! It follows the views of the Replication Manager (RM) as *primary* (orders requests, commits when
//! every member has acknowledged, R1), *backup* (acknowledges; executes too in active mode, R2) or
//! *joiner* (not in the view: new, or fenced out; is brought up to date by the primary, R8).
//!
//! Guarantees: nothing is executed or answered before every member of the view, and a joiner that
//! the primary already requires, holds it in the current epoch (I4, I7); nothing of a lower epoch is
//! accepted (R6); one request takes effect once (R7).
//! By: [`Leading`] counts acknowledgements, [`Following`] verifies the log against the primary's,
//! [`Clients`] remembers who waits for what, [`Machine`] executes.
//!
//! Not here: deciding who is dead, primary or member. A replica complains and asks; the RM decides
//! (R3). Nor restarts: a new process is a new incarnation and begins as a joiner.

mod absences;
mod clients;
mod execution;
mod following;
mod leading;
mod links;
mod lives;
mod ordering;
mod probe;
mod reports;
mod requests;
mod transfer;
mod views;

pub use probe::Probe;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use node::{Conn, Event, Input, Output, Role, Time};
use wire::{
    ClusterId, Epoch, ErrorCode, Incarnation, Message, Mode, NodeName, ReplicaName, Sequence, View,
};

use crate::log::Log;
use crate::machine::Machine;
use crate::service::Service;
use clients::Clients;
use following::{Came, Following};
use leading::Leading;

/// How often a replica looks at what takes too long.
const TICK: Duration = Duration::from_millis(50);

/// What a replica is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its name.
    pub name: ReplicaName,
    /// This run of it; never used before.
    pub incarnation: Incarnation,
    /// Its process id, passed on to its LFD.
    pub pid: u32,
    /// Its IP and port base.
    pub address: SocketAddr,
    /// The time from one checkpoint (passive) or digest (active) to the next.
    pub checkpoint_period: Duration,
    /// How late a member may acknowledge while another does not, before the primary complains (R14).
    pub ack_timeout: Duration,
    /// How long a member may make no progress at all before the primary complains.
    pub peer_timeout: Duration,
    /// The longest frame; checkpoints travel in chunks that fit.
    pub frame_limit: usize,
    /// Whether to say the state before and after each request.
    pub narrate: bool,
    /// Whether to say what was executed, for checkers.
    pub audit: bool,
}

/// What this replica is in the newest view that it knows.
#[derive(Debug, Clone)]
enum Standing {
    /// Not a member.
    Joiner(Following),
    /// A member that follows the primary.
    Backup(Following),
    /// The primary.
    Primary(Box<Leading>),
}

/// One replicated server; see the module's documentation.
#[derive(Debug, Clone)]
pub struct Replica<S> {
    config: Config,
    /// The service's checkpoint before anything was executed, for a cluster that starts afresh.
    initial: Bytes,
    machine: Machine<S>,
    log: Log,
    /// Known to be committed; at least what is executed, at most what is in the log (I8).
    committed: Sequence,
    /// Whose state this is; 0 while there is none.
    cluster: ClusterId,
    /// Whether the state is complete: false from the start of a join until its checkpoint is in.
    whole: bool,
    /// The highest epoch heard of; nothing of a lower one is accepted (R6, I1).
    epoch: Epoch,
    /// The newest view that was adopted, whether this replica is in it or not.
    view: Option<View>,
    standing: Standing,
    clients: Clients,
    /// Where the last heartbeat came from: the way up to the RM.
    detector: Option<Conn>,
    detector_name: Option<NodeName>,
    heartbeat: u64,
    next_conn: u64,
    tick_at: Time,
    dropped: u64,
}

impl<S: Service> Replica<S> {
    /// A replica that has just started: empty, a joiner.
    pub fn new(config: Config, service: S) -> Self {
        Self {
            initial: service.checkpoint(),
            machine: Machine::new(service),
            log: Log::default(),
            committed: Sequence(0),
            cluster: ClusterId(0),
            whole: false,
            epoch: Epoch(0),
            view: None,
            standing: Standing::Joiner(Following::default()),
            clients: Clients::default(),
            detector: None,
            detector_name: None,
            heartbeat: 0,
            next_conn: 0,
            tick_at: Time::ZERO,
            dropped: 0,
            config,
        }
    }

    fn name(&self) -> ReplicaName {
        self.config.name
    }

    /// The mode of the newest view.
    fn mode(&self) -> Option<Mode> {
        self.view.as_ref().map(|v| v.mode)
    }

    fn following(&mut self) -> Option<&mut Following> {
        match &mut self.standing {
            Standing::Joiner(f) | Standing::Backup(f) => Some(f),
            Standing::Primary(_) => None,
        }
    }

    fn leading(&mut self) -> Option<&mut Leading> {
        match &mut self.standing {
            Standing::Primary(l) => Some(l),
            Standing::Joiner(_) | Standing::Backup(_) => None,
        }
    }

    fn fresh_conn(&mut self) -> Conn {
        self.next_conn += 2;
        Conn(self.next_conn)
    }

    /// Refuses what came on a connection and closes it; nobody else is hurt.
    fn reject(&mut self, conn: Conn, code: ErrorCode, text: String, out: &mut Vec<Output>) {
        let error = Message::Error { from: self.name().into(), code, text: text.clone() };
        out.push(Output::Send(conn, error));
        out.push(Output::Note(Event::Rejected { conn, code, text }));
        self.hang_up(conn, out);
    }

    /// Closes a connection and forgets it.
    fn hang_up(&mut self, conn: Conn, out: &mut Vec<Output>) {
        out.push(Output::Close(conn));
        self.forget(conn);
    }

    /// Forgets a connection that is closed.
    fn forget(&mut self, conn: Conn) {
        self.clients.forget(conn);
        if self.detector == Some(conn) {
            self.detector = None;
        }
        match &mut self.standing {
            Standing::Primary(leading) => leading.link_forgotten(conn),
            Standing::Joiner(f) | Standing::Backup(f) => f.leader_forgotten(conn),
        }
    }

    fn unexpected(&mut self, conn: Conn, message: &Message, out: &mut Vec<Output>) {
        let text = format!("`{}` has no place on this connection", message.kind());
        self.reject(conn, ErrorCode::Unexpected, text, out);
    }

    /// Counts and says what was dropped.
    fn drop_counted(&mut self, what: &'static str, out: &mut Vec<Output>) {
        self.dropped += 1;
        out.push(Output::Note(Event::Dropped { what, count: self.dropped }));
    }

    fn closed(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        match &self.standing {
            Standing::Primary(_) => self.link_closed(now, conn, out),
            Standing::Joiner(_) | Standing::Backup(_) => self.leader_closed(now, conn, out),
        }
        self.forget(conn);
    }

    fn received(&mut self, now: Time, conn: Conn, message: Message, out: &mut Vec<Output>) {
        self.clients.lives.no_longer_silent(conn);
        match message {
            // The request path first.
            Message::Request { client, number, body, session, .. } => {
                self.request(now, conn, requests::Asked { client, number, body, session }, out);
            }
            Message::Append { from, epoch, entry } => {
                self.append(Came { conn, from, epoch }, entry, out);
            }
            Message::Ack { epoch, incarnation, sequence, .. } => {
                self.acknowledged(now, conn, (epoch, incarnation), sequence);
            }
            Message::Commit { from, epoch, sequence } => {
                self.commit_told(Came { conn, from, epoch }, sequence, out);
            }
            Message::Register { client, nonce, window, .. } => {
                self.register(now, conn, requests::Opening { client, nonce, window }, out);
            }
            // Following.
            Message::Sync { .. } => self.sync(now, conn, message, out),
            Message::Recovery { from, state, transfer, .. } => {
                self.recovery_chunk((conn, from), &state, transfer, out);
            }
            Message::Checkpoint { from, count, state, transfer, .. } => {
                self.checkpoint_chunk((conn, from), count, &state, transfer, out);
            }
            Message::Fenced { cluster, epoch, .. } => self.fenced(cluster, epoch, out),
            // Leading.
            Message::Have { .. } => self.have(now, conn, &message, out),
            Message::Received { epoch, incarnation, offset, .. } => {
                self.chunk_received(conn, (epoch, incarnation), offset);
            }
            Message::Digest { from, epoch, sequence, digest, .. } => {
                self.digest_reported(from, epoch, (sequence, digest), out);
            }
            Message::Forward { .. } | Message::ForwardRegister { .. } => {
                self.forwarded(now, conn, message, out);
            }
            // The detector, the RM behind it, and tools.
            other => self.detector_or_tool(now, conn, other, out),
        }
    }
}

impl<S: Service> Role for Replica<S> {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Start => self.tick_at = now + TICK,
            Input::Opened(conn, _) => {
                self.clients.lives.opened(conn);
                self.link_opened(conn, out);
            }
            Input::Received(conn, message) => self.received(now, conn, message, out),
            Input::Ended(conn) => self.client_ended(conn, out),
            Input::Closed(conn) => self.closed(now, conn, out),
            Input::Tune(tune) => {
                if let Some(period) = tune.checkpoint_period {
                    self.config.checkpoint_period = period;
                    self.retime_checkpoint(now);
                }
            }
            Input::Persisted
            | Input::PersistFailed(_)
            | Input::Launched { .. }
            | Input::LaunchFailed(_)
            | Input::Exited { .. }
            | Input::LineEnd => {}
            Input::Line(line) => self.line(&line, out),
        }
    }

    fn settle(&mut self, now: Time, out: &mut Vec<Output>) {
        match &self.standing {
            Standing::Primary(_) => self.settle_leading(now, out),
            Standing::Joiner(_) | Standing::Backup(_) => self.settle_following(out),
        }
        assert!(self.machine.executed() <= self.committed, "I8: executed <= committed");
        assert!(self.committed <= self.log.last(), "I8: committed <= appended");
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        if now >= self.tick_at {
            // A replica that was itself held up does not accuse others of it (R14).
            let late = now.since(self.tick_at);
            self.tick_at = now + TICK;
            self.tick(now, late, out);
            // A complaint is not put off to the next tick.
            self.tick_at = self.complaint_due(now).map_or(self.tick_at, |at| at.min(self.tick_at));
        }
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.tick_at)
    }
}
