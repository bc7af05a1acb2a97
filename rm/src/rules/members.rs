//! R4, R3 and R10: members that are gone, members that come, and the mode they work in.

use node::Time;
use node::mutant::{Mutant, is_off};
use wire::{Member, ReplicaName, View};

use crate::facts::{Facts, JoinRequest, Kin, Proposal, Reason, Standing};

/// R4: members that are dead, or live on as another run, leave; one of those that stay leads.
pub(super) fn gone(facts: &Facts, now: Time) -> Option<Proposal> {
    let leaves =
        |m: &Member| matches!(facts.standing(now, m), Standing::Dead(_) | Standing::Replaced);
    let members = &facts.view.as_ref()?.members;
    let names: Vec<ReplicaName> = members.iter().filter(|m| leaves(m)).map(|m| m.name).collect();
    if names.is_empty() {
        return None;
    }
    Some(Proposal { view: facts.without(now, leaves)?, reason: Reason::Gone(names) })
}

/// R3, R8: a joiner that is caught up, and whose acks the primary requires already, becomes a
/// member, if the primary asked for it in exactly the current epoch.
pub(super) fn joined(facts: &Facts, _now: Time) -> Option<Proposal> {
    let view = facts.view.as_ref()?;
    let joiner = facts.joins.iter().find_map(|(name, request)| joiner(facts, view, *name, request));
    let joiner = joiner?;
    let mut grown = facts.same_again()?;
    grown.members.push(joiner);
    if is_off(Mutant::PromoteUnready) {
        grown.primary = joiner.name;
    }
    Some(Proposal { view: grown, reason: Reason::Joined(joiner.name) })
}

fn joiner(facts: &Facts, view: &View, name: ReplicaName, wanted: &JoinRequest) -> Option<Member> {
    let alive = facts.alive(name)?;
    let run = wanted.incarnation;
    let current = wanted.from == view.primary && wanted.epoch == view.epoch;
    let fits = (current || is_off(Mutant::JoinWithoutCompare))
        && alive.incarnation == run
        && view.member(name).is_none()
        && facts.condemned.get(&name) != Some(&run)
        // Its LFD may not have reported yet that it holds the current state now.
        && facts.kin(alive.cluster) != Kin::Foreign;
    fits.then_some(Member { name, incarnation: run, address: alive.address })
}

/// R10: another mode is a view like any other; its epoch is the barrier between the modes.
pub(super) fn switched(facts: &Facts, _now: Time) -> Option<Proposal> {
    let mode = facts.config.mode;
    if facts.view.as_ref()?.mode == mode {
        return None;
    }
    Some(Proposal { view: View { mode, ..facts.same_again()? }, reason: Reason::Switched(mode) })
}
