//! `server`: one replica (see `server --help`).
//!
//! Not here: the rest of the command line ([`server::program`]), the role, sockets and files.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use host::cli::{Plan, Ready};
use server::program::{self, EXAMPLE};
use server::service::{CentralManager, Status};

/// One replica of the service.
///
/// It starts empty, joins the view that the Replication Manager makes, and then orders, acknowledges
/// and executes the requests of clients, as primary or as backup. Usually its LFD launches it.
#[derive(Debug, Parser)]
#[command(name = "server", version, after_help = EXAMPLE)]
struct CommandLine {
    #[command(flatten)]
    program: program::Arguments,

    /// What is replicated.
    #[arg(long, env = "CHEVRON_SERVICE", value_name = "SERVICE", default_value = "status")]
    service: Service,
}

/// The services that a server can replicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Service {
    /// The documents' status string: each request replaces it, the reply carries it.
    Status,
    /// The central manager of shared virtual memory (docs/IVY.md).
    Ivy,
}

fn main() -> ExitCode {
    host::cli::run(prepare)
}

fn prepare(line: CommandLine, plan: &mut Plan) -> anyhow::Result<Ready> {
    plan.note("service", format_args!("{:?}", line.service));
    match line.service {
        Service::Status => program::prepare(line.program, plan, Status::default()),
        Service::Ivy => program::prepare(line.program, plan, CentralManager::default()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        host::cli::examine::<super::CommandLine>();
    }
}
