//! One move: what happens to a process, and where what it wants done ends up.
//!
//! Here is what the model takes for granted of the hosts (`node`), of the network, of LFDs and GFD:
//! a connection keeps its order; one that breaks may lose what was on its way; a detector passes on
//! what it hears, in order, and says `delete` once it has seen its server's end.
//!
//! Several things are one move: an input and the end of its turn (`settle`); a dial, its acceptance
//! and its opening; the start of a server and its first answer to its LFD.
//!
//! Not here: what may happen (`moves`) and what must hold (`properties`).

use std::rc::Rc;

use wire::{Change, Epoch, Gone, Incarnation, Message, NodeName, Reported, SessionId, Urgency};

use crate::library::{BROKEN, Cause, Effect, ItemId, Library, LocalId, ORDERLY, RecordId, Usual};
use crate::local::{CLIENT, Local, Slot, WATCHER, client_slot, peer_at, request_at};
use crate::moves::Move;
use crate::properties::{self, Violation};
use crate::scope::{self, STEPS_OF_A_TICK};
use crate::world::{CLOSED, Client, Link, Talk, World};

/// The number of a client's first request, and the mark of every client.
const FIRST: u64 = 1;
const NONCE: u64 = 5;

/// One move of a world.
pub(crate) struct Turn<'a> {
    library: &'a mut Library,
    world: World,
    /// What was dialled in this move and is open at the other end.
    opened: Vec<(usize, Slot)>,
}

/// The world after a move.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn play(
    library: &mut Library,
    world: &World,
    happens: Move,
) -> Result<World, Violation> {
    let mut turn = Turn { library, world: world.clone(), opened: Vec::new() };
    turn.happen(happens)?;
    turn.world.tidy();
    Ok(turn.world)
}

/// The world in which the RM and the first `running` servers have just been started.
pub(crate) fn begin(library: &mut Library, running: usize) -> Result<World, Violation> {
    let servers = library.scope.servers;
    let world = World {
        servers: vec![Default::default(); servers],
        up: vec![Vec::new(); servers],
        down: vec![Vec::new(); servers],
        clients: vec![Default::default(); library.scope.requests],
        ..World::default()
    };
    let mut turn = Turn { library, world, opened: Vec::new() };
    turn.start_manager()?;
    for server in 0..running {
        turn.start(server)?;
    }
    Ok(turn.world)
}

/// Starts a server that never ran.
pub(crate) fn launch(
    library: &mut Library,
    world: World,
    server: usize,
) -> Result<World, Violation> {
    let mut turn = Turn { library, world, opened: Vec::new() };
    turn.start(server)?;
    Ok(turn.world)
}

/// Has a client open its session at a server, which it does by a first request if it speaks the
/// short form.
pub(crate) fn greet(
    library: &mut Library,
    world: World,
    (request, server): (usize, usize),
) -> Result<World, Violation> {
    let sessions = library.scope.sessions;
    let mut turn = Turn { library, world, opened: Vec::new() };
    turn.step(server, Cause::Accepted(client_slot(request)))?;
    match sessions {
        true => turn.register(request, server)?,
        false => turn.send_request(request, server, false)?,
    }
    Ok(turn.world)
}

/// A client that has its session leaves, and forgets everything else.
pub(crate) fn part(
    library: &mut Library,
    world: World,
    (request, server): (usize, usize),
) -> Result<World, Violation> {
    let mut turn = Turn { library, world, opened: Vec::new() };
    turn.leave(request, server)?;
    let session = turn.world.clients[request].session;
    turn.world.clients[request] = Client { session, ..Client::default() };
    Ok(turn.world)
}

/// Lets one step of time pass: whatever is due is done.
pub(crate) fn pass_time(library: &mut Library, world: World) -> Result<World, Violation> {
    let mut turn = Turn { library, world, opened: Vec::new() };
    turn.pass_time()?;
    turn.world.tidy();
    Ok(turn.world)
}

