//! What the RM says, and what follows: whom to ask.
//!
//! Not here: which answer is newer, and what is new about it; see [`crate::directory`] and
//! [`crate::switch`].

use node::{Conn, Event, Output, Time};
use wire::Message;

use super::Client;
use crate::directory::News;
use crate::switch::{NEW_CLUSTER, Switch};

impl Client {
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
                    News::Newer(target) => {
                        let switch = Switch { before: before.as_ref(), target: &target };
                        self.switch(now, switch, out);
                    }
                    News::Same => self.nothing_new(now),
                    News::Nothing => self.seek_at = Some(now + self.pace.pause()),
                }
            }
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
                out.push(Output::Close(conn));
                self.directory.left(now);
            }
            _ => {
                self.reject(conn, "an RM sends a client `ready` and nothing else", out);
                self.directory.left(now);
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
    fn switch(&mut self, now: Time, switch: Switch<'_>, out: &mut Vec<Output>) {
        self.pace.reset();
        self.seek_at = None;
        out.extend(switch.event().map(Output::Note));
        if switch.is_new_cluster() && self.session.id().is_some() {
            self.renew(now, NEW_CLUSTER, out);
        }
        self.links.retarget(&switch.target.servers, now, out);
        if switch.is_new_mode() {
            for (server, conn) in self.links.all_ready() {
                self.send_unanswered(server, conn, out);
            }
        }
    }
}
