//! Seeded runs: a cluster, clients and a nemesis, all drawn from one number.
//!
//! A run has two phases, after TigerBeetle's VOPR. In the *safety phase* faults happen; which kinds
//! are on is itself drawn (swarm testing, Groce et al.), so that some runs have one fault only and
//! some have all. In the *liveness phase* everything is repaired, and within a bound every request
//! must be answered and every server be a member again.
//!
//! Not here: what must hold; see `properties` and `progress`.

use std::collections::BTreeMap;
use std::time::Duration;

use node::Time;
use wire::{Mode, NodeName};

use crate::observe::Violation;
use crate::plan::{Kind, Plan, name};
use crate::process::Pid;
use crate::progress;
use crate::properties;
use crate::random::{Random, Span};
use crate::world::World;

/// How long everything may take once nothing fails any more.
const RECOVERY: Duration = Duration::from_secs(30);
/// How many requests of one client may wait for their answers.
const OUTSTANDING: u64 = 20;
/// The time between two looks at the clients that have ended, and at what is missing.
const LOOK: Duration = Duration::from_millis(100);

/// What came out of a run.
#[derive(Debug)]
pub struct Report {
    /// The property that did not hold, if there is one.
    pub violation: Option<Violation>,
    /// The hash of all that happened.
    pub hash: u64,
    /// How many things happened.
    pub happened: u64,
    /// How long the run was in its own time.
    pub simulated: Duration,
    /// How many faults there were.
    pub faults: u64,
    /// How many requests were answered.
    pub answered: u64,
    /// How long it took until all was well after the last fault.
    pub recovery: Duration,
}

/// What a nemesis can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    CrashServer,
    CrashServerAndLfd,
    CrashLfd,
    CrashGfd,
    CrashManager,
    CrashClient,
    FreezeServer,
    FreezeDetector,
    FreezeManager,
    Stall,
    Cut,
    CutOneWay,
    Isolate,
    PowerOff,
    HoldDisk,
    FillDisk,
    Switch,
}

const FAULTS: [Fault; 17] = [
    Fault::CrashServer,
    Fault::CrashServerAndLfd,
    Fault::CrashLfd,
    Fault::CrashGfd,
    Fault::CrashManager,
    Fault::CrashClient,
    Fault::FreezeServer,
    Fault::FreezeDetector,
    Fault::FreezeManager,
    Fault::Stall,
    Fault::Cut,
    Fault::CutOneWay,
    Fault::Isolate,
    Fault::PowerOff,
    Fault::HoldDisk,
    Fault::FillDisk,
    Fault::Switch,
];

/// What undoes a fault.
#[derive(Debug, Clone, Copy)]
enum Repair {
    Restart(NodeName),
    Thaw(NodeName),
    Mend(NodeName, NodeName),
    PowerOn(NodeName),
    ReleaseDisk,
    ClearDisk,
}

/// A run.
pub struct Swarm {
    /// The world that it plays in.
    pub world: World,
    random: Random,
    kinds: Vec<Fault>,
    safety: Duration,
    between_faults: Span,
    between_requests: Span,
    repair_after: Span,
    repairs: BTreeMap<(Time, u64), Repair>,
    asked: u64,
    /// How many requests were typed at each client process.
    typed: BTreeMap<Pid, u64>,
    faults: u64,
}

