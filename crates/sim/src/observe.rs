//! What a world shows to those who watch it: properties, the trace, and the golden scripts.
//!
//! Not here: any judgement; see `properties`.

use std::time::Duration;

use node::{Conn, Event, Time};
use wire::{Message, NodeName};

use server::Probe;

use crate::process::Pid;
use crate::world::World;

/// Something that was seen.
#[derive(Debug)]
pub struct Sight<'a> {
    /// When.
    pub at: Time,
    /// Of whom.
    pub who: NodeName,
    /// Which process of that name.
    pub pid: Pid,
    /// What.
    pub what: Seen<'a>,
}

/// What can be seen.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A process has started.
    Started,
    /// A process is launched although one of its name runs; it will find the lock taken.
    LaunchedTwice {
        /// For how long that one has been running.
        running: Duration,
    },
    /// A process has ended.
    Ended(&'a str),
    /// A frame is given to a role; `from` is the process that sent it.
    Received {
        /// On which connection.
        conn: Conn,
        /// Who sent it: the process may be dead by now.
        from: (NodeName, Pid),
        /// The frame.
        message: &'a Message,
    },
    /// A role sends a frame.
    Sent {
        /// On which connection.
        conn: Conn,
        /// The frame.
        message: &'a Message,
    },
    /// A role says that something happened.
    Noted(&'a Event),
    /// A role wants this record to survive.
    PersistAsked(&'a str),
    /// A record would survive now.
    Persisted(&'a str),
    /// A role's turn is over: what it has done is done. A server shows where it stands.
    Turned(Option<&'a Probe>),
    /// Somebody outside did something to the world: a fault, a request.
    Done(&'a str),
}

/// Kinds of sights, as a set: most watchers look at one or two kinds of all that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sights(u16);

impl Sights {
    /// Starts, ends and double launches of processes.
    pub const LIVES: Self = Self(1);
    /// Frames that are given to a role.
    pub const RECEIVED: Self = Self(2);
    /// Frames that a role sends.
    pub const SENT: Self = Self(4);
    /// What a role says.
    pub const NOTED: Self = Self(8);
    /// What a role wants on the disk.
    pub const ASKED: Self = Self(16);
    /// What is on the disk.
    pub const PERSISTED: Self = Self(32);
    /// Ends of turns.
    pub const TURNED: Self = Self(64);
    /// Deeds of somebody outside.
    pub const DONE: Self = Self(128);
    /// Every kind.
    pub const ALL: Self = Self(255);
    /// None.
    pub(crate) const NONE: Self = Self(0);

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn include(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

impl Seen<'_> {
    pub(crate) const fn kind(&self) -> Sights {
        match self {
            Seen::Started | Seen::LaunchedTwice { .. } | Seen::Ended(_) => Sights::LIVES,
            Seen::Received { .. } => Sights::RECEIVED,
            Seen::Sent { .. } => Sights::SENT,
            Seen::Noted(_) => Sights::NOTED,
            Seen::PersistAsked(_) => Sights::ASKED,
            Seen::Persisted(_) => Sights::PERSISTED,
            Seen::Turned(_) => Sights::TURNED,
            Seen::Done(_) => Sights::DONE,
        }
    }
}

/// Who watches a world.
pub trait Watcher {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What it wants to see.
    fn sights(&self) -> Sights {
        Sights::ALL
    }

    /// Something happened.
    ///
    /// # Errors
    /// What is wrong, if this must never happen.
    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String>;

    /// The run is over, faults have stopped, and the world had time to recover.
    ///
    /// # Errors
    /// What is still wrong.
    fn end(&mut self, _world: &World) -> Result<(), String> {
        Ok(())
    }
}

/// A property that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When it was seen.
    pub at: Time,
    /// Which property.
    pub property: &'static str,
    /// What happened.
    pub text: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {:?}: {}", self.property, self.at, self.text)
    }
}
