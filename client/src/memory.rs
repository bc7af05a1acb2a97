//! `client ivy`: a process of shared virtual memory, as a program (docs/IVY.md).
//!
//! Not here: the role (`client::ivy`), sockets and the keyboard (`host`).

use std::path::PathBuf;

use anyhow::{Context as _, Error};
use clap::Parser;
use client::config::Machine;
use client::ivy::{File, Process};
use host::cli::{Common, Plan, Ready};
use wire::ClientName;

/// The first argument that asks for a process of shared virtual memory.
pub(crate) const COMMAND: &str = "ivy";

/// A process of shared virtual memory.
///
/// It reads and writes pages. A page that it may use costs no message; any other comes from its
/// owner, by the central manager (`server --service ivy`), whichever of its replicas is the primary.
/// It ends with `servers are dead` and exit code 1 after three rounds without any answer.
#[derive(Debug, Parser)]
#[command(
    name = "client ivy",
    version,
    override_usage = "client ivy --config <CONFIG> [OPTIONS]",
    after_help = EXAMPLE
)]
pub(crate) struct Arguments {
    #[arg(value_name = "ivy", hide = true, value_parser = [COMMAND])]
    _command: String,

    /// Its configuration: name, RM, address (configs/ivy1.toml has every key with its meaning).
    #[arg(short, long, value_name = "CONFIG")]
    config: PathBuf,

    /// Another name than the configuration's.
    #[arg(long, value_name = "NAME")]
    name: Option<ClientName>,

    /// Another RM than the configuration's: its machine, with its port base if that differs.
    #[arg(long, value_name = "IP[:BASE]", value_parser = rm)]
    rm: Option<Machine>,

    #[command(flatten)]
    common: Common,
}

/// Makes the process.
pub(crate) fn prepare(arguments: Arguments, plan: &mut Plan) -> anyhow::Result<Ready> {
    let path = &arguments.config;
    let mut file: File = host::cli::load(path)?;
    file.name = arguments.name.unwrap_or(file.name);
    file.rm = arguments.rm.unwrap_or(file.rm);
    let base = plan.base();
    let config = file.config(host::cli::started_at(), base).map_err(Error::msg);
    let config = config.with_context(|| path.display().to_string())?;
    plan.note("name", config.name);
    plan.note("rm", config.rm);
    plan.note("pages", config.address);
    plan.note("round", format_args!("{:?}", config.round));
    let address = config.address;
    let mut settings = plan.settings(config.name.into(), Some(address.ip()), base, &[]);
    settings.listen = vec![address];
    // A page travels whole, and every byte of it may have to be escaped.
    settings.frame_limit = settings.frame_limit.max(wire::ivy::FRAME_LIMIT);
    settings.keyboard = true;
    Ok(Ready::new(Process::new(config), settings))
}

fn rm(text: &str) -> Result<Machine, String> {
    Machine::try_from(text.to_owned())
}

const EXAMPLE: &str = "\
Example:
  client ivy -c configs/ivy1.toml

Type at it:
  readPage P1            writePage P1 CONTENT   print
  work mixed 100 10 1    100 operations on pages 1 to 10, from seed 1
  help

Listens on IP, port 8010 and the number of its name (P1: 8011), for pages. It dials the RM and the
primary like any client.";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        host::cli::examine::<super::Arguments>();
    }
}
