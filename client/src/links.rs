//! The connections to servers: dial, register, dial again.
//!
//! Guarantees: at most one connection per server; what arrives on a connection is credited to the
//! link only while that connection is the link's own, because links are found by [`Conn`] and a
//! `Conn` is never used twice; a connection to another run of a server than the wanted one is
//! replaced.
//!
//! Not here: when a lost link is dialled again (the client decides, it differs by mode), and what is
//! sent on it once it is ready.

use std::net::SocketAddr;

use node::{Conn, Output, Time};
use wire::{ClientName, Incarnation, Message, ReplicaName};

use crate::pace::earliest;

/// Numbers the connections that the client dials: even ones, each used once.
#[derive(Debug)]
pub(crate) struct Numbering {
    next: u64,
    step: u64,
}

impl Numbering {
    /// One of `lanes` numberings that never meet; `lane` counts from 0.
    pub(crate) fn lane(lane: usize, lanes: usize) -> Self {
        Self { next: 2 * (lane as u64 + 1), step: 2 * lanes as u64 }
    }

    /// The lane of a number, where there are so many.
    pub(crate) fn lane_of(conn: Conn, lanes: usize) -> usize {
        ((conn.0 / 2).saturating_sub(1) % lanes as u64) as usize
    }

    pub(crate) fn next(&mut self) -> Conn {
        let conn = Conn(self.next);
        self.next += self.step;
        conn
    }
}

impl Default for Numbering {
    /// The only one.
    fn default() -> Self {
        Self::lane(0, 1)
    }
}

/// A server that the client is to talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) name: ReplicaName,
    /// The door for this client.
    pub(crate) address: SocketAddr,
    /// Which run of it, where the RM says so.
    pub(crate) incarnation: Option<Incarnation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not connected.
    Down,
    /// Not open yet.
    Dialling(Conn),
    /// Open, and waiting for `registered`.
    Open(Conn),
    /// Requests may be sent.
    Ready(Conn),
}

#[derive(Debug)]
struct Link {
    server: Server,
    state: State,
    /// When to dial, if the link is down; `None`: when the client says so.
    dial_at: Option<Time>,
}

impl Link {
    fn conn(&self) -> Option<Conn> {
        match self.state {
            State::Down => None,
            State::Dialling(conn) | State::Open(conn) | State::Ready(conn) => Some(conn),
        }
    }

    fn close(&mut self, out: &mut Vec<Output>) {
        if let Some(conn) = self.conn() {
            out.push(Output::Close(conn));
        }
        self.state = State::Down;
    }
}

/// The links, in the order in which the RM names the servers.
#[derive(Debug, Default)]
pub(crate) struct Links(Vec<Link>);

impl Links {
    /// Talk to exactly these servers. Links that are right already are kept; those that are down are
    /// dialled at once, since there is news.
    pub(crate) fn retarget(&mut self, servers: &[Server], now: Time, out: &mut Vec<Output>) {
        let mut old = std::mem::take(&mut self.0);
        for server in servers {
            let kept = old.iter().position(|link| link.server == *server);
            let link = kept.map(|at| old.remove(at));
            self.0.push(link.unwrap_or(Link {
                server: *server,
                state: State::Down,
                dial_at: None,
            }));
        }
        for link in &mut old {
            link.close(out);
        }
        self.hasten(now);
    }

    /// Dial every link that is down now. Returns whether there is any.
    pub(crate) fn hasten(&mut self, now: Time) -> bool {
        let mut any = false;
        for link in self.0.iter_mut().filter(|link| link.state == State::Down) {
            link.dial_at = Some(now);
            any = true;
        }
        any
    }

    /// Dials what is due. `registration` is sent first, where the session is one to register.
    pub(crate) fn dial_due(
        &mut self,
        now: Time,
        client: ClientName,
        registration: Option<(u64, u32)>,
        numbering: &mut Numbering,
        out: &mut Vec<Output>,
    ) {
        for link in self.0.iter_mut().filter(|link| link.dial_at.is_some_and(|at| at <= now)) {
            let conn = numbering.next();
            link.dial_at = None;
            link.state = State::Dialling(conn);
            out.push(Output::Dial(conn, link.server.address));
            if let Some((nonce, window)) = registration {
                let server = link.server.name;
                out.push(Output::Send(conn, Message::Register { client, server, nonce, window }));
            }
        }
    }

    /// The server behind a connection; `None` if it is no longer one of ours.
    pub(crate) fn server(&self, conn: Conn) -> Option<ReplicaName> {
        self.0.iter().find(|link| link.conn() == Some(conn)).map(|link| link.server.name)
    }

    /// The connection is open.
    pub(crate) fn opened(&mut self, conn: Conn) {
        if let Some(link) = self.link(conn) {
            link.state = State::Open(conn);
        }
    }

    /// Requests may be sent on this connection from now on.
    pub(crate) fn ready(&mut self, conn: Conn) {
        if let Some(link) = self.link(conn) {
            link.state = State::Ready(conn);
        }
    }

    fn link(&mut self, conn: Conn) -> Option<&mut Link> {
        self.0.iter_mut().find(|link| link.conn() == Some(conn))
    }

    /// The links on which requests may be sent.
    pub(crate) fn all_ready(&self) -> impl Iterator<Item = (ReplicaName, Conn)> {
        self.0.iter().filter_map(|link| match link.state {
            State::Ready(conn) => Some((link.server.name, conn)),
            _ => None,
        })
    }

    /// The connection is gone; the link is dialled again at `dial_at`, if that is given. Returns
    /// whether it was open before.
    pub(crate) fn lost(&mut self, conn: Conn, dial_at: Option<Time>) -> bool {
        let Some(link) = self.link(conn) else { return false };
        let was_open = link.state != State::Dialling(conn);
        link.state = State::Down;
        link.dial_at = dial_at;
        was_open
    }

    /// Closes every connection and dials each link again at `dial_at`.
    pub(crate) fn restart(&mut self, dial_at: Time, out: &mut Vec<Output>) {
        for link in &mut self.0 {
            link.close(out);
            link.dial_at = Some(dial_at);
        }
    }

    /// When the next link is to be dialled.
    pub(crate) fn due(&self) -> Option<Time> {
        earliest(self.0.iter().map(|link| link.dial_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_never_meet_and_a_number_says_its_lane() {
        let mut numbers = Vec::new();
        for lane in 0..3 {
            let mut numbering = Numbering::lane(lane, 3);
            for _ in 0..3 {
                let conn = numbering.next();
                assert_eq!(Numbering::lane_of(conn, 3), lane);
                numbers.push(conn.0);
            }
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [2, 4, 6, 8, 10, 12, 14, 16, 18]);
    }
}
