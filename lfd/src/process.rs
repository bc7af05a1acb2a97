//! The server's process: whether one exists, when to launch one, when to end one.
//!
//! Guarantees: never a launch while a process is known to exist; a process whose launches end at
//! once is launched ever more slowly, the first time again at once.

use std::time::Duration;

use detect::Backoff;
use node::Time;
use node::mutant::{Mutant, is_off};

/// A process that lived shorter than this did not really run.
const SHORT_LIFE: Duration = Duration::from_secs(5);
/// The wait before the second relaunch of a process with short lives; it doubles,
const CRASH_WAIT: Duration = Duration::from_millis(100);
/// up to this.
const CRASH_WAIT_LIMIT: Duration = Duration::from_secs(5);
/// A kill timer that goes off later than this shows that the LFD itself did not run: the answer
/// that would have disarmed it may lie unread.
const LATE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No process is known.
    None,
    /// A launch is under way.
    Launching,
    /// This one exists.
    Running(Running),
}

/// A process that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Running {
    pid: u32,
    since: Time,
    /// Whether it has ever answered.
    answered: bool,
    /// Whether its exit will be seen. An adopted one may be gone before the host can watch it, or
    /// be none of ours; then only its address tells.
    watched: bool,
    /// Whether it was ended by us.
    killed: bool,
}

/// What is known of the server's process, and what is to be done about it.
#[derive(Debug)]
pub(crate) struct Process {
    state: State,
    /// Whether a server is to run: at the LFD's start and on the RM's order, until one answers.
    wanted: bool,
    /// Whether it is evident that none runs: its address refused, or its exit was seen.
    vacant: bool,
    /// How many lives in a row were short.
    short_lives: u32,
    backoff: Backoff,
    launch_at: Option<Time>,
    kill_at: Option<Time>,
}

/// How the process that ended had been.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is not the server's process (any more).
    Stranger,
    /// It had answered: the report is about it.
    Known,
    /// It never answered.
    Unknown,
}

/// What to do about a missing server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Launch {
    /// Nothing, or not now.
    No,
    /// Launch it.
    Now,
    /// It was launched too often: wait.
    After(Duration),
}

/// What a kill timer says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kill {
    /// It is not time, or it was done.
    No,
    /// End this process.
    Now(u32),
    /// It is time, but nobody knows which process it is, or watches it.
    Unknown,
}

impl Process {
    /// No process is known, and one is wanted.
    pub(crate) fn new() -> Self {
        Self {
            state: State::None,
            wanted: true,
            vacant: false,
            short_lives: 0,
            backoff: Backoff::new(CRASH_WAIT, CRASH_WAIT_LIMIT),
            launch_at: None,
            kill_at: None,
        }
    }

    /// The RM wants one to run.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// Its address refused a connection: nothing runs there that could be adopted. A process whose
    /// exit will not be seen counts as gone.
    pub(crate) fn refused(&mut self) {
        self.vacant = true;
        if matches!(self.state, State::Running(Running { watched: false, .. })) {
            self.state = State::None;
            self.kill_at = None;
        }
    }

    /// Something listens at its address, so nothing may be launched.
    pub(crate) fn occupied(&mut self) {
        self.vacant = false;
        self.launch_at = None;
    }

    /// The server answered, from process `pid` if it says so: nothing is wanted, nobody is killed.
    /// Returns the process id if the process is not watched yet.
    pub(crate) fn answered(&mut self, now: Time, pid: Option<u32>) -> Option<u32> {
        self.wanted = false;
        self.launch_at = None;
        self.kill_at = None;
        match (&mut self.state, pid) {
            (State::Running(known), Some(pid)) if known.pid == pid => {
                known.answered = true;
                None
            }
            (_, None) => None,
            (state, Some(pid)) => {
                let (answered, watched, killed) = (true, false, false);
                *state = State::Running(Running { pid, since: now, answered, watched, killed });
                Some(pid)
            }
        }
    }

    /// A launch has succeeded, or an adopted process is watched from now on (then false).
    pub(crate) fn launched(&mut self, now: Time, pid: u32, grace: Duration) -> bool {
        match &mut self.state {
            State::Launching => {
                let (answered, watched, killed) = (false, true, false);
                let running = Running { pid, since: now, answered, watched, killed };
                self.state = State::Running(running);
                self.kill_at = Some(now + grace);
                true
            }
            State::Running(running) => {
                running.watched |= running.pid == pid;
                false
            }
            State::None => false,
        }
    }

    /// A launch has failed; counts as a short life. False if none was under way.
    pub(crate) fn launch_failed(&mut self) -> bool {
        if self.state != State::Launching {
            return false;
        }
        self.state = State::None;
        self.vacant = true;
        self.short_lives += 1;
        true
    }

    /// A process has ended.
    pub(crate) fn exited(&mut self, now: Time, pid: u32) -> Ended {
        let State::Running(process) = self.state else { return Ended::Stranger };
        if process.pid != pid {
            return Ended::Stranger;
        }
        if now.since(process.since) >= SHORT_LIFE {
            self.short_lives = 0;
            self.backoff.reset();
        } else if !process.killed {
            self.short_lives += 1;
        }
        self.state = State::None;
        self.vacant = true;
        self.kill_at = None;
        if process.answered { Ended::Known } else { Ended::Unknown }
    }

    /// Whether a process is known to exist, or is being launched.
    pub(crate) fn exists(&self) -> bool {
        self.state != State::None
    }

    /// Whether a launched process has not answered yet; its own timer watches it.
    pub(crate) fn is_starting(&self) -> bool {
        match self.state {
            State::None => false,
            State::Launching => true,
            State::Running(process) => !process.answered,
        }
    }

    /// Whether a kill timer runs.
    pub(crate) fn is_armed(&self) -> bool {
        self.kill_at.is_some()
    }

    /// Ends the process at `time`, unless it answers before.
    pub(crate) fn arm(&mut self, time: Time) {
        self.kill_at.get_or_insert(time);
    }

    /// What to do about a missing server now. `Now` and `After` are said once.
    pub(crate) fn launch(&mut self, now: Time) -> Launch {
        let vacant = self.vacant || is_off(Mutant::AdoptNothing);
        if !self.wanted || !vacant || self.state != State::None {
            return Launch::No;
        }
        match self.launch_at {
            Some(due) if due > now => Launch::No,
            None if self.short_lives > 1 => {
                let wait = self.backoff.wait();
                self.launch_at = Some(now + wait);
                Launch::After(wait)
            }
            Some(_) | None => {
                self.launch_at = None;
                self.vacant = false;
                self.state = State::Launching;
                Launch::Now
            }
        }
    }

    /// Marks the process as ended by us, and returns its id; once per process, and only for one
    /// whose exit will be seen.
    pub(crate) fn kill(&mut self) -> Kill {
        self.kill_at = None;
        match &mut self.state {
            State::Running(process) if process.killed => Kill::No,
            State::Running(process) if process.watched => {
                process.killed = true;
                Kill::Now(process.pid)
            }
            State::Running(_) | State::None | State::Launching => Kill::Unknown,
        }
    }

    /// What the kill timer says. A timer that goes off late is set again by `period`: an LFD that
    /// did not run has not given the process its grace.
    pub(crate) fn kill_if_due(&mut self, now: Time, period: Duration) -> Kill {
        let Some(due) = self.kill_at.filter(|due| *due <= now) else { return Kill::No };
        if now.since(due) > LATE.max(period / 2) {
            self.kill_at = Some(now + period);
            return Kill::No;
        }
        self.kill()
    }

    /// When to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.launch_at.into_iter().chain(self.kill_at).min()
    }
}
