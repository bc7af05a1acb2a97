//! Watching processes: launched children and adopted ones alike, through their pidfd.
//!
//! Guarantees: an exit is noticed when the kernel shows it, not at the next poll; a launched child
//! is reaped; only a process that is watched is ever killed, and through its pidfd, so never one
//! that got its number later.
//!
//! Not here: when to launch or kill; the LFD says that.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::launch::Command;
use crate::wakeups::{Key, Source, Wakeups};

/// Gives this process its own session, so that its launcher's terminal no longer ends it. For a
/// launched server, first thing.
///
/// # Errors
/// When this process leads a process group already (it was started from a shell).
pub fn new_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// One watched process.
struct Watched {
    pid: u32,
    fd: AsyncFd<OwnedFd>,
    /// The handle for reaping; `None` for an adopted process, whose parent reaps it.
    child: Option<Child>,
}

/// All watched processes.
pub(crate) struct Processes {
    watched: Vec<Watched>,
    source: Source,
}

impl Processes {
    /// None yet.
    pub(crate) fn new(wakeups: &Wakeups) -> Self {
        Self { watched: Vec::new(), source: wakeups.source(Key::Processes) }
    }

    /// Starts a process and watches it.
    ///
    /// # Errors
    /// One line that says why there is no process.
    pub(crate) fn launch(&mut self, command: &Command) -> Result<u32, String> {
        let mut child = command.start()?;
        let pid = child.id();
        match open(pid) {
            Ok(fd) => {
                self.watch(Watched { pid, fd, child: Some(child) });
                Ok(pid)
            }
            Err(error) => {
                // A process that cannot be watched must not run unwatched: its exit would be lost.
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("cannot watch process {pid} that was just launched: {error}"))
            }
        }
    }

    /// Watches a process that runs already, if it runs the program that `command` would launch.
    ///
    /// # Errors
    /// One line that says why it is not watched.
    pub(crate) fn adopt(&mut self, pid: u32, command: &Command) -> Result<(), String> {
        if self.watched.iter().any(|known| known.pid == pid) {
            return Ok(());
        }
        // The pidfd comes first: what is then read of the number is read of that process, or of
        // one that has ended, which the pidfd tells.
        let fd = open(pid).map_err(|e| format!("cannot watch process {pid}: {e}"))?;
        let link = format!("/proc/{pid}/exe");
        let runs = std::fs::read_link(&link)
            .map_err(|e| format!("process {pid} is not adopted: cannot read {link}: {e}"))?;
        if !same_program(&runs, &command.program) {
            return Err(format!(
                "process {pid} is not adopted: it runs {}, not {}",
                runs.display(),
                command.program.display()
            ));
        }
        self.watch(Watched { pid, fd, child: None });
        Ok(())
    }

    fn watch(&mut self, watched: Watched) {
        self.watched.push(watched);
        self.source.wake();
    }

    /// Ends a watched process at once.
    ///
    /// # Errors
    /// One line that says why not.
    pub(crate) fn kill(&self, pid: u32) -> Result<(), String> {
        let watched = self.watched.iter().find(|known| known.pid == pid);
        let watched = watched.ok_or_else(|| format!("process {pid} is not watched: not killed"))?;
        match pidfd_send_signal(watched.fd.get_ref(), Signal::KILL) {
            // It has ended already; its exit is on its way.
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(format!("cannot kill process {pid}: {error}")),
        }
    }

    /// The next process that has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<(u32, String)> {
        self.source.clear();
        let mut context = self.source.context();
        let ended = |known: &Watched| known.fd.poll_read_ready(&mut context).is_ready();
        let place = self.watched.iter().position(ended)?;
        // Another one may have ended too, and would not be polled before its own next wake-up.
        self.source.wake();
        let mut gone = self.watched.swap_remove(place);
        let how = match gone.child.as_mut().map(Child::wait) {
            Some(Ok(status)) => how(status),
            Some(Err(error)) => format!("gone, and not reaped: {error}"),
            None => "gone".to_owned(),
        };
        Some((gone.pid, how))
    }
}

/// A pidfd in the event loop. `with_interest` is deprecated because it trusts any type to keep its
/// descriptor open and unchanged; an `OwnedFd` does, and what replaces it is for unsafe code.
#[expect(deprecated, reason = "sound for an OwnedFd, and this tree has no unsafe code")]
fn open(pid: u32) -> io::Result<AsyncFd<OwnedFd>> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let fd = pidfd_open(pid, PidfdFlags::empty())?;
    AsyncFd::with_interest(fd, Interest::READABLE)
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "gone".to_owned(),
    }
}

/// Whether a process whose `/proc/PID/exe` is `runs` was started from `program`. The file may have
/// been replaced by a newer build since, so the same file name is enough.
fn same_program(runs: &Path, program: &Path) -> bool {
    let name = runs.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
    let resolved = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    [program, &resolved].iter().any(|known| known.file_name().is_some_and(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuilt_program_is_the_same_program_and_another_is_not() {
        let program = Path::new("/opt/chevron/server");
        assert!(same_program(Path::new("/opt/chevron/server"), program));
        assert!(same_program(Path::new("/opt/chevron/server (deleted)"), program));
        assert!(!same_program(Path::new("/usr/bin/sleep"), program));
    }
}
