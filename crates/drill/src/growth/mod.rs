//! `drill growth` (bench/growth.sh): what more replicas, state, clients and time cost.
//!
//! Each part brings clusters up with servers that write no audit, loads them with `client bench`,
//! and tells one row after the other, on the terminal and into a file of tables that grows.
//!
//! Guarantee: a load that lost a request gives no row. Not here: any judgement of a figure, and the
//! comparison with other systems (bench/compare.sh).

mod connections;
mod file;
mod flat;
mod load;
mod replicas;
mod stage;
mod states;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use wire::Mode;

use crate::duration;
use crate::plan::Settings;
use file::Table;
use stage::Place;

/// What is measured, and how long.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// A few short ones, to see that it works; nothing is written.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// How long each load lasts [default: 3s; quick: 1s].
    #[arg(long, value_parser = duration::parse)]
    seconds: Option<Duration>,
    /// How long the load lasts under which memory is to stay flat [default: 10; quick: 0.25].
    #[arg(long)]
    minutes: Option<f64>,
    /// The file of tables that the rows are added to [default: bench/GROWTH.md].
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

/// A part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// 1 to 7 replicas.
    Replicas,
    /// States of 16 bytes to 16 MiB.
    States,
    /// 10 to 10,000 clients.
    Connections,
    /// Minutes at full load.
    Flat,
}

/// What all parts share.
struct Growth {
    place: Place,
    quick: bool,
    time: Duration,
    flat: Duration,
    port_base: u16,
    results: Option<PathBuf>,
    when: String,
    revision: String,
}

/// Measures the parts, one after the other.
///
/// # Errors
/// When a cluster or a load cannot be started or does not work, or the file cannot be written.
pub async fn run(
    arguments: &Arguments,
    port_base: u16,
    root: &Path,
    programs: PathBuf,
) -> Result<bool> {
    let Arguments { quick, only, seconds, minutes, results } = arguments;
    let results = results.clone().unwrap_or_else(|| root.join("bench/GROWTH.md"));
    let minutes = minutes.unwrap_or(if *quick { 0.25 } else { 10.0 });
    let growth = Growth {
        place: Place { root: root.to_owned(), programs },
        quick: *quick,
        time: seconds.unwrap_or(Duration::from_secs(if *quick { 1 } else { 3 })),
        flat: Duration::try_from_secs_f64(minutes * 60.0).context("--minutes")?,
        port_base,
        results: (!quick).then_some(results),
        when: chrono::Local::now().format("%Y-%m-%d %H:%M").to_string(),
        revision: revision(root),
    };
    let wants = |part: Part| only.is_empty() || only.contains(&part);
    if wants(Part::Replicas) {
        growth.begin(&replicas::TABLE)?;
        replicas::measure(&growth).await?;
    }
    if wants(Part::States) {
        growth.begin(&states::TABLE)?;
        states::measure(&growth).await?;
    }
    if wants(Part::Connections) {
        growth.begin(&connections::TABLE)?;
        connections::measure(&growth).await?;
    }
    if wants(Part::Flat) {
        growth.begin(&flat::TABLE)?;
        flat::measure(&growth).await?;
    }
    Ok(true)
}

impl Growth {
    /// The head of a table, on the terminal.
    fn begin(&self, table: &Table) -> io::Result<()> {
        write!(io::stdout(), "\n{}", file::head(table))?;
        io::stdout().flush()
    }

    /// A row: on the terminal and, unless this is only to see that it works, in the file.
    fn tell(&self, table: &Table, cells: Vec<String>) -> Result<()> {
        let cells = [vec![self.when.clone(), self.revision.clone()], cells].concat();
        writeln!(io::stdout(), "{}", file::line(&cells))?;
        io::stdout().flush()?;
        if let Some(results) = &self.results {
            file::append(results, &self.opening(), table, &cells)
                .with_context(|| format!("cannot add to {}", results.display()))?;
        }
        Ok(())
    }

    /// What stands at the top of a new file.
    fn opening(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "# What more of everything costs\n\nWritten by `bench/growth.sh`: each run adds its rows. \
             Everything runs on one machine through loopback, the load generator too; the first rows \
             come from one with {cores} cores.\n"
        )
    }
}

/// The cluster of every part, unless the part says otherwise.
fn settings(growth: &Growth, mode: Mode) -> Settings {
    let mut settings = Settings::new(mode);
    settings.clients = 0;
    settings.quiet = true;
    settings.lean = true;
    settings.checkpoint = Duration::from_secs(10);
    settings.port_base = growth.port_base;
    settings
}

/// The revision of the suite, or a word that there is none.
fn revision(root: &Path) -> String {
    let git =
        Command::new("git").arg("-C").arg(root).args(["rev-parse", "--short", "HEAD"]).output();
    let text = git.ok().filter(|git| git.status.success()).map(|git| git.stdout);
    let text = text.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default();
    if text.trim().is_empty() { "none".into() } else { text.trim().to_owned() }
}

/// A duration with its unit.
fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..10_000 => format!("{:.2} ms", micros as f64 / 1e3),
        10_000..10_000_000 => format!("{:.0} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

/// An amount of memory with its unit.
fn bytes(bytes: u64) -> String {
    let of = |unit: u32| bytes as f64 / f64::from(unit);
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", (of(1 << 10) * 10.0).round() / 10.0),
        _ => format!("{} MiB", (of(1 << 20) * 10.0).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_their_units() {
        assert_eq!(
            [999, 1_234, 56_789, 12_000_000].map(micros),
            ["999 us", "1.23 ms", "57 ms", "12.0 s"]
        );
        assert_eq!(
            [16, 1 << 10, 1_536, 16 << 20].map(bytes),
            ["16 B", "1 KiB", "1.5 KiB", "16 MiB"]
        );
    }
}
