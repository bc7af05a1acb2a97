//! The command line of `gfd`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Parser;
use host::cli::{Common, address, machine, period};

/// The Global Fault Detector.
///
/// It keeps the membership that the LFDs report, sends them heartbeats, tells the Replication
/// Manager of every change, and carries the manager's orders down to them.
#[derive(Debug, Parser)]
#[command(name = "gfd", version, after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// The address of this machine, as the LFDs reach it.
    #[arg(value_name = "IP", value_parser = machine)]
    pub(crate) ip: IpAddr,

    /// The time from one heartbeat to the next: seconds, or 250ms, 2s, 1m.
    #[arg(value_name = "HEARTBEAT_FREQ", value_parser = period)]
    pub(crate) heartbeat: Duration,

    /// Where the RM listens for it [default: IP, port 8003].
    #[arg(long, env = "CHEVRON_RM", value_name = "IP:PORT", value_parser = address)]
    pub(crate) rm: Option<SocketAddr>,

    /// How long an LFD may be silent before its server counts as unmonitored [default: two
    /// heartbeats, at least 1s].
    #[arg(long, env = "CHEVRON_HEARTBEAT_TIMEOUT", value_name = "TIME", value_parser = period)]
    pub(crate) heartbeat_timeout: Option<Duration>,

    #[command(flatten)]
    pub(crate) common: Common,
}

const EXAMPLE: &str = "\
Example:
  gfd 172.19.136.190 10

Listens on IP, ports from 8000 (--port-base):
  8000 8001 8002  LFD1, LFD2, LFD3 (each accepts any)

Each option with a variable: the argument goes before the variable, the variable before the
--cluster file, the file before the default.";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        host::cli::examine::<super::Arguments>();
    }
}
