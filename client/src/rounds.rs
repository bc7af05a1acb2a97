//! Rounds without any answer: after the third one the servers are dead (the documents' three loops).
//!
//! Guarantee: a process that was itself stopped has not listened, so it accuses nobody.
//!
//! Not here: what is tried anew between two rounds.

use std::time::Duration;

use node::Time;

/// After this many rounds without any answer the servers are dead.
pub(crate) const ROUNDS: u32 = 3;

/// What the end of a round means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// This process was itself stopped: the round does not count.
    Stopped,
    /// So many rounds have passed; everything is to be tried anew, because a hung server may have
    /// been replaced.
    Again(u32),
    /// It was the last one.
    Dead,
}

#[derive(Debug)]
pub(crate) struct Rounds {
    length: Duration,
    /// When the round without an answer is over; `None` while nothing is waited for.
    ends: Option<Time>,
    /// How many rounds have passed without an answer.
    silent: u32,
}

impl Rounds {
    /// Rounds of this length.
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, ends: None, silent: 0 }
    }

    /// How long a round is.
    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    /// A round begins now, if there is something to wait for and none has begun yet.
    pub(crate) fn arm(&mut self, now: Time, waiting: bool) {
        if !waiting {
            self.ends = None;
        } else if self.ends.is_none() {
            self.ends = Some(now + self.length);
        }
    }

    /// A server has answered.
    pub(crate) fn answered(&mut self) {
        self.silent = 0;
        self.ends = None;
    }

    /// When the round is over.
    pub(crate) fn due(&self) -> Option<Time> {
        self.ends
    }

    /// Ends the round, if it is over.
    pub(crate) fn end(&mut self, now: Time) -> Option<End> {
        let end = self.ends.take_if(|end| *end <= now)?;
        if now.since(end) >= self.length {
            return Some(End::Stopped);
        }
        self.silent += 1;
        Some(if self.silent >= ROUNDS { End::Dead } else { End::Again(self.silent) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_silent_rounds_are_the_end_and_an_answer_begins_anew() {
        let second = Duration::from_secs(1);
        let at = |n: u64| Time::from_micros(n * 1_000_000);
        let mut rounds = Rounds::new(second);
        let silent = |from: u64, rounds: &mut Rounds| {
            rounds.arm(at(from), true);
            rounds.end(at(from + 1))
        };
        assert_eq!(silent(0, &mut rounds), Some(End::Again(1)));
        rounds.answered();
        assert_eq!(silent(10, &mut rounds), Some(End::Again(1)));
        assert_eq!(silent(11, &mut rounds), Some(End::Again(2)));
        rounds.arm(at(12), true);
        assert_eq!(rounds.end(at(14)), Some(End::Stopped), "this process was late itself");
        assert_eq!(silent(14, &mut rounds), Some(End::Dead));
        rounds.arm(at(20), false);
        assert_eq!((rounds.due(), rounds.end(at(30))), (None, None));
    }
}
