//! The order that the servers agreed on: each committed entry is executed once more, by a manager that
//! is none of theirs, when the first of them has executed it.
//!
//! So it is known at every instant who owns what, whoever is the primary just then; and every entry
//! says what it did once. When all state is lost, the next cluster begins with nothing, and so does
//! this.
//!
//! Not here: any judgement, but for a server that executed what it does not show.

use std::collections::BTreeMap;

use bytes::Bytes;
use node::Event;
use node::ivy::Ivy;
use server::Replica;
use server::machine::{Machine, Outcome};
use server::service::{CentralManager, Effects};
use wire::ivy::{Message, PageNumber, Want, What};
use wire::{ClientName, ClusterId, Entry, Op, Sequence};

use super::Shared;
use crate::hosted::Hosted;
use crate::process::Pid;
use crate::{Seen, Sight, Sights, Watcher, World};

/// What the news come with.
pub(super) const SIGHTS: Sights = Sights::NOTED.and(Sights::TURNED);

/// Something that an entry of the log did.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// All state was lost: no page has an owner any more.
    Afresh,
    /// An operation took effect. `run` is the process that asked for it, which may be dead.
    Done { run: Option<Pid>, client: ClientName, want: Want, page: PageNumber, grant: u64 },
    /// A page was lost.
    Lost { page: PageNumber, with: ClientName },
    /// A process was told that there is nothing to read.
    Told { run: Option<Pid>, page: PageNumber, with: Option<ClientName> },
    /// A process was given up.
    Gone(ClientName),
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Agreed {
    cluster: ClusterId,
    machine: Machine<CentralManager>,
    /// Which process has which life.
    runs: BTreeMap<(ClientName, u64), Pid>,
    /// What came with the last sight.
    pub(super) news: Vec<News>,
}

impl Default for Agreed {
    fn default() -> Self {
        Self {
            cluster: ClusterId::default(),
            machine: Machine::new(CentralManager::default()),
            runs: BTreeMap::new(),
            news: Vec::new(),
        }
    }
}

impl Agreed {
    /// The manager as the agreed order has it.
    pub(super) fn manager(&self) -> &CentralManager {
        &self.machine.service
    }

    /// Whether a process belongs to this cluster.
    pub(super) fn knows(&self, run: Pid) -> bool {
        self.runs.values().any(|known| *known == run)
    }

    /// A server has executed the log up to there.
    fn follow(&mut self, replica: &Replica<Hosted>, executed: Sequence) -> Result<(), String> {
        let cluster = replica.cluster();
        if cluster < self.cluster {
            return Ok(());
        }
        if cluster > self.cluster {
            if self.cluster != ClusterId::default() {
                self.news.push(News::Afresh);
            }
            *self = Self { cluster, news: std::mem::take(&mut self.news), ..Self::default() };
        }
        while self.machine.executed() < executed {
            let next = self.machine.executed().next();
            let Some(entry) = replica.log().entry(next) else {
                return Err(format!("entry {next} was executed and is in no log"));
            };
            self.execute(&entry.clone());
        }
        Ok(())
    }

    fn execute(&mut self, entry: &Entry) {
        let mut effects = Effects::default();
        let outcome = self.machine.execute(entry, &mut effects);
        if let (Op::Request { client, body, .. }, Outcome::Answer { reply, effect: true, .. }) =
            (&entry.op, outcome)
        {
            self.answered(*client, body, &reply);
        }
        for note in effects.take_notes() {
            match note {
                Event::Ivy(Ivy::Lost { page, with }) => self.news.push(News::Lost { page, with }),
                Event::Ivy(Ivy::Gone { process }) => self.news.push(News::Gone(process)),
                _ => {}
            }
        }
        for (client, body) in effects.take_notices() {
            if let Ok(Message { what: What::PageLost { page, with, .. }, .. }) =
                Message::read(&body)
            {
                let run = self.run(client, self.manager().life(client));
                self.news.push(News::Told { run, page, with });
            }
        }
    }

    fn answered(&mut self, client: ClientName, asked: &Bytes, reply: &Bytes) {
        let (Ok(asked), Ok(reply)) = (Message::read(asked), Message::read(reply)) else { return };
        if let (What::Confirmation { want, life, page, grant }, What::Done { .. }) =
            (asked.what, reply.what)
        {
            let run = self.run(client, Some(life));
            self.news.push(News::Done { run, client, want, page, grant });
        }
    }

    fn run(&self, client: ClientName, life: Option<u64>) -> Option<Pid> {
        self.runs.get(&(client, life?)).copied()
    }
}

/// Who keeps the order up to date.
#[derive(Debug)]
pub(super) struct Follower(pub(super) Shared);

impl Watcher for Follower {
    fn name(&self) -> &'static str {
        "what was executed can be read"
    }

    fn sights(&self) -> Sights {
        SIGHTS
    }

    fn see(&mut self, sight: &Sight<'_>, world: &World) -> Result<(), String> {
        let mut agreed = self.0.borrow_mut();
        agreed.news.clear();
        if let Seen::Noted(Event::Ivy(Ivy::Attached { by, life })) = &sight.what {
            // An answer of a lost cluster may come late.
            if agreed.manager().life(*by) == Some(*life) {
                agreed.runs.insert((*by, *life), sight.pid);
            }
            return Ok(());
        }
        let Some(replica) = world.server(sight.pid) else { return Ok(()) };
        match &sight.what {
            Seen::Noted(Event::Executed { sequence, .. }) => agreed.follow(replica, *sequence),
            Seen::Turned(Some(probe)) if probe.whole => agreed.follow(replica, probe.executed),
            _ => Ok(()),
        }
    }
}
