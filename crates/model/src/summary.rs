//! What the properties want to know of a server: taken once from each state that a server can be
//! in, so that checking it in millions of worlds costs next to nothing.

use server::Replica;
use wire::{Mode, Op, Phase, View};
use xxhash_rust::xxh3::xxh3_64;

use crate::diary::Diary;
use crate::scope;

/// One state of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) run: u64,
    pub(crate) cluster: u64,
    pub(crate) whole: bool,
    pub(crate) epoch: u64,
    pub(crate) phase: Phase,
    pub(crate) view: Option<View>,
    pub(crate) committed: u64,
    pub(crate) executed: u64,
    pub(crate) last: u64,
    /// The entries at or below this are only in the state.
    base: u64,
    /// A hash of each entry after that.
    entries: Vec<u64>,
    /// Of the state after what is executed.
    digest: u64,
    /// A bit for each request that is in the state or the log.
    pub(crate) holds: u32,
    /// A bit for each request that took effect.
    pub(crate) effective: u32,
    /// Whether a request took effect more than once.
    pub(crate) twice: bool,
}

impl Summary {
    pub(crate) fn of(replica: &Replica<Diary>) -> Self {
        let probe = replica.probe();
        let log = replica.log();
        let letters = replica.machine().service.letters();
        let mut holds = 0;
        let mut entries = Vec::new();
        for entry in log.after(log.base()) {
            entries.push(xxh3_64(format!("{entry:?}").as_bytes()));
            if let Op::Request { client, body, .. } = &entry.op
                && body.iter().all(u8::is_ascii_lowercase)
            {
                holds |= bit(scope::request_of(*client));
            }
        }
        let explored = letters.iter().filter(|letter| letter.is_ascii_lowercase());
        let bits = explored.clone().map(|letter| bit(Some(usize::from(letter - b'a'))));
        let effective = bits.fold(0, |all, bit| all | bit);
        Self {
            run: probe.incarnation.0,
            cluster: probe.cluster.0,
            whole: probe.whole,
            epoch: probe.epoch.0,
            phase: probe.phase,
            view: replica.view().cloned(),
            committed: probe.committed.0,
            executed: probe.executed.0,
            last: probe.last.0,
            base: log.base().0,
            entries,
            digest: replica.machine().digest().0,
            holds: holds | effective,
            effective,
            twice: explored.count() != effective.count_ones() as usize,
        }
    }

    /// Whether it may answer, by the view that it has adopted (I11).
    pub(crate) fn may_answer(&self) -> bool {
        match self.phase {
            Phase::Primary => true,
            Phase::Backup => self.view.as_ref().is_some_and(|v| v.mode == Mode::Active),
            Phase::Joiner => false,
        }
    }

    /// The entry at a place, if it is still in the log.
    fn entry(&self, place: u64) -> Option<u64> {
        let index = place.checked_sub(self.base + 1)?;
        self.entries.get(usize::try_from(index).ok()?).copied()
    }

    /// The first place up to `place` at which two servers hold different entries, or the second one
    /// holds none.
    pub(crate) fn first_difference(&self, other: &Self, place: u64) -> Option<u64> {
        (1..=place).find(|place| match (self.entry(*place), other.entry(*place)) {
            (Some(mine), Some(theirs)) => mine != theirs,
            // What is in a checkpoint is compared by its digest.
            _ => *place > other.last,
        })
    }

    /// Whether two servers have executed as much, with different results (I6).
    pub(crate) fn diverges_from(&self, other: &Self) -> bool {
        self.executed == other.executed && self.digest != other.digest
    }
}

fn bit(request: Option<usize>) -> u32 {
    request.map_or(0, |request| 1 << request)
}
