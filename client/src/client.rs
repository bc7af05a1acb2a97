//! [`Client`], the role: what happens, and what follows from it.
//!
//! *Passive*: requests go to the primary. When it is lost or says that it is not the primary, the RM
//! is asked again and the same numbers are sent again to whomever it names.
//! *Active*: requests go to every member; the first reply counts. A lost server is dialled again
//! every `retry` and gets what is unanswered.
//!
//! Not here: anything that has to be remembered of numbers, connections and views; see
//! [`crate::session`], [`crate::links`] and [`crate::directory`].

mod from_rm;
mod from_server;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use node::{Conn, Event, Input, Output, Role, Time};
use wire::{ClientName, ErrorCode, Message, ReplicaName, RequestNumber};

use crate::directory::Directory;
use crate::input::{BODY_LIMIT, Feed, LineRefused, Source};
use crate::links::{Links, Numbering};
use crate::pace::{Pace, earliest};
use crate::rounds::{End, ROUNDS, Rounds};
use crate::session::Session;

/// The pauses between two attempts to find the primary after the first, which is made at once. They
/// begin short: a client may hear of a new primary before that one does, and is refused there.
pub(crate) const SEEK: (Duration, Duration) =
    (Duration::from_millis(2), Duration::from_millis(200));
/// How long the RM may take to answer, before the server that it named last is tried again; and the
/// first pause before a lost session is opened again.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

/// What a client is told at its start; [`crate::config::File`] is where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name; the number at the end selects the doors it uses.
    pub name: ClientName,
    /// The RM's IP and port base.
    pub rm: SocketAddr,
    /// The IP and port base of servers, for an RM that names them without addresses.
    pub servers: BTreeMap<ReplicaName, SocketAddr>,
    /// Greater at every start of this client: the host takes the clock's microseconds.
    pub nonce: u64,
    /// How many requests may be unanswered; 1 to send the next one only after a reply.
    pub window: u32,
    /// Where requests come from.
    pub source: Source,
    /// Active mode: the pause before a lost server is dialled again.
    pub retry: Duration,
    /// How long no server may answer before the round is over.
    pub round: Duration,
    /// Speak only the documents' short forms: no registration, and a window of 1.
    pub short_form: bool,
}

/// The client.
#[derive(Debug)]
pub struct Client {
    name: ClientName,
    short_form: bool,
    retry: Duration,
    numbering: Numbering,
    directory: Directory,
    links: Links,
    session: Session<Bytes>,
    feed: Feed,
    /// Passive: when to ask the RM (again) for the primary; `None` while there is a link to it.
    seek_at: Option<Time>,
    /// The pauses before that, and before a lost session is opened again.
    pace: Pace,
    rounds: Rounds,
    /// Replies and frames that were dropped.
    dropped: u64,
    /// Typed lines that were not sent.
    lines_dropped: u64,
    /// The client has said how it ended.
    ended: bool,
}

