//! What the RM is told, and where its orders go.

use std::time::Duration;

use detect::ordered;
use node::{Conn, Event, Output, Time};
use wire::{Change, ErrorCode, Message, NodeName, ReplicaName};

use crate::detector::GlobalFaultDetector;

/// A peer that breaks the rules is not going to keep them a millisecond later.
const BAD_PEER_REDIAL: Duration = Duration::from_secs(1);

impl GlobalFaultDetector {
    /// The RM has forgotten everything or remembers what is old: it hears every last report. Of a
    /// server that nobody watches it hears what was last known, and that nobody watches it.
    pub(crate) fn rm_opened(&mut self, conn: Conn, out: &mut Vec<Output>) {
        self.rm.opened(conn);
        let from = self.config.name;
        out.push(Output::Send(conn, Message::Hello { from, server: None }));
        for (server, known) in &self.servers {
            let Some(change) = known.report else { continue };
            let unmonitored = Some(Change::Unmonitored).filter(|_| !known.monitored);
            for change in [change].into_iter().chain(unmonitored) {
                let server = *server;
                out.push(Output::Send(conn, Message::Membership { from, server, change }));
            }
        }
        let address = self.rm.address();
        out.push(Output::Note(Event::Connected { to: rm_name(), address }));
    }

    pub(crate) fn rm_closed(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.rm.open().is_some() {
            out.push(Output::Note(Event::Disconnected { from: rm_name() }));
        }
        self.rm.lost(now);
    }

    /// Tells the RM of a change. Without an RM nothing is lost: the next one hears it all.
    pub(crate) fn tell_rm(&self, server: ReplicaName, change: Change, out: &mut Vec<Output>) {
        if let Some(conn) = self.rm.open() {
            let from = self.config.name;
            out.push(Output::Send(conn, Message::Membership { from, server, change }));
        }
    }

    /// A frame on the RM's connection.
    pub(crate) fn rm_says(&mut self, now: Time, message: Message, out: &mut Vec<Output>) {
        let me = self.config.name;
        match message {
            Message::Heartbeat { from, to, count, .. } if to == me => {
                self.rm.settled();
                out.push(Output::Note(Event::HeartbeatReceived { count, by: me, from }));
                let answer = Message::Heartbeat { from, to, count, health: None };
                self.pass(self.rm.open(), "an answer to the RM", answer, out);
            }
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
            }
            message => match ordered(&message) {
                Some(server) => {
                    let lfd = self.lfds.iter().find(|(_, lfd)| lfd.server == server);
                    let conn = lfd.map(|(conn, _)| *conn);
                    self.pass(conn, "an order to a server without LFD", message, out);
                }
                None => self.shun_rm(now, out),
            },
        }
    }

    fn shun_rm(&mut self, now: Time, out: &mut Vec<Output>) {
        if let Some(conn) = self.rm.open() {
            let text = format!("{} takes heartbeats and orders for servers", self.config.name);
            self.reject(conn, ErrorCode::Unexpected, &text, out);
        }
        self.rm.drop_for(now, BAD_PEER_REDIAL, out);
    }
}

/// The RM does not introduce itself; the documents call it this.
fn rm_name() -> NodeName {
    "RM".parse().expect("a name")
}
