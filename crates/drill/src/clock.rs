//! The clock that all processes of one machine share: CLOCK_MONOTONIC, in microseconds.
//!
//! Audit records carry it, so that a moment in one process compares with a moment in another and
//! with a kill by the drill itself. It says nothing of the time of day.

use rustix::time::{ClockId, clock_gettime};

/// Now, in microseconds of CLOCK_MONOTONIC.
#[must_use]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default() / 1_000
}
