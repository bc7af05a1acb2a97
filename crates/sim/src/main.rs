//! `sim`: seeded runs of a whole cluster (see `sim --help`).
//!
//! Not here: what a run is (`sim::swarm`) and what must hold (`sim::properties`).

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use node::mutant::{Mutant, switch_off};
use sim::draw::{Game, Narrowed};
use sim::pool::{self, Job, Outcome};
use sim::shrink::shrink;
use sim::swarm::Swarm;
use sim::tally::Tally;
use sim::trace::Tracer;
use sim::{columns, mutants};

/// Plays seeded runs of a simulated cluster, and checks every property in each.
#[derive(Debug, Parser)]
#[command(name = "sim", version)]
struct Arguments {
    #[command(flatten)]
    runs: Runs,
    #[command(subcommand)]
    task: Option<Task>,
}

/// Which runs are played, and what is said of them.
#[derive(Debug, clap::Args)]
struct Runs {
    /// How many runs.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The seed of the first run.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many runs at a time [default: one per core].
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// Play exactly this seed.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print everything that happens, one column per process.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Only the columns of these processes, by name.
    #[arg(long, value_delimiter = ',', requires = "trace")]
    columns: Vec<String>,
    /// How wide a column is.
    #[arg(long, default_value_t = 34, value_parser = clap::value_parser!(u16).range(12..), requires = "trace")]
    width: u16,
    /// Go on after a run that failed.
    #[arg(long)]
    keep_going: bool,
    /// Do not look for the smallest part of a run that fails in the same way.
    #[arg(long)]
    no_shrink: bool,
    /// Play with this rule of the roles switched off.
    #[arg(long, value_parser = mutants::named)]
    mutant: Option<Mutant>,
    #[command(flatten)]
    part: Part,
}

/// The part of a run that is played, as shrinking prints it.
#[derive(Debug, Clone, clap::Args)]
struct Part {
    /// So many servers.
    #[arg(long)]
    servers: Option<u64>,
    /// So many clients.
    #[arg(long)]
    clients: Option<u64>,
    /// So many requests and no more.
    #[arg(long)]
    requests: Option<u64>,
    /// Faults stop after so long, in milliseconds: `1500ms`.
    #[arg(long, value_parser = millis)]
    faults_for: Option<Duration>,
    /// Only these faults, by their numbers in the run; or `none`.
    #[arg(long, value_parser = numbers)]
    only_faults: Option<Numbers>,
}

type Numbers = std::sync::Arc<[u64]>;

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Switches off each rule of the roles in turn: which property notices, and after how many seeds?
    Mutants {
        /// The most seeds to play against each.
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
        /// Only this rule.
        #[arg(long, value_parser = mutants::named)]
        only: Option<Mutant>,
    },
    /// Plays Ivy: its central manager on the servers, its processes as the clients.
    #[command(args_conflicts_with_subcommands = true)]
    Ivy {
        #[command(flatten)]
        runs: Box<Runs>,
        #[command(subcommand)]
        task: Option<IvyTask>,
    },
}

#[derive(Debug, clap::Subcommand)]
enum IvyTask {
    /// Switches off each rule of Ivy in turn, and asks what Ivy promises alone.
    Mutants {
        /// The most seeds to play against each.
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
        /// Only this rule.
        #[arg(long, value_parser = mutants::named)]
        only: Option<Mutant>,
    },
}

fn millis(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix("ms").unwrap_or(text).parse();
    number
        .map(Duration::from_millis)
        .map_err(|_| "a number of milliseconds, such as 1500ms".to_owned())
}

fn numbers(text: &str) -> Result<Numbers, String> {
    if text == "none" {
        return Ok(Numbers::default());
    }
    let numbers: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
    let mut numbers = numbers.map_err(|_| "numbers with commas, such as 3,17".to_owned())?;
    numbers.sort_unstable();
    Ok(numbers.into())
}

