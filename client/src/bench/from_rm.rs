//! What the RM says, for all users: whom to ask.

use std::net::SocketAddr;

use node::{Conn, Event, Output, Time};
use wire::{Message, NodeName};

use super::Bench;
use crate::directory::{News, Target};

impl Bench {
    pub(super) fn rm_opened(&mut self, conn: Conn, address: SocketAddr, out: &mut Vec<Output>) {
        if self.directory.is(conn) {
            self.directory.opened(conn);
            let to = NodeName::from_bytes(b"RM").expect("it has only letters");
            out.push(Output::Note(Event::Connected { to, address }));
        }
    }

    pub(super) fn rm_closed(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        if self.directory.is(conn) {
            if self.directory.closed(now) {
                let from = NodeName::from_bytes(b"RM").expect("it has only letters");
                out.push(Output::Note(Event::Disconnected { from }));
            }
            self.sooner(self.directory.due());
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
            _ if !self.directory.is(conn) => {}
            Message::ClientReady { mode, servers, view, .. } => {
                let before = self.directory.target().cloned();
                match self.directory.answer(mode, &servers, view.as_ref(), out) {
                    News::Newer(target) => self.switch(now, before.as_ref(), &target, out),
                    News::Same => self.nothing_new(now),
                    News::Nothing => self.seek_at = Some(now + self.pace.pause()),
                }
                self.due = Some(now);
            }
            other => {
                if let Message::Error { from, code, text } = other {
                    out.push(Output::Note(Event::ErrorReceived { from, code, text }));
                }
                out.push(Output::Close(conn));
                self.directory.closed(now);
                self.sooner(self.directory.due());
            }
        }
    }

    /// The server that was lost is still the one to ask.
    fn nothing_new(&mut self, now: Time) {
        if self.seek_at.is_some() && self.hasten(now) {
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
        let other_mode = before.is_some_and(|before| before.mode != target.mode);
        for place in 0..self.users.len() {
            if replaced && self.users[place].session.id().is_some() {
                let why = "the RM has begun a new cluster, without the old one's state";
                self.renew(now, place, why, out);
            }
            let user = &mut self.users[place];
            user.links.retarget(&target.servers, now, out);
            // A link that is kept from the other mode may have brought its server requests that it
            // left to another one; a repetition does no harm.
            if other_mode {
                for (server, conn) in user.links.all_ready() {
                    user.send_unanswered(server, conn, &self.body, out);
                }
            }
        }
    }
}
