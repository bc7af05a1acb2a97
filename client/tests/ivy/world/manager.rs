//! The replicated manager, as far as processes can tell: requests are committed one by one, or are
//! lost with the primary; the next primary restores a checkpoint and replays what was committed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use node::Time;
use node::ivy::{Access, Ivy};
use server::machine::{Machine, Outcome};
use server::service::{CentralManager, Effects, Service};
use server::sessions::Known;
use wire::ivy::{Message as Asking, PageNumber, Want, What};
use wire::{
    ClientName, ClusterId, Entry, Epoch, Incarnation, Member, Message, Mode, Op, Sequence, View,
};

use super::network::{Far, Item};
use super::{Bug, World};

const AWAY: Duration = Duration::from_millis(750);

pub(crate) struct Managers {
    bug: Option<Bug>,
    epoch: u64,
    machine: Machine<CentralManager>,
    /// Where a promotion begins: a checkpoint, and where it stands.
    checkpoint: (Sequence, Bytes),
    log: Vec<Entry>,
    uncommitted: Vec<Op>,
    /// The connection of each process.
    clients: BTreeMap<ClientName, u64>,
    /// Processes whose registration waits, by nonce.
    registering: BTreeMap<ClientName, u64>,
    away: BTreeMap<ClientName, Time>,
    /// Who wants to hear of views.
    told: Vec<u64>,
}

fn service(bug: Option<Bug>) -> CentralManager {
    match bug {
        Some(Bug::Manager(mutant) | Bug::Both(mutant, _)) => CentralManager::broken(mutant),
        _ => CentralManager::default(),
    }
}

fn server(epoch: u64) -> &'static str {
    if epoch % 2 == 1 { "S1" } else { "S2" }
}

impl Managers {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        let machine = Machine::new(service(bug));
        Self {
            bug,
            epoch: 1,
            checkpoint: (Sequence(0), machine.checkpoint()),
            machine,
            log: Vec::new(),
            uncommitted: Vec::new(),
            clients: BTreeMap::new(),
            registering: BTreeMap::new(),
            away: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    pub(crate) fn service(&self) -> &CentralManager {
        &self.machine.service
    }

    pub(crate) fn has_uncommitted(&self) -> bool {
        !self.uncommitted.is_empty()
    }

    /// The epoch whose manager listens there, if it is the current one.
    pub(crate) fn listens(&self, address: SocketAddr) -> Option<u64> {
        (self.view().members[0].address.ip() == address.ip()).then_some(self.epoch)
    }

    fn view(&self) -> View {
        let last = 1 + (self.epoch + 1) % 2;
        let address = format!("127.0.0.{last}:8000").parse().expect("an address");
        let name = server(self.epoch).parse().expect("a name");
        View {
            cluster: ClusterId(1),
            epoch: Epoch(self.epoch),
            mode: Mode::Passive,
            primary: name,
            members: vec![Member { name, incarnation: Incarnation(self.epoch), address }],
        }
    }

    /// A connection to the manager is gone.
    pub(crate) fn disconnected(&mut self, id: u64) {
        self.clients.retain(|_, ours| *ours != id);
        self.told.retain(|ours| *ours != id);
    }

    /// When an absent process is missed.
    pub(crate) fn due(&self, now: Time) -> Option<Time> {
        self.away.values().map(|since| (*since + AWAY).max(now)).min()
    }
}

impl World {
    pub(crate) fn rm_hears(&mut self, id: u64, item: Item) {
        let Item::Message(Message::Client { .. }) = item else { return };
        if !self.managers.told.contains(&id) {
            self.managers.told.push(id);
        }
        self.tell_view(id);
    }

    fn tell_view(&mut self, id: u64) {
        let view = self.managers.view();
        let Some(pipe) = self.network.pipes.get_mut(&id) else { return };
        let Some(node) = self.nodes.get(pipe.node) else { return };
        let servers = vec![view.primary];
        let client = node.name;
        let ready = Message::ClientReady { client, mode: Mode::Passive, servers, view: Some(view) };
        pipe.back.push_back(Item::Message(ready));
    }