/// The report that a server's LFD would make now; `None` while it has none to watch.
pub(crate) fn news(library: &mut Library, world: &World, server: usize) -> Option<ItemId> {
    let local = world.servers[server].local;
    if local == 0 || !library.local(local).has(WATCHER) {
        return None;
    }
    let cause = Cause::Received(WATCHER, heartbeat(library, server));
    let (_, effects) = library.step(local, cause, world.time).ok()?;
    effects.iter().find_map(|effect| match effect {
        Effect::Send(WATCHER, item) => alive(library, *item, server),
        _ => None,
    })
}

/// The heartbeat by which an LFD asks its server how it is.
fn heartbeat(library: &mut Library, server: usize) -> ItemId {
    library.usual(Usual::Heartbeat(server), |_| Message::Heartbeat {
        from: detector(server),
        to: scope::replica(server).into(),
        count: 1,
        health: None,
    })
}

/// The report after an answer.
fn alive(library: &mut Library, answer: ItemId, server: usize) -> Option<ItemId> {
    let Message::Heartbeat { health: Some(health), .. } = *library.frame(answer) else {
        return None;
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
    });
    Some(report)
}

/// The name of a server's LFD.
pub(crate) fn detector(server: usize) -> NodeName {
    NodeName::from_bytes(format!("LFD{}", server + 1).as_bytes()).expect("a name")
}

