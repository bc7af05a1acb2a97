//! `drill run busy`: programs that take all the time they can get, beside a cluster with default
//! settings. Whoever is only slow must not be accused.
//!
//! Guarantee: held only if the RM made no view and no detector called a server silent or dead while
//! the busy loops ran, clients went on getting answers, and every check of a drill held.
//!
//! Not here: how slow the clients were; the longest wait of each is told, and judged by nobody.

use std::io::{self, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::audit::What;
use crate::checks::Finding;
use crate::clock;
use crate::conclude;
use crate::condition::Condition;
use crate::nemesis::{run, storm};
use crate::plan::{Plan, Settings};
use crate::play::Outcome;
use crate::processes;
use crate::report::Report;
use crate::script::Step;
use crate::world::{self, World, run_directory};

/// The argument by which this program becomes a busy loop.
pub const SPIN: &str = "spin";
/// How long the members may take to compare digests in the end, and the clients to get on.
const REST: Duration = Duration::from_secs(30);

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many busy loops.
    pub loops: usize,
    /// For how long.
    pub time: Duration,
    /// The cluster.
    pub settings: Settings,
    /// Print one JSON object instead of lines.
    pub json: bool,
    /// Show what the processes print, too.
    pub lines: bool,
    /// Keep the run's directory when everything held.
    pub keep: bool,
}

/// Becomes a busy loop, until its parent ends it or is gone.
///
/// # Errors
/// When it could outlive its parent.
pub fn spin() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut turns: u64 = 0;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

/// Busy loops that run; ended when this is dropped.
struct Loops(Vec<Child>);

impl Loops {
    fn start(count: usize) -> Result<Self> {
        let me = std::env::current_exe().context("cannot find this program")?;
        let mut loops = Self(Vec::new());
        for _ in 0..count {
            let mut command = Command::new(&me);
            command.arg(SPIN).stdin(Stdio::null()).process_group(0);
            loops.0.push(command.spawn().context("cannot start a busy loop")?);
        }
        Ok(loops)
    }

    /// How many of them still run.
    fn running(&self) -> usize {
        let runs = |child: &&Child| i32::try_from(child.id()).is_ok_and(processes::is_ours);
        self.0.iter().filter(runs).count()
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // The run's reaper may have been first: then there is nothing to wait for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Plays it and judges it: whether everything held.
///
/// # Errors
/// When the cluster or a busy loop cannot be started, or the run cannot be watched.
pub async fn run(options: Options, root: &Path, programs: PathBuf) -> Result<bool> {
    let mut plan = Plan::new(options.settings.clone(), PathBuf::new(), programs);
    world::check(&plan)?;
    let name = format!("busy-{}", plan.settings.mode);
    plan.dir = run_directory(root, &name)?;
    let dir = plan.dir.clone();
    let mut world = World::new(plan, options.lines)?;
    if !options.json {
        let Options { loops, time, settings, .. } = &options;
        let (heartbeat, timeout) = (settings.heartbeat, settings.timeout());
        let line = format!(
            "{name}: {loops} busy loops for {time:?}; heartbeats every {heartbeat:?}, timeout {timeout:?}"
        );
        writeln!(io::stdout(), "{line}")?;
    }
    let judged = judge(&mut world, &options, &name).await;
    let ended = world.end().await;
    let report = judged?;
    ended?;
    conclude::deliver(&report, options.json, options.keep, &dir, root)
}

async fn judge(world: &mut World, options: &Options, name: &str) -> Result<Report> {
    let roster = world.plan.roster.clone();
    let mut steps = storm::launch(&roster).map_err(anyhow::Error::msg)?;
    let all = steps.len() + 2;
    let mut outcomes = run::steps(world, std::mem::take(&mut steps), 0, options.json).await?;
    let held = |outcomes: &[Outcome]| outcomes.iter().all(|outcome| outcome.held);
    let mut findings = Vec::new();
    if held(&outcomes) {
        let mark = clock::now();
        let loops = Loops::start(options.loops)?;
        let title = format!("{} busy loops", options.loops);
        let load = step(title, Some(options.time), &["no view change"], &[], &roster)?;
        let more = run::steps(world, vec![load], outcomes.len(), options.json).await?;
        outcomes.extend(more);
        findings.push(took_time(&loops));
        drop(loops);
        findings.push(nobody_accused(world, mark));
        findings.push(served(world, mark));
    }
    if held(&outcomes) {
        let title = "the clients go on, the members compare their digests".to_owned();
        let rest = step(title, None, &[], &["clients progress 5", "1 digests"], &roster)?;
        let more = run::steps(world, vec![rest], outcomes.len(), options.json).await?;
        outcomes.extend(more);
    }
    let interrupted = outcomes.last().is_some_and(Outcome::interrupted);
    let finals = conclude::finals(world, interrupted).await?;
    let mut report = Report::new(name, world, outcomes, all, &finals);
    findings.into_iter().for_each(|finding| report.add(finding));
    Ok(report)
}

fn step(
    title: String,
    hold: Option<Duration>,
    expect: &[&str],
    wait: &[&str],
    roster: &crate::roster::Roster,
) -> Result<Step> {
    let read = |texts: &[&str]| {
        let one = |text: &&str| Ok(((*text).to_owned(), Condition::parse(text, roster)?));
        texts.iter().map(one).collect::<Result<Vec<_>, String>>().map_err(anyhow::Error::msg)
    };
    let (wait, expect) = (read(wait)?, read(expect)?);
    Ok(Step { title, actions: Vec::new(), hold, wait, expect, within: REST })
}

/// Busy loops that have ended have kept nobody busy.
fn took_time(loops: &Loops) -> Finding {
    let (all, running) = (loops.0.len(), loops.running());
    let broken = (running < all).then(|| format!("{} of {all} have ended", all - running));
    Finding::of("busy", running, "busy loops ran to the end", broken.as_slice())
}

/// No detector has called a server silent or dead, and the RM has made no view.
fn nobody_accused(world: &World, mark: u64) -> Finding {
    let since = || world.records.iter().filter(|record| record.at >= mark);
    let accusation = |record: &crate::audit::Record| {
        let who = record.who;
        match &record.what {
            What::Silent(server) => Some(format!("{who} called {server} silent")),
            What::Deleted(server) => Some(format!("{who} called {server} dead")),
            What::Suspected(server) => Some(format!("a complaint of {server} at {who}")),
            What::ViewMade(view) => Some(format!("the RM made view {}", view.epoch)),
            _ => None,
        }
    };
    let broken: Vec<String> = since().filter_map(accusation).collect();
    Finding::of("nobody accused", since().count(), "records under load, no accusation", &broken)
}

/// Every client got answers under load.
fn served(world: &World, mark: u64) -> Finding {
    let (now, picture) = (clock::now(), &world.picture);
    let mut broken = Vec::new();
    let mut answers = 0;
    let mut longest = Vec::new();
    for client in &world.clients {
        let progress = picture.progress(*client, mark);
        if progress == 0 {
            broken.push(format!("{client} got no answer under load"));
        }
        answers += progress;
        let gap = picture.longest_gap(*client, mark, now) / 1_000;
        longest.push(format!("{client} {gap} ms"));
    }
    let what = format!("answers under load; longest waits: {}", longest.join(", "));
    Finding::of("served", answers, &what, &broken)
}
