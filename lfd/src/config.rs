//! What an LFD is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use wire::ports::SERVER_LFD;
use wire::{NodeName, ReplicaName};

/// The settings of one LFD.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its own name.
    pub name: NodeName,
    /// The server that it watches.
    pub server: ReplicaName,
    /// The server's door for its LFD.
    pub server_address: SocketAddr,
    /// The GFD's door for this LFD.
    pub gfd: SocketAddr,
    /// The time from one heartbeat to the next.
    pub heartbeat_period: Duration,
    /// How long the server may be silent before it is deleted.
    pub heartbeat_timeout: Duration,
    /// How long a hung server is given to answer again after the RM ordered a new one, and how long
    /// a launched one may take to its first answer.
    pub hung_grace: Duration,
}

impl Config {
    /// The server's machine: its IP and its port base, which is what travels in views.
    pub(crate) fn server_base(&self) -> SocketAddr {
        let port = self.server_address.port().saturating_sub(SERVER_LFD);
        SocketAddr::new(self.server_address.ip(), port)
    }
}
