//! The search for an order: Wing & Gong, made fast enough by Lowe.
//!
//! *Wing & Gong* (Testing and verifying concurrent objects, 1993) try every operation that no other
//! one precedes as the next, and go back where the model does not give its reply. From *Lowe*
//! (Testing for linearizability, 2017) come the two things that make this bearable:
//!
//! * *Memoisation*: a configuration - how far we are, which open operations were executed, the state
//!   - from which there was no way once is not entered again.
//! * *Just in time*: an operation is executed only when an answer has to be explained: its own, or
//!   one that comes before its own. Executing it later is never worse, because an operation may be
//!   put off until the next answer. So what is not needed is not tried; in particular, nobody guesses
//!   which pending operations took effect, until somebody has seen one.
//!
//! The second is also why the cost is local. The answers are explained one after the other, each by
//! what is open at that moment. Where nothing is open, all ways on that lead to one state are one
//! configuration, and the search does not go back behind it. So a long history is a row of short
//! windows, cut exactly where it can be cut; pending operations are carried over from one to the next.
//!
//! Ours is what keeps it short where many requests are pending, as after crashes of clients:
//!
//! * The configuration that is furthest goes on first, and among equals the one that has guessed the
//!   least: the reply of an operation that is answered later says whether it fits, a pending one
//!   always does.
//! * One that has executed more pending operations than another, and gained nothing by it, is not
//!   entered: nobody waits for them, so whatever it can do the other can do, too.
//! * Where an answer can only have been given in one state ([`Model::before`]), that state must not
//!   be left before, if nothing leads to it again; and a pending operation that leads to a state which
//!   no answer needs is left out.
//!
//! Not here: which object an operation is about, and when this search is asked; see [`crate::check`].
//! Where the state before every answer is known, [`crate::chains`] comes first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::order::Order;
use crate::{Model, Operation, Refutation, Verdict};

/// So many of the states before a refuted answer are told.
const STATES: usize = 3;
/// So many steps may be spent on saying better why there is no order.
const EXPLANATION: u64 = 100_000;

/// How far a search is, but for pending operations: the next answer to explain, the state (by its
/// number), and what was executed already of what is answered later (in ascending order).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stand {
    next: usize,
    state: usize,
    early: Vec<usize>,
}

/// The whole of it: also which of the pending operations were executed (in ascending order).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Configuration {
    stand: Stand,
    taken: Vec<usize>,
}

/// Where a configuration stands in the queue: the furthest first, then the one that has executed the
/// fewest pending operations, then the fewest of the others, then the newest.
type Rank = (usize, Reverse<usize>, Reverse<usize>, u64);

/// What is to be tried of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// The operation whose answer is next.
    Answer,
    /// Those that could stand before it.
    Others,
}

/// A search under way.
struct Search<'a, M: Model> {
    model: &'a M,
    history: &'a [&'a Operation],
    order: Order,
    /// Every state that was met has a number, so that a stand is small and compared exactly.
    numbers: BTreeMap<M::State, usize>,
    states: Vec<M::State>,
    /// The least sets of pending operations with which each stand was reached.
    visited: BTreeMap<Stand, Vec<Vec<usize>>>,
    queue: BinaryHeap<(Rank, Turn, Configuration)>,
    queued: u64,
    steps: u64,
    /// The answered operations that need a state, and those that lead to it, by its number; each in
    /// the order of their answers.
    takers: BTreeMap<usize, Vec<usize>>,
    makers: BTreeMap<usize, Vec<usize>>,
    /// Whether it is known of every answer which state it needs.
    all_known: bool,
}

/// Searches for an order of operations on one object, nobody of which was answered before it asked;
/// says how many steps of the model it took.
pub(crate) fn search<M: Model>(model: &M, history: &[&Operation], budget: u64) -> (Verdict, u64) {
    let (verdict, steps) = Search::new(model, history, true).run(budget);
    let Verdict::Refuted(refutation) = verdict else { return (verdict, steps) };
    let (refutation, more) = explain(model, history, refutation, budget);
    (Verdict::Refuted(refutation), steps + more)
}