    pub(crate) fn manager_hears(&mut self, id: u64, epoch: u64, item: Item) {
        if epoch != self.managers.epoch {
            return;
        }
        match item {
            Item::Message(Message::Register { client, nonce, window, .. }) => {
                if let Some(older) = self.managers.clients.insert(client, id)
                    && older != id
                {
                    self.close_far(older, None);
                    self.managers.clients.insert(client, id);
                }
                let known = self.managers.machine.sessions.session(client);
                if known.is_some_and(|session| session.nonce == nonce) {
                    return self.registered(client, nonce);
                }
                self.managers.registering.insert(client, nonce);
                self.managers.uncommitted.push(Op::Register { client, nonce, window });
            }
            Item::Message(Message::Request { client, number, body, session, .. }) => {
                let Some(session) = session else { return };
                let op = Op::Request { client, session, number, body };
                match self.managers.machine.sessions.known(client, session, number) {
                    Known::Answered(reply) => self.reply(&op, reply),
                    Known::New if !self.managers.uncommitted.contains(&op) => {
                        self.managers.uncommitted.push(op);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn send_to(&mut self, client: ClientName, message: Message) {
        let id = self.managers.clients.get(&client).copied();
        if let Some(pipe) = id.and_then(|id| self.network.pipes.get_mut(&id)) {
            pipe.back.push_back(Item::Message(message));
        }
    }

    fn registered(&mut self, client: ClientName, nonce: u64) {
        let Some(session) = self.managers.machine.sessions.session(client) else { return };
        let (session, server) = (session.id, self.managers.view().primary);
        self.send_to(client, Message::Registered { client, server, nonce, session });
    }

    fn reply(&mut self, op: &Op, reply: Bytes) {
        let Op::Request { client, session, number, .. } = op else { return };
        let (client, number, session) = (*client, *number, Some(*session));
        let server = self.managers.view().primary;
        self.send_to(client, Message::Reply { client, server, number, body: Some(reply), session });
    }

    /// The next request is committed, executed and answered.
    pub(crate) fn commit_one(&mut self) -> Result<(), String> {
        let op = self.managers.uncommitted.remove(0);
        self.execute(op, true)
    }

    fn execute(&mut self, op: Op, answers: bool) -> Result<(), String> {
        let sequence = self.managers.machine.executed().next();
        let entry = Entry { sequence, epoch: Epoch(self.managers.epoch), op };
        let mut effects = Effects::default();
        let outcome = self.managers.machine.execute(&entry, &mut effects);
        self.managers.log.push(entry.clone());
        self.heed(&entry.op, &outcome, &mut effects)?;
        let notices = effects.take_notices();
        self.note_losses(&notices);
        if answers {
            match (&entry.op, outcome) {
                (op @ Op::Request { .. }, Outcome::Answer { reply, .. }) => self.reply(op, reply),
                (Op::Register { client, nonce, .. }, _) => {
                    let ours = self.managers.registering.get(client) == Some(nonce);
                    if ours {
                        self.managers.registering.remove(client);
                        self.registered(*client, *nonce);
                    }
                }
                _ => {}
            }
            self.say_notices(notices);
        }
        if self.random.one_in(20) {
            let machine = &self.managers.machine;
            self.managers.checkpoint = (machine.executed(), machine.checkpoint());
        }
        Ok(())
    }

    fn say_notices(&mut self, notices: Vec<(ClientName, Bytes)>) {
        let server = self.managers.view().primary;
        for (client, body) in notices {
            let times = 1 + usize::from(self.faults && self.random.one_in(8));
            for _ in 0..times {
                self.send_to(client, Message::Notice { client, server, body: body.clone() });
            }
        }
    }

    /// What the log says for the history and for what must hold.
    fn heed(&mut self, op: &Op, outcome: &Outcome, effects: &mut Effects) -> Result<(), String> {
        for note in effects.take_notes() {
            match note {
                node::Event::Ivy(Ivy::Gone { .. }) => self.seen.given_up += 1,
                node::Event::Ivy(Ivy::Lost { page, .. }) => {
                    self.seen.lost_pages += 1;
                    self.history.lost(page.0);
                    self.check_loss(page)?;
                }
                _ => {}
            }
        }
        let (Op::Request { client, body, .. }, Outcome::Answer { reply, effect: true, .. }) =
            (op, outcome)
        else {
            return Ok(());
        };
        let (Ok(asked), Ok(reply)) = (Asking::read(body), Asking::read(reply)) else {
            return Err("a process and the manager do not understand each other".to_owned());
        };
        if let (What::Confirmation { want: Want::Write, page, .. }, What::Done { .. }) =
            (asked.what, reply.what)
        {
            // A run that died meanwhile: the last one of that name.
            let place = self.nodes.iter().rposition(|node| node.name == *client);
            let asker = self.session_owner(op).or(place);
            if let Some(place) = asker {
                self.took_effect(place, page)?;
            }
        }
        Ok(())
    }

    /// The run whose session a request is of.
    fn session_owner(&self, op: &Op) -> Option<usize> {
        let Op::Request { client, .. } = op else { return None };
        let nonce = self.managers.machine.sessions.session(*client)?.nonce;
        // A run's first nonce is its place and one; a session that was renewed has a greater one.
        let place = usize::try_from(nonce).ok()?.checked_sub(1)?;
        self.nodes.get(place).filter(|node| node.name == *client).map(|_| place)
    }

    /// A page is lost only if nobody has it.
    fn check_loss(&self, page: PageNumber) -> Result<(), String> {
        let manager = self.managers.service();
        let holder = self.nodes.iter().find(|node| {
            let known = node.role.life() != 0 && manager.life(node.name) == Some(node.role.life());
            node.up && known && node.role.access(page) != Access::Nil
        });
        match holder {
            Some(node) => Err(format!("page {page} was lost while {} had it", node.name)),
            None => Ok(()),
        }
    }

    /// Remembers which loss a process is told of.
    fn note_losses(&mut self, notices: &[(ClientName, Bytes)]) {
        for (client, body) in notices {
            if let Ok(Asking { what: What::PageLost { page, operation, with: Some(_) }, .. }) =
                Asking::read(body)
                && let Some(place) = self.run_of(*client)
            {
                let losses = self.history.losses(page.0);
                self.nodes[place].lost = losses.checked_sub(1).map(|last| (operation, last));
            }
        }
    }

    /// Processes without a connection are missed.
    pub(crate) fn miss_clients(&mut self) {
        let watched = self.managers.service().watched();
        let now = self.now;
        let clients = &self.managers.clients;
        let missing: Vec<ClientName> =
            watched.into_iter().filter(|name| !clients.contains_key(name)).collect();
        self.managers.away.retain(|name, _| missing.contains(name));
        for client in missing {
            let since = self.managers.away.entry(client).or_insert(now);
            if now.since(*since) < AWAY {
                continue;
            }
            *since = now;
            if let Some(session) = self.managers.machine.sessions.session(client) {
                let session = session.id;
                self.managers.uncommitted.push(Op::Absent { client, session });
            }
        }
    }

    /// The primary dies: some of what it had ordered is committed and never answered, the rest is
    /// gone. Another one takes over.
    pub(crate) fn promote(&mut self) -> Result<(), String> {
        self.seen.promotions += 1;
        let kept = self.random.below(self.managers.uncommitted.len() + 1);
        let orphans: Vec<Op> = self.managers.uncommitted.drain(..).take(kept).collect();
        for op in orphans {
            self.execute(op, false)?;
        }
        self.managers.uncommitted.clear();
        self.managers.registering.clear();
        let ids: Vec<u64> = self.network.pipes.keys().copied().collect();
        for id in ids {
            if matches!(self.network.pipes[&id].far, Far::Manager(_)) {
                self.close_far(id, None);
            }
        }
        self.managers.clients.clear();
        self.managers.away.clear();
        self.managers.epoch += 1;
        self.take_over()?;
        for id in self.managers.told.clone() {
            self.tell_view(id);
        }
        let mut effects = Effects::default();
        self.managers.machine.service.resume(&mut effects);
        self.say_notices(effects.take_notices());
        Ok(())
    }

    /// The new primary restores the last checkpoint and replays the log after it.
    fn take_over(&mut self) -> Result<(), String> {
        let managers = &mut self.managers;
        let mut machine = Machine::new(service(managers.bug));
        let (sequence, checkpoint) = managers.checkpoint.clone();
        machine.restore(sequence, &checkpoint).map_err(|error| error.to_string())?;
        if matches!(managers.bug, Some(Bug::HandsBackTooEarly)) {
            managers.log.retain(|entry| entry.sequence <= sequence);
            managers.machine = machine;
            return Ok(());
        }
        for entry in managers.log.iter().filter(|entry| entry.sequence > sequence) {
            machine.execute(entry, &mut Effects::default());
        }
        if machine.digest() != managers.machine.digest() {
            return Err("a promoted manager differs from its predecessor".to_owned());
        }
        managers.machine = machine;
        Ok(())
    }
}
