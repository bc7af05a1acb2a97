//! Which sources have something to say, without asking all of them.
//!
//! Every source (a connection, a listener, the timer) has its own [`Wakeup`]: a waker that pushes
//! the source's key on one shared list and wakes the loop. A turn of the loop takes that list and
//! serves exactly those, so ten thousand silent connections cost a turn nothing.
//!
//! Guarantee: a key is on the list at most once until its source is served ([`Wakeup::clear`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

/// What a wake-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A connection, by its number.
    Connection(u64),
    /// A listener, by its place.
    Listener(usize),
    /// The timer.
    Timer,
    /// SIGTERM, SIGINT, SIGHUP.
    Signals,
    /// A typed line.
    Keyboard,
    /// The end of a watched process.
    Processes,
    /// Nothing outside: the last turn left work behind.
    Again,
}

#[derive(Default)]
struct Shared {
    ready: Vec<Key>,
    root: Option<Waker>,
}

/// The list of keys whose sources have something to say.
#[derive(Clone, Default)]
pub(crate) struct Wakeups(Arc<Mutex<Shared>>);

impl Wakeups {
    /// A wake-up for a new source.
    pub(crate) fn source(&self, key: Key) -> Source {
        let wakeup = Arc::new(Wakeup { key, queued: AtomicBool::new(false), list: self.clone() });
        Source { waker: Waker::from(Arc::clone(&wakeup)), wakeup }
    }

    /// Moves what is ready to `into`, and has `root` woken by what comes next.
    pub(crate) fn take(&self, root: &Waker, into: &mut Vec<Key>) {
        let mut shared = self.lock();
        std::mem::swap(&mut shared.ready, into);
        if !shared.root.as_ref().is_some_and(|known| known.will_wake(root)) {
            shared.root = Some(root.clone());
        }
    }

    fn push(&self, key: Key) {
        let mut shared = self.lock();
        shared.ready.push(key);
        let root = if shared.ready.len() == 1 { shared.root.clone() } else { None };
        drop(shared);
        if let Some(root) = root {
            root.wake();
        }
    }

    /// Nothing panics while it holds this lock, so the list is whole even if the lock says not.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of one source.
struct Wakeup {
    key: Key,
    queued: AtomicBool,
    list: Wakeups,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.list.push(self.key);
        }
    }
}

/// A source's own handle of its wake-up.
pub(crate) struct Source {
    wakeup: Arc<Wakeup>,
    waker: Waker,
}

impl Source {
    /// To be called before the source is served, so that what happens meanwhile is not missed.
    pub(crate) fn clear(&self) {
        self.wakeup.queued.store(false, Ordering::Release);
    }

    /// Has the source served in the next turn.
    pub(crate) fn wake(&self) {
        self.wakeup.wake_by_ref();
    }

    /// The context to poll the source in.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_listed_once_until_it_is_served() {
        let wakeups = Wakeups::default();
        let source = wakeups.source(Key::Connection(7));
        source.wake();
        source.wake();
        let mut ready = Vec::new();
        wakeups.take(Waker::noop(), &mut ready);
        assert_eq!(ready, [Key::Connection(7)]);

        source.wake();
        ready.clear();
        wakeups.take(Waker::noop(), &mut ready);
        assert_eq!(ready, [], "it is not served yet");

        source.clear();
        source.wake();
        wakeups.take(Waker::noop(), &mut ready);
        assert_eq!(ready, [Key::Connection(7)]);
    }
}
