//! R14: a member that was removed on complaint comes back at once the first time; one that is
//! removed again soon after comes back at most once per hold-down. A new run of its process has done
//! nothing yet, and is not held.

use std::collections::BTreeMap;
use std::time::Duration;

use node::Time;
use wire::{Incarnation, ReplicaName};

/// Who was removed on complaint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    removed: BTreeMap<ReplicaName, Removal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Removal {
    run: Incarnation,
    at: Time,
    again: bool,
}

impl Holds {
    /// A server was removed on complaint.
    pub fn removed(&mut self, now: Time, of: (ReplicaName, Incarnation), hold_down: Duration) {
        let (name, run) = of;
        let lately = |last: &Removal| last.run == run && now.since(last.at) < hold_down;
        let again = self.removed.get(&name).is_some_and(lately);
        self.removed.insert(name, Removal { run, at: now, again });
    }

    /// Whether a server must wait before it joins again.
    #[must_use]
    pub fn holds(&self, now: Time, of: (ReplicaName, Incarnation), hold_down: Duration) -> bool {
        let (name, run) = of;
        let held = |last: &Removal| last.run == run && last.again && now.since(last.at) < hold_down;
        self.removed.get(&name).is_some_and(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD_DOWN: Duration = Duration::from_secs(10);

    #[test]
    fn the_second_removal_within_the_hold_down_holds_from_then_on() {
        let at = |s: u64| Time::from_micros(s * 1_000_000);
        let name = ("S2".parse().unwrap(), Incarnation(7));
        let mut holds = Holds::default();
        holds.removed(at(0), name, HOLD_DOWN);
        assert!(!holds.holds(at(0), name, HOLD_DOWN));
        holds.removed(at(9), name, HOLD_DOWN);
        assert!(holds.holds(at(18), name, HOLD_DOWN));
        assert!(!holds.holds(at(18), (name.0, Incarnation(8)), HOLD_DOWN));
        assert!(!holds.holds(at(19), name, HOLD_DOWN));
        holds.removed(at(19), name, HOLD_DOWN);
        assert!(!holds.holds(at(19), name, HOLD_DOWN));
    }
}