impl Turn<'_> {
    fn happen(&mut self, happens: Move) -> Result<(), Violation> {
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
                let report = news(self.library, &self.world, server).expect("it answers");
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

    fn fault(&mut self, fault: Move) -> Result<(), Violation> {
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

    // ---- servers ----

    /// Something happens to a server, and what it wants done is done.
    fn step(&mut self, server: usize, cause: Cause) -> Result<(), Violation> {
        let before = self.world.servers[server].local;
        let (after, effects) = self.play(before, cause).map_err(|v| v.of(server))?;
        properties::check_step(self.library, before, after).map_err(|v| v.of(server))?;
        self.world.servers[server].local = after;
        for effect in effects.iter() {
            self.perform(server, *effect)?;
        }
        while let Some((server, slot)) = self.opened.pop() {
            if self.library.local(self.world.servers[server].local).has(slot) {
                self.step(server, Cause::Connected(slot))?;
            }
        }
        self.refresh(server)
    }

    fn play(&mut self, local: LocalId, cause: Cause) -> Result<(LocalId, Rc<[Effect]>), Violation> {
        let broken = |text| Violation { property: "obligations of a role", text };
        self.library.step(local, cause, self.world.time).map_err(broken)
    }

    fn perform(&mut self, server: usize, effect: Effect) -> Result<(), Violation> {
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
    fn dial(&mut self, server: usize, slot: Slot, to: usize) -> Result<(), Violation> {
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

    fn close(&mut self, server: usize, slot: Slot) -> Result<(), Violation> {
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
            return Err(Violation { property: "the way to the RM", text }.of(server));
        }
        let (link, end) = self.world.link(server, slot).expect("it is open");
        self.end(link, end, ORDERLY);
        Ok(())
    }

    /// One end of a connection is closed.
    fn end(&mut self, link: usize, end: usize, how: ItemId) {
        let link = &mut self.world.links[link];
        link.slots[end] = CLOSED;
        link.ways[end].clear();
        if link.slots[1 - end] != CLOSED {
            link.ways[1 - end].push(how);
        }
    }

    fn deliver(&mut self, link: usize, end: usize) -> Result<(), Violation> {
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

    fn start(&mut self, server: usize) -> Result<(), Violation> {
        let state = &mut self.world.servers[server];
        state.run += 1;
        state.unseen = false;
        let local = Local::server(server, state.run);
        state.local = self.library.enter(local);
        let question = heartbeat(self.library, server);
        for cause in [Cause::Start, Cause::Accepted(WATCHER), Cause::Received(WATCHER, question)] {
            self.step(server, cause)?;
        }
        Ok(())
    }

    /// The process ends. Its connections break, and its clients lose replies that are on their way.
    fn kill(&mut self, server: usize) {
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

    fn pass_time(&mut self) -> Result<(), Violation> {
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

    // ---- detectors ----

    /// What a server says to its LFD goes up to the RM, or into the LFD's report.
    fn pass_up(&mut self, server: usize, item: ItemId) -> Result<(), Violation> {
        if detect::reported(self.library.frame(item)).is_some() {
            self.world.up[server].push(item);
        } else if let Some(report) = alive(self.library, item, server) {
            self.report(server, report)?;
        }
        Ok(())
    }

    /// A report that says something else than the last one is sent. If it only says more of a run
    /// that was alive already, it arrives at once, unless reports are to be late.
    fn report(&mut self, server: usize, report: ItemId) -> Result<(), Violation> {
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
    fn refresh(&mut self, server: usize) -> Result<(), Violation> {
        if self.library.scope.late_reports {
            return Ok(());
        }
        let known = self.world.servers[server].report;
        match news(self.library, &self.world, server) {
            Some(report) if self.alive_run(known) == self.alive_run(report) => {
                self.report(server, report)
            }
            _ => Ok(()),
        }
    }

    fn notice(&mut self, server: usize) -> Result<(), Violation> {
        self.world.servers[server].unseen = false;
        self.delete(server, Gone::Exited)
    }

    fn delete(&mut self, server: usize, gone: Gone) -> Result<(), Violation> {
        let run = self.world.servers[server].run;
        let usual = Usual::Delete(server, run, gone == Gone::Exited);
        let report = self.library.usual(usual, |_| Message::Membership {
            from: detector(server),
            server: scope::replica(server),
            change: Change::Delete(Some((scope::incarnation(server, run).into(), gone))),
        });
        self.report(server, report)
    }

    /// An order reaches an LFD. It launches only what it has seen the end of.
    fn order(&mut self, server: usize, item: ItemId) -> Result<(), Violation> {
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

    // ---- the RM ----

    fn step_manager(&mut self, cause: Cause) -> Result<(), Violation> {
        let (after, effects) = self.play(self.world.manager, cause)?;
        self.world.manager = after;
        for effect in effects.iter().copied() {
            match effect {
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
                Effect::Dial(..) | Effect::Close(_) => {
                    let text = format!("the RM has no reason for {effect:?}");
                    return Err(Violation { property: "obligations of a role", text });
                }
            }
        }
        Ok(())
    }

    fn start_manager(&mut self) -> Result<(), Violation> {
        let record = self.library.record(self.world.disk);
        let local = Local::manager(&self.library.scope, record);
        let local = local.expect("the RM reads its own record");
        self.world.manager = self.library.enter(local);
        let client = scope::client(0);
        let asks = Message::Client { client, known: Some(Epoch(0)) };
        let asks = self.library.frame_id(asks);
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
    fn reconnect(&mut self) {
        for server in 0..self.world.servers.len() {
            let report = self.world.servers[server].report;
            self.world.down[server].clear();
            self.world.up[server] =
                Some(report).filter(|report| *report != 0).into_iter().collect();
        }
    }

    fn persisted(&mut self) -> Result<(), Violation> {
        self.world.budget.epochs -= 1;
        self.safe()?;
        self.step_manager(Cause::Persisted)
    }

    /// What was being written is safe now.
    fn safe(&mut self) -> Result<(), Violation> {
        let record: RecordId = std::mem::take(&mut self.world.flight);
        properties::check_recorded(self.library, &self.world, record)?;
        self.world.disk = record;
        self.world.history.push(record);
        Ok(())
    }

    // ---- clients ----

    /// A client leaves whomever it was waiting for, if it asks one at a time, and connects.
    fn ask(&mut self, request: usize, server: usize) -> Result<(), Violation> {
        let slot = client_slot(request);
        if !self.world.clients[request].begun {
            let done =
                |seen, (other, client): (usize, &Client)| seen | u8::from(client.done) << other;
            let seen = self.world.clients.iter().enumerate().fold(0, done);
            let client = &mut self.world.clients[request];
            (client.begun, client.seen) = (true, seen);
        }
        if self.library.scope.mode == wire::Mode::Passive {
            for other in 0..self.world.servers.len() {
                self.leave(request, other)?;
            }
        }
        self.step(server, Cause::Accepted(slot))?;
        // A client that has its session may use it on any connection.
        if self.library.scope.sessions && self.library.scope.newcomers {
            return self.register(request, server);
        }
        self.request(request, server)
    }

    fn leave(&mut self, request: usize, server: usize) -> Result<(), Violation> {
        let talk = std::mem::take(&mut self.world.clients[request].talks[server]);
        let slot = client_slot(request);
        let local = self.world.servers[server].local;
        if talk != Talk::Apart && local != 0 && self.library.local(local).has(slot) {
            self.step(server, Cause::Closed(slot))?;
        }
        Ok(())
    }

    /// A client sends the request that counts.
    fn request(&mut self, request: usize, server: usize) -> Result<(), Violation> {
        self.send_request(request, server, true)
    }

    fn send_request(
        &mut self,
        request: usize,
        server: usize,
        counts: bool,
    ) -> Result<(), Violation> {
        let session = self.world.clients[request].session;
        let usual = Usual::Request(request, server, session, counts);
        let message = self.library.usual(usual, |library| {
            let explicit = library.scope.sessions;
            let first = library.scope.newcomers || !counts || explicit;
            Message::Request {
                client: scope::client(request),
                server: scope::replica(server),
                number: if first { FIRST } else { FIRST + 1 }.into(),
                body: if counts {
                    vec![scope::letter(request)]
                } else {
                    scope::greeting(request).into()
                }
                .into(),
                session: Some(SessionId(session.into())).filter(|_| explicit),
            }
        });
        self.world.clients[request].talks[server] = Talk::Asked;
        self.step(server, Cause::Received(client_slot(request), message))
    }

    fn register(&mut self, request: usize, server: usize) -> Result<(), Violation> {
        let register = self.library.usual(Usual::Register(request, server), |_| {
            let (client, server) = (scope::client(request), scope::replica(server));
            Message::Register { client, server, nonce: NONCE, window: 1 }
        });
        self.world.clients[request].talks[server] = Talk::Registering;
        self.step(server, Cause::Received(client_slot(request), register))
    }

    /// A server says something to a client.
    fn answer(&mut self, request: usize, server: usize, item: ItemId) -> Result<(), Violation> {
        match self.library.frame(item) {
            Message::Registered { session, .. } => {
                properties::check_session(&self.world, request, *session)?;
                let session = session.0 as u32;
                let client = &mut self.world.clients[request];
                client.talks[server] = Talk::Registered;
                client.session = session;
            }
            Message::Reply { body: Some(body), .. }
                if body.ends_with(&scope::greeting(request)) => {}
            Message::Reply { .. } => {
                properties::check_reply(self.library, &self.world, (request, server), item)?;
                let cluster = self.world.servers[server].local;
                let cluster = self.library.summary(cluster).map_or(0, |s| s.cluster as u32);
                // A reply can only be lost by a server that dies.
                let budget = self.world.budget;
                let lossy = budget.crashes + budget.replacements > 0;
                let client = &mut self.world.clients[request];
                if client.reply == 0 {
                    (client.reply, client.cluster) =
                        (properties::told(self.library, item), cluster);
                }
                client.talks[server] = if lossy { Talk::Replied } else { Talk::Asked };
                client.done |= !lossy;
            }
            _ => {}
        }
        Ok(())
    }
}
