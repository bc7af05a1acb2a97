//! The session: request numbers, the window, what is unanswered (R7).
//!
//! Guarantees: numbers start at 1 and grow by 1; at most `window` consecutive numbers are between
//! the oldest unanswered request and the newest, because that many replies are what the servers
//! remember; the first reply to a number counts and any other is a duplicate. A reply costs O(1).
//!
//! What is kept of an unanswered request is the user's choice: its body, to be sent again, or when
//! it was sent, where all bodies are the same.
//!
//! Not here: connections, and when to send.

use std::collections::VecDeque;
use std::fmt;

use wire::{RequestNumber, SessionId};

/// What a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict<T> {
    /// The first reply to a request: it is delivered. With what was kept of the request.
    First(T),
    /// A reply to a request that was answered before.
    Duplicate,
    /// A reply to a request that was never sent in this session.
    Unknown,
}

/// What a server's `registered` means for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The session is open, or was already and is the same.
    Ours,
    /// An answer to an earlier registration.
    Old,
    /// The server opened another session than the one whose requests are unanswered: it has
    /// forgotten that one.
    Forgotten,
}

/// The requests that were sent in a session that is over and not answered: each may or may not have
/// been executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InDoubt {
    pub(crate) first: RequestNumber,
    pub(crate) last: RequestNumber,
    pub(crate) count: u64,
}

impl fmt::Display for InDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "request {}", self.first),
            count => write!(f, "{count} requests from {} to {}", self.first, self.last),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Session<T> {
    /// `None`: the documents' short form, in which nothing is registered.
    nonce: Option<u64>,
    /// By how much the nonce grows when the servers refuse it; doubled each time, so that a clock
    /// that went back by hours between two starts is caught up with in a few dozen attempts.
    step: u64,
    id: Option<SessionId>,
    open: bool,
    window: u32,
    /// The number of the first place in `unanswered`.
    oldest: RequestNumber,
    /// One place per number from `oldest` to the newest; empty once answered.
    unanswered: VecDeque<Option<T>>,
}

impl<T> Session<T> {
    /// A session that will be registered under `nonce`; the short form's window is 1, as the servers
    /// remember one reply of such a client.
    pub(crate) fn new(nonce: Option<u64>, window: u32) -> Self {
        Self {
            nonce,
            step: 1,
            id: None,
            open: false,
            window: if nonce.is_some() { window.max(1) } else { 1 },
            oldest: RequestNumber(1),
            unanswered: VecDeque::new(),
        }
    }

    /// What to register, if this session is one that is registered: the nonce and the window.
    pub(crate) fn registration(&self) -> Option<(u64, u32)> {
        self.nonce.map(|nonce| (nonce, self.window))
    }

    /// What to write into requests.
    pub(crate) fn id(&self) -> Option<SessionId> {
        self.id
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// A server is connected, which is all that the short form needs.
    pub(crate) fn open_implicitly(&mut self) {
        self.open = true;
    }

    /// A server says that the session is open.
    pub(crate) fn registered(&mut self, nonce: u64, id: SessionId) -> Opening {
        if self.nonce != Some(nonce) {
            return Opening::Old;
        }
        match self.id {
            Some(known) if known != id => Opening::Forgotten,
            _ => {
                self.id = Some(id);
                self.open = true;
                self.step = 1;
                Opening::Ours
            }
        }
    }

    /// The session is lost: begin another, under a greater nonce, with number 1.
    pub(crate) fn renew(&mut self) -> Option<InDoubt> {
        let newest = self.oldest.0 + self.unanswered.len() as u64 - 1;
        let count = self.unanswered.iter().flatten().count() as u64;
        let doubt = (count > 0).then_some(InDoubt {
            first: self.oldest,
            last: RequestNumber(newest),
            count,
        });
        self.nonce = self.nonce.map(|nonce| nonce.saturating_add(self.step));
        self.step = self.step.saturating_mul(2);
        self.id = None;
        self.open = false;
        self.oldest = RequestNumber(1);
        self.unanswered.clear();
        doubt
    }

    /// Whether one more request may be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.open && self.unanswered.len() < self.window as usize
    }

