//! One connection that is kept up.

use std::net::SocketAddr;
use std::time::Duration;

use node::{Conn, Output, Time};

use crate::backoff::Backoff;

/// Keeps one connection to one address: dials it, and dials again when it was refused or closed.
///
/// The owner passes on `Opened` and `Closed`, calls [`Dialer::wake`] at [`Dialer::deadline`], and
/// says by [`Dialer::settled`] when the peer has shown that it is worth talking to; until then the
/// waits keep growing, so that a peer that accepts and closes at once is not dialled in a hot loop.
///
/// Numbers given to [`Output::Dial`] are `first`, `first + stride`, ...: a role with two dialers
/// gives them different firsts and a stride of 4, so that no number is used twice.
#[derive(Debug, Clone)]
pub struct Dialer {
    address: SocketAddr,
    backoff: Backoff,
    next: u64,
    stride: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting(Time),
    Dialling(Conn),
    Open(Conn),
}

impl Dialer {
    /// A dialer that first dials when it is woken first. `first` and `stride` are even.
    #[must_use]
    pub fn new(address: SocketAddr, backoff: Backoff, first: u64, stride: u64) -> Self {
        assert!(first.is_multiple_of(2) && stride.is_multiple_of(2), "dialled numbers are even");
        Self { address, backoff, next: first, stride, state: State::Waiting(Time::ZERO) }
    }

    /// Where it dials.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connection, if it is open.
    #[must_use]
    pub fn open(&self) -> Option<Conn> {
        match self.state {
            State::Open(conn) => Some(conn),
            State::Waiting(_) | State::Dialling(_) => None,
        }
    }

    /// Whether this is its connection, open or not yet.
    #[must_use]
    pub fn owns(&self, conn: Conn) -> bool {
        matches!(self.state, State::Open(c) | State::Dialling(c) if c == conn)
    }

    /// Its connection is open.
    pub fn opened(&mut self, conn: Conn) {
        assert_eq!(self.state, State::Dialling(conn), "opened what was not being dialled");
        self.state = State::Open(conn);
    }

    /// The peer has shown that it is the right one: the next waits are short again.
    pub fn settled(&mut self) {
        self.backoff.reset();
    }

    /// Dials now, unless it is dialling or open.
    pub fn dial(&mut self, out: &mut Vec<Output>) {
        if matches!(self.state, State::Waiting(_)) {
            let conn = Conn(self.next);
            self.next += self.stride;
            self.state = State::Dialling(conn);
            out.push(Output::Dial(conn, self.address));
        }
    }

    /// Its connection was closed or refused: dials again after the next wait.
    pub fn lost(&mut self, now: Time) {
        self.state = State::Waiting(now + self.backoff.wait());
    }

    /// Gives its connection up, open or not, and dials again after `wait`.
    pub fn drop_for(&mut self, now: Time, wait: Duration, out: &mut Vec<Output>) {
        if let State::Open(conn) | State::Dialling(conn) = self.state {
            out.push(Output::Close(conn));
        }
        self.state = State::Waiting(now + wait);
    }

    /// When to be woken.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Waiting(due) => Some(due),
            State::Dialling(_) | State::Open(_) => None,
        }
    }

    /// Dials if it is time to.
    pub fn wake(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.deadline().is_some_and(|due| due <= now) {
            self.dial(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialer() -> Dialer {
        let backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
        Dialer::new(SocketAddr::from(([127, 0, 0, 1], 8000)), backoff, 2, 4)
    }

    #[test]
    fn a_refused_connection_is_dialled_again_under_a_new_number() {
        let mut dialer = dialer();
        let mut out = Vec::new();
        dialer.wake(Time::ZERO, &mut out);
        assert_eq!(out, [Output::Dial(Conn(2), dialer.address())]);
        assert!(dialer.owns(Conn(2)) && dialer.open().is_none());

        dialer.lost(Time::ZERO);
        assert_eq!(dialer.deadline(), Some(Time::from_micros(20_000)));
        dialer.wake(Time::from_micros(19_999), &mut out);
        assert_eq!(out.len(), 1);
        dialer.wake(Time::from_micros(20_000), &mut out);
        assert_eq!(out[1], Output::Dial(Conn(6), dialer.address()));
        assert!(!dialer.owns(Conn(2)));
    }

    #[test]
    fn waits_grow_until_the_peer_has_proved_itself() {
        let mut dialer = dialer();
        let mut waits = Vec::new();
        for round in 0..4 {
            dialer.dial(&mut Vec::new());
            dialer.opened(Conn(2 + 4 * round));
            if round == 2 {
                dialer.settled();
            }
            dialer.lost(Time::ZERO);
            waits.push(dialer.deadline().map(Time::as_micros));
        }
        assert_eq!(waits, [Some(20_000), Some(40_000), Some(20_000), Some(40_000)]);
    }

    #[test]
    fn a_dropped_connection_is_closed_and_dialled_again_after_the_wait_asked_for() {
        let mut dialer = dialer();
        let mut out = Vec::new();
        dialer.dial(&mut out);
        dialer.opened(Conn(2));
        dialer.drop_for(Time::ZERO, Duration::from_secs(1), &mut out);
        assert_eq!(out[1..], [Output::Close(Conn(2))]);
        assert_eq!(dialer.deadline(), Some(Time::from_micros(1_000_000)));
    }
}
