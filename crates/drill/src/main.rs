//! `drill`: the cluster on one machine, and the drills that are played on it (see `drill --help`).

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use drill::failover::Modes;
use drill::failover::cause::Cause;
use drill::plan::{Plan, Settings, drill_file};
use drill::play::{Outcome, Player};
use drill::report::{Report, step_line};
use drill::script::Drill;
use drill::world::{self, World, run_directory};
use drill::{busy, clock, conclude, duration, failover, growth, ivy, nemesis, up};
use wire::{Mode, ports};

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
    /// Measure what more replicas, state, clients and time cost (bench/growth.sh).
    Growth(growth::Arguments),
    /// Be one of the busy loops of `run busy`.
    #[command(name = busy::SPIN, hide = true)]
    Spin,
}

#[derive(Args)]
struct Up {
    /// active, passive, or ivy: passive, with Ivy's central manager and processes.
    mode: String,
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
    /// The servers' program, for a service of your own [default: `server` beside this one].
    #[arg(long, value_name = "FILE")]
    server_bin: Option<PathBuf>,
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
    /// Of `random` and of the scenarios of Ivy (ivy-r, ...; ivy-list lists them): how many servers.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    replicas: u8,
    /// The servers' program, for a service of your own [default: `server` beside this one].
    #[arg(long, value_name = "FILE")]
    server_bin: Option<PathBuf>,
    #[command(flatten)]
    random: Random,
    #[command(flatten)]
    measured: Measured,
}

/// For `run random`; some of it for `run failover` and `run busy` as well.
#[derive(Args)]
#[command(next_help_heading = "For `run random`: kills, stops, cut links, all from a seed")]
struct Random {
    /// The seed; the same one repeats the schedule [default: one that is drawn, and printed].
    #[arg(long)]
    seed: Option<u64>,
    /// How long the faults go on [default: 60s].
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    time: Option<Duration>,
    /// active or passive, at the beginning [default: passive]; `failover` and `busy` take both, too.
    #[arg(long)]
    mode: Option<Modes>,
    /// How many clients [default: 3].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=9))]
    clients: Option<u8>,
    /// How many requests each client sends in a second [default: 50].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rate: Option<u16>,
    /// Only print the schedule.
    #[arg(long)]
    dry_run: bool,
    #[arg(long, hide = true, value_name = "NETWORK")]
    moved_from: Option<String>,
}

/// For what measures.
#[derive(Args)]
#[command(
    next_help_heading = "For `run failover` (how long clients wait) and `run busy` (nobody is \
                               accused under load; --for is for how long)"
)]
struct Measured {
    /// failover: how many trials of each cause [default: 50].
    #[arg(long)]
    trials: Option<usize>,
    /// failover: only these: `kill primary`, `stop backup2`, ...
    #[arg(long, value_name = "CAUSE", value_delimiter = ',')]
    only: Vec<Cause>,
    /// The heartbeat period of all detectors [default: failover 250ms, busy 1s].
    #[arg(long, value_parser = duration::parse)]
    heartbeat: Option<Duration>,
    /// Their timeout [default: the larger of two periods and 1s].
    #[arg(long, value_parser = duration::parse)]
    heartbeat_timeout: Option<Duration>,
    /// busy: how many busy loops [default: 64].
    #[arg(long)]
    loops: Option<usize>,
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
            Task::Growth(task) => growth::run(task, arguments.port_base, &root, programs).await,
            Task::Spin => busy::spin().map(|()| true),
        }
    })
}

fn find_root(programs: &Path) -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let mut places = programs.ancestors().chain(here.ancestors());
    let found = places.find(|place| place.join("configs/drills").is_dir());
    found.map(Path::to_path_buf).context("no directory with configs/drills: give --root")
}

/// The LFDs are told whole paths.
fn absolute(path: Option<&Path>) -> Result<Option<PathBuf>> {
    let whole = |path| std::path::absolute(path).context("cannot tell the current directory");
    path.map(whole).transpose()
}

