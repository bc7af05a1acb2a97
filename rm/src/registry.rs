//! What the GFD last said of each server.
//!
//! Guarantees: a report counts only while the GFD that made it is connected; proof of death is kept
//! over weaker reports of the same run.
//!
//! Not here: who is a member. The registry knows processes, the view knows members.

use std::collections::BTreeMap;

use node::Time;
use wire::{Change, Gone, Incarnation, ReplicaName, Reported};

/// The most names that are remembered; a suite has a handful of servers.
const NAMES: usize = 256;

/// The last report of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It answers its LFD.
    Alive(Reported),
    /// It is alive, by the documents' short form, which does not say which run it is.
    Bare,
    /// It is dead, or silent; which run, and how that is known.
    Dead(Option<(Incarnation, Gone)>),
    /// Its LFD is silent: nothing is known (R15).
    Unmonitored,
}

/// One server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The last report.
    pub state: State,
    /// Since when it has been in that state, in that run.
    pub since: Time,
    /// Whether the report came over the present connection to the GFD.
    pub fresh: bool,
    /// The last full report.
    pub last: Option<Reported>,
    /// The run before that of the last full report.
    previous: Option<Incarnation>,
}

/// All servers that were ever reported, and whether the GFD is there to report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    entries: BTreeMap<ReplicaName, Entry>,
    up: Option<Time>,
}

impl Registry {
    /// Since when the GFD has been connected.
    #[must_use]
    pub fn up(&self) -> Option<Time> {
        self.up
    }

    /// The GFD has come: what it does not know yet is not held against anybody (R13).
    pub fn link_up(&mut self, now: Time) {
        self.up = Some(now);
    }

    /// The GFD is gone: all that it said is only history now.
    pub fn link_down(&mut self) {
        self.up = None;
        for entry in self.entries.values_mut() {
            entry.fresh = false;
        }
    }

    /// A report. False if it was dropped, because too many names were reported.
    pub fn report(&mut self, now: Time, server: ReplicaName, change: &Change) -> bool {
        if !self.entries.contains_key(&server) && self.entries.len() >= NAMES {
            return false;
        }
        let new = Entry {
            state: State::Unmonitored,
            since: now,
            fresh: false,
            last: None,
            previous: None,
        };
        self.entries.entry(server).or_insert(new).update(now, change);
        true
    }

    /// What is known of a server.
    #[must_use]
    pub fn entry(&self, server: ReplicaName) -> Option<&Entry> {
        self.entries.get(&server)
    }

    /// All servers, in name order.
    pub fn entries(&self) -> impl Iterator<Item = (ReplicaName, &Entry)> {
        self.entries.iter().map(|(name, entry)| (*name, entry))
    }

    /// The servers that are alive by a report of the present GFD, in name order.
    pub fn alive(&self) -> impl Iterator<Item = (ReplicaName, Reported)> {
        self.entries().filter_map(|(name, entry)| Some((name, entry.alive()?)))
    }
}

impl Entry {
    /// Its report, if it is alive by a report of the present GFD.
    #[must_use]
    pub fn alive(&self) -> Option<Reported> {
        match self.state {
            State::Alive(reported) if self.fresh => Some(reported),
            _ => None,
        }
    }

    /// Whether the run of its last full report is proven dead.
    #[must_use]
    pub fn exited(&self) -> bool {
        let State::Dead(Some((incarnation, Gone::Exited))) = self.state else { return false };
        self.last.is_none_or(|last| last.incarnation == incarnation)
    }

    fn update(&mut self, now: Time, change: &Change) {
        let next = match *change {
            Change::Add(Some(reported)) => State::Alive(reported),
            Change::Add(None) => self.alive().map_or(State::Bare, State::Alive),
            Change::Delete(None) => {
                State::Dead(self.last.map(|last| (last.incarnation, Gone::Silent)))
            }
            Change::Delete(Some((incarnation, gone))) => match self.death(incarnation, gone) {
                Some(state) => state,
                None => return,
            },
            Change::Unmonitored => State::Unmonitored,
        };
        if run(&next) != run(&self.state) {
            self.since = now;
        }
        if let State::Alive(reported) = next {
            let before = self.last.replace(reported).map(|last| last.incarnation);
            if before != Some(reported.incarnation) {
                self.previous = before;
            }
        }
        self.state = next;
        self.fresh = true;
    }

    /// The state after a delete; `None` for a late word on the run before the one that is alive.
    fn death(&self, incarnation: Incarnation, gone: Gone) -> Option<State> {
        if self.alive().is_some() && self.previous == Some(incarnation) {
            return None;
        }
        let proven = self.state == State::Dead(Some((incarnation, Gone::Exited)));
        Some(State::Dead(Some((incarnation, if proven { Gone::Exited } else { gone }))))
    }
}

/// What of a state must change for `since` to start again: not the details of a living server.
fn run(state: &State) -> (u8, Option<Incarnation>) {
    match state {
        State::Alive(reported) => (0, Some(reported.incarnation)),
        State::Bare => (1, None),
        State::Dead(run) => (2, run.map(|(incarnation, _)| incarnation)),
        State::Unmonitored => (3, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{ClusterId, Epoch, Phase};

    fn name() -> ReplicaName {
        "S1".parse().unwrap()
    }

    fn add(incarnation: u64) -> Change {
        Change::Add(Some(Reported {
            incarnation: Incarnation(incarnation),
            address: ([127, 0, 0, 1], 8000).into(),
            cluster: ClusterId(0),
            epoch: Epoch(0),
            phase: Phase::Joiner,
        }))
    }

    fn delete(incarnation: u64, gone: Gone) -> Change {
        Change::Delete(Some((Incarnation(incarnation), gone)))
    }

    fn state_after(changes: &[Change]) -> State {
        let mut registry = Registry::default();
        for change in changes {
            registry.report(Time::ZERO, name(), change);
        }
        registry.entry(name()).unwrap().state
    }

    #[test]
    fn a_late_word_on_the_run_before_does_not_delete_the_living_one() {
        let State::Alive(alive) = state_after(&[add(1), add(2), delete(1, Gone::Exited)]) else {
            panic!("it is alive");
        };
        assert_eq!(alive.incarnation, Incarnation(2));
    }

    #[test]
    fn a_delete_of_a_run_never_seen_is_of_a_newer_one() {
        let state = state_after(&[add(1), delete(2, Gone::Closed)]);
        assert_eq!(state, State::Dead(Some((Incarnation(2), Gone::Closed))));
    }

    #[test]
    fn proof_is_not_weakened_by_a_later_and_weaker_report() {
        let state = state_after(&[add(1), delete(1, Gone::Exited), delete(1, Gone::Silent)]);
        assert_eq!(state, State::Dead(Some((Incarnation(1), Gone::Exited))));
    }

    #[test]
    fn what_a_lost_gfd_said_counts_no_more() {
        let mut registry = Registry::default();
        registry.link_up(Time::ZERO);
        registry.report(Time::ZERO, name(), &add(1));
        assert_eq!(registry.alive().count(), 1);
        registry.link_down();
        assert_eq!(registry.alive().count(), 0);
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let mut registry = Registry::default();
        let taken = |registry: &mut Registry, n: usize| {
            registry.report(Time::ZERO, format!("S{n}").parse().unwrap(), &add(1))
        };
        assert!((0..NAMES).all(|n| taken(&mut registry, n)));
        assert!(!taken(&mut registry, NAMES));
        assert!(taken(&mut registry, 0));
    }
}
