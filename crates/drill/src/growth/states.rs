//! What a larger state costs: its checkpoints, a server that comes back, a fail-over.
//!
//! The service is `examples/ballast.rs`, whose state is as large as it is told. The load is an open
//! loop far below the limit, so that a request that waits for the state shows as one that waits.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use wire::{Mode, NodeName};

use super::file::Table;
use super::load::{Load, Window};
use super::stage::Stage;
use super::{Growth, settings};
use crate::audit::What;
use crate::clock;
use crate::failover::stats::Spread;
use crate::plan::Settings;

pub(super) const TABLE: Table = Table {
    title: "State size",
    about: "Passive, three replicas, 10 clients that ask 2000 times a second together, whatever the \
            servers do; waits count from when a request was due. Checkpoint: from the primary's first \
            chunk until both backups have taken it over. Rejoin: from the kill -9 of a backup until a \
            new run of it is a member again. The p99 are those of windows of 100 ms: the median of \
            quiet ones, and the worst while a checkpoint or a joiner is on its way. The last column is \
            the longest wait around a kill -9 of the primary.",
    columns: &[
        "when",
        "revision",
        "state",
        "checkpoint, median",
        "quiet p99",
        "p99 at checkpoints",
        "rejoin",
        "p99 at the rejoin",
        "fail-over",
    ],
};

const RATE: u32 = 2_000;
const CHECKPOINT: Duration = Duration::from_secs(2);
/// A window's length, and how long after an event its requests may still wait.
const WINDOW: u64 = 100_000;

pub(super) async fn measure(growth: &Growth) -> Result<()> {
    let sizes: &[usize] = if growth.quick {
        &[16, 1 << 20, 16 << 20]
    } else {
        &[16, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20]
    };
    for size in sizes {
        let mut cells = vec![super::bytes(*size as u64)];
        // With audits, for the moments of checkpoints; and without, for fail-overs: a new primary
        // would otherwise write a line about everything that it replays.
        let checked = with_ballast(growth, false);
        cells.extend(
            growth
                .place
                .with(checked, async |stage| checkpoints(growth, stage, *size).await)
                .await?,
        );
        let lean = with_ballast(growth, true);
        cells.extend(
            growth.place.with(lean, async |stage| kills(growth, stage, *size).await).await?,
        );
        growth.tell(&TABLE, cells)?;
    }
    Ok(())
}

fn with_ballast(growth: &Growth, lean: bool) -> Settings {
    let mut settings = settings(growth, Mode::Passive);
    settings.lean = lean;
    settings.checkpoint = CHECKPOINT;
    settings.server_bin = Some(growth.place.programs.join("ballast"));
    settings
}

async fn checkpoints(growth: &Growth, stage: &mut Stage, size: usize) -> Result<Vec<String>> {
    fill(stage, size).await?;
    let load = open_loop(stage)?;
    stage.pause(growth.time.max(CHECKPOINT * 4)).await?;
    let windows = begun(&load)?;
    end(&load);
    let all = durations(stage, windows[0].at);
    let lasted: Vec<u64> = all.iter().map(|(from, to)| to - from).collect();
    let median = Spread::of(lasted).context("no checkpoint was taken over")?.median;
    let during = |window: &Window| all.iter().any(|(from, to)| overlaps(window, *from, *to));
    let p99 = |which: bool| windows.iter().filter(move |w| during(w) == which).map(|w| w.p99);
    let quiet = Spread::of(p99(false).collect()).map_or(0, |spread| spread.median);
    Ok([median, quiet, p99(true).max().unwrap_or(0)].map(super::micros).to_vec())
}

