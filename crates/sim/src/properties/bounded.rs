//! I15: connections, mailboxes and turns of a process are bounded: nobody leaks, and nobody spins.

use std::collections::BTreeMap;
use std::time::Duration;

use node::Time;

use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// More connections than this nobody has: seven servers, eight clients, their detectors, and for each
/// of them those that it gave up while this process was stopped.
const CONNECTIONS: usize = 400;
/// A process that runs has read its mail.
const MAIL: usize = 20_000;
/// More turns than this in a second are a loop without a reason.
const TURNS: u64 = 60_000;

/// See the file.
#[derive(Debug, Default)]
pub(super) struct Bounded {
    turns: BTreeMap<Pid, (Time, u64)>,
}

impl Watcher for Bounded {
    fn name(&self) -> &'static str {
        "I15 bounded"
    }

    fn sights(&self) -> Sights {
        Sights::TURNED
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let Seen::Turned(_) = sight.what else { return Ok(()) };
        let Some(process) = world.processes.get(sight.pid.into()) else { return Ok(()) };
        let (connections, mail) = (process.conns.len(), process.mail.len() + process.held.len());
        if connections > CONNECTIONS || mail > MAIL {
            return Err(format!("{}: {connections} connections, {mail} inputs wait", sight.who));
        }
        let (since, turns) = self.turns.entry(sight.pid).or_insert((sight.at, 0));
        *turns += 1;
        if *turns > TURNS {
            return Err(format!("{} had {turns} turns since {since:?}", sight.who));
        }
        if sight.at.since(*since) >= Duration::from_secs(1) {
            (*since, *turns) = (sight.at, 0);
        }
        Ok(())
    }
}
