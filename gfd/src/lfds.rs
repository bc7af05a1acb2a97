//! What is observed: the LFDs, and what they report of their servers.

use detect::{Heartbeats, Verdict, reported};
use node::{Conn, Event, Output, Time};
use wire::{Change, ErrorCode, Message, NodeName, ReplicaName};

use crate::detector::{GlobalFaultDetector, Lfd};

/// How many servers are remembered: names cost memory, and nobody replicates this widely.
const SERVER_LIMIT: usize = 256;

impl GlobalFaultDetector {
    /// A frame on an accepted connection.
    pub(crate) fn lfd_says(
        &mut self,
        now: Time,
        conn: Conn,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        match message {
            Message::Hello { from, server: Some(server) } => {
                self.identify(now, conn, from, server, out);
            }
            Message::Membership { from, server, change } if change != Change::Unmonitored => {
                // An LFD of the documents says no `hello`: its first report says who it is.
                if self.identify(now, conn, from, server, out) {
                    self.lfds.get_mut(&conn).expect("identified").reported = true;
                    self.learn(server, change, out);
                }
            }
            Message::Heartbeat { from, to, count, .. } if self.is_lfd(conn, to) => {
                self.lfd_answers(now, conn, from, count, out);
            }
            Message::Error { from, code, text } if self.lfds.contains_key(&conn) => {
                out.push(Output::Note(Event::ErrorReceived { from, code, text }));
            }
            message if self.is_detector_of(conn, reported(&message)) => {
                self.pass(self.rm.open(), "what a server says to the RM", message, out);
            }
            _ => {
                let text = match self.lfds.get(&conn) {
                    Some(lfd) => format!(
                        "from {} come heartbeat answers and what concerns {}",
                        lfd.name, lfd.server
                    ),
                    None => {
                        "an LFD says here who it is and for which server before all else".to_owned()
                    }
                };
                self.shun(conn, ErrorCode::Unexpected, &text, out);
            }
        }
    }

    fn is_lfd(&self, conn: Conn, name: NodeName) -> bool {
        self.lfds.get(&conn).is_some_and(|lfd| lfd.name == name)
    }

    fn is_detector_of(&self, conn: Conn, server: Option<ReplicaName>) -> bool {
        self.lfds.get(&conn).is_some_and(|lfd| Some(lfd.server) == server)
    }

    /// This connection is `name`'s, the detector of `server`. False if it is refused (and closed):
    /// one that answers its heartbeats is not replaced by whoever takes its name.
    fn identify(
        &mut self,
        now: Time,
        conn: Conn,
        name: NodeName,
        server: ReplicaName,
        out: &mut Vec<Output>,
    ) -> bool {
        if let Some(lfd) = self.lfds.get(&conn) {
            let same = lfd.name == name && lfd.server == server;
            if !same {
                let text = format!("this connection is {}'s, for {}", lfd.name, lfd.server);
                self.shun(conn, ErrorCode::Unexpected, &text, out);
            }
            return same;
        }
        let rivals = self.lfds.iter().filter(|(_, l)| l.name == name || l.server == server);
        let rivals: Vec<Conn> = rivals.map(|(rival, _)| *rival).collect();
        if let Some(rival) = rivals.iter().find(|c| !self.lfds[c].beats.is_suspected()) {
            let lfd = &self.lfds[rival];
            let text = format!("{} is connected for {} and answers", lfd.name, lfd.server);
            self.shun(conn, ErrorCode::Taken, &text, out);
            return false;
        }
        if !self.servers.contains_key(&server) && self.servers.len() >= SERVER_LIMIT {
            let text = format!("this GFD remembers {SERVER_LIMIT} servers and no more");
            self.shun(conn, ErrorCode::Overrun, &text, out);
            return false;
        }
        for rival in rivals {
            self.shun(rival, ErrorCode::Silent, "a newer connection took its place", out);
        }
        let (period, timeout) = (self.config.heartbeat_period, self.config.heartbeat_timeout);
        let mut beats = Heartbeats::new(period, timeout);
        beats.start(now);
        self.lfds.insert(conn, Lfd { name, server, beats, reported: false });
        self.servers.entry(server).or_default();
        self.beat(now, conn, out);
        true
    }

    /// Refuses a connection, with what it was for.
    fn shun(&mut self, conn: Conn, code: ErrorCode, text: &str, out: &mut Vec<Output>) {
        self.reject(conn, code, text, out);
        out.push(Output::Close(conn));
        self.forget(conn, out);
    }

    pub(crate) fn lfd_closed(&mut self, conn: Conn, out: &mut Vec<Output>) {
        if let Some(lfd) = self.lfds.get(&conn) {
            out.push(Output::Note(Event::Disconnected { from: lfd.name }));
        }
        self.forget(conn, out);
    }

    fn forget(&mut self, conn: Conn, out: &mut Vec<Output>) {
        if let Some(lfd) = self.lfds.remove(&conn) {
            self.unmonitor(lfd.server, out);
        }
    }

    /// Nobody watches the server any more. That says nothing about the server (R15).
    fn unmonitor(&mut self, server: ReplicaName, out: &mut Vec<Output>) {
        let known = self.servers.get_mut(&server).expect("every LFD's server is known");
        if known.monitored {
            known.monitored = false;
            self.tell_rm(server, Change::Unmonitored, out);
        }
    }

    fn lfd_answers(
        &mut self,
        now: Time,
        conn: Conn,
        by: NodeName,
        count: u64,
        out: &mut Vec<Output>,
    ) {
        let lfd = self.lfds.get_mut(&conn).expect("checked by the caller");
        lfd.beats.heard(now, count);
        let (from, server, has_reported) = (lfd.name, lfd.server, lfd.reported);
        out.push(Output::Note(Event::HeartbeatReceived { count, by, from }));
        let known = &self.servers[&server];
        if let Some(change) = known.report.filter(|_| has_reported && !known.monitored) {
            self.learn(server, change, out);
        }
    }

    pub(crate) fn beat_all(&mut self, now: Time, out: &mut Vec<Output>) {
        let due = |lfd: &Lfd| lfd.beats.deadline().is_some_and(|due| due <= now);
        let conns: Vec<Conn> =
            self.lfds.iter().filter(|(_, lfd)| due(lfd)).map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.beat(now, conn, out);
        }
    }

    /// Sends the heartbeat that is due to an LFD, and draws the conclusion that is due. The
    /// connection of a silent one stays: its answers bring it back.
    fn beat(&mut self, now: Time, conn: Conn, out: &mut Vec<Output>) {
        let Some(lfd) = self.lfds.get_mut(&conn) else { return };
        let Verdict { send, suspect } = lfd.beats.wake(now);
        let (from, to, server) = (self.config.name, lfd.name, lfd.server);
        if suspect {
            out.push(Output::Note(Event::Warning(format!(
                "{to} does not answer: {server} is not monitored, and stays a member"
            ))));
            self.unmonitor(server, out);
        }
        if let Some(count) = send {
            out.push(Output::Note(Event::HeartbeatSent { count, from, to }));
            out.push(Output::Send(conn, Message::Heartbeat { from, to, count, health: None }));
        }
    }
}
