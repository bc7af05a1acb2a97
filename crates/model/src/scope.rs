//! The bounds within which everything is explored.

use std::fmt;
use std::net::SocketAddr;

use node::Time;
use node::mutant::Mutant;
use wire::{ClientName, Mode, ReplicaName};

/// The most servers and requests that the encoding of a state has room for.
pub const SERVERS: usize = 5;
/// See [`SERVERS`].
pub const REQUESTS: usize = 4;

/// Names end in one digit.
const _: () = assert!(SERVERS <= 9 && REQUESTS <= 9);

/// How much may happen. Faults are budgets: each may strike at any moment until it is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// How many servers there are.
    pub servers: usize,
    /// How many requests are made, each by a client of its own.
    pub requests: usize,
    /// Active or passive replication.
    pub mode: Mode,
    /// Whether clients register sessions; else they speak the documents' short form.
    pub sessions: bool,
    /// Whether clients come for the first time. Else each has its session from before, explicit or
    /// implicit, and opens none in what is explored.
    pub newcomers: bool,
    /// How many servers are members at the beginning. The others have just been launched.
    pub formed: usize,
    /// How many views may be made after that.
    pub epochs: u8,
    /// How many server processes may die.
    pub crashes: u8,
    /// How many dead ones may be launched again, on the RM's order.
    pub launches: u8,
    /// How many server processes may die and be replaced before anybody notices.
    pub replacements: u8,
    /// How often the RM may die; it comes back with its record.
    pub manager_crashes: u8,
    /// How often the connection between GFD and RM may break, with all that is on its way.
    pub resets: u8,
    /// How often a living server may be reported silent.
    pub accusations: u8,
    /// How often the network between two servers may be cut; it may heal at any moment.
    pub cuts: u8,
    /// How often the RM's record may not be written.
    pub disk_errors: u8,
    /// How often 300 ms may pass, in which whatever is due is done.
    pub ticks: u8,
    /// Whether an LFD's report of what has changed at a living server may be late. Else it reaches
    /// the RM at once, if no report is before it.
    pub late_reports: bool,
    /// Stop after so many states, if this is not 0.
    pub limit: usize,
    /// A rule that is switched off, to see that it is noticed.
    pub mutant: Option<Mutant>,
}

impl Default for Scope {
    /// A join and a death under two requests.
    fn default() -> Self {
        Self {
            servers: 3,
            requests: 2,
            mode: Mode::Passive,
            sessions: false,
            newcomers: false,
            formed: 2,
            epochs: 2,
            crashes: 1,
            launches: 1,
            replacements: 0,
            manager_crashes: 0,
            resets: 0,
            accusations: 0,
            cuts: 0,
            disk_errors: 0,
            ticks: 0,
            late_reports: false,
            limit: 0,
            mutant: None,
        }
    }
}

/// The time from one look at the clock to the next, while time passes.
pub(crate) const STEP_MILLIS: u64 = 50;
/// How many of those a tick has.
pub(crate) const STEPS_OF_A_TICK: u16 = 6;

/// The moment after so many steps. The beginning is late enough that nothing is before zero.
pub(crate) const fn moment(step: u16) -> Time {
    Time::from_micros(100_000_000 + step as u64 * STEP_MILLIS * 1000)
}

/// The name of a server.
pub(crate) fn replica(server: usize) -> ReplicaName {
    ReplicaName::from_bytes(&[b'S', b'1' + server as u8]).expect("a name")
}

/// The number of a server, by its name.
pub(crate) fn number_of(name: ReplicaName) -> Option<usize> {
    let number: usize = name.as_str().strip_prefix('S')?.parse().ok()?;
    number.checked_sub(1)
}

/// The machine of a server.
pub(crate) fn address(server: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 101 + server as u8], 8000))
}

/// The server at an address.
pub(crate) fn server_at(address: SocketAddr) -> Option<usize> {
    let std::net::IpAddr::V4(ip) = address.ip() else { return None };
    usize::from(ip.octets()[3]).checked_sub(101)
}

/// The client that makes a request.
pub(crate) fn client(request: usize) -> ClientName {
    ClientName::from_bytes(&[b'C', b'1' + request as u8]).expect("a name")
}

/// The request that a client makes.
pub(crate) fn request_of(name: ClientName) -> Option<usize> {
    let number: usize = name.as_str().strip_prefix('C')?.parse().ok()?;
    number.checked_sub(1)
}

/// What a request says: one letter, different for each.
pub(crate) const fn letter(request: usize) -> u8 {
    b'a' + request as u8
}

/// What a client's request from before said.
pub(crate) const fn greeting(request: usize) -> [u8; 1] {
    [letter(request).to_ascii_uppercase()]
}

/// The number of a run of a server: different for all runs of all servers.
pub(crate) const fn incarnation(server: usize, run: u8) -> u64 {
    (server as u64 + 1) * 10 + run as u64
}

/// The arguments that repeat it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--servers {} --formed {} --requests {}",
            self.servers, self.formed, self.requests
        )?;
        write!(f, " --mode {} --epochs {}", self.mode, self.epochs)?;
        let faults = [
            ("crashes", self.crashes),
            ("launches", self.launches),
            ("replacements", self.replacements),
            ("manager-crashes", self.manager_crashes),
            ("resets", self.resets),
            ("accusations", self.accusations),
            ("cuts", self.cuts),
            ("disk-errors", self.disk_errors),
            ("ticks", self.ticks),
        ];
        for (name, count) in faults {
            write!(f, " --{name} {count}")?;
        }
        if self.sessions {
            write!(f, " --sessions")?;
        }
        if self.newcomers {
            write!(f, " --newcomers")?;
        }
        if self.late_reports {
            write!(f, " --late-reports")?;
        }
        if let Some(mutant) = self.mutant {
            write!(f, " --mutant {}", mutant.as_str())?;
        }
        Ok(())
    }
}
