//! A cluster with processes, at which lines are typed.
//!
//! Guarantee: waits on what the audit files say, each within a limit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::Signal;
use wire::NodeName;

use super::said::Ivy;
use super::scenarios::{Fault, Load, Scenario};
use crate::audit::What;
use crate::clock;
use crate::up;
use crate::world::{Asked, World};

/// How long nothing may happen while something is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many requests a process has in its turn (the documents' log has eight).
const REQUESTS: u64 = 8;

/// What has been played.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// When the measured part began.
    pub(super) began: u64,
    /// How many operations were asked for in it.
    pub(super) requested: u64,
    /// When a primary manager was killed.
    pub(super) kills: Vec<u64>,
    /// How many servers were killed.
    pub(super) killed: usize,
    /// What a scenario itself found.
    pub(super) found: Vec<(String, Result<(), String>)>,
}

/// See the module's documentation.
pub(super) struct Stage<'a> {
    pub(super) world: &'a mut World,
    pub(super) processes: Vec<NodeName>,
    /// How many records were counted.
    counted: usize,
    ended: BTreeMap<NodeName, u64>,
    attached: BTreeMap<NodeName, u64>,
    asked: BTreeMap<NodeName, u64>,
    random: u64,
}

impl<'a> Stage<'a> {
    pub(super) fn new(world: &'a mut World) -> Self {
        let processes = world.plan.roster.clients.clone();
        Self {
            world,
            processes,
            counted: 0,
            ended: BTreeMap::new(),
            attached: BTreeMap::new(),
            asked: BTreeMap::new(),
            random: clock::now(),
        }
    }

    /// Plays a scenario up to its last operation.
    pub(super) async fn play(&mut self, scenario: &Scenario) -> Result<Played> {
        self.launch().await?;
        self.write_own(scenario.own).await?;
        let mut played = Played { began: clock::now(), ..Played::default() };
        let before: u64 = self.asked.values().sum();
        match scenario.load {
            Load::One(line) => {
                let third = self.processes[2];
                self.ask(third, line, 1)?;
                self.all_over().await?;
            }
            Load::Random(kind, count) => {
                self.random_load(scenario, kind, count, &mut played).await?
            }
            Load::Turns => self.turns(scenario, &mut played).await?,
            Load::Storm => {
                for process in self.processes.clone() {
                    self.ask(process, &format!("writePage P1 {process}"), 1)?;
                }
                self.all_over().await?;
                for process in self.processes.clone() {
                    self.ask(process, "readPage P1", 1)?;
                }
                self.all_over().await?;
            }
            Load::Death => self.death(&mut played).await?,
        }
        played.requested = self.asked.values().sum::<u64>() - before;
        Ok(played)
    }

    pub(super) async fn launch(&mut self) -> Result<()> {
        let roster = self.world.plan.roster.clone();
        for name in [roster.rm, roster.gfd].into_iter().chain(roster.lfds.iter().copied()) {
            self.world.start(name)?;
        }
        self.wait("all managers are ready", |stage| up::ready(stage.world).is_ok()).await?;
        for process in self.processes.clone() {
            self.world.start(process)?;
        }
        let count = self.processes.len();
        self.wait("all processes are known", |stage| stage.attached.len() == count).await
    }

    /// Page i is written by process i, and so on round.
    pub(super) async fn write_own(&mut self, own: u32) -> Result<()> {
        let mut page = 0;
        for _ in 0..own {
            for process in self.processes.clone() {
                page += 1;
                self.ask(process, &format!("writePage P{page} page{page}"), 1)?;
            }
        }
        self.all_over().await
    }

    /// Types a line that asks for so many operations.
    pub(super) fn ask(&mut self, process: NodeName, line: &str, operations: u64) -> Result<()> {
        *self.asked.entry(process).or_default() += operations;
        self.world.type_at(process, line).map_err(anyhow::Error::msg)
    }

    fn is_over(&self, process: NodeName) -> bool {
        self.ended.get(&process) == self.asked.get(&process)
    }

    pub(super) async fn all_over(&mut self) -> Result<()> {
        self.wait("all operations are over", |stage| {
            stage.processes.iter().all(|process| stage.is_over(*process))
        })
        .await
    }

    async fn random_load(
        &mut self,
        scenario: &Scenario,
        kind: &str,
        count: u64,
        played: &mut Played,
    ) -> Result<()> {
        let each = count / self.processes.len() as u64;
        let pages = u64::from(scenario.own) * self.processes.len() as u64;
        for process in self.processes.clone() {
            let seed = self.random();
            self.ask(process, &format!("work {kind} {each} {pages} {seed}"), each)?;
        }
        for fault in scenario.faults {
            let pause = Duration::from_millis(50 + self.random() % 200);
            self.pause(pause).await?;
            self.fault(*fault, played)?;
            self.settle(scenario.back).await?;
        }
        self.all_over().await
    }

