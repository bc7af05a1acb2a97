//! Random walks: a small model of servers, their LFDs and the GFD around one RM, with every fault
//! that a seed can think of; the RM crashes, too, and its disk may or may not have what failed.
//!
//! While it walks: what is told was recorded, an epoch has one content, members come from the view
//! before, a living member is never ended and never given up, and whatever all members of a view have
//! acknowledged is in the log of every later primary of that cluster. Then the faults stop, and every
//! server must be a member again within a bound, and requests must go on.
//!
//! Not here: the servers' own protocol. A model of a server takes roles and joins, and appends to the
//! logs of all members at once.

#[path = "walk/servers.rs"]
mod servers;

use std::collections::BTreeMap;
use std::time::Duration;

use node::{Conn, Input, Output, Peer, Role as _, Time};
use rm::{Config, OnTotalLoss, Record, ReplicationManager};
use wire::{
    ClusterId, Epoch, Gone, Incarnation, Message, Mode, NodeName, Phase, ReplicaName, View, Why,
};

const SEEDS: u64 = 120;
const FAULTS: u64 = 600;
/// Long enough for a hold-down and a fail-back after the last fault.
const CALM: u64 = 1200;
const STEP: Duration = Duration::from_millis(50);

/// xorshift64*: the walk is a pure function of the seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % sides
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    Runs,
    Hangs,
    Dead(Gone),
}

#[derive(Debug)]
struct Server {
    process: Process,
    run: Incarnation,
    cluster: ClusterId,
    epoch: Epoch,
    phase: Phase,
    monitored: bool,
    /// The view that it adopted last.
    view: Option<View>,
    /// Whose acks it requires beside the members'.
    joint: Vec<(ReplicaName, Incarnation)>,
    log: Vec<u64>,
}

struct Walk {
    seed: u64,
    dice: Dice,
    now: Time,
    rm: ReplicationManager,
    /// What the disk holds for certain.
    record: Option<String>,
    flight: Option<String>,
    servers: BTreeMap<ReplicaName, Server>,
    gfd: Option<Conn>,
    conns: u64,
    runs: u64,
    /// Every view that was told to anybody, by epoch.
    told: BTreeMap<Epoch, View>,
    /// What goes up to the RM at the next step.
    rising: Vec<Message>,
    /// What went up before and may come once more, late.
    late: Vec<Message>,
    /// What was acknowledged in each cluster.
    acknowledged: BTreeMap<ClusterId, Vec<u64>>,
    calm: bool,
}

fn config(seed: u64, start: u64) -> Config {
    Config {
        name: "RM".parse().unwrap(),
        mode: if seed.is_multiple_of(2) { Mode::Active } else { Mode::Passive },
        fresh: false,
        fresh_cluster: ClusterId(1000 + 100 * start),
        prefer: seed.is_multiple_of(3).then(|| "S2".parse().unwrap()),
        on_total_loss: OnTotalLoss::Restart,
        force_unclean: None,
        heartbeat_timeout: Duration::from_secs(1),
        grace: Duration::from_secs(1),
        hold_down: Duration::from_secs(10),
        stable_before_failback: Duration::from_secs(2),
    }
}

impl Walk {
    fn new(seed: u64) -> Self {
        let count = 1 + seed % 4;
        let names = (1..=count).map(|n| format!("S{n}").parse().unwrap());
        let server = |run| Server {
            process: Process::Runs,
            run: Incarnation(run),
            cluster: ClusterId(0),
            epoch: Epoch(0),
            phase: Phase::Joiner,
            monitored: true,
            view: None,
            joint: Vec::new(),
            log: Vec::new(),
        };
        Self {
            seed,
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            now: Time::ZERO,
            rm: ReplicationManager::new(config(seed, 0), None).unwrap(),
            record: None,
            flight: None,
            servers: names.zip(1..).map(|(name, run)| (name, server(run))).collect(),
            gfd: None,
            conns: 1,
            runs: 100,
            told: BTreeMap::new(),
            rising: Vec::new(),
            late: Vec::new(),
            acknowledged: BTreeMap::new(),
            calm: false,
        }
    }

    fn any_name(&mut self) -> ReplicaName {
        let place = self.dice.roll(self.servers.len() as u64) as usize;
        *self.servers.keys().nth(place).unwrap()
    }