    /// Whether every request is answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// The number that the next request gets.
    pub(crate) fn next_number(&self) -> RequestNumber {
        RequestNumber(self.oldest.0 + self.unanswered.len() as u64)
    }

    /// Takes a request in, and keeps this of it.
    pub(crate) fn issue(&mut self, kept: T) -> RequestNumber {
        assert!(self.has_room(), "a request beyond the window");
        let number = self.next_number();
        self.unanswered.push_back(Some(kept));
        number
    }

    /// A reply has arrived.
    pub(crate) fn answer(&mut self, number: RequestNumber) -> Verdict<T> {
        if number.0 == 0 || number >= self.next_number() {
            return Verdict::Unknown;
        }
        let place = number.0.checked_sub(self.oldest.0).and_then(|n| usize::try_from(n).ok());
        let Some(place) = place.and_then(|n| self.unanswered.get_mut(n)) else {
            return Verdict::Duplicate;
        };
        let Some(kept) = place.take() else { return Verdict::Duplicate };
        while let Some(None) = self.unanswered.front() {
            self.unanswered.pop_front();
            self.oldest = self.oldest.next();
        }
        Verdict::First(kept)
    }

    /// What is unanswered, in number order.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = (RequestNumber, &T)> {
        (self.oldest.0..)
            .zip(&self.unanswered)
            .filter_map(|(number, kept)| Some((RequestNumber(number), kept.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn open(window: u32) -> Session<Bytes> {
        let mut session = Session::new(Some(100), window);
        assert_eq!(session.registered(100, SessionId(7)), Opening::Ours);
        session
    }

    #[test]
    fn the_window_slides_only_over_what_is_answered_from_the_front() {
        let mut session = open(3);
        for _ in 0..3 {
            session.issue(Bytes::from_static(b"x"));
        }
        assert!(!session.has_room());
        assert_eq!(session.answer(RequestNumber(2)), Verdict::First(Bytes::from_static(b"x")));
        assert!(!session.has_room(), "number 4 would be 3 ahead of number 1");
        assert_eq!(session.answer(RequestNumber(1)), Verdict::First(Bytes::from_static(b"x")));
        assert!(session.has_room());
        assert_eq!(session.issue(Bytes::new()), RequestNumber(4));
        let left: Vec<u64> = session.unanswered().map(|(number, _)| number.0).collect();
        assert_eq!(left, [3, 4]);
    }

    #[test]
    fn a_number_is_first_once_then_duplicate_and_unknown_if_never_asked() {
        let mut session = open(2);
        session.issue(Bytes::new());
        let verdicts = [1, 1, 2, 0, u64::MAX].map(|n| session.answer(RequestNumber(n)));
        use Verdict::{Duplicate, First, Unknown};
        assert_eq!(verdicts, [First(Bytes::new()), Duplicate, Unknown, Unknown, Unknown]);
    }

    #[test]
    fn a_nonce_refused_again_and_again_grows_by_more_each_time() {
        let mut session: Session<Bytes> = Session::new(Some(10), 1);
        let nonces: Vec<u64> = (0..4)
            .map(|_| {
                session.renew();
                session.registration().expect("this session is registered").0
            })
            .collect();
        assert_eq!(nonces, [11, 13, 17, 25]);
        assert_eq!(session.registered(10, SessionId(1)), Opening::Old);
        assert_eq!(session.registered(25, SessionId(1)), Opening::Ours);
        assert_eq!(session.registered(25, SessionId(2)), Opening::Forgotten);
        session.renew();
        assert_eq!(session.registration(), Some((26, 1)));
    }

    #[test]
    fn what_a_lost_session_leaves_open_is_named() {
        let mut session = open(4);
        for _ in 0..4 {
            session.issue(Bytes::new());
        }
        session.answer(RequestNumber(1));
        session.answer(RequestNumber(3));
        let doubt = InDoubt { first: RequestNumber(2), last: RequestNumber(4), count: 2 };
        assert_eq!(session.renew(), Some(doubt));
        assert_eq!(session.renew(), None);
        assert_eq!(session.next_number(), RequestNumber(1));
        assert!(!session.has_room(), "nothing is sent before the new session is open");
    }
}
