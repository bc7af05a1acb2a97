//! What happens around a cluster, each source in a task of its own: lines, typed commands, signals.

use std::io::{self, BufRead};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;
use wire::NodeName;

/// Something that happened.
#[derive(Debug)]
pub enum Happening {
    /// A process printed lines.
    Lines(NodeName, Vec<String>),
    /// A person typed a line.
    Typed(String),
    /// A signal asks to end.
    End,
}

/// The longest line that is kept whole.
const LONGEST: usize = 64 * 1024;

/// A pipe for what a process is going to print; gives the end to write into.
///
/// # Errors
/// When the system has no pipe left.
pub fn pipe(name: NodeName, to: &Sender<Happening>) -> Result<OwnedFd> {
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    let reader = pipe::Receiver::from_owned_fd(reader.into()).context("cannot read a pipe")?;
    tokio::spawn(read(name, reader, to.clone()));
    Ok(writer.into())
}

/// A named pipe for what the runs of a server are going to print. It is open for writing here too,
/// so that it has no end between two runs.
///
/// # Errors
/// When it cannot be made.
pub fn fifo(name: NodeName, path: &Path, to: &Sender<Happening>) -> Result<()> {
    let owner = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, path, FileType::Fifo, owner, 0)
        .with_context(|| format!("cannot make the named pipe {}", path.display()))?;
    let open = pipe::OpenOptions::new().read_write(true).open_receiver(path);
    let reader = open.with_context(|| format!("cannot open the named pipe {}", path.display()))?;
    tokio::spawn(read(name, reader, to.clone()));
    Ok(())
}

async fn read(name: NodeName, mut from: pipe::Receiver, to: Sender<Happening>) {
    let mut buffer = Vec::new();
    loop {
        let count = from.read_buf(&mut buffer).await.unwrap_or(0);
        let whole = match buffer.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if count == 0 || buffer.len() > LONGEST => buffer.len(),
            None => 0,
        };
        let text: Vec<u8> = buffer.drain(..whole).collect();
        let lines: Vec<String> =
            String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
        let gone = !lines.is_empty() && to.send(Happening::Lines(name, lines)).await.is_err();
        if count == 0 || gone {
            return;
        }
    }
}

/// Typed lines. When the keyboard is closed there are none, and nothing else changes.
pub fn keyboard(to: &Sender<Happening>) {
    let to = to.clone();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if to.blocking_send(Happening::Typed(line)).is_err() {
                return;
            }
        }
    });
}

/// SIGINT, SIGTERM and SIGHUP ask to end.
///
/// # Errors
/// When the system does not allow it.
pub fn signals(to: &Sender<Happening>) -> io::Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let (mut signal, to) = (signal(kind)?, to.clone());
        tokio::spawn(async move {
            while signal.recv().await.is_some() && to.send(Happening::End).await.is_ok() {}
        });
    }
    Ok(())
}
