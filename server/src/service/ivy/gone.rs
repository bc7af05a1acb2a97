//! Processes that are gone, or that others ask for in vain.
//!
//! Guarantees: a process is given up by an entry of the log, and from there on nothing of its life
//! counts; a page whose owner is gone belongs to a holder of a copy, if there is one, and is lost by
//! name otherwise; nobody goes on waiting for a process that is gone.
//!
//! Not here: whether it is really dead. One that was only stopped finds its life fenced, drops its
//! pages and begins another.

use node::Event;
use node::ivy::Ivy;
use wire::ClientName;
use wire::ivy::{PageNumber, Want, What};

use super::record::Stage;
use super::{CentralManager, PATIENCE};
use crate::service::Effects;

impl CentralManager {
    /// A request was repeated: what it waits for is asked for again, and whoever is asked so in vain
    /// for too long is gone.
    pub(super) fn asked_again(&mut self, page: PageNumber, by: ClientName, effects: &mut Effects) {
        self.say_stage(page, None, effects);
        let Some(record) = self.pages.get(&page) else { return };
        let Some(current) = &record.current else { return };
        // One who waits is enough to count, so that many do not count faster.
        let first = record.queue.keys().next().map(|turn| turn.process);
        if current.requester != by && first != Some(by) {
            return;
        }
        let mut awaited: Vec<ClientName> = match &current.stage {
            Stage::Invalidating(left) => left.iter().copied().collect(),
            Stage::Moving => record.owner.into_iter().collect(),
            Stage::Salvaging => Vec::new(),
        };
        if current.requester != by {
            let requester = current.requester;
            self.notify(requester, What::Inquire, effects);
            awaited.push(requester);
        }
        for process in awaited.into_iter().filter(|process| *process != by) {
            let count = self.silent.entry(process).or_default().entry(by).or_default();
            *count += 1;
            if *count >= PATIENCE {
                self.gone(process, effects);
            }
        }
    }

    /// A process is gone, or was taken for it: then it learns that its life is over.
    pub(super) fn gone(&mut self, process: ClientName, effects: &mut Effects) {
        if let Some(life) = self.life(process) {
            self.give_up(process, effects);
            self.notify(process, What::Fenced { life }, effects);
        }
    }

    /// From here on nothing of this life of a process counts.
    pub(super) fn give_up(&mut self, process: ClientName, effects: &mut Effects) {
        if self.processes.remove(&process).is_none() {
            return;
        }
        effects.note(Event::Ivy(Ivy::Gone { process }));
        self.silent.remove(&process);
        for counts in self.silent.values_mut() {
            counts.remove(&process);
        }
        self.silent.retain(|_, counts| !counts.is_empty());
        let pages: Vec<PageNumber> = self.pages.keys().copied().collect();
        for page in pages {
            self.gone_from(page, process, effects);
        }
    }

    fn gone_from(&mut self, page: PageNumber, process: ClientName, effects: &mut Effects) {
        let Some(record) = self.pages.get_mut(&page) else { return };
        record.copies.remove(&process);
        record.queue.retain(|turn, _| turn.process != process);
        // What it asked for has not taken effect: the owner still has the page, even if it is on its
        // way and nobody may use it.
        let given_up = record.current.take_if(|current| current.requester == process);
        let was_owner = record.owner.take_if(|owner| *owner == process);
        if was_owner.is_some() {
            record.lost = Some(process);
        }
        if was_owner.is_some() || (given_up.is_some() && record.owner.is_none()) {
            self.succeed(page, effects);
        }
        let Some(record) = self.pages.get_mut(&page) else { return };
        if let Some(current) = &mut record.current
            && let Stage::Invalidating(left) = &mut current.stage
            && left.remove(&process)
            && left.is_empty()
        {
            current.stage = Stage::Moving;
            self.say_stage(page, None, effects);
        }
        self.begin(page, effects);
    }

    /// A page has no owner: a holder of a copy is it now, or the page is lost.
    fn succeed(&mut self, page: PageNumber, effects: &mut Effects) {
        let Some(record) = self.pages.get_mut(&page) else { return };
        match &mut record.current {
            // The copies are being dropped, and what is written replaces all there was; only the
            // writer's own copy stays.
            Some(current) if matches!(current.stage, Stage::Invalidating(_)) => {
                record.owner = record.copies.take(&current.requester);
            }
            Some(current) => {
                record.owner = record.copies.pop_first();
                if record.owner.is_none() && current.want == Want::Read {
                    current.stage = Stage::Salvaging;
                }
                // By the new owner, under the same grant: a copy is a copy. Or, to be written, from
                // nothing.
                self.say_stage(page, None, effects);
            }
            None => {
                record.owner = record.copies.pop_first();
                match record.owner {
                    Some(owner) => {
                        self.grants += 1;
                        let grant = self.grants;
                        self.notify(owner, What::Owner { page, grant }, effects);
                    }
                    None => self.lose(page, effects),
                }
            }
        }
    }

    /// Says with whom a page was lost, if it was ever written.
    fn lose(&mut self, page: PageNumber, effects: &mut Effects) {
        let lost = self.pages.get(&page).and_then(|record| record.lost);
        if let Some(with) = lost {
            effects.note(Event::Ivy(Ivy::Lost { page, with }));
        }
    }

    /// The requester does not have the page, and does not want it any more.
    pub(super) fn not_received(
        &mut self,
        client: ClientName,
        page: PageNumber,
        grant: u64,
        effects: &mut Effects,
    ) {
        self.reply(What::Noted, effects);
        let Some(record) = self.pages.get_mut(&page) else { return };
        let given_up =
            record.current.take_if(|current| current.requester == client && current.grant == grant);
        let Some(current) = given_up else { return };
        if matches!(current.stage, Stage::Salvaging) {
            let (with, operation) = (record.lost, current.operation);
            self.lose(page, effects);
            self.notify(client, What::PageLost { page, operation, with }, effects);
        } else if record.owner.is_none() {
            self.succeed(page, effects);
        }
        self.begin(page, effects);
    }
}
