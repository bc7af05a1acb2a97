//! The clocks: the role's time, and the machine's monotonic clock for the audit.

use std::time::{Duration, Instant};

use node::Time;

/// The role's clock: microseconds since the host started, never going back (obligation 1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that stands at zero.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    pub(crate) fn now(&self) -> Time {
        Time::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// The same moment for the timer; what is too far off to be represented is a year away.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
        let after = Duration::from_micros(time.as_micros()).min(FAR);
        self.start + after
    }
}

/// `CLOCK_MONOTONIC` in microseconds: the same for every process of this machine.
pub(crate) fn machine_micros() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000
}
