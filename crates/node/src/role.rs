//! [`Role`], [`Input`] and [`Output`]: the whole surface between a role and the world.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use wire::{Message, ReplicaName};

use crate::event::Event;
use crate::time::Time;

/// A connection, named by a number that is never used again in this process. State is keyed by this
/// and never by the peer's name, so that a late message of a dead socket is not credited to the
/// socket that replaced it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn(pub u64);

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Where a connection comes from or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The other side.
    pub remote: SocketAddr,
    /// For an accepted connection, which door of the port plan it came in by: the offset of the
    /// listener's port from the port base. `None` for a dialled one.
    pub door: Option<u16>,
}

/// Settings that change while a role runs (SIGHUP on a configuration file). `None` leaves a setting
/// as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tune {
    /// The time from one heartbeat to the next.
    pub heartbeat_period: Option<Duration>,
    /// How long a peer may be silent before it is deleted.
    pub heartbeat_timeout: Option<Duration>,
    /// The time from one checkpoint to the next.
    pub checkpoint_period: Option<Duration>,
}

/// What happens to a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The process has started.
    Start,
    /// A connection is open.
    Opened(Conn, Peer),
    /// A frame arrived.
    Received(Conn, Message),
    /// The peer of an accepted connection has ended its sending and still reads: what it is owed may
    /// be sent for a moment, then `Closed` follows.
    Ended(Conn),
    /// A connection is closed, or could not be opened.
    Closed(Conn),
    /// The record of the last [`Output::Persist`] would survive a power cut.
    Persisted,
    /// It would not; the text says why.
    PersistFailed(String),
    /// The server process was launched, or is watched after [`Output::Adopt`].
    Launched {
        /// Its process id.
        pid: u32,
    },
    /// The server process could not be launched; the text says why.
    LaunchFailed(String),
    /// A launched or adopted process has ended.
    Exited {
        /// Its process id.
        pid: u32,
        /// How it ended, for people: `exit code 2`, `signal 9`, or `gone` for an adopted one.
        how: String,
    },
    /// A line was typed.
    Line(String),
    /// The keyboard is closed.
    LineEnd,
    /// Settings have changed.
    Tune(Tune),
}

/// The exit code of a process that finds another run of itself: whoever launched it may wait until that
/// one is heard of.
pub const RUNS_ALREADY: u8 = 3;

/// What a role wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection under this number (even, never used before).
    Dial(Conn, SocketAddr),
    /// Send a frame.
    Send(Conn, Message),
    /// Send the same frames to several connections; each is encoded once.
    SendMany(Vec<Conn>, Vec<Message>),
    /// Send what was queued, then close.
    Close(Conn),
    /// Read nothing more from this connection until `Resume`: its peer is ahead of what is bounded.
    Pause(Conn),
    /// Read again.
    Resume(Conn),
    /// Launch the server process (LFD).
    Launch(ReplicaName),
    /// Watch a server process that runs already (LFD).
    Adopt(u32),
    /// End a launched or adopted process at once (SIGKILL).
    Kill(u32),
    /// Make this record survive a restart; it replaces the one before (RM).
    Persist(String),
    /// Something happened that a person, a metric or a test wants to know.
    Note(Event),
    /// End the process with this exit code, after what was sent and noted is out.
    Exit(u8),
}

/// A pure state machine; see the crate's documentation for what its host owes it.
pub trait Role {
    /// One input.
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>);

    /// All inputs of this turn are in: what one message can say for all of them is said now
    /// (cumulative acknowledgements, commits).
    fn settle(&mut self, _now: Time, _out: &mut Vec<Output>) {}

    /// The deadline has passed.
    fn wake(&mut self, now: Time, out: &mut Vec<Output>);

    /// When to be woken; `None` for never.
    fn deadline(&self) -> Option<Time>;
}
