//! Timeouts that all last equally long, so that the first one set is the first one due.

use std::collections::VecDeque;
use std::time::Duration;

use node::{Conn, Time};

/// A queue of connections with the moment at which their patience ends. Entries of connections that
/// are gone stay until they are due: whoever takes them looks whether they still matter.
pub(crate) struct Timeouts {
    lasts: Duration,
    queue: VecDeque<(Time, Conn)>,
}

impl Timeouts {
    /// Timeouts of this length.
    pub(crate) fn new(lasts: Duration) -> Self {
        Self { lasts, queue: VecDeque::new() }
    }

    /// Starts one.
    pub(crate) fn push(&mut self, now: Time, conn: Conn) {
        self.queue.push_back((now + self.lasts, conn));
    }

    /// Takes one that is due.
    pub(crate) fn due(&mut self, now: Time) -> Option<Conn> {
        let (time, conn) = *self.queue.front()?;
        if time > now {
            return None;
        }
        self.queue.pop_front();
        Some(conn)
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.queue.front().map(|(time, _)| *time)
    }
}
