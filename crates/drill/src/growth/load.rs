//! `client bench` as a child of the drill: what it says while it runs, and in the end.
//!
//! Not here: the load itself, and any judgement of its figures.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::clock;

/// What `client bench --json` says in the end; of more than is read here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Figures {
    /// Requests per second.
    pub(super) per_second: f64,
    /// Half of the requests took at most this, in microseconds.
    pub(super) p50_us: u64,
    /// 99 of 100.
    pub(super) p99_us: u64,
    /// Requests without an answer.
    pub(super) lost: u64,
    /// No server answered any more.
    pub(super) dead: bool,
}

/// What it says of a short time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// When it ended, in microseconds of the machine's clock.
    pub(super) at: u64,
    /// 99 of 100 requests took at most this, in microseconds.
    pub(super) p99: u64,
    /// All of them.
    pub(super) slowest: u64,
}

/// A load generator that runs.
pub(super) struct Load {
    pub(super) pid: i32,
    windows: Arc<Mutex<Vec<Window>>>,
    said: JoinHandle<String>,
    printed: JoinHandle<std::io::Result<String>>,
}

impl Load {
    /// Starts the client program with these arguments.
    pub(super) fn start(client: &Path, args: &[String]) -> Result<Self> {
        let mut command = Command::new(client);
        command.args(args).stdin(Stdio::null()).process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        for (key, _) in std::env::vars_os() {
            // What is measured is what the command line says, not what the shell says.
            if key.to_string_lossy().starts_with("CHEVRON_") {
                command.env_remove(&key);
            }
        }
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", client.display()))?;
        let (out, errors) = (child.stdout.take(), child.stderr.take());
        let (mut out, errors) = (out.context("no output")?, errors.context("no output")?);
        let windows = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&windows);
        let said = std::thread::spawn(move || {
            let mut last = String::new();
            for line in BufReader::new(errors).lines().map_while(std::io::Result::ok) {
                match window(clock::now(), &line) {
                    Some(window) => {
                        seen.lock().unwrap_or_else(PoisonError::into_inner).push(window)
                    }
                    None => last = line,
                }
            }
            last
        });
        let printed = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).map(|_| text)
        });
        Ok(Self { pid: i32::try_from(child.id())?, windows, said, printed })
    }

    /// Whether it has closed its output: it is at its end.
    pub(super) fn is_over(&self) -> bool {
        self.printed.is_finished()
    }

    /// What it has said of the time so far.
    pub(super) fn windows(&self) -> Vec<Window> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it said in the end, once that has come.
    pub(super) fn figures(self) -> Result<Figures> {
        let text = self.printed.join().ok().context("its reader has ended")??;
        let said = self.said.join().unwrap_or_default();
        let figures: Figures = serde_json::from_str(text.trim())
            .with_context(|| format!("client bench gives no figures: {said} {text}"))?;
        ensure!(!figures.dead && figures.lost == 0, "client bench lost requests: {said} {text}");
        Ok(figures)
    }
}

/// Reads a line about the progress: "..., half within 1ms, 99% within 2ms, all within 3ms".
fn window(at: u64, line: &str) -> Option<Window> {
    let after = |words: &str| {
        let rest = &line[line.find(words)? + words.len()..];
        micros(rest.split([',', ' ']).next()?)
    };
    Some(Window { at, p99: after("99% within ")?, slowest: after("all within ")? })
}

/// A duration as the standard library prints it.
fn micros(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..split].parse().ok()?;
    let seconds = match &text[split..] {
        "ns" => number / 1e9,
        "µs" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        _ => return None,
    };
    u64::try_from(Duration::try_from_secs_f64(seconds).ok()?.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_as_it_is_printed() {
        let durations = [1_500_000u64, 2_345, 60].map(Duration::from_micros);
        let [p50, p99, slowest] = [durations[2], durations[1], durations[0]];
        let line = format!(
            "[17:00:00] 7 answered, 70 per second, half within {p50:?}, 99% within {p99:?}, all \
             within {slowest:?}, 3 lost"
        );
        let expected = Window { at: 9, p99: 2_345, slowest: 1_500_000 };
        assert_eq!(window(9, &line), Some(expected));
        assert_eq!(window(9, "warning: no server has answered for 2s"), None);
    }
}
