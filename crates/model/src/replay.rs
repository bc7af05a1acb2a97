//! What the search says of a world is true of the processes that ship: the moves to it, played from
//! scratch, lead to the very same processes.
//!
//! The search drives the shipping roles itself, but one state of a process stands for all that
//! cannot be told apart, and what came of an input is looked up. So a long way is put together out
//! of pieces that no single run has gone through from its beginning. Here it is gone through, in a
//! library of its own, and the end is compared by what does not depend on how a library numbers
//! things.

use std::sync::PoisonError;

use xxhash_rust::xxh3::xxh3_64;

use crate::access::{Access, Stop};
use crate::beginning;
use crate::harvest::fingerprint;
use crate::library::Library;
use crate::moves::Move;
use crate::properties::{self, Violation};
use crate::scope::Scope;
use crate::search::{Search, search};
use crate::trail::{SharedTrail, Trail};
use crate::world::World;
use crate::{recovery, turn};

/// A world without the numbers of a library: the same for the same processes, frames and records,
/// wherever they were found.
fn identity(library: &Library, world: &World) -> (World, Vec<String>) {
    let mut things = Vec::new();
    let mut name = |text: String| {
        things.push(text);
        0
    };
    let local =
        |id| if id == 0 { "none".to_owned() } else { library.local(id).fingerprint().to_string() };
    let item =
        |id| library.known(id).map_or_else(|| format!("end {id}"), |frame| format!("{frame:?}"));
    let record = |id| library.record(id).unwrap_or("none").to_owned();
    let mut bare = world.clone();
    bare.manager = name(local(world.manager));
    bare.disk = name(record(world.disk));
    bare.flight = name(record(world.flight));
    bare.history.iter_mut().for_each(|id| *id = name(record(*id)));
    for server in &mut bare.servers {
        server.local = name(local(server.local));
        server.report = name(item(server.report));
    }
    let links = bare.links.iter_mut().flat_map(|link| &mut link.ways);
    for way in bare.up.iter_mut().chain(&mut bare.down).chain(links) {
        way.iter_mut().for_each(|id| *id = name(item(*id)));
    }
    bare.clients.iter_mut().for_each(|client| client.reply = name(item(client.reply)));
    (bare, things)
}

fn digest((world, things): &(World, Vec<String>)) -> (u64, u64) {
    let mut words = Vec::new();
    world.write(&mut words);
    (fingerprint(&words), xxh3_64(things.join("\n").as_bytes()))
}

/// Plays moves from the first world on, in a new library.
fn replay(scope: &Scope, moves: &[Move]) -> Result<(u64, u64), (usize, Violation)> {
    let mut library = Library::new(scope.clone());
    let mut access = Access::Adding(&mut library);
    let mut world = beginning::first(&mut access).map_err(|stop| (0, stop.violation()))?;
    for (place, happens) in moves.iter().enumerate() {
        let next = match happens {
            // The end of the way to a world that gets stuck: it is given time.
            Move::Tick if world.budget.ticks == 0 => recovery::recover(&mut access, &world),
            _ => turn::play(&mut access, &world, *happens),
        };
        let checked = next.and_then(|next| {
            properties::check(&access, &next)?;
            Ok(next)
        });
        world = checked.map_err(|stop: Stop| (place + 1, stop.violation()))?;
    }
    Ok(digest(&identity(&library, &world)))
}

fn scopes() -> Vec<Scope> {
    let join = Scope { requests: 1, crashes: 0, launches: 0, ..Scope::default() };
    vec![
        join.clone(),
        Scope { servers: 2, crashes: 1, launches: 1, epochs: 3, ..join.clone() },
        Scope {
            servers: 2,
            crashes: 1,
            launches: 1,
            sessions: true,
            newcomers: true,
            ..join.clone()
        },
        Scope { servers: 2, replacements: 1, mode: wire::Mode::Active, ..join },
    ]
}

#[test]
fn the_moves_to_a_world_lead_there_from_scratch() {
    for scope in scopes() {
        let trail = SharedTrail::default();
        let mut search = Search::new(&scope, 2, trail.clone());
        let mut compared = 0;
        search.run(&mut |search: &Search| {
            let trail = trail.lock().unwrap_or_else(PoisonError::into_inner);
            // A few of every depth, the last ones among them.
            let (worlds, count) = (search.present(), search.present().len());
            for (number, world) in worlds.into_iter().step_by(count.div_ceil(3).max(1)) {
                let expected = digest(&identity(search.library(), &world));
                let moves = if number == 0 { Vec::new() } else { trail.moves(trail.step(number)) };
                assert_eq!(replay(&scope, &moves), Ok(expected), "{scope}: {moves:?}");
                compared += 1;
            }
        });
        assert!(compared > 50, "{scope}: only {compared} worlds were compared");
    }
}

#[test]
fn the_moves_to_something_wrong_lead_there_from_scratch() {
    for hunt in crate::mutants::hunts().into_iter().filter(|hunt| hunt.moves <= 11) {
        let trail = SharedTrail::default();
        let report = search(&hunt.scope, 2, &trail, &mut |_| {});
        let failure = report.failure.expect("it is found");
        let moves = trail.lock().unwrap_or_else(PoisonError::into_inner).moves(Trail::now());
        let end = replay(&hunt.scope, &moves).expect_err("it is found from scratch, too");
        assert_eq!(end, (moves.len(), failure.violation), "{}", hunt.scope);
    }
}
