//! Ivy's central manager as a replicated service (Li and Hudak; docs/IVY.md): who owns each page, who
//! has copies, and whose turn it is.
//!
//! Guarantees: one operation at a time for a page; those that wait go by the lower Lamport clock, then
//! the lower process. A write is forwarded only when every copy was confirmed to be gone, and an
//! operation takes effect at one place in the log: its confirmation. What is in the log is all there
//! is, so a promoted manager goes on where the last one was; every message may come twice, late or
//! never, because each names the grant that it belongs to and whoever waits asks again.
//!
//! By which mechanism: [`Record`] is a page; [`Current`] its operation in flight under a *grant*, a
//! number that grows; a process that is gone is *fenced*: it is known under a life, and a life that was
//! given up is refused for ever.
//!
//! Not here: the contents of pages, which go from process to process; clocks: that a process is silent
//! is known from how often another one had to ask again, and that it is away from the log
//! ([`Service::absent`]).

mod gone;
mod record;
mod state;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use node::Event;
use node::ivy::Ivy;
use node::mutant::{Mutant, is_off};
use wire::ivy::{Message, PageNumber, Want, What};
use wire::{ClientName, NodeName, Sequence};

use super::{Effects, Request, RestoreError, Service};
use record::{Current, Record, Stage, Turn, Waiting};

/// After so many repetitions of one request, without a word of the process that it waits for, that
/// process is gone. Processes repeat every 250 ms.
const PATIENCE: u32 = 8;

/// A process, as the manager knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    /// Under which number; 0 is never one.
    life: u64,
    /// Where it takes pages.
    address: SocketAddr,
    /// Its last operation that took effect.
    done: u64,
}

/// The central manager.
#[derive(Debug, Clone, Default)]
pub struct CentralManager {
    clock: u64,
    /// The last grant.
    grants: u64,
    processes: BTreeMap<ClientName, Process>,
    pages: BTreeMap<PageNumber, Record>,
    /// How often who asked for somebody of whom nothing was heard since.
    silent: BTreeMap<ClientName, BTreeMap<ClientName, u32>>,
}

impl CentralManager {
    /// The owner of a page and who has copies, whoever may have access to it: for checkers.
    #[must_use]
    pub fn holders(&self, page: PageNumber) -> Vec<ClientName> {
        let Some(record) = self.pages.get(&page) else { return Vec::new() };
        let requester = record.current.as_ref().map(|current| current.requester);
        record.owner.into_iter().chain(record.copies.iter().copied()).chain(requester).collect()
    }

    /// The life of a process, if the manager knows it: for checkers.
    #[must_use]
    pub fn life(&self, process: ClientName) -> Option<u64> {
        self.processes.get(&process).map(|process| process.life)
    }

    fn stamped(&mut self, what: What) -> Bytes {
        self.clock += 1;
        Message { what, clock: self.clock }.body()
    }

    fn reply(&mut self, what: What, effects: &mut Effects) {
        let body = self.stamped(what);
        effects.reply(body);
    }

    fn notify(&mut self, to: ClientName, what: What, effects: &mut Effects) {
        let body = self.stamped(what);
        effects.notify(to, body);
        let (page, requester) = match what {
            What::Forward { page, requester, .. } | What::Invalidate { page, requester, .. } => {
                (page, requester)
            }
            _ => return,
        };
        let (from, kind, clock) = (cm(), what.kind(), self.clock);
        effects.note(Event::Ivy(Ivy::Row { kind, from, to: to.into(), page, requester }));
        effects.note(Event::Ivy(Ivy::Sent { from, kind, page, to: to.into(), clock }));
    }

    /// A process that this manager does not know under that life is told so.
    fn known(&self, client: ClientName, life: u64) -> bool {
        self.processes.get(&client).is_some_and(|process| process.life == life)
    }

