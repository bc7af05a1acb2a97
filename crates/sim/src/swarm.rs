//! Seeded runs: a cluster, clients and a nemesis, all drawn from one number.
//!
//! A run has two phases, after TigerBeetle's VOPR. In the *safety phase* faults happen; which kinds
//! are on is itself drawn, so that some runs have one fault only and some have all. In the *liveness
//! phase* everything is repaired, and within a bound every request must be answered and every server
//! be a member again; the clients go on asking until the run has lasted two minutes of its own time.
//!
//! Not here: what is drawn (`draw`), what faults do (`nemesis`), what must hold (`properties` and
//! `progress`).

use std::collections::BTreeMap;
use std::time::Duration;

use node::Time;
use wire::NodeName;

use crate::draw::{Game, Narrowed, Settings, WHOLE, stream};
use crate::ivy;
use crate::nemesis::Repair;
use crate::observe::Violation;
use crate::plan::Kind;
use crate::process::Pid;
use crate::progress;
use crate::properties;
use crate::random::Random;
use crate::world::World;

/// How long everything may take once nothing fails any more; half of it may go by until the kernel
/// notices that a connection is half-open.
const RECOVERY: Duration = Duration::from_secs(60);
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
    /// Which faults there were, by their numbers.
    pub faults: Vec<u64>,
    /// How many requests were asked.
    pub asked: u64,
    /// How many requests were answered.
    pub answered: u64,
    /// How long it took until all was well after the last fault.
    pub recovery: Duration,
}

/// A run.
pub struct Swarm {
    /// The world that it plays in.
    pub world: World,
    pub(crate) settings: Settings,
    /// When the nemesis strikes.
    timing: Random,
    /// What the clients do.
    users: Random,
    pub(crate) repairs: BTreeMap<(Time, u64), Repair>,
    repairs_made: u64,
    asked: u64,
    /// How many requests were typed at each client process.
    typed: BTreeMap<Pid, u64>,
    /// The number of the last fault, of those that were left out, too.
    pub(crate) faults: u64,
    pub(crate) happened: Vec<u64>,
}

impl Swarm {
    /// The run of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::of(Game::Register, seed, Narrowed::default())
    }

    /// A part of the run of that seed.
    #[must_use]
    pub fn of(game: Game, seed: u64, narrowed: Narrowed) -> Self {
        let settings = match game {
            Game::Register => Settings::draw(seed, narrowed),
            Game::Ivy | Game::IvyAlone => Settings::ivy(seed, narrowed),
        };
        let mut world = World::new(settings.plan.clone());
        world.disk.keeps = settings.disk_keeps;
        match game {
            Game::Register => properties::watch_all(&mut world),
            Game::Ivy | Game::IvyAlone => ivy::watch(&mut world),
        }
        if game == Game::Ivy {
            properties::watch_replication(&mut world);
        }
        Self {
            world,
            settings,
            timing: stream(seed, 2),
            users: stream(seed, 3),
            repairs: BTreeMap::new(),
            repairs_made: 0,
            asked: 0,
            typed: BTreeMap::new(),
            faults: 0,
            happened: Vec::new(),
        }
    }

    /// What was drawn.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Plays both phases.
    pub fn run(&mut self) -> Report {
        self.world.start();
        self.safety_phase();
        let recovery = self.liveness_phase();
        self.world.end();
        Report {
            violation: self.world.violation().cloned(),
            hash: self.world.trace_hash(),
            happened: self.world.happened(),
            simulated: self.world.now().since(Time::ZERO),
            faults: std::mem::take(&mut self.happened),
            recovery,
            asked: self.asked,
            answered: self.world.ledger().answered(),
        }
    }

    fn safety_phase(&mut self) {
        let end = Time::ZERO + self.settings.safety;
        let mut fault_at = Time::ZERO + self.timing.within(self.settings.between_faults);
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
                request_at = now + self.users.within(self.settings.between_requests);
            }
            if now >= fault_at {
                self.fault();
                fault_at = now + self.timing.within(self.settings.between_faults);
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

    /// Says how long it took until all was well.
    fn liveness_phase(&mut self) -> Duration {
        let stopped = self.world.now();
        if self.world.violation().is_some() {
            return Duration::ZERO;
        }
        self.repair_everything();
        self.until_well();
        let recovery = self.world.now().since(stopped);
        // A part of a run ends when it may; a whole one has its two minutes.
        let whole = if self.settings.narrowed == Narrowed::default() { WHOLE } else { LOOK };
        while self.world.violation().is_none() && self.world.now() < Time::ZERO + whole {
            self.ask();
            self.world.advance(self.users.within(self.settings.between_requests));
            self.bring_clients_back();
        }
        // One more request of everybody shows that the cluster serves all of them.
        for client in self.world.plan.client_names() {
            self.ask_as(client);
        }
        self.world.advance(LOOK);
        self.until_well();
        recovery
    }

    /// Waits until nothing is missing.
    fn until_well(&mut self) {
        let deadline = self.world.now() + RECOVERY;
        while self.world.violation().is_none() {
            self.world.advance(LOOK);
            self.bring_clients_back();
            match progress::missing(&self.world) {
                None => return,
                Some(missing) if self.world.now() >= deadline => {
                    self.world.fail("I14 recovery", missing);
                }
                Some(_) => {}
            }
        }
    }

    fn ask(&mut self) {
        let clients = self.world.plan.client_names();
        if let Some(client) = self.users.pick(&clients).copied() {
            self.ask_as(client);
        }
    }

    fn ask_as(&mut self, client: NodeName) {
        let length = if self.users.chance(10) { self.users.below(300) } else { 0 };
        if self.settings.narrowed.requests.is_some_and(|most| self.asked >= most) {
            return;
        }
        let Some(pid) = self.world.process(client).map(|process| process.pid) else { return };
        let done = self.world.ledger().done(pid);
        let typed = self.typed.entry(pid).or_default();
        if *typed >= done + OUTSTANDING {
            return;
        }
        *typed += 1;
        self.asked += 1;
        if let Some(workload) = &self.settings.workload {
            let line = workload.line(self.asked, &mut self.users);
            self.world.type_line(client, &line);
            return;
        }
        let padding = "x".repeat(usize::try_from(length).unwrap_or(0));
        let body = format!("{client}-{}{padding}", self.asked);
        self.world.type_line(client, &body);
    }

    /// A client ends when three rounds have passed without an answer; its user starts it again.
    fn bring_clients_back(&mut self) {
        for client in self.world.plan.client_names() {
            if self.world.process(client).is_some() {
                continue;
            }
            let waits =
                self.repairs.values().any(|r| matches!(r, Repair::Restart(n) if *n == client));
            let dark = Kind::of(client)
                .is_some_and(|k| self.world.network().off.contains(&crate::network::machine(k)));
            if !waits && !dark {
                self.world.restart(client);
            }
        }
    }

    pub(crate) fn repair_at(&mut self, at: Time, repair: Repair) {
        self.repairs_made += 1;
        self.repairs.insert((at, self.repairs_made), repair);
    }
}
