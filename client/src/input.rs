//! Where requests come from: the keyboard, or an automatic message with a count.
//!
//! Guarantees: typed lines are asked in the order in which they were typed; at most
//! [`LINES_WAITING`] of them wait, and the caller is told of every one that is refused.
//!
//! Not here: numbers and windows, which are the session's.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use node::Time;
use wire::RequestNumber;

/// How many typed lines may wait for the servers.
pub(crate) const LINES_WAITING: usize = 1024;

/// The longest request, in bytes: even if every byte of it has to be percent-encoded, its frame is
/// within the default limit of the servers.
pub const BODY_LIMIT: usize = 20 * 1024;

/// Where requests come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `message` with the number of the request behind it, once per `interval`.
    Automatic {
        /// What each request begins with; the documents' is `hello_world`.
        message: String,
        /// The time from one sending to the next; zero: as soon as the window has room.
        interval: Duration,
        /// After this many answers the client ends; 0: never.
        count: u64,
    },
    /// Each typed line is a request; at the end of the input the client ends.
    Keyboard,
}

/// Why a line was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineRefused {
    /// Requests are automatic.
    Automatic,
    /// Too many lines wait.
    Full,
    /// It is longer than [`BODY_LIMIT`].
    TooLong,
}

/// The requests that are still to be made.
#[derive(Debug)]
pub(crate) enum Feed {
    Automatic {
        message: String,
        interval: Duration,
        count: u64,
        /// How many requests are answered or under way.
        issued: u64,
        /// Not before this moment.
        due_at: Time,
    },
    Keyboard {
        lines: VecDeque<Bytes>,
        ended: bool,
    },
}

impl Feed {
    pub(crate) fn new(source: Source) -> Self {
        match source {
            Source::Automatic { message, interval, count } => {
                Self::Automatic { message, interval, count, issued: 0, due_at: Time::ZERO }
            }
            Source::Keyboard => Self::Keyboard { lines: VecDeque::new(), ended: false },
        }
    }

    /// When the next request is to be made: `None` if there is none.
    pub(crate) fn due(&self) -> Option<Time> {
        match self {
            Self::Automatic { count, issued, due_at, .. } => {
                (*count == 0 || issued < count).then_some(*due_at)
            }
            Self::Keyboard { lines, .. } => (!lines.is_empty()).then_some(Time::ZERO),
        }
    }

    /// The next request, if one is due; `number` is what it will be sent under.
    pub(crate) fn next(&mut self, now: Time, number: RequestNumber) -> Option<Bytes> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        match self {
            Self::Automatic { message, interval, issued, due_at, .. } => {
                *issued += 1;
                *due_at = now + *interval;
                Some(Bytes::from(format!("{message}{number}")))
            }
            Self::Keyboard { lines, .. } => lines.pop_front(),
        }
    }

    /// Requests that were under way are given up: they do not count as answered.
    pub(crate) fn give_up(&mut self, requests: u64) {
        if let Self::Automatic { issued, .. } = self {
            *issued -= requests;
        }
    }

    /// A line was typed.
    pub(crate) fn line(&mut self, line: String) -> Result<(), LineRefused> {
        match self {
            Self::Automatic { .. } => Err(LineRefused::Automatic),
            Self::Keyboard { .. } if line.len() > BODY_LIMIT => Err(LineRefused::TooLong),
            Self::Keyboard { lines, .. } if lines.len() >= LINES_WAITING => Err(LineRefused::Full),
            Self::Keyboard { lines, .. } => {
                lines.push_back(Bytes::from(line));
                Ok(())
            }
        }
    }

    /// The keyboard is closed; automatic requests do not come from there.
    pub(crate) fn end(&mut self) {
        if let Self::Keyboard { ended, .. } = self {
            *ended = true;
        }
    }

    /// Whether there will never be another request.
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Automatic { count, issued, .. } => *count > 0 && issued >= count,
            Self::Keyboard { lines, ended } => *ended && lines.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_lines_beyond_the_bound_are_refused_and_the_others_kept_in_order() {
        let mut feed = Feed::new(Source::Keyboard);
        for n in 0..LINES_WAITING {
            assert_eq!(feed.line(n.to_string()), Ok(()));
        }
        assert_eq!(feed.line("one more".into()), Err(LineRefused::Full));
        assert_eq!(feed.next(Time::ZERO, RequestNumber(1)), Some(Bytes::from_static(b"0")));
        assert_eq!(feed.line("x".repeat(BODY_LIMIT + 1)), Err(LineRefused::TooLong));
        assert_eq!(feed.line("x".repeat(BODY_LIMIT)), Ok(()));
    }

    #[test]
    fn requests_that_were_given_up_are_made_up_for() {
        let source = Source::Automatic { message: "m".into(), interval: Duration::ZERO, count: 1 };
        let mut feed = Feed::new(source);
        assert_eq!(feed.next(Time::ZERO, RequestNumber(1)), Some(Bytes::from_static(b"m1")));
        assert!(feed.is_finished());
        feed.give_up(1);
        assert!(!feed.is_finished());
    }
}
