//! One move: what happens to a process, and where what it wants done ends up.
//!
//! Here is what the model takes for granted of the hosts (`node`), of the network, of LFDs and GFD:
//! a connection keeps its order; one that breaks may lose what was on its way; a detector passes on
//! what it hears, in order, and says `delete` once it has seen its server's end.
//!
//! Several things are one move: an input and the end of its turn (`settle`); a dial, its acceptance
//! and its opening; the start of a server and its first answer to its LFD.
//!
//! Reading order: `servers` is a step of a server and its connections; `detectors` is the way up and
//! down; `manager` is the RM and its disk; `clients`; `faults`; `beginning` is what comes before the
//! first move.
//!
//! Not here: what may happen (`moves`) and what must hold (`properties`).

mod beginning;
mod clients;
mod detectors;
mod faults;
mod manager;
mod servers;

pub(crate) use beginning::{begin, greet, launch, part};
pub(crate) use detectors::news;

use crate::access::{Access, Stop};
use crate::library::{BROKEN, Cause};
use crate::local::{Slot, WATCHER};
use crate::moves::Move;
use crate::scope::{self, STEPS_OF_A_TICK};
use crate::world::{Talk, World};

/// One move of a world.
pub(crate) struct Turn<'a, 'b> {
    library: &'a mut Access<'b>,
    world: World,
    /// What was dialled in this move and is open at the other end.
    opened: Vec<(usize, Slot)>,
}

/// The world after a move.
///
/// # Errors
/// What is wrong with it, or that what comes of it is unknown.
pub(crate) fn play(library: &mut Access<'_>, world: &World, happens: Move) -> Result<World, Stop> {
    let mut turn = Turn::of(library, world.clone());
    turn.happen(happens)?;
    turn.world.tidy();
    Ok(turn.world)
}

/// Lets one step of time pass: whatever is due is done.
///
/// # Errors
/// See [`play`].
pub(crate) fn pass_time(library: &mut Access<'_>, world: World) -> Result<World, Stop> {
    let mut turn = Turn::of(library, world);
    turn.pass_time()?;
    turn.world.tidy();
    Ok(turn.world)
}

impl<'a, 'b> Turn<'a, 'b> {
    fn of(library: &'a mut Access<'b>, world: World) -> Self {
        Self { library, world, opened: Vec::new() }
    }
}

impl Turn<'_, '_> {
    fn happen(&mut self, happens: Move) -> Result<(), Stop> {
        match happens {
            Move::Deliver(link, end) => self.deliver(link, end)?,
            Move::Lose(link, end) => {
                self.world.links[link].ways[end] = vec![BROKEN];
                self.deliver(link, end)?;
            }
            Move::Up(server) => {
                let item = self.world.up[server].remove(0);
                self.step_manager(Cause::Received(WATCHER, item))?;
            }
            Move::Down(server) => {
                let item = self.world.down[server].remove(0);
                self.order(server, item)?;
            }
            Move::Persisted => self.persisted()?,
            Move::PersistFailed => {
                self.world.budget.disk_errors -= 1;
                self.world.flight = 0;
                self.step_manager(Cause::PersistFailed)?;
            }
            Move::Notice(server) => self.notice(server)?,
            Move::Beat(server) => {
                let report = news(self.library, &self.world, server)?.expect("it answers");
                self.report(server, report)?;
            }
            Move::Ask(request, server) => self.ask(request, server)?,
            Move::Request(request, server) => self.request(request, server)?,
            Move::Take(request, server) => {
                self.world.clients[request].talks[server] = Talk::Asked;
                self.world.clients[request].done = true;
            }
            Move::Tick => {
                self.world.budget.ticks -= 1;
                for _ in 0..STEPS_OF_A_TICK {
                    self.pass_time()?;
                }
            }
            fault => self.fault(fault)?,
        }
        Ok(())
    }

    fn pass_time(&mut self) -> Result<(), Stop> {
        self.world.time += 1;
        let now = scope::moment(self.world.time);
        let due = |turn: &Self, id| turn.library.local(id).deadline().is_some_and(|at| at <= now);
        if due(self, self.world.manager) {
            self.step_manager(Cause::Wake)?;
        }
        for server in 0..self.world.servers.len() {
            let local = self.world.servers[server].local;
            if local != 0 && due(self, local) {
                self.step(server, Cause::Wake)?;
            }
        }
        Ok(())
    }
}
