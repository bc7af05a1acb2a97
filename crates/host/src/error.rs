//! Why a process cannot start: one line each that names what failed, where, and what to do.
//!
//! Not here: anything that happens once the loop runs; that is an input of the role or a note.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the host cannot run. The process ends with exit code 2, or 3 when it runs already.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A door cannot be opened.
    #[error("cannot listen on {address}: {}", advice(.source, .address))]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The source address of what is dialled is not one of this machine's.
    #[error("cannot dial from {address}: {}", advice(.source, .address))]
    Source {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The audit file cannot be opened.
    #[error("cannot append to the audit file {}: {source}", .path.display())]
    Audit {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory for what must survive a restart cannot be used.
    #[error(
        "cannot use the state directory {}: {source}; give one that can be written with \
         --state-dir or CHEVRON_STATE_DIR",
        .path.display()
    )]
    StateDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither the state directory nor a home directory is known.
    #[error("no state directory: give --state-dir or CHEVRON_STATE_DIR, or set HOME")]
    NoStateDir,
    /// A record of an earlier run cannot be read.
    #[error("cannot read the record {}: {source}", .path.display())]
    Record {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The same process runs already.
    #[error(
        "{what} runs already{}: it holds {}; end it first, or use another state directory",
        holder(.pid),
        .path.display()
    )]
    Locked {
        /// Who.
        what: String,
        /// The process that holds the lock, where the file says it.
        pid: Option<u32>,
        /// The lock file.
        path: PathBuf,
    },
    /// A lock file cannot be used at all.
    #[error("cannot lock {}: {source}", .path.display())]
    Lock {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gives no timer, poller or signal handler.
    #[error("cannot start the event loop: {0}")]
    System(#[from] io::Error),
}

fn holder(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" as process {pid}")).unwrap_or_default()
}

fn advice(error: &io::Error, address: &SocketAddr) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "the port is in use; `ss -ltnp 'sport = :{port}'` says who holds it. End that process, \
             or choose other ports with --port-base"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine; give one of `ip address`", address.ip())
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} is not allowed; choose ports from 1024 on with --port-base")
        }
        _ => error.to_string(),
    }
}
