//! What Ivy's processes are asked for, and how a world of theirs is drawn.
//!
//! Not here: when, and which process; see `swarm`.

use std::time::Duration;

use wire::{Mode, ReplicaName};

use crate::plan::{Plan, name};
use crate::random::Random;

/// Reads and writes of a few pages.
#[derive(Debug, Clone)]
pub struct Workload {
    pages: u64,
    /// How many of 100 operations write.
    writes: u64,
}

impl Workload {
    /// Draws a workload, and makes a plan one of Ivy.
    pub fn draw(plan: &mut Plan, random: &mut Random) -> Self {
        let pages = random.between(1, 6);
        plan.pages = u32::try_from(pages).unwrap_or(1);
        plan.mode = Mode::Passive;
        plan.short_clients = 0;
        // A process without a session has no life: with fewer than there are processes, nothing ends.
        let most = usize::try_from(plan.clients).unwrap_or(8);
        plan.sessions = plan.sessions.map(|sessions| sessions.max(most));
        // A member may miss more of the log here than a small limit lets it be sent at once.
        plan.write_limit = Plan::new(Mode::Passive).write_limit;
        plan.prefer = random.chance(80).then(|| ReplicaName::from(name("S1")));
        plan.hold_down = Duration::from_millis(random.between(500, 5000));
        plan.checkpoint_period = Duration::from_millis(random.between(50, 3000));
        Self { pages, writes: *random.pick(&[10, 30, 50, 80, 100]).unwrap_or(&50) }
    }

    /// A line to type; `number` makes what it writes the only one of its kind.
    pub fn line(&self, number: u64, random: &mut Random) -> String {
        let page = random.between(1, self.pages);
        if random.chance(self.writes) {
            format!("writePage P{page} v{number}")
        } else {
            format!("readPage P{page}")
        }
    }
}
