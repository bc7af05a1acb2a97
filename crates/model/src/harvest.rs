//! What comes of some worlds: the work of one searcher, of which several may be at work at once.
//!
//! Guarantees: the findings are in the order of worlds and moves, whoever found them, so that the
//! search goes the same way with any number of searchers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use xxhash_rust::xxh3::Xxh3;

use crate::access::{Access, Stop};
use crate::moves::{self, Move};
use crate::properties::{self, Violation};
use crate::table::Table;
use crate::trail::{self, Step};
use crate::world::World;
use crate::{recovery, turn};

/// Something that a searcher has found.
#[derive(Debug)]
pub(crate) enum Found {
    /// A world that had not been seen when the searcher began: the next one in `worlds`.
    World(Step, u64),
    /// A move that only a searcher that may add can play, from the world at that place.
    Unplayed(usize, Step),
    /// A world that only a searcher that may add can follow, at that place.
    Unfollowed(usize, u32),
    /// Something is wrong.
    Violation(Step, Violation),
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Harvest {
    pub(crate) found: Vec<Found>,
    /// The new worlds, one after the other.
    pub(crate) worlds: Vec<u32>,
    /// How many moves there were, ends, ends that needed time, and worlds beyond the epochs.
    pub(crate) moves: usize,
    pub(crate) ends: usize,
    pub(crate) recovered: usize,
    pub(crate) beyond: usize,
}

/// A searcher.
pub(crate) struct Searcher<'a> {
    library: Access<'a>,
    seen: &'a Table<()>,
    harvest: Harvest,
}

/// A violation was found, and noted.
struct Stopped;

impl<'a> Searcher<'a> {
    pub(crate) fn new(library: Access<'a>, seen: &'a Table<()>) -> Self {
        Self { library, seen, harvest: Harvest::default() }
    }

    /// What comes of these worlds. `place` is where the first of them stands, and `numbers` are
    /// theirs.
    pub(crate) fn gather(mut self, worlds: &[u32], mut place: usize, numbers: &[u32]) -> Harvest {
        for number in numbers {
            let world = World::read(&worlds[place..]);
            if self.follow(&world, place, *number).is_err() {
                break;
            }
            place += worlds[place] as usize;
        }
        self.harvest
    }

    /// What comes of one move.
    pub(crate) fn attempt(mut self, world: &World, step: Step) -> Harvest {
        // What is wrong is in the harvest.
        let _ = self.play(world, 0, step);
        self.harvest
    }

    /// Plays every move of a world.
    fn follow(&mut self, world: &World, place: usize, number: u32) -> Result<(), Stopped> {
        let Some(moves) = self.moves(world, place, number)? else { return Ok(()) };
        if moves.iter().all(|happens| happens.is_fault()) {
            if matches!(self.library, Access::Reading(_)) {
                self.harvest.found.push(Found::Unfollowed(place, number));
                return Ok(());
            }
            self.end(world, number)?;
        }
        for happens in moves {
            self.harvest.moves += 1;
            self.play(world, place, (number, happens.pack()))?;
        }
        Ok(())
    }

    fn moves(
        &mut self,
        world: &World,
        place: usize,
        number: u32,
    ) -> Result<Option<Vec<Move>>, Stopped> {
        let step = (number, Move::Tick.pack());
        trail::playing(step);
        match asserted(|| moves::possible(&mut self.library, world)) {
            Ok(moves) => Ok(Some(moves)),
            Err(Stop::Unknown) => {
                self.harvest.found.push(Found::Unfollowed(place, number));
                Ok(None)
            }
            Err(Stop::Violation(violation)) => Err(self.wrong(step, violation)),
        }
    }

    fn play(&mut self, world: &World, place: usize, step: Step) -> Result<(), Stopped> {
        trail::playing(step);
        match asserted(|| turn::play(&mut self.library, world, Move::unpack(step.1))) {
            Ok(next) => self.enter(&next, step),
            Err(Stop::Unknown) => {
                self.harvest.found.push(Found::Unplayed(place, step));
                Ok(())
            }
            Err(Stop::Violation(violation)) => Err(self.wrong(step, violation)),
        }
    }

    /// Takes in a world, unless it was seen before.
    fn enter(&mut self, world: &World, step: Step) -> Result<(), Stopped> {
        let words = &mut self.harvest.worlds;
        let start = words.len();
        world.write(words);
        let fingerprint = fingerprint(&words[start..]);
        if self.seen.get(fingerprint).is_some() {
            words.truncate(start);
            return Ok(());
        }
        if let Err(violation) = properties::check(&self.library, world) {
            return Err(self.wrong(step, violation));
        }
        self.harvest.found.push(Found::World(step, fingerprint));
        Ok(())
    }

    /// A world in which nothing is left to happen: nothing may be stuck in it.
    fn end(&mut self, world: &World, number: u32) -> Result<(), Stopped> {
        if world.flight != 0 {
            self.harvest.beyond += 1;
            return Ok(());
        }
        self.harvest.ends += 1;
        if recovery::is_whole(&self.library, world) {
            return Ok(());
        }
        self.harvest.recovered += 1;
        match asserted(|| recovery::recover(&mut self.library, world)) {
            Ok(_) => Ok(()),
            Err(stop) => Err(self.wrong((number, Move::Tick.pack()), stop.violation())),
        }
    }

    fn wrong(&mut self, step: Step, violation: Violation) -> Stopped {
        self.harvest.found.push(Found::Violation(step, violation));
        Stopped
    }
}

/// The same for worlds that are written the same, and for hardly any others.
pub(crate) fn fingerprint(world: &[u32]) -> u64 {
    let mut hash = Xxh3::new();
    world.iter().for_each(|word| hash.update(&word.to_le_bytes()));
    hash.digest()
}

/// An assertion of a role that fails is a violation like any other, where panics can be caught.
pub(crate) fn asserted<T>(play: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
    catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation { property: "assert", text: text.unwrap_or_default() }.into())
    })
}
