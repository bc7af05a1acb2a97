//! The history of all processes, and whether it is sequentially consistent: whether there is one order
//! of all operations that agrees with the order of each process and in which every read returns what
//! was written last.
//!
//! That is hard to decide in general. Here the order of the writes of each page is known (the
//! manager's log says who owned it when, and an owner's writes are in its own order), so it is decided
//! by whether a graph has a cycle: program order, write order, each write before its readers, each
//! reader before the next write.
//!
//! An operation of a process that died counts as far as it took effect.

use std::collections::BTreeMap;

/// One run of one process.
pub type Run = usize;

/// What an operation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Did {
    /// Wrote this value, which nobody else ever writes.
    Wrote(String),
    /// Read this value.
    Read(String),
    /// Found the page never written.
    FoundNothing,
    /// Found the page lost, for the time of this number.
    FoundLost(usize),
}

#[derive(Debug, Clone)]
struct Operation {
    run: Run,
    page: u32,
    did: Did,
}

/// Everything that happened to pages.
#[derive(Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
    /// Which operation wrote each value.
    writers: BTreeMap<String, usize>,
    /// Of each page: who owned it for writing, and which operations wrote in that time; a loss is a
    /// time of its own.
    times: BTreeMap<u32, Vec<Time>>,
}

#[derive(Debug, Clone)]
enum Time {
    Owned(Run, Vec<usize>),
    /// The operation that stands for the loss.
    Lost(usize),
}

/// The run of whoever loses pages.
const NOBODY: Run = usize::MAX;

impl History {
    /// How many operations it has.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    /// The manager's log says that a run owns a page for writing from here on.
    pub fn owned(&mut self, run: Run, page: u32) {
        self.times.entry(page).or_default().push(Time::Owned(run, Vec::new()));
    }

    /// The manager's log says that a page is lost here.
    pub fn lost(&mut self, page: u32) {
        let place = self.operations.len();
        self.operations.push(Operation { run: NOBODY, page, did: Did::FoundNothing });
        self.times.entry(page).or_default().push(Time::Lost(place));
    }

    /// How many losses of a page there were.
    #[must_use]
    pub fn losses(&self, page: u32) -> usize {
        let times = self.times.get(&page).into_iter().flatten();
        times.filter(|time| matches!(time, Time::Lost(_))).count()
    }

    /// The next operation in its run's order has taken effect.
    ///
    /// # Errors
    /// When it wrote a page that its run never owned.
    pub fn did(&mut self, run: Run, page: u32, did: Did) -> Result<(), String> {
        let place = self.operations.len();
        if let Did::Wrote(value) = &did {
            self.writers.insert(value.clone(), place);
            let times = self.times.entry(page).or_default().iter_mut().rev();
            let mut ours = times.filter_map(|time| match time {
                Time::Owned(owner, writes) if *owner == run => Some(writes),
                _ => None,
            });
            let Some(writes) = ours.next() else {
                return Err(format!("run {run} wrote page {page} and never owned it"));
            };
            writes.push(place);
        }
        self.operations.push(Operation { run, page, did });
        Ok(())
    }

