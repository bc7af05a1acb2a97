//! The log: entries in sequence, from after its base to its last one.
//!
//! Guarantees: no gaps; entries at or below the base are covered by a checkpoint and gone.
//! Not here: what is committed, and who needs which entry still.

use std::collections::VecDeque;

use wire::{Entry, Op, Sequence};

/// What an entry is taken to cost in memory besides its body, in bytes.
const ENTRY_OVERHEAD: usize = 160;

/// A gapless run of entries.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Everything up to and including this is not here any more.
    base: Sequence,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Log {
    /// The sequence before the first entry that is kept.
    #[must_use]
    pub fn base(&self) -> Sequence {
        self.base
    }

    /// The sequence of the last entry; the base if there is none.
    #[must_use]
    pub fn last(&self) -> Sequence {
        Sequence(self.base.0 + self.entries.len() as u64)
    }

    /// The entries' approximate memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The entry at `sequence`, if it is kept.
    #[must_use]
    pub fn entry(&self, sequence: Sequence) -> Option<&Entry> {
        let index = sequence.0.checked_sub(self.base.0 + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The entries after `sequence`, oldest first.
    pub fn after(&self, sequence: Sequence) -> impl Iterator<Item = &Entry> {
        let skip = usize::try_from(sequence.0.saturating_sub(self.base.0)).unwrap_or(usize::MAX);
        self.entries.range(skip.min(self.entries.len())..)
    }

    /// Appends the next entry.
    pub fn append(&mut self, entry: Entry) {
        assert_eq!(entry.sequence, self.last().next(), "the log has no gaps");
        self.bytes += cost(&entry);
        self.entries.push_back(entry);
    }

    /// Cuts every entry after `sequence`; says how many.
    pub fn cut_after(&mut self, sequence: Sequence) -> u64 {
        assert!(sequence >= self.base, "what a checkpoint covers is never cut");
        let mut cut = 0;
        while self.last() > sequence {
            if let Some(entry) = self.entries.pop_back() {
                self.bytes -= cost(&entry);
                cut += 1;
            }
        }
        cut
    }

    /// Forgets every entry up to and including `sequence`.
    pub fn trim_to(&mut self, sequence: Sequence) {
        while self.base < sequence {
            let Some(entry) = self.entries.pop_front() else { break };
            self.bytes -= cost(&entry);
            self.base = entry.sequence;
        }
    }

    /// Forgets what is not needed after `needed`, but for the last `entries` and `bytes` of it, which
    /// serve those who come back.
    pub fn trim(&mut self, needed: Sequence, entries: u64, bytes: usize) {
        self.trim_to(needed.min(Sequence(self.last().0.saturating_sub(entries))));
        while self.bytes > bytes && self.base < needed {
            self.trim_to(self.base.next());
        }
    }

    /// Starts anew after a checkpoint that stands at `base`.
    pub fn reset(&mut self, base: Sequence) {
        *self = Self { base, ..Self::default() };
    }
}

fn cost(entry: &Entry) -> usize {
    ENTRY_OVERHEAD
        + match &entry.op {
            Op::Request { body, .. } => body.len(),
            Op::Register { .. } | Op::Mark | Op::Absent { .. } => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Epoch;

    fn filled(last: u64) -> Log {
        let mut log = Log::default();
        for n in 1..=last {
            log.append(Entry { sequence: Sequence(n), epoch: Epoch(1), op: Op::Mark });
        }
        log
    }

    #[test]
    fn what_is_trimmed_is_gone_and_the_rest_keeps_its_place() {
        let mut log = filled(10);
        log.trim_to(Sequence(4));
        assert_eq!((log.base(), log.last()), (Sequence(4), Sequence(10)));
        assert!(log.entry(Sequence(4)).is_none());
        assert_eq!(log.entry(Sequence(5)).map(|e| e.sequence), Some(Sequence(5)));
        assert_eq!(log.after(Sequence(8)).count(), 2);
    }

    #[test]
    fn a_cut_takes_the_tail_only_and_the_memory_with_it() {
        let mut log = filled(10);
        assert_eq!(log.cut_after(Sequence(7)), 3);
        assert_eq!(log.last(), Sequence(7));
        log.trim_to(Sequence(7));
        assert_eq!(log.bytes(), 0);
    }

    #[test]
    #[should_panic(expected = "no gaps")]
    fn a_gap_is_a_bug_of_ours() {
        filled(3).append(Entry { sequence: Sequence(5), epoch: Epoch(1), op: Op::Mark });
    }
}
