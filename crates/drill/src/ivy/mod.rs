//! Ivy on the suite: scenarios with verdicts, `drill run ivy-NAME` (docs/IVY.md).
//!
//! A [`stage::Stage`] is a cluster with processes at which lines are typed; [`scenarios`] says what is
//! typed and what is killed meanwhile; [`verdict`] judges what the audit files say.
//!
//! Guarantee: exit code 0 only if every operation that was asked for is over, the tables of the manager
//! and of all processes agree, and the whole history is sequentially consistent.

pub mod history;
pub mod said;
mod scenarios;
mod speed;
mod stage;
mod tables;
mod verdict;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use wire::Mode;

use crate::plan::{Plan, Settings};
use crate::world::{self, World, run_directory};
use scenarios::{SCENARIOS, Scenario};
use stage::Stage;
pub(crate) use tables::tables;

/// How a scenario is to be run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The first port of the port plan.
    pub port_base: u16,
    /// How many managers.
    pub replicas: u8,
    /// Show what the processes print, too.
    pub lines: bool,
    /// Keep the run's directory when everything held.
    pub keep: bool,
}

/// Plays a scenario and judges it.
///
/// # Errors
/// When there is no such scenario, or the cluster cannot be started or watched.
pub async fn run(name: &str, options: Options, root: &Path, programs: PathBuf) -> Result<bool> {
    if name == "list" {
        for Scenario { name, description, .. } in &SCENARIOS {
            writeln!(io::stdout(), "ivy-{name:<14} {description}")?;
        }
        let description = "how fast it is with three managers and with one, and fail-overs";
        writeln!(io::stdout(), "ivy-{:<14} {description}", "speed")?;
        return Ok(true);
    }
    if name == "speed" {
        return speed::run(options, root, programs).await;
    }
    let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) else {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        bail!("no scenario ivy-{name}; there are: speed {}", names.join(" "));
    };
    let mut world = cluster(scenario.processes, name, options, root, programs)?;
    let dir = world.plan.dir.clone();
    writeln!(io::stdout(), "ivy-{name}: {}", scenario.description)?;
    let played = judged(&mut world, scenario).await;
    let ended = world.end().await;
    let held = played?;
    ended?;
    if held && !options.keep {
        std::fs::remove_dir_all(&dir)
            .with_context(|| format!("cannot remove {}", dir.display()))?;
        let _ = std::fs::remove_file(root.join("run/latest"));
    } else {
        eprintln!("drill: logs and audits in {}", dir.display());
    }
    Ok(held)
}

/// A cluster that is not started yet.
fn cluster(
    processes: usize,
    name: &str,
    options: Options,
    root: &Path,
    programs: PathBuf,
) -> Result<World> {
    let mut plan = Plan::new(settings(processes, options), PathBuf::new(), programs);
    world::check(&plan)?;
    plan.dir = run_directory(root, &format!("ivy-{name}"))?;
    World::new(plan, options.lines)
}

fn settings(processes: usize, options: Options) -> Settings {
    let mut settings = Settings::new(Mode::Passive);
    settings.ivy = true;
    settings.replicas = options.replicas.into();
    settings.clients = processes;
    settings.heartbeat = Duration::from_millis(250);
    settings.checkpoint = Duration::from_millis(500);
    settings.hold_down = Some(Duration::from_secs(1));
    settings.quiet = !options.lines;
    settings.port_base = options.port_base;
    settings
}

async fn judged(world: &mut World, scenario: &Scenario) -> Result<bool> {
    let mut stage = Stage::new(world);
    let played = stage.play(scenario).await?;
    let verdict = verdict::judge(&mut stage, scenario, played).await?;
    write!(io::stdout(), "{verdict}")?;
    Ok(verdict.held())
}
