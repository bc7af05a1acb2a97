//! How the search came to each world: enough to tell, and to play again, the way to any of them.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use crate::access::Access;
use crate::library::Library;
use crate::moves::{Move, Told};
use crate::scope::Scope;
use crate::{beginning, turn};

/// How a world was reached: from which one, by which move.
pub(crate) type Step = (u32, u16);

thread_local! {
    /// What this thread is playing.
    static NOW: Cell<Step> = const { Cell::new((0, 0)) };
}

/// From now on this thread plays that.
pub(crate) fn playing(step: Step) {
    NOW.set(step);
}

/// The steps of a search, also for a program that ends in a panic.
#[derive(Debug, Default)]
pub struct Trail {
    /// By the number of a world: the world before it, and the move. The first has none before it.
    before: Vec<u32>,
    moves: Vec<u16>,
}

/// A trail that can be read from elsewhere.
pub type SharedTrail = Arc<Mutex<Trail>>;

impl Trail {
    /// The next world was reached by that step.
    pub(crate) fn push(&mut self, (before, happens): Step) {
        self.before.push(before);
        self.moves.push(happens);
    }

    /// How many bytes a world takes in here.
    pub(crate) fn bytes(&self) -> usize {
        self.before.capacity() * size_of::<u32>() + self.moves.capacity() * size_of::<u16>()
    }

    /// All moves from the first world to the end of that step.
    pub(crate) fn moves(&self, (before, happens): Step) -> Vec<Move> {
        let (mut at, mut moves) = (before as usize, vec![Move::unpack(happens)]);
        while at != 0 {
            moves.push(Move::unpack(self.moves[at]));
            at = self.before[at] as usize;
        }
        moves.reverse();
        moves
    }

    /// The step by which that world was reached; the first one was not.
    #[cfg(test)]
    pub(crate) fn step(&self, world: usize) -> Step {
        (self.before[world], self.moves[world])
    }

    /// What this thread is playing.
    #[cfg(test)]
    pub(crate) fn now() -> Step {
        NOW.get()
    }

    /// What this thread is playing, from the beginning, for people.
    #[must_use]
    pub fn story(&self, scope: &Scope) -> Vec<String> {
        let moves = self.moves(NOW.get());
        let mut library = Library::new(scope.clone());
        let mut library = Access::Adding(&mut library);
        let Ok(mut world) = beginning::first(&mut library) else {
            return vec!["the servers do not even come together".to_owned()];
        };
        let mut story = Vec::new();
        for (place, happens) in moves.iter().enumerate() {
            story.push(format!("{:>4}  {}", place + 1, Told(&library, &world, *happens)));
            // The last one is what went wrong, perhaps by a panic.
            if place + 1 < moves.len() {
                match turn::play(&mut library, &world, *happens) {
                    Ok(next) => world = next,
                    Err(stop) => story.push(stop.violation().to_string()),
                }
            }
        }
        story
    }
}
