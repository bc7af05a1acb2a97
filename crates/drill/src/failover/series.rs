//! A series of trials on one running cluster.
//!
//! Guarantees: a trial begins only when every server is a ready member, and with the run of its
//! victim old enough that its LFD launches the next one at once. While a client waits, nothing is
//! read and nothing printed here: on a small machine that would take the time which is measured.
//! The clients are stopped while a trial is prepared, so that a long run stays small.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use wire::{Mode, NodeName};

use super::cause::Cause;
use super::trial::{Deed, Trial, Wait, view_without};
use crate::clock;
use crate::up;
use crate::world::{Asked, World};

/// How long a cluster may take to be whole again.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing is read after a deed: longer than most fail-overs.
const SILENCE: Duration = Duration::from_millis(40);
/// An LFD launches a server whose lives are shorter than 5 s ever more slowly.
const LIFE: u64 = 5_200_000;
/// Answers that show that a client has really begun.
const PROGRESS: usize = 50;

/// Why a series ends before its time.
#[derive(Debug)]
pub(super) enum Stop {
    /// A person or a signal.
    Asked,
    /// Something did not happen in time: what.
    Missing(String),
    /// A process cannot be started, or the run not be watched.
    Broken(anyhow::Error),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("interrupted"),
            Self::Missing(what) => f.write_str(what),
            Self::Broken(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

/// Trials on one cluster; every server and client of it is running.
#[derive(Debug)]
pub(super) struct Series<'a> {
    world: &'a mut World,
    mode: Mode,
    random: u64,
}

impl<'a> Series<'a> {
    /// Launches everything and waits until it works.
    pub(super) async fn launch(world: &'a mut World) -> Result<Self, Stop> {
        let mode = world.plan.settings.mode;
        let roster = world.plan.roster.clone();
        for name in [roster.rm, roster.gfd].into_iter().chain(roster.lfds.iter().copied()) {
            world.start(name)?;
        }
        let mut series = Self { world, mode, random: clock::now() };
        series.whole().await?;
        for client in &roster.clients {
            series.world.start(*client)?;
        }
        series.progress(clock::now()).await?;
        Ok(series)
    }

    /// One trial: done, measured, and undone.
    pub(super) async fn trial(&mut self, cause: Cause) -> Result<Trial, Stop> {
        let victim = self.prepare(cause).await?;
        let known = self.world.records.len();
        let signal = if cause.stopped { Signal::STOP } else { Signal::KILL };
        let deed = Deed { mode: self.mode, cause, victim, at: clock::now() };
        self.world.signal(victim, signal).map_err(Stop::Missing)?;
        tokio::time::sleep(SILENCE).await;
        let what = format!("`{cause}` ({victim}): a view without it, and answers");
        self.wait(&what, |world| {
            let view = view_without(&world.records[known..], deed).ok_or("no such view")?;
            let waits = |client: &NodeName| wait(world, *client, view.at).is_none();
            let waits = world.clients.iter().find(|client| waits(client));
            waits.map_or(Ok(()), |client| Err(format!("{client} still waits")))
        })
        .await?;
        let trial = self.measure(known, deed).ok_or(Stop::Missing(what))?;
        if cause.stopped {
            self.undo(victim);
        }
        Ok(trial)
    }

    /// How much is kept of what happened.
    pub(super) fn records(&self) -> usize {
        self.world.records.len()
    }

    /// Waits until everybody is back, and the members have compared their digests.
    pub(super) async fn finish(&mut self) -> Result<(), Stop> {
        self.whole().await?;
        self.wait("the members compare their digests", |world| {
            let compared = world.picture.compared(0);
            if compared > 0 { Ok(()) } else { Err("no digest of two members".into()) }
        })
        .await
    }

    /// Everybody is there, the victim has lived long enough, and the clients are at work; then a
    /// random time, so that the deed falls anywhere between two heartbeats.
    async fn prepare(&mut self, cause: Cause) -> Result<NodeName, Stop> {
        self.clients(Signal::STOP);
        self.whole().await?;
        let victim = cause.whom().resolve(&self.world.picture, None).map_err(Stop::Missing)?;
        let launched = self.world.picture.servers.get(&victim).map_or(0, |seen| seen.launched);
        let age = Duration::from_micros((launched + LIFE).saturating_sub(clock::now()));
        let rest = self.world.plan.settings.heartbeat.mul_f64(self.random());
        self.pause(age + rest).await?;
        self.clients(Signal::CONT);
        self.progress(clock::now()).await?;
        Ok(victim)
    }

    /// The trial with the client that waited longest.
    fn measure(&self, known: usize, deed: Deed) -> Option<Trial> {
        let records = &self.world.records[known..];
        let view = view_without(records, deed)?;
        let waits = self.world.clients.iter().filter_map(|c| wait(self.world, *c, view.at));
        let longest = waits.max_by_key(|wait| wait.after - wait.before)?;
        Some(Trial::new(records, deed, view, longest))
    }

    /// A stopped server goes on, and comes back with its state; or it is replaced by a new one.
    fn undo(&mut self, victim: NodeName) {
        let signal = if self.random() < 0.5 { Signal::CONT } else { Signal::KILL };
        // Its LFD may have ended it already.
        let _ = self.world.signal(victim, signal);
    }

    fn clients(&mut self, signal: Signal) {
        for client in self.world.clients.clone() {
            // One that has ended by itself is found by the checks.
            let _ = self.world.signal(client, signal);
        }
    }

    /// Waits until all servers are ready members, and no stopped one is left behind.
    async fn whole(&mut self) -> Result<(), Stop> {
        self.wait("all servers are members", |world| {
            up::ready(world)?;
            let servers = &world.plan.roster.servers;
            let other = servers.iter().find(|server| world.condition(**server) != "running");
            other.map_or(Ok(()), |server| Err(format!("{server} does not run")))
        })
        .await
    }

    async fn progress(&mut self, since: u64) -> Result<(), Stop> {
        self.wait("the clients get answers", |world| {
            let slow = |client: &&NodeName| world.picture.progress(**client, since) < PROGRESS;
            let slow = world.clients.iter().find(slow);
            slow.map_or(Ok(()), |client| Err(format!("{client} does not")))
        })
        .await
    }

    async fn wait(
        &mut self,
        what: &str,
        holds: impl Fn(&World) -> Result<(), String>,
    ) -> Result<(), Stop> {
        let until = Instant::now() + PATIENCE;
        while let Err(seen) = holds(self.world) {
            if Instant::now() > until {
                let text = format!("not within {} s: {what}; {seen}", PATIENCE.as_secs());
                return Err(Stop::Missing(text));
            }
            self.pump().await?;
        }
        Ok(())
    }

    async fn pause(&mut self, time: Duration) -> Result<(), Stop> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.pump().await?;
        }
        Ok(())
    }

    async fn pump(&mut self) -> Result<(), Stop> {
        match self.world.pump().await? {
            Some(Asked::End) => Err(Stop::Asked),
            _ => Ok(()),
        }
    }

    /// From the clock, 0 to 1: when a deed falls is to differ from trial to trial.
    fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % 1_000) as f64 / 1_000.0
    }
}

/// What a client saw of the view that was made at a moment; `None` before its next answer.
fn wait(world: &World, client: NodeName, made: u64) -> Option<Wait> {
    let answers = world.picture.answers.get(&client)?;
    let place = answers.partition_point(|at| *at < made);
    let (before, after) = (*answers.get(place.checked_sub(1)?)?, *answers.get(place)?);
    Some(Wait { client, before, after })
}
