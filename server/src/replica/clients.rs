//! Clients: which connection is whose, and what each waits for.
//!
//! A request stays here from its arrival until it is answered, wherever it is ordered: at the
//! primary, at a member in active mode (which hands it to the primary when it does not show up in
//! the log, R2), and at a joiner, where this is the buffer of R8.
//!
//! Not here: whether a request is new; see `ordering`, `lives` and [`crate::sessions`].

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use node::{Conn, Output, Time};
use wire::{ClientName, Message, ReplicaName, RequestNumber, SessionId};

use super::lives::Lives;
use crate::sessions::CAPACITY;

/// A request that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) number: RequestNumber,
    /// `None` in the short form.
    pub(super) session: Option<SessionId>,
    pub(super) body: Bytes,
    /// When it came, or was last handed to the primary.
    pub(super) since: Time,
    /// Whether it was the first request of its connection.
    pub(super) fresh: bool,
    /// How often it was handed to the primary.
    pub(super) forwards: u32,
}

/// A registration that is not answered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registering {
    pub(super) nonce: u64,
    pub(super) window: u32,
    pub(super) since: Time,
}

/// One client's connection.
#[derive(Debug, Clone)]
pub(super) struct ClientLink {
    pub(super) name: ClientName,
    /// The mark of the client's start; 0 for the short form.
    pub(super) nonce: u64,
    /// Whether a request came before on this connection.
    pub(super) asked: bool,
    /// Whether the client has ended its sending.
    pub(super) leaving: bool,
    pub(super) registering: Option<Registering>,
    pub(super) waiting: VecDeque<Waiting>,
    /// Whether the numbers that wait have only ever grown.
    in_order: bool,
}

/// All clients of this server.
#[derive(Debug, Clone, Default)]
pub(super) struct Clients {
    pub(super) links: BTreeMap<Conn, ClientLink>,
    names: BTreeMap<ClientName, Conn>,
    /// The newest connection that each short-form client has spoken on. Connections are numbered as
    /// they were accepted, so what comes late on an older one is known (schedule 25).
    newest: BTreeMap<ClientName, Conn>,
    /// Which life of its client a connection can speak for.
    pub(super) lives: Lives,
}

/// Which request an answer is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'a> {
    pub(super) client: ClientName,
    pub(super) number: RequestNumber,
    pub(super) session: Option<SessionId>,
    pub(super) body: &'a Bytes,
}

impl Answered<'_> {
    fn answers(&self, waiting: &Waiting) -> bool {
        waiting.number == self.number
            && match waiting.session {
                Some(_) => waiting.session == self.session,
                None => waiting.body == *self.body,
            }
    }
}

/// An answer that went out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) conn: Conn,
    /// Whether the client has ended its sending.
    pub(super) leaving: bool,
}

/// Why a connection may not speak for a client.
pub(super) enum Taken {
    /// It has spoken for another client before.
    Other(ClientName),
    /// The client is connected already, by another start of it or in the short form.
    Connected,
    /// The client has spoken on a newer connection since.
    Older,
}

impl Clients {
    /// Binds a connection to a client. The same start of a client that connects anew replaces its
    /// older connection, which is returned to be closed: its late bytes are dropped.
    pub(super) fn identify(
        &mut self,
        conn: Conn,
        name: ClientName,
        nonce: Option<u64>,
    ) -> Result<Option<Conn>, Taken> {
        if let Some(link) = self.links.get_mut(&conn) {
            if link.name != name {
                return Err(Taken::Other(link.name));
            }
            link.nonce = nonce.unwrap_or(link.nonce);
            return Ok(None);
        }
        if nonce.is_none() {
            if self.newest.get(&name) > Some(&conn) {
                return Err(Taken::Older);
            }
            if self.newest.len() >= CAPACITY {
                self.newest.clear();
            }
            self.newest.insert(name, conn);
        }
        let older = self.names.get(&name).copied();
        if let Some(link) = older.and_then(|conn| self.links.get(&conn)) {
            let same = nonce.is_some_and(|nonce| nonce == link.nonce);
            if !same && !link.leaving {
                return Err(Taken::Connected);
            }
        }
        if let Some(older) = older {
            self.links.remove(&older);
        }
        self.names.insert(name, conn);
        let link = ClientLink {
            name,
            nonce: nonce.unwrap_or(0),
            asked: false,
            leaving: false,
            registering: None,
            waiting: VecDeque::new(),
            in_order: true,
        };
        self.links.insert(conn, link);
        Ok(older)
    }

    /// The connection of a client.
    pub(super) fn connection(&self, name: ClientName) -> Option<Conn> {
        self.names.get(&name).copied()
    }

    /// Whether a client is connected here and has asked something.
    pub(super) fn has_asked(&self, name: ClientName) -> bool {
        let link = self.connection(name).and_then(|conn| self.links.get(&conn));
        link.is_some_and(|link| link.asked)
    }

    /// Sends an answer to the client, if it waits for it on a connection to this server.
    pub(super) fn answer(
        &mut self,
        server: ReplicaName,
        answered: &Answered<'_>,
        reply: Bytes,
        out: &mut Vec<Output>,
    ) -> Option<Sent> {
        let Answered { client, number, .. } = *answered;
        let (conn, link) = self.of(client)?;
        let session = link.take(answered)?.session;
        let body = Some(reply);
        out.push(Output::Send(conn, Message::Reply { client, server, number, body, session }));
        Some(Sent { conn, leaving: link.leaving })
    }

    /// The connection of a client, with what it waits for.
    pub(super) fn of(&mut self, name: ClientName) -> Option<(Conn, &mut ClientLink)> {
        let conn = *self.names.get(&name)?;
        Some((conn, self.links.get_mut(&conn)?))
    }

    /// Forgets a connection.
    pub(super) fn forget(&mut self, conn: Conn) {
        self.lives.no_longer_silent(conn);
        if let Some(link) = self.links.remove(&conn) {
            self.names.remove(&link.name);
        }
    }

    /// Every connection.
    pub(super) fn conns(&self) -> Vec<Conn> {
        self.links.keys().copied().collect()
    }
}

impl ClientLink {
    /// Takes out the request that this answers, if it waits. A short-form request has no session: it
    /// is known by what it asks, so that another life of its client does not get its answer.
    pub(super) fn take(&mut self, answered: &Answered<'_>) -> Option<Waiting> {
        if self.waiting.front().is_some_and(|w| answered.answers(w)) {
            return self.waiting.pop_front();
        }
        let place = self.waiting.iter().position(|w| answered.answers(w))?;
        self.waiting.remove(place)
    }

    /// Whether the request of that number waits already.
    pub(super) fn waits_for(&self, number: RequestNumber) -> bool {
        // The common question is about a number after all others.
        let after_all = self.waiting.back().is_none_or(|w| w.number < number) && self.in_order;
        !after_all && self.waiting.iter().any(|w| w.number == number)
    }

    /// Has a request wait.
    pub(super) fn wait(&mut self, request: Waiting) {
        self.in_order &= self.waiting.back().is_none_or(|w| w.number < request.number);
        self.waiting.push_back(request);
    }
}
