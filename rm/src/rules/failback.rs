//! R11: the preferred primary gets its role back, in order and not too often.
//!
//! The RM asks the acting primary to hand over; that one stops sequencing, waits until all is
//! acknowledged and says `drained`; then a view moves the role. Moving it would be safe without that
//! (R4): draining only spares the clients the repetition of what is under way.
//!
//! Guarantees: at most one attempt per hold-down; an attempt that fails ends in a new epoch, so that
//! the acting primary never waits for a view that does not come.

use std::time::Duration;

use node::Time;
use node::mutant::{Mutant, is_off};
use wire::{Epoch, Member, ReplicaName, View};

use crate::facts::{Facts, Proposal, Reason};

/// How long the acting primary may take to drain.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a fail-back stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailBack {
    /// The attempt that is under way.
    pub attempt: Option<Attempt>,
    /// When the last attempt began.
    pub last: Option<Time>,
}

/// A hand-over that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The epoch that it ends.
    pub epoch: Epoch,
    /// When it was first asked for.
    pub since: Time,
    /// Whether the acting primary has drained.
    pub drained: bool,
}

/// Begins an attempt if it is time for one.
pub(crate) fn begin(facts: &mut Facts, now: Time) {
    let Some(epoch) = facts.view.as_ref().map(|view| view.epoch) else { return };
    if facts.failback.attempt.is_none() && is_due(facts, now) {
        let attempt = Attempt { epoch, since: now, drained: false };
        facts.failback = FailBack { attempt: Some(attempt), last: Some(now) };
    }
}

fn is_due(facts: &Facts, now: Time) -> bool {
    let config = &facts.config;
    let Some((view, preferred)) = preferred(facts) else { return false };
    // Who is in no table was so before this RM started.
    let older = |since: Option<Time>, least| since.is_none_or(|since| now.since(since) >= least);
    let stable = config.stable_before_failback;
    let alive_since = facts.registry.entry(preferred.name).map(|entry| entry.since);
    let member_since = facts.member_since.get(&preferred.name).copied();
    facts.ahead.is_none()
        && facts.alive_member(view.primary).is_some()
        && older(alive_since, stable)
        && older(member_since, stable)
        && older(facts.failback.last, config.hold_down)
        && facts.complaints.standing(now).next().is_none()
        && facts.joins.is_empty()
}

/// The preferred primary, while it is a living member and not the primary.
fn preferred(facts: &Facts) -> Option<(&View, Member)> {
    let view = facts.view.as_ref()?;
    let name: ReplicaName = facts.config.prefer.filter(|name| *name != view.primary)?;
    if is_off(Mutant::FailBackInJoin) {
        let alive = facts.alive(name)?;
        let (incarnation, address) = (alive.incarnation, alive.address);
        return Some((view, Member { name, incarnation, address }));
    }
    Some((view, *facts.alive_member(name)?))
}

/// R11: all is acknowledged; the role moves.
pub(super) fn handed_over(facts: &Facts, _now: Time) -> Option<Proposal> {
    let (view, preferred) = preferred(facts)?;
    facts.failback.attempt.filter(|a| a.drained && a.epoch == view.epoch)?;
    let view = View { epoch: view.epoch.next(), primary: preferred.name, ..view.clone() };
    Some(Proposal { view, reason: Reason::FailedBack })
}

/// R11: it did not drain in time; a new epoch with the same primary lets it go on.
pub(super) fn not_handed_over(facts: &Facts, now: Time) -> Option<Proposal> {
    facts.failback.attempt.filter(|a| now.since(a.since) >= PATIENCE)?;
    Some(Proposal { view: facts.same_again()?, reason: Reason::NotHandedOver })
}