fn main() -> ExitCode {
    let Arguments { runs, task } = Arguments::parse();
    pool::catch_panics();
    let threads = runs.threads();
    match task {
        None => play(&runs, Game::Register),
        Some(Task::Mutants { seeds, only }) => mutants::run(Game::Register, seeds, threads, only),
        Some(Task::Ivy { task: Some(IvyTask::Mutants { seeds, only }), .. }) => {
            mutants::run(Game::IvyAlone, seeds, threads, only)
        }
        // What a rule of Ivy that is off does is for Ivy's own properties to find.
        Some(Task::Ivy { runs, task: None }) if runs.mutant.is_some() => {
            play(&runs, Game::IvyAlone)
        }
        Some(Task::Ivy { runs, task: None }) => play(&runs, Game::Ivy),
    }
}

impl Runs {
    fn threads(&self) -> usize {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or(cores, NonZeroUsize::get)
    }
}

fn play(arguments: &Runs, game: Game) -> ExitCode {
    let threads = arguments.threads();
    if arguments.trace {
        trace(arguments, game);
        return ExitCode::SUCCESS;
    }
    let (from, seeds) = arguments.seed.map_or((arguments.from, arguments.seeds), |seed| (seed, 1));
    let (narrowed, mutant) = (narrowed(&arguments.part), arguments.mutant);
    let jobs = (from..from.saturating_add(seeds)).map(|seed| Job {
        game,
        seed,
        narrowed: narrowed.clone(),
        mutant,
    });
    let mut tally = Tally::begin(seeds);
    let mut first = None;
    pool::run(threads, jobs, |job, outcome| {
        tally.add(outcome);
        if let Some(failure) = outcome.failure() {
            tally.clear_progress();
            println!("seed {} FAILED: {failure}\n  again: {}", job.seed, command(job));
            if !arguments.no_shrink && (first.is_none() || arguments.keep_going) {
                first = Some(());
                say_the_smallest(job, outcome, threads);
            }
        } else if seeds == 1 {
            say_what_came(job, outcome);
        }
        tally.show_progress();
        outcome.failure().is_none() || arguments.keep_going
    });
    tally.clear_progress();
    println!("{tally}");
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn narrowed(part: &Part) -> Narrowed {
    Narrowed {
        servers: part.servers,
        clients: part.clients,
        requests: part.requests,
        safety: part.faults_for,
        only: part.only_faults.as_ref().map(|only| only.to_vec()),
    }
}

fn say_what_came(job: &Job, outcome: &Outcome) {
    if let Outcome::Played(report) = outcome {
        println!(
            "seed {}: hash {:016x}, {} events, {:?} simulated, {} faults, {} of {} answered",
            job.seed,
            report.hash,
            report.happened,
            report.simulated,
            report.faults.len(),
            report.answered,
            report.asked
        );
    }
}

fn say_the_smallest(job: &Job, outcome: &Outcome, threads: usize) {
    let shrunk = shrink(job, outcome, threads);
    let part = Job { narrowed: shrunk.narrowed, ..job.clone() };
    println!(
        "  shrunk in {} runs to: {}\n  again: {}",
        shrunk.attempts,
        shrunk.failure,
        command(&part)
    );
}

/// The command that plays a run again, readably.
fn command(job: &Job) -> String {
    let mutant = job.mutant.map_or_else(String::new, |m| format!(" --mutant {}", m.as_str()));
    let (seed, part) = (job.seed, job.narrowed.arguments());
    let task = if job.game == Game::Register { "" } else { "ivy " };
    format!("cargo run --release -p sim -- {task}--seed {seed} --trace{part}{mutant}")
}

/// Plays one run and prints it as it happens; a role that panics ends the program after it.
fn trace(arguments: &Runs, game: Game) {
    switch_off(arguments.mutant);
    let mut swarm = Swarm::of(game, arguments.seed.unwrap_or(1), narrowed(&arguments.part));
    println!("{:#?}", swarm.settings());
    let names = columns::names(&swarm.world.plan, &arguments.columns);
    let columns = columns::Columns::new(names, arguments.width.into());
    let out = std::io::stdout();
    let print = move |text: &str| {
        // Whoever reads the trace may have seen enough.
        writeln!(out.lock(), "{text}").unwrap_or_default();
    };
    print(&columns.heading());
    swarm.world.watch(Box::new(Tracer::new(columns, print)));
    let report = swarm.run();
    match report.violation {
        Some(violation) => println!("FAILED: {violation}"),
        None => println!("all properties hold; hash {:016x}", report.hash),
    }
}
