//! Typed lines, as inputs of the role.
//!
//! A thread reads standard input, because a terminal cannot be asked without waiting on every
//! system; it is left behind at exit. A role that is slower than the keyboard makes the keyboard
//! wait (the queue is bounded).

use std::io::{self, BufRead, Read};
use std::task::Poll;

use node::Input;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::wakeups::{Key, Source, Wakeups};

/// How many lines may wait for the role.
const QUEUE: usize = 64;

/// The longest line, in bytes; what is longer comes as several lines. A page of Ivy of which every byte
/// is typed as an escape fits.
const LINE_LIMIT: u64 = 256 * 1024;

/// The keyboard.
pub(crate) struct Keyboard {
    lines: Receiver<String>,
    source: Source,
    ended: bool,
}

impl Keyboard {
    /// Starts to read.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(wakeups: &Wakeups) -> io::Result<Self> {
        let (sender, lines) = channel(QUEUE);
        let thread = std::thread::Builder::new().name("keyboard".to_owned());
        thread.spawn(move || read(io::stdin().lock(), &sender))?;
        let source = wakeups.source(Key::Keyboard);
        source.wake();
        Ok(Self { lines, source, ended: false })
    }

    /// Has the keyboard served again in the next turn.
    pub(crate) fn again(&self) {
        self.source.wake();
    }

    /// The next line, or the end of the keyboard, once.
    pub(crate) fn next(&mut self) -> Option<Input> {
        self.source.clear();
        if self.ended {
            return None;
        }
        match self.lines.poll_recv(&mut self.source.context()) {
            Poll::Pending => None,
            Poll::Ready(Some(line)) => Some(Input::Line(line)),
            Poll::Ready(None) => {
                self.ended = true;
                Some(Input::LineEnd)
            }
        }
    }
}

/// Sends the lines of `from` until it ends or nobody wants them any more.
fn read(mut from: impl BufRead, lines: &Sender<String>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        if lines.blocking_send(text).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends_and_the_last_needs_none() {
        let (sender, mut lines) = channel(QUEUE);
        read(&b"one\r\n\ntwo"[..], &sender);
        drop(sender);
        let all: Vec<String> = std::iter::from_fn(|| lines.blocking_recv()).collect();
        assert_eq!(all, ["one", "", "two"]);
    }
}