/// Says better, for people, why there is no order. With foresight a search stops where a state is left
/// that is needed later; without, it stops at the answer that cannot be explained. Says how many steps
/// it took, too.
pub(crate) fn explain<M: Model>(
    model: &M,
    history: &[&Operation],
    refutation: Refutation,
    budget: u64,
) -> (Refutation, u64) {
    let (again, steps) = Search::new(model, history, false).run(EXPLANATION.min(budget));
    match again {
        Verdict::Linearizable => panic!("foresight has refused what is right: {refutation}"),
        Verdict::Refuted(better) => (better, steps),
        Verdict::Undecided(_) => (refutation, steps),
    }
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, history: &'a [&'a Operation], foresight: bool) -> Self {
        let mut search = Search {
            model,
            history,
            order: Order::new(history),
            numbers: BTreeMap::new(),
            states: Vec::new(),
            visited: BTreeMap::new(),
            queue: BinaryHeap::new(),
            queued: 0,
            steps: 0,
            takers: BTreeMap::new(),
            makers: BTreeMap::new(),
            all_known: false,
        };
        if foresight {
            search.learn();
        }
        search
    }

    /// Learns which states are needed, and where they come from.
    fn learn(&mut self) {
        let answered = self.order.returns.iter().map(|answer| answer.operation);
        self.all_known = true;
        let all: Vec<usize> = answered.chain(self.order.pending.iter().copied()).collect();
        for index in all {
            let operation = self.history[index];
            let request = &operation.request;
            if let Some(reply) = operation.reply() {
                match self.model.before(request, reply) {
                    Some(state) => {
                        let state = self.number(state);
                        self.takers.entry(state).or_default().push(index);
                    }
                    None => self.all_known = false,
                }
            }
            if let Some(state) = self.model.after(request) {
                let state = self.number(state);
                self.makers.entry(state).or_default().push(index);
            }
        }
    }

    /// Whether one of these operations, other than `except`, is still to be executed.
    fn any_left(
        &self,
        of: &BTreeMap<usize, Vec<usize>>,
        state: usize,
        here: &Configuration,
        except: usize,
    ) -> bool {
        let Some(all) = of.get(&state) else { return false };
        let in_time = |other: &&usize| self.order.last[**other] >= here.stand.next;
        all.iter().rev().take_while(in_time).any(|other| {
            let executed = |some: &[usize]| some.binary_search(other).is_ok();
            *other != except && !executed(&here.stand.early) && !executed(&here.taken)
        })
    }

    /// Whether nothing can come of executing this operation.
    fn is_vain(&self, here: &Configuration, operation: usize, after: usize) -> bool {
        let before = here.stand.state;
        let pending = self.history[operation].answered.is_none();
        // Nobody waits for it, and nobody will see it.
        let unseen = || self.all_known && !self.any_left(&self.takers, after, here, operation);
        let lost = || {
            self.any_left(&self.takers, before, here, operation)
                && !self.any_left(&self.makers, before, here, operation)
        };
        (pending && (after == before || unseen())) || (after != before && lost())
    }

    fn run(mut self, budget: u64) -> (Verdict, u64) {
        let verdict = self.find(budget);
        (verdict, self.steps)
    }

    fn find(&mut self, budget: u64) -> Verdict {
        let state = self.number(self.model.initial());
        let stand = Stand { next: 0, state, early: Vec::new() };
        self.enter(Configuration { stand, taken: Vec::new() });
        let mut furthest = 0;
        while let Some((_, turn, here)) = self.queue.pop() {
            let next = here.stand.next;
            if next == self.order.returns.len() {
                return Verdict::Linearizable;
            }
            if self.steps >= budget {
                return Verdict::Undecided(self.refutation(furthest.max(next)));
            }
            furthest = furthest.max(next);
            match turn {
                Turn::Answer => self.answer(here),
                Turn::Others => self.others(&here),
            }
        }
        Verdict::Refuted(self.refutation(furthest))
    }

    /// Explains the next answer, if that is possible here. If it is not, the others have their turn,
    /// but not before everything that has executed as little was asked the same.
    fn answer(&mut self, here: Configuration) {
        let operation = self.order.returns[here.stand.next].operation;
        if let Ok(place) = here.stand.early.binary_search(&operation) {
            let mut after = here;
            after.stand.early.remove(place);
            after.stand.next += 1;
            return self.enter(after);
        }
        if let Some(state) = self.step(&here, operation) {
            let mut after = here.clone();
            (after.stand.state, after.stand.next) = (state, after.stand.next + 1);
            self.enter(after);
        }
        self.queue(1, Turn::Others, here);
    }

    /// Executes one of those that are open, each in turn.
    fn others(&mut self, here: &Configuration) {
        let next = here.stand.next;
        for index in 0..self.order.returns[next].open.len() {
            let operation = self.order.returns[next].open[index];
            let Err(place) = here.stand.early.binary_search(&operation) else { continue };
            if let Some(state) = self.step(here, operation) {
                let mut after = here.clone();
                after.stand.state = state;
                after.stand.early.insert(place, operation);
                self.enter(after);
            }
        }
        for index in 0..self.order.returns[next].pending {
            let operation = self.order.pending[index];
            let Err(place) = here.taken.binary_search(&operation) else { continue };
            if let Some(state) = self.step(here, operation) {
                let mut after = here.clone();
                after.stand.state = state;
                after.taken.insert(place, operation);
                self.enter(after);
            }
        }
    }

    /// The state after one more operation, if the model gives its reply and something may come of it.
    fn step(&mut self, here: &Configuration, index: usize) -> Option<usize> {
        let operation = self.history[index];
        self.steps += 1;
        let before = &self.states[here.stand.state];
        let after = self.model.step(before, &operation.request, operation.reply())?;
        let after = self.number(after);
        (!self.is_vain(here, index, after)).then_some(after)
    }

    fn enter(&mut self, configuration: Configuration) {
        let Configuration { stand, taken } = &configuration;
        let known = self.visited.entry(stand.clone()).or_default();
        let contains = |all: &[usize], some: &[usize]| {
            some.iter().all(|operation| all.binary_search(operation).is_ok())
        };
        if known.iter().any(|less| contains(taken, less)) {
            return;
        }
        known.retain(|more| !contains(more, taken));
        known.push(taken.clone());
        self.queue(0, Turn::Answer, configuration);
    }

    /// Queues a turn, as if `more` answered operations more had been executed.
    fn queue(&mut self, more: usize, turn: Turn, configuration: Configuration) {
        let Configuration { stand, taken } = &configuration;
        self.queued += 1;
        let executed = (Reverse(taken.len()), Reverse(stand.early.len() + more));
        let rank = (stand.next, executed.0, executed.1, self.queued);
        self.queue.push((rank, turn, configuration));
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
        let at = |stand: &&Stand| stand.next == furthest;
        let states: BTreeSet<usize> =
            self.visited.keys().filter(at).map(|stand| stand.state).collect();
        let told = states.iter().take(STATES).map(|state| format!("{:?}", self.states[*state]));
        let operation = self.history[self.order.returns[furthest].operation].clone();
        Refutation { operation, explained: furthest, states: told.collect() }
    }
}
