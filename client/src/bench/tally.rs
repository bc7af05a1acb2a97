//! What came of it: the figures of a run, as numbers.
//!
//! Each wait is recorded once, in the histogram of the current interval; intervals are added up.
//!
//! Not here: how a report looks; that is the program's.

use std::time::Duration;

use hdrhistogram::Histogram;
use node::{Event, Time};
use wire::Mode;

/// Waits are recorded in microseconds to three digits; an hour is the longest.
const LONGEST: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// The longest time without any answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gap {
    /// From the last answer before it to the first one after it.
    pub length: Duration,
    /// When it began, after the start of the load.
    pub at: Duration,
}

/// The figures of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The mode of the last view.
    pub mode: Option<Mode>,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that were sent and will never be answered, because their session is lost or the
    /// servers are dead.
    pub lost: u64,
    /// `error` frames of servers; what they refused was asked again elsewhere.
    pub refused: u64,
    /// Connections that were lost while they were open.
    pub disconnected: u64,
    /// Replies to requests that were answered before (active mode: one per further server).
    pub duplicates: u64,
    /// From the start of the load to the last answer.
    pub elapsed: Duration,
    /// How long answers took, in microseconds.
    pub waits: Histogram<u64>,
    /// Open loop: how long after they were due requests were sent, in microseconds. Where servers
    /// keep up, this is the fault of the load generator.
    pub behind: Option<Histogram<u64>>,
    /// The longest time without any answer.
    pub gap: Gap,
    /// The run was given up: no server answered.
    pub dead: bool,
}

impl Report {
    /// Answers per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64().max(1e-6)
    }
}

/// The figures while they grow.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) refused: u64,
    pub(crate) disconnected: u64,
    pub(crate) duplicates: u64,
    pub(crate) lost: u64,
    start: Time,
    /// When the last answer came.
    last: Time,
    answered: u64,
    /// Since when the current interval runs, and what had been answered before it.
    interval: (Time, u64),
    recent: Histogram<u64>,
    all: Histogram<u64>,
    behind: Option<Histogram<u64>>,
    gap: Gap,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are good")
}

fn record(histogram: &mut Histogram<u64>, wait: Duration) {
    histogram.saturating_record(u64::try_from(wait.as_micros()).unwrap_or(LONGEST));
}

fn at(histogram: &Histogram<u64>, quantile: f64) -> Duration {
    Duration::from_micros(histogram.value_at_quantile(quantile))
}

impl Tally {
    /// Nothing yet. In an open loop, how late requests are sent is recorded as well.
    pub(crate) fn new(open_loop: bool) -> Self {
        Self {
            refused: 0,
            disconnected: 0,
            duplicates: 0,
            lost: 0,
            start: Time::ZERO,
            last: Time::ZERO,
            answered: 0,
            interval: (Time::ZERO, 0),
            recent: histogram(),
            all: histogram(),
            behind: open_loop.then(histogram),
            gap: Gap::default(),
        }
    }

    /// The load begins.
    pub(crate) fn begin(&mut self, now: Time) {
        (self.start, self.last, self.interval) = (now, now, (now, 0));
    }

    /// A request was sent that was due at `since`.
    pub(crate) fn sent(&mut self, now: Time, since: Time) {
        if let Some(behind) = &mut self.behind {
            record(behind, now.since(since));
        }
    }

    /// A request whose wait began at `since` was answered.
    pub(crate) fn answered(&mut self, now: Time, since: Time) {
        self.answered += 1;
        record(&mut self.recent, now.since(since));
        self.silent_until(now);
        self.last = now;
    }

    fn silent_until(&mut self, now: Time) {
        let length = now.since(self.last);
        if length > self.gap.length {
            self.gap = Gap { length, at: self.last.since(self.start) };
        }
    }

    /// How it went since this was asked last.
    pub(crate) fn progress(&mut self, now: Time) -> Event {
        let (since, before) = std::mem::replace(&mut self.interval, (now, self.answered));
        let seconds = now.since(since).as_secs_f64().max(1e-6);
        let event = Event::Load {
            answered: self.answered,
            per_second: ((self.answered - before) as f64 / seconds) as u64,
            median: at(&self.recent, 0.5),
            p99: at(&self.recent, 0.99),
            slowest: at(&self.recent, 1.0),
            lost: self.lost,
        };
        self.close_interval();
        event
    }

    fn close_interval(&mut self) {
        self.all.add(&self.recent).expect("both have the same bounds");
        self.recent.reset();
    }

    /// The end: `unanswered` requests will never be answered if the servers are `dead`.
    pub(crate) fn report(&mut self, now: Time, mode: Option<Mode>, dead: Option<u64>) -> Report {
        self.close_interval();
        if dead.is_some() {
            self.silent_until(now);
        }
        Report {
            mode,
            answered: self.answered,
            lost: self.lost + dead.unwrap_or(0),
            refused: self.refused,
            disconnected: self.disconnected,
            duplicates: self.duplicates,
            elapsed: self.last.since(self.start),
            waits: self.all.clone(),
            behind: self.behind.clone(),
            gap: self.gap,
            dead: dead.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_is_between_two_answers_wherever_intervals_end() {
        let ms = |n: u64| Time::from_micros(n * 1000);
        let mut tally = Tally::new(false);
        tally.begin(ms(100));
        tally.answered(ms(101), ms(100));
        tally.progress(ms(102));
        tally.answered(ms(141), ms(101));
        tally.answered(ms(142), ms(141));
        let report = tally.report(ms(500), Some(Mode::Passive), None);
        let millis = Duration::from_millis;
        assert_eq!(report.gap, Gap { length: millis(40), at: millis(1) });
        assert_eq!((report.answered, report.elapsed), (3, millis(42)));
        assert_eq!((report.waits.len(), report.waits.max() / 100), (3, 400));
        let dead = tally.report(ms(500), None, Some(7));
        assert_eq!((dead.gap.length, dead.lost, dead.dead), (millis(358), 7, true));
    }

    #[test]
    fn progress_is_about_the_interval_and_the_report_about_all() {
        let at = |s: u64| Time::from_micros(s * 1_000_000);
        let mut tally = Tally::new(false);
        tally.begin(at(0));
        for _ in 0..10 {
            tally.answered(at(1), at(0));
        }
        let Event::Load { answered: 10, per_second: 10, .. } = tally.progress(at(1)) else {
            panic!("ten in the first second")
        };
        tally.answered(at(2), at(1));
        let Event::Load { answered: 11, per_second: 1, .. } = tally.progress(at(2)) else {
            panic!("one in the next second")
        };
        assert_eq!(tally.report(at(2), None, None).waits.len(), 11);
    }
}
