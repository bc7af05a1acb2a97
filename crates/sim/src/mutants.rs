//! Are the checkers awake? Each rule of the roles that can be switched off is, and seeds are played
//! until a checker notices.
//!
//! A rule that is off may also trip an assertion of a role, which ends the process; so each rule has
//! a process of its own, this very program with `--mutant NAME`.

use std::process::{Command, ExitCode};

use node::mutant::Mutant;

/// What became of one rule.
struct Verdict {
    mutant: Mutant,
    /// The first seed that noticed, and by what.
    caught: Option<(u64, String)>,
}

/// Plays up to `seeds` seeds against each rule, and prints the table. Exit code 1 if a rule may be
/// off without anybody noticing.
pub fn run(seeds: u64) -> ExitCode {
    println!("{:<22} {:>6}  caught by", "rule off", "seeds");
    let mut survivors = 0;
    for mutant in Mutant::ALL {
        let verdict = examine(*mutant, seeds);
        let name = verdict.mutant.as_str();
        match verdict.caught {
            Some((seed, by)) => println!("{name:<22} {seed:>6}  {by}"),
            None => {
                survivors += 1;
                println!("{name:<22} {seeds:>6}  NOTHING: a hole in the checkers");
            }
        }
    }
    println!("{} rules, {survivors} survived", Mutant::ALL.len());
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn examine(mutant: Mutant, seeds: u64) -> Verdict {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args(["--mutant", mutant.as_str(), "--from", "1", "--seeds", &seeds.to_string()])
        .output()
        .expect("this program runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = text.lines().find_map(|line| line.strip_prefix("seed ")?.split_once(" FAILED: "));
    let caught = failed.and_then(|(seed, by)| Some((seed.parse().ok()?, shortened(by))));
    Verdict { mutant, caught }
}

/// The first line of what was said, as far as it fits a table.
fn shortened(text: &str) -> String {
    text.chars().take(90).collect()
}

/// The rule of that name.
///
/// # Errors
/// When there is none: says which there are.
pub fn named(name: &str) -> Result<Mutant, String> {
    let all = || Mutant::ALL.iter().map(|m| m.as_str());
    let found = Mutant::ALL.iter().copied().find(|m| m.as_str() == name);
    found
        .ok_or_else(|| format!("no such rule; there are: {}", all().collect::<Vec<_>>().join(", ")))
}
