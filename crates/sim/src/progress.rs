//! What is still missing until a world is well: every request answered, every server a member.
//!
//! Not here: how long it may take; that is asked by whoever asks this.

use wire::NodeName;

use crate::process::Process;
use crate::world::World;

/// The first thing that is missing; `None` when all is well.
#[must_use]
pub fn missing(world: &World) -> Option<String> {
    unanswered(world).or_else(|| busy(world)).or_else(|| absent(world))
}

/// A process of Ivy that is not through with what was typed.
fn busy(world: &World) -> Option<String> {
    let busy = |p: &&Process| awake(p) && p.actor.ivy().is_some_and(|role| !role.is_idle());
    world.running().find(busy).map(|process| format!("{} waits for a page", process.name))
}

/// A request of a running client that is not answered.
#[must_use]
pub fn unanswered(world: &World) -> Option<String> {
    world.ledger().requests.iter().find_map(|(body, request)| {
        let (name, pid) = request.client;
        let waits = request.answered.is_none() && !request.given_up && runs(world, name, pid);
        let body = String::from_utf8_lossy(body);
        waits.then(|| format!("{name} has no answer to `{body}`"))
    })
}

fn runs(world: &World, name: NodeName, pid: u32) -> bool {
    world.process(name).is_some_and(|process| process.pid == pid && !process.frozen)
}

/// A server that is not a member of the current view, or does not know it.
#[must_use]
pub fn absent(world: &World) -> Option<String> {
    let Some(view) = world.ledger().current() else { return Some("there is no view".to_owned()) };
    let servers = world.plan.server_names();
    let wanted = servers.iter().filter(|name| {
        let lfd = format!("LFD{}", &name.as_str()[1..]);
        let watched = lfd.parse().is_ok_and(|lfd| world.process(lfd).is_some_and(awake));
        watched && world.process((**name).into()).is_none_or(awake)
    });
    for name in wanted {
        let Some(process) = world.process((*name).into()) else {
            return Some(format!("{name} does not run"));
        };
        let Some(replica) = process.actor.server() else { continue };
        let probe = replica.probe();
        if !view.contains(*name, probe.incarnation) {
            return Some(format!("{name} is not a member of {view}"));
        }
        if replica.view() != Some(view) {
            return Some(format!("{name} does not know {view}, but epoch {}", probe.epoch));
        }
    }
    None
}

fn awake(process: &Process) -> bool {
    !process.frozen
}
