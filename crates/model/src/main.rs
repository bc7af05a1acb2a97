//! `model`: checks a scope exhaustively (see `model --help`).
//!
//! Not here: the search, and what must hold; see the library.

use std::process::{self, ExitCode};
use std::sync::PoisonError;

use clap::Parser;
use model::{Report, Scope, SharedTrail, mutants, search, suite};
use node::mutant::Mutant;
use wire::Mode;

/// Plays every interleaving of RM and servers within bounds, and checks every world on the way.
#[derive(Debug, Parser)]
#[command(name = "model", version, after_help = EXAMPLE)]
struct Arguments {
    /// How many servers there are.
    #[arg(long, default_value_t = 3)]
    servers: usize,
    /// How many servers are members at the beginning; the others have just been launched.
    #[arg(long, default_value_t = 2)]
    formed: usize,
    /// How many requests are made, each by a client of its own.
    #[arg(long, default_value_t = 2)]
    requests: usize,
    /// Active or passive replication.
    #[arg(long, default_value = "passive")]
    mode: Mode,
    /// Clients register sessions, instead of speaking the documents' short form.
    #[arg(long)]
    sessions: bool,
    /// Clients come for the first time, and open their sessions.
    #[arg(long)]
    newcomers: bool,
    /// How many views may be made.
    #[arg(long, default_value_t = 2)]
    epochs: u8,
    /// How many servers may die.
    #[arg(long, default_value_t = 1)]
    crashes: u8,
    /// How many dead ones may be launched again.
    #[arg(long, default_value_t = 1)]
    launches: u8,
    /// How many servers may die and be replaced before anybody notices.
    #[arg(long, default_value_t = 0)]
    replacements: u8,
    /// How often the RM may die.
    #[arg(long, default_value_t = 0)]
    manager_crashes: u8,
    /// How often the connection of GFD and RM may break.
    #[arg(long, default_value_t = 0)]
    resets: u8,
    /// How often a living server may be reported silent.
    #[arg(long, default_value_t = 0)]
    accusations: u8,
    /// How often the network between two servers may be cut.
    #[arg(long, default_value_t = 0)]
    cuts: u8,
    /// How often the RM's record may not be written.
    #[arg(long, default_value_t = 0)]
    disk_errors: u8,
    /// How often 300 ms may pass.
    #[arg(long, default_value_t = 0)]
    ticks: u8,
    /// Reports of what has changed at living servers may be late.
    #[arg(long)]
    late_reports: bool,
    /// How many threads search; 0 for one on each core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Stop after so many worlds; 0 for never.
    #[arg(long, default_value_t = 0)]
    limit: usize,
    /// Switch this rule off, to see it noticed.
    #[arg(long, value_parser = mutant, value_name = "RULE")]
    mutant: Option<Mutant>,
    /// Check a number of scopes: `quick` takes seconds, `ci` minutes, `long` an hour and gigabytes.
    #[arg(long, value_name = "quick|ci|long", conflicts_with = "mutant")]
    suite: Option<Suite>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Command {
    /// Switch off one rule of the roles after the other, and say what noticed, after how many moves.
    Mutants,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Suite {
    Quick,
    Ci,
    Long,
}

const EXAMPLE: &str = "\
Example:
  model --servers 3 --formed 3 --requests 2 --crashes 1 --launches 0
  model --suite ci
  model mutants
The number of worlds grows by ten to forty with each fault and each request; up to 50 bytes of memory
go to each, and some hundreds to those of the present depth: a gigabyte for 20 million.";

fn mutant(word: &str) -> Result<Mutant, String> {
    let words: Vec<&str> = Mutant::ALL.iter().map(|m| m.as_str()).collect();
    let found = Mutant::ALL.iter().copied().find(|m| m.as_str() == word);
    found.ok_or_else(|| format!("the rules that can be switched off are {}", words.join(", ")))
}

impl Arguments {
    fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    fn scope(&self) -> Scope {
        Scope {
            servers: self.servers.clamp(1, model::scope::SERVERS),
            requests: self.requests.min(model::scope::REQUESTS),
            mode: self.mode,
            sessions: self.sessions,
            newcomers: self.newcomers || self.formed == 0,
            formed: self.formed.min(self.servers),
            epochs: self.epochs,
            crashes: self.crashes,
            launches: self.launches,
            replacements: self.replacements,
            manager_crashes: self.manager_crashes,
            resets: self.resets,
            accusations: self.accusations,
            cuts: self.cuts,
            disk_errors: self.disk_errors,
            ticks: self.ticks,
            late_reports: self.late_reports,
            limit: self.limit,
            mutant: self.mutant,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = arguments.threads();
    let holds = match (arguments.command, arguments.suite) {
        (Some(Command::Mutants), _) => hunt(threads),
        (None, Some(suite)) => run(suite, threads),
        (None, None) => {
            let report = check(&arguments.scope(), threads);
            println!("{report}");
            report.failure.is_none()
        }
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Checks all scopes of a suite, and says in how far they have as many worlds as they once had.
fn run(suite: Suite, threads: usize) -> bool {
    let scopes = match suite {
        Suite::Quick => suite::quick(),
        Suite::Ci => suite::ci(),
        Suite::Long => suite::long(),
    };
    let (mut holds, mut worlds) = (true, 0);
    for named in scopes {
        let report = check(&named.scope, threads);
        println!("{}: {report}", named.name);
        if report.failure.is_none() && report.worlds != named.worlds {
            println!("  it had {} worlds when it was last counted", named.worlds);
        }
        holds &= report.failure.is_none();
        worlds += report.worlds;
    }
    println!("{worlds} worlds in all");
    holds
}

/// Switches off one rule after the other. An assertion of a role may end the process, so each has a
/// process of its own: this program again.
fn hunt(threads: usize) -> bool {
    println!("{:<24} {:>5}  found by", "rule off", "moves");
    let mut survivors = 0;
    for hunt in mutants::hunts() {
        let program = std::env::current_exe().expect("this program has a path");
        let scope = hunt.scope.to_string();
        let output = process::Command::new(program)
            .args(scope.split(' '))
            .args(["--threads", &threads.to_string()])
            .output()
            .expect("this program runs again");
        let text = String::from_utf8_lossy(&output.stdout);
        println!("{}", mutants::row(hunt.mutant, &text));
        survivors += usize::from(!text.contains(mutants::VIOLATED));
    }
    println!("{} rules, {survivors} survived", mutants::hunts().len());
    survivors == 0
}

fn check(scope: &Scope, threads: usize) -> Report {
    let trail = SharedTrail::default();
    tell_the_story_when_a_role_panics(scope, &trail);
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    search(scope, threads, &trail, &mut |report: &Report| {
        if terminal {
            eprint!("\r  depth {:>3}: {:>10} worlds ", report.depth, report.worlds);
        }
    })
}

/// The release profile ends a process at a panic, so this is the last chance to say how it came to
/// that.
fn tell_the_story_when_a_role_panics(scope: &Scope, trail: &SharedTrail) {
    let (scope, trail) = (scope.clone(), trail.clone());
    std::panic::set_hook(Box::new(move |panic| {
        println!("{scope}\n{}assert: {panic}", mutants::VIOLATED);
        let trail = trail.lock().unwrap_or_else(PoisonError::into_inner);
        for line in trail.story(&scope) {
            println!("{line}");
        }
        process::exit(1);
    }));
}
