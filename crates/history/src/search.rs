//! The search for an order: Wing & Gong, made fast enough by Lowe.
//!
//! *Wing & Gong* (Testing and verifying concurrent objects, 1993) try, depth first, every operation
//! that no other one precedes as the next, and go back where the model does not give its reply. From
//! *Lowe* (Testing for linearizability, 2017) come the two things that make this bearable:
//!
//! * *Memoisation*: a configuration - how far we are, which of the open operations were executed,
//!   the state - from which there was no way once is not entered again.
//! * *Just in time*: an operation is executed only when an answer has to be explained: its own, or
//!   one that comes before its own. Executing it later is never worse, because an operation may be
//!   put off until the next answer. So what is not needed is not tried; in particular, nobody guesses
//!   which pending operations took effect, until somebody has seen one.
//!
//! The second is also why the cost is local. The answers are explained one after the other; where
//! only one configuration is left, as at a moment at which nothing is open, what lies before it is
//! decided and forgotten. So a history is cut into windows, exactly where it can be cut.
//!
//! Not here: which object an operation is about; see [`crate::check`].

use std::collections::{BTreeMap, BTreeSet};

use crate::order::Order;
use crate::{Model, Operation, Refutation, Verdict};

/// So many of the states before a refuted answer are told.
const STATES: usize = 3;

/// How far a search is: the next answer to explain, the state (by its number), and which of the open
/// operations were executed (by their places, 64 to a word).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Configuration {
    next: usize,
    state: usize,
    executed: Box<[u64]>,
}

impl Configuration {
    fn has(&self, place: usize) -> bool {
        self.executed[place / 64] >> (place % 64) & 1 == 1
    }

    fn flip(&mut self, place: usize) {
        self.executed[place / 64] ^= 1 << (place % 64);
    }
}

/// A search under way.
struct Search<'a, M: Model> {
    model: &'a M,
    history: &'a [&'a Operation],
    order: Order,
    /// Every state that was met has a number, so that a configuration is small and compared exactly.
    numbers: BTreeMap<M::State, usize>,
    states: Vec<M::State>,
    visited: BTreeSet<Configuration>,
    stack: Vec<Configuration>,
    steps: u64,
}

/// Searches for an order of operations on one object; says how many steps of the model it took.
pub(crate) fn search<M: Model>(model: &M, history: &[&Operation], budget: u64) -> (Verdict, u64) {
    if let Some(early) = history.iter().find(|operation| operation.precedes(operation)) {
        let operation = (*early).clone();
        let states = vec!["nothing: it was answered before it was asked".to_owned()];
        return (Verdict::Refuted(Refutation { operation, explained: 0, states }), 0);
    }
    let order = Order::new(history);
    let mut search = Search {
        model,
        history,
        order,
        numbers: BTreeMap::new(),
        states: Vec::new(),
        visited: BTreeSet::new(),
        stack: Vec::new(),
        steps: 0,
    };
    let verdict = search.run(budget);
    (verdict, search.steps)
}

impl<M: Model> Search<'_, M> {
    fn run(&mut self, budget: u64) -> Verdict {
        let state = self.number(self.model.initial());
        let executed = vec![0; self.order.width.div_ceil(64)].into();
        self.enter(Configuration { next: 0, state, executed });
        let mut furthest = 0;
        while let Some(here) = self.stack.pop() {
            if here.next == self.order.returns.len() {
                return Verdict::Linearizable;
            }
            if self.steps >= budget {
                return Verdict::Undecided;
            }
            if self.stack.is_empty() && here.next >= furthest {
                // A cut: whatever the way on is, it begins here, and nothing leads back.
                self.visited.clear();
                self.visited.insert(here.clone());
            }
            furthest = furthest.max(here.next);
            self.explain(here);
        }
        Verdict::Refuted(self.refutation(furthest))
    }

    /// Explains the next answer, or executes something that could help to explain it.
    fn explain(&mut self, here: Configuration) {
        let answer = &self.order.returns[here.next];
        let place = self.order.places[answer.operation];
        if here.has(place) {
            let mut after = here;
            after.flip(place);
            after.next += 1;
            self.enter(after);
            return;
        }
        // The last one is tried first: the answered operation itself.
        for index in 0..answer.open.len() {
            let operation = self.order.returns[here.next].open[index];
            if !here.has(self.order.places[operation]) {
                self.execute(&here, operation);
            }
        }
    }

    fn execute(&mut self, here: &Configuration, index: usize) {
        let operation = self.history[index];
        self.steps += 1;
        let before = &self.states[here.state];
        let Some(state) = self.model.step(before, &operation.request, operation.reply()) else {
            return;
        };
        if operation.answered.is_none() && state == *before {
            // Nobody waits for it and nothing changes: without it one is as far.
            return;
        }
        let mut after = here.clone();
        after.state = self.number(state);
        after.flip(self.order.places[index]);
        self.enter(after);
    }

    fn enter(&mut self, configuration: Configuration) {
        if self.visited.insert(configuration.clone()) {
            self.stack.push(configuration);
        }
    }

    fn number(&mut self, state: M::State) -> usize {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = self.states.len();
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }

    fn refutation(&self, furthest: usize) -> Refutation {
        let at = |configuration: &&Configuration| configuration.next == furthest;
        let states: BTreeSet<usize> =
            self.visited.iter().filter(at).map(|configuration| configuration.state).collect();
        let told = states.iter().take(STATES).map(|state| format!("{:?}", self.states[*state]));
        let operation = self.history[self.order.returns[furthest].operation].clone();
        Refutation { operation, explained: furthest, states: told.collect() }
    }
}
