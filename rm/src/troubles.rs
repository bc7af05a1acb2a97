//! What an operator must know, because the suite does not get out of it alone.
//!
//! [`all`] is a pure function of the facts, like the rules: what is wrong now. Each trouble is said
//! once when it arises.

use std::fmt;
use std::time::Duration;

use node::Time;
use wire::{ClusterId, Epoch, Member, ReplicaName, View, Why};

use crate::config::OnTotalLoss;
use crate::facts::{Facts, Kin, Reason, Standing};
use crate::rules::begin::member_lives;

/// Deaths are reported in pieces; only what lasts longer than this is worth a warning.
const LASTING: Duration = Duration::from_secs(1);

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// There is no record, but a server holds state (R12).
    NoRecord(ReplicaName, ClusterId, Epoch),
    /// The record is older than what a server knows (I1, I2).
    OldRecord(ReplicaName, Epoch, Epoch),
    /// A server holds state that this RM never heard of; it is not touched.
    Foreign(ReplicaName, ClusterId),
    /// No member is alive, and these are not proven dead (R12).
    Waiting(Vec<(ReplicaName, Standing)>),
    /// All members are proven dead, but a server holds state of another cluster (R12).
    Doubtful(Epoch, ReplicaName),
    /// All members are proven dead, and the operator wants to be asked (R12).
    Lost(Epoch),
    /// The server that is to lead an unclean start is not there, or holds nothing.
    UncleanWaits(ReplicaName),
    /// The only member that can lead diverged, so it cannot be removed (R9).
    DivergedAlone(ReplicaName),
    /// The GFD speaks only the documents' short form, which does not say which run is meant.
    Nameless(ReplicaName),
}

/// All that is wrong now.
#[must_use]
pub(crate) fn all(facts: &Facts, now: Time) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    troubles.extend(record(facts));
    troubles.extend(waiting(facts, now));
    troubles.extend(unclean(facts, now));
    troubles.extend(diverged(facts, now));
    troubles.extend(nameless(facts));
    troubles
}

fn record(facts: &Facts) -> Option<Trouble> {
    if let (Some((server, epoch)), Some(view)) = (facts.ahead, &facts.view) {
        return Some(Trouble::OldRecord(server, epoch, view.epoch));
    }
    let (server, last) = facts.foreigner()?;
    Some(match facts.view {
        None => Trouble::NoRecord(server, last.cluster, last.epoch),
        Some(_) => Trouble::Foreign(server, last.cluster),
    })
}

fn waiting(facts: &Facts, now: Time) -> Option<Trouble> {
    let view = facts.view.as_ref()?;
    if facts.state_is_lost() {
        return match (facts.config.on_total_loss, facts.foreigner()) {
            (OnTotalLoss::Wait, _) => Some(Trouble::Lost(view.epoch)),
            (OnTotalLoss::Restart, Some((server, _))) => {
                Some(Trouble::Doubtful(view.epoch, server))
            }
            (OnTotalLoss::Restart, None) => None,
        };
    }
    let recent = |m: &Member| {
        facts.registry.entry(m.name).is_some_and(|entry| now.since(entry.since) < LASTING)
    };
    if !facts.settled(now) || member_lives(facts) || view.members.iter().any(recent) {
        return None;
    }
    let unproven = view.members.iter().filter(|m| !facts.proven.contains(&m.name));
    Some(Trouble::Waiting(unproven.map(|m| (m.name, facts.standing(now, m))).collect()))
}

fn unclean(facts: &Facts, now: Time) -> Option<Trouble> {
    let leader = facts.config.force_unclean.filter(|_| facts.settled(now))?;
    let leads = facts.alive(leader).is_some_and(|r| facts.kin(r.cluster) != Kin::Empty);
    (!leads && !member_lives(facts)).then_some(Trouble::UncleanWaits(leader))
}

