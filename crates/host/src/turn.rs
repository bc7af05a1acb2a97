//! The loop: one turn takes in everything that is there, settles once, and lets everything out.
//!
//! A turn serves what is ready (sockets, signals, the keyboard, processes, timeouts) by calling the
//! role for each input and performing its outputs at once, in order; then calls `settle`; then
//! writes the audit, the sockets and the console; then waits. No message crosses a task or a
//! channel.
//!
//! Guarantees: obligations 1, 2, 3, 7 and 8 of [`node`]; a turn reads a bounded amount, so nobody is
//! kept waiting by somebody who sends a lot.
//!
//! Not here: connections (see `traffic`) and how an output is performed (see `world`).

use std::task::{Context, Poll};
use std::time::Duration;

use node::{Event, Input, Output, Role, Time};

use crate::keyboard::Keyboard;
use crate::signals::{Asked, Signals, reload};
use crate::timer::Timer;
use crate::wakeups::Key;
use crate::world::World;

/// How much a turn reads from all connections together, in bytes.
const TURN_SHARE: usize = 1024 * 1024;

/// How many typed lines a turn takes.
const LINE_SHARE: usize = 64;

/// How often a turn settles at most, when settling brings new inputs (a persisted record).
const SETTLE_ROUNDS: usize = 8;

/// How soon a role is woken again whose deadline has not moved although it was woken.
const WAKE_AGAIN: Duration = Duration::from_micros(100);

/// How soon lines are handed over that the terminal did not take.
const PRINT_AGAIN: Duration = Duration::from_millis(50);

/// A role in its world.
pub(crate) struct Turns<R> {
    pub(crate) role: R,
    pub(crate) world: World,
    /// How much this turn may still read, in bytes.
    pub(crate) share: usize,
    timer: Timer,
    keyboard: Option<Keyboard>,
    signals: Option<Signals>,
    outputs: Vec<Output>,
    ready: Vec<Key>,
    started: bool,
    unsettled: bool,
}

impl<R: Role> Turns<R> {
    /// A role that has not started yet; within an event loop.
    pub(crate) fn new(
        role: R,
        world: World,
        keyboard: Option<Keyboard>,
        signals: Option<Signals>,
    ) -> Self {
        Self {
            timer: Timer::new(&world.wakeups),
            role,
            world,
            share: 0,
            keyboard,
            signals,
            outputs: Vec::new(),
            ready: Vec::new(),
            started: false,
            unsettled: false,
        }
    }

    /// One turn. Ready, with the exit code, when the process is to end.
    pub(crate) fn turn(&mut self, context: &mut Context<'_>) -> Poll<u8> {
        self.world.wakeups.take(context.waker(), &mut self.ready);
        self.world.tick();
        self.share = TURN_SHARE;
        if !std::mem::replace(&mut self.started, true) {
            self.step(Input::Start);
        }
        let later = std::mem::take(&mut self.world.later);
        self.world.pending.extend(later);
        self.deliver();
        let mut ready = std::mem::take(&mut self.ready);
        for key in ready.drain(..) {
            self.serve(key);
        }
        self.ready = ready;
        self.world.tick();
        self.expire();
        let woken = self.wake();
        self.settle();
        self.let_out(woken)
    }

    /// Gives the role one input, and performs what it wants done.
    pub(crate) fn step(&mut self, input: Input) {
        if self.world.end.is_some() {
            return;
        }
        self.unsettled = true;
        self.role.handle(self.world.now, input, &mut self.outputs);
        self.perform();
    }

    fn perform(&mut self) {
        for output in self.outputs.drain(..) {
            self.world.perform(output);
        }
    }

    /// Tells the role what its outputs have led to.
    fn deliver(&mut self) {
        for _ in 0..self.world.pending.len() {
            let Some(input) = self.world.pending.pop_front() else { return };
            self.step(input);
        }
    }

    /// Wakes the role if its deadline has passed.
    fn wake(&mut self) -> bool {
        let due = self.role.deadline().is_some_and(|deadline| deadline <= self.world.now);
        if due && self.world.end.is_none() {
            self.unsettled = true;
            self.role.wake(self.world.now, &mut self.outputs);
            self.perform();
        }
        due
    }

    fn settle(&mut self) {
        for _ in 0..SETTLE_ROUNDS {
            self.deliver();
            if !std::mem::take(&mut self.unsettled) || self.world.end.is_some() {
                return;
            }
            self.role.settle(self.world.now, &mut self.outputs);
            self.perform();
        }
        self.world.again.wake();
    }

    /// The end of the turn: what happened goes to the audit, the sockets and the console, in this
    /// order, and the timer is set.
    fn let_out(&mut self, woken: bool) -> Poll<u8> {
        self.world.write_audit();
        self.world.flush();
        let unprinted = self.world.console.hand_over();
        if let Some(end) = self.world.end
            && (end.at <= self.world.now || self.world.is_flushed())
        {
            return Poll::Ready(end.code);
        }
        let now = self.world.now;
        let mut role = self.role.deadline();
        if woken {
            role = role.map(|deadline| deadline.max(now + WAKE_AGAIN));
        }
        let print: Option<Time> = unprinted.then(|| now + PRINT_AGAIN);
        if let Some(next) = [role, print, self.world.next()].into_iter().flatten().min() {
            self.timer.set(self.world.clock, next);
        }
        Poll::Pending
    }

    /// Takes in what one source has to say.
    fn serve(&mut self, key: Key) {
        match key {
            Key::Connection(number) => self.serve_connection(node::Conn(number)),
            Key::Listener(place) => self.serve_listener(place),
            Key::Timer => self.timer.fired(),
            Key::Again => self.world.again.clear(),
            Key::Signals => self.serve_signals(),
            Key::Keyboard => self.serve_keyboard(),
            Key::Processes => {
                while let Some((pid, how)) = self.world.processes.ended() {
                    self.step(Input::Exited { pid, how });
                }
            }
        }
    }

    fn serve_keyboard(&mut self) {
        for _ in 0..LINE_SHARE {
            let Some(input) = self.keyboard.as_mut().and_then(Keyboard::next) else { return };
            self.step(input);
        }
        self.keyboard.iter().for_each(Keyboard::again);
    }

    fn serve_signals(&mut self) {
        while let Some(asked) = self.signals.as_mut().and_then(Signals::next) {
            match asked {
                Asked::End => self.world.end(0),
                Asked::Reload => self.reload(),
            }
        }
    }

    fn reload(&mut self) {
        let Some(path) = self.world.settings.tune.clone() else {
            let text = "SIGHUP: there is no file to read again (--cluster FILE)";
            self.world.note(&Event::Info(text.to_owned()));
            return;
        };
        match reload(&path) {
            Ok(tune) => {
                let text = format!("settings read again from {}", path.display());
                self.world.note(&Event::Info(text));
                self.step(Input::Tune(tune));
            }
            Err(text) => self.world.note(&Event::Warning(text)),
        }
    }
}
