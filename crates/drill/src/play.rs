//! Playing a drill: step after step, each with its verdict.
//!
//! A step's actions are done at once; then it watches (`hold`), waits until everything in `wait`
//! holds at the same moment, or its time is over, and checks `expect`. The first step that does not
//! hold ends the drill.

use std::io;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use serde::Serialize;
use wire::NodeName;

use crate::clock;
use crate::condition::{Condition, Scene, describe};
use crate::roster::Target;
use crate::script::{Action, Drill, Step};
use crate::world::{Asked, World};

/// What a step says that a person or a signal has ended.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// The verdict of one step.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its title.
    pub title: String,
    /// Whether it held.
    pub held: bool,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// When it ended, in microseconds of CLOCK_MONOTONIC.
    pub ended: u64,
    /// What was done, and what was seen: where it failed, what was awaited.
    pub detail: String,
}

/// A drill that is being played.
#[derive(Debug)]
pub struct Player<'a> {
    world: &'a mut World,
    victim: Option<NodeName>,
    interrupted: bool,
}

impl Outcome {
    /// Whether a person or a signal has ended the drill here.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        !self.held && self.detail == INTERRUPTED
    }
}

impl<'a> Player<'a> {
    /// A player on a cluster of which nothing runs yet.
    pub fn new(world: &'a mut World) -> Self {
        Self { world, victim: None, interrupted: false }
    }

    /// Plays every step until one fails; `told` hears of each verdict at once.
    ///
    /// # Errors
    /// When the run itself breaks: a file or the terminal cannot be written, a program cannot be
    /// started.
    pub async fn play(
        &mut self,
        drill: &Drill,
        mut told: impl FnMut(usize, &Outcome) -> io::Result<()>,
    ) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for (index, step) in drill.steps.iter().enumerate() {
            let start = Instant::now();
            let verdict = self.step(step).await?;
            let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            let held = verdict.is_ok();
            let detail = verdict.unwrap_or_else(|failure| failure);
            let (title, ended) = (step.title.clone(), clock::now());
            let outcome = Outcome { title, held, millis, ended, detail };
            told(index + 1, &outcome)?;
            outcomes.push(outcome);
            if !held {
                break;
            }
        }
        Ok(outcomes)
    }

    /// Plays one step: what was done and seen, or what failed.
    async fn step(&mut self, step: &Step) -> Result<Result<String, String>> {
        if self.interrupted {
            return Ok(Err(INTERRUPTED.into()));
        }
        let lines = step.wait.iter().chain(&step.expect).filter_map(|(_, condition)| {
            let Condition::Line(name, text) = condition else { return None };
            Some((*name, text.clone()))
        });
        self.world.watch_lines(lines.collect());
        self.pump().await?;
        let mark = clock::now();
        let mut done = Vec::new();
        for action in &step.actions {
            match self.act(*action).await? {
                Ok(text) => done.push(text),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        if let Some(hold) = step.hold {
            self.hold(hold).await?;
        }
        if let Err(missing) = self.wait(step, mark).await? {
            return Ok(Err(missing));
        }
        for (text, condition) in &step.expect {
            if let Err(seen) = condition.holds(&self.scene(mark)) {
                return Ok(Err(format!("expected `{text}`, but {seen}")));
            }
        }
        done.push(describe(&self.world.picture));
        Ok(Ok(done.join("; ")))
    }

    /// Waits until all conditions hold at once.
    async fn wait(&mut self, step: &Step, mark: u64) -> Result<Result<(), String>> {
        let until = Instant::now() + step.within;
        loop {
            let scene = self.scene(mark);
            let missing = step
                .wait
                .iter()
                .find_map(|(text, condition)| Some((text, condition.holds(&scene).err()?)));
            let Some((text, seen)) = missing else { return Ok(Ok(())) };
            if self.interrupted {
                return Ok(Err(INTERRUPTED.into()));
            }
            if Instant::now() >= until {
                let within = step.within.as_secs_f64();
                return Ok(Err(format!("awaited `{text}` for {within} s; last seen: {seen}")));
            }
            self.pump().await?;
        }
    }

    async fn hold(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.interrupted {
            self.pump().await?;
        }
        Ok(())
    }

    async fn pump(&mut self) -> Result<()> {
        if self.world.pump().await? == Some(Asked::End) {
            self.interrupted = true;
        }
        Ok(())
    }

    fn scene(&self, mark: u64) -> Scene<'_> {
        Scene {
            picture: &self.world.picture,
            roster: &self.world.plan.roster,
            victim: self.victim,
            mark,
            now: clock::now(),
            clients: &self.world.clients,
            printed: &self.world.printed,
        }
    }

    /// Does one action; the inner error is what failed.
    async fn act(&mut self, action: Action) -> Result<Result<String, String>> {
        Ok(match action {
            Action::Kill(target) => self.signal(target, Signal::KILL, "killed"),
            Action::Stop(target) => self.signal(target, Signal::STOP, "stopped"),
            Action::Cont(target) => self.signal(target, Signal::CONT, "continued"),
            Action::Switch(mode) => {
                self.world.switch(mode).await.map(|()| format!("told the RM to switch to {mode}"))
            }
            Action::Start(target) => match self.resolve(target) {
                Err(failure) => Err(failure),
                Ok(names) => {
                    let dead = |name: &NodeName| self.world.pid(*name).is_none();
                    let names: Vec<NodeName> = names.into_iter().filter(dead).collect();
                    for name in &names {
                        self.world.start(*name)?;
                    }
                    Ok(format!("started {}", list(&names)))
                }
            },
        })
    }

    fn signal(&mut self, target: Target, signal: Signal, done: &str) -> Result<String, String> {
        let names = self.resolve(target)?;
        for name in &names {
            self.world.signal(*name, signal)?;
            let server = self.world.plan.kind(*name).is_none();
            if server && signal != Signal::CONT {
                self.victim = Some(*name);
            }
        }
        Ok(format!("{done} {}", list(&names)))
    }

    fn resolve(&self, target: Target) -> Result<Vec<NodeName>, String> {
        target.resolve(&self.world.picture, self.victim, &self.world.plan.roster)
    }
}

fn list(names: &[NodeName]) -> String {
    names.iter().map(NodeName::as_str).collect::<Vec<_>>().join(" ")
}
