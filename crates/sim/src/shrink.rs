//! Shrinking: the smallest part of a failing run that fails in the same way.
//!
//! By which mechanism: what can be left out is tried, one after the other, and stays out where the
//! same property still fails: what comes after the failure, clients, servers, requests, and the
//! faults, half of them, a quarter, and so on down to single ones (delta debugging, Zeller). A run is
//! cheap, so nothing is guessed.
//!
//! Not here: a promise that the smallest is found. Leaving something out changes the chances of all
//! that comes after it, and a failure may hide.

use crate::draw::{Narrowed, Settings};
use crate::pool::{self, Job, Outcome};

/// How many runs shrinking may take.
const ATTEMPTS: usize = 400;

/// What is left of a failing run.
#[derive(Debug)]
pub struct Shrunk {
    /// The part of the run that still fails.
    pub narrowed: Narrowed,
    /// What fails in it.
    pub failure: String,
    /// How many runs it took.
    pub attempts: usize,
}

struct Shrinker<'a> {
    job: &'a Job,
    threads: usize,
    property: String,
    best: Narrowed,
    failure: String,
    attempts: usize,
}

/// Shrinks the run of a job that failed so.
#[must_use]
pub fn shrink(job: &Job, outcome: &Outcome, threads: usize) -> Shrunk {
    let mut shrinker = Shrinker {
        job,
        threads,
        property: outcome.property().unwrap_or_default(),
        best: job.narrowed.clone(),
        failure: outcome.failure().unwrap_or_default(),
        attempts: 0,
    };
    if let Outcome::Played(report) = outcome {
        shrinker.best.only.get_or_insert_with(|| report.faults.clone());
    }
    shrinker.cluster();
    shrinker.faults();
    shrinker.requests();
    shrinker.cluster();
    shrinker.faults();
    shrinker.duration();
    let Shrinker { best: narrowed, failure, attempts, .. } = shrinker;
    Shrunk { narrowed, failure, attempts }
}

impl Shrinker<'_> {
    /// Plays candidates, best first, and keeps the first that still fails. Says whether one does.
    fn try_each(&mut self, candidates: Vec<Narrowed>) -> bool {
        if self.attempts >= ATTEMPTS {
            return false;
        }
        let mut found: Option<(usize, String)> = None;
        let jobs = candidates
            .iter()
            .map(|narrowed| Job { narrowed: narrowed.clone(), ..self.job.clone() });
        let mut attempts = 0;
        pool::run(self.threads, jobs, |job, outcome| {
            attempts += 1;
            if outcome.property().as_ref() == Some(&self.property) {
                let place = candidates.iter().position(|c| *c == job.narrowed).unwrap_or(0);
                if found.as_ref().is_none_or(|(best, _)| place < *best) {
                    found = Some((place, outcome.failure().unwrap_or_default()));
                }
            }
            found.is_none()
        });
        self.attempts += attempts;
        let Some((place, failure)) = found else { return false };
        (self.best, self.failure) = (candidates[place].clone(), failure);
        true
    }

    fn cluster(&mut self) {
        let plan = Settings::draw(self.job.seed, self.best.clone()).plan;
        let with = |n| Narrowed { servers: Some(n), ..self.best.clone() };
        self.try_each((1..plan.servers).map(with).collect());
        let with = |n| Narrowed { clients: Some(n), ..self.best.clone() };
        self.try_each((1..plan.clients).map(with).collect());
    }

    /// Lets faults stop earlier, the earliest first.
    fn duration(&mut self) {
        let drawn = Settings::draw(self.job.seed, self.best.clone()).safety;
        let with = |part| Narrowed { safety: Some(drawn * part / 16), ..self.best.clone() };
        self.try_each((1..16).map(with).collect());
    }

    fn requests(&mut self) {
        let most = self.best.requests.unwrap_or(4096);
        // The fewest first.
        let halves = (0..12).rev().map(|n| most >> n).filter(|n| *n > 0 && *n < most);
        let with = |n| Narrowed { requests: Some(n), ..self.best.clone() };
        self.try_each(halves.map(with).collect());
    }

    /// Leaves out runs of faults, ever shorter ones.
    fn faults(&mut self) {
        let Some(mut length) = self.best.only.as_ref().map(Vec::len) else { return };
        while length > 0 && self.attempts < ATTEMPTS {
            let only = self.best.only.clone().unwrap_or_default();
            let starts = (0..only.len()).step_by(length);
            let without = |start: usize| {
                let end = (start + length).min(only.len());
                let rest = [&only[..start], &only[end..]].concat();
                Narrowed { only: Some(rest), ..self.best.clone() }
            };
            let smaller = self.try_each(starts.map(without).collect());
            if !smaller {
                length /= 2;
            }
            length = length.min(self.best.only.as_ref().map_or(0, Vec::len));
        }
    }
}
