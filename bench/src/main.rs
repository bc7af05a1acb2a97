//! `bench`: the tools of `compare.sh`. A bare echo (the limit of what TCP gives on this machine), one
//! load generator for everything that is compared, a prober of fail-overs, and the table.
//!
//! All measurements are made by the same single-threaded loop, so that what differs is the server.
//!
//! Not here: bringing servers up (`compare.sh`), and `client bench`, which knows fail-overs and is
//! what users of the suite run.

mod echo;
mod load;
mod poll;
mod probe;
mod protocol;
mod table;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use protocol::Kind;

/// The tools of bench/compare.sh.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Send back whatever comes, until killed.
    Echo {
        /// Where to listen.
        address: SocketAddr,
    },
    /// Keep requests under way on many connections, and print a JSON object of what came of it.
    Load(Load),
    /// Ask one server after the other, one request at a time, and print the longest time between two
    /// answers as JSON.
    Probe {
        /// What the servers speak.
        kind: Kind,
        /// The servers.
        #[arg(required = true)]
        servers: Vec<SocketAddr>,
        /// For how long, in seconds.
        #[arg(long, default_value_t = 4.0)]
        seconds: f64,
        /// How long one server may take before the next one is asked, in milliseconds.
        #[arg(long, default_value_t = 50)]
        patience: u64,
    },
    /// Make a Markdown table of a file of JSON lines.
    Table {
        /// The file.
        file: PathBuf,
    },
}

/// A closed loop.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// What the server speaks.
    kind: Kind,
    /// The server.
    address: SocketAddr,
    /// How many connections.
    #[arg(long, default_value_t = 50)]
    clients: usize,
    /// How many requests of each may be unanswered.
    #[arg(long, default_value_t = 1)]
    pipeline: usize,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// The length of the value, in bytes.
    #[arg(long, default_value_t = 16)]
    size: usize,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Echo { address } => echo::serve(address),
        Task::Load(task) => load::run(&task).map(|result| println!("{result}")),
        Task::Probe { kind, servers, seconds, patience } => {
            let time = Duration::from_secs_f64(seconds);
            let patience = Duration::from_millis(patience);
            probe::run(kind, &servers, time, patience).map(|result| println!("{result}"))
        }
        Task::Table { file } => table::print(&file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}
