//! The rules by which views are made, in the order of their precedence.
//!
//! Each rule is a pure function from [`Facts`] to at most one [`Proposal`]; the first that proposes
//! wins, and all are asked again once its view is persisted. Each carries the number of its rule in
//! DESIGN section 5.
//!
//! Guarantees: a proposal keeps I1 and I3, and drops no member unless one stays that is alive.
//!
//! Not here: persisting and announcing; `gate` checks each proposal again before it does.

pub(crate) mod begin;
mod complaints;
pub mod failback;
pub(crate) mod holds;
mod members;

use node::Time;

use crate::facts::{Facts, Proposal};

/// A rule.
pub type Rule = fn(&Facts, Time) -> Option<Proposal>;

/// All rules, the most urgent first.
pub const RULES: &[Rule] = &[
    begin::first_view,          // R8, R12: there is no view yet
    begin::forced_unclean,      // R12: the operator lets a stale server lead
    begin::state_lost,          // R12: every member is proven dead
    members::gone,              // R4: members that are dead or replaced
    complaints::diverged,       // R9: a state differs
    complaints::abandoned,      // R3: a joiner that the primary need not wait for
    complaints::unmonitored,    // R15: the LFD is silent, and a member complains too
    complaints::of_a_backup,    // R3, R14: the primary complains
    complaints::of_the_primary, // R3: a backup complains
    members::joined,            // R3, R8: a caught-up joiner, by compare-and-set
    members::switched,          // R10: another mode is wanted
    failback::handed_over,      // R11: the acting primary has drained
    failback::not_handed_over,  // R11: it could not
];

/// The view that is to be made now, if any. Nothing is decided while the GFD is away, because
/// nobody could be told (R13), nor from a record that is older than what a server knows (I2).
#[must_use]
pub fn decide(facts: &Facts, now: Time) -> Option<Proposal> {
    if facts.registry.up().is_none() || facts.ahead.is_some() {
        return None;
    }
    RULES.iter().find_map(|rule| rule(facts, now))
}
