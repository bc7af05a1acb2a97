//! The way to the central manager: a session with the suite, as any client has one.
//!
//! Guarantees: what is asked is asked in that order and takes effect once, across fail-overs; the
//! user is told of replies, of notices, and of every new connection, after what was unanswered has
//! been sent again on it.
//!
//! Not here: what is asked, and what a notice means.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use node::{Conn, Event, Output, Time};
use wire::{ClientName, ErrorCode, Message, Mode, ReplicaName, SessionId};

use super::Config;
use crate::client::{PATIENCE, SEEK};
use crate::directory::{Directory, News, Target};
use crate::links::{Links, Numbering};
use crate::pace::{Pace, earliest};
use crate::rounds::{End, ROUNDS, Rounds};
use crate::session::{Opening, Session, Verdict};
use crate::switch::Switch;

/// How many requests may be unanswered.
const WINDOW: u32 = 64;

/// What the suite has to say.
#[derive(Debug)]
pub(super) enum Said {
    /// A new connection is ready, and what was unanswered is sent again on it.
    Ready,
    /// The answer to what was asked.
    Reply {
        /// What was asked.
        asked: Bytes,
        /// The answer.
        reply: Bytes,
    },
    /// The service says something by itself.
    Notice(Bytes),
    /// The session was lost, and with it whatever was unanswered.
    Renewed,
    /// Another server is the primary.
    Primary(ReplicaName),
    /// No server answers any more.
    Dead,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Suite {
    name: ClientName,
    pub(super) numbering: Numbering,
    directory: Directory,
    links: Links,
    session: Session<Bytes>,
    /// What does not fit into the window yet.
    waiting: VecDeque<Bytes>,
    said: Vec<Said>,
    seek_at: Option<Time>,
    pace: Pace,
    rounds: Rounds,
}

impl Suite {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            name: config.name,
            numbering: Numbering::default(),
            directory: Directory::new(config.name, false, config.rm, BTreeMap::new()),
            links: Links::default(),
            session: Session::new(Some(config.nonce.max(1)), WINDOW),
            waiting: VecDeque::new(),
            said: Vec::new(),
            seek_at: None,
            pace: Pace::new(std::time::Duration::ZERO, SEEK.0, SEEK.1),
            rounds: Rounds::new(config.round),
        }
    }

    /// Asks for the primary.
    pub(super) fn start(&mut self, now: Time, out: &mut Vec<Output>) {
        self.directory.ask(now, out);
    }

    /// Asks the manager something.
    pub(super) fn ask(&mut self, body: Bytes, out: &mut Vec<Output>) {
        self.waiting.push_back(body);
        self.send_due(out);
    }

    /// What the suite has said since this was called last.
    pub(super) fn said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    /// Whether a connection is to the suite.
    pub(super) fn is(&self, conn: Conn) -> bool {
        self.directory.is(conn) || self.links.server(conn).is_some()
    }

    /// Does what is due.
    pub(super) fn run_due(&mut self, now: Time, out: &mut Vec<Output>) {
        self.end_round(now, out);
        if self.seek_at.is_some_and(|at| at <= now) {
            // Servers go on answering while the RM is away.
            let tried = self.directory.is_silent() && self.links.hasten(now);
            self.seek_at = (!tried).then_some(now + PATIENCE);
            self.directory.ask(now, out);
        }
        self.directory.dial_due(now, &mut self.numbering, out);
        let registration = self.session.registration();
        self.links.dial_due(now, self.name, registration, &mut self.numbering, out);
        self.send_due(out);
        let waiting = !self.session.is_open() || !self.session.is_idle();
        self.rounds.arm(now, waiting);
    }

    /// When something is due.
    pub(super) fn due(&self) -> Option<Time> {
        earliest([self.rounds.due(), self.seek_at, self.directory.due(), self.links.due()])
    }

    fn send_due(&mut self, out: &mut Vec<Output>) {
        while self.session.has_room() && self.links.all_ready().next().is_some() {
            let Some(body) = self.waiting.pop_front() else { return };
            let number = self.session.issue(body.clone());
            let (client, session) = (self.name, self.session.id());
            for (server, conn) in self.links.all_ready() {
                let body = body.clone();
                let request = Message::Request { client, server, number, body, session };
                out.push(Output::Send(conn, request));
            }
        }
    }

    pub(super) fn opened(&mut self, conn: Conn, remote: SocketAddr, out: &mut Vec<Output>) {
        if self.directory.is(conn) {
            self.directory.opened(conn, remote, out);
        } else if let Some(server) = self.links.server(conn) {
            self.links.opened(conn);
            out.push(Output::Note(Event::Connected { to: server.into(), address: remote }));
        }
    }

    pub(super) fn closed(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        if self.directory.is(conn) {
            self.directory.closed(now, out);
        } else if let Some(server) = self.links.server(conn)
            && self.lost(now, conn)
        {
            out.push(Output::Note(Event::Disconnected { from: server.into() }));
        }
    }

    pub(super) fn received(
        &mut self,
        now: Time,
        conn: Conn,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        if self.directory.is(conn) {
            self.rm_says(now, conn, message, out);
        } else {
            self.server_says(now, conn, message, out);
        }
    }

    fn rm_says(&mut self, now: Time, conn: Conn, message: Message, out: &mut Vec<Output>) {
        match message {
            Message::ClientReady { client, mode, servers, view } if client == self.name => {
                let before = self.directory.target().cloned();
                match self.directory.answer(mode, &servers, view.as_ref(), out) {
                    News::Newer(target) => {
                        let switch = Switch { before: before.as_ref(), target: &target };
                        self.switch(now, switch, out);
                    }
                    News::Same if self.seek_at.is_some() && self.links.hasten(now) => {
                        self.seek_at = None;
                    }
                    News::Same => {}
                    News::Nothing => self.seek_at = Some(now + self.pace.pause()),
                }
            }
            other => {
                if let Message::Error { from, code, text } = other {
                    out.push(Output::Note(Event::ErrorReceived { from, code, text }));
                }
                out.push(Output::Close(conn));
                self.directory.left(now);
            }
        }
    }

    fn switch(&mut self, now: Time, switch: Switch<'_>, out: &mut Vec<Output>) {
        self.pace.reset();
        self.seek_at = None;
        let first = |target: &Target| target.servers.first().map(|server| server.name);
        if let Some(primary) = first(switch.target)
            && switch.before.and_then(first) != Some(primary)
        {
            self.said.push(Said::Primary(primary));
        }
        // Its servers may have opened this session before the RM told of them, so they are asked, by
        // registering it again: what was confirmed in it is answered then, and not done once more.
        if switch.is_new_cluster() && self.session.id().is_some() {
            self.links.restart(now, out);
        }
        self.links.retarget(&switch.target.servers, now, out);
    }

    fn server_says(&mut self, now: Time, conn: Conn, message: Message, out: &mut Vec<Output>) {
        let Some(server) = self.links.server(conn) else { return };
        match message {
            Message::Reply { client, number, body, session, .. } => {
                if client != self.name || session != self.session.id() {
                    return;
                }
                if let Verdict::First(asked) = self.session.answer(number) {
                    self.said.push(Said::Reply { asked, reply: body.unwrap_or_default() });
                }
                self.rounds.answered();
                self.pace.reset();
            }
            Message::Notice { client, body, .. } if client == self.name => {
                self.rounds.answered();
                self.said.push(Said::Notice(body));
            }
            Message::Registered { client, nonce, session, .. } if client == self.name => {
                self.registered(now, server, conn, (nonce, session), out);
            }
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text: text.clone() }));
                match code {
                    ErrorCode::Stale => {}
                    ErrorCode::Expired => self.renew(now, &text, out),
                    _ => self.hang_up(now, conn, out),
                }
            }
            other => {
                let text = format!("`{}` has no place on this connection", other.kind());
                let (from, code) = (self.name.into(), ErrorCode::Unexpected);
                out.push(Output::Note(Event::Rejected { conn, code, text: text.clone() }));
                out.push(Output::Send(conn, Message::Error { from, code, text }));
                self.hang_up(now, conn, out);
            }
        }
    }

    fn registered(
        &mut self,
        now: Time,
        server: ReplicaName,
        conn: Conn,
        (nonce, session): (u64, SessionId),
        out: &mut Vec<Output>,
    ) {
        match self.session.registered(nonce, session) {
            Opening::Ours => {
                self.rounds.answered();
                self.links.ready(conn);
                let (client, session) = (self.name, self.session.id());
                for (number, body) in self.session.unanswered() {
                    let body = body.clone();
                    let request = Message::Request { client, server, number, body, session };
                    out.push(Output::Send(conn, request));
                }
                self.said.push(Said::Ready);
            }
            Opening::Old => {}
            Opening::Forgotten => {
                self.renew(now, "the servers know it no longer and opened another one", out);
            }
        }
    }

    /// The session is lost. What was unanswered in it is not sent again: in a new session it would be
    /// executed a second time.
    fn renew(&mut self, now: Time, why: &str, out: &mut Vec<Output>) {
        self.session.renew();
        self.waiting.clear();
        let text = format!("the session is lost ({why}): a new one begins");
        out.push(Output::Note(Event::Warning(text)));
        self.said.push(Said::Renewed);
        self.seek_at = None;
        self.links.restart(now + self.pace.pause(), out);
    }

    fn hang_up(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        out.push(Output::Close(conn));
        self.lost(now, conn);
    }

    /// The connection to a server is gone. Whether it was open before.
    fn lost(&mut self, now: Time, conn: Conn) -> bool {
        let passive = self.directory.target().is_none_or(|target| target.mode == Mode::Passive);
        let pause = self.pace.pause();
        if passive {
            self.seek_at = Some(now + pause);
        }
        self.links.lost(conn, (!passive).then_some(now + pause))
    }

    fn end_round(&mut self, now: Time, out: &mut Vec<Output>) {
        match self.rounds.end(now) {
            None | Some(End::Stopped) => {}
            Some(End::Again(round)) => {
                out.push(Output::Note(Event::Warning(format!(
                    "no manager has answered for {:?} (round {round} of {ROUNDS}): connecting anew",
                    self.rounds.length()
                ))));
                self.seek_at = None;
                self.links.restart(now, out);
                self.directory.restart(now, out);
            }
            Some(End::Dead) => self.said.push(Said::Dead),
        }
    }
}
