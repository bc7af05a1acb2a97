//! When requests are due, and from when the wait for each of them counts.
//!
//! *Closed loop* (no rate): a request is due as soon as its user has room, and its wait counts from
//! there. *Open loop* (a rate): request k is due at `k / rate` after the start whatever the servers
//! do, and its wait counts from that moment even if it could only be sent later; so a server that
//! stalls is charged for everything that would have been asked meanwhile (this is what corrects
//! "coordinated omission", Gil Tene's term).
//!
//! Not here: who sends a request, and whether there is room for it.

use std::num::NonZeroU64;
use std::time::Duration;

use node::Time;

/// How much is asked, and how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// At most so many requests.
    pub requests: Option<u64>,
    /// None that would be due later than this after the start.
    pub time: Option<Duration>,
    /// So many per second; `None`: as fast as answers come.
    pub rate: Option<NonZeroU64>,
}

#[derive(Debug)]
pub(crate) struct Schedule {
    requests: u64,
    time: Option<Duration>,
    rate: Option<NonZeroU64>,
    start: Time,
    ends: Option<Time>,
    issued: u64,
}

impl Schedule {
    pub(crate) fn new(load: Load) -> Self {
        Self {
            requests: load.requests.unwrap_or(u64::MAX),
            time: load.time,
            rate: load.rate,
            start: Time::ZERO,
            ends: None,
            issued: 0,
        }
    }

    /// The load begins.
    pub(crate) fn begin(&mut self, now: Time) {
        self.start = now;
        self.ends = self.time.map(|time| now + time);
    }

    /// Whether requests are due at moments of their own, and not when there is room.
    pub(crate) fn is_open_loop(&self) -> bool {
        self.rate.is_some()
    }

    /// The moment from which the next request counts.
    fn since(&self, now: Time) -> Time {
        let Some(rate) = self.rate else { return now };
        let micros = u128::from(self.issued) * 1_000_000 / u128::from(rate.get());
        self.start + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Whether there will never be another request.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        self.issued >= self.requests || self.ends.is_some_and(|ends| self.since(now) >= ends)
    }

    /// Whether a request is to be made now.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.since(now) <= now && !self.is_over(now)
    }

    /// Open loop: when the next request is to be made.
    pub(crate) fn due(&self) -> Option<Time> {
        let due = self.rate.map(|_| self.since(Time::ZERO))?;
        (!self.is_over(due)).then_some(due)
    }

    /// When the last request of a closed loop may have been made: nobody else says so if every
    /// server is silent then.
    pub(crate) fn ends(&self) -> Option<Time> {
        self.ends
    }

    /// Makes a request that is due: the moment from which its wait counts.
    pub(crate) fn take(&mut self, now: Time) -> Option<Time> {
        if !self.is_due(now) {
            return None;
        }
        let since = self.since(now);
        self.issued += 1;
        Some(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Time {
        Time::from_micros(micros)
    }

    #[test]
    fn a_closed_loop_counts_requests_from_when_they_are_made() {
        let mut schedule = Schedule::new(Load { requests: Some(2), time: None, rate: None });
        schedule.begin(at(100));
        assert_eq!(schedule.take(at(105)), Some(at(105)));
        assert_eq!(schedule.take(at(109)), Some(at(109)));
        assert!(schedule.is_over(at(109)) && schedule.take(at(110)).is_none());
    }

    #[test]
    fn a_closed_loop_ends_with_its_time() {
        let time = Some(Duration::from_micros(10));
        let mut schedule = Schedule::new(Load { requests: None, time, rate: None });
        schedule.begin(at(100));
        assert_eq!(schedule.take(at(109)), Some(at(109)));
        assert!(schedule.is_over(at(110)) && schedule.take(at(110)).is_none());
    }

    #[test]
    fn in_an_open_loop_a_wait_counts_from_when_the_request_was_due() {
        let time = Some(Duration::from_millis(1));
        let mut schedule =
            Schedule::new(Load { requests: None, time, rate: NonZeroU64::new(3000) });
        schedule.begin(at(1000));
        assert_eq!(schedule.take(at(1000)), Some(at(1000)));
        assert_eq!(schedule.take(at(1000)), None);
        assert_eq!(schedule.due(), Some(at(1333)));
        // Nothing could be sent for a long time: what was due meanwhile is still asked, late.
        assert_eq!(schedule.take(at(9000)), Some(at(1333)));
        assert_eq!(schedule.take(at(9000)), Some(at(1666)));
        assert!(schedule.is_over(at(9000)));
        assert_eq!((schedule.take(at(9000)), schedule.due()), (None, None));
    }
}