    /// Whether there is an order of everything.
    ///
    /// # Errors
    /// The operations that contradict each other, or a value that nobody wrote.
    pub fn check(&self) -> Result<(), String> {
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); self.operations.len()];
        let mut last: BTreeMap<Run, usize> = BTreeMap::new();
        for (place, operation) in self.operations.iter().enumerate() {
            if operation.run != NOBODY
                && let Some(before) = last.insert(operation.run, place)
            {
                after[before].push(place);
            }
        }
        for page in
            self.operations.iter().map(|o| o.page).collect::<std::collections::BTreeSet<_>>()
        {
            self.order_page(page, &mut after)?;
        }
        self.acyclic(&after)
    }

    /// Adds the edges of one page.
    fn order_page(&self, page: u32, after: &mut [Vec<usize>]) -> Result<(), String> {
        let mut versions = Vec::new();
        let mut losses = Vec::new();
        for time in self.times.get(&page).into_iter().flatten() {
            match time {
                Time::Owned(_, writes) => versions.extend(writes),
                Time::Lost(place) => {
                    losses.push(*place);
                    versions.push(*place);
                }
            }
        }
        for pair in versions.windows(2) {
            after[pair[0]].push(pair[1]);
        }
        for (place, operation) in self.operations.iter().enumerate() {
            if operation.page != page || operation.run == NOBODY {
                continue;
            }
            let source = match &operation.did {
                Did::Wrote(_) => continue,
                Did::FoundNothing => None,
                Did::FoundLost(number) => Some(losses[*number]),
                Did::Read(value) => match self.writers.get(value) {
                    Some(writer) => Some(*writer),
                    None => return Err(format!("page {page}: {value} was read, nobody wrote it")),
                },
            };
            let next = match source {
                None => versions.first(),
                Some(source) => {
                    after[source].push(place);
                    let at = versions.iter().position(|version| *version == source);
                    let at = at.ok_or(format!("page {page}: what was read is of another page"))?;
                    versions.get(at + 1)
                }
            };
            if let Some(next) = next {
                after[place].push(*next);
            }
        }
        Ok(())
    }

    fn acyclic(&self, after: &[Vec<usize>]) -> Result<(), String> {
        let mut before = vec![0; after.len()];
        after.iter().flatten().for_each(|place| before[*place] += 1);
        let mut free: Vec<usize> = (0..after.len()).filter(|place| before[*place] == 0).collect();
        let mut ordered = 0;
        while let Some(place) = free.pop() {
            ordered += 1;
            for next in &after[place] {
                before[*next] -= 1;
                if before[*next] == 0 {
                    free.push(*next);
                }
            }
        }
        if ordered == after.len() {
            return Ok(());
        }
        let cycle: Vec<String> =
            cycle(after, &before).iter().map(|place| self.shown(*place)).collect();
        Err(format!("not sequentially consistent: {}, and again", cycle.join(", before ")))
    }

    fn shown(&self, place: usize) -> String {
        let Operation { run, page, did } = &self.operations[place];
        if *run == NOBODY { format!("loss of {page}") } else { format!("{run} {did:?} in {page}") }
    }
}

/// A cycle among the places that have somebody before them.
fn cycle(after: &[Vec<usize>], before: &[usize]) -> Vec<usize> {
    // Each of them has one of them before it, so going backwards ends in a circle.
    let mut behind: BTreeMap<usize, usize> = BTreeMap::new();
    for (place, nexts) in after.iter().enumerate().filter(|(place, _)| before[*place] > 0) {
        for next in nexts {
            behind.entry(*next).or_insert(place);
        }
    }
    let mut way: Vec<usize> = behind.keys().copied().take(1).collect();
    while let Some(previous) = way.last().and_then(|place| behind.get(place)) {
        if let Some(start) = way.iter().position(|place| place == previous) {
            way.drain(..start);
            break;
        }
        way.push(*previous);
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_no_order_explains_is_refused() {
        // Store buffering: each writes one page, then reads the other as it was before.
        let mut history = History::default();
        history.owned(0, 1);
        history.owned(1, 2);
        history.did(0, 1, Did::Wrote("a".into())).unwrap();
        history.did(1, 2, Did::Wrote("b".into())).unwrap();
        history.did(0, 2, Did::FoundNothing).unwrap();
        assert_eq!(history.check(), Ok(()));
        history.did(1, 1, Did::FoundNothing).unwrap();
        let found = history.check().unwrap_err();
        let shown = ["0 Wrote(\"a\") in 1", "1 FoundNothing in 1", "0 FoundNothing in 2"];
        assert!(shown.iter().all(|operation| found.contains(operation)), "{found}");
    }

    #[test]
    fn a_stale_read_is_allowed_until_a_later_one_contradicts_it() {
        let mut history = History::default();
        history.owned(0, 1);
        history.did(0, 1, Did::Wrote("a".into())).unwrap();
        history.did(0, 1, Did::Wrote("b".into())).unwrap();
        history.did(1, 1, Did::Read("a".into())).unwrap();
        history.did(1, 1, Did::Read("b".into())).unwrap();
        assert_eq!(history.check(), Ok(()));
        history.did(1, 1, Did::Read("a".into())).unwrap();
        assert!(history.check().is_err());
    }
}
