//! The processes of a run: launched, signalled, reaped, and none left behind.
//!
//! Servers are launched by their LFDs and outlive them, so the drill makes itself the reaper of its
//! orphans: whatever it started, directly or not, descends from it until it is reaped.
//! Guarantee: a signal goes only to a process that descends from this one and was not its child
//! before the run, so never to a stranger that got the number of one of ours.
//!
//! Not here: which process has which name beyond those that were launched here.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, set_child_subreaper, wait, waitpid,
};
use wire::NodeName;

use crate::procfs;

/// Children that this process had before it became ours: they are left alone.
static STRANGERS: OnceLock<BTreeSet<i32>> = OnceLock::new();

/// How long [`end_all`] goes on before it says that something cannot be ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// All processes of the run.
#[derive(Debug)]
pub struct Processes {
    named: BTreeMap<i32, NodeName>,
}

/// A process that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its process id.
    pub pid: i32,
    /// Its name, if it was launched here.
    pub name: Option<NodeName>,
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// How, in words.
    pub how: String,
}

impl Processes {
    /// Makes this process the reaper of its orphans, and ends them if it panics.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn new() -> io::Result<Self> {
        STRANGERS.get_or_init(|| procfs::descendants(me(), &BTreeSet::new()));
        set_child_subreaper(Some(getpid()))?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            let _ = end_all();
        }));
        Ok(Self { named: BTreeMap::new() })
    }

    /// Launches a program; what it prints goes to `output`. It is out of reach of the terminal's
    /// Ctrl-C, which is for the drill alone.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn launch(
        &mut self,
        name: NodeName,
        program: &Path,
        args: &[OsString],
        output: OwnedFd,
    ) -> io::Result<i32> {
        self.launch_with(name, program, args, output, None, &[])
    }

    /// The same, with something to read and variables.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn launch_with(
        &mut self,
        name: NodeName,
        program: &Path,
        args: &[OsString],
        output: OwnedFd,
        input: Option<OwnedFd>,
        environment: &[(&str, &str)],
    ) -> io::Result<i32> {
        let output = File::from(output);
        let mut command = Command::new(program);
        command.args(args).stdin(input.map_or_else(Stdio::null, Stdio::from)).process_group(0);
        command.stdout(output.try_clone()?).stderr(output);
        for (key, _) in std::env::vars_os() {
            // A drill is what its file says, not what the shell it was started from says.
            if key.to_string_lossy().starts_with("CHEVRON_") {
                command.env_remove(&key);
            }
        }
        command.envs(environment.iter().copied());
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        self.named.insert(pid, name);
        Ok(pid)
    }

    /// The running process of that name, if it was launched here.
    #[must_use]
    pub fn find(&self, name: NodeName) -> Option<i32> {
        self.named.iter().find(|(_, known)| **known == name).map(|(pid, _)| *pid)
    }

    /// The next process that has ended, without waiting.
    pub fn reap(&mut self) -> Option<Ended> {
        let (pid, status) = wait(WaitOptions::NOHANG).ok()??;
        let pid = pid.as_raw_nonzero().get();
        let name = self.named.remove(&pid);
        Some(Ended { pid, name, code: status.exit_status(), how: how(status) })
    }

    /// Whether anything that was started by this process, directly or not, still runs.
    #[must_use]
    pub fn any_left(&self) -> bool {
        !all().is_empty()
    }
}

/// Sends a signal to one of our processes.
///
/// # Errors
/// When the process is not ours, or has ended.
pub fn signal(pid: i32, signal: Signal) -> Result<(), String> {
    let pid_of = Pid::from_raw(pid).filter(|_| is_ours(pid));
    let pid_of = pid_of.ok_or(format!("process {pid} is not one of this run"))?;
    kill_process(pid_of, signal).map_err(|error| format!("process {pid}: {error}"))
}

/// Whether this process descends from us and has not ended.
#[must_use]
pub fn is_ours(pid: i32) -> bool {
    let strangers = STRANGERS.get();
    let mut next = pid;
    if procfs::stat(pid).is_none_or(|stat| stat.state == 'Z') {
        return false;
    }
    while let Some(stat) = procfs::stat(next) {
        if strangers.is_some_and(|strangers| strangers.contains(&next)) {
            return false;
        }
        if stat.parent == me() {
            return true;
        }
        next = stat.parent;
    }
    false
}

/// All processes that this one started, directly or not.
#[must_use]
pub fn all() -> BTreeSet<i32> {
    procfs::descendants(me(), STRANGERS.get().unwrap_or(&BTreeSet::new()))
}

/// Ends every process that this one started, directly or not, and reaps it.
///
/// # Errors
/// The processes that could not be ended.
pub fn end_all() -> Result<(), String> {
    let start = Instant::now();
    loop {
        let left = all();
        if left.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let names: Vec<String> =
                left.iter().map(|pid| format!("{} ({pid})", procfs::program(*pid))).collect();
            return Err(format!("still running: {}", names.join(", ")));
        }
        for pid in left.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
            // Only a child can be waited for; a grandchild becomes one when its parent is gone.
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn me() -> i32 {
    getpid().as_raw_nonzero().get()
}

fn how(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "ended".into(),
    }
}
