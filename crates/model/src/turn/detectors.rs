//! Detectors, as far as they pass on reports and orders: what an LFD says of its server, what the RM
//! hears of it, and what becomes of an order on its way down.

use wire::{Change, Gone, Incarnation, Message, NodeName, Reported, Urgency};

use super::Turn;
use crate::access::{Access, Stop};
use crate::library::{Cause, Effect, ItemId, Usual};
use crate::local::WATCHER;
use crate::scope;
use crate::world::World;

/// The report that a server's LFD would make now; `None` while it has none to watch.
///
/// # Errors
/// When the server broke a rule of its host, or what it would say is unknown.
pub(crate) fn news(
    library: &mut Access<'_>,
    world: &World,
    server: usize,
) -> Result<Option<ItemId>, Stop> {
    let local = world.servers[server].local;
    if local == 0 || !library.local(local).has(WATCHER) {
        return Ok(None);
    }
    let cause = Cause::Received(WATCHER, heartbeat(library, server)?);
    for number in library.step(local, cause, world.time)?.effects {
        if let Effect::Send(WATCHER, item) = library.effect(number)
            && let Some(report) = alive(library, item, server)?
        {
            return Ok(Some(report));
        }
    }
    Ok(None)
}

/// The heartbeat by which an LFD asks its server how it is.
pub(super) fn heartbeat(library: &mut Access<'_>, server: usize) -> Result<ItemId, Stop> {
    library.usual(Usual::Heartbeat(server), |_| Message::Heartbeat {
        from: detector(server),
        to: scope::replica(server).into(),
        count: 1,
        health: None,
    })
}

/// The report after an answer.
fn alive(library: &mut Access<'_>, answer: ItemId, server: usize) -> Result<Option<ItemId>, Stop> {
    let Message::Heartbeat { health: Some(health), .. } = *library.frame(answer) else {
        return Ok(None);
    };
    let report = library.usual(Usual::Report(answer), |_| Message::Membership {
        from: detector(server),
        server: scope::replica(server),
        change: Change::Add(Some(Reported {
            incarnation: health.incarnation,
            address: scope::address(server),
            cluster: health.cluster,
            epoch: health.epoch,
            phase: health.phase,
        })),
    })?;
    Ok(Some(report))
}

/// The name of a server's LFD.
fn detector(server: usize) -> NodeName {
    NodeName::from_bytes(format!("LFD{}", server + 1).as_bytes()).expect("a name")
}

impl Turn<'_, '_> {
    /// What a server says to its LFD goes up to the RM, or into the LFD's report.
    pub(super) fn pass_up(&mut self, server: usize, item: ItemId) -> Result<(), Stop> {
        if detect::reported(self.library.frame(item)).is_some() {
            self.world.up[server].push(item);
        } else if let Some(report) = alive(self.library, item, server)? {
            self.report(server, report)?;
        }
        Ok(())
    }

    /// A report that says something else than the last one is sent. If it only says more of a run
    /// that was alive already, it arrives at once, unless reports are to be late.
    pub(super) fn report(&mut self, server: usize, report: ItemId) -> Result<(), Stop> {
        let state = &mut self.world.servers[server];
        let before = std::mem::replace(&mut state.report, report);
        if before == report {
            return Ok(());
        }
        let detail = self.alive_run(before).is_some_and(|run| self.alive_run(report) == Some(run));
        if self.library.scope.late_reports || !detail || !self.world.up[server].is_empty() {
            self.world.up[server].push(report);
            return Ok(());
        }
        self.step_manager(Cause::Received(WATCHER, report))
    }

    /// The run that a report says is alive.
    fn alive_run(&self, report: ItemId) -> Option<Incarnation> {
        match self.library.known(report)? {
            Message::Membership { change: Change::Add(Some(alive)), .. } => Some(alive.incarnation),
            _ => None,
        }
    }

    /// What an LFD would only add to its report is not left for its next heartbeat, unless reports
    /// are to be late.
    pub(super) fn refresh(&mut self, server: usize) -> Result<(), Stop> {
        if self.library.scope.late_reports {
            return Ok(());
        }
        let known = self.world.servers[server].report;
        match news(self.library, &self.world, server)? {
            Some(report) if self.alive_run(known) == self.alive_run(report) => {
                self.report(server, report)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn notice(&mut self, server: usize) -> Result<(), Stop> {
        self.world.servers[server].unseen = false;
        self.delete(server, Gone::Exited)
    }

    pub(super) fn delete(&mut self, server: usize, gone: Gone) -> Result<(), Stop> {
        let run = self.world.servers[server].run;
        let usual = Usual::Delete(server, run, gone == Gone::Exited);
        let report = self.library.usual(usual, |_| Message::Membership {
            from: detector(server),
            server: scope::replica(server),
            change: Change::Delete(Some((scope::incarnation(server, run).into(), gone))),
        })?;
        self.report(server, report)
    }

    /// An order reaches an LFD. It launches only what it has seen the end of.
    pub(super) fn order(&mut self, server: usize, item: ItemId) -> Result<(), Stop> {
        let state = self.world.servers[server];
        let Message::Launch { order, .. } = self.library.frame(item) else {
            if state.local == 0 {
                return Ok(());
            }
            return self.step(server, Cause::Received(WATCHER, item));
        };
        let run = scope::incarnation(server, state.run);
        let (this, now) = order.map_or((true, false), |order| {
            (order.incarnation.0 == run, order.urgency == Urgency::Now)
        });
        if self.world.budget.launches == 0 {
            return Ok(());
        }
        if state.local == 0 && !state.unseen && this {
            self.world.budget.launches -= 1;
            return self.start(server);
        }
        if state.local != 0 && this && now {
            self.world.budget.launches -= 1;
            self.kill(server);
            self.notice(server)?;
            return self.start(server);
        }
        Ok(())
    }
}
