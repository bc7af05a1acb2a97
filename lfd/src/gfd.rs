//! What the GFD is told, and what it passes on from the RM.

use detect::ordered;
use node::{Conn, Event, Output, Time};
use wire::{LaunchOrder, Message, NodeName, Urgency};

use crate::detector::{BAD_PEER_REDIAL, LocalFaultDetector};

impl LocalFaultDetector {
    /// The GFD has forgotten everything or remembers what is old: it hears who this is and the
    /// whole report.
    pub(crate) fn gfd_opened(&mut self, conn: Conn, out: &mut Vec<Output>) {
        self.gfd.opened(conn);
        let (from, server) = (self.config.name, self.config.server);
        out.push(Output::Send(conn, Message::Hello { from, server: Some(server) }));
        if let Some(change) = self.report.current() {
            out.push(Output::Send(conn, Message::Membership { from, server, change }));
        }
        let address = self.gfd.address();
        out.push(Output::Note(Event::Connected { to: gfd_name(), address }));
    }

    pub(crate) fn gfd_closed(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.gfd.open().is_some() {
            out.push(Output::Note(Event::Disconnected { from: gfd_name() }));
        }
        self.gfd.lost(now);
    }

    /// A frame on the GFD's connection.
    pub(crate) fn gfd_says(&mut self, now: Time, message: Message, out: &mut Vec<Output>) {
        let (me, server) = (self.config.name, self.config.server);
        match message {
            Message::Heartbeat { from, to, count, .. } if to == me => {
                self.gfd.settled();
                out.push(Output::Note(Event::HeartbeatReceived { count, by: me, from }));
                let answer = Message::Heartbeat { from, to, count, health: None };
                self.pass(self.gfd.open(), "an answer to the GFD", answer, out);
            }
            Message::Error { from, code, text } => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
            }
            Message::Launch { server: whose, order } if whose == server => {
                self.obey_launch(now, order, out);
            }
            message if ordered(&message) == Some(server) => {
                self.pass(self.server.open(), "an order to the server", message, out);
            }
            Message::Heartbeat { to, .. } => {
                self.shun_gfd(now, &format!("this is {me}, not {to}"), out);
            }
            message => {
                let text = match ordered(&message) {
                    Some(other) => format!("{me} is the detector of {server}, not of {other}"),
                    None => format!("{me} takes heartbeats and orders for {server}"),
                };
                self.shun_gfd(now, &text, out);
            }
        }
    }

    fn shun_gfd(&mut self, now: Time, text: &str, out: &mut Vec<Output>) {
        if let Some(conn) = self.gfd.open() {
            self.reject(conn, text, out);
        }
        self.gfd.drop_for(now, BAD_PEER_REDIAL, out);
    }

    /// The RM wants the server to run (again). One that answers stays, unless exactly its run is
    /// unwanted; one that is hung has a grace to answer in; a missing one is launched.
    fn obey_launch(&mut self, now: Time, order: Option<LaunchOrder>, out: &mut Vec<Output>) {
        let names_this_run = order.is_none_or(|o| Some(o.incarnation) == self.report.incarnation());
        let at_once = order.is_some_and(|o| o.urgency == Urgency::Now);
        if self.report.is_alive() {
            if order.is_some() && names_this_run && at_once {
                self.replace_now(out);
            }
            return;
        }
        let exists = self.process.exists() || self.server.open().is_some();
        if exists && !names_this_run && self.report.incarnation().is_some() {
            return;
        }
        self.process.want();
        if !exists {
            self.launch_if_missing(now, out);
        } else if self.process.is_starting() {
            // It was launched and has its own time to answer in.
        } else if at_once {
            self.replace_now(out);
        } else if !self.process.is_armed() {
            self.process.arm(now + self.config.hung_grace);
        }
    }

    fn replace_now(&mut self, out: &mut Vec<Output>) {
        self.process.want();
        let kill = self.process.kill();
        self.end(kill, out);
    }
}

/// The GFD does not introduce itself; the documents call it this.
fn gfd_name() -> NodeName {
    "GFD".parse().expect("a name")
}
