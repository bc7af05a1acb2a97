//! `run ivy-speed`: how fast Ivy is with three managers and with one, in turn (A B A B), and how long
//! a process waits when the primary manager is killed.
//!
//! Every operation that is measured goes over the manager: each is on a page that its process has no
//! access to. A round is a cluster of its own. The figures are medians over the rounds, beside the
//! best; they are held against what is aimed at, so on a busy machine the exit code says nothing.
//!
//! Not here: operations that need no message.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::scenarios::Fault;
use super::stage::{Played, Stage};
use super::verdict::{gaps, operations};
use super::{Options, cluster};
use crate::world::World;

/// How many pairs of rounds there are.
const ROUNDS: usize = 5;
/// How many processes, and how many pages each of them writes at first.
const PROCESSES: usize = 10;
const OWN: usize = 12;
/// How many operations a measurement has.
const COUNT: usize = 100;
/// The managers of the two settings.
const SETTINGS: [u8; 2] = [3, 1];
/// How often the primary manager is killed, under the load of so many processes.
const KILLS: usize = 10;
const BUSY: usize = 3;

/// What is aimed at: so many milliseconds for all operations of a measurement, so many times what a
/// single manager takes, and so many milliseconds of waiting at a fail-over.
const MOST: f64 = 60.0;
const RATIO: f64 = 1.5;
const GAP: f64 = 5.0;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measurement {
    writes: bool,
    /// All processes at once, or the first one alone.
    at_once: bool,
}

const MEASUREMENTS: [Measurement; 4] = [
    Measurement { writes: false, at_once: true },
    Measurement { writes: true, at_once: true },
    Measurement { writes: false, at_once: false },
    Measurement { writes: true, at_once: false },
];

impl Measurement {
    fn title(self) -> String {
        let what = if self.writes { "writes" } else { "reads" };
        let who = if self.at_once { "ten processes at once" } else { "one process" };
        format!("{COUNT} remote {what}, {who}")
    }
}

/// Milliseconds, by measurement, of every round of a setting.
type Times = [Vec<f64>; MEASUREMENTS.len()];

/// Measures, prints the table, and says whether all of it is as aimed at.
///
/// # Errors
/// When a cluster cannot be started or watched.
pub(super) async fn run(options: Options, root: &Path, programs: PathBuf) -> Result<bool> {
    let mut times: [Times; SETTINGS.len()] = Default::default();
    for round in 1..=ROUNDS {
        for (replicas, times) in SETTINGS.into_iter().zip(&mut times) {
            eprintln!("drill: round {round} of {ROUNDS}, {replicas} managers");
            let options = Options { replicas, ..options };
            let mut world = cluster(PROCESSES, "speed", options, root, programs.clone())?;
            let measured = measure(&mut world, times).await;
            over(world, measured).await?;
        }
    }
    eprintln!("drill: {KILLS} kills of the primary manager");
    let options = Options { replicas: SETTINGS[0], ..options };
    let mut world = cluster(BUSY, "speed", options, root, programs)?;
    let waited = fail_overs(&mut world).await;
    let waited = over(world, waited).await?;
    let (text, held) = report(&times, &waited);
    write!(io::stdout(), "{text}")?;
    Ok(held)
}

/// Ends a cluster, and removes what it wrote if all went well.
async fn over<T>(world: World, came: Result<T>) -> Result<T> {
    let dir = world.plan.dir.clone();
    let ended = world.end().await;
    let came = came?;
    ended?;
    std::fs::remove_dir_all(&dir)?;
    Ok(came)
}

/// Where each page is, so that every operation can be one on another process's page.
struct Pages(Vec<usize>);

impl Pages {
    /// As they were written at first: page after page, process after process.
    fn new() -> Self {
        Self((0..PROCESSES * OWN).map(|page| page % PROCESSES).collect())
    }

    /// Pages of a neighbour, or of everybody else.
    fn of_others(&self, process: usize, at_once: bool, writes: bool) -> Vec<usize> {
        // Not those that it has just read.
        let neighbour = (process + if writes { 2 } else { 1 }) % PROCESSES;
        let wanted = |owner: usize| if at_once { owner == neighbour } else { owner != process };
        let count = if at_once { COUNT / PROCESSES } else { COUNT };
        let pages = self.0.iter().enumerate().filter(|(_, owner)| wanted(**owner));
        pages.map(|(page, _)| page).take(count).collect()
    }
}

