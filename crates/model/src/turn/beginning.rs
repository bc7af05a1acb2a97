//! What comes before the first move: processes are started, and clients open their sessions.

use super::Turn;
use crate::access::{Access, Stop};
use crate::library::Cause;
use crate::local::client_slot;
use crate::world::{Client, World};

/// The world in which the RM and the first `running` servers have just been started.
pub(crate) fn begin(library: &mut Access<'_>, running: usize) -> Result<World, Stop> {
    let servers = library.scope.servers;
    let world = World {
        servers: vec![Default::default(); servers],
        up: vec![Vec::new(); servers],
        down: vec![Vec::new(); servers],
        clients: vec![Default::default(); library.scope.requests],
        ..World::default()
    };
    let mut turn = Turn::of(library, world);
    turn.start_manager()?;
    for server in 0..running {
        turn.start(server)?;
    }
    Ok(turn.world)
}

/// Starts a server that never ran.
pub(crate) fn launch(library: &mut Access<'_>, world: World, server: usize) -> Result<World, Stop> {
    let mut turn = Turn::of(library, world);
    turn.start(server)?;
    Ok(turn.world)
}

/// Has a client open its session at a server, which it does by a first request if it speaks the
/// short form.
pub(crate) fn greet(
    library: &mut Access<'_>,
    world: World,
    (request, server): (usize, usize),
) -> Result<World, Stop> {
    let sessions = library.scope.sessions;
    let mut turn = Turn::of(library, world);
    turn.step(server, Cause::Accepted(client_slot(request)))?;
    match sessions {
        true => turn.register(request, server)?,
        false => turn.send_request(request, server, false)?,
    }
    Ok(turn.world)
}

/// A client that has its session leaves, and forgets everything else.
pub(crate) fn part(
    library: &mut Access<'_>,
    world: World,
    (request, server): (usize, usize),
) -> Result<World, Stop> {
    let mut turn = Turn::of(library, world);
    turn.leave(request, server)?;
    let session = turn.world.clients[request].session;
    turn.world.clients[request] = Client { session, ..Client::default() };
    Ok(turn.world)
}
