//! `drill run random`: one storm from the first process to the verdict.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::conclude;
use crate::nemesis::network::{self, Network};
use crate::nemesis::schedule::{Item, Schedule};
use crate::nemesis::storm::{self, Done, Storm};
use crate::plan::{Plan, Settings};
use crate::play::{Outcome, Player};
use crate::report::{Report, step_line};
use crate::script::{Drill, Step};
use crate::world::{self, World, run_directory};

/// How a storm is to be run.
#[derive(Debug)]
pub struct Options {
    /// Where the schedule comes from.
    pub seed: u64,
    /// How long the faults go on.
    pub time: Duration,
    /// The cluster.
    pub settings: Settings,
    /// Only print the schedule.
    pub dry_run: bool,
    /// Print one JSON object instead of lines.
    pub json: bool,
    /// Show what the processes print, too.
    pub lines: bool,
    /// Keep the run's directory when everything held.
    pub keep: bool,
    /// The network that this process has left, if it has.
    pub moved_from: Option<String>,
}

/// The cluster of a storm: detectors that are quick, so that a minute holds many fail-overs, and a
/// grace for hung servers that some stops outlast.
#[must_use]
pub fn settings(mode: wire::Mode, rate: f64) -> Settings {
    let mut settings = Settings::new(mode);
    settings.heartbeat = Duration::from_millis(250);
    settings.hung_grace = Some(Duration::from_secs(2));
    settings.checkpoint = Duration::from_secs(1);
    settings.interval = Duration::from_secs_f64(1.0 / rate);
    // Who complains of a primary may be away for long, and it is no fault of a client to wait.
    settings.round = Some(Duration::from_secs(10));
    settings
}

/// Plays a storm and judges it: whether everything held.
///
/// # Errors
/// When the cluster cannot be started or watched.
pub async fn run(options: Options, root: &Path, programs: PathBuf) -> Result<bool> {
    let mut plan = Plan::new(options.settings.clone(), PathBuf::new(), programs);
    let schedule = Schedule::new(options.seed, options.time, &options.settings, &plan.roster);
    if options.dry_run {
        writeln!(io::stdout(), "{schedule}")?;
        for item in &schedule.items {
            writeln!(io::stdout(), "{item}")?;
        }
        return Ok(true);
    }
    let network = match &options.moved_from {
        // Here this process is replaced by one in a network of its own, where that is possible.
        None => Err(network::move_out()),
        Some(from) => Network::new(&plan, from),
    };
    world::check(&plan)?;
    let name = format!("random-{}-{}", options.settings.mode, options.seed);
    plan.dir = run_directory(root, &name)?;
    let dir = plan.dir.clone();
    let mut world = World::new(plan, options.lines)?;
    if !options.json {
        writeln!(io::stdout(), "{name}: {schedule}")?;
        if let Err(why) = &network {
            writeln!(io::stdout(), "no link is cut, for want of a network of its own: {why}")?;
        }
    }
    let judged = judge(&mut world, &schedule, network, &options, &name).await;
    let ended = world.end().await;
    let report = judged?;
    ended?;
    conclude::deliver(&report, options.json, options.keep, &dir, root)
}

async fn judge(
    world: &mut World,
    schedule: &Schedule,
    network: Result<Network, String>,
    options: &Options,
    name: &str,
) -> Result<Report> {
    let json = options.json;
    let roster = world.plan.roster.clone();
    let before = storm::launch(&roster).map_err(anyhow::Error::msg)?;
    let after = storm::proof_of_life(&roster).map_err(anyhow::Error::msg)?;
    let all = before.len() + 1 + after.len();
    let mut outcomes = steps(world, before, 0, json).await?;
    let held = |outcomes: &[Outcome]| outcomes.iter().all(|outcome| outcome.held);
    let mut deeds = Vec::new();
    if held(&outcomes) {
        let told = |item: &Item, done: &Done| if json { Ok(()) } else { say(item, done) };
        let storm = Storm::new(world, network);
        let (outcome, done) = storm.play(schedule, options.time, told).await?;
        tell(json, outcomes.len() + 1, &outcome)?;
        outcomes.push(outcome);
        deeds = done;
    }
    if held(&outcomes) {
        let more = steps(world, after, outcomes.len(), json).await?;
        outcomes.extend(more);
    }
    let interrupted = outcomes.last().is_some_and(Outcome::interrupted);
    let stuck = storm::nobody_is_stuck(world).await?;
    let finals = conclude::finals(world, interrupted).await?;
    let mut report = Report::new(name, world, outcomes, all, &finals);
    report.add(stuck);
    report.seed = Some(schedule.seed);
    report.deeds = deeds;
    Ok(report)
}

/// Plays steps of a drill that is not a file; the first has the number after `before`, and each is told
/// on standard output unless a program reads it.
///
/// # Errors
/// What kept a step from being played.
pub(crate) async fn steps(
    world: &mut World,
    steps: Vec<Step>,
    before: usize,
    json: bool,
) -> Result<Vec<Outcome>> {
    let settings = world.plan.settings.clone();
    let drill = Drill { description: String::new(), settings, steps };
    let told = |number: usize, outcome: &Outcome| tell(json, before + number, outcome);
    Player::new(world).play(&drill, told).await.context("the steps of the drill")
}

fn tell(json: bool, number: usize, outcome: &Outcome) -> io::Result<()> {
    if json { Ok(()) } else { writeln!(io::stdout(), "{}", step_line(number, outcome)) }
}

fn say(item: &Item, done: &Done) -> io::Result<()> {
    let detail = match (done.done, done.detail.as_str()) {
        (true, "") => String::new(),
        (true, detail) => format!(" ({detail})"),
        (false, why) => format!(" - left out: {why}"),
    };
    writeln!(io::stdout(), "    {item}{detail}")
}
