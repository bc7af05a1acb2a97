//! What the RM says, and what follows: whom to ask.
//!
//! Not here: which answer is newer; see [`crate::directory`].

use std::net::SocketAddr;

use node::{Conn, Event, Output, Time};
use wire::{Message, NodeName};

use super::Client;
use crate::directory::{News, Target};

impl Client {
    pub(super) fn rm_opened(&mut self, conn: Conn, address: SocketAddr, out: &mut Vec<Output>) {
        self.directory.opened(conn);
        out.push(Output::Note(Event::Connected { to: rm(), address }));
    }

    pub(super) fn rm_closed(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.directory.closed(now) {
            out.push(Output::Note(Event::Disconnected { from: rm() }));
        }
    }

    pub(super) fn rm_says(
        &mut self,
        now: Time,
        conn: Conn,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        match message {
            Message::ClientReady { client, .. } if client != self.name => {
                self.drop_frame("answer of the RM to another client", out);
            }
            Message::ClientReady { mode, servers, view, .. } => {
                let before = self.directory.target().cloned();
                match self.directory.answer(mode, &servers, view.as_ref(), out) {
                    News::Newer(target) => self.switch(now, before.as_ref(), &target, out),
                    News::Same => self.nothing_new(now),
                    News::Nothing => self.seek_at = Some(now + self.pace.pause()),
                }
            }
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
                out.push(Output::Close(conn));
                self.directory.closed(now);
            }
            _ => {
                self.reject(conn, "an RM sends a client `ready` and nothing else", out);
                self.directory.closed(now);
            }
        }
    }

    /// The server that was lost is still the one to ask.
    fn nothing_new(&mut self, now: Time) {
        if self.seek_at.is_some() && self.links.hasten(now) {
            self.seek_at = None;
        }
    }

    /// From now on these servers are asked.
    fn switch(
        &mut self,
        now: Time,
        before: Option<&Target>,
        target: &Target,
        out: &mut Vec<Output>,
    ) {
        self.pace.reset();
        self.seek_at = None;
        if before.is_none_or(|before| before.described() != target.described()) {
            let (mode, servers) = target.described();
            out.push(Output::Note(Event::ClientSwitched { mode, servers }));
        }
        let cluster = |target: &Target| target.version.map(|(cluster, _)| cluster);
        let replaced = before.and_then(cluster).is_some_and(|old| cluster(target) != Some(old));
        if replaced && self.session.id().is_some() {
            self.renew(now, "the RM has begun a new cluster, without the old one's state", out);
        }
        self.links.retarget(&target.servers, now, out);
        // A link that is kept from the other mode may have brought its server requests that it
        // left to another one; a repetition does no harm.
        if before.is_some_and(|before| before.mode != target.mode) {
            for (server, conn) in self.links.all_ready() {
                self.send_unanswered(server, conn, out);
            }
        }
    }
}

fn rm() -> NodeName {
    NodeName::from_bytes(b"RM").expect("it has only letters")
}
