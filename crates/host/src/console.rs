//! What is printed: every [`Event`] on its stream, with the time before it where it belongs.
//!
//! Guarantees: printing never makes the loop wait. Lines are formatted into a buffer, handed to a
//! writing thread once per turn, and when the terminal is slower than that, dropped and counted. A
//! line stays whole where several processes share a pipe, and where standard output and standard
//! error are one file, its lines are in the order in which they were said. A closed standard output
//! ends the printing and not the process.
//!
//! Not here: the text of any line; that is [`Event`]'s `Display`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use chrono::Local;
pub use clap::ColorChoice as Color;
use node::{Event, Stream};

/// How many handed-over pieces may wait for a writing thread.
const QUEUE: usize = 64;

/// How many bytes of lines are kept while that queue is full; what comes then is dropped.
const KEPT: usize = 256 * 1024;

/// How many bytes a pipe takes at once, with nothing of others in between (`PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// How long the end of the process waits for a slow terminal.
const LAST_WORDS: Duration = Duration::from_millis(500);

const DIM: &str = "\x1b[2m";
const YELLOW: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

/// What is printed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Nothing on standard output.
    pub quiet: bool,
    /// Details on standard error.
    pub verbose: bool,
    /// Colours.
    pub color: Color,
}

impl Default for Settings {
    fn default() -> Self {
        Self { quiet: false, verbose: false, color: Color::Auto }
    }
}

/// The console of one process.
pub(crate) struct Console {
    settings: Settings,
    out: Printer,
    /// Nothing where standard error is the same file as standard output.
    err: Option<Printer>,
    stamp: Stamp,
}

impl Console {
    /// Starts the writing threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(settings: Settings) -> io::Result<Self> {
        let colors = |terminal: bool| match settings.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        let err = if are_one(&io::stdout(), &io::stderr()) {
            None
        } else {
            Some(Printer::start(io::stderr(), colors(io::stderr().is_terminal()), "stderr")?)
        };
        Ok(Self {
            settings,
            out: Printer::start(io::stdout(), colors(io::stdout().is_terminal()), "stdout")?,
            err,
            stamp: Stamp::default(),
        })
    }

    /// Prints an event where it belongs, if it is to be printed at all.
    pub(crate) fn note(&mut self, event: &Event) {
        let err = self.err.as_mut().unwrap_or(&mut self.out);
        match event.stream() {
            Stream::Timed | Stream::Plain if self.settings.quiet => {}
            Stream::Plain => self.out.line(None, false, event),
            Stream::Timed => self.out.line(Some(self.stamp.now()), false, event),
            Stream::Diagnostic => err.line(Some(self.stamp.now()), true, event),
            Stream::Detail if self.settings.verbose => {
                err.line(Some(self.stamp.now()), false, event);
            }
            Stream::Detail => {}
        }
    }

    /// Hands what was printed in this turn to the writing threads. True if some of it has to be
    /// handed over later.
    pub(crate) fn hand_over(&mut self) -> bool {
        let out = self.out.hand_over();
        let err = self.err.as_mut().is_some_and(Printer::hand_over);
        out || err
    }

    /// Prints the rest, as far as the terminal takes it in time.
    pub(crate) fn finish(self) {
        self.out.finish();
        if let Some(err) = self.err {
            err.finish();
        }
    }
}

/// Whether two streams are one file: a terminal, a pipe, a log.
fn are_one(one: &impl AsFd, other: &impl AsFd) -> bool {
    let identity = |stream: BorrowedFd<'_>| {
        let file = File::from(stream.try_clone_to_owned().ok()?).metadata().ok()?;
        Some((file.dev(), file.ino()))
    };
    identity(one.as_fd()).is_some_and(|same| identity(other.as_fd()) == Some(same))
}

/// The time before a line, formatted once per second.
#[derive(Default)]
struct Stamp {
    second: i64,
    text: String,
}

impl Stamp {
    fn now(&mut self) -> &str {
        let now = chrono::Utc::now();
        if self.text.is_empty() || now.timestamp() != self.second {
            self.second = now.timestamp();
            self.text.clear();
            // Writing to a `String` does not fail.
            let _ = write!(self.text, "[{}]", now.with_timezone(&Local).format("%H:%M:%S"));
        }
        &self.text
    }
}

/// One stream: the lines of this turn, and the thread that writes them.
struct Printer {
    lines: String,
    colors: bool,
    dropped: u64,
    writer: SyncSender<Vec<u8>>,
    finished: Receiver<()>,
}

