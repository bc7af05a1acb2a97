//! The RM, and its disk.

use wire::{Epoch, Message};

use super::Turn;
use crate::access::Stop;
use crate::library::{Cause, Effect, Newborn, RecordId, Usual};
use crate::local::{CLIENT, Local, WATCHER};
use crate::properties::{self, Violation};
use crate::scope;

impl Turn<'_, '_> {
    pub(super) fn step_manager(&mut self, cause: Cause) -> Result<(), Stop> {
        let outcome = self.library.step(self.world.manager, cause, self.world.time)?;
        self.world.manager = outcome.next;
        for number in outcome.effects {
            match self.library.effect(number) {
                Effect::Send(slot, item) => {
                    let message = self.library.frame(item);
                    properties::check_told(self.library, &self.world, message)?;
                    if let Some(server) = detect::ordered(message).and_then(scope::number_of)
                        && slot == WATCHER
                    {
                        self.world.down[server].push(item);
                    }
                }
                Effect::Persist(record) => {
                    assert_eq!(self.world.flight, 0, "one record at a time");
                    self.world.flight = record;
                }
                effect @ (Effect::Dial(..) | Effect::Close(_)) => {
                    let text = format!("the RM has no reason for {effect:?}");
                    return Err(Violation { property: "obligations of a role", text }.into());
                }
            }
        }
        Ok(())
    }

    pub(super) fn start_manager(&mut self) -> Result<(), Stop> {
        let disk = self.world.disk;
        self.world.manager = self.library.newborn(Newborn::Manager(disk), |library| {
            let local = Local::manager(&library.scope, library.record(disk));
            local.expect("the RM reads its own record")
        })?;
        let asks = self.library.usual(Usual::Asks, |_| Message::Client {
            client: scope::client(0),
            known: Some(Epoch(0)),
        })?;
        let causes = [
            Cause::Start,
            Cause::Accepted(WATCHER),
            Cause::Accepted(CLIENT),
            Cause::Received(CLIENT, asks),
        ];
        causes.into_iter().try_for_each(|cause| self.step_manager(cause))
    }

    /// GFD and RM lose their connection and find each other again: what was on its way is lost, and
    /// the GFD says again what each LFD said last.
    pub(super) fn reconnect(&mut self) {
        for server in 0..self.world.servers.len() {
            let report = self.world.servers[server].report;
            self.world.down[server].clear();
            self.world.up[server] =
                Some(report).filter(|report| *report != 0).into_iter().collect();
        }
    }

    pub(super) fn persisted(&mut self) -> Result<(), Stop> {
        self.world.budget.epochs -= 1;
        self.safe()?;
        self.step_manager(Cause::Persisted)
    }

    /// What was being written is safe now.
    pub(super) fn safe(&mut self) -> Result<(), Stop> {
        let record: RecordId = std::mem::take(&mut self.world.flight);
        properties::check_recorded(self.library, &self.world, record)?;
        self.world.disk = record;
        self.world.history.push(record);
        Ok(())
    }
}
