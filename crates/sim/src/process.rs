//! One process of a world: a role, its clock, its mailbox and its sockets.
//!
//! Guarantees: a role's clock never goes back (obligation 1 of `node`), even when its rate is off.
//!
//! Not here: when a process gets its turn; see `world`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use client::Client;
use gfd::GlobalFaultDetector;
use lfd::LocalFaultDetector;
use node::{Conn, Input, Role, Time};
use rm::ReplicationManager;
use server::Replica;
use wire::NodeName;

use crate::hosted::Hosted;
use crate::network::PipeId;
use crate::plan::Kind;

/// A process id; never used again in a world.
pub type Pid = u32;

/// The role of a process, typed, so that properties can look into it.
#[derive(Debug)]
pub enum Actor {
    /// The Replication Manager.
    Manager(Box<ReplicationManager>),
    /// The Global Fault Detector.
    Global(Box<GlobalFaultDetector>),
    /// A Local Fault Detector.
    Local(Box<LocalFaultDetector>),
    /// A server.
    Server(Box<Replica<Hosted>>),
    /// A client.
    Client(Box<Client>),
    /// A process of Ivy.
    Ivy(Box<client::ivy::Process>),
}

impl Actor {
    /// The role as the host sees it.
    pub fn role(&mut self) -> &mut dyn Role {
        match self {
            Self::Manager(role) => role.as_mut(),
            Self::Global(role) => role.as_mut(),
            Self::Local(role) => role.as_mut(),
            Self::Server(role) => role.as_mut(),
            Self::Client(role) => role.as_mut(),
            Self::Ivy(role) => role.as_mut(),
        }
    }

    /// The server, if it is one.
    #[must_use]
    pub fn server(&self) -> Option<&Replica<Hosted>> {
        match self {
            Self::Server(role) => Some(role),
            _ => None,
        }
    }

    /// The process of Ivy, if it is one.
    #[must_use]
    pub fn ivy(&self) -> Option<&client::ivy::Process> {
        match self {
            Self::Ivy(role) => Some(role),
            _ => None,
        }
    }
}

/// Something that waits for a process in its machine.
#[derive(Debug)]
pub enum Mail {
    /// An input.
    Input(Input),
    /// An input of a connection; dropped if the connection is closed meanwhile, kept if it is
    /// paused.
    Of(PipeId, Input),
    /// The peer of a connection has ended its sending.
    End(PipeId),
    /// A connection is broken.
    Broken(PipeId),
    /// A connection is broken, and the other end is not told.
    Severed(PipeId),
}

/// One process.
#[derive(Debug)]
pub struct Process {
    /// Its id.
    pub pid: Pid,
    /// Its name.
    pub name: NodeName,
    /// What it is.
    pub kind: Kind,
    /// When it was started.
    pub born: Time,
    /// The role.
    pub actor: Actor,
    /// Whether it is stopped (SIGSTOP).
    pub frozen: bool,
    /// What waits for it.
    pub mail: VecDeque<Mail>,
    /// What came on connections that the role has paused.
    pub held: VecDeque<Mail>,
    /// Its open connections.
    pub conns: BTreeMap<Conn, PipeId>,
    /// Connections that the role has paused.
    pub paused: BTreeMap<PipeId, ()>,
    /// Connections on which something waits for the end of the turn.
    pub unsent: Vec<PipeId>,
    /// Whether a turn is on its way.
    pub turn_due: bool,
    /// The next wake-up that is on its way.
    pub wake_due: Option<Time>,
    /// The next number of an accepted connection.
    next_accepted: u64,
    /// How fast its clock goes, in millionths of the world's.
    rate: u64,
    /// By how much its clock has jumped ahead.
    ahead: Duration,
    local: Time,
}

impl Process {
    /// A process that starts now.
    #[must_use]
    pub fn new(pid: Pid, kind: Kind, actor: Actor, born: Time, rate: u64) -> Self {
        Self {
            pid,
            name: kind.name(),
            kind,
            born,
            actor,
            frozen: false,
            mail: VecDeque::new(),
            held: VecDeque::new(),
            conns: BTreeMap::new(),
            paused: BTreeMap::new(),
            unsent: Vec::new(),
            turn_due: false,
            wake_due: None,
            next_accepted: 1,
            rate,
            ahead: Duration::ZERO,
            local: Time::ZERO,
        }
    }

    /// The number of the next connection that it accepts.
    pub fn accept(&mut self) -> Conn {
        let conn = Conn(self.next_accepted);
        self.next_accepted += 2;
        conn
    }

    /// What its own clock says when the world's says `now`.
    pub fn clock(&mut self, now: Time) -> Time {
        let run = micros(now.since(self.born)) * self.rate / 1_000_000;
        let local = Time::from_micros(run) + self.ahead;
        self.local = self.local.max(local);
        self.local
    }

    /// Its clock jumps ahead: its machine was asleep, and nobody has told it.
    pub fn jump(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// When the world's clock will say what the role's deadline asks for.
    pub fn deadline(&mut self) -> Option<Time> {
        let local = self.actor.role().deadline()?;
        let run = local.as_micros().saturating_sub(micros(self.ahead));
        let micros = (run * 1_000_000).div_ceil(self.rate);
        Some(self.born + Duration::from_micros(micros))
    }
}

/// A duration of a run in microseconds: hours at the most, so that a product with a rate fits.
fn micros(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros())
}
