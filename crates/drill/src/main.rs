//! `drill`: the cluster on one machine, and the drills that are played on it (see `drill --help`).

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use drill::plan::{Plan, Settings, drill_file};
use drill::play::{Outcome, Player};
use drill::report::{Report, step_line};
use drill::script::Drill;
use drill::world::{self, World, run_directory};
use drill::{checks, duration, up};
use wire::{Mode, ports};

/// How long the members may take to agree once the clients have ended.
const QUIET: Duration = Duration::from_secs(10);

/// Chevron on one machine: servers on 127.0.0.101 and up, RM, GFD and clients on 127.0.0.110.
#[derive(Parser)]
#[command(name = "drill", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
    /// The suite's directory: runs go to `run`, drills come from `configs/drills`
    /// [default: the one above this program, or the current directory].
    #[arg(long, global = true)]
    root: Option<PathBuf>,
    /// The first port of the port plan.
    #[arg(long, global = true, default_value_t = ports::DEFAULT_BASE)]
    port_base: u16,
}

#[derive(Subcommand)]
enum Task {
    /// Run a cluster until Ctrl-C; while it runs, type `help`.
    Up(Up),
    /// Play a drill and judge it; exit code 0 only if every step and every check held.
    Run(Run),
}

#[derive(Args)]
struct Up {
    /// active or passive.
    mode: Mode,
    /// How many servers, 1 to 9.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    replicas: u8,
    /// How many clients.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=9))]
    clients: u8,
    /// The heartbeat period of all detectors.
    #[arg(long, default_value = "1s", value_parser = duration::parse)]
    heartbeat: Duration,
    /// Their timeout [default: the larger of two periods and 1s].
    #[arg(long, value_parser = duration::parse)]
    heartbeat_timeout: Option<Duration>,
    /// The checkpoint period of the servers.
    #[arg(long, default_value = "5s", value_parser = duration::parse)]
    checkpoint: Duration,
    /// The time from one request of a client to the next.
    #[arg(long, default_value = "1s", value_parser = duration::parse)]
    interval: Duration,
    /// Show none of the lines; they are not printed into the log files either.
    #[arg(long)]
    quiet: bool,
    /// End by itself after this time.
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    time: Option<Duration>,
}

#[derive(Args)]
struct Run {
    /// A drill of configs/drills by its name, or a file.
    drill: String,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// Show what the processes print, too.
    #[arg(long, conflicts_with = "json")]
    lines: bool,
    /// Keep the run's directory; it is always kept when the drill failed.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("drill: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn start(arguments: &Arguments) -> Result<bool> {
    let programs = std::env::current_exe().context("cannot find this program")?;
    let programs = programs.parent().map(Path::to_path_buf).unwrap_or_default();
    let root = match &arguments.root {
        Some(root) => root.clone(),
        None => find_root(&programs)?,
    };
    let root = root.canonicalize().with_context(|| format!("no directory {}", root.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &arguments.task {
            Task::Up(task) => run_up(task, arguments.port_base, &root, programs).await,
            Task::Run(task) => run_drill(task, arguments.port_base, &root, programs).await,
        }
    })
}

fn find_root(programs: &Path) -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let mut places = programs.ancestors().chain(here.ancestors());
    let found = places.find(|place| place.join("configs/drills").is_dir());
    found.map(Path::to_path_buf).context("no directory with configs/drills: give --root")
}

async fn run_up(task: &Up, port_base: u16, root: &Path, programs: PathBuf) -> Result<bool> {
    let mut settings = Settings::new(task.mode);
    settings.replicas = task.replicas.into();
    settings.clients = task.clients.into();
    settings.heartbeat = task.heartbeat;
    settings.heartbeat_timeout = task.heartbeat_timeout;
    settings.checkpoint = task.checkpoint;
    settings.interval = task.interval;
    settings.quiet = task.quiet;
    settings.port_base = port_base;
    let mut plan = Plan::new(settings, PathBuf::new(), programs);
    world::check(&plan)?;
    plan.dir = run_directory(root, task.mode.as_str())?;
    writeln!(io::stdout(), "drill: logs, audits and state in {}", plan.dir.display())?;
    let mut world = World::new(plan, true)?;
    let played = up::up(&mut world, task.time).await;
    let ended = world.end().await;
    let ready = played?;
    ended?;
    writeln!(io::stdout(), "drill: everything has ended")?;
    Ok(ready)
}

async fn run_drill(task: &Run, port_base: u16, root: &Path, programs: PathBuf) -> Result<bool> {
    let path = drill_file(&task.drill, root);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("no drill {}; see {}/configs/drills", path.display(), root.display())
    })?;
    let mut drill = Drill::parse(&path, &text).map_err(anyhow::Error::msg)?;
    drill.settings.port_base = port_base;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut plan = Plan::new(drill.settings.clone(), PathBuf::new(), programs);
    world::check(&plan)?;
    let dir = run_directory(root, &name)?;
    plan.dir.clone_from(&dir);
    let mut world = World::new(plan, task.lines)?;
    if !task.json {
        writeln!(io::stdout(), "{name}: {}", drill.description)?;
    }
    let judged = judge(&mut world, &drill, &name, task.json).await;
    let ended = world.end().await;
    let report = judged?;
    ended?;
    if task.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(io::stdout(), "{}", report.summary())?;
    }
    if report.held && !task.keep {
        std::fs::remove_dir_all(&dir)
            .with_context(|| format!("cannot remove {}", dir.display()))?;
        let _ = std::fs::remove_file(root.join("run/latest"));
    } else {
        eprintln!("drill: logs and audits in {}", dir.display());
    }
    Ok(report.held)
}

/// Plays the steps, ends the clients, waits until the members agree, and judges everything.
async fn judge(world: &mut World, drill: &Drill, name: &str, json: bool) -> Result<Report> {
    let told = |number: usize, outcome: &Outcome| {
        let line = step_line(number, outcome);
        if json { Ok(()) } else { writeln!(io::stdout(), "{line}") }
    };
    let steps = Player::new(world).play(drill, told).await?;
    let stopped = world.stop_clients().await;
    let active = world.picture.view().is_some_and(|view| view.mode == "active");
    let start = Instant::now();
    let finals = loop {
        if steps.last().is_some_and(Outcome::interrupted) {
            break Err("not asked".into());
        }
        let states = world.states().await;
        let agree = matches!(&states, Ok(states) if checks::members_agree(states, active).held);
        if agree || start.elapsed() > QUIET {
            break states;
        }
        world.pump().await?;
    };
    if let Err(error) = stopped {
        world.strays.push(format!("{error:#}"));
    }
    Ok(Report::new(name, world, steps, drill.steps.len(), &finals))
}
