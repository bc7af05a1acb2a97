//! Starting the server process: [`Command`].
//!
//! The child has no pipe to its parent, so it outlives it: its output goes where its parent's goes,
//! or to a log file. Its own session, which keeps its parent's Ctrl-C away, it takes itself at its
//! start ([`crate::process::new_session`]): only the child can.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// How the server process is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The file to which its output is appended; `None` for where our own output goes.
    pub log: Option<PathBuf>,
}

impl Command {
    /// Starts the process.
    ///
    /// # Errors
    /// One line that names the file that is missing or not allowed.
    pub(crate) fn start(&self) -> Result<Child, String> {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        if let Some(path) = &self.log {
            let log = open_log(path).and_then(|log| Ok((log.try_clone()?, log)));
            let (out, err) =
                log.map_err(|e| format!("cannot append to the log file {}: {e}", path.display()))?;
            command.stdout(out).stderr(err);
        }
        command.spawn().map_err(|error| {
            format!(
                "cannot start {}: {error}; is the program there and executable?",
                self.program.display()
            )
        })
    }
}

/// Opens a log for appending. A named pipe is opened for reading too, because opening one for
/// writing alone waits for its reader.
fn open_log(path: &Path) -> io::Result<File> {
    let pipe = path.metadata().is_ok_and(|found| found.file_type().is_fifo());
    if pipe {
        return OpenOptions::new().read(true).write(true).open(path);
    }
    OpenOptions::new().append(true).create(true).open(path)
}
