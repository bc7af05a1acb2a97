//! One process: a role that ships, and the connections that it has.
//!
//! The model names a connection by its *slot* at each end, which says what it is for; the role
//! counts them. Two processes that differ only in how far they have counted, or in what they only
//! print, are the same: their fingerprints are equal, and one of them stands for both.

use std::collections::BTreeMap;
use std::time::Duration;

use node::{Conn, Input, Output, Peer, Role, Time};
use rm::{OnTotalLoss, RecordError, ReplicationManager};
use server::Replica;
use wire::{ClusterId, Incarnation, Message};
use xxhash_rust::xxh3::xxh3_64;

use crate::diary::Diary;
use crate::scope::{self, Scope};

/// A connection at one of its ends.
pub(crate) type Slot = u8;

/// At a server: its LFD. At the RM: the GFD.
pub(crate) const WATCHER: Slot = 0;
/// At a server: the first client. At the RM: a client that wants to be told of every view.
pub(crate) const CLIENT: Slot = 1;
/// At a server: the first connection to the first other server.
const PEERS: Slot = 8;
/// How many connections between the same two servers there may be, old ones included.
const PER_PEER: Slot = 4;

/// The slot of a client at a server.
pub(crate) const fn client_slot(request: usize) -> Slot {
    CLIENT + request as Slot
}

/// The request whose client has that slot.
pub(crate) const fn request_at(slot: Slot) -> Option<usize> {
    if slot >= CLIENT && slot < PEERS { Some((slot - CLIENT) as usize) } else { None }
}

/// The server at the other end of that slot.
pub(crate) const fn peer_at(slot: Slot) -> Option<usize> {
    if slot >= PEERS { Some(((slot - PEERS) / PER_PEER) as usize) } else { None }
}

/// The role of a process.
#[derive(Debug, Clone)]
pub(crate) enum Actor {
    /// A server.
    Server(Box<Replica<Diary>>),
    /// The RM.
    Manager(Box<ReplicationManager>),
}

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) actor: Actor,
    conns: BTreeMap<Slot, Conn>,
    accepted: u64,
}

/// What happens to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stimulus {
    /// It is started.
    Start,
    /// It has accepted a connection.
    Accepted(Slot),
    /// A connection that it dialled is open.
    Connected(Slot),
    /// A frame.
    Received(Slot, Message),
    /// A connection is closed, or was refused.
    Closed(Slot),
    /// The record is safe.
    Persisted,
    /// The record could not be written.
    PersistFailed,
    /// Whatever is due.
    Wake,
}

/// What a process wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A connection to that server is dialled.
    Dial(Slot, usize),
    /// A frame is sent.
    Send(Slot, Message),
    /// A connection is closed.
    Close(Slot),
    /// A record is to be made safe.
    Persist(String),
}

impl Local {
    /// A server process that has not started yet.
    pub(crate) fn server(server: usize, run: u8) -> Self {
        let config = server::Config {
            name: scope::replica(server),
            incarnation: Incarnation(scope::incarnation(server, run)),
            pid: 100 + server as u32,
            address: scope::address(server),
            // A checkpoint is due in every tick, and never without one.
            checkpoint_period: Duration::from_millis(250),
            ack_timeout: Duration::from_millis(250),
            peer_timeout: Duration::from_secs(1),
            frame_limit: 64 << 10,
            narrate: false,
            audit: false,
        };
        Self::new(Actor::Server(Box::new(Replica::new(config, Diary::default()))))
    }

    /// An RM process that has not started yet.
    ///
    /// It has no patience: a complaint is ripe at once, and absence means something at once. So
    /// every decision that could ripen with time is explored at every moment.
    pub(crate) fn manager(scope: &Scope, record: Option<&str>) -> Result<Self, RecordError> {
        let config = rm::Config {
            name: "RM".parse().expect("a name"),
            mode: scope.mode,
            fresh: false,
            fresh_cluster: ClusterId(7),
            prefer: None,
            on_total_loss: OnTotalLoss::Restart,
            force_unclean: None,
            heartbeat_timeout: Duration::ZERO,
            grace: Duration::ZERO,
            hold_down: Duration::ZERO,
            stable_before_failback: Duration::ZERO,
        };
        let manager = ReplicationManager::new(config, record)?;
        Ok(Self::new(Actor::Manager(Box::new(manager))))
    }

    fn new(actor: Actor) -> Self {
        Self { actor, conns: BTreeMap::new(), accepted: 1 }
    }

    /// Its role as a server, if it is one.
    pub(crate) fn replica(&self) -> Option<&Replica<Diary>> {
        match &self.actor {
            Actor::Server(replica) => Some(replica),
            Actor::Manager(_) => None,
        }
    }

    fn role(&mut self) -> &mut dyn Role {
        match &mut self.actor {
            Actor::Server(role) => role.as_mut(),
            Actor::Manager(role) => role.as_mut(),
        }
    }

