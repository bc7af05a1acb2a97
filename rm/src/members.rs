//! The printed membership: who is alive by the GFD's reports.
//!
//! Not here: the view. A server may be alive and not a member of it, or a member and silent.

use std::collections::BTreeSet;

use node::Time;
use wire::{Change, ReplicaName};

use crate::facts::Facts;

/// The servers on the printed line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    alive: BTreeSet<ReplicaName>,
}

impl Members {
    /// A report; true if the line has changed. A server whose LFD is silent stays (R15).
    pub(crate) fn report(&mut self, server: ReplicaName, change: &Change) -> bool {
        match change {
            Change::Add(_) => self.alive.insert(server),
            Change::Delete(_) => self.alive.remove(&server),
            Change::Unmonitored => false,
        }
    }

    /// Drops whoever a new GFD did not report in its time; true if the line has changed.
    pub(crate) fn forget_unreported(&mut self, now: Time, facts: &Facts) -> bool {
        if !facts.settled(now) {
            return false;
        }
        let before = self.alive.len();
        self.alive.retain(|name| facts.registry.entry(*name).is_some_and(|entry| entry.fresh));
        self.alive.len() != before
    }

    /// The line, in name order.
    pub(crate) fn line(&self) -> Vec<ReplicaName> {
        self.alive.iter().copied().collect()
    }
}
