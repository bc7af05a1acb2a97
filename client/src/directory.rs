//! The connection to the Replication Manager, and what the RM last said: whom to ask.
//!
//! Guarantees: the connection is kept, because the RM tells of every newer view on it without being
//! asked; when it is lost it is dialled again, more slowly each time; an older view never replaces a
//! newer one of the same cluster. An RM of the documents, which names servers without addresses and
//! never tells of a change, serves as well: the addresses come from the configuration, and it is
//! asked again when a server is lost.
//!
//! Not here: what follows from a new target for sessions and links.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use node::{Conn, Event, Output, Time};
use wire::{ClientName, ClusterId, Epoch, Message, Mode, NodeName, ReplicaName, View, ports};

use crate::links::{Numbering, Server};
use crate::pace::Pace;

/// The pauses between attempts to reach the RM.
const REDIAL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) mode: Mode,
    /// Active: all members. Passive: the primary.
    pub(crate) servers: Vec<Server>,
    /// Which view that is; `None` from an RM that spoke the short form.
    pub(crate) version: Option<(ClusterId, Epoch)>,
}

impl Target {
    /// The mode, and whom each request goes to.
    pub(crate) fn described(&self) -> (Mode, Vec<ReplicaName>) {
        (self.mode, self.servers.iter().map(|server| server.name).collect())
    }
}

/// What an answer of the RM brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// Ask these from now on.
    Newer(Target),
    /// Nothing has changed.
    Same,
    /// It names no server that could be asked.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Down,
    Dialling(Conn),
    Open(Conn),
}

#[derive(Debug)]
pub(crate) struct Directory {
    client: ClientName,
    /// Ask in the documents' short form only.
    short_form: bool,
    /// The RM's door for this client.
    address: SocketAddr,
    /// The machines of the servers, for an RM that does not say.
    addresses: BTreeMap<ReplicaName, SocketAddr>,
    /// Servers that were missing there, each complained of once.
    missing: BTreeSet<ReplicaName>,
    state: State,
    dial_at: Option<Time>,
    pace: Pace,
    /// A question is on its way and not answered.
    asked: bool,
    target: Option<Target>,
}

impl Directory {
    pub(crate) fn new(
        client: ClientName,
        short_form: bool,
        rm: SocketAddr,
        addresses: BTreeMap<ReplicaName, SocketAddr>,
    ) -> Self {
        let lane = ports::lane(client.as_str(), ports::RM_CLIENTS.len());
        Self {
            client,
            short_form,
            address: ports::door(rm, ports::RM_CLIENTS[lane]),
            addresses,
            missing: BTreeSet::new(),
            state: State::Down,
            dial_at: None,
            pace: Pace::new(REDIAL.0, REDIAL.0, REDIAL.1),
            asked: false,
            target: None,
        }
    }

    /// What the RM last said.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Whether the RM will tell of a change by itself.
    fn tells(&self) -> bool {
        !self.short_form && self.target.as_ref().is_none_or(|target| target.version.is_some())
    }

    /// Whether the RM has not answered the last question, or cannot be asked.
    pub(crate) fn is_silent(&self) -> bool {
        self.asked || !matches!(self.state, State::Open(_))
    }

    /// Whether this is the connection to the RM.
    pub(crate) fn is(&self, conn: Conn) -> bool {
        matches!(self.state, State::Dialling(ours) | State::Open(ours) if ours == conn)
    }

    /// When the RM is to be dialled.
    pub(crate) fn due(&self) -> Option<Time> {
        self.dial_at
    }

    /// Dials the RM, if that is due, and asks.
    pub(crate) fn dial_due(&mut self, now: Time, numbers: &mut Numbering, out: &mut Vec<Output>) {
        if self.dial_at.is_some_and(|at| at <= now) {
            let conn = numbers.next();
            self.dial_at = None;
            self.state = State::Dialling(conn);
            out.push(Output::Dial(conn, self.address));
            self.send(conn, out);
        }
    }

    /// Asks whom to ask, unless the question is on its way or the RM is to be dialled soon anyway.
    pub(crate) fn ask(&mut self, now: Time, out: &mut Vec<Output>) {
        match self.state {
            State::Open(conn) if !self.asked => self.send(conn, out),
            State::Down if self.dial_at.is_none() => self.dial_at = Some(now),
            _ => {}
        }
    }