    /// One process after the other, while faults happen at random turns.
    async fn turns(&mut self, scenario: &Scenario, played: &mut Played) -> Result<()> {
        let pages = self.processes.len() as u64;
        let mut faults = scenario.faults.iter().copied();
        let mut next = faults.next();
        let mut at = self.random() % pages;
        let mut turn = 0;
        loop {
            let process = self.processes[(turn % pages) as usize];
            let seed = self.random();
            self.ask(process, &format!("work mixed {REQUESTS} {pages} {seed}"), REQUESTS)?;
            if turn >= at && self.settled(scenario.back && played.killed > 0) {
                if let Some(fault) = next {
                    // Somewhere in the turn: it takes some milliseconds.
                    std::thread::sleep(Duration::from_micros(self.random() % 4000));
                    self.fault(fault, played)?;
                    next = faults.next();
                    at = turn + 1 + self.random() % pages;
                } else if turn + 1 >= pages {
                    return self.all_over().await;
                }
            }
            self.wait("a turn is over", |stage| stage.is_over(process)).await?;
            turn += 1;
        }
    }

    /// P1 has a copy of page 2, which P2 owns, and P2 alone has page 5.
    async fn death(&mut self, played: &mut Played) -> Result<()> {
        let [first, second, third] = self.processes[..] else { bail!("three processes") };
        self.ask(second, "writePage P5 alone", 1)?;
        self.ask(first, "readPage P2", 1)?;
        self.all_over().await?;
        if let Err(why) = self.world.signal(second, Signal::KILL) {
            bail!(why);
        }
        // One that asks for the lost page at once has to wait until the manager knows.
        self.ask(third, "readPage P5", 1)?;
        self.ask(first, "readPage P2", 1)?;
        self.ask(third, "readPage P2", 1)?;
        self.all_over().await?;
        self.ask(first, "writePage P5 anew", 1)?;
        self.all_over().await?;
        self.ask(third, "readPage P5", 1)?;
        self.all_over().await?;
        let said = |wanted: &Ivy| {
            let mut records = self.world.records.iter();
            records.any(|record| matches!(&record.what, What::Ivy(ivy) if ivy == wanted))
        };
        let lost = Ivy::Lost(5, second.to_string());
        let found = if said(&lost) { Ok(()) } else { Err("nobody says it".to_owned()) };
        played.found.push(("page 5 is reported as lost with P2".to_owned(), found));
        let other = Ivy::Lost(2, second.to_string());
        let found = if said(&other) { Err("it is".to_owned()) } else { Ok(()) };
        played.found.push(("page 2, of which P1 had a copy, is not lost".to_owned(), found));
        self.processes.retain(|process| *process != second);
        Ok(())
    }

    pub(super) fn fault(&mut self, fault: Fault, played: &mut Played) -> Result<()> {
        let Some(view) = self.world.picture.view() else { bail!("there is no view") };
        let victim = match fault {
            Fault::Primary => view.primary,
            Fault::Backup => {
                let mut members = view.members.iter();
                let backup = members.find(|name| **name != view.primary);
                *backup.ok_or(anyhow::anyhow!("there is no backup to kill"))?
            }
        };
        if fault == Fault::Primary {
            played.kills.push(clock::now());
        }
        played.killed += 1;
        self.world.signal(victim, Signal::KILL).map_err(anyhow::Error::msg)
    }

    /// Whether all managers are members, and the preferred one is the primary if it has to be.
    fn settled(&self, back: bool) -> bool {
        let preferred = self.world.plan.roster.servers[0];
        let primary = self.world.picture.view().map(|view| view.primary);
        up::ready(self.world).is_ok() && (!back || primary == Some(preferred))
    }

    pub(super) async fn settle(&mut self, back: bool) -> Result<()> {
        self.wait("all managers are back", |stage| stage.settled(back)).await
    }

    pub(super) async fn pause(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.pump().await?;
        }
        Ok(())
    }

    pub(super) async fn wait(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let mut until = Instant::now() + PATIENCE;
        let mut over: u64 = self.ended.values().sum();
        while !holds(self) {
            let now: u64 = self.ended.values().sum();
            if now != over {
                (over, until) = (now, Instant::now() + PATIENCE);
            }
            if Instant::now() > until {
                let left: Vec<String> = self
                    .processes
                    .iter()
                    .filter(|p| !self.is_over(**p))
                    .map(|p| format!("{p}: {:?} of {:?}", self.ended.get(p), self.asked.get(p)))
                    .collect();
                bail!("{} s without any progress: {what}; {}", PATIENCE.as_secs(), left.join(", "));
            }
            self.pump().await?;
        }
        Ok(())
    }

    async fn pump(&mut self) -> Result<()> {
        if self.world.pump().await? == Some(Asked::End) {
            bail!("interrupted");
        }
        for record in &self.world.records[self.counted..] {
            let count = match &record.what {
                What::Ivy(Ivy::Ended { .. }) => &mut self.ended,
                What::Ivy(Ivy::Attached) => &mut self.attached,
                _ => continue,
            };
            *count.entry(record.who).or_default() += 1;
        }
        self.counted = self.world.records.len();
        Ok(())
    }

    /// From the clock: where faults fall is to differ from run to run.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 1
    }
}
