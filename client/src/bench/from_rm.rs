//! What the RM says, for all users: whom to ask.

use std::net::SocketAddr;

use node::{Conn, Event, Output, Time};
use wire::Message;

use super::Bench;
use crate::directory::News;
use crate::switch::{NEW_CLUSTER, Switch};

impl Bench {
    pub(super) fn rm_opened(&mut self, conn: Conn, address: SocketAddr, out: &mut Vec<Output>) {
        if self.directory.is(conn) {
            self.directory.opened(conn, address, out);
        }
    }

    pub(super) fn rm_closed(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        if self.directory.is(conn) {
            self.directory.closed(now, out);
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
                    News::Newer(target) => {
                        let switch = Switch { before: before.as_ref(), target: &target };
                        self.switch(now, switch, out);
                    }
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
                self.directory.left(now);
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
    fn switch(&mut self, now: Time, switch: Switch<'_>, out: &mut Vec<Output>) {
        self.pace.reset();
        self.seek_at = None;
        out.extend(switch.event().map(Output::Note));
        for place in 0..self.users.len() {
            if switch.is_new_cluster() && self.users[place].session.id().is_some() {
                self.renew(now, place, NEW_CLUSTER, out);
            }
            let user = &mut self.users[place];
            user.links.retarget(&switch.target.servers, now, out);
            if switch.is_new_mode() {
                for (server, conn) in user.links.all_ready() {
                    user.send_unanswered(server, conn, &self.body, out);
                }
            }
        }
    }
}
