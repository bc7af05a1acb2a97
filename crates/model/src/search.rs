//! The search: breadth-first through every world that can be reached within a scope.
//!
//! Guarantees: every world is visited once, so the first violation found has a shortest trace. The
//! worlds, their order and what is found are the same on every machine and with any number of
//! threads: threads only look up what the library holds; what they find is taken in, and what is
//! missing is played by the roles, in the order of worlds and moves.
//!
//! Memory: 20 to 40 bytes go to a world for good (its fingerprint and the step to it), and a few
//! hundred more while it is at the present depth or the next.
//!
//! Not here: what can happen (`moves`) and what must hold (`properties`).

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "how fast the search is is a matter of the real clock"
)]

use std::sync::{MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::access::{Access, Stop};
use crate::beginning;
use crate::harvest::{Found, Harvest, Searcher, asserted, fingerprint};
use crate::library::Library;
use crate::properties::{self, Violation};
use crate::report::{Failure, Report};
use crate::scope::Scope;
use crate::table::Table;
use crate::trail::{self, SharedTrail, Step, Trail};
use crate::world::World;

/// How many worlds are followed before what was found is taken in.
const CHUNK: usize = 1 << 14;
/// Fewer worlds than these are not worth another thread.
const SHARE: usize = 1 << 8;

/// Searches a scope with that many threads. `trail` is kept up to date; `say` is told of the
/// progress now and then.
pub fn search(
    scope: &Scope,
    threads: usize,
    trail: &SharedTrail,
    say: &mut dyn FnMut(&Report),
) -> Report {
    let mut search = Search::new(scope, threads, trail.clone());
    search.run(&mut |search: &Search| say(&search.report));
    search.report
}

pub(crate) struct Search {
    began: Instant,
    threads: usize,
    library: Library,
    trail: SharedTrail,
    seen: Table<()>,
    /// The worlds of the present depth, one after the other,
    frontier: Vec<u32>,
    /// and the number of each.
    numbers: Vec<u32>,
    next_frontier: Vec<u32>,
    next_numbers: Vec<u32>,
    report: Report,
}

impl Search {
    pub(crate) fn new(scope: &Scope, threads: usize, trail: SharedTrail) -> Self {
        Self {
            began: Instant::now(),
            threads: threads.max(1),
            library: Library::new(scope.clone()),
            trail,
            seen: Table::new(),
            frontier: Vec::new(),
            numbers: Vec::new(),
            next_frontier: Vec::new(),
            next_numbers: Vec::new(),
            report: Report::empty(scope),
        }
    }

    /// Goes through everything; `say` is told before each depth, and at the end.
    pub(crate) fn run(&mut self, say: &mut dyn FnMut(&Self)) {
        let found = self.start().and_then(|()| {
            while !self.numbers.is_empty() && self.report.complete {
                say(self);
                self.level()?;
            }
            Ok(())
        });
        if let Err(violation) = found {
            self.report.complete = false;
            let story = self.trail().story(&self.report.scope);
            self.report.failure = Some(Failure { violation, story });
        }
        self.report.took = self.began.elapsed();
        say(self);
    }

    fn trail(&self) -> MutexGuard<'_, Trail> {
        // A panic elsewhere leaves nothing half done in it.
        self.trail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&mut self) -> Result<(), Violation> {
        *self.trail() = Trail::default();
        trail::playing((0, 0));
        let first = asserted(|| beginning::first(&mut Access::Adding(&mut self.library)));
        let world = first.map_err(Stop::violation)?;
        properties::check(&self.library, &world)?;
        let mut words = Vec::new();
        world.write(&mut words);
        self.enter(&words, fingerprint(&words), (0, 0));
        self.deepen();
        Ok(())
    }

    /// Follows every world of the present depth.
    fn level(&mut self) -> Result<(), Violation> {
        let frontier = std::mem::take(&mut self.frontier);
        let numbers = std::mem::take(&mut self.numbers);
        let mut place = 0;
        for chunk in numbers.chunks(CHUNK) {
            for harvest in self.gather(&frontier, place, chunk) {
                self.take_in(harvest, &frontier)?;
            }
            place = past(&frontier, place, chunk.len());
            if self.report.scope.limit > 0 && self.report.worlds >= self.report.scope.limit {
                self.report.complete = false;
                break;
            }
        }
        let words = frontier.capacity() + self.next_frontier.capacity();
        let bytes = self.seen.bytes() + self.trail().bytes() + words * size_of::<u32>();
        self.report.bytes = self.report.bytes.max(bytes);
        self.deepen();
        self.report.depth += usize::from(!self.numbers.is_empty());
        (self.report.processes, self.report.inputs) = self.library.size();
        self.report.took = self.began.elapsed();
        Ok(())
    }

    /// The worlds of the present depth, with their numbers.
    #[cfg(test)]
    pub(crate) fn present(&self) -> Vec<(usize, World)> {
        let mut place = 0;
        let world = |number: &u32| {
            let world = World::read(&self.frontier[place..]);
            place = past(&self.frontier, place, 1);
            (*number as usize, world)
        };
        self.numbers.iter().map(world).collect()
    }

    #[cfg(test)]
    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    fn deepen(&mut self) {
        self.frontier = std::mem::take(&mut self.next_frontier);
        self.numbers = std::mem::take(&mut self.next_numbers);
    }

    /// What comes of some worlds, shared among the threads.
    fn gather(&mut self, frontier: &[u32], place: usize, numbers: &[u32]) -> Vec<Harvest> {
        if self.threads == 1 || numbers.len() < 2 * SHARE {
            return vec![self.searcher().gather(frontier, place, numbers)];
        }
        let (library, seen) = (&self.library, &self.seen);
        let share = numbers.len().div_ceil(self.threads).max(SHARE);
        thread::scope(|threads| {
            let (mut place, mut started) = (place, Vec::new());
            for numbers in numbers.chunks(share) {
                let first = place;
                place = past(frontier, place, numbers.len());
                started.push(threads.spawn(move || {
                    let searcher = Searcher::new(Access::Reading(library), seen);
                    searcher.gather(frontier, first, numbers)
                }));
            }
            let done = started.into_iter().map(|thread| thread.join());
            done.map(|harvest| harvest.expect("a searcher catches what panics")).collect()
        })
    }

    /// A searcher that may add.
    fn searcher(&mut self) -> Searcher<'_> {
        Searcher::new(Access::Adding(&mut self.library), &self.seen)
    }

    /// Takes in what was found, and finds out what could not be without adding to the library.
    fn take_in(&mut self, harvest: Harvest, frontier: &[u32]) -> Result<(), Violation> {
        self.report.moves += harvest.moves;
        self.report.ends += harvest.ends;
        self.report.recovered += harvest.recovered;
        self.report.beyond += harvest.beyond;
        let mut worlds = &harvest.worlds[..];
        for found in harvest.found {
            match found {
                Found::World(step, fingerprint) => {
                    let (world, rest) = worlds.split_at(worlds[0] as usize);
                    worlds = rest;
                    self.enter(world, fingerprint, step);
                }
                Found::Unplayed(place, step) => {
                    let world = World::read(&frontier[place..]);
                    let harvest = self.searcher().attempt(&world, step);
                    self.take_in(harvest, frontier)?;
                }
                Found::Unfollowed(place, number) => {
                    let harvest = self.searcher().gather(frontier, place, &[number]);
                    self.take_in(harvest, frontier)?;
                }
                Found::Violation(step, violation) => {
                    trail::playing(step);
                    return Err(violation);
                }
            }
        }
        Ok(())
    }

    /// Takes in a world, if it is a new one.
    fn enter(&mut self, world: &[u32], fingerprint: u64, step: Step) {
        if self.seen.insert(fingerprint, ()) {
            self.next_frontier.extend_from_slice(world);
            self.next_numbers.push(self.report.worlds as u32);
            self.trail().push(step);
            self.report.worlds += 1;
        }
    }
}

/// Where the world stands that comes after so many.
fn past(worlds: &[u32], place: usize, count: usize) -> usize {
    (0..count).fold(place, |place, _| place + worlds[place] as usize)
}
