//! The first world of a scope: the formed servers are members, the others have just been launched,
//! and clients that are not new have their sessions.
//!
//! Guarantees: no rule is switched off while it is made, so that what a mutant does is found in what
//! is explored.

use node::mutant;

use crate::access::{Access, Stop};
use crate::scope::{self, Scope};
use crate::world::{Budget, World};
use crate::{recovery, turn};

/// The first world. From its end on the scope's mutant is switched off.
///
/// # Errors
/// What is violated already.
pub(crate) fn first(library: &mut Access<'_>) -> Result<World, Stop> {
    mutant::switch_off(None);
    let world = formed(library)?;
    mutant::switch_off(library.scope.mutant);
    library.forget_outcomes();
    Ok(world)
}

fn formed(library: &mut Access<'_>) -> Result<World, Stop> {
    let Scope { servers, formed, .. } = library.scope;
    let mut world = turn::begin(library, formed)?;
    if formed > 0 {
        world = together(library, world)?;
    }
    for server in formed..servers {
        world = turn::launch(library, world, server)?;
    }
    world.budget = budget(&library.scope);
    Ok(world)
}

const fn budget(scope: &Scope) -> Budget {
    Budget {
        epochs: scope.epochs,
        crashes: scope.crashes,
        launches: scope.launches,
        replacements: scope.replacements,
        manager_crashes: scope.manager_crashes,
        resets: scope.resets,
        accusations: scope.accusations,
        cuts: scope.cuts,
        disk_errors: scope.disk_errors,
        ticks: scope.ticks,
    }
}

/// Lets the servers that run become members, and the clients open their sessions, unless they are
/// to be new.
fn together(library: &mut Access<'_>, mut world: World) -> Result<World, Stop> {
    let clients = std::mem::take(&mut world.clients);
    let mut world = recovery::recover(library, &world)?;
    world.clients = clients;
    world.history = vec![world.disk];
    let primary = library.view(world.disk).and_then(|view| scope::number_of(view.primary));
    let greeters = if library.scope.newcomers { 0 } else { library.scope.requests };
    for request in 0..greeters {
        let pair = (request, primary.expect("a view has a primary"));
        world = turn::greet(library, world, pair)?;
        world = recovery::calm_servers(library, world)?;
        world = turn::part(library, world, pair)?;
    }
    Ok(world)
}
