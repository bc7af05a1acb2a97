//! I4: what was executed anywhere (so, what was acknowledged to any client) is held by every living
//! member of the current view, as the same entry or in its checkpoint.

use node::Event;
use wire::{Member, Op, Sequence};

use super::replica;
use crate::{Seen, Sight, Watcher, World};

/// See the file.
#[derive(Debug, Default)]
pub(super) struct HeldByMembers;

impl HeldByMembers {
    fn check(world: &World, sequence: Sequence, op: Option<&Op>) -> Result<(), String> {
        let Some(view) = world.ledger().current() else { return Ok(()) };
        for Member { name, incarnation, .. } in &view.members {
            let process = world.process((*name).into());
            let Some(replica) = process.and_then(|p| p.actor.server()) else { continue };
            let probe = replica.probe();
            if probe.incarnation != *incarnation || probe.cluster != view.cluster {
                continue;
            }
            if probe.last < sequence {
                let last = probe.last;
                return Err(format!("{name}, of {view}, ends at {last}; {sequence} was executed"));
            }
            let held = replica.log().entry(sequence).map(|entry| &entry.op);
            if let (Some(held), Some(op)) = (held, op)
                && held != op
            {
                return Err(format!("{name} has {held:?} at {sequence}, executed was {op:?}"));
            }
        }
        Ok(())
    }
}

impl Watcher for HeldByMembers {
    fn name(&self) -> &'static str {
        "I4 members hold what was acknowledged"
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Some(view) = world.ledger().current() else { return Ok(()) };
        match &sight.what {
            Seen::Noted(Event::Executed { sequence, .. }) => {
                let Some(replica) = replica(sight, world) else { return Ok(()) };
                if replica.probe().cluster != view.cluster {
                    return Ok(());
                }
                let op = replica.log().entry(*sequence).map(|entry| entry.op.clone());
                Self::check(world, *sequence, op.as_ref())
            }
            Seen::Turned | Seen::Persisted(_) => {
                let executed = world.ledger().executed.get(&view.cluster).copied();
                executed.map_or(Ok(()), |sequence| Self::check(world, sequence, None))
            }
            _ => Ok(()),
        }
    }
}