async fn measure(world: &mut World, times: &mut Times) -> Result<()> {
    let mut stage = Stage::new(world);
    stage.launch().await?;
    stage.write_own(OWN as u32).await?;
    let mut pages = Pages::new();
    for (measurement, times) in MEASUREMENTS.iter().zip(times) {
        let Measurement { writes, at_once } = *measurement;
        let began = crate::clock::now();
        let count = if at_once { PROCESSES } else { 1 };
        let all: Vec<_> =
            (0..count).map(|process| pages.of_others(process, at_once, writes)).collect();
        for (process, wanted) in all.into_iter().enumerate() {
            for page in wanted {
                let number = page + 1;
                let line = match writes {
                    true => format!("writePage P{number} by{process}"),
                    false => format!("readPage P{number}"),
                };
                stage.ask(stage.processes[process], &line, 1)?;
                if writes {
                    pages.0[page] = process;
                }
            }
        }
        stage.all_over().await?;
        let done = operations(&stage.world.records);
        let done: Vec<_> = done.values().flatten().filter(|o| o.ended >= began).collect();
        anyhow::ensure!(
            done.len() == COUNT && done.iter().all(|o| !o.local),
            "{}: {} operations, {} of them local",
            measurement.title(),
            done.len(),
            done.iter().filter(|o| o.local).count()
        );
        let first = done.iter().map(|o| o.began()).min().unwrap_or(0);
        let last = done.iter().map(|o| o.ended).max().unwrap_or(0);
        times.push((last - first) as f64 / 1e3);
    }
    Ok(())
}

/// How long each process waited at each kill, in milliseconds.
async fn fail_overs(world: &mut World) -> Result<Vec<f64>> {
    let mut stage = Stage::new(world);
    stage.launch().await?;
    stage.write_own(1).await?;
    let mut played = Played::default();
    for kill in 0..KILLS {
        for process in stage.processes.clone() {
            // Longer than the fail-over, shorter than the way back.
            stage.ask(process, &format!("work mixed 2000 {BUSY} {kill}"), 2000)?;
        }
        stage.pause(std::time::Duration::from_millis(50)).await?;
        stage.fault(Fault::Primary, &mut played)?;
        stage.all_over().await?;
        stage.settle(true).await?;
    }
    let waited = gaps(&operations(&stage.world.records), &played.kills);
    Ok(waited.into_iter().map(|micros| micros as f64 / 1e3).collect())
}

fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn best(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::NAN, f64::min)
}

fn most(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::NAN, f64::max)
}

fn report(times: &[Times; SETTINGS.len()], waited: &[f64]) -> (String, bool) {
    let mut text = format!("ivy-speed: median of {ROUNDS} rounds (best), in ms\n");
    let mut push = |line: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {line}");
    };
    push(format!("{:<42} {:>16} {:>16} {:>6}", "", "three managers", "one manager", "ratio"));
    let [three, one] = times;
    let rows = MEASUREMENTS.iter().zip(three.iter().zip(one));
    for (measurement, (three, one)) in rows {
        let cell = |times: &[f64]| format!("{:.1} ({:.1})", median(times), best(times));
        let ratio = median(three) / median(one);
        let (title, three, one) = (measurement.title(), cell(three), cell(one));
        push(format!("{title:<42} {three:>16} {one:>16} {ratio:>6.2}"));
    }
    let gap = median(waited);
    let count = waited.len();
    push(format!(
        "{KILLS} primary managers killed: {count} waits of processes, {gap:.1} median, {:.1} best, \
         {:.1} at most",
        best(waited),
        most(waited)
    ));
    let slowest = three.iter().map(|times| median(times)).fold(f64::NAN, f64::max);
    let sum = |times: &Times| times.iter().map(|times| median(times)).sum::<f64>();
    let ratio = sum(three) / sum(one);
    let mut held = true;
    for (what, found, aim) in [
        (format!("{COUNT} remote operations with three managers, in ms"), slowest, MOST),
        ("all of them, as a multiple of a single manager's".to_owned(), ratio, RATIO),
        ("a process's wait at a fail-over, median in ms".to_owned(), gap, GAP),
    ] {
        held &= found <= aim;
        let verdict = if found <= aim { "held   " } else { "BROKEN " };
        push(format!("{verdict} {what}: {found:.2}, at most {aim}"));
    }
    (text, held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measured_operation_is_on_a_page_of_another_process() {
        let mut pages = Pages::new();
        for Measurement { writes, at_once } in MEASUREMENTS {
            let count = if at_once { PROCESSES } else { 1 };
            let all: Vec<_> =
                (0..count).map(|process| pages.of_others(process, at_once, writes)).collect();
            assert_eq!(all.iter().map(Vec::len).sum::<usize>(), COUNT);
            for (process, wanted) in all.into_iter().enumerate() {
                assert!(wanted.iter().all(|page| pages.0[*page] != process));
                if writes {
                    wanted.iter().for_each(|page| pages.0[*page] = process);
                }
            }
        }
    }

    #[test]
    fn what_is_too_slow_is_said() {
        let times = |ms: f64| -> Times { std::array::from_fn(|_| vec![ms; 3]) };
        assert!(report(&[times(20.0), times(15.0)], &[4.0]).1);
        assert!(!report(&[times(70.0), times(65.0)], &[4.0]).1);
        assert!(!report(&[times(30.0), times(15.0)], &[4.0]).1);
        assert!(!report(&[times(20.0), times(15.0)], &[6.0]).1);
    }
}