impl Swarm {
    /// The run of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5eed);
        let plan = draw_plan(seed, &mut random);
        let kinds: Vec<Fault> = {
            let on = random.between(10, 70);
            FAULTS.iter().copied().filter(|_| random.chance(on)).collect()
        };
        let mut world = World::new(plan);
        world.disk.keeps = random.below(101);
        properties::watch_all(&mut world);
        let pace = random.between(300_000, 6_000_000);
        let gap = random.between(20_000, 600_000);
        let repair = random.between(200_000, 15_000_000);
        Self {
            world,
            kinds,
            safety: Duration::from_secs(random.between(10, 60)),
            between_faults: Span::micros(1000, pace),
            between_requests: Span::micros(1000, gap),
            repair_after: Span::micros(10_000, repair),
            repairs: BTreeMap::new(),
            asked: 0,
            typed: BTreeMap::new(),
            faults: 0,
            random,
        }
    }

    /// Plays both phases.
    pub fn run(&mut self) -> Report {
        self.world.start();
        self.safety_phase();
        let stopped = self.world.now();
        if self.world.violation().is_none() {
            self.liveness_phase();
        }
        let recovery = self.world.now().since(stopped);
        self.world.end();
        Report {
            violation: self.world.violation().cloned(),
            hash: self.world.trace_hash(),
            happened: self.world.happened(),
            simulated: self.world.now().since(Time::ZERO),
            faults: self.faults,
            recovery,
            answered: self.world.ledger().requests.values().filter(|r| r.answered.is_some()).count()
                as u64,
        }
    }

    fn safety_phase(&mut self) {
        let end = Time::ZERO + self.safety;
        let mut fault_at = Time::ZERO + self.random.within(self.between_faults);
        let mut request_at = Time::ZERO;
        let mut look_at = Time::ZERO + LOOK;
        while self.world.now() < end && self.world.violation().is_none() {
            let repair_at = self.repairs.first_key_value().map(|((at, _), _)| *at);
            let next = [Some(fault_at), Some(request_at), Some(look_at), repair_at];
            let next = next.into_iter().flatten().min().unwrap_or(end).min(end);
            self.world.advance(next.since(self.world.now()));
            let now = self.world.now();
            if now >= request_at {
                self.ask();
                request_at = now + self.random.within(self.between_requests);
            }
            if now >= fault_at {
                self.fault();
                fault_at = now + self.random.within(self.between_faults);
            }
            if now >= look_at {
                self.bring_clients_back();
                look_at = now + LOOK;
            }
            while let Some(entry) = self.repairs.first_entry().filter(|e| e.key().0 <= now) {
                let repair = entry.remove();
                self.repair(repair);
            }
        }
    }

    fn liveness_phase(&mut self) {
        self.repair_everything();
        let deadline = self.world.now() + RECOVERY;
        let mut last_round = false;
        while self.world.violation().is_none() {
            self.world.advance(LOOK);
            self.bring_clients_back();
            let missing = progress::missing(&self.world);
            if missing.is_none() && last_round {
                return;
            }
            if missing.is_none() {
                // One more request of everybody shows that the cluster serves all of them.
                for client in self.world.plan.client_names() {
                    self.ask_as(client);
                }
                last_round = true;
                self.world.advance(LOOK);
                continue;
            }
            if let Some(missing) = missing.filter(|_| self.world.now() >= deadline) {
                self.world.fail("I14 recovery", missing);
            }
        }
    }

    // ---- clients ----

    fn ask(&mut self) {
        let clients = self.world.plan.client_names();
        if let Some(client) = self.random.pick(&clients).copied() {
            self.ask_as(client);
        }
    }

    fn ask_as(&mut self, client: NodeName) {
        let Some(pid) = self.world.process(client).map(|process| process.pid) else { return };
        let done = self.world.ledger().done(pid);
        let typed = self.typed.entry(pid).or_default();
        if *typed >= done + OUTSTANDING {
            return;
        }
        *typed += 1;
        self.asked += 1;
        let length = if self.random.chance(10) { self.random.below(300) } else { 0 };
        let padding = "x".repeat(usize::try_from(length).unwrap_or(0));
        let body = format!("{client}-{}{padding}", self.asked);
        self.world.type_line(client, &body);
    }

    /// A client ends when three rounds have passed without an answer; its user starts it again. One
    /// of the documents' short form stays away: its requests name no session, so nobody could tell
    /// those of its former life, which may still be under way, from those of its next one.
    fn bring_clients_back(&mut self) {
        for client in self.world.plan.client_names() {
            if self.world.process(client).is_none() && !self.world.plan.is_short(client) {
                let waits =
                    self.repairs.values().any(|r| matches!(r, Repair::Restart(n) if *n == client));
                let dark = Kind::of(client).is_some_and(|k| {
                    self.world.network().off.contains(&crate::network::machine(k))
                });
                if !waits && !dark {
                    self.world.restart(client);
                }
            }
        }
    }

    // ---- faults ----

    fn server(&mut self) -> NodeName {
        let n = self.random.between(1, self.world.plan.servers);
        name(&format!("S{n}"))
    }

    fn anybody(&mut self) -> NodeName {
        let all = self.world.everybody();
        self.random.pick(&all).map_or_else(|| name("RM"), |kind| kind.name())
    }

    fn later(&mut self, repair: Repair) {
        let at = self.world.now() + self.random.within(self.repair_after);
        self.faults += 1;
        self.repairs.insert((at, self.faults), repair);
    }

    fn fault(&mut self) {
        let Some(fault) = self.random.pick(&self.kinds).copied() else { return };
        self.faults += 1;
        match fault {
            Fault::CrashServer => {
                let server = self.server();
                self.world.crash(server);
            }
            Fault::CrashServerAndLfd => {
                let server = self.server();
                let lfd = lfd_of(server);
                self.world.crash(server);
                self.crash(lfd);
            }
            Fault::CrashLfd => {
                let server = self.server();
                self.crash(lfd_of(server));
            }
            Fault::CrashGfd => self.crash(name("GFD")),
            Fault::CrashManager => self.crash(name("RM")),
            Fault::CrashClient => {
                let clients = self.world.plan.client_names();
                if let Some(client) = self.random.pick(&clients).copied() {
                    self.crash(client);
                }
            }
            Fault::FreezeServer => {
                let server = self.server();
                self.freeze(server);
            }
            Fault::FreezeDetector => {
                let server = self.server();
                let who = if self.random.chance(50) { name("GFD") } else { lfd_of(server) };
                self.freeze(who);
            }
            Fault::FreezeManager => self.freeze(name("RM")),
            Fault::Stall => {
                let who = self.anybody();
                let micros = self.random.between(1000, 3_000_000);
                self.world.stall(who, micros);
            }
            other => self.fault_of_things(other),
        }
    }

    /// Faults of links, machines and disks.
    fn fault_of_things(&mut self, fault: Fault) {
        match fault {
            Fault::Cut => {
                let (one, other) = (self.anybody(), self.anybody());
                self.world.cut(one, other);
                self.later(Repair::Mend(one, other));
            }
            Fault::CutOneWay => {
                let (from, to) = (self.anybody(), self.anybody());
                self.world.cut_one_way(from, to);
                self.later(Repair::Mend(from, to));
            }
            Fault::Isolate => {
                let who = self.anybody();
                self.world.isolate(who);
                for (from, to) in self.world.network().cut_ways() {
                    if from == who || to == who {
                        self.later(Repair::Mend(from, to));
                    }
                }
            }
            Fault::PowerOff => {
                let server = self.server();
                self.world.power_off(server);
                self.later(Repair::PowerOn(server));
            }
            Fault::HoldDisk => {
                self.world.hold_disk();
                self.later(Repair::ReleaseDisk);
            }
            Fault::FillDisk => {
                self.world.disk.full = true;
                self.later(Repair::ClearDisk);
            }
            _ => {
                let mode = if self.random.chance(50) { Mode::Active } else { Mode::Passive };
                self.world.type_line(name("RM"), &format!("switch {mode}"));
            }
        }
    }

    fn crash(&mut self, who: NodeName) {
        if self.world.crash(who) {
            self.later(Repair::Restart(who));
        }
    }

    fn freeze(&mut self, who: NodeName) {
        if self.world.freeze(who) {
            self.later(Repair::Thaw(who));
        }
    }

    fn repair(&mut self, repair: Repair) {
        match repair {
            Repair::Restart(who) => self.restart(who),
            Repair::Thaw(who) => {
                self.world.thaw(who);
            }
            Repair::Mend(from, to) => {
                self.world.mend(from, to);
                self.world.mend(to, from);
            }
            Repair::PowerOn(who) => {
                self.world.power_on(who);
                self.world.restart(lfd_of(who));
            }
            Repair::ReleaseDisk => self.world.release_disk(),
            Repair::ClearDisk => self.world.disk.full = false,
        }
    }

    fn repair_everything(&mut self) {
        self.repairs.clear();
        self.world.disk.full = false;
        self.world.release_disk();
        self.world.heal();
        for kind in self.world.everybody() {
            self.world.thaw(kind.name());
            // A server is its LFD's to launch.
            if !matches!(kind, Kind::Server(_)) {
                self.restart(kind.name());
            }
        }
    }

    fn restart(&mut self, who: NodeName) {
        let gone_for_good =
            matches!(Kind::of(who), Some(Kind::Client(_))) && self.world.plan.is_short(who);
        if !gone_for_good {
            self.world.restart(who);
        }
    }
}

