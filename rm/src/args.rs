//! The command line of `rm`.

use std::net::IpAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use host::cli::{Common, machine, period, seconds};
use wire::{Mode, ReplicaName};

/// The Replication Manager. (Not the system's rm: never install it on PATH.)
///
/// It alone makes views: who is a member, who is the primary, in which mode. It keeps the last view
/// in the state directory, has dead servers launched and brought up to date, and tells clients whom
/// to ask. The suite serves on while it is away.
#[derive(Debug, Parser)]
#[command(name = "rm", version, after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// The address of this machine, as the GFD and clients reach it.
    #[arg(value_name = "IP", value_parser = machine)]
    pub(crate) ip: IpAddr,

    /// `active`: all members execute and answer. `passive`: only the primary does. Another mode than
    /// that of the last view switches a running suite over.
    #[arg(value_name = "active|passive")]
    pub(crate) mode: Mode,

    /// Give up the replicated state of the last view, and start a new cluster.
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Give control back to this server once it is a stable member again [default: the acting
    /// primary keeps it].
    #[arg(long, env = "CHEVRON_PREFER", value_name = "NAME")]
    pub(crate) prefer: Option<ReplicaName>,

    /// What to do once every member of the last view is proven dead, and its state with it
    /// [default: restart].
    #[arg(long, env = "CHEVRON_ON_TOTAL_LOSS", value_name = "WHAT")]
    pub(crate) on_total_loss: Option<OnTotalLoss>,

    /// Let this live server, which is behind, lead a new cluster with what it has. What the members
    /// of the last view acknowledged after that is given up.
    #[arg(long, value_name = "NAME", conflicts_with = "fresh")]
    pub(crate) force_unclean: Option<ReplicaName>,

    /// How long after its own start absence means nothing [default: 1s].
    #[arg(long, env = "CHEVRON_GRACE", value_name = "TIME", value_parser = seconds)]
    pub(crate) grace: Option<Duration>,

    /// The least time between two fail-backs, and between two removals of one server on complaint
    /// [default: 10s].
    #[arg(long, env = "CHEVRON_HOLD_DOWN", value_name = "TIME", value_parser = seconds)]
    pub(crate) hold_down: Option<Duration>,

    /// How long the GFD may be silent, and how long a complaint between two members has to stand
    /// [default: 3s].
    #[arg(long, env = "CHEVRON_HEARTBEAT_TIMEOUT", value_name = "TIME", value_parser = period)]
    pub(crate) heartbeat_timeout: Option<Duration>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to do after a total loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnTotalLoss {
    /// Say that the state was lost, and start afresh.
    Restart,
    /// Wait for an operator, who starts the RM with --fresh.
    Wait,
}

impl From<OnTotalLoss> for rm::OnTotalLoss {
    fn from(what: OnTotalLoss) -> Self {
        match what {
            OnTotalLoss::Restart => Self::Restart,
            OnTotalLoss::Wait => Self::Wait,
        }
    }
}

const EXAMPLE: &str = "\
Example:
  rm 172.19.136.190 active

Listens on IP, ports from 8000 (--port-base):
  8003            the GFD
  8006 8007 8008  clients C1, C2, C3 (each accepts any)

Typed while it runs in a terminal:
  switch active|passive

Try it:
  printf '<C9,client>' | nc 172.19.136.190 8006

Each option with a variable: the argument goes before the variable, the variable before the
--cluster file, the file before the default.";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        host::cli::examine::<super::Arguments>();
    }
}
