//! What the GFD is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use wire::NodeName;

/// The settings of the GFD.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its own name.
    pub name: NodeName,
    /// The RM's door for the GFD.
    pub rm: SocketAddr,
    /// The time from one heartbeat to the next.
    pub heartbeat_period: Duration,
    /// How long an LFD may be silent before its server counts as unmonitored.
    pub heartbeat_timeout: Duration,
}