    fn attach(
        &mut self,
        (client, life, address): (ClientName, u64, SocketAddr),
        at: Sequence,
        effects: &mut Effects,
    ) {
        if life == 0 {
            // The last life ended with the process that had it, or was fenced: nobody has to be told.
            self.give_up(client, effects);
            let process = Process { life: at.0, address, done: 0 };
            self.processes.insert(client, process);
            return self.reply(What::Attached { life: at.0 }, effects);
        }
        if !self.known(client, life) {
            return self.reply(What::Fenced { life }, effects);
        }
        if let Some(process) = self.processes.get_mut(&client) {
            process.address = address;
        }
        self.reply(What::Attached { life }, effects);
        self.repeat(Some(client), effects);
    }

    fn request(&mut self, asked: Asked, clock: u64, effects: &mut Effects) {
        let Asked { client, want, operation, page } = asked;
        self.reply(What::Noted, effects);
        if self.processes.get(&client).is_some_and(|process| operation <= process.done) {
            return;
        }
        let record = self.pages.entry(page).or_default();
        if record.waits(client, operation) {
            return self.asked_again(page, client, effects);
        }
        if record.waits_for_another(client, operation) {
            return;
        }
        record.queue.insert(Turn::new(clock, client), Waiting { want, operation });
        self.begin(page, effects);
    }

    /// Begins the next operation of a page, if none is in flight.
    fn begin(&mut self, page: PageNumber, effects: &mut Effects) {
        let forgets = is_off(Mutant::ForgetToInvalidate);
        while let Some(record) = self.pages.get_mut(&page) {
            if record.current.is_some() {
                return;
            }
            let Some((turn, Waiting { want, operation })) = record.queue.pop_first() else {
                return;
            };
            let requester = turn.process;
            if want == Want::Read && record.owner.is_none() {
                let with = record.lost;
                self.notify(requester, What::PageLost { page, operation, with }, effects);
                continue;
            }
            let copies = || record.copies.iter().copied().filter(|copy| *copy != requester);
            let left = if want == Want::Write && !forgets { copies().collect() } else { [].into() };
            self.grants += 1;
            let stage = Stage::of(left);
            let grant = self.grants;
            record.current = Some(Current { want, requester, operation, grant, stage });
            self.say_stage(page, None, effects);
        }
    }

    /// Tells those whom the operation in flight waits for (or only one of them) what to do.
    fn say_stage(&mut self, page: PageNumber, only: Option<ClientName>, effects: &mut Effects) {
        let Some(record) = self.pages.get(&page) else { return };
        let Some(current) = record.current.clone() else { return };
        let Current { want, requester, operation, grant, stage } = current;
        let target = record.owner.unwrap_or(requester);
        let Some(address) = self.processes.get(&requester).map(|process| process.address) else {
            return;
        };
        let meant = |process: ClientName| only.is_none_or(|only| only == process);
        match stage {
            Stage::Invalidating(left) => {
                for copy in left.into_iter().filter(|copy| meant(*copy)) {
                    self.notify(copy, What::Invalidate { page, grant, requester }, effects);
                }
            }
            Stage::Moving if meant(target) => {
                let what = What::Forward { want, page, grant, requester, operation, address };
                self.notify(target, what, effects);
            }
            Stage::Salvaging if meant(requester) => {
                self.notify(requester, What::PageGone { page, grant }, effects);
            }
            Stage::Moving | Stage::Salvaging => {}
        }
    }

    /// Says again whatever is in flight, to everyone or to one process.
    fn repeat(&mut self, only: Option<ClientName>, effects: &mut Effects) {
        let pages: Vec<PageNumber> = self.pages.keys().copied().collect();
        for page in pages {
            self.say_stage(page, only, effects);
        }
    }

    fn invalidated(
        &mut self,
        client: ClientName,
        page: PageNumber,
        grant: u64,
        effects: &mut Effects,
    ) {
        let hasty = is_off(Mutant::ForwardAfterOne);
        self.reply(What::Noted, effects);
        let Some(record) = self.pages.get_mut(&page) else { return };
        if record.invalidated(client, grant, hasty) {
            self.say_stage(page, None, effects);
        }
    }

