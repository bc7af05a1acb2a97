//! How long to wait before the next attempt: a little longer each time, up to a limit.
//!
//! Not here: timers. Whoever tries keeps the moment of the next attempt.

use std::time::Duration;

use node::Time;

/// The moments when something is due, of which some may be unset; the earliest of them.
pub(crate) fn earliest(moments: impl IntoIterator<Item = Option<Time>>) -> Option<Time> {
    moments.into_iter().flatten().min()
}

/// The pauses between attempts.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Duration,
    step: Duration,
    limit: Duration,
    next: Duration,
}

impl Pace {
    /// The first pause is `start` (zero: at once), the next `step` if that was zero, and then each
    /// is twice the one before, up to `limit`.
    pub(crate) fn new(start: Duration, step: Duration, limit: Duration) -> Self {
        Self { start, step, limit, next: start }
    }

    /// The pause before the attempt that is made now; the next one is longer.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = if pause.is_zero() { self.step } else { (pause * 2).min(self.limit) };
        pause
    }

    /// An attempt has succeeded, or there is news: begin with the shortest pause again.
    pub(crate) fn reset(&mut self) {
        self.next = self.start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_begin_anew() {
        let ms = Duration::from_millis;
        let mut pace = Pace::new(Duration::ZERO, ms(20), ms(200));
        let pauses: Vec<u128> = (0..7).map(|_| pace.pause().as_millis()).collect();
        assert_eq!(pauses, [0, 20, 40, 80, 160, 200, 200]);
        pace.reset();
        assert!(pace.pause().is_zero());
    }
}