    /// When it wants to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match &self.actor {
            Actor::Server(role) => role.deadline(),
            Actor::Manager(role) => role.deadline(),
        }
    }

    /// The slot of the next connection to that server.
    pub(crate) fn free_slot(&self, peer: usize) -> Slot {
        let first = PEERS + peer as Slot * PER_PEER;
        let free = (first..first + PER_PEER).find(|slot| !self.conns.contains_key(slot));
        free.expect("more connections between two servers than the model has room for")
    }

    /// One input, and the end of the turn.
    ///
    /// # Errors
    /// When the role broke a rule of `node`.
    pub(crate) fn step(&mut self, now: Time, stimulus: Stimulus) -> Result<Vec<Wish>, String> {
        let mut out = Vec::new();
        match self.input(stimulus) {
            Some(input) => self.role().handle(now, input, &mut out),
            None => self.role().wake(now, &mut out),
        }
        self.role().settle(now, &mut out);
        let mut wishes = Vec::new();
        for output in out {
            self.wish(output, &mut wishes)?;
        }
        Ok(wishes)
    }

    fn input(&mut self, stimulus: Stimulus) -> Option<Input> {
        let peer = |door| Peer { remote: ([127, 0, 0, 1], 1).into(), door };
        Some(match stimulus {
            Stimulus::Start => Input::Start,
            Stimulus::Accepted(slot) => {
                let conn = Conn(self.accepted);
                self.accepted += 2;
                self.conns.insert(slot, conn);
                Input::Opened(conn, peer(Some(0)))
            }
            Stimulus::Connected(slot) => Input::Opened(self.conns[&slot], peer(None)),
            Stimulus::Received(slot, message) => Input::Received(self.conns[&slot], message),
            Stimulus::Closed(slot) => {
                Input::Closed(self.conns.remove(&slot).expect("what is open can be closed"))
            }
            Stimulus::Persisted => Input::Persisted,
            Stimulus::PersistFailed => Input::PersistFailed("the disk is full".to_owned()),
            Stimulus::Wake => return None,
        })
    }

    fn wish(&mut self, output: Output, wishes: &mut Vec<Wish>) -> Result<(), String> {
        match output {
            Output::Dial(conn, address) => {
                let Some(to) = scope::server_at(address) else {
                    return Err(format!("dials {address}, where nobody is"));
                };
                if !conn.0.is_multiple_of(2)
                    || self.conns.values().any(|c| *c >= conn && c.0 % 2 == 0)
                {
                    return Err(format!("dials under the used or odd number {conn}"));
                }
                let slot = self.free_slot(to);
                self.conns.insert(slot, conn);
                wishes.push(Wish::Dial(slot, to));
            }
            Output::Send(conn, message) => self.send(conn, message, wishes),
            Output::SendMany(conns, messages) => {
                for conn in conns {
                    for message in &messages {
                        self.send(conn, message.clone(), wishes);
                    }
                }
            }
            Output::Close(conn) => {
                let Some(slot) = self.slot(conn) else {
                    return Err(format!("closes {conn}, which is not open"));
                };
                self.conns.remove(&slot);
                wishes.push(Wish::Close(slot));
            }
            Output::Persist(record) => wishes.push(Wish::Persist(record)),
            Output::Note(_) | Output::Pause(_) | Output::Resume(_) => {}
            other => return Err(format!("has no business with {other:?}")),
        }
        Ok(())
    }

    /// What is sent on a closed connection is dropped.
    fn send(&self, conn: Conn, message: Message, wishes: &mut Vec<Wish>) {
        if let Some(slot) = self.slot(conn) {
            wishes.push(Wish::Send(slot, message));
        }
    }

    /// Whether a connection is open there.
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.conns.contains_key(&slot)
    }

    fn slot(&self, conn: Conn) -> Option<Slot> {
        self.conns.iter().find(|(_, c)| **c == conn).map(|(slot, _)| *slot)
    }

    /// Equal for processes that cannot be told apart by what they will do.
    pub(crate) fn fingerprint(&self) -> u64 {
        let text = match &self.actor {
            Actor::Server(role) => format!("{role:?}"),
            Actor::Manager(role) => format!("{role:?}"),
        };
        let mut canonical = self.canonical(text.as_bytes());
        canonical.extend(self.conns.keys());
        xxh3_64(&canonical)
    }

    /// The text with slots for connections, and without counters that decide nothing. A connection
    /// that is closed is like any other that is closed, because its number never comes again.
    fn canonical(&self, text: &[u8]) -> Vec<u8> {
        const HIDDEN: [&[u8]; 2] = [b"next_conn: ", b"dropped: "];
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            let hidden = HIDDEN.iter().find(|name| rest.starts_with(name));
            if *first == b'#' {
                let (conn, after) = number(after);
                out.extend([b'#', self.slot(Conn(conn)).unwrap_or(u8::MAX)]);
                rest = after;
            } else if let Some(name) = hidden {
                rest = number(&rest[name.len()..]).1;
            } else {
                out.push(*first);
                rest = after;
            }
        }
        out
    }
}

/// The number at the beginning of a text, and what comes after it.
fn number(text: &[u8]) -> (u64, &[u8]) {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    (digits.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0')), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Local {
        Local::server(0, 1)
    }

    fn now() -> Time {
        scope::moment(0)
    }

    #[test]
    fn how_far_connections_were_counted_makes_no_difference() {
        let (mut one, mut other) = (server(), server());
        for _ in 0..3 {
            other.step(now(), Stimulus::Accepted(WATCHER)).unwrap();
            other.step(now(), Stimulus::Closed(WATCHER)).unwrap();
        }
        for local in [&mut one, &mut other] {
            local.step(now(), Stimulus::Accepted(WATCHER)).unwrap();
        }
        assert_ne!(one.conns, other.conns);
        assert_eq!(one.fingerprint(), other.fingerprint());
    }

    #[test]
    fn which_connections_there_are_makes_one() {
        let (mut one, other) = (server(), server());
        one.step(now(), Stimulus::Accepted(WATCHER)).unwrap();
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_ne!(server().fingerprint(), Local::server(0, 2).fingerprint());
    }
}
