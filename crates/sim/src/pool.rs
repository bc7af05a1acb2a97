//! Runs on all cores: jobs in, what came of each out, in the order in which they end.
//!
//! Guarantees: a run is what its job says, whichever thread plays it. A role that panics fails its
//! own run only: the panic is taken for what came of it, and its thread is left where it stands, because
//! the program is built to abort and nothing unwinds.
//!
//! Not here: what the jobs are for; see `mutants`, `shrink` and the program.

use std::cell::RefCell;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use node::mutant::{Mutant, switch_off};

use crate::draw::{Game, Narrowed};
use crate::swarm::{Report, Swarm};

/// A run to be played.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// What is played.
    pub game: Game,
    /// Its seed.
    pub seed: u64,
    /// What of it is left out.
    pub narrowed: Narrowed,
    /// Which rule of the roles is off.
    pub mutant: Option<Mutant>,
}

/// What came of a run.
#[derive(Debug)]
pub enum Outcome {
    /// It came to its end, or to a property that did not hold.
    Played(Report),
    /// A role panicked.
    Panicked(String),
}

impl Outcome {
    /// What failed, if something did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Played(report) => report.violation.as_ref().map(ToString::to_string),
            Self::Panicked(text) => Some(text.clone()),
        }
    }

    /// The name of what failed: of a property, or the place of the assertion.
    #[must_use]
    pub fn property(&self) -> Option<String> {
        match self {
            Self::Played(report) => report.violation.as_ref().map(|v| v.property.to_owned()),
            Self::Panicked(text) => text.lines().next().map(str::to_owned),
        }
    }
}

type Played = (Job, Outcome);

thread_local! {
    /// What this thread plays, and who waits for it.
    static PLAYING: RefCell<Option<(Job, Sender<Played>)>> = const { RefCell::new(None) };
}

/// Has a panic of a role end its run, and not the program.
pub fn catch_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let Some((job, done)) = PLAYING.take() else { return before(info) };
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let what = info.payload_as_str().unwrap_or("a role panicked");
        // Nobody waits any more once the program is about to end.
        done.send((job, Outcome::Panicked(format!("panic at {place}: {what}"))))
            .unwrap_or_default();
        loop {
            thread::park();
        }
    }));
}

/// Plays one job in this thread.
#[must_use]
pub fn play(job: &Job) -> Report {
    switch_off(job.mutant);
    Swarm::of(job.game, job.seed, job.narrowed.clone()).run()
}

/// Plays jobs, `threads` at a time and each in a thread of its own, until `heed` has enough: it is
/// given what came of each, and says whether to go on. What is being played then is waited for and
/// heeded, too.
pub fn run(
    threads: usize,
    mut jobs: impl Iterator<Item = Job>,
    mut heed: impl FnMut(&Job, &Outcome) -> bool,
) {
    let (done, results) = channel();
    let (mut playing, mut wanted) = (0, true);
    loop {
        while wanted && playing < threads.max(1) {
            let Some(job) = jobs.next() else { break };
            playing += 1;
            start(job, done.clone());
        }
        if playing == 0 {
            return;
        }
        let Ok((job, outcome)) = results.recv() else { return };
        playing -= 1;
        wanted &= heed(&job, &outcome);
    }
}

fn start(job: Job, done: Sender<Played>) {
    thread::spawn(move || {
        PLAYING.set(Some((job.clone(), done)));
        let report = play(&job);
        if let Some((job, done)) = PLAYING.take() {
            done.send((job, Outcome::Played(report))).unwrap_or_default();
        }
    });
}
