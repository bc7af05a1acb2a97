//! The command line of `server`.

use std::net::IpAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use host::cli::{Common, machine, period};
use wire::ReplicaName;

/// One replica of the service.
///
/// It starts empty, joins the view that the Replication Manager makes, and then orders, acknowledges
/// and executes the requests of clients, as primary or as backup. Usually its LFD launches it.
#[derive(Debug, Parser)]
#[command(name = "server", version, after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// Its name: S1, S2, ...
    #[arg(value_name = "NAME")]
    pub(crate) name: ReplicaName,

    /// The address of this machine, as others reach it.
    #[arg(value_name = "IP", value_parser = machine)]
    pub(crate) ip: IpAddr,

    /// The time from one checkpoint to the next (passive mode): seconds, or 250ms, 2s, 1m.
    #[arg(value_name = "CHECKPOINT_FREQ", value_parser = period)]
    pub(crate) checkpoint: Duration,

    /// What is replicated.
    #[arg(long, env = "CHEVRON_SERVICE", value_name = "SERVICE", default_value = "status")]
    pub(crate) service: Service,

    /// How late a backup may acknowledge, while another does, before it is complained of
    /// [default: 250ms].
    #[arg(long, env = "CHEVRON_ACK_TIMEOUT", value_name = "TIME", value_parser = period)]
    pub(crate) ack_timeout: Option<Duration>,

    /// How long another replica may be silent before it is complained of [default: 1s].
    #[arg(long, env = "CHEVRON_PEER_TIMEOUT", value_name = "TIME", value_parser = period)]
    pub(crate) peer_timeout: Option<Duration>,

    /// An LFD launched this: run in a session of its own, so as to outlive the LFD.
    #[arg(long)]
    pub(crate) launched: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The services that a server can replicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// The documents' status string: each request replaces it, the reply carries it.
    Status,
}

const EXAMPLE: &str = "\
Example:
  server S1 172.19.136.188 10

Listens on IP, ports from 8000 (--port-base):
  8000 8001 8002  clients C1, C2, C3 (each accepts any)
  8003            its LFD
  8004 8005       other replicas

Try it while it is the primary:
  printf '<C9,S1,1,hello,request>' | nc 172.19.136.188 8000

Each option with a variable: the argument goes before the variable, the variable before the
--cluster file, the file before the default.";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        host::cli::examine::<super::Arguments>();
    }
}
