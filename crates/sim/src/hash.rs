//! The trace hash: one number for everything that happened in a run.
//!
//! Guarantees: two runs with the same hash have, but for chance, given the same inputs to the same
//! processes at the same microseconds, and those have wanted the same done.
//!
//! Not here: a trace that can be read; see `trace`.

use node::{Input, Output, Time};

use crate::process::Pid;

/// FNV-1a over what happened, word by word.
#[derive(Debug, Clone)]
pub(crate) struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    /// A process got an input.
    pub(crate) fn input(&mut self, at: Time, pid: Pid, input: &Input) {
        self.word(at.as_micros());
        let (kind, detail) = match input {
            Input::Start => (1, 0),
            Input::Opened(conn, _) => (2, conn.0),
            Input::Received(conn, message) => (3, conn.0 << 8 | message.kind() as u64),
            Input::Closed(conn) => (4, conn.0),
            Input::Persisted => (5, 0),
            Input::PersistFailed(_) => (6, 0),
            Input::Launched { pid } => (7, u64::from(*pid)),
            Input::LaunchFailed(_) => (8, 0),
            Input::Exited { pid, .. } => (9, u64::from(*pid)),
            Input::Line(line) => (10, line.len() as u64),
            Input::LineEnd => (11, 0),
            Input::Tune(_) => (12, 0),
            Input::Ended(conn) => (13, conn.0),
        };
        self.word(u64::from(pid) << 32 | kind);
        self.word(detail);
    }

    /// A process wants something done.
    pub(crate) fn output(&mut self, at: Time, pid: Pid, output: &Output) {
        let (kind, detail) = match output {
            Output::Dial(conn, _) => (33, conn.0),
            Output::Send(conn, message) => (34, conn.0 << 8 | message.kind() as u64),
            Output::SendMany(conns, messages) => {
                let kinds = messages.iter().map(|message| message.kind() as u64);
                (35, kinds.fold(conns.len() as u64, |word, kind| word << 8 ^ word >> 56 ^ kind))
            }
            Output::Close(conn) => (36, conn.0),
            Output::Pause(conn) => (37, conn.0),
            Output::Resume(conn) => (38, conn.0),
            Output::Launch(_) => (39, 0),
            Output::Adopt(pid) => (40, u64::from(*pid)),
            Output::Kill(pid) => (41, u64::from(*pid)),
            Output::Persist(record) => (42, record.len() as u64),
            Output::Note(_) => (43, 0),
            Output::Exit(code) => (44, u64::from(*code)),
        };
        self.word(at.as_micros() << 8 | kind);
        self.word(u64::from(pid));
        self.word(detail);
    }

    /// The hash so far.
    #[must_use]
    pub(crate) fn value(&self) -> u64 {
        self.0
    }
}
