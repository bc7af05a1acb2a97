//! The one place where views are made: proposed, persisted, and only then current.
//!
//! Guarantees: I1, I3 and I12, asserted in release; I2, because a proposal that was persisted is
//! never changed and one that failed was never announced.
//!
//! By which mechanism: one proposal at a time is in flight between [`Output::Persist`] and its
//! answer. Until the answer the old view is the current one, for everybody and in every respect.
//!
//! Not here: what a view is announced by; that is `orders` and `clients`, which know only the
//! current view.

use std::collections::BTreeSet;
use std::time::Duration;

use node::{Output, Time};
use wire::{Epoch, Incarnation, Member, ReplicaName, View, Why};

use crate::facts::{Facts, HIGHEST_EPOCH, Proposal, Reason};
use crate::record::Record;

/// The wait after a record could not be written.
const RETRY: Duration = Duration::from_secs(1);

/// What is being persisted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    flight: Option<(Record, Reason)>,
    retry: Option<Time>,
    complaint: Option<String>,
    current: Epoch,
}

impl Gate {
    /// A gate behind the record of that epoch; 0 for none.
    pub(crate) fn new(current: Epoch) -> Self {
        Self { current, ..Self::default() }
    }

    /// Whether nothing may be decided now.
    pub(crate) fn is_closed(&self, now: Time) -> bool {
        self.flight.is_some() || self.retry.is_some_and(|at| now < at)
    }

    /// Whether the next view is being recorded.
    pub(crate) fn in_flight(&self) -> bool {
        self.flight.is_some()
    }

    /// When it opens by itself.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.retry.filter(|_| self.flight.is_none())
    }

    /// Has a proposal persisted.
    pub(crate) fn propose(&mut self, facts: &Facts, proposal: Proposal, out: &mut Vec<Output>) {
        assert!(self.flight.is_none(), "one view at a time");
        check(facts, &proposal);
        let record = successor(facts, &proposal);
        out.push(Output::Persist(record.to_text()));
        self.flight = Some((record, proposal.reason));
        self.retry = None;
    }

    /// The proposal would survive a power cut: it is the current view now.
    pub(crate) fn persisted(&mut self, now: Time, facts: &mut Facts) -> Reason {
        let (record, reason) = self.flight.take().expect("the host persists what it was given");
        assert!(record.view.epoch > self.current, "I1, I2: an epoch is used once");
        self.current = record.view.epoch;
        self.complaint = None;
        adopt(now, facts, record, &reason);
        reason
    }

    /// Asserts that a view may be told to others.
    pub(crate) fn check_recorded(&self, view: &View) {
        assert_eq!(view.epoch, self.current, "I12: only what is recorded is told");
    }

    /// It would not: the current view stays, and everything is decided anew a little later. True if
    /// the reason is a new one.
    pub(crate) fn failed(&mut self, now: Time, why: &str) -> bool {
        assert!(self.flight.take().is_some(), "the host persists what it was given");
        self.retry = Some(now + RETRY);
        self.complaint.replace(why.to_owned()).as_deref() != Some(why)
    }
}

/// Asserts what every view must keep, whatever rule proposed it.
fn check(facts: &Facts, proposal: &Proposal) {
    let View { cluster, epoch, primary, members, .. } = &proposal.view;
    let names: BTreeSet<ReplicaName> = members.iter().map(|m| m.name).collect();
    assert_eq!(names.len(), members.len(), "a name is a member once");
    assert!(names.contains(primary), "the primary is a member");
    assert!(*epoch > facts.epoch && *epoch <= HIGHEST_EPOCH, "I1: epochs never decrease");
    assert!(cluster.0 != 0, "0 is no cluster");
    let Some(old) = facts.view.as_ref().filter(|_| !proposal.reason.begins()) else {
        assert!(proposal.reason.begins(), "there is no view to go on from");
        assert_eq!(members.len(), 1, "a cluster begins with one member");
        assert!(facts.view.as_ref().is_none_or(|v| v.cluster != *cluster), "a new cluster is new");
        return;
    };
    assert_eq!((*cluster, *epoch), (old.cluster, old.epoch.next()), "I1: one epoch at a time");
    let old_run = |m: &&Member| old.contains(m.name, m.incarnation);
    let new: Vec<&Member> = members.iter().filter(|m| !old_run(m)).collect();
    assert!(new.len() <= 1, "I3: one joiner at a time");
    assert!(new.iter().all(|m| m.name != *primary), "I3: a joiner is never the primary");
    let joins = matches!(proposal.reason, Reason::Joined(_));
    assert_eq!(joins, !new.is_empty(), "I3: only who asked to join is new");
}

/// What is to survive a restart once this view is made.
fn successor(facts: &Facts, proposal: &Proposal) -> Record {
    let mut next = facts.clone();
    if proposal.reason.begins() {
        if let Some(old) = &facts.view {
            next.retire(old.cluster);
        }
        // After an unclean start the others of the leader's own cluster are strangers, too.
        if let Some(last) = facts.alive(proposal.view.primary) {
            next.retire(last.cluster);
        }
    }
    let lives_on = |name: &ReplicaName, run: &mut Incarnation| {
        facts.alive(*name).is_none_or(|alive| alive.incarnation == *run)
    };
    next.condemned.retain(lives_on);
    if let Some(member) = proposal.reason.condemns() {
        next.condemned.insert(member.name, member.incarnation);
    }
    Record { view: proposal.view.clone(), retired: next.retired, condemned: next.condemned }
}

/// Makes a persisted record the current view. All that belonged to the epoch before is forgotten.
fn adopt(now: Time, facts: &mut Facts, record: Record, reason: &Reason) {
    if let Reason::Complaint { of, why: Why::Slow | Why::Unreachable, .. } = reason {
        facts.holds.removed(now, (of.name, of.incarnation), facts.config.hold_down);
    }
    if *reason == Reason::Unclean {
        facts.config.force_unclean = None;
    }
    let old = facts.view.take();
    let stays = |m: &&Member| old.as_ref().is_some_and(|old| old.contains(m.name, m.incarnation));
    let stayed: BTreeSet<ReplicaName> =
        record.view.members.iter().filter(stays).map(|m| m.name).collect();
    facts.proven.retain(|name| stayed.contains(name));
    facts.member_since.retain(|name, _| stayed.contains(name));
    for member in &record.view.members {
        facts.member_since.entry(member.name).or_insert(now);
    }
    facts.complaints.clear();
    facts.failback.attempt = None;
    facts.epoch = record.view.epoch;
    facts.retired = record.retired;
    facts.condemned = record.condemned;
    facts.view = Some(record.view);
    facts.note_proofs();
}
