//! The tally of many runs: how many, how fast, what failed, and the line that says so while they go
//! on.
//!
//! Not here: how they are played; see `pool`.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "how fast runs are is a matter of the real clock"
)]

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::pool::Outcome;

/// The least time between two lines of progress.
const OFTEN: Duration = Duration::from_millis(200);
/// The width of the bar.
const WIDTH: u64 = 30;

/// What many runs came to.
#[derive(Debug)]
pub struct Tally {
    wanted: u64,
    runs: u64,
    /// How many of them failed.
    pub failed: u64,
    happened: u64,
    answered: u64,
    faults: u64,
    simulated: Duration,
    recovery: Duration,
    began: Instant,
    said: Option<Instant>,
    terminal: bool,
}

impl Tally {
    /// The tally of so many runs that begin now.
    #[must_use]
    pub fn begin(wanted: u64) -> Self {
        Self {
            wanted,
            runs: 0,
            failed: 0,
            happened: 0,
            answered: 0,
            faults: 0,
            simulated: Duration::ZERO,
            recovery: Duration::ZERO,
            began: Instant::now(),
            said: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// One more has ended.
    pub fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.failed += u64::from(outcome.failure().is_some());
        if let Outcome::Played(report) = outcome {
            self.happened += report.happened;
            self.answered += report.answered;
            self.faults += report.faults.len() as u64;
            self.simulated += report.simulated;
            self.recovery = self.recovery.max(report.recovery);
        }
    }

    /// Draws the bar anew, on a terminal and not too often.
    pub fn show_progress(&mut self) {
        let now = self.began + self.began.elapsed();
        if !self.terminal || self.said.is_some_and(|at| now - at < OFTEN) {
            return;
        }
        self.said = Some(now);
        let full = usize::try_from(self.runs * WIDTH / self.wanted.max(1)).unwrap_or(0);
        let (done, left) = ("#".repeat(full), "-".repeat(WIDTH as usize - full));
        let rate = self.runs as f64 / self.seconds();
        let wait = (self.wanted - self.runs) as f64 / rate.max(0.001);
        let Self { runs, wanted, failed, .. } = self;
        eprint!(
            "\r[{done}{left}] {runs}/{wanted}, {failed} failed, {rate:.1}/s, {wait:.0} s left  "
        );
        std::io::stderr().flush().unwrap_or_default();
    }

    /// Takes the bar away, so that something else can be said.
    pub fn clear_progress(&mut self) {
        if self.terminal && self.said.take().is_some() {
            eprint!("\r{:100}\r", "");
        }
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64().max(0.001)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, simulated) = (self.seconds(), self.simulated.as_secs_f64());
        write!(
            f,
            "{} runs in {seconds:.1} s, {} failed; {} events, {} faults, {} answers\n\
             {:.1} seeds/s, {:.0} events/s, {:.0} simulated seconds per second ({:.1} hours); \
             longest recovery {:?}",
            self.runs,
            self.failed,
            self.happened,
            self.faults,
            self.answered,
            self.runs as f64 / seconds,
            self.happened as f64 / seconds,
            simulated / seconds,
            simulated / 3600.0,
            self.recovery
        )
    }
}