    fn send(&mut self, conn: Conn, out: &mut Vec<Output>) {
        let version = self.target.as_ref().and_then(|target| target.version);
        let known = version.map_or(Epoch(0), |(_, epoch)| epoch);
        let known = (!self.short_form).then_some(known);
        self.asked = true;
        out.push(Output::Send(conn, Message::Client { client: self.client, known }));
    }

    /// The connection is open.
    pub(crate) fn opened(&mut self, conn: Conn, address: SocketAddr, out: &mut Vec<Output>) {
        self.state = State::Open(conn);
        out.push(Output::Note(Event::Connected { to: rm(), address }));
    }

    /// The RM has closed the connection, or it could not be opened.
    pub(crate) fn closed(&mut self, now: Time, out: &mut Vec<Output>) {
        if matches!(self.state, State::Open(_)) {
            out.push(Output::Note(Event::Disconnected { from: rm() }));
        }
        self.left(now);
    }

    /// The connection is closed by whoever asks.
    pub(crate) fn left(&mut self, now: Time) {
        self.state = State::Down;
        // An RM that answers once and hangs up is dialled when there is something to ask.
        if self.tells() || self.asked {
            self.dial_at = Some(now + self.pace.pause());
        }
        self.asked = false;
    }

    /// No server answers: ask the RM again, on a new connection if it is silent as well.
    pub(crate) fn restart(&mut self, now: Time, out: &mut Vec<Output>) {
        if let (State::Dialling(conn) | State::Open(conn), true) = (self.state, self.is_silent()) {
            out.push(Output::Close(conn));
            self.state = State::Down;
            self.asked = false;
        }
        if self.state == State::Down {
            self.dial_at = Some(now);
        }
        self.ask(now, out);
    }

    /// The RM has answered, or tells of a view by itself.
    pub(crate) fn answer(
        &mut self,
        mode: Mode,
        servers: &[ReplicaName],
        view: Option<&View>,
        out: &mut Vec<Output>,
    ) -> News {
        self.asked = false;
        self.pace.reset();
        let target = match view {
            Some(view) => self.target_of_view(view),
            None => self.target_of_names(mode, servers, out),
        };
        if target.servers.is_empty() {
            return News::Nothing;
        }
        if self.target.as_ref().is_some_and(|known| !is_newer(&target, known)) {
            return News::Same;
        }
        self.target = Some(target.clone());
        News::Newer(target)
    }

    fn door(&self, base: SocketAddr) -> SocketAddr {
        let lane = ports::lane(self.client.as_str(), ports::SERVER_CLIENTS.len());
        ports::door(base, ports::SERVER_CLIENTS[lane])
    }

    fn target_of_view(&self, view: &View) -> Target {
        let asked = |name| view.mode == Mode::Active || name == view.primary;
        let servers =
            view.members.iter().filter(|member| asked(member.name)).map(|member| Server {
                name: member.name,
                address: self.door(member.address),
                incarnation: Some(member.incarnation),
            });
        Target {
            mode: view.mode,
            servers: servers.collect(),
            version: Some((view.cluster, view.epoch)),
        }
    }

    /// The short form: names only, and only those that are alive at this moment.
    fn target_of_names(
        &mut self,
        mode: Mode,
        names: &[ReplicaName],
        out: &mut Vec<Output>,
    ) -> Target {
        let mut servers = Vec::new();
        for name in names {
            match self.addresses.get(name) {
                Some(base) => servers.push(Server {
                    name: *name,
                    address: self.door(*base),
                    incarnation: None,
                }),
                None if self.missing.insert(*name) => {
                    out.push(Output::Note(Event::Warning(format!(
                        "the RM names {name} without an address: add `{name} = \"IP\"` to [servers] \
                         in the client's configuration"
                    ))));
                }
                None => {}
            }
        }
        // Nobody tells when a dead server is back, so it stays a server to be tried again.
        if let Some(known) = &self.target
            && mode == Mode::Active
            && known.mode == mode
            && known.version.is_none()
        {
            let gone: Vec<Server> =
                known.servers.iter().filter(|server| !servers.contains(server)).copied().collect();
            servers.extend(gone);
            servers.sort_by_key(|server| server.name);
        }
        Target { mode, servers, version: None }
    }
}

fn rm() -> NodeName {
    NodeName::from_bytes(b"RM").expect("it has only letters")
}

/// Whether an answer says something else than what is known, and is not older.
fn is_newer(answer: &Target, known: &Target) -> bool {
    match (answer.version, known.version) {
        (Some((cluster, epoch)), Some((known_cluster, known_epoch))) => {
            cluster != known_cluster || epoch > known_epoch
        }
        _ => answer != known,
    }
}
