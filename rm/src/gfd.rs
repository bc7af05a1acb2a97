//! The connection to the GFD, and whether it is heard.

use std::time::Duration;

use detect::Heartbeats;
use node::{Conn, Output, Time};
use wire::{Message, NodeName};

/// The longest time between two heartbeats.
const PERIOD: Duration = Duration::from_secs(1);

/// The GFD that is connected.
#[derive(Debug, Clone)]
pub(crate) struct Gfd {
    pub(crate) conn: Conn,
    pub(crate) name: NodeName,
    beats: Heartbeats,
}

impl Gfd {
    /// A GFD that has said who it is. `timeout` is the silence after which it is given up.
    pub(crate) fn new(conn: Conn, name: NodeName, timeout: Duration) -> Self {
        Self { conn, name, beats: Heartbeats::new(period(timeout), timeout) }
    }

    /// It said `hello`, so it answers heartbeats; a GFD of the documents does not.
    pub(crate) fn hello(&mut self, now: Time) {
        if self.beats.deadline().is_none() {
            self.beats.start(now);
        }
    }

    /// It answered a heartbeat.
    pub(crate) fn heard(&mut self, now: Time, count: u64) {
        self.beats.heard(now, count);
    }

    /// The timeout has changed.
    pub(crate) fn retune(&mut self, timeout: Duration) {
        self.beats.retune(period(timeout), timeout);
    }

    /// When to be woken.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.beats.deadline()
    }

    /// Sends what is due; true if it has been silent for too long.
    pub(crate) fn wake(&mut self, now: Time, me: NodeName, out: &mut Vec<Output>) -> bool {
        let verdict = self.beats.wake(now);
        if let Some(count) = verdict.send {
            let beat = Message::Heartbeat { from: me, to: self.name, count, health: None };
            out.push(Output::Send(self.conn, beat));
        }
        verdict.suspect
    }
}

/// Three heartbeats fit into the timeout.
fn period(timeout: Duration) -> Duration {
    PERIOD.min(timeout / 3).max(Duration::from_millis(10))
}
