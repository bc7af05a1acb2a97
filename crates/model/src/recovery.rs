//! Nothing gets stuck: from any world in which nothing is left to happen, time alone brings every
//! request to its answer and every server back into the view (I14).
//!
//! Within the search hardly any time passes. What only time resolves (an order that is repeated, a
//! connection that is dialled again) is played here: faults are over, the network is whole, frames
//! arrive as soon as they are sent, and the clock runs.

use crate::access::{Access, Stop};
use crate::library::Library;
use crate::moves::{self, Move};
use crate::properties::{self, Violation};
use crate::scope;
use crate::turn;
use crate::world::{Budget, World};

/// The most steps of time: 15 s.
const PATIENCE: usize = 300;
/// The most moves without time passing; more of them is a loop of messages.
const BUSY: usize = 5_000;

/// The world after everything has come to an end.
///
/// # Errors
/// What does not come to an end, or what is violated on the way.
pub(crate) fn recover(library: &mut Access<'_>, world: &World) -> Result<World, Stop> {
    let budget = Budget { epochs: u8::MAX, launches: u8::MAX, ..Budget::default() };
    let mut world = World { budget, cut: 0, ..world.clone() };
    for _ in 0..PATIENCE {
        world = come_to_rest(library, world)?;
        if is_whole(library, &world) {
            return Ok(world);
        }
        world = turn::pass_time(library, world)?;
        properties::check(library, &world)?;
    }
    Err(Violation { property: "I14", text: stuck(library, &world) }.into())
}

/// The world once nothing is left to happen without time.
///
/// # Errors
/// See [`recover`].
fn come_to_rest(library: &mut Access<'_>, world: World) -> Result<World, Stop> {
    calm(library, world, |happens| !happens.is_fault())
}

/// The same, without anything that a client does.
///
/// # Errors
/// See [`recover`].
pub(crate) fn calm_servers(library: &mut Access<'_>, world: World) -> Result<World, Stop> {
    let client = |m: Move| matches!(m, Move::Ask(..) | Move::Request(..) | Move::Take(..));
    calm(library, world, |happens| !happens.is_fault() && !client(happens))
}

fn calm(
    library: &mut Access<'_>,
    mut world: World,
    wanted: impl Fn(Move) -> bool,
) -> Result<World, Stop> {
    for _ in 0..BUSY {
        let moves = moves::possible(library, &world)?;
        let Some(next) = moves.into_iter().find(|m| wanted(*m)) else { return Ok(world) };
        world = turn::play(library, &world, next)?;
        properties::check(library, &world)?;
    }
    let text = format!("{BUSY} moves at one moment, and no end");
    Err(Violation { property: "I14", text }.into())
}

/// Whether every client has its reply, and every server that ever ran is in the view and knows it.
pub(crate) fn is_whole(library: &Library, world: &World) -> bool {
    let Some(view) = library.view(world.disk) else { return false };
    let is_in = |(server, state): (usize, &crate::world::Server)| {
        let seen = library.summary(state.local);
        state.run == 0
            || seen.is_some_and(|seen| {
                seen.view.as_ref() == Some(view)
                    && view.contains(scope::replica(server), seen.run.into())
            })
    };
    world.flight == 0
        && world.clients.iter().all(|client| client.done)
        && world.servers.iter().enumerate().all(is_in)
}

fn stuck(library: &Library, world: &World) -> String {
    let mut text = String::from("after 15 s without a fault");
    for (request, client) in world.clients.iter().enumerate() {
        if !client.done {
            text.push_str(&format!(", C{} has no reply", request + 1));
        }
    }
    let view = library.view(world.disk);
    text.push_str(&format!("; the view is {}", view.map_or_else(String::new, ToString::to_string)));
    for (server, state) in world.servers.iter().enumerate() {
        let seen = library.summary(state.local);
        text.push_str(&match seen {
            Some(s) => format!("; S{} is {} in epoch {}", server + 1, s.phase.as_str(), s.epoch),
            None => format!("; S{} is dead", server + 1),
        });
    }
    text
}