fn diverged(facts: &Facts, now: Time) -> Option<Trouble> {
    let alone = |name: &ReplicaName| facts.without(now, |m| m.name == *name).is_none();
    let member = |name: &ReplicaName| facts.alive_member(*name).is_some();
    let accused = facts.complaints.standing(now).filter(|c| c.why == Why::Diverged).map(|c| c.of);
    accused.filter(member).find(alone).map(Trouble::DivergedAlone)
}

fn nameless(facts: &Facts) -> Option<Trouble> {
    let bare = |state| state == crate::registry::State::Bare;
    let mut entries = facts.registry.entries();
    entries.find(|(_, entry)| entry.fresh && bare(entry.state)).map(|(n, _)| Trouble::Nameless(n))
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord(server, cluster, epoch) => write!(
                f,
                "there is no record of a view, but {server} is a member of cluster {cluster}, epoch \
                 {epoch}: the state directory was lost or is the wrong one. Restore --state-dir, or \
                 give that cluster up with --fresh, or let one server lead with --force-unclean NAME"
            ),
            Self::OldRecord(server, epoch, ours) => write!(
                f,
                "{server} knows epoch {epoch}, the record ends at {ours}: the state directory is an \
                 old copy. No view is made from it. Restore the right one, or give the cluster up \
                 with --fresh"
            ),
            Self::Foreign(server, cluster) => write!(
                f,
                "{server} holds state of cluster {cluster}, which this RM never heard of; it is left \
                 alone. End its process to give that state up, and it joins"
            ),
            Self::Waiting(members) => {
                write!(f, "no member of the last view is known to be alive; waiting for ")?;
                for (place, (name, standing)) in members.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{name} ({})", how(*standing))?;
                }
                write!(
                    f,
                    ". Only there is all that was acknowledged. To give it up: end the process, or \
                     start the RM with --fresh or with --force-unclean NAME"
                )
            }
            Self::Doubtful(epoch, server) => write!(
                f,
                "every member of epoch {epoch} is proven dead, but {server} holds state of another \
                 cluster: this may be the wrong state directory, so nothing is started afresh. \
                 Restore the right one, or give all state up with --fresh"
            ),
            Self::Lost(epoch) => write!(
                f,
                "every member of epoch {epoch} is proven dead, so its state is lost. To start afresh: \
                 start the RM with --on-total-loss restart or with --fresh"
            ),
            Self::UncleanWaits(leader) => write!(
                f,
                "--force-unclean {leader}: waiting for it to be alive with the state it is to lead with"
            ),
            Self::DivergedAlone(server) => write!(
                f,
                "the state of {server} diverged, but no other member is alive to lead: it stays"
            ),
            Self::Nameless(server) => write!(
                f,
                "{server} was reported without its incarnation and address, so it can be no member: \
                 the GFD or the LFD speaks only the short form"
            ),
        }
    }
}

/// What must be said loudly when a view is made, because something was given up.
#[must_use]
pub(crate) fn alarm(view: &View, reason: &Reason) -> Option<String> {
    let View { cluster, epoch, primary, .. } = view;
    match reason {
        Reason::StateLost => Some(format!(
            "STATE LOST: every member of the last view is proven dead. Cluster {cluster} starts \
             afresh in epoch {epoch} with {primary}, which is empty"
        )),
        Reason::Unclean => Some(format!(
            "UNCLEAN START: cluster {cluster} starts in epoch {epoch} with what {primary} holds. \
             What the last view acknowledged after that is given up"
        )),
        Reason::Complaint { of, why: Why::Diverged, .. } => Some(format!(
            "DIVERGED: the state of {} differs from the others'; it is ended and starts afresh",
            of.name
        )),
        _ => None,
    }
}

const fn how(standing: Standing) -> &'static str {
    match standing {
        Standing::Alive => "alive",
        Standing::Dead(gone) => gone.as_str(),
        Standing::Replaced => "running elsewhere as another process",
        Standing::Unmonitored | Standing::Unknown => "its LFD is not heard",
    }
}
