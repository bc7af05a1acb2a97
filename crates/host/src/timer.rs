//! The one timer of the loop.

use std::pin::Pin;
use std::time::Duration;

use node::Time;
use tokio::time::Sleep;

use crate::clock::Clock;
use crate::wakeups::{Key, Source, Wakeups};

/// A timer that is set to the next deadline of the role and of the host itself. It may fire early
/// (a deadline that was moved back is not worth a system call), never late by more than the
/// millisecond to which the event loop rounds.
pub(crate) struct Timer {
    sleep: Pin<Box<Sleep>>,
    set_to: Option<Time>,
    source: Source,
}

impl Timer {
    /// A timer that is not set; within an event loop.
    pub(crate) fn new(wakeups: &Wakeups) -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            set_to: None,
            source: wakeups.source(Key::Timer),
        }
    }

    /// Has the loop woken at this moment, or at once if it has passed.
    pub(crate) fn set(&mut self, clock: Clock, to: Time) {
        if self.set_to.is_some_and(|set_to| set_to <= to) {
            return;
        }
        self.set_to = Some(to);
        self.sleep.as_mut().reset(clock.instant(to).into());
        if self.sleep.as_mut().poll(&mut self.source.context()).is_ready() {
            self.source.wake();
        }
    }

    /// It has fired.
    pub(crate) fn fired(&mut self) {
        self.source.clear();
        self.set_to = None;
    }
}