impl Client {
    /// A client that has not started yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        // 0 is the mark of the sessions that servers open for clients of the short form.
        let nonce = (!config.short_form).then_some(config.nonce.max(1));
        Self {
            name: config.name,
            short_form: config.short_form,
            retry: config.retry,
            numbering: Numbering::default(),
            directory: Directory::new(config.name, config.short_form, config.rm, config.servers),
            links: Links::default(),
            session: Session::new(nonce, config.window),
            feed: Feed::new(config.source),
            seek_at: None,
            pace: Pace::new(Duration::ZERO, SEEK.0, SEEK.1),
            rounds: Rounds::new(config.round),
            dropped: 0,
            lines_dropped: 0,
            ended: false,
        }
    }

    /// Does what is due at this moment; afterwards nothing that is due by then is left.
    fn run_due(&mut self, now: Time, out: &mut Vec<Output>) {
        self.end_round(now, out);
        if self.ended {
            return;
        }
        self.seek(now, out);
        self.directory.dial_due(now, &mut self.numbering, out);
        let registration = self.session.registration();
        self.links.dial_due(now, self.name, registration, &mut self.numbering, out);
        self.send_due(now, out);
        self.rounds.arm(now, self.is_waiting());
    }

    /// Sends new requests as far as the window and the interval allow. A request is taken in only
    /// when there is a server to send it to, so every number in a session was really sent.
    fn send_due(&mut self, now: Time, out: &mut Vec<Output>) {
        while self.can_send() {
            let Some(body) = self.feed.next(now, self.session.next_number()) else { break };
            let number = self.session.issue(body.clone());
            out.push(Output::Note(Event::Invoked { number, body: body.clone() }));
            for (server, conn) in self.links.all_ready() {
                self.send_request(server, conn, number, body.clone(), out);
            }
        }
        if self.feed.is_finished() && self.session.is_idle() {
            self.end(0, out);
        }
    }

    fn can_send(&self) -> bool {
        self.session.has_room() && self.links.all_ready().next().is_some()
    }

    fn send_request(
        &self,
        server: ReplicaName,
        conn: Conn,
        number: RequestNumber,
        body: Bytes,
        out: &mut Vec<Output>,
    ) {
        let (client, session) = (self.name, self.session.id());
        out.push(Output::Send(conn, Message::Request { client, server, number, body, session }));
        out.push(Output::Note(Event::RequestSent { client, server, number }));
    }

    fn send_unanswered(&self, server: ReplicaName, conn: Conn, out: &mut Vec<Output>) {
        for (number, body) in self.session.unanswered() {
            self.send_request(server, conn, number, body.clone(), out);
        }
    }

    /// Asks the RM whom to ask, if that is due. If it cannot tell, the server that it named last is
    /// tried again: servers go on answering while the RM is away.
    fn seek(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.seek_at.is_none_or(|at| at > now) {
            return;
        }
        let tried = self.directory.is_silent() && self.links.hasten(now);
        self.seek_at = (!tried).then_some(now + PATIENCE);
        self.directory.ask(now, out);
    }

    /// Whether an answer of a server is missing: to a request, to a registration, or because there
    /// is no server to send the next request to.
    fn is_waiting(&self) -> bool {
        !self.session.is_open()
            || !self.session.is_idle()
            || (self.feed.due().is_some() && self.links.all_ready().next().is_none())
    }

    /// Looks whether a round without any answer is over.
    fn end_round(&mut self, now: Time, out: &mut Vec<Output>) {
        match self.rounds.end(now) {
            None => {}
            Some(End::Stopped) => {
                let text = "this client was itself stopped: the round does not count";
                out.push(Output::Note(Event::Info(text.to_owned())));
            }
            Some(End::Again(round)) => {
                out.push(Output::Note(Event::Warning(format!(
                    "no server has answered for {:?} (round {round} of {ROUNDS}): connecting anew",
                    self.rounds.length()
                ))));
                self.seek_at = None;
                self.links.restart(now, out);
                self.directory.restart(now, out);
            }
            Some(End::Dead) => {
                out.push(Output::Note(Event::ServersDead));
                self.end(1, out);
            }
        }
    }

    fn end(&mut self, code: u8, out: &mut Vec<Output>) {
        self.ended = true;
        out.push(Output::Exit(code));
    }

    fn line(&mut self, line: String, out: &mut Vec<Output>) {
        let length = line.len();
        let Err(refused) = self.feed.line(line) else { return };
        self.lines_dropped += 1;
        out.push(Output::Note(match refused {
            LineRefused::TooLong => Event::Warning(format!(
                "a line of {length} bytes was not sent: a request has at most {BODY_LIMIT}"
            )),
            LineRefused::Full => Event::Dropped {
                what: "typed line, because too many wait for the servers",
                count: self.lines_dropped,
            },
            LineRefused::Automatic => Event::Dropped {
                what: "typed line, because the input of this client is automatic",
                count: self.lines_dropped,
            },
        }));
    }

    fn drop_frame(&mut self, what: &'static str, out: &mut Vec<Output>) {
        self.dropped += 1;
        out.push(Output::Note(Event::Dropped { what, count: self.dropped }));
    }

    /// A frame that has no place on this connection: say so and close it.
    fn reject(&self, conn: Conn, what: &str, out: &mut Vec<Output>) {
        let (from, code) = (self.name.into(), ErrorCode::Unexpected);
        let text = what.to_owned();
        out.push(Output::Note(Event::Rejected { conn, code, text: text.clone() }));
        out.push(Output::Send(conn, Message::Error { from, code, text }));
        out.push(Output::Close(conn));
    }
}

impl Role for Client {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        if self.ended {
            return;
        }
        match input {
            Input::Start => self.directory.ask(now, out),
            Input::Opened(conn, peer) if self.directory.is(conn) => {
                self.directory.opened(conn, peer.remote, out);
            }
            Input::Opened(conn, peer) => self.server_opened(conn, peer.remote, out),
            Input::Received(conn, message) if self.directory.is(conn) => {
                self.rm_says(now, conn, message, out);
            }
            Input::Received(conn, message) => self.server_says(now, conn, message, out),
            Input::Closed(conn) if self.directory.is(conn) => self.directory.closed(now, out),
            Input::Closed(conn) => self.server_closed(now, conn, out),
            Input::Line(line) => self.line(line, out),
            Input::LineEnd => self.feed.end(),
            // A client accepts nobody, launches nothing, persists nothing and sends no heartbeats.
            Input::Ended(_)
            | Input::Persisted
            | Input::PersistFailed(_)
            | Input::Launched { .. }
            | Input::LaunchFailed(_)
            | Input::Exited { .. }
            | Input::Tune(_) => {}
        }
        self.run_due(now, out);
    }

    fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        if !self.ended {
            self.run_due(now, out);
        }
    }

    fn deadline(&self) -> Option<Time> {
        if self.ended {
            return None;
        }
        let request_at = if self.can_send() { self.feed.due() } else { None };
        earliest([
            self.rounds.due(),
            self.seek_at,
            self.directory.due(),
            self.links.due(),
            request_at,
        ])
    }
}
