//! `client bench`: the command line of the load generator, and what is printed in the end.
//!
//! Not here: the load itself, which is the role [`client::Bench`].

mod figures;

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::Parser;
use clap::value_parser;
use client::BODY_LIMIT;
use client::bench::{Bench, Config, Load, users};
use client::config::{File, WINDOW_LIMIT};
use host::cli::{Common, Plan, Ready, period, seconds};
use node::{Input, Output, Role, Time};

use figures::{Figures, Format};

/// The first argument that asks for the load generator.
pub(crate) const COMMAND: &str = "bench";

/// How many requests there are when nothing else is said.
const REQUESTS: u64 = 100_000;
/// How many users there may be; servers remember as many sessions.
const USERS: i64 = 16_384;

/// Many clients in one process, and how long their requests take.
///
/// Each client has its own session and connections, keeps as many requests under way as the pipeline
/// allows (closed loop), or sends them at a fixed rate whatever the servers do (open loop, --rate);
/// then waits are counted from the moment at which a request was due, so that a stall is charged
/// with everything that it held up. Requests survive fail-overs. Exit code 1 if any request was
/// lost, or the servers are dead.
#[derive(Debug, Parser)]
#[command(
    name = "client bench",
    version,
    override_usage = "client bench --config <CONFIG> [OPTIONS]",
    after_help = EXAMPLE
)]
pub(crate) struct Arguments {
    #[arg(value_name = "bench", hide = true, value_parser = [COMMAND])]
    _command: String,

    /// A client's configuration: its RM, servers and patience are used (configs/c1.toml).
    #[arg(short, long, value_name = "CONFIG")]
    config: PathBuf,

    /// How many clients.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = value_parser!(u32).range(1..=USERS))]
    clients: u32,

    /// How many requests of each client may be unanswered.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=i64::from(WINDOW_LIMIT)))]
    pipeline: u32,

    /// End after this many requests [default: 100000, if no time is given].
    #[arg(long, value_name = "N")]
    requests: Option<NonZeroU64>,

    /// End after this time.
    #[arg(long, value_name = "TIME", value_parser = period)]
    seconds: Option<Duration>,

    /// So many requests per second of all clients together, instead of as fast as answers come.
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU64>,

    /// The length of a request's body, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 16)]
    size: usize,

    /// The clients are called by this and a number: B1, B2, ...
    #[arg(long, value_name = "NAME", default_value = "B")]
    prefix: String,

    /// The time from one line about the progress (standard error) to the next; 0 is none.
    #[arg(long, value_name = "TIME", default_value = "1", value_parser = seconds)]
    progress: Duration,

    /// Print the result as one JSON object.
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// Print the result as CSV, with a line of headings.
    #[arg(long)]
    csv: bool,

    #[command(flatten)]
    common: Common,
}

/// Makes the load generator.
pub(crate) fn prepare(arguments: Arguments, plan: &mut Plan) -> anyhow::Result<Ready> {
    let path = &arguments.config;
    let file: File = host::cli::load(path)?;
    ensure!(!file.short_form, "{}: short_form has no place in a load generator", path.display());
    ensure!(arguments.size <= BODY_LIMIT, "--size: a request has at most {BODY_LIMIT} bytes");
    let base = plan.base();
    let bench = arguments.bench(file.config(host::cli::started_at(), base)?)?;
    let [first, last] = [0, bench.users.len() - 1].map(|place| bench.users[place]);
    plan.note("clients", format_args!("{first} to {last}"));
    plan.note("rm", bench.rm);
    plan.note("pipeline", bench.pipeline);
    plan.note("load", format_args!("{:?}", bench.load));
    plan.note("size", bench.body.len());
    let mut settings = plan.settings(first.into(), file.bind, base, &[]);
    // Programs that read the figures get nothing else.
    settings.console.quiet |= arguments.format() != Format::Text;
    let figures = Figures {
        clients: bench.users.len(),
        pipeline: bench.pipeline,
        size: bench.body.len(),
        rate: bench.load.rate,
        format: arguments.format(),
    };
    Ok(Ready::new(Measured { bench: Bench::new(bench), figures }, settings))
}

impl Arguments {
    fn bench(&self, client: client::Config) -> anyhow::Result<Config> {
        let endless = self.requests.is_none() && self.seconds.is_none();
        let requests = self.requests.map(NonZeroU64::get).or(endless.then_some(REQUESTS));
        Ok(Config {
            users: users(&self.prefix, self.clients)
                .with_context(|| format!("--prefix {}", self.prefix))?,
            pipeline: self.pipeline,
            body: Bytes::from(vec![b'x'; self.size]),
            load: Load { requests, time: self.seconds, rate: self.rate },
            progress: (!self.progress.is_zero()).then_some(self.progress),
            rm: client.rm,
            servers: client.servers,
            nonce: client.nonce,
            retry: client.retry,
            round: client.round,
        })
    }

    fn format(&self) -> Format {
        match (self.json, self.csv) {
            (true, _) => Format::Json,
            (_, true) => Format::Csv,
            _ => Format::Text,
        }
    }
}

/// The role, whose figures are printed once it has them.
struct Measured {
    bench: Bench,
    figures: Figures,
}

impl Measured {
    fn tell(&mut self) {
        if let Some(report) = self.bench.take_report() {
            self.figures.print(&report);
        }
    }
}

impl Role for Measured {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        self.bench.handle(now, input, out);
        self.tell();
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        self.bench.wake(now, out);
        self.tell();
    }

    fn deadline(&self) -> Option<Time> {
        self.bench.deadline()
    }
}

const EXAMPLE: &str = "\
Examples:
  client bench -c configs/c1.toml --clients 50 --pipeline 16 --requests 1000000 --size 16
  client bench -c configs/c1.toml --clients 10 --rate 20000 --seconds 30 --json

Example: 20000 requests per second are sent while a server is killed; p99.9 and the longest gap say
what the clients noticed.

Listens on nothing. In active mode every request goes to every server, and the first reply counts.";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        host::cli::examine::<super::Arguments>();
    }
}
