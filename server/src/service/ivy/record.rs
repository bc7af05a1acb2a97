//! A page, as the manager knows it: owner, copies, who waits, and the operation in flight.
//!
//! Not here: messages, and processes that are gone.

use std::collections::{BTreeMap, BTreeSet};

use wire::ClientName;
use wire::ivy::Want;

/// Whose turn it is: the lower Lamport clock, then the lower process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    clock: u64,
    /// The number at the end of the process's name, so that P2 goes before P10.
    number: u64,
    pub(super) process: ClientName,
}

impl Turn {
    pub(super) fn new(clock: u64, process: ClientName) -> Self {
        let name = process.as_str();
        let digits = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        Self { clock, number: name[digits..].parse().unwrap_or(0), process }
    }

    pub(super) fn clock(&self) -> u64 {
        self.clock
    }
}

/// An operation that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) want: Want,
    pub(super) operation: u64,
}

/// How far the operation in flight has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// These have not confirmed yet that their copies are gone.
    Invalidating(BTreeSet<ClientName>),
    /// The owner was told to send the page; the requester has not confirmed it.
    Moving,
    /// The owner is gone and had the only copy, unless the requester has it already.
    Salvaging,
}

impl Stage {
    /// Where an operation begins.
    pub(super) fn of(left: BTreeSet<ClientName>) -> Self {
        if left.is_empty() { Self::Moving } else { Self::Invalidating(left) }
    }
}

/// The operation in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Current {
    pub(super) want: Want,
    pub(super) requester: ClientName,
    pub(super) operation: u64,
    pub(super) grant: u64,
    pub(super) stage: Stage,
}

impl Current {
    /// Whether it may be confirmed.
    pub(super) fn has_moved(&self) -> bool {
        matches!(self.stage, Stage::Moving | Stage::Salvaging)
    }
}

/// A page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Who has the page itself.
    pub(super) owner: Option<ClientName>,
    /// With whom the page was lost, until it is written again.
    pub(super) lost: Option<ClientName>,
    /// Who has a copy besides the owner.
    pub(super) copies: BTreeSet<ClientName>,
    pub(super) queue: BTreeMap<Turn, Waiting>,
    pub(super) current: Option<Current>,
}

impl Record {
    /// Whether this operation waits or is in flight.
    pub(super) fn waits(&self, process: ClientName, operation: u64) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|c| c.requester == process && c.operation == operation)
            || self.queue.iter().any(|(t, w)| t.process == process && w.operation == operation)
    }

    /// Whether another operation of that process waits or is in flight: it has one at a time, so this
    /// is none of ours.
    pub(super) fn waits_for_another(&self, process: ClientName, operation: u64) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|c| c.requester == process && c.operation != operation)
            || self.queue.iter().any(|(t, w)| t.process == process && w.operation != operation)
    }

    /// A copy is gone. Whether it was the last one, so that the page can move now.
    pub(super) fn invalidated(&mut self, copy: ClientName, grant: u64, hasty: bool) -> bool {
        let Some(current) = self.current.as_mut().filter(|c| c.grant == grant) else {
            return false;
        };
        let Stage::Invalidating(left) = &mut current.stage else { return false };
        if !left.remove(&copy) {
            return false;
        }
        self.copies.remove(&copy);
        if !left.is_empty() && !hasty {
            return false;
        }
        current.stage = Stage::Moving;
        true
    }

    /// The requester has the page.
    pub(super) fn take_effect(&mut self, requester: ClientName, want: Want) {
        match want {
            Want::Write => {
                self.owner = Some(requester);
                self.copies.clear();
                self.lost = None;
            }
            // The one who salvaged the only copy is its owner; an owner needs no copy.
            Want::Read if self.owner.is_none() => {
                self.owner = Some(requester);
                self.lost = None;
            }
            Want::Read if self.owner == Some(requester) => {}
            Want::Read => {
                self.copies.insert(requester);
            }
        }
    }
}
