//! [`LocalFaultDetector`]: its state, and how inputs reach the two halves, `server` (what
//! is observed) and `gfd` (what is reported and ordered).

use std::time::Duration;

use detect::{Backoff, Dialer, Heartbeats, Verdict};
use node::{Conn, Event, Input, Output, Role, Time, Tune};
use wire::{ErrorCode, Message};

use crate::config::Config;
use crate::process::Process;
use crate::report::Report;

/// The server is on this machine and dials cost nothing, so a launched one is noticed in a few
/// milliseconds.
pub(crate) const SERVER_REDIAL: Duration = Duration::from_millis(2);
const SERVER_REDIAL_LIMIT: Duration = Duration::from_millis(50);
/// The GFD is on another machine, and all LFDs dial it.
const GFD_REDIAL: Duration = Duration::from_millis(20);
const GFD_REDIAL_LIMIT: Duration = Duration::from_millis(500);
/// A peer that breaks the rules is not going to keep them a millisecond later.
pub(crate) const BAD_PEER_REDIAL: Duration = Duration::from_secs(1);

/// The detector of one server.
#[derive(Debug)]
pub struct LocalFaultDetector {
    pub(crate) config: Config,
    pub(crate) beats: Heartbeats,
    pub(crate) process: Process,
    pub(crate) report: Report,
    /// The connection to the server,
    pub(crate) server: Dialer,
    /// and whether the server has answered on it.
    pub(crate) answered: bool,
    pub(crate) gfd: Dialer,
    /// How many frames could not be passed on.
    pub(crate) dropped: u64,
    /// Whether it was said that a hung process cannot be ended, because nobody knows which it is.
    pub(crate) said_unknown: bool,
}

impl LocalFaultDetector {
    /// A detector that knows nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let server = Backoff::new(SERVER_REDIAL, SERVER_REDIAL_LIMIT);
        let gfd = Backoff::new(GFD_REDIAL, GFD_REDIAL_LIMIT);
        Self {
            beats: Heartbeats::new(config.heartbeat_period, config.heartbeat_timeout),
            process: Process::new(),
            report: Report::default(),
            server: Dialer::new(config.server_address, server, 2, 4),
            answered: false,
            gfd: Dialer::new(config.gfd, gfd, 4, 4),
            dropped: 0,
            said_unknown: false,
            config,
        }
    }

    fn opened(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        if self.server.owns(conn) {
            self.server_opened(now, conn, out);
        } else if self.gfd.owns(conn) {
            self.gfd_opened(conn, out);
        } else {
            self.reject(conn, "an LFD accepts no connections: ask its server or the RM", out);
            out.push(Output::Close(conn));
        }
    }

    fn received(&mut self, now: Time, conn: Conn, message: Message, out: &mut Vec<Output>) {
        if self.server.owns(conn) {
            self.server_says(now, message, out);
        } else if self.gfd.owns(conn) {
            self.gfd_says(now, message, out);
        }
    }

    fn closed(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        if self.server.owns(conn) {
            self.server_closed(now, out);
        } else if self.gfd.owns(conn) {
            self.gfd_closed(now, out);
        }
    }

    fn tune(&mut self, tune: Tune) {
        self.beats.retune(
            tune.heartbeat_period.unwrap_or(self.beats.period()),
            tune.heartbeat_timeout.unwrap_or(self.beats.timeout()),
        );
    }

    /// Sends the heartbeat that is due and draws the conclusion that is due.
    pub(crate) fn beat(&mut self, now: Time, out: &mut Vec<Output>) {
        let Verdict { send, suspect } = self.beats.wake(now);
        if suspect {
            self.server_silent(out);
        }
        if let (Some(count), Some(conn)) = (send, self.server.open()) {
            let (from, to) = (self.config.name, self.config.server.into());
            out.push(Output::Note(Event::HeartbeatSent { count, from, to }));
            out.push(Output::Send(conn, Message::Heartbeat { from, to, count, health: None }));
        }
    }

    /// Tells a peer what it did wrong. The caller closes the connection.
    pub(crate) fn reject(&self, conn: Conn, text: &str, out: &mut Vec<Output>) {
        let (from, code, text) = (self.config.name, ErrorCode::Unexpected, text.to_owned());
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

impl Role for LocalFaultDetector {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Start => {
                self.server.dial(out);
                self.gfd.dial(out);
            }
            Input::Opened(conn, _) => self.opened(now, conn, out),
            Input::Received(conn, message) => self.received(now, conn, message, out),
            Input::Closed(conn) => self.closed(now, conn, out),
            Input::Launched { pid } => self.process_launched(now, pid, out),
            Input::LaunchFailed(why) => self.launch_failed(now, &why, out),
            Input::Exited { pid, how } => self.process_exited(now, pid, how, out),
            Input::Tune(tune) => self.tune(tune),
            Input::Ended(_)
            | Input::Persisted
            | Input::PersistFailed(_)
            | Input::Line(_)
            | Input::LineEnd => {}
        }
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        self.beat(now, out);
        self.server.wake(now, out);
        self.gfd.wake(now, out);
        self.end_if_due(now, out);
        self.launch_if_missing(now, out);
    }

    fn deadline(&self) -> Option<Time> {
        let dials = [self.server.deadline(), self.gfd.deadline()];
        let others = [self.beats.deadline(), self.process.deadline()];
        dials.into_iter().chain(others).flatten().min()
    }
}
