//! The world: every process of a cluster, their clocks, connections and disks, driven by one list of
//! what happens next.
//!
//! Guarantees: it keeps the host's obligations (`node`'s documentation), whatever faults are on; the
//! same plan and the same commands give the same run, to the last microsecond, because all chance
//! comes from one stream and every table is ordered.
//!
//! By which mechanism: [`World::step`] takes the earliest [`Happening`]. A process acts in *turns*:
//! its mailbox is emptied, its deadline looked at, its role settled, and only then what it sent goes
//! out, as the host does it.
//!
//! Not here: how segments travel (`traffic`), what outputs do (`perform`), faults (`faults`).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use node::{Input, Output, Time};
use wire::{ClusterId, NodeName};

use crate::hash::Trace;
use crate::hosted::Hosted;
use crate::ledger::Ledger;
use crate::network::{Network, PipeId};
use crate::observe::{Seen, Sight, Sights, Violation, Watcher};
use crate::plan::{Kind, Plan};
use crate::process::{Mail, Pid, Process};
use crate::random::Random;
use crate::slots::Slots;

/// A role whose deadline has passed although it was just woken is woken again after this.
const WAKE_AGAIN: Duration = Duration::from_micros(100);

/// Process ids count up from here.
const FIRST_PID: Pid = 100;

/// What happens at a moment.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A process gets its turn.
    Turn(Pid),
    /// A process is to be woken.
    Wake(Pid),
    /// Something arrives in a mailbox.
    Post(Pid, Box<Mail>),
    /// A dialled connection reaches its machine; `attempt` were in vain.
    Knock { pipe: PipeId, at: std::net::SocketAddr, attempt: u32 },
    /// The answer to that reaches the dialling end.
    Answer(PipeId),
    /// The first segment of a flow is due.
    Arrive { pipe: PipeId, flow: usize },
    /// The kernel gives up a connection whose segments are not acknowledged.
    GiveUp { pipe: PipeId, flow: usize, since: Time },
    /// The disk has written.
    Written { pid: Pid, write: u64 },
    /// A process starts.
    Start { pid: Pid, kind: Kind },
}

/// Something that will happen; the greatest is the one that happens first.
#[derive(Debug)]
struct Due {
    at: Time,
    /// Of two at the same moment, the one that was set down first.
    order: u64,
    happening: Happening,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

/// A record on its way to the disk.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) number: u64,
    pub(crate) pid: Pid,
    pub(crate) record: String,
}

/// The RM's disk.
#[derive(Debug, Default)]
pub struct Disk {
    /// What would survive a power cut.
    pub record: Option<String>,
    pub(crate) writing: Option<Write>,
    pub(crate) writes: u64,
    /// Writes do not finish.
    pub held: bool,
    /// Writes fail.
    pub full: bool,
    /// The next write fails.
    pub fails_once: bool,
    /// Percentage of the unfinished writes that a crash does not undo.
    pub keeps: u64,
}

/// A simulated cluster.
pub struct World {
    /// How it is set up. What a restarted process is told is read anew from here.
    pub plan: Plan,
    pub(crate) now: Time,
    pub(crate) random: Random,
    queue: BinaryHeap<Due>,
    order: u64,
    pub(crate) processes: Slots<Process>,
    pub(crate) names: BTreeMap<NodeName, Pid>,
    pub(crate) network: Network,
    /// The RM's disk.
    pub disk: Disk,
    /// Which LFD is told of the end of which process.
    pub(crate) watched: BTreeMap<Pid, Pid>,
    pub(crate) last_pid: Pid,
    pub(crate) incarnations: u64,
    ledger: Ledger,
    watchers: Vec<(Sights, Box<dyn Watcher>)>,
    /// What anybody of them looks at.
    watched_sights: Sights,
    /// The memory of outputs, between turns.
    outputs: Vec<Output>,
    violation: Option<Violation>,
    trace: Trace,
    happened: u64,
}