async fn kills(growth: &Growth, stage: &mut Stage, size: usize) -> Result<Vec<String>> {
    fill(stage, size).await?;
    let load = open_loop(stage)?;
    stage.pause(growth.time.max(CHECKPOINT)).await?;
    let victim = stage.backup()?;
    let (from, to) = replace(stage, victim).await?;
    // Until everybody has the same checkpoint again, so that the next kill finds a usual cluster.
    stage.pause(CHECKPOINT + Duration::from_secs(1)).await?;
    let joining = begun(&load)?;
    let joining = joining.iter().filter(|window| overlaps(window, from, to)).map(|w| w.p99).max();
    let primary = stage.primary()?;
    let killed = clock::now();
    replace(stage, primary).await?;
    // What waited is told of in the window in which it was answered.
    stage.pause(Duration::from_micros(3 * WINDOW)).await?;
    let windows = begun(&load)?;
    end(&load);
    let longest = windows.iter().filter(|window| window.at > killed).map(|w| w.slowest).max();
    Ok([to - from, joining.unwrap_or(0), longest.unwrap_or(0)].map(super::micros).to_vec())
}

/// Makes the state as large as that.
async fn fill(stage: &mut Stage, size: usize) -> Result<()> {
    let plan = &stage.world.plan;
    let (file, manager) = (plan.dir.join("fill.toml"), plan.manager());
    let text = format!(
        "name = \"F1\"\nrm = \"{manager}\"\nbind = \"{}\"\nmessage = \"ballast {size} \"\n\
         interval = 0\ncount = 1\n",
        manager.ip()
    );
    std::fs::write(&file, text)?;
    let base = plan.settings.port_base.to_string();
    let args = ["-c", &file.display().to_string(), "--quiet", "--port-base", &base];
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let client = Load::start(&client(&plan.programs), &args)?;
    while !client.is_over() {
        stage.pump().await?;
    }
    let primary = stage.primary()?;
    let standing = stage.world.inspect(primary).await.map_err(anyhow::Error::msg)?;
    ensure!(standing.state.executed > 0, "the state was not filled");
    Ok(())
}

fn client(programs: &Path) -> std::path::PathBuf {
    programs.join("client")
}

fn open_loop(stage: &Stage) -> Result<Load> {
    let text = format!("--clients 10 --rate {RATE} --seconds 3600 --progress 0.1");
    stage.load(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
}

/// The windows after the first second, in which connections are opened.
fn begun(load: &Load) -> Result<Vec<Window>> {
    let windows: Vec<Window> = load.windows().into_iter().skip(10).collect();
    ensure!(!windows.is_empty(), "the load generator has not begun");
    Ok(windows)
}

fn end(load: &Load) {
    let _ = crate::processes::signal(load.pid, Signal::KILL);
}

/// Whether requests of a window may have waited for what went on between two moments.
fn overlaps(window: &Window, from: u64, to: u64) -> bool {
    window.at >= from && window.at.saturating_sub(WINDOW) <= to + WINDOW
}

/// Kills a server and waits until its next run is a member: when it was killed, and when that was.
async fn replace(stage: &mut Stage, server: NodeName) -> Result<(u64, u64)> {
    let from = clock::now();
    stage.world.signal(server, Signal::KILL).map_err(anyhow::Error::msg)?;
    stage.whole().await?;
    Ok((from, stage.world.picture.view().map_or(from, |view| view.at)))
}

/// Each checkpoint since a moment that both backups have: from its first chunk to the last of them.
fn durations(stage: &Stage, since: u64) -> Vec<(u64, u64)> {
    let records = || stage.world.records.iter().filter(|record| record.at >= since);
    let mut found: Vec<(u64, u64)> = Vec::new();
    let sent = records().filter_map(|r| match r.what {
        What::CheckpointSent(count) => Some((count, r.at)),
        _ => None,
    });
    for (count, from) in sent {
        // It is said once per backup.
        if found.last().is_some_and(|(known, _)| from - known < WINDOW) {
            continue;
        }
        let taken = |r: &&crate::audit::Record| {
            r.at >= from && matches!(r.what, What::CheckpointReceived(n) if n == count)
        };
        let taken: Vec<u64> = records().filter(taken).map(|record| record.at).collect();
        if let (Some(to), 2) = (taken.iter().max(), taken.len()) {
            found.push((from, *to));
        }
    }
    found
}