async fn run_up(task: &Up, port_base: u16, root: &Path, programs: PathBuf) -> Result<bool> {
    let ivy = task.mode == "ivy";
    let mode = if ivy { Ok(Mode::Passive) } else { task.mode.parse::<Mode>() };
    let mut settings = Settings::new(mode.map_err(anyhow::Error::msg)?);
    settings.ivy = ivy;
    settings.replicas = task.replicas.into();
    settings.clients = task.clients.into();
    settings.heartbeat = task.heartbeat;
    settings.heartbeat_timeout = task.heartbeat_timeout;
    settings.checkpoint = task.checkpoint;
    if ivy {
        // A backup's table stands where its last checkpoint does.
        settings.checkpoint = settings.checkpoint.min(Duration::from_secs(1));
    }
    settings.interval = task.interval;
    settings.quiet = task.quiet;
    settings.port_base = port_base;
    settings.server_bin = absolute(task.server_bin.as_deref())?;
    let mut plan = Plan::new(settings, PathBuf::new(), programs);
    world::check(&plan)?;
    plan.dir = run_directory(root, &task.mode)?;
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
    if let Some(name) = task.drill.strip_prefix("ivy-") {
        let options =
            ivy::Options { port_base, replicas: task.replicas, lines: task.lines, keep: task.keep };
        return ivy::run(name, options, root, programs).await;
    }
    if task.drill == "random" {
        return nemesis::run::run(storm(task, port_base)?, root, programs).await;
    }
    match task.drill.as_str() {
        "failover" => return failover::run(trials(task, port_base)?, root, programs).await,
        "busy" => return run_busy(task, port_base, root, programs).await,
        _ => {}
    }
    let Random { seed, time, mode, clients, rate, dry_run, .. } = &task.random;
    let counts = [seed.is_some(), time.is_some(), clients.is_some(), rate.is_some()];
    if counts.contains(&true) || mode.is_some() || *dry_run {
        bail!("--seed, --for, --mode, --clients, --rate and --dry-run are for `run random`");
    }
    let path = drill_file(&task.drill, root);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("no drill {}; see {}/configs/drills", path.display(), root.display())
    })?;
    let mut drill = Drill::parse(&path, &text).map_err(anyhow::Error::msg)?;
    drill.settings.port_base = port_base;
    drill.settings.server_bin = absolute(task.server_bin.as_deref())?;
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
    conclude::deliver(&report, task.json, task.keep, &dir, root)
}

fn modes(task: &Run) -> Vec<Mode> {
    task.random.mode.as_ref().map_or(vec![Mode::Passive], |modes| modes.0.clone())
}

/// What the command line says of a cluster that is measured, beyond what is usual for it.
fn settle(settings: &mut Settings, task: &Run, port_base: u16) -> Result<()> {
    let Measured { heartbeat, heartbeat_timeout, .. } = &task.measured;
    settings.replicas = task.replicas.into();
    settings.clients = task.random.clients.map_or(settings.clients, usize::from);
    settings.heartbeat = heartbeat.unwrap_or(settings.heartbeat);
    settings.heartbeat_timeout = heartbeat_timeout.or(settings.heartbeat_timeout);
    settings.port_base = port_base;
    settings.server_bin = absolute(task.server_bin.as_deref())?;
    Ok(())
}

fn trials(task: &Run, port_base: u16) -> Result<failover::Options> {
    let mut settings = failover::settings();
    settle(&mut settings, task, port_base)?;
    Ok(failover::Options {
        trials: task.measured.trials.unwrap_or(50),
        modes: modes(task),
        only: task.measured.only.clone(),
        settings,
        json: task.json,
        keep: task.keep,
    })
}

async fn run_busy(task: &Run, port_base: u16, root: &Path, programs: PathBuf) -> Result<bool> {
    let mut held = true;
    for mode in modes(task) {
        let mut settings = Settings::new(mode);
        settings.interval =
            Duration::from_secs_f64(1.0 / f64::from(task.random.rate.unwrap_or(50)));
        settle(&mut settings, task, port_base)?;
        let options = busy::Options {
            loops: task.measured.loops.unwrap_or(64),
            time: task.random.time.unwrap_or(Duration::from_secs(60)),
            settings,
            json: task.json,
            lines: task.lines,
            keep: task.keep,
        };
        held &= busy::run(options, root, programs.clone()).await?;
    }
    Ok(held)
}

fn storm(task: &Run, port_base: u16) -> Result<nemesis::run::Options> {
    let Random { seed, time, clients, rate, dry_run, moved_from, .. } = &task.random;
    let rate = f64::from(rate.unwrap_or(50));
    let &[mode] = modes(task).as_slice() else { bail!("a random drill begins in one mode") };
    let mut settings = nemesis::run::settings(mode, rate);
    settings.replicas = task.replicas.into();
    settings.clients = clients.unwrap_or(3).into();
    settings.port_base = port_base;
    settings.server_bin = absolute(task.server_bin.as_deref())?;
    // The clock is as good as any other number that nobody has chosen.
    let seed = seed.unwrap_or_else(|| clock::now() % 1_000_000);
    settings.map = settings.server_bin.is_none().then_some(seed);
    Ok(nemesis::run::Options {
        seed,
        time: time.unwrap_or(Duration::from_secs(60)),
        settings,
        dry_run: *dry_run,
        json: task.json,
        lines: task.lines,
        keep: task.keep,
        moved_from: moved_from.clone(),
    })
}

/// Plays the steps, ends the clients, waits until the members agree, and judges everything.
async fn judge(world: &mut World, drill: &Drill, name: &str, json: bool) -> Result<Report> {
    let told = |number: usize, outcome: &Outcome| {
        let line = step_line(number, outcome);
        if json { Ok(()) } else { writeln!(io::stdout(), "{line}") }
    };
    let steps = Player::new(world).play(drill, told).await?;
    let interrupted = steps.last().is_some_and(Outcome::interrupted);
    let finals = conclude::finals(world, interrupted).await?;
    Ok(Report::new(name, world, steps, drill.steps.len(), &finals))
}