impl World {
    /// A world in which nothing runs yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        node::mutant::lower(plan.sessions.unwrap_or(usize::MAX));
        Self {
            random: Random::new(plan.seed),
            plan,
            now: Time::ZERO,
            queue: BinaryHeap::new(),
            order: 0,
            processes: Slots::default(),
            names: BTreeMap::new(),
            network: Network::default(),
            disk: Disk::default(),
            watched: BTreeMap::new(),
            last_pid: FIRST_PID,
            incarnations: 0,
            ledger: Ledger::default(),
            watchers: Vec::new(),
            watched_sights: Sights::NONE,
            outputs: Vec::new(),
            violation: None,
            trace: Trace::default(),
            happened: 0,
        }
    }

    /// Starts every process of the plan, one shortly after the other.
    pub fn start(&mut self) {
        for (place, name) in self.plan.first_processes().into_iter().enumerate() {
            if let Some(kind) = Kind::of(name) {
                let pid = self.next_pid();
                let at = self.now + Duration::from_micros(10 * place as u64);
                self.at(at, Happening::Start { pid, kind });
            }
        }
    }

    /// Lets somebody watch.
    pub fn watch(&mut self, watcher: Box<dyn Watcher>) {
        let sights = watcher.sights();
        self.watched_sights = self.watched_sights.and(sights);
        self.watchers.push((sights, watcher));
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The hash of everything that happened so far.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.trace.value()
    }

    /// How many things have happened.
    #[must_use]
    pub fn happened(&self) -> u64 {
        self.happened
    }

    /// The first property that did not hold, if there is one.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The running process of that name.
    #[must_use]
    pub fn process(&self, name: NodeName) -> Option<&Process> {
        self.processes.get((*self.names.get(&name)?).into())
    }

    /// Every running process, in the order of their starts.
    pub fn running(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter()
    }

    /// What is known of the run as a whole, whoever lives or dies.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The running server of that id.
    #[must_use]
    pub fn server(&self, pid: Pid) -> Option<&server::Replica<Hosted>> {
        self.processes.get(pid.into())?.actor.server()
    }

    fn cluster_of(&self, pid: Pid) -> ClusterId {
        self.server(pid).map_or(ClusterId(0), server::Replica::cluster)
    }

    /// The links.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Lets time pass.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.violation.is_none() && self.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = self.now.max(end);
    }

    /// When the next thing happens.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        self.queue.peek().map(|due| due.at)
    }

    /// The next thing happens.
    pub fn step(&mut self) {
        let Some(Due { at, happening, .. }) = self.queue.pop() else { return };
        self.now = self.now.max(at);
        self.happened += 1;
        match happening {
            Happening::Turn(pid) => self.turn(pid),
            Happening::Wake(pid) => self.wake(pid),
            Happening::Post(pid, mail) => self.post(pid, *mail),
            Happening::Knock { pipe, at, attempt } => self.knock(pipe, at, attempt),
            Happening::Answer(pipe) => self.answered(pipe),
            Happening::Arrive { pipe, flow } => self.arrive(pipe, flow),
            Happening::GiveUp { pipe, flow, since } => self.give_up(pipe, flow, since),
            Happening::Written { pid, write } => self.written(pid, write),
            Happening::Start { pid, kind } => self.start_process(pid, kind),
        }
    }

    pub(crate) fn at(&mut self, at: Time, happening: Happening) {
        self.order += 1;
        self.queue.push(Due { at: at.max(self.now), order: self.order, happening });
    }

    pub(crate) fn next_pid(&mut self) -> Pid {
        self.last_pid += 1;
        self.last_pid
    }

    /// Puts something into a mailbox.
    pub(crate) fn post(&mut self, pid: Pid, mail: Mail) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        process.mail.push_back(mail);
        self.turn_soon(pid);
    }

    /// A process with something to do gets its turn soon.
    pub(crate) fn turn_soon(&mut self, pid: Pid) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        if process.frozen || std::mem::replace(&mut process.turn_due, true) {
            return;
        }
        let at = self.now + self.random.within(self.plan.scheduling);
        self.at(at, Happening::Turn(pid));
    }

    fn wake(&mut self, pid: Pid) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        if process.wake_due.is_some_and(|at| at <= self.now) {
            process.wake_due = None;
            self.turn_soon(pid);
        }
    }

    /// One turn of a process, as the host runs it.
    fn turn(&mut self, pid: Pid) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        process.turn_due = false;
        if process.frozen {
            return;
        }
        let wakes_first = self.random.chance(20);
        if wakes_first {
            self.wake_role(pid);
        }
        let waiting = self.processes.get(pid.into()).map_or(0, |p| p.mail.len());
        for _ in 0..waiting {
            let mail = self.processes.get_mut(pid.into()).and_then(|p| p.mail.pop_front());
            match mail {
                Some(mail) => self.open(pid, mail),
                None => break,
            }
        }
        if !wakes_first {
            self.wake_role(pid);
        }
        self.call(pid, |process, now, out| process.actor.role().settle(now, out));
        self.flush(pid);
        self.show_turned(pid);
        self.arm(pid);
    }

    fn show_turned(&mut self, pid: Pid) {
        if self.watched_sights.include(Sights::TURNED) {
            let probe = self.server(pid).map(server::Replica::probe);
            self.see(pid, Seen::Turned(probe.as_ref()));
        }
    }

    fn wake_role(&mut self, pid: Pid) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        let local = process.clock(now);
        if process.actor.role().deadline().is_some_and(|at| at <= local) {
            self.call(pid, |process, now, out| process.actor.role().wake(now, out));
        }
    }

    /// One input for a role.
    pub(crate) fn input(&mut self, pid: Pid, input: Input) {
        self.trace.input(self.now, pid, &input);
        self.call(pid, |process, now, out| process.actor.role().handle(now, input, out));
    }

    /// Calls a role, and does what it wants done.
    fn call(&mut self, pid: Pid, what: impl FnOnce(&mut Process, Time, &mut Vec<Output>)) {
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        let mut out = std::mem::take(&mut self.outputs);
        let local = process.clock(self.now);
        what(process, local, &mut out);
        for output in out.drain(..) {
            self.trace.output(self.now, pid, &output);
            self.perform(pid, output);
        }
        self.outputs = out;
    }

    /// Sees to it that a process is woken at its deadline.
    fn arm(&mut self, pid: Pid) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(pid.into()) else { return };
        let Some(deadline) = process.deadline() else { return };
        let at = deadline.max(now + WAKE_AGAIN);
        if process.wake_due.is_none_or(|due| at < due || due <= now) {
            process.wake_due = Some(at);
            self.at(at, Happening::Wake(pid));
        }
    }

    /// Shows something to everyone who watches.
    pub(crate) fn see(&mut self, pid: Pid, what: Seen<'_>) {
        let Some(who) = self.processes.get(pid.into()).map(|p| p.name) else { return };
        self.show(&Sight { at: self.now, who, pid, what });
    }

    /// Shows something, of a process that may be gone.
    pub(crate) fn show(&mut self, sight: &Sight<'_>) {
        let kind = sight.what.kind();
        if Ledger::SIGHTS.include(kind) {
            let cluster = self.cluster_of(sight.pid);
            self.ledger.note(sight, cluster);
        }
        if !self.watched_sights.include(kind) {
            return;
        }
        let mut watchers = std::mem::take(&mut self.watchers);
        for (_, watcher) in watchers.iter_mut().filter(|(sights, _)| sights.include(kind)) {
            if let Err(text) = watcher.see(sight, self)
                && self.violation.is_none()
            {
                let property = watcher.name();
                self.violation = Some(Violation { at: self.now, property, text });
            }
        }
        self.watchers = watchers;
    }

    /// Says that something does not hold.
    pub fn fail(&mut self, property: &'static str, text: String) {
        self.violation.get_or_insert(Violation { at: self.now, property, text });
    }

    /// Ends the run: every watcher looks at what is left.
    pub fn end(&mut self) {
        let mut watchers = std::mem::take(&mut self.watchers);
        for (_, watcher) in &mut watchers {
            if let Err(text) = watcher.end(self)
                && self.violation.is_none()
            {
                let property = watcher.name();
                self.violation = Some(Violation { at: self.now, property, text });
            }
        }
        self.watchers = watchers;
    }
}
