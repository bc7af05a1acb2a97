//! One simulated client: its session and its connections.
//!
//! The same session, links and numbers as those of [`crate::Client`]; what is kept of an unanswered
//! request is only since when it waits, because all bodies are the same.
//!
//! Not here: the RM, which one connection asks for all users.

use bytes::Bytes;
use node::{Conn, Output, Time};
use wire::{ClientName, Message, ReplicaName, RequestNumber};

use crate::client::{PATIENCE, SEEK};
use crate::links::{Links, Numbering};
use crate::pace::Pace;
use crate::session::{InDoubt, Session};

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: ClientName,
    pub(crate) links: Links,
    pub(crate) session: Session<Time>,
    numbering: Numbering,
    /// The pauses before a lost session is opened again.
    pace: Pace,
}

impl User {
    pub(crate) fn new(name: ClientName, nonce: u64, window: u32, numbering: Numbering) -> Self {
        Self {
            name,
            links: Links::default(),
            session: Session::new(Some(nonce), window),
            numbering,
            pace: Pace::new(PATIENCE, PATIENCE, SEEK.1),
        }
    }

    /// Dials what is due.
    pub(crate) fn dial_due(&mut self, now: Time, out: &mut Vec<Output>) {
        let registration = self.session.registration();
        self.links.dial_due(now, self.name, registration, &mut self.numbering, out);
    }

    /// Whether a request can be sent to somebody.
    pub(crate) fn can_send(&self) -> bool {
        self.session.has_room() && self.links.all_ready().next().is_some()
    }

    /// Sends a request whose wait counts from `since`.
    pub(crate) fn send(&mut self, since: Time, body: &Bytes, out: &mut Vec<Output>) {
        let number = self.session.issue(since);
        for (server, conn) in self.links.all_ready() {
            out.push(self.request(server, conn, number, body));
        }
    }

    /// Sends everything that is unanswered, in number order.
    pub(crate) fn send_unanswered(
        &self,
        server: ReplicaName,
        conn: Conn,
        body: &Bytes,
        out: &mut Vec<Output>,
    ) {
        for (number, _) in self.session.unanswered() {
            out.push(self.request(server, conn, number, body));
        }
    }

    fn request(
        &self,
        server: ReplicaName,
        conn: Conn,
        number: RequestNumber,
        body: &Bytes,
    ) -> Output {
        let (client, session, body) = (self.name, self.session.id(), body.clone());
        Output::Send(conn, Message::Request { client, server, number, body, session })
    }

    /// The session is open.
    pub(crate) fn registered(&mut self) {
        self.pace.reset();
    }

    /// The session is lost: a new one is opened on new connections after a pause. Says what is in
    /// doubt: it is not sent again, because it would be executed a second time.
    pub(crate) fn renew(&mut self, now: Time, out: &mut Vec<Output>) -> Option<InDoubt> {
        let doubt = self.session.renew();
        self.links.restart(now + self.pace.pause(), out);
        doubt
    }
}
