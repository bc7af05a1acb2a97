//! When to send the next heartbeat, and when a silent peer is suspected.

use std::time::Duration;

use node::Time;

/// The least lateness that shows that the detector itself did not run. A busy machine is late by
/// less than this all the time.
const LATE: Duration = Duration::from_millis(100);

/// The heartbeats between one detector and one peer.
///
/// The owner calls [`Heartbeats::start`] when the peer can be reached, [`Heartbeats::heard`] for
/// each answer, and [`Heartbeats::wake`] at [`Heartbeats::deadline`].
#[derive(Debug, Clone)]
pub struct Heartbeats {
    period: Duration,
    timeout: Duration,
    /// The number of the last heartbeat; it never starts again, so an answer names one sending.
    count: u64,
    /// When the last heartbeat was sent.
    sent: Time,
    /// When the next one is due; `None` while the peer cannot be reached.
    next: Option<Time>,
    /// When the peer was last heard.
    heard: Time,
    /// Since when a heartbeat has been unanswered.
    unanswered: Option<Time>,
    /// A detector that was late accuses nobody before this.
    excused: Time,
    suspected: bool,
}

/// What is to be done at a wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Send a heartbeat of this number.
    pub send: Option<u64>,
    /// The peer was silent for the whole timeout; said once per silence.
    pub suspect: bool,
}

impl Heartbeats {
    /// A detector at rest. `period` is the time from one sending to the next, `timeout` the silence
    /// after which the peer is suspected.
    #[must_use]
    pub fn new(period: Duration, timeout: Duration) -> Self {
        Self {
            period,
            timeout,
            count: 0,
            sent: Time::ZERO,
            next: None,
            heard: Time::ZERO,
            unanswered: None,
            excused: Time::ZERO,
            suspected: false,
        }
    }

    /// The peer can be reached for the first time, or is a new one: nothing is held against it, and
    /// the first heartbeat is due at once.
    pub fn start(&mut self, now: Time) {
        self.next = Some(now);
        self.heard = now;
        self.unanswered = None;
        self.suspected = false;
    }

    /// The peer cannot be reached for now: nothing is sent, its silence counts.
    pub fn hold(&mut self, now: Time) {
        self.next = None;
        self.unanswered.get_or_insert(now);
    }

    /// It can be reached again: the next heartbeat is due at once, its silence so far still counts.
    pub fn resume(&mut self, now: Time) {
        self.next = Some(now);
    }

    /// The peer is gone: nothing is sent and nobody is suspected until the next `start`.
    pub fn stop(&mut self) {
        self.next = None;
        self.unanswered = None;
        self.suspected = false;
    }

    /// The peer answered the heartbeat of this number. Any answer shows that it lives; only the
    /// answer to the last one leaves nothing to wait for.
    pub fn heard(&mut self, now: Time, count: u64) {
        self.heard = now;
        self.suspected = false;
        let all_answered = count >= self.count;
        self.unanswered = self.unanswered.filter(|_| !all_answered).map(|_| now);
    }

