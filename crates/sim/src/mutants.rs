//! Are the checkers awake? Each rule of the roles that can be switched off is, and seeds are played
//! until a checker notices: a property, or an assertion of a role.
//!
//! Guarantees: the seed that is named is the smallest that notices, whatever the number of threads.
//!
//! Not here: the rules; see [`node::mutant`].

use std::process::ExitCode;

use node::mutant::Mutant;

use crate::draw::Game;
use crate::pool::{self, Job};

/// The rules of which the simulator need not notice that they are off, because it cannot in a
/// thousand seeds and the exhaustive search does: a test plays it (`tests/mutants.rs`).
pub const MODEL_CHECK: &[Mutant] = &[Mutant::JointAtCommit];

/// Plays up to `seeds` seeds of a game against each of its rules, and prints the table. Exit code 1 if
/// a rule may be off without anybody noticing.
#[must_use]
pub fn run(game: Game, seeds: u64, threads: usize, only: Option<Mutant>) -> ExitCode {
    println!("{:<22} {:>6}  noticed by", "rule off", "seeds");
    let mut survivors = 0;
    let rules = if game == Game::Register { Mutant::ALL } else { Mutant::IVY };
    let all = rules.iter().copied().filter(|m| only.is_none_or(|only| only == *m));
    for mutant in all {
        let name = mutant.as_str();
        match examine(game, mutant, seeds, threads) {
            Some((seed, by)) => println!("{name:<22} {seed:>6}  {}", shortened(&by)),
            None if MODEL_CHECK.contains(&mutant) => {
                println!("{name:<22} {:>6}  model check only", format!(">{seeds}"));
            }
            None => {
                survivors += 1;
                println!("{name:<22} {:>6}  NOTHING: a hole in the checkers", format!(">{seeds}"));
            }
        }
    }
    println!("{} rules, {survivors} survived", rules.len());
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// The first seed that notices, and how.
fn examine(game: Game, mutant: Mutant, seeds: u64, threads: usize) -> Option<(u64, String)> {
    let jobs = (1..=seeds).map(|seed| Job { game, seed, mutant: Some(mutant), ..Job::default() });
    let mut first: Option<(u64, String)> = None;
    pool::run(threads, jobs, |job, outcome| {
        if let Some(failure) = outcome.failure().filter(|failure| says_something(failure))
            && first.as_ref().is_none_or(|(seed, _)| job.seed < *seed)
        {
            first = Some((job.seed, failure));
        }
        first.is_none()
    });
    first
}

/// A search for an order that was given up for its length says nothing about the rule.
fn says_something(failure: &str) -> bool {
    !failure.contains("undecided: ")
}

/// The first line of what was said, as far as it fits a table.
fn shortened(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(110).collect()
}

/// The rule of that name.
///
/// # Errors
/// When there is none: says which there are.
pub fn named(name: &str) -> Result<Mutant, String> {
    let rules = || Mutant::ALL.iter().chain(Mutant::IVY);
    let all = || rules().map(|m| m.as_str());
    let found = rules().copied().find(|m| m.as_str() == name);
    found
        .ok_or_else(|| format!("no such rule; there are: {}", all().collect::<Vec<_>>().join(", ")))
}
