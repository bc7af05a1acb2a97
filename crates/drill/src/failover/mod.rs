//! `drill run failover`: how long clients wait when a server is killed or stopped, and for what.
//!
//! Many trials of every [`cause::Cause`] in turn on a running cluster; each is split into
//! [`trial::PHASES`] by the audit files of all processes. Then everything is checked as after any
//! drill: nothing that was answered may be lost, whatever was done to whom.
//!
//! Guarantee: `held` means that all trials were made and every check held. It says nothing about how
//! long anything took: that is for the reader of the figures.

pub mod cause;
mod series;
pub mod stats;
pub mod table;
pub mod trial;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use wire::Mode;

use crate::conclude;
use crate::plan::{Plan, Settings};
use crate::report::Report;
use crate::world::{self, World, run_directory};
use cause::Cause;
use series::{Series, Stop};
use table::{Conditions, Figures, rows};
use trial::Trial;

/// So many records are kept in memory at most, and a little more: then a new cluster is measured.
const RECORDS: usize = 1_500_000;

/// One mode or both, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modes(pub Vec<Mode>);

impl FromStr for Modes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "both" => Ok(Self(vec![Mode::Passive, Mode::Active])),
            one => Ok(Self(vec![one.parse().map_err(|error| format!("{error}, or `both`"))?])),
        }
    }
}

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many trials of each cause in each mode.
    pub trials: usize,
    /// In which modes.
    pub modes: Vec<Mode>,
    /// Which causes; none for all.
    pub only: Vec<Cause>,
    /// The cluster; its mode does not matter.
    pub settings: Settings,
    /// Print one JSON object instead of tables.
    pub json: bool,
    /// Keep the directories of the runs.
    pub keep: bool,
}

/// The cluster that is measured when nothing else is said: heartbeats that let a minute hold many
/// trials, the default timeout, and one client that never pauses.
#[must_use]
pub fn settings() -> Settings {
    let mut settings = Settings::new(Mode::Passive);
    settings.heartbeat = Duration::from_millis(250);
    settings.clients = 1;
    settings.interval = Duration::ZERO;
    settings.quiet = true;
    settings
}

/// Trials that are still to be made in one mode, in rounds: each round has every cause once, so that
/// whatever else happens on the machine meanwhile happens to all of them.
struct Rounds {
    causes: Vec<Cause>,
    trials: usize,
    done: usize,
}

impl Rounds {
    fn next(&self) -> Option<Cause> {
        let all = self.trials * self.causes.len();
        (self.done < all).then(|| self.causes[self.done % self.causes.len()])
    }
}

/// Measures, checks and prints. Gives whether everything held.
///
/// # Errors
/// When a cluster cannot be started or watched, or the terminal takes nothing more.
pub async fn run(options: Options, root: &Path, programs: PathBuf) -> Result<bool> {
    let conditions = Conditions::new(&options.settings);
    let mut figures = Figures {
        held: true,
        conditions,
        rows: Vec::new(),
        checks: Vec::new(),
        failures: Vec::new(),
        trials: Vec::new(),
    };
    for mode in &options.modes {
        let all = Cause::all(*mode, options.settings.replicas);
        let wanted = |cause: &Cause| options.only.is_empty() || options.only.contains(cause);
        let causes = all.into_iter().filter(wanted).collect();
        let mut rounds = Rounds { causes, trials: options.trials, done: 0 };
        while figures.held && rounds.next().is_some() {
            let plan = Plan::new(settings_in(&options, *mode), PathBuf::new(), programs.clone());
            cluster(plan, &options, root, &mut rounds, &mut figures).await?;
        }
    }
    figures.rows = rows(&figures.trials);
    if options.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&figures)?)?;
    } else {
        write!(io::stdout(), "{}", figures.text())?;
    }
    Ok(figures.held)
}

fn settings_in(options: &Options, mode: Mode) -> Settings {
    let mut settings = options.settings.clone();
    settings.mode = mode;
    settings
}

/// Makes trials on a cluster of its own until all are made or it has been watched for long enough.
async fn cluster(
    mut plan: Plan,
    options: &Options,
    root: &Path,
    rounds: &mut Rounds,
    figures: &mut Figures,
) -> Result<()> {
    world::check(&plan)?;
    let name = format!("failover-{}", plan.settings.mode);
    plan.dir = run_directory(root, &name)?;
    let dir = plan.dir.clone();
    let mut world = World::new(plan, false)?;
    let judged = match trials(&mut world, rounds, &mut figures.trials).await {
        Err(Stop::Broken(error)) => Err(error),
        made => {
            let interrupted = matches!(made, Err(Stop::Asked));
            if let Err(stop) = made {
                figures.failures.push(stop.to_string());
            }
            let finals = conclude::finals(&mut world, interrupted).await;
            finals.map(|finals| Report::new(&name, &world, Vec::new(), 0, &finals))
        }
    };
    let ended = world.end().await;
    let report = judged?;
    ended?;
    figures.held = report.held && figures.failures.is_empty();
    figures.checks.push(report);
    if figures.held && !options.keep {
        std::fs::remove_dir_all(&dir)
            .with_context(|| format!("cannot remove {}", dir.display()))?;
        let _ = std::fs::remove_file(root.join("run/latest"));
    } else {
        eprintln!("drill: logs and audits in {}", dir.display());
    }
    Ok(())
}

async fn trials(world: &mut World, rounds: &mut Rounds, made: &mut Vec<Trial>) -> Result<(), Stop> {
    let mode = world.plan.settings.mode;
    let mut series = Series::launch(world).await?;
    while let Some(cause) = rounds.next().filter(|_| series.records() < RECORDS) {
        let trial = series.trial(cause).await?;
        rounds.done += 1;
        tell(mode, rounds, &trial).map_err(anyhow::Error::from)?;
        made.push(trial);
    }
    series.finish().await
}

/// Progress, on standard error: in place on a terminal.
fn tell(mode: Mode, rounds: &Rounds, trial: &Trial) -> io::Result<()> {
    let all = rounds.trials * rounds.causes.len();
    let (done, outage) = (rounds.done, trial.outage as f64 / 1_000.0);
    let mut to = io::stderr().lock();
    let (start, end) = if to.is_terminal() { ("\r\x1b[K", "") } else { ("", "\n") };
    let end = if done == all { "\n" } else { end };
    let (cause, server) = (trial.cause, &trial.server);
    write!(to, "{start}{mode}: trial {done} of {all}: {cause} ({server}) {outage:.2} ms{end}")?;
    to.flush()
}
