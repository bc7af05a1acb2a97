//! Faults: what need not happen, and uses up a budget when it does.

use wire::Gone;

use super::Turn;
use crate::access::Stop;
use crate::library::{BROKEN, Cause};
use crate::local::WATCHER;
use crate::moves::Move;
use crate::world::{CLOSED, Talk, World};

impl Turn<'_, '_> {
    pub(super) fn fault(&mut self, fault: Move) -> Result<(), Stop> {
        let budget = &mut self.world.budget;
        match fault {
            Move::Crash(server) => {
                budget.crashes -= 1;
                self.kill(server);
            }
            Move::Replace(server) => {
                budget.replacements -= 1;
                self.kill(server);
                self.start(server)?;
            }
            Move::ManagerCrash(kept) => {
                budget.manager_crashes -= 1;
                if kept {
                    budget.epochs -= 1;
                    self.safe()?;
                }
                self.world.flight = 0;
                self.reconnect();
                self.start_manager()?;
            }
            Move::Reset => {
                budget.resets -= 1;
                self.reconnect();
                self.step_manager(Cause::Closed(WATCHER))?;
                self.step_manager(Cause::Accepted(WATCHER))?;
            }
            Move::Accuse(server) => {
                budget.accusations -= 1;
                self.delete(server, Gone::Silent)?;
            }
            Move::Cut(a, b) => {
                budget.cuts -= 1;
                self.world.cut |= World::pair(a, b);
                self.cut(a, b);
            }
            Move::Heal(a, b) => self.world.cut &= !World::pair(a, b),
            _ => {}
        }
        Ok(())
    }

    /// The process ends. Its connections break, and its clients lose replies that are on their way.
    pub(super) fn kill(&mut self, server: usize) {
        self.world.servers[server].local = 0;
        self.world.servers[server].unseen = true;
        for link in 0..self.world.links.len() {
            for end in 0..2 {
                let at = &self.world.links[link];
                if usize::from(at.ends[end]) == server && at.slots[end] != CLOSED {
                    self.end(link, end, BROKEN);
                }
            }
        }
        for client in &mut self.world.clients {
            client.talks[server] = Talk::Apart;
        }
    }

    /// Every connection between two servers breaks.
    fn cut(&mut self, a: usize, b: usize) {
        let ends = [[a as u8, b as u8], [b as u8, a as u8]];
        for link in self.world.links.iter_mut().filter(|link| ends.contains(&link.ends)) {
            for end in 0..2 {
                link.ways[end].clear();
                if link.slots[end] != CLOSED {
                    link.ways[end].push(BROKEN);
                }
            }
        }
    }
}