    fn confirmed(&mut self, client: ClientName, granted: Granted, effects: &mut Effects) {
        let Granted { want, page, grant } = granted;
        let lax = is_off(Mutant::ConfirmTwice);
        let record = self.pages.entry(page).or_default();
        let in_flight = record.current.take_if(|current| {
            current.requester == client && current.grant == grant && current.has_moved()
        });
        if in_flight.is_none() && !lax {
            return self.reply(What::Void { page, grant }, effects);
        }
        record.take_effect(client, want);
        if let (Some(current), Some(process)) = (in_flight, self.processes.get_mut(&client)) {
            process.done = current.operation;
        }
        self.reply(What::Done { page, grant }, effects);
        effects.note(Event::Ivy(Ivy::Done));
        self.begin(page, effects);
    }

    fn say_received(&self, client: ClientName, message: &Message, effects: &mut Effects) {
        let page = match message.what {
            What::Request { page, .. }
            | What::Confirmation { page, .. }
            | What::InvalidateConfirmation { page, .. } => page,
            _ => return,
        };
        let (by, from, kind) = (cm(), client.into(), message.what.kind());
        let clock = self.clock;
        effects.note(Event::Ivy(Ivy::Received { by, from, kind, page, clock }));
    }
}

/// A request, without its life.
#[derive(Debug, Clone, Copy)]
struct Asked {
    client: ClientName,
    want: Want,
    operation: u64,
    page: PageNumber,
}

/// What a confirmation names.
#[derive(Debug, Clone, Copy)]
struct Granted {
    want: Want,
    page: PageNumber,
    grant: u64,
}

/// The manager in trace and log lines.
fn cm() -> NodeName {
    NodeName::from_bytes(b"CM").expect("it has only letters")
}

impl Service for CentralManager {
    fn apply(&mut self, request: &Request<'_>, effects: &mut Effects) {
        let client = request.client;
        let Ok(message) = Message::read(request.body) else {
            return self.reply(What::Refused, effects);
        };
        self.clock = self.clock.max(message.clock) + 1;
        let life = match message.what {
            What::Attach { life, address } => {
                return self.attach((client, life, address), request.sequence, effects);
            }
            What::Request { life, .. }
            | What::Confirmation { life, .. }
            | What::InvalidateConfirmation { life, .. }
            | What::NotReceived { life, .. }
            | What::Present { life } => life,
            _ => return self.reply(What::Refused, effects),
        };
        if !self.known(client, life) {
            return self.reply(What::Fenced { life }, effects);
        }
        self.silent.remove(&client);
        self.say_received(client, &message, effects);
        match message.what {
            What::Request { want, operation, page, .. } => {
                self.request(Asked { client, want, operation, page }, message.clock, effects);
            }
            What::Confirmation { want, page, grant, .. } => {
                self.confirmed(client, Granted { want, page, grant }, effects);
            }
            What::InvalidateConfirmation { page, grant, .. } => {
                self.invalidated(client, page, grant, effects);
            }
            What::NotReceived { page, grant, .. } => {
                self.not_received(client, page, grant, effects);
            }
            _ => self.reply(What::Noted, effects),
        }
    }

    fn checkpoint(&self) -> Bytes {
        self.write()
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), RestoreError> {
        *self = Self::read(checkpoint).ok_or_else(|| {
            RestoreError("it is not the state of a central manager of Ivy".to_owned())
        })?;
        if is_off(Mutant::LoseQueues) {
            for record in self.pages.values_mut() {
                record.queue.clear();
                record.current = None;
            }
        }
        Ok(())
    }

    fn resume(&self, effects: &mut Effects) {
        // A copy speaks, so that equal members stay equal: what is said here is no entry of the log.
        self.clone().repeat(None, effects);
    }

    fn watched(&self) -> Vec<ClientName> {
        self.processes.keys().copied().collect()
    }

    fn absent(&mut self, client: ClientName, _at: Sequence, effects: &mut Effects) {
        self.gone(client, effects);
    }

    fn table(&self, primary: bool) -> Vec<Event> {
        let rows = self.pages.iter().map(|(page, record)| Ivy::Record {
            page: *page,
            owner: record.owner,
            copies: record.copies.iter().copied().collect(),
        });
        std::iter::once(Ivy::Records { primary }).chain(rows).map(Event::Ivy).collect()
    }

    fn summary(&self) -> Bytes {
        self.in_short()
    }
}
