//! `sim`: seeded runs of a whole cluster (see `sim --help`).
//!
//! Not here: what a run is (`sim::swarm`) and what must hold (`sim::properties`).

use std::cell::Cell;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use node::mutant::{Mutant, switch_off};
use sim::mutants;
use sim::swarm::{Report, Swarm};
use sim::trace::Tracer;

/// Plays seeded runs of a simulated cluster, and checks every property in each.
#[derive(Debug, Parser)]
#[command(name = "sim", version)]
struct Arguments {
    /// How many runs.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The seed of the first run.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Play exactly this seed.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
    /// Go on after a run that failed.
    #[arg(long)]
    keep_going: bool,
    /// Play with this rule of the roles switched off.
    #[arg(long, value_parser = mutants::named)]
    mutant: Option<Mutant>,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Switches off each rule of the roles in turn: which property notices, and after how many seeds?
    Mutants {
        /// The most seeds to play against each.
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
    },
}

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Task::Mutants { seeds }) = arguments.task {
        return mutants::run(seeds);
    }
    switch_off(arguments.mutant);
    say_the_seed_when_a_role_panics();
    let (from, seeds) = arguments.seed.map_or((arguments.from, arguments.seeds), |seed| (seed, 1));
    let mut totals = Totals::default();
    for seed in from..from.saturating_add(seeds) {
        SEED.set(seed);
        let report = play(seed, arguments.trace);
        totals.add(&report);
        if seeds == 1 {
            println!(
                "seed {seed}: hash {:016x}, {} events, {:?} simulated, {} faults, {} answered",
                report.hash, report.happened, report.simulated, report.faults.len(), report.answered
            );
        }
        if let Some(violation) = &report.violation {
            println!("seed {seed} FAILED: {violation}\n  again: {}", command(seed));
            totals.failed += 1;
            if !arguments.keep_going {
                break;
            }
        }
        if totals.runs % 100 == 0 {
            println!("{totals}");
        }
    }
    println!("{totals}");
    if totals.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn play(seed: u64, trace: bool) -> Report {
    let mut swarm = Swarm::new(seed);
    if trace {
        println!("{:#?}", swarm.world.plan);
        let out = std::io::stdout();
        let print = move |line: String| {
            // Whoever reads the trace may have seen enough.
            let _ = writeln!(out.lock(), "{line}");
        };
        swarm.world.watch(Box::new(Tracer::new(print)));
    }
    swarm.run()
}

fn command(seed: u64) -> String {
    format!("cargo run --release -p sim -- --seed {seed} --trace")
}

/// A role that asserts what does not hold ends the program; the seed has to be known even then.
fn say_the_seed_when_a_role_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let seed = SEED.get();
        println!("seed {seed} FAILED: {info}\n  again: {}", command(seed));
        before(info);
    }));
}

#[derive(Debug, Default)]
struct Totals {
    runs: u64,
    failed: u64,
    happened: u64,
    answered: u64,
    faults: u64,
    simulated: std::time::Duration,
    recovery: std::time::Duration,
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.happened += report.happened;
        self.answered += report.answered;
        self.faults += report.faults.len() as u64;
        self.simulated += report.simulated;
        self.recovery = self.recovery.max(report.recovery);
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hours = self.simulated.as_secs_f64() / 3600.0;
        write!(
            f,
            "{} runs, {} failed; {hours:.2} simulated hours, {} events, {} faults, {} answers, \
             longest recovery {:?}",
            self.runs, self.failed, self.happened, self.faults, self.answered, self.recovery
        )
    }
}