impl Printer {
    fn start(target: impl Write + Send + 'static, colors: bool, name: &str) -> io::Result<Self> {
        let (writer, pieces) = sync_channel(QUEUE);
        let (done, finished) = sync_channel(1);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            write_all(target, &pieces);
            // Whoever waits for the end gave up if this fails.
            let _ = done.send(());
        })?;
        Ok(Self { lines: String::new(), colors, dropped: 0, writer, finished })
    }

    fn line(&mut self, stamp: Option<&str>, stands_out: bool, event: &Event) {
        if self.lines.len() >= KEPT {
            self.dropped += 1;
            return;
        }
        let (dim, bright, reset) = match (self.colors, stands_out) {
            (false, _) => ("", "", ""),
            (true, false) => (DIM, "", RESET),
            (true, true) => (DIM, YELLOW, RESET),
        };
        let end = if bright.is_empty() { "" } else { reset };
        // Writing to a `String` does not fail.
        let _ = match stamp {
            Some(stamp) => {
                writeln!(self.lines, "{dim}{stamp}{reset} {bright}{event}{end}")
            }
            None => writeln!(self.lines, "{bright}{event}{end}"),
        };
    }

    fn hand_over(&mut self) -> bool {
        if self.lines.is_empty() {
            return false;
        }
        let dropped = std::mem::take(&mut self.dropped);
        let kept = self.lines.len();
        if dropped > 0 {
            let _ = writeln!(self.lines, "\u{2026} {dropped} lines dropped, the terminal is slow");
        }
        match self.writer.try_send(std::mem::take(&mut self.lines).into_bytes()) {
            // A closed stream: its thread has ended, and nobody reads.
            Ok(()) | Err(TrySendError::Disconnected(_)) => false,
            Err(TrySendError::Full(piece)) => {
                // It was a `String` a moment ago.
                self.lines = String::from_utf8(piece).unwrap_or_default();
                self.lines.truncate(kept);
                self.dropped = dropped;
                true
            }
        }
    }

    fn finish(mut self) {
        if self.hand_over() {
            // The queue is full; its thread may still make room for the last piece.
            std::thread::sleep(LAST_WORDS / 10);
            self.hand_over();
        }
        drop(self.writer);
        match self.finished.recv_timeout(LAST_WORDS) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

/// Writes the pieces until there are no more or nobody reads them.
fn write_all(mut target: impl Write, pieces: &Receiver<Vec<u8>>) {
    while let Ok(piece) = pieces.recv() {
        for lines in whole_lines(&piece) {
            if target.write_all(lines).and_then(|()| target.flush()).is_err() {
                return;
            }
        }
    }
}

/// A piece as parts that end at line ends, each so short that a pipe takes it at once. A line that is
/// longer than that is a part of its own.
fn whole_lines(mut piece: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let fits = &piece[..piece.len().min(AT_ONCE)];
        let end = match fits.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None => piece.iter().position(|b| *b == b'\n').map_or(piece.len(), |end| end + 1),
        };
        let (lines, rest) = piece.split_at(end);
        piece = rest;
        (!lines.is_empty()).then_some(lines)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that shows a byte for each permission.
    struct Slow {
        may: Receiver<()>,
        shown: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.may.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            let _ = self.shown.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn both_ends_of_a_copied_stream_are_one_and_two_pipes_are_not() {
        let ((_one_end, one), (_other_end, other)) =
            (io::pipe().expect("a pipe"), io::pipe().expect("a pipe"));
        assert!(are_one(&one, &one.try_clone().expect("a copy")));
        assert!(!are_one(&one, &other));
    }

    fn slow() -> (Printer, std::sync::mpsc::Sender<()>, Receiver<Vec<u8>>) {
        let (permit, may) = std::sync::mpsc::channel();
        let (shown, seen) = std::sync::mpsc::channel();
        let printer = Printer::start(Slow { may, shown }, false, "slow").expect("a thread");
        (printer, permit, seen)
    }

    #[test]
    fn a_slow_terminal_costs_lines_and_their_number_is_said() {
        let (mut printer, permit, seen) = slow();
        let text = "x".repeat(1000);
        let event = Event::Info(text.clone());
        let all = 2000;
        for _ in 0..all {
            printer.line(None, false, &event);
            printer.hand_over();
        }
        assert!(printer.dropped > 0 && printer.lines.len() < KEPT + 2 * text.len());
        // The terminal wakes up: everything that was kept comes, and the rest is counted.
        for _ in 0..2 * all {
            permit.send(()).expect("the terminal is there");
        }
        while printer.hand_over() {
            std::thread::yield_now();
        }
        drop(printer);
        let bytes: Vec<u8> = seen.iter().flatten().collect();
        let shown = String::from_utf8(bytes).expect("text");
        let lines = shown.lines().filter(|line| line.contains(&text)).count();
        let last = shown.lines().last().expect("lines");
        assert_eq!(last, format!("\u{2026} {} lines dropped, the terminal is slow", all - lines));
    }

    #[test]
    fn what_is_written_at_once_ends_at_a_line_end() {
        let line = |length: usize| format!("{}\n", "x".repeat(length - 1));
        let piece = [100, 3996, 1, 4095, 5000, 20, 4097].map(line).concat();
        let parts: Vec<usize> = whole_lines(piece.as_bytes()).map(<[u8]>::len).collect();
        assert_eq!(parts, [4096, 4096, 5000, 20, 4097]);
        assert_eq!(whole_lines(b"").count(), 0);
        let open = whole_lines(b"a\nno end").collect::<Vec<_>>();
        assert_eq!(open, [&b"a\n"[..], b"no end"]);
    }

    #[test]
    fn a_closed_terminal_stops_nothing() {
        let (mut printer, permit, seen) = slow();
        drop((permit, seen));
        for _ in 0..1000 {
            printer.line(None, false, &Event::Info("hello".to_owned()));
            printer.hand_over();
        }
        printer.finish();
    }

    #[test]
    fn the_time_stands_before_a_line_and_colours_only_where_wanted() {
        let (mut printer, _permit, _seen) = slow();
        printer.line(Some("[17:14:07]"), true, &Event::Info("a".to_owned()));
        assert_eq!(printer.lines, format!("[17:14:07] {}\n", Event::Info("a".to_owned())));
        printer.lines.clear();
        printer.colors = true;
        printer.line(Some("[17:14:07]"), false, &Event::Info("a".to_owned()));
        assert!(printer.lines.starts_with("\x1b[2m[17:14:07]\x1b[0m "), "{:?}", printer.lines);
        assert_eq!(Stamp::default().now().len(), "[17:14:07]".len());
    }
}
