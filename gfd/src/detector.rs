//! [`GlobalFaultDetector`]: its state, and how inputs reach the two sides, `lfds` (what is
//! observed) and `manager` (what the RM is told and orders).

use std::collections::BTreeMap;
use std::time::Duration;

use detect::{Backoff, Dialer, Heartbeats};
use node::{Conn, Event, Input, Output, Role, Time, Tune};
use wire::{Change, ErrorCode, Message, NodeName, ReplicaName};

use crate::config::Config;

const RM_REDIAL: Duration = Duration::from_millis(20);
const RM_REDIAL_LIMIT: Duration = Duration::from_millis(500);

/// An LFD that said who it is.
#[derive(Debug)]
pub(crate) struct Lfd {
    pub(crate) name: NodeName,
    pub(crate) server: ReplicaName,
    pub(crate) beats: Heartbeats,
    /// Whether it has reported on this connection; what was reported before is hearsay until then.
    pub(crate) reported: bool,
}

/// What is known of a server.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Its LFD's last report.
    pub(crate) report: Option<Change>,
    /// Whether that LFD is still there to change it.
    pub(crate) monitored: bool,
}

impl Known {
    fn is_member(&self) -> bool {
        matches!(self.report, Some(Change::Add(_)))
    }
}

/// The detector of the LFDs.
#[derive(Debug)]
pub struct GlobalFaultDetector {
    pub(crate) config: Config,
    pub(crate) rm: Dialer,
    /// The LFDs, by connection. A connection that has not said whose it is is not here: the host
    /// bounds how many there are and how long they may be silent.
    pub(crate) lfds: BTreeMap<Conn, Lfd>,
    pub(crate) servers: BTreeMap<ReplicaName, Known>,
    /// How many frames could not be passed on.
    pub(crate) dropped: u64,
}

impl GlobalFaultDetector {
    /// A detector that knows nobody yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let backoff = Backoff::new(RM_REDIAL, RM_REDIAL_LIMIT);
        Self {
            rm: Dialer::new(config.rm, backoff, 2, 2),
            lfds: BTreeMap::new(),
            servers: BTreeMap::new(),
            dropped: 0,
            config,
        }
    }

    /// The membership line, anew.
    pub(crate) fn print_members(&self, out: &mut Vec<Output>) {
        let members =
            self.servers.iter().filter(|(_, known)| known.is_member()).map(|(name, _)| *name);
        let (by, members) = (self.config.name, members.collect());
        out.push(Output::Note(Event::Members { by, members }));
    }

    /// Takes over what is now known of a server, tells the RM, and prints the membership if that
    /// changed it.
    pub(crate) fn learn(&mut self, server: ReplicaName, change: Change, out: &mut Vec<Output>) {
        let known = self.servers.entry(server).or_default();
        let was_member = known.is_member();
        known.report = Some(change);
        known.monitored = true;
        let turned = known.is_member() != was_member;
        self.tell_rm(server, change, out);
        if turned {
            self.print_members(out);
        }
    }

    fn tune(&mut self, tune: Tune) {
        let config = &mut self.config;
        config.heartbeat_period = tune.heartbeat_period.unwrap_or(config.heartbeat_period);
        config.heartbeat_timeout = tune.heartbeat_timeout.unwrap_or(config.heartbeat_timeout);
        for lfd in self.lfds.values_mut() {
            lfd.beats.retune(config.heartbeat_period, config.heartbeat_timeout);
        }
    }

    /// Tells a peer what it did wrong. The caller closes the connection.
    pub(crate) fn reject(&self, conn: Conn, code: ErrorCode, text: &str, out: &mut Vec<Output>) {
        let (from, text) = (self.config.name, text.to_owned());
        out.push(Output::Send(conn, Message::Error { from, code, text: text.clone() }));
        out.push(Output::Note(Event::Rejected { conn, code, text }));
    }

    /// Passes a frame on, or counts it when nobody is there to take it: whoever sent it repeats
    /// what still matters.
    pub(crate) fn pass(
        &mut self,
        to: Option<Conn>,
        what: &'static str,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        if let Some(conn) = to {
            out.push(Output::Send(conn, message));
        } else {
            self.dropped += 1;
            out.push(Output::Note(Event::Dropped { what, count: self.dropped }));
        }
    }
}

impl Role for GlobalFaultDetector {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Start => {
                self.print_members(out);
                self.rm.dial(out);
            }
            // Whoever was accepted says who it is; until then there is nothing to know.
            Input::Opened(conn, _) if self.rm.owns(conn) => self.rm_opened(conn, out),
            Input::Received(conn, message) if self.rm.owns(conn) => {
                self.rm_says(now, message, out);
            }
            Input::Received(conn, message) => self.lfd_says(now, conn, message, out),
            Input::Closed(conn) if self.rm.owns(conn) => self.rm_closed(now, out),
            Input::Closed(conn) => self.lfd_closed(conn, out),
            Input::Tune(tune) => self.tune(tune),
            Input::Opened(..)
            | Input::Persisted
            | Input::PersistFailed(_)
            | Input::Launched { .. }
            | Input::LaunchFailed(_)
            | Input::Exited { .. }
            | Input::Line(_)
            | Input::LineEnd
            | Input::Ended(_) => {}
        }
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        self.rm.wake(now, out);
        self.beat_all(now, out);
    }

    fn deadline(&self) -> Option<Time> {
        let beats = self.lfds.values().filter_map(|lfd| lfd.beats.deadline());
        beats.chain(self.rm.deadline()).min()
    }
}
