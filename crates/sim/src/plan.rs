//! The plan of a world: who is in it, how it is configured, and how fast everything is.
//!
//! The defaults are those of the programs that ship, with a heartbeat of 100 ms, so that a script
//! shows what a cluster of a shipped configuration does.
//!
//! Not here: faults; those come from a script or from `swarm`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rm::OnTotalLoss;
use wire::ports::DEFAULT_BASE;
use wire::{Mode, NodeName, ReplicaName};

use crate::random::Span;

/// How a world is set up.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed of everything that is drawn in the world.
    pub seed: u64,
    /// The mode at the start.
    pub mode: Mode,
    /// How many servers, each with its LFD: S1, S2, ...
    pub servers: u64,
    /// How many clients: C1, C2, ...; with pages they are Ivy's processes: P1, P2, ...
    pub clients: u64,
    /// How many pages Ivy's processes share; 0: the service is not Ivy's central manager.
    pub pages: u32,
    /// Which of them speak the documents' short form: the last so many.
    pub short_clients: u64,
    /// How many requests a client may have unanswered.
    pub window: u32,
    /// The time from one heartbeat to the next.
    pub heartbeat_period: Duration,
    /// The silence after which a server or an LFD is suspected.
    pub heartbeat_timeout: Duration,
    /// How long a hung server is left alone (LFD).
    pub hung_grace: Duration,
    /// The time from one checkpoint to the next.
    pub checkpoint_period: Duration,
    /// How late a member may acknowledge (R14).
    pub ack_timeout: Duration,
    /// How long a member may be unreachable (R14).
    pub peer_timeout: Duration,
    /// The longest frame of a server.
    pub frame_limit: usize,
    /// Who gets the role of primary back (R11).
    pub prefer: Option<ReplicaName>,
    /// What the RM does once the state is lost (R12).
    pub on_total_loss: OnTotalLoss,
    /// How long the GFD may be silent, and how long some complaints must stand (RM).
    pub manager_timeout: Duration,
    /// How long absence means nothing after a start (R13).
    pub grace: Duration,
    /// The least time between two fail-backs.
    pub hold_down: Duration,
    /// How long the preferred primary must be a member before it gets its role back.
    pub stable_before_failback: Duration,
    /// How long a round of a client without any answer is.
    pub round: Duration,
    /// The way of one segment through the network.
    pub latency: Span,
    /// From something to do for a process to its turn.
    pub scheduling: Span,
    /// How long the RM's disk takes.
    pub disk: Span,
    /// How long the start of a process takes.
    pub launch: Span,
    /// How far the clocks' rates may be off, in millionths.
    pub skew: u64,
    /// What the wall clocks say when the world begins: the marks of clients' sessions are made of it.
    pub wall_clock: Duration,
    /// Percentage of a client's starts at which its wall clock was set back since the last one.
    pub clocks_set_back: u64,
    /// How many sessions the servers remember, if fewer than as they ship.
    pub sessions: Option<usize>,
    /// Whether frames travel as bytes, split anywhere, instead of whole.
    pub bytes: bool,
    /// How many bytes may wait for a peer that does not read before the connection is closed.
    pub write_limit: usize,
}

impl Plan {
    /// Three servers and one client in that mode, everything as it ships.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let millis = Duration::from_millis;
        Self {
            seed: 1,
            mode,
            servers: 3,
            clients: 1,
            pages: 0,
            short_clients: 0,
            window: 4,
            heartbeat_period: millis(100),
            heartbeat_timeout: millis(1000),
            hung_grace: millis(10_000),
            checkpoint_period: millis(10_000),
            ack_timeout: millis(250),
            peer_timeout: millis(1000),
            frame_limit: wire::DEFAULT_FRAME_LIMIT,
            prefer: None,
            on_total_loss: OnTotalLoss::Restart,
            manager_timeout: millis(3000),
            grace: millis(1000),
            hold_down: millis(10_000),
            stable_before_failback: millis(2000),
            round: millis(2000),
            latency: Span::micros(50, 500),
            scheduling: Span::micros(5, 50),
            disk: Span::micros(500, 3000),
            launch: Span::micros(2000, 10_000),
            skew: 0,
            wall_clock: Duration::ZERO,
            clocks_set_back: 0,
            sessions: None,
            bytes: false,
            write_limit: 8 << 20,
        }
    }

    /// The names of the servers.
    #[must_use]
    pub fn server_names(&self) -> Vec<ReplicaName> {
        (1..=self.servers).map(|n| ReplicaName::from(name(&format!("S{n}")))).collect()
    }

    /// The names of the clients.
    #[must_use]
    pub fn client_names(&self) -> Vec<NodeName> {
        let kind = if self.pages > 0 { 'P' } else { 'C' };
        (1..=self.clients).map(|n| name(&format!("{kind}{n}"))).collect()
    }

    /// Whether that client speaks the documents' short form.
    #[must_use]
    pub fn is_short(&self, client: NodeName) -> bool {
        let place = self.client_names().iter().position(|n| *n == client).unwrap_or(0) as u64;
        place + self.short_clients >= self.clients
    }

    /// Every process that is started with the world, in the order of their starts. The servers are
    /// launched by their LFDs.
    #[must_use]
    pub fn first_processes(&self) -> Vec<NodeName> {
        let lfds = (1..=self.servers).map(|n| name(&format!("LFD{n}")));
        [name("RM"), name("GFD")].into_iter().chain(lfds).chain(self.client_names()).collect()
    }
}

