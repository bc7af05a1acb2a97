//! The world: processes, a log, a manager that executes it, and connections with a mind of their own.

mod manager;
mod network;
mod process;

use std::time::Duration;

use client::ivy::Mutant as ProcessMutant;
use node::ivy::Access;
use node::{Role as _, Time};
use server::service::Mutant as ManagerMutant;
use wire::ClientName;
use wire::ivy::PageNumber;

use super::random::Random;
use drill::ivy::history::History;
use manager::Managers;
use network::Network;
use process::Node;

/// A bug that is put in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bug {
    Manager(ManagerMutant),
    Process(ProcessMutant),
    Both(ManagerMutant, ProcessMutant),
    /// A manager that comes back begins with an old checkpoint, without what came after it.
    HandsBackTooEarly,
}

/// What a run has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) operations: u64,
    pub(crate) local: u64,
    pub(crate) promotions: u64,
    pub(crate) kills: u64,
    pub(crate) freezes: u64,
    pub(crate) cuts: u64,
    pub(crate) given_up: u64,
    pub(crate) fenced_alive: u64,
    pub(crate) lost_pages: u64,
    pub(crate) trace: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.local += other.local;
        self.promotions += other.promotions;
        self.kills += other.kills;
        self.freezes += other.freezes;
        self.cuts += other.cuts;
        self.given_up += other.given_up;
        self.fenced_alive += other.fenced_alive;
        self.lost_pages += other.lost_pages;
    }

    /// A schedule in which nothing happens proves nothing.
    pub(crate) fn assert_that_much_happened(&self) {
        for count in [self.promotions, self.kills, self.freezes, self.cuts, self.lost_pages] {
            assert!(count >= 20, "{self:?}");
        }
        assert!(self.fenced_alive >= 10, "{self:?}");
        assert!(self.local > 100 && self.operations > 1000, "{self:?}");
    }
}

/// Everything.
pub(crate) struct World {
    random: Random,
    now: Time,
    pages: u32,
    faults: bool,
    nodes: Vec<Node>,
    network: Network,
    managers: Managers,
    history: History,
    seen: Totals,
    bug: Option<Bug>,
    watched: bool,
    /// The number of the next value.
    values: u64,
}

/// How many operations each process is asked for.
const OPERATIONS: u64 = 24;
/// How long after the last fault everything has to be over.
const PATIENCE: Duration = Duration::from_secs(60);

impl World {
    /// Plays one seed.
    pub(crate) fn play(seed: u64, bug: Option<Bug>) -> Result<Totals, String> {
        Self::play_watched(seed, bug, true)
    }

    /// The same; without being watched at every instant, the history has to show what went wrong.
    pub(crate) fn play_watched(
        seed: u64,
        bug: Option<Bug>,
        watched: bool,
    ) -> Result<Totals, String> {
        let mut random = Random(seed);
        let processes = 2 + random.below(4);
        let pages = 1 + random.below(4) as u32;
        let mut world = Self {
            now: Time::from_micros(1_000_000),
            pages,
            faults: !seed.is_multiple_of(4),
            nodes: Vec::new(),
            network: Network::default(),
            managers: Managers::new(bug),
            history: History::default(),
            seen: Totals::default(),
            bug,
            watched,
            values: 0,
            random,
        };
        for number in 1..=processes {
            world.launch(number)?;
        }
        world.unsafe_phase()?;
        world.quiet_phase()?;
        world.history.check()?;
        world.seen.operations = world.history.operations() as u64;
        Ok(world.seen)
    }

    /// Work, with faults.
    fn unsafe_phase(&mut self) -> Result<(), String> {
        let mut steps = 0;
        while steps < 60_000 && !self.all_done() {
            steps += 1;
            if self.faults && self.random.one_in(400) {
                self.fault()?;
            }
            self.step()?;
        }
        Ok(())
    }

