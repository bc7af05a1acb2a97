//! Connections as TCP keeps them: two flows of segments, each in order; and the links between
//! processes, which can be cut in either direction.
//!
//! Guarantees: what one end sends arrives in that order or not at all; nothing arrives after an end
//! was closed; what meets a closed end is answered by a reset. A cut link loses nothing: it holds
//! segments back until it heals, as retransmission does.
//!
//! Not here: when segments move; see `traffic`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use node::{Conn, Time};
use wire::{Codec, Message, NodeName, Op};

use crate::plan::Kind;
use crate::process::Pid;
use crate::slots::Slots;

/// Names a connection in the world; never used again.
pub type PipeId = u64;

/// What travels in a flow.
#[derive(Debug, Clone)]
pub enum Segment {
    /// Whole frames.
    Frames(Vec<Message>),
    /// A part of the bytes of some frames.
    Bytes(Bytes),
    /// The sender has ended its sending.
    Fin,
    /// The sender knows nothing of this connection.
    Reset,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Flow {
    /// What is on its way, and when it is due.
    pub segments: VecDeque<(Time, Segment)>,
    /// Nothing arrives before this.
    pub last: Time,
    /// Whether the arrival of the first segment is on the world's list.
    pub scheduled: bool,
    /// Since when a cut link has held it back.
    pub stuck: Option<Time>,
    /// How much was sent and not read, about, in bytes.
    pub unread: usize,
}

/// One end of a connection.
#[derive(Debug)]
pub struct End {
    /// Whose end it is.
    pub pid: Pid,
    /// What that process is.
    pub kind: Kind,
    /// Its name.
    pub name: NodeName,
    /// Under which number that process knows it.
    pub conn: Conn,
    /// Which door it came in by, for the accepting end.
    pub door: Option<u16>,
    /// Closed by the role, or lost, or its process is dead: nothing is delivered here any more.
    pub closed: bool,
    /// Broken, although its role has not been told yet.
    pub severed: bool,
    /// Whether a frame has come.
    pub heard: bool,
    /// What is to be sent at the end of the turn.
    pub pending: Vec<Message>,
    /// The reader of bytes.
    pub codec: Codec,
    /// Bytes of a frame that is not whole yet.
    pub buffer: BytesMut,
}

impl End {
    /// An end that is open.
    #[must_use]
    pub fn new(pid: Pid, kind: Kind, conn: Conn, door: Option<u16>) -> Self {
        Self {
            pid,
            kind,
            name: kind.name(),
            conn,
            door,
            closed: false,
            severed: false,
            heard: false,
            pending: Vec::new(),
            codec: Codec::default(),
            buffer: BytesMut::new(),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Pipe {
    /// The dialling end, and once it is accepted, the other one.
    pub ends: Vec<End>,
    /// `flows[0]` goes out from `ends[0]`.
    pub flows: [Flow; 2],
    /// Whether the dialling end knows that it is open.
    pub connected: bool,
}

impl Pipe {
    /// The place of that process's end.
    #[must_use]
    pub fn side(&self, pid: Pid) -> Option<usize> {
        self.ends.iter().position(|end| end.pid == pid)
    }

    /// Whether nobody is left who could notice it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.closed)
    }
}

/// All connections and links.
#[derive(Debug, Default)]
pub struct Network {
    /// The connections.
    pub pipes: Slots<Pipe>,
    next: PipeId,
    cuts: BTreeSet<(Kind, Kind)>,
    /// When each way that was cut was mended last.
    mended: BTreeMap<(Kind, Kind), Time>,
    /// Machines (by the last byte of their address) that are switched off.
    pub off: BTreeSet<u8>,
}

impl Network {
    /// A new connection, dialled and not accepted.
    pub fn dial(&mut self, end: End) -> PipeId {
        self.next += 1;
        let flows = [Flow::default(), Flow::default()];
        self.pipes.insert(self.next, Pipe { ends: vec![end], flows, connected: false });
        self.next
    }

    /// Cuts the way from one process to another.
    pub fn cut(&mut self, from: NodeName, to: NodeName) {
        if let (Some(from), Some(to)) = (Kind::of(from), Kind::of(to)) {
            self.cuts.insert((from, to));
        }
    }

    /// Mends it.
    pub fn mend(&mut self, now: Time, from: NodeName, to: NodeName) {
        if let (Some(from), Some(to)) = (Kind::of(from), Kind::of(to))
            && self.cuts.remove(&(from, to))
        {
            self.mended.insert((from, to), now);
        }
    }

    /// When the way from one process to another was mended last, if it ever was.
    #[must_use]
    pub fn mended(&self, from: Kind, to: Kind) -> Option<Time> {
        self.mended.get(&(from, to)).copied()
    }

    /// Every way that is cut.
    #[must_use]
    pub fn cut_ways(&self) -> Vec<(NodeName, NodeName)> {
        self.cuts.iter().map(|(from, to)| (from.name(), to.name())).collect()
    }

    /// Whether nothing gets from one process to another.
    #[must_use]
    pub fn is_cut(&self, from: Kind, to: Kind) -> bool {
        let dark = |kind| !self.off.is_empty() && self.off.contains(&machine(kind));
        !self.cuts.is_empty() && self.cuts.contains(&(from, to)) || dark(from) || dark(to)
    }
}

/// The machine of a process: the last byte of its address.
#[must_use]
pub fn machine(kind: Kind) -> u8 {
    match kind {
        Kind::Manager | Kind::Global => 110,
        Kind::Local(n) | Kind::Server(n) => 100 + n,
        Kind::Process(n) => 150 + n,
        Kind::Client(n) => 200 + n,
    }
}

/// About how many bytes a frame has.
#[must_use]
pub fn weight(message: &Message) -> usize {
    const FIELDS: usize = 48;
    FIELDS
        + match message {
            Message::Request { body, .. } | Message::Forward { body, .. } => body.len(),
            Message::Reply { body, .. } => body.as_ref().map_or(0, Bytes::len),
            Message::Recovery { state, .. } | Message::Checkpoint { state, .. } => state.len(),
            Message::Append { entry, .. } => match &entry.op {
                Op::Request { body, .. } => body.len(),
                Op::Register { .. } | Op::Mark | Op::Absent { .. } => 0,
            },
            Message::Page(page) => page.contents.len(),
            _ => 0,
        }
}
