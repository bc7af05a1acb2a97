//! The command line of `lfd`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use host::cli::{Common, address, period, seconds};
use wire::{NodeName, ReplicaName};

/// The Local Fault Detector of one server.
///
/// It launches its server (or adopts the one that runs), sends it heartbeats, and reports to the
/// Global Fault Detector whether it is alive. The server outlives it.
#[derive(Debug, Parser)]
#[command(name = "lfd", version, after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// The time from one heartbeat to the next: seconds, or 250ms, 2s, 1m.
    #[arg(value_name = "HEARTBEAT_FREQ", value_parser = period)]
    pub(crate) heartbeat: Duration,

    /// Its name: LFD1, LFD2, ...
    #[arg(value_name = "LFD_NAME")]
    pub(crate) name: NodeName,

    /// The name of its server: S1, S2, ...
    #[arg(value_name = "SERVER_NAME")]
    pub(crate) server: ReplicaName,

    /// Where its server listens for it: this machine's address and the fourth port of the server's.
    #[arg(value_name = "SERVER_IP:PORT", value_parser = address)]
    pub(crate) server_address: SocketAddr,

    /// Where the GFD listens: 8000 for LFD1, 8001 for LFD2, 8002 for LFD3; each accepts any.
    #[arg(value_name = "GFD_IP:PORT", value_parser = address)]
    pub(crate) gfd: SocketAddr,

    /// The server's program [default: `server` beside this one].
    #[arg(long, env = "CHEVRON_SERVER_BIN", value_name = "FILE")]
    pub(crate) server_bin: Option<PathBuf>,

    /// Append what the server prints to this file [default: it prints where the LFD does].
    #[arg(long, value_name = "FILE")]
    pub(crate) server_log: Option<PathBuf>,

    /// The --audit file of the server.
    #[arg(long, value_name = "FILE")]
    pub(crate) server_audit: Option<PathBuf>,

    /// The server's CHECKPOINT_FREQ [default: 10].
    #[arg(long, env = "CHEVRON_CHECKPOINT_FREQ", value_name = "TIME", value_parser = period)]
    pub(crate) checkpoint_freq: Option<Duration>,

    /// How long the server may be silent before it is reported dead [default: two heartbeats, at
    /// least 1s].
    #[arg(long, env = "CHEVRON_HEARTBEAT_TIMEOUT", value_name = "TIME", value_parser = period)]
    pub(crate) heartbeat_timeout: Option<Duration>,

    /// How long a hung server that is to be replaced may still come back before it is killed
    /// [default: 10s].
    #[arg(long, env = "CHEVRON_HUNG_GRACE", value_name = "TIME", value_parser = seconds)]
    pub(crate) hung_grace: Option<Duration>,

    #[command(flatten)]
    pub(crate) common: Common,
}

const EXAMPLE: &str = "\
Example:
  lfd 10 LFD1 S1 172.19.136.189:8003 172.19.136.190:8000

Listens on nothing: it dials its server and the GFD. Ending it (Ctrl-C, SIGTERM) leaves the server
running; the next LFD of that server adopts it.

Each option with a variable: the argument goes before the variable, the variable before the
--cluster file, the file before the default. The server inherits the variables.";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        host::cli::examine::<super::Arguments>();
    }
}
