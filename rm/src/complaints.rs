//! What members hold against each other in the current epoch (R3).
//!
//! Guarantees: a complaint lasts only as long as it is repeated, and no longer than its epoch.
//!
//! Not here: what a complaint leads to; see `rules::complaints`.

use std::collections::BTreeMap;
use std::time::Duration;

use node::Time;
use wire::{Incarnation, ReplicaName, Why};

/// Servers repeat a complaint every 250 ms; one that was not repeated for this long is over.
const LIFE: Duration = Duration::from_millis(1500);
/// The most complaints that are remembered.
const LIMIT: usize = 1024;

/// One complaint, for as long as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complaint {
    /// Who complains.
    pub by: ReplicaName,
    /// Of whom.
    pub of: ReplicaName,
    /// Why.
    pub why: Why,
    /// Which run of it, if that was said.
    pub incarnation: Option<Incarnation>,
    /// Since when, without a gap.
    pub first: Time,
    /// When it was last heard.
    pub last: Time,
}

/// All complaints of the current epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Complaints {
    all: BTreeMap<(ReplicaName, ReplicaName, Why), Complaint>,
}

impl Complaints {
    /// Hears a complaint; true if it is a new one.
    pub fn hear(
        &mut self,
        now: Time,
        by: ReplicaName,
        of: ReplicaName,
        detail: Option<(Incarnation, Why)>,
    ) -> bool {
        let incarnation = detail.map(|(incarnation, _)| incarnation);
        let why = detail.map_or(Why::Unreachable, |(_, why)| why);
        let new = Complaint { by, of, why, incarnation, first: now, last: now };
        let full = self.all.len() >= LIMIT;
        match self.all.get_mut(&(by, of, why)) {
            Some(old) if old.incarnation == incarnation && old.stands(now) => {
                old.last = now;
                false
            }
            Some(old) => {
                *old = new;
                true
            }
            None if full => false,
            None => {
                self.all.insert((by, of, why), new);
                true
            }
        }
    }

    /// Forgets all: a new epoch, or nobody there to repeat them.
    pub fn clear(&mut self) {
        self.all.clear();
    }

    /// Those that stand, by complainer and target.
    pub fn standing(&self, now: Time) -> impl Iterator<Item = &Complaint> {
        self.all.values().filter(move |complaint| complaint.stands(now))
    }
}

impl Complaint {
    /// Whether it was repeated in time.
    #[must_use]
    pub fn stands(&self, now: Time) -> bool {
        now.since(self.last) < LIFE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(complaints: &mut Complaints, millis: u64, why: Why) -> bool {
        let (by, of) = ("S1".parse().unwrap(), "S2".parse().unwrap());
        complaints.hear(at(millis), by, of, Some((Incarnation(1), why)))
    }

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    #[test]
    fn a_complaint_stands_from_its_first_hearing_while_it_is_repeated() {
        let mut complaints = Complaints::default();
        assert!(hear(&mut complaints, 0, Why::Slow));
        assert!(!hear(&mut complaints, 1000, Why::Slow));
        let first: Vec<Time> = complaints.standing(at(2499)).map(|c| c.first).collect();
        assert_eq!(first, [at(0)]);
        assert_eq!(complaints.standing(at(2500)).count(), 0);
    }

    #[test]
    fn after_a_gap_it_is_a_new_one() {
        let mut complaints = Complaints::default();
        hear(&mut complaints, 0, Why::Slow);
        assert!(hear(&mut complaints, 1500, Why::Slow));
        let first: Vec<Time> = complaints.standing(at(1500)).map(|c| c.first).collect();
        assert_eq!(first, [at(1500)]);
    }

    #[test]
    fn having_been_slow_does_not_count_as_having_been_unreachable() {
        let mut complaints = Complaints::default();
        hear(&mut complaints, 0, Why::Slow);
        assert!(hear(&mut complaints, 1000, Why::Unreachable));
        let of = |why| complaints.standing(at(1000)).find(|c| c.why == why).map(|c| c.first);
        assert_eq!((of(Why::Slow), of(Why::Unreachable)), (Some(at(0)), Some(at(1000))));
    }
}