fn lfd_of(server: NodeName) -> NodeName {
    name(&format!("LFD{}", &server.as_str()[1..]))
}

/// Draws a cluster.
fn draw_plan(seed: u64, random: &mut Random) -> Plan {
    let mode = if random.chance(50) { Mode::Active } else { Mode::Passive };
    let mut plan = Plan::new(mode);
    let millis = Duration::from_millis;
    plan.seed = seed;
    plan.servers = *random.pick(&[1, 2, 2, 3, 3, 3, 3, 4, 5, 7]).unwrap_or(&3);
    plan.clients = random.between(1, 8);
    plan.short_clients = random.below(plan.clients + 1).min(random.below(3));
    plan.window = u32::try_from(random.between(1, 8)).unwrap_or(1);
    plan.heartbeat_period = millis(*random.pick(&[50, 100, 100, 500, 1000]).unwrap_or(&100));
    plan.heartbeat_timeout = (plan.heartbeat_period * 2).max(millis(1000));
    plan.hung_grace = millis(random.between(500, 10_000));
    plan.checkpoint_period = millis(*random.pick(&[100, 500, 2000, 10_000]).unwrap_or(&2000));
    plan.frame_limit = *random.pick(&[1024, 4096, 65_536]).unwrap_or(&65_536);
    plan.prefer = random.chance(40).then(|| {
        let n = random.between(1, plan.servers);
        wire::ReplicaName::from(name(&format!("S{n}")))
    });
    plan.hold_down = millis(random.between(1000, 10_000));
    plan.latency = *random
        .pick(&[
            Span::micros(20, 300),
            Span::micros(50, 500),
            Span::micros(100, 5000),
            Span::micros(1000, 40_000),
        ])
        .unwrap_or(&Span::micros(50, 500));
    plan.scheduling = *random
        .pick(&[
            Span::micros(1, 20),
            Span::micros(5, 100),
            Span::micros(5, 5000),
            Span::micros(1, 60_000),
        ])
        .unwrap_or(&Span::micros(5, 50));
    plan.disk = *random
        .pick(&[Span::micros(100, 3000), Span::micros(1000, 50_000), Span::micros(10_000, 500_000)])
        .unwrap_or(&Span::micros(500, 3000));
    plan.launch.most = random.between(3000, 200_000);
    plan.skew = *random.pick(&[0, 0, 200, 50_000]).unwrap_or(&0);
    plan.bytes = random.chance(25);
    plan
}
