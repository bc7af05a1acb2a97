//! R8 and R12: how a cluster begins, and begins again when its state is gone.
//!
//! Guarantees: a cluster begins with one empty server, under an epoch later than any heard of, and
//! never while a server may hold state that nobody gave up; the one exception is an operator's word.

use node::Time;
use wire::{ClusterId, ReplicaName, Reported};

use crate::config::OnTotalLoss;
use crate::facts::{Facts, Kin, Proposal, Reason};

/// R8: the first empty server makes the first view. Without a record this waits until every LFD had
/// its time to report: the record may have been lost, and a member with state come a moment later.
pub(super) fn first_view(facts: &Facts, now: Time) -> Option<Proposal> {
    if facts.view.is_some() || facts.config.force_unclean.is_some() {
        return None;
    }
    let reason = if facts.config.fresh { Reason::Fresh } else { Reason::First };
    begin(facts, now, facts.config.fresh_cluster, reason)
}

/// R12: exactly the server that the operator named leads, with the state it has, as a new cluster:
/// no state of the old one is mixed with it. Refused while a member of the last view is alive.
pub(super) fn forced_unclean(facts: &Facts, now: Time) -> Option<Proposal> {
    let leader = facts.config.force_unclean?;
    let reported = facts.alive(leader).filter(|r| facts.kin(r.cluster) != Kin::Empty)?;
    if !facts.settled(now) || member_lives(facts) {
        return None;
    }
    let cluster = reported.cluster.continued();
    Some(Proposal { view: facts.beginning(cluster, leader, reported), reason: Reason::Unclean })
}

/// R12: every member of the last view is proven dead, so its state is gone for certain.
pub(super) fn state_lost(facts: &Facts, now: Time) -> Option<Proposal> {
    let restart = facts.config.on_total_loss == OnTotalLoss::Restart;
    if !restart || !facts.state_is_lost() || facts.config.force_unclean.is_some() {
        return None;
    }
    let cluster = facts.view.as_ref()?.cluster.afresh();
    begin(facts, now, cluster, Reason::StateLost)
}

/// R12: an unclean start is not needed, and no longer wanted, once a member of the last view lives.
/// True if the order was withdrawn.
pub(crate) fn withdraw_unclean(facts: &mut Facts, now: Time) -> bool {
    let needless = facts.settled(now) && member_lives(facts);
    needless && facts.config.force_unclean.take().is_some()
}

/// Whether a member of the current view is alive.
pub(crate) fn member_lives(facts: &Facts) -> bool {
    let lives = |name: ReplicaName| facts.alive_member(name).is_some();
    facts.view.as_ref().is_some_and(|view| view.members.iter().any(|m| lives(m.name)))
}

fn begin(facts: &Facts, now: Time, cluster: ClusterId, reason: Reason) -> Option<Proposal> {
    if !facts.settled(now) || facts.foreigner().is_some() {
        return None;
    }
    let empty = |(_, r): &(ReplicaName, Reported)| facts.kin(r.cluster) == Kin::Empty;
    let (name, reported) = facts.registry.alive().find(empty)?;
    Some(Proposal { view: facts.beginning(cluster, name, reported), reason })
}
