//! The command line of `client`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Parser;
use client::config::{File, InputKind, Machine};
use host::cli::{Common, seconds};
use wire::ClientName;

/// A client of the replicated service.
///
/// It asks the Replication Manager whom to talk to and sends requests there, each under a number
/// that is answered exactly once, whatever fails in between. It ends with `servers are dead` and
/// exit code 1 after three rounds without any answer.
#[derive(Debug, Parser)]
#[command(name = "client", version, after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// Its configuration: name, RM, messages (configs/c1.toml has every key with its meaning).
    #[arg(short, long, value_name = "CONFIG")]
    pub(crate) config: PathBuf,

    /// Another name than the configuration's.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<ClientName>,

    /// Another RM than the configuration's: its machine, with its port base if that differs.
    #[arg(long, value_name = "IP[:BASE]", value_parser = rm)]
    pub(crate) rm: Option<Machine>,

    /// The time from one automatic request to the next; 0 is as fast as answers come.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) interval: Option<Duration>,

    /// End after this many answers; 0 is never.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,

    #[command(flatten)]
    pub(crate) common: Common,
}

impl Arguments {
    /// Puts what the command line says over what the configuration file says.
    pub(crate) fn override_file(&self, file: &mut File) -> anyhow::Result<()> {
        let automatic = self.interval.is_some() || self.count.is_some();
        ensure!(
            !automatic || file.input == InputKind::Automatic,
            "--interval and --count are for automatic requests, and {} says input = \"keyboard\"",
            self.config.display()
        );
        file.name = self.name.unwrap_or(file.name);
        file.rm = self.rm.unwrap_or(file.rm);
        file.interval = self.interval.or(file.interval);
        file.count = self.count.unwrap_or(file.count);
        Ok(())
    }
}

fn rm(text: &str) -> Result<Machine, String> {
    Machine::try_from(text.to_owned())
}

const EXAMPLE: &str = "\
Example:
  client -c configs/c1.toml
  client bench -c configs/c1.toml    many clients and what they measure: client bench --help

Listens on nothing: it dials the RM (8006 for C1, 8007 for C2, 8008 for C3) and the servers (8000,
8001, 8002 likewise). With input = \"keyboard\" each typed line is a request.

Each option goes before the configuration's key. Options with a variable: the argument goes before
the variable, the variable before the --cluster file, the file before the default.";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        host::cli::examine::<super::Arguments>();
    }
}
