//! I4: what was executed anywhere (so, what was acknowledged to any client) is held by every living
//! member of the current view, as the same entry or in its checkpoint.

use node::Event;
use server::Replica;
use wire::{Member, Op, ReplicaName, Sequence, View};

use crate::hosted::Hosted;
use crate::{Seen, Sight, Sights, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct HeldByMembers;

impl HeldByMembers {
    /// Every living member of the current view holds that entry.
    fn all_hold(world: &World, sequence: Sequence, op: Option<&Op>) -> Result<(), String> {
        let Some(view) = world.ledger().current() else { return Ok(()) };
        for Member { name, incarnation, .. } in &view.members {
            let process = world.process((*name).into());
            let Some(replica) = process.and_then(|p| p.actor.server()) else { continue };
            if replica.incarnation() == *incarnation && replica.cluster() == view.cluster {
                holds(replica, view, *name, (sequence, op))?;
            }
        }
        Ok(())
    }

    /// A member holds, after its turn, whatever was executed so far.
    fn still_holds(sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Some(view) = world.ledger().current() else { return Ok(()) };
        let Some(replica) = world.server(sight.pid) else { return Ok(()) };
        let name = ReplicaName::from(sight.who);
        if replica.cluster() != view.cluster || !view.contains(name, replica.incarnation()) {
            return Ok(());
        }
        let executed = world.ledger().executed.get(&view.cluster).copied().unwrap_or_default();
        holds(replica, view, name, (executed, None))
    }
}

fn holds(
    replica: &Replica<Hosted>,
    view: &View,
    name: ReplicaName,
    (sequence, op): (Sequence, Option<&Op>),
) -> Result<(), String> {
    let last = replica.log().last();
    if last < sequence {
        return Err(format!("{name}, of {view}, ends at {last}; {sequence} was executed"));
    }
    let Some(op) = op else { return Ok(()) };
    match replica.log().entry(sequence).map(|entry| &entry.op) {
        Some(held) if held != op => {
            Err(format!("{name} has {held:?} at {sequence}, executed was {op:?}"))
        }
        _ => Ok(()),
    }
}

impl Watcher for HeldByMembers {
    fn name(&self) -> &'static str {
        "I4 members hold what was acknowledged"
    }

    fn sights(&self) -> Sights {
        Sights::NOTED.and(Sights::TURNED).and(Sights::PERSISTED)
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Some(view) = world.ledger().current() else { return Ok(()) };
        match &sight.what {
            Seen::Noted(Event::Executed { sequence, .. }) => {
                let Some(replica) = world.server(sight.pid) else { return Ok(()) };
                if replica.cluster() != view.cluster {
                    return Ok(());
                }
                let op = replica.log().entry(*sequence).map(|entry| &entry.op);
                Self::all_hold(world, *sequence, op)
            }
            Seen::Turned(Some(_)) => Self::still_holds(sight, world),
            Seen::Persisted(_) => {
                let executed = world.ledger().executed.get(&view.cluster).copied();
                executed.map_or(Ok(()), |sequence| Self::all_hold(world, sequence, None))
            }
            _ => Ok(()),
        }
    }
}
