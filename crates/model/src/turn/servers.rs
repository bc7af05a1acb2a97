//! A server: what happens to it, its connections to the others, and its start.

use crate::access::Stop;
use crate::library::{BROKEN, Cause, Effect, ItemId, Newborn, ORDERLY};
use crate::local::{Local, Slot, WATCHER, peer_at, request_at};
use crate::properties::{self, Violation};
use crate::world::{CLOSED, Link, Talk};

use super::Turn;
use super::detectors::heartbeat;

impl Turn<'_, '_> {
    /// Something happens to a server, and what it wants done is done.
    pub(super) fn step(&mut self, server: usize, cause: Cause) -> Result<(), Stop> {
        let before = self.world.servers[server].local;
        let outcome =
            self.library.step(before, cause, self.world.time).map_err(|stop| stop.of(server))?;
        let after = outcome.next;
        properties::check_step(self.library, before, after).map_err(|v| v.of(server))?;
        self.world.servers[server].local = after;
        for number in outcome.effects {
            let effect = self.library.effect(number);
            self.perform(server, effect)?;
        }
        while let Some((server, slot)) = self.opened.pop() {
            if self.library.local(self.world.servers[server].local).has(slot) {
                self.step(server, Cause::Connected(slot))?;
            }
        }
        self.refresh(server)
    }

    fn perform(&mut self, server: usize, effect: Effect) -> Result<(), Stop> {
        match effect {
            Effect::Dial(slot, to) => self.dial(server, slot, to),
            Effect::Send(WATCHER, item) => self.pass_up(server, item),
            Effect::Send(slot, item) => match request_at(slot) {
                Some(request) => self.answer(request, server, item),
                None => {
                    let (link, end) = self.world.link(server, slot).expect("it is open");
                    let link = &mut self.world.links[link];
                    if link.slots[1 - end] != CLOSED {
                        link.ways[1 - end].push(item);
                    }
                    Ok(())
                }
            },
            Effect::Close(slot) => self.close(server, slot),
            Effect::Persist(_) => panic!("a server persists nothing"),
        }
    }

    /// A dial is refused at once by a machine on which nothing listens, or that cannot be reached.
    fn dial(&mut self, server: usize, slot: Slot, to: usize) -> Result<(), Stop> {
        let target = self.world.servers[to].local;
        let ends = [server as u8, to as u8];
        if target == 0 || self.world.is_cut(server, to) {
            let ways = [vec![BROKEN], Vec::new()];
            self.world.links.push(Link { ends, slots: [slot, CLOSED], ways });
            return Ok(());
        }
        let accepted = self.library.local(target).free_slot(server);
        let slots = [slot, accepted];
        self.world.links.push(Link { ends, slots, ways: [Vec::new(), Vec::new()] });
        self.opened.push((server, slot));
        let opened = std::mem::take(&mut self.opened);
        self.step(to, Cause::Accepted(accepted))?;
        self.opened = opened;
        Ok(())
    }

    fn close(&mut self, server: usize, slot: Slot) -> Result<(), Stop> {
        if let Some(request) = request_at(slot) {
            let talk = &mut self.world.clients[request].talks[server];
            // What was sent before the end arrives.
            if *talk != Talk::Replied {
                *talk = Talk::Apart;
            }
            return Ok(());
        }
        if peer_at(slot).is_none() {
            let text = "hangs up on its LFD".to_owned();
            return Err(Violation { property: "the way to the RM", text }.of(server).into());
        }
        let (link, end) = self.world.link(server, slot).expect("it is open");
        self.end(link, end, ORDERLY);
        Ok(())
    }

    /// One end of a connection is closed.
    pub(super) fn end(&mut self, link: usize, end: usize, how: ItemId) {
        let link = &mut self.world.links[link];
        link.slots[end] = CLOSED;
        link.ways[end].clear();
        if link.slots[1 - end] != CLOSED {
            link.ways[1 - end].push(how);
        }
    }

    pub(super) fn deliver(&mut self, link: usize, end: usize) -> Result<(), Stop> {
        let at = &mut self.world.links[link];
        let (server, slot) = (usize::from(at.ends[end]), at.slots[end]);
        let item = at.ways[end].remove(0);
        if item == ORDERLY || item == BROKEN {
            at.slots[end] = CLOSED;
            at.ways[end].clear();
            return self.step(server, Cause::Closed(slot));
        }
        self.step(server, Cause::Received(slot, item))
    }

    pub(super) fn start(&mut self, server: usize) -> Result<(), Stop> {
        let state = &mut self.world.servers[server];
        state.run += 1;
        state.unseen = false;
        let run = state.run;
        let born =
            self.library.newborn(Newborn::Server(server, run), |_| Local::server(server, run))?;
        self.world.servers[server].local = born;
        let question = heartbeat(self.library, server)?;
        for cause in [Cause::Start, Cause::Accepted(WATCHER), Cause::Received(WATCHER, question)] {
            self.step(server, cause)?;
        }
        Ok(())
    }
}