    fn give(&mut self, inputs: Vec<Input>) {
        let mut out = Vec::new();
        for input in inputs {
            self.rm.handle(self.now, input, &mut out);
        }
        self.rm.settle(self.now, &mut out);
        self.perform(out);
    }

    fn perform(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Persist(record) => {
                    assert!(self.flight.replace(record).is_none(), "one record at a time");
                }
                Output::Send(conn, message) if Some(conn) == self.gfd => self.order(message),
                Output::Close(conn) if Some(conn) == self.gfd => self.gfd = None,
                _ => {}
            }
        }
    }

    // ---- what must never happen ----

    fn check_told(&mut self, view: &View) {
        let seed = self.seed;
        let recorded = Record::from_text(self.record.as_ref().unwrap()).unwrap().view;
        assert_eq!(*view, recorded, "seed {seed}: I12: what is told is what is recorded");
        if let Some(before) = self.told.get(&view.epoch) {
            assert_eq!(view, before, "seed {seed}: I2: one content per epoch");
            return;
        }
        let last = self.told.last_key_value();
        assert!(last.is_none_or(|(e, _)| *e < view.epoch), "seed {seed}: I1: epochs grow");
        self.told.insert(view.epoch, view.clone());
    }

    /// Each record that is certain follows from the one before, told or not.
    fn check_recorded(&self, old: Option<&str>, new: &str) {
        let seed = self.seed;
        let new = Record::from_text(new).unwrap().view;
        let Some(old) = old.map(|old| Record::from_text(old).unwrap().view) else { return };
        assert!(new.epoch > old.epoch, "seed {seed}: I1: epochs grow");
        if new.cluster != old.cluster {
            // Nothing is given up while a member of the last view exists as a process (R12).
            for member in &old.members {
                let server = &self.servers[&member.name];
                let gone =
                    server.run != member.incarnation || matches!(server.process, Process::Dead(_));
                assert!(gone, "seed {seed}: R12: {} was given up, but lives", member.name);
            }
            return;
        }
        let is_old = |m: &&wire::Member| old.contains(m.name, m.incarnation);
        let joiners: Vec<_> = new.members.iter().filter(|m| !is_old(m)).collect();
        assert!(joiners.len() <= 1, "seed {seed}: I3: one joiner");
        assert!(
            joiners.iter().all(|m| m.name != new.primary),
            "seed {seed}: I3: never the primary"
        );
    }

    // ---- steps ----

    fn connect(&mut self) {
        let conn = Conn(self.conns);
        self.conns += 2;
        self.gfd = Some(conn);
        let peer = Peer { remote: ([127, 0, 0, 1], 40_000).into(), door: Some(3) };
        let hello = Message::Hello { from: gfd_name(), server: None };
        self.rising.clear();
        let names: Vec<ReplicaName> = self.servers.keys().copied().collect();
        for name in names {
            self.report(name);
        }
        self.give(vec![Input::Opened(conn, peer), Input::Received(conn, hello)]);
    }

    fn disconnect(&mut self) {
        if let Some(conn) = self.gfd.take() {
            self.give(vec![Input::Closed(conn)]);
        }
    }

    fn disk(&mut self, good: bool) {
        let Some(record) = self.flight.take() else { return };
        if good {
            self.check_recorded(self.record.as_deref(), &record);
            self.record = Some(record);
            self.give(vec![Input::Persisted]);
        } else {
            self.give(vec![Input::PersistFailed("no space".to_owned())]);
        }
    }

    /// The RM dies and comes back. What was on its way to the disk is there, or is not.
    fn restart(&mut self) {
        self.gfd = None;
        if let Some(record) = self.flight.take().filter(|_| self.dice.roll(2) == 0) {
            self.check_recorded(self.record.as_deref(), &record);
            self.record = Some(record);
        }
        self.conns += 2;
        let config = config(self.seed, self.conns);
        self.rm = ReplicationManager::new(config, self.record.as_deref()).unwrap();
        self.give(vec![Input::Start]);
    }

    fn fault(&mut self) {
        let name = self.any_name();
        let server = self.servers.get_mut(&name).unwrap();
        match self.dice.roll(40) {
            0..=2 => server.process = Process::Dead(Gone::Exited),
            3..=4 => server.process = Process::Dead(Gone::Closed),
            5..=7 if server.process == Process::Runs => server.process = Process::Hangs,
            8..=14 if server.process == Process::Hangs => server.process = Process::Runs,
            15..=16 => server.monitored = false,
            17..=22 => server.monitored = true,
            23 => return self.relaunch(name),
            24 => return self.disconnect(),
            25..=30 if self.gfd.is_none() => return self.connect(),
            31 => return self.restart(),
            32..=36 => return self.complain(),
            37..=39 if !self.late.is_empty() => {
                let back = self.dice.roll(4.min(self.late.len() as u64)) as usize;
                return self.rising.push(self.late[self.late.len() - 1 - back].clone());
            }
            _ => return,
        }
        self.report(name);
    }

    fn complain(&mut self) {
        const WHY: [Why; 4] = [Why::Slow, Why::Unreachable, Why::Diverged, Why::Abandoned];
        let (from, suspect) = (self.any_name(), self.any_name());
        let why = WHY[self.dice.roll(4) as usize];
        let epoch = Epoch(self.servers[&from].epoch.0.saturating_sub(self.dice.roll(2)));
        let detail = Some((self.servers[&suspect].run, why));
        self.rising.push(Message::Suspect { from, suspect, epoch, detail });
    }

    fn step(&mut self) {
        self.now = self.now + STEP;
        let mut out = Vec::new();
        if self.rm.deadline().is_some_and(|due| due <= self.now) {
            self.rm.wake(self.now, &mut out);
        }
        self.perform(out);
        if let Some(conn) = self.gfd {
            let rising = std::mem::take(&mut self.rising);
            let beat = Message::Heartbeat {
                from: "RM".parse().unwrap(),
                to: gfd_name(),
                count: u64::MAX,
                health: None,
            };
            let rising = rising.into_iter().chain([beat]);
            self.give(rising.map(|message| Input::Received(conn, message)).collect());
        }
        let name = self.any_name();
        self.append(name);
        if self.calm || self.dice.roll(3) > 0 {
            let good = self.calm || self.dice.roll(6) > 0;
            self.disk(good);
        }
    }

    fn walk(mut self) {
        self.give(vec![Input::Start]);
        self.connect();
        for _ in 0..FAULTS {
            if self.dice.roll(2) == 0 {
                self.fault();
            }
            self.step();
        }
        self.calm = true;
        for server in self.servers.values_mut() {
            server.monitored = true;
            match server.process {
                Process::Hangs => server.process = Process::Runs,
                // What a connection could not tell, the exit does in the end.
                Process::Dead(_) => server.process = Process::Dead(Gone::Exited),
                Process::Runs => {}
            }
        }
        self.disconnect();
        self.connect();
        for _ in 0..CALM {
            self.step();
        }
        let cluster = self.rm.facts().view.as_ref().map(|view| view.cluster);
        let before = cluster.map(|cluster| self.acknowledged.get(&cluster).map(Vec::len));
        for _ in 0..100 {
            self.step();
        }
        let after = cluster.map(|cluster| self.acknowledged.get(&cluster).map(Vec::len));
        assert!(after > before, "seed {}: requests do not go on", self.seed);
        self.check_calm();
    }

    /// I14: every server is a member, in its present run, and knows it.
    fn check_calm(&self) {
        let seed = self.seed;
        let view = self.rm.facts().view.as_ref();
        let view = view.unwrap_or_else(|| panic!("seed {seed}: there is no view"));
        for (name, server) in &self.servers {
            let (run, epoch) = (server.run, server.epoch);
            assert!(view.contains(*name, run), "seed {seed}: {name}/{run} is not in {view:?}");
            assert_eq!(epoch, view.epoch, "seed {seed}: {name} has not adopted the view");
        }
        let preferred = self.rm.facts().config.prefer.filter(|name| view.member(*name).is_some());
        assert!(
            preferred.is_none_or(|name| name == view.primary),
            "seed {seed}: the preferred primary has not got its role back"
        );
    }
}

fn gfd_name() -> NodeName {
    "GFD".parse().unwrap()
}

#[test]
fn no_walk_breaks_an_invariant_and_every_walk_ends_with_all_servers_as_members() {
    for seed in 0..SEEDS {
        Walk::new(seed).walk();
    }
}