/// A name that is known to be one.
///
/// # Panics
/// When the text is no name.
#[must_use]
pub fn name(text: &str) -> NodeName {
    text.parse().expect("the simulator makes names that are names")
}

/// What a process is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `RM`.
    Manager,
    /// `GFD`.
    Global,
    /// `LFD1`.
    Local(u8),
    /// `S1`.
    Server(u8),
    /// `C1`.
    Client(u8),
    /// `P1`, a process of Ivy.
    Process(u8),
}

impl Kind {
    /// What a process of that name is; `None` for a name that no process of a world has.
    #[must_use]
    pub fn of(name: NodeName) -> Option<Self> {
        let text = name.as_str();
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let number = digits.parse().ok();
        match (&text[..text.len() - digits.len()], number) {
            ("RM", None) if digits.is_empty() => Some(Self::Manager),
            ("GFD", None) if digits.is_empty() => Some(Self::Global),
            ("LFD", Some(n)) => Some(Self::Local(n)),
            ("S", Some(n)) => Some(Self::Server(n)),
            ("C", Some(n)) => Some(Self::Client(n)),
            ("P", Some(n)) => Some(Self::Process(n)),
            _ => None,
        }
    }

    /// The address of its machine, with the port base. RM and GFD share one, and so do a server and
    /// its LFD.
    #[must_use]
    pub fn address(self) -> SocketAddr {
        let last = crate::network::machine(self);
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), DEFAULT_BASE)
    }

    /// Who listens at an address, if a process of a world does.
    #[must_use]
    pub fn listening(at: SocketAddr) -> Option<Self> {
        let IpAddr::V4(ip) = at.ip() else { return None };
        let door = at.port().checked_sub(DEFAULT_BASE)?;
        match (ip.octets()[3], door) {
            (110, 0..=2) => Some(Self::Global),
            (110, 3 | 6..=8) => Some(Self::Manager),
            (n @ 101..=109, 0..=5) => Some(Self::Server(n - 100)),
            (n @ 151..=199, wire::ports::PROCESS_PAGES) => Some(Self::Process(n - 150)),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> NodeName {
        match self {
            Self::Manager => name("RM"),
            Self::Global => name("GFD"),
            Self::Local(n) => name(&format!("LFD{n}")),
            Self::Server(n) => name(&format!("S{n}")),
            Self::Client(n) => name(&format!("C{n}")),
            Self::Process(n) => name(&format!("P{n}")),
        }
    }

    /// Whether a peer that ends its own sending at this door is still answered for a while, as the
    /// programs do for people with `nc`.
    #[must_use]
    pub fn answers_half_closed(self, door: u16) -> bool {
        match self {
            Self::Manager => true,
            Self::Server(_) => wire::ports::SERVER_CLIENTS.contains(&door),
            Self::Global | Self::Local(_) | Self::Client(_) | Self::Process(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_doors_fit_each_other() {
        for text in ["RM", "GFD", "LFD3", "S2", "C8", "P2"] {
            let kind = Kind::of(name(text)).expect("a process of a world");
            assert_eq!(kind.name(), name(text));
        }
        assert_eq!(Kind::of(name("X1")), None);
        let door = |text: &str| Kind::listening(text.parse().expect("an address"));
        assert_eq!(door("127.0.0.110:8001"), Some(Kind::Global));
        assert_eq!(door("127.0.0.110:8003"), Some(Kind::Manager));
        assert_eq!(door("127.0.0.103:8005"), Some(Kind::Server(3)));
        assert_eq!(door("127.0.0.103:8006"), None);
        assert_eq!(door("127.0.0.152:8010"), Some(Kind::Process(2)));
        assert_eq!(door("127.0.0.201:8000"), None);
    }
}