    /// Whether a heartbeat is unanswered; what comes otherwise is news that was not asked for.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.unanswered.is_some()
    }

    /// Whether the peer is suspected now.
    #[must_use]
    pub fn is_suspected(&self) -> bool {
        self.suspected
    }

    /// Changes the period and the timeout; the next sending is due one new period after the last.
    pub fn retune(&mut self, period: Duration, timeout: Duration) {
        self.period = period;
        self.timeout = timeout;
        if self.next.is_some() && self.count > 0 {
            self.next = Some(self.sent + period);
        }
    }

    /// The time from one sending to the next.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The silence after which the peer is suspected.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// When to be woken; `None` for never.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.next.into_iter().chain(self.accusation()).min()
    }

    /// When the peer is suspected if it stays silent. A timeout shorter than the period counts from
    /// the first unanswered heartbeat: a peer that was asked nothing has nothing to say.
    fn accusation(&self) -> Option<Time> {
        let unanswered = self.unanswered.filter(|_| !self.suspected)?;
        let asked = unanswered + self.timeout.min(self.period);
        Some((self.heard + self.timeout).max(asked).max(self.excused))
    }

    /// What is due now. A detector that was woken late, because it was frozen or starved, does not
    /// accuse: the answers may lie unread beside it. It gives the peer a fresh period first, or
    /// half the timeout where the period is much shorter, since what starved the detector has
    /// starved the peer too.
    pub fn wake(&mut self, now: Time) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(deadline) = self.deadline().filter(|due| *due <= now) else { return verdict };
        if now.since(deadline) > LATE.max(self.period / 2) {
            self.excused = now + self.period.max(self.timeout / 2);
        }
        if self.accusation().is_some_and(|due| due <= now) {
            self.suspected = true;
            verdict.suspect = true;
        }
        if self.next.is_some_and(|due| due <= now) {
            self.count += 1;
            self.sent = now;
            self.next = Some(now + self.period);
            self.unanswered.get_or_insert(now);
            verdict.send = Some(self.count);
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = 100;
    const TIMEOUT: u64 = 1000;

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn started() -> Heartbeats {
        let mut beats = Heartbeats::new(millis(PERIOD), millis(TIMEOUT));
        beats.start(at(0));
        beats
    }

    /// Wakes the detector at each of its deadlines until `end`; returns when it sent and accused.
    fn run(beats: &mut Heartbeats, end: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut sent, mut accused) = (Vec::new(), Vec::new());
        while let Some(due) = beats.deadline().filter(|due| *due <= at(end)) {
            let verdict = beats.wake(due);
            sent.extend(verdict.send.map(|_| due.as_micros() / 1000));
            accused.extend(verdict.suspect.then_some(due.as_micros() / 1000));
        }
        (sent, accused)
    }

    #[test]
    fn the_period_is_the_time_between_two_sendings() {
        let mut beats = started();
        assert_eq!(beats.wake(at(0)).send, Some(1));
        assert_eq!(beats.wake(at(99)), Verdict::default());
        // Late by 30 ms: the next one is due a whole period after this one.
        assert_eq!(beats.wake(at(130)).send, Some(2));
        assert_eq!(beats.deadline(), Some(at(230)));
    }

    #[test]
    fn a_silent_peer_is_suspected_once_after_the_timeout() {
        let mut beats = started();
        let (sent, accused) = run(&mut beats, 3000);
        assert_eq!(accused, [TIMEOUT]);
        assert!(beats.is_suspected());
        assert_eq!(sent.len(), 31, "it is asked all the same, so that it can come back");
    }

    #[test]
    fn an_answer_clears_the_suspicion_and_the_next_silence_is_suspected_anew() {
        let mut beats = started();
        run(&mut beats, 1500);
        beats.heard(at(1500), 3);
        assert!(!beats.is_suspected());
        assert_eq!(run(&mut beats, 3000).1, [2500]);
    }

    #[test]
    fn a_timeout_below_the_period_counts_from_the_question() {
        let mut beats = Heartbeats::new(millis(10_000), millis(1000));
        beats.start(at(0));
        assert_eq!(beats.wake(at(0)).send, Some(1));
        beats.heard(at(1), 1);
        assert_eq!(run(&mut beats, 30_000), (vec![10_000, 20_000, 30_000], vec![11_000]));
    }

    #[test]
    fn a_detector_that_was_frozen_does_not_accuse_before_a_fresh_wait() {
        let mut beats = started();
        assert_eq!(beats.wake(at(0)).send, Some(1));
        let verdict = beats.wake(at(5000));
        assert_eq!(verdict, Verdict { send: Some(2), suspect: false });
        assert_eq!(run(&mut beats, 6000).1, [5500], "and accuses after it, if nothing was heard");
    }

    #[test]
    fn a_detector_that_was_a_little_late_accuses_as_ever() {
        let mut beats = started();
        run(&mut beats, 999);
        assert!(beats.wake(at(1100)).suspect);
    }

    #[test]
    fn silence_counts_while_the_peer_cannot_be_reached() {
        let mut beats = started();
        beats.wake(at(0));
        beats.heard(at(1), 1);
        beats.hold(at(50));
        assert_eq!(run(&mut beats, 700), (vec![], vec![]));
        beats.resume(at(700));
        assert_eq!(run(&mut beats, 1100).1, [1001]);
    }

    #[test]
    fn a_stopped_detector_is_silent() {
        let mut beats = started();
        beats.wake(at(0));
        beats.stop();
        assert_eq!(beats.deadline(), None);
    }

    #[test]
    fn a_new_period_counts_from_the_last_sending() {
        let mut beats = started();
        beats.wake(at(0));
        beats.heard(at(1), 1);
        beats.retune(millis(400), millis(2000));
        assert_eq!(beats.deadline(), Some(at(400)));
        assert_eq!(run(&mut beats, 3000).1, [2001]);
    }
}
