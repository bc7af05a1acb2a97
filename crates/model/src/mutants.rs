//! Does the search notice? Rules of the roles that are switched off, each with the smallest scope in
//! which that is known to do harm.
//!
//! Not here: rules that the model has no part in (LFDs, mode switches, evicted sessions), and those
//! behind which a second rule stands, so that no world within reach is worse without them; the
//! simulator has a table of its own.

use node::mutant::Mutant;
use wire::Mode;

use crate::scope::Scope;

/// A rule that is off, where that shows, and how soon.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// The rule.
    pub mutant: Mutant,
    /// The bounds, with the rule switched off.
    pub scope: Scope,
    /// How many moves the shortest way to something wrong has.
    pub moves: usize,
}

/// All that are known to be found, and where.
#[must_use]
pub fn hunts() -> Vec<Hunt> {
    let join = Scope { requests: 1, crashes: 0, launches: 0, ..Scope::default() };
    let two = Scope { servers: 2, ..join.clone() };
    let death = Scope { crashes: 1, launches: 1, epochs: 3, ..two.clone() };
    let restart = Scope { crashes: 1, launches: 1, resets: 1, ..two.clone() };
    let active_join = Scope { formed: 1, requests: 2, mode: Mode::Active, ..two.clone() };
    let active = Scope { formed: 3, crashes: 1, mode: Mode::Active, ..join.clone() };
    let hunt = |mutant, scope: &Scope, moves| {
        let scope = Scope { mutant: Some(mutant), ..scope.clone() };
        Hunt { mutant, scope, moves }
    };
    vec![
        hunt(Mutant::AnswerBeforeAcks, &join, 1),
        hunt(Mutant::LocalRead, &active_join, 1),
        hunt(Mutant::ExecuteOnReceipt, &active, 2),
        hunt(Mutant::AnnounceFirst, &death, 3),
        hunt(Mutant::DropByItself, &Scope { cuts: 1, ..two.clone() }, 4),
        hunt(Mutant::SkipDigest, &death, 5),
        hunt(Mutant::ForgetSessions, &active_join, 5),
        hunt(Mutant::DeleteOnGfdRestart, &restart, 7),
        hunt(Mutant::ForgetJoint, &join, 11),
        hunt(Mutant::CutAtView, &active, 11),
        hunt(Mutant::KeepConflict, &Scope { cuts: 1, accusations: 1, epochs: 3, ..two }, 12),
        hunt(Mutant::PromoteUnready, &death, 13),
        hunt(Mutant::JoinWithoutCompare, &Scope { crashes: 1, ..join }, 14),
    ]
}

/// What stands before a violation in what a search prints.
pub const VIOLATED: &str = "VIOLATED ";

/// The row of the table, from what a search with that rule switched off printed.
#[must_use]
pub fn row(mutant: Mutant, printed: &str) -> String {
    let name = mutant.as_str();
    let Some((_, found)) = printed.split_once(VIOLATED) else {
        return format!("{name:<24} {:>5}  NOTHING: a hole in the checkers", "");
    };
    let by: String = found.lines().next().unwrap_or_default().chars().take(90).collect();
    // The story has a number before each move.
    let number = |line: &str| line.split_whitespace().next()?.parse().ok();
    let moves: usize = found.lines().rev().find_map(number).unwrap_or(0);
    format!("{name:<24} {moves:>5}  {by}")
}