    /// No more faults: everything has to end.
    fn quiet_phase(&mut self) -> Result<(), String> {
        for node in &mut self.nodes {
            node.frozen_until = Time::ZERO;
        }
        let until = self.now + PATIENCE;
        while !self.all_done() {
            if self.now > until {
                let left: Vec<String> = self.nodes.iter().filter_map(Node::in_hand).collect();
                return Err(format!("not over {PATIENCE:?} after the last fault: {left:?}"));
            }
            self.step()?;
        }
        Ok(())
    }

    fn all_done(&self) -> bool {
        self.nodes.iter().all(|node| !node.up || (node.left == 0 && node.role.is_idle()))
    }

    /// One thing happens.
    fn step(&mut self) -> Result<(), String> {
        self.now = self.now + Duration::from_micros(self.random.below(150) as u64);
        self.type_something()?;
        if self.managers.has_uncommitted() && self.random.one_in(3) {
            self.commit_one()?;
        } else if !self.deliver_one()? {
            if self.managers.has_uncommitted() {
                self.commit_one()?;
            } else {
                self.sleep();
            }
        }
        self.wake_due()?;
        self.miss_clients();
        if self.watched { self.check_access() } else { Ok(()) }
    }

    /// Nothing is on its way: to the next deadline.
    fn sleep(&mut self) {
        let due = self.nodes.iter().filter(|node| node.up).filter_map(|node| {
            node.role.deadline().map(|deadline| deadline.max(node.frozen_until))
        });
        let next = due.chain(self.managers.due(self.now)).min();
        if let Some(next) = next {
            self.now = self.now.max(next);
        }
    }

    /// What must hold at every instant, of processes that the manager has not given up.
    fn check_access(&self) -> Result<(), String> {
        for page in (1..=self.pages).map(PageNumber) {
            let manager = self.managers.service();
            let known = self.nodes.iter().filter(|node| {
                node.up
                    && node.role.life() != 0
                    && manager.life(node.name) == Some(node.role.life())
            });
            let with = |node: &&Node| node.role.access(page) != Access::Nil;
            let holders: Vec<&Node> = known.filter(with).collect();
            let writes = |node: &&&Node| node.role.access(page) == Access::ReadWrite;
            if holders.len() > 1 && holders.iter().any(|node| writes(&node)) {
                let names: Vec<ClientName> = holders.iter().map(|node| node.name).collect();
                return Err(format!("page {page} has a writer and others with access: {names:?}"));
            }
            let recorded = manager.holders(page);
            if let Some(node) = holders.iter().find(|node| !recorded.contains(&node.name)) {
                return Err(format!("{} has page {page}; the manager: {recorded:?}", node.name));
            }
        }
        Ok(())
    }

    /// The run of a live process of that name.
    fn run_of(&self, name: ClientName) -> Option<usize> {
        self.nodes.iter().position(|node| node.up && node.name == name)
    }

    fn fault(&mut self) -> Result<(), String> {
        match self.random.below(10) {
            0..=3 => self.promote(),
            4..=5 => {
                self.cut_one();
                Ok(())
            }
            6..=7 => {
                self.freeze_one();
                Ok(())
            }
            _ => self.kill_one(),
        }
    }

    fn freeze_one(&mut self) {
        let place = self.random.below(self.nodes.len());
        let long = [50, 400, 3_000, 6_000][self.random.below(4)];
        if self.nodes[place].up {
            self.nodes[place].frozen_until = self.now + Duration::from_millis(long);
            self.seen.freezes += 1;
        }
    }

    fn kill_one(&mut self) -> Result<(), String> {
        let place = self.random.below(self.nodes.len());
        let alive = self.nodes.iter().filter(|node| node.up).count();
        if !self.nodes[place].up || alive < 2 {
            return Ok(());
        }
        self.seen.kills += 1;
        self.nodes[place].up = false;
        self.hang_up(place);
        if self.random.one_in(2) {
            let number = self.nodes[place].number;
            self.launch(number)?;
        }
        Ok(())
    }
}
