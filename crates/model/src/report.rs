//! What a search has found, for people.

use std::fmt;
use std::time::Duration;

use crate::mutants::VIOLATED;
use crate::properties::Violation;
use crate::scope::Scope;

/// A property that does not hold, and how it comes to that.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What is wrong.
    pub violation: Violation,
    /// The shortest way there, a line for each move.
    pub story: Vec<String>,
}

/// What a search has found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Within which bounds.
    pub scope: Scope,
    /// How many worlds there are.
    pub worlds: usize,
    /// How many moves lead from one to another.
    pub moves: usize,
    /// The longest of the shortest ways to a world.
    pub depth: usize,
    /// In how many worlds nothing is left to happen.
    pub ends: usize,
    /// From how many of those time alone had to bring everything back.
    pub recovered: usize,
    /// How many worlds were not followed because the next view would be one too many.
    pub beyond: usize,
    /// In how many states each single process was.
    pub processes: usize,
    /// How many inputs were played by roles.
    pub inputs: usize,
    /// The most bytes that worlds took: the table of those seen, the way to each, and the two depths
    /// that were at work. The states of processes come on top, with some kilobytes each.
    pub bytes: usize,
    /// How long it took, by the clock.
    pub took: Duration,
    /// Whether nothing was left out.
    pub complete: bool,
    /// What does not hold.
    pub failure: Option<Failure>,
}

impl Report {
    /// That of a search that has not begun.
    pub(crate) fn empty(scope: &Scope) -> Self {
        Self {
            scope: scope.clone(),
            worlds: 0,
            moves: 0,
            depth: 0,
            ends: 0,
            recovered: 0,
            beyond: 0,
            processes: 0,
            inputs: 0,
            bytes: 0,
            took: Duration::ZERO,
            complete: true,
            failure: None,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worlds, moves, depth, ends, recovered, beyond, processes, inputs, .. } = self;
        let all = if self.complete { "exhaustive" } else { "NOT exhaustive" };
        let seconds = self.took.as_secs_f64();
        writeln!(f, "{}", self.scope)?;
        writeln!(f, "  {worlds} worlds, {moves} moves, depth {depth}, {all}")?;
        writeln!(
            f,
            "  {ends} ends, {recovered} of them after some time; {beyond} beyond the epochs"
        )?;
        writeln!(f, "  {processes} states of processes, {inputs} inputs played by roles")?;
        write!(
            f,
            "  {seconds:.1} s, {:.0} worlds/s, {} MiB for worlds",
            *worlds as f64 / seconds.max(0.001),
            self.bytes >> 20
        )?;
        if let Some(failure) = &self.failure {
            write!(f, "\n{VIOLATED}{}", failure.violation)?;
            for line in &failure.story {
                write!(f, "\n{line}")?;
            }
        }
        Ok(())
    }
}
