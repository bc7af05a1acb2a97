//! The search for an order of chains ([`crate::links`]), for models that tell the state before every
//! answer.
//!
//! A stand is which chains were executed and the state. The next chain may be any that no remaining
//! one stands before and whose head fits the state; a spare may come before it where it does not.
//! What can stand anywhere makes no choice necessary: a chain with a free head, or one whose head has
//! as many spares as remaining chains need. So a state is *scarce* if remaining chains need it and there
//! are not spares enough for all of them; what was not scarce once never will be. Where nothing is
//! scarce, any order that keeps time will do. Else, what keeps the choices few is that whatever could
//! be done otherwise can still be done after:
//!
//! * a chain that leaves a scarce state as it is, as soon as it can be executed;
//! * one that takes it and leads to a state that is not scarce, rather than to leave it in another way:
//!   the rest can come after that;
//! * one that can stand anywhere and leads to a state that is not scarce: the rest can come after that,
//!   but for what takes the state.
//!
//! And a stand is given up if for some state fewer makers are left than takers, or none where it is
//! needed. From *Lowe* (see [`crate::search`]) is the memory: no stand is entered twice. States that are
//! not scarce are all alike there, and their spares are not counted.
//!
//! The cost is nearly linear in the number of chains while few of those that are open at a time have
//! to do with scarce states. It is exponential in their number at worst (the general problem is
//! NP-complete, Gibbons & Korach), so there is a budget.
//!
//! Not here: an explanation for people; a refutation names the operation that has no place.

use std::collections::{BTreeMap, BTreeSet};

use crate::links::{self, Chain, Chains, Moment, NEVER, Obstacle, Uses};
use crate::{Model, Operation, Refutation, Verdict};

/// How far an order is. Chains are numbered in the order of their first answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stand {
    /// All chains before this one were executed.
    next: usize,
    /// And these after it (in ascending order).
    early: Vec<usize>,
    /// The state, if it is scarce.
    state: Option<usize>,
    /// How many spares of the scarce states were used.
    used: BTreeMap<usize, usize>,
}

/// A step: a chain, and whether a spare comes before it, for its head.
#[derive(Debug, Clone, Copy)]
struct Step {
    chain: usize,
    spare: bool,
}

/// A search under way.
struct Search {
    chains: Vec<Chain>,
    /// Which later chains may stand before each one.
    open: Vec<Vec<usize>>,
    /// Which chains have to do with each state (in ascending order).
    uses: Vec<Uses>,
    /// When the spares of each state were asked (in ascending order).
    spares: Vec<Vec<Moment>>,
    steps: u64,
}

/// Searches for an order of operations on one object, nobody of which was answered before it asked;
/// says how many steps it took. There is no verdict if the model does not tell enough for that, or the
/// budget was used up.
pub(crate) fn search<M: Model>(
    model: &M,
    history: &[&Operation],
    budget: u64,
) -> (Option<Verdict>, u64) {
    let told = history.len() as u64;
    let refuted = |operation| Some(Verdict::Refuted(refutation(history, operation)));
    let mut search = match links::chains(model, history) {
        Ok(chains) => Search::new(chains),
        Err(Obstacle::Untold) => return (None, 0),
        Err(Obstacle::NoPlace(operation)) => return (refuted(operation), told),
    };
    search.steps = told;
    let verdict = match search.find(budget) {
        Some(Ok(())) => Some(Verdict::Linearizable),
        Some(Err(chain)) => refuted(search.chains[chain].due.expect("the beginning has its place")),
        None => None,
    };
    (verdict, search.steps)
}

fn refutation(history: &[&Operation], operation: usize) -> Refutation {
    let operation = history[operation].clone();
    let told = |other: &Operation| other.answered.as_ref().map(|(at, _)| *at);
    let at = told(&operation);
    let explained =
        history.iter().filter(|other| told(other).is_some() && told(other) < at).count();
    let states = vec!["none that it needs".to_owned()];
    Refutation { operation, explained, states }
}

impl Search {
    fn new(Chains { chains, spares, states }: Chains) -> Self {
        let users = chains.iter().enumerate().map(|(at, chain)| (at, chain.head, chain.tail));
        let uses = links::uses(states, users);
        let mut of_state = vec![Vec::new(); states];
        for (state, asked) in spares {
            of_state[state].push(asked);
        }
        let open = open(&chains);
        Self { chains, open, uses, spares: of_state, steps: 0 }
    }

    /// Finds out whether there is an order; if there is none, which chain was never come past. Nothing
    /// is known once the budget is used up.
    fn find(&mut self, budget: u64) -> Option<Result<(), usize>> {
        let beginning = Stand { next: 0, early: Vec::new(), state: None, used: BTreeMap::new() };
        let mut visited = BTreeSet::new();
        let (mut stack, mut furthest) = (vec![beginning], 0);
        while let Some(here) = stack.pop() {
            if here.next == self.chains.len() {
                return Some(Ok(()));
            }
            furthest = furthest.max(here.next);
            if self.steps >= budget {
                return None;
            }
            for step in self.choices(&here).into_iter().rev() {
                self.steps += 1;
                let after = self.after(&here, step);
                stack.extend(after.filter(|after| visited.insert(after.clone())));
            }
        }
        Some(Err(furthest))
    }

    /// What is to be tried, the best first.
    fn choices(&self, here: &Stand) -> Vec<Step> {
        let ready = self.ready(here);
        let step = |chain| Step { chain, spare: false };
        let fits = |chain: &&usize| here.state.is_some() && self.chains[**chain].head == here.state;
        let leads_back = |chain: &&usize| here.state == Some(self.chains[**chain].tail);
        if let Some(idle) = ready.iter().filter(fits).find(leads_back) {
            return vec![step(*idle)];
        }
        let is_taken = |step: &Step| self.is_scarce(self.chains[step.chain].tail, here);
        let mut choices: Vec<Step> = ready.iter().filter(fits).copied().map(step).collect();
        if !choices.iter().all(is_taken) {
            return choices;
        }
        let anywhere: Vec<Step> =
            ready.iter().filter_map(|chain| self.anywhere(*chain, here)).collect();
        if let Some(untaken) = anywhere.iter().find(|step| !is_taken(step)) {
            choices.push(*untaken);
            return choices;
        }
        choices.extend(anywhere);
        let spared = ready.into_iter().filter(|chain| self.has_spare(*chain, here));
        choices.extend(spared.map(|chain| Step { chain, spare: true }));
        choices
    }

    /// The step that executes a chain which can stand anywhere.
    fn anywhere(&self, chain: usize, here: &Stand) -> Option<Step> {
        let head = self.chains[chain].head;
        let fits = head.is_none_or(|head| !self.is_scarce(head, here));
        fits.then_some(Step { chain, spare: head.is_some() })
    }

    /// Whether a spare can stand here for what this chain needs, which is scarce and not the state.
    fn has_spare(&self, chain: usize, here: &Stand) -> bool {
        let scarce = self.chains[chain].head.filter(|head| self.is_scarce(*head, here));
        scarce.is_some_and(|head| here.state != Some(head) && self.spares(head, here) > 0)
    }

    /// The remaining chains that no other remaining one stands before.
    fn ready(&self, here: &Stand) -> Vec<usize> {
        let mut behind = here.next + 1;
        behind += here.early.iter().zip(behind..).take_while(|(early, at)| **early == *at).count();
        let first = self.chains.get(behind).map_or(NEVER, |chain| chain.answered);
        let next = (self.chains[here.next].asked <= first).then_some(here.next);
        let later = self.open[here.next].iter().copied();
        next.into_iter().chain(later.filter(|at| here.early.binary_search(at).is_err())).collect()
    }

    /// How many spares of a state can be executed here.
    fn spares(&self, state: usize, here: &Stand) -> usize {
        let until = self.chains.get(here.next).map_or(NEVER, |chain| chain.answered);
        let asked = self.spares[state].partition_point(|asked| *asked <= until);
        asked - here.used.get(&state).copied().unwrap_or_default()
    }

    /// How many of these chains are to be executed yet.
    fn left(&self, of: &[usize], here: &Stand) -> usize {
        let later = of.len() - of.partition_point(|chain| *chain < here.next);
        later - here.early.iter().filter(|chain| of.binary_search(chain).is_ok()).count()
    }

    /// Whether remaining chains need this state, and there are not spares enough for all of them.
    fn is_scarce(&self, state: usize, here: &Stand) -> bool {
        let Uses { loops, takers, .. } = &self.uses[state];
        self.left(takers, here) + self.left(loops, here) > self.spares(state, here)
    }

    /// Whether what remaining chains need of this state cannot be given to them any more.
    fn is_short(&self, state: usize, here: &Stand) -> bool {
        let (Uses { makers, loops, takers }, spares) = (&self.uses[state], &self.spares[state]);
        let used = here.used.get(&state).copied().unwrap_or_default();
        let given = self.left(makers, here) + spares.len() - used;
        let given = given + usize::from(here.state == Some(state));
        given < self.left(takers, here).max(usize::from(self.left(loops, here) > 0))
    }

    /// Where a step leads to, if anything can come of it.
    fn after(&self, here: &Stand, Step { chain, spare }: Step) -> Option<Stand> {
        let Chain { head, tail, .. } = self.chains[chain];
        let mut after = Stand { state: Some(tail), ..here.clone() };
        if chain == here.next {
            after.next += 1;
            let row = after.early.iter().zip(after.next..).take_while(|(early, at)| **early == *at);
            let row = row.count();
            after.early.drain(..row);
            after.next += row;
        } else if let Err(place) = after.early.binary_search(&chain) {
            after.early.insert(place, chain);
        }
        if let Some(head) = head.filter(|_| spare) {
            *after.used.entry(head).or_default() += 1;
        }
        if [here.state, head].into_iter().flatten().any(|state| self.is_short(state, &after)) {
            return None;
        }
        after.state = after.state.filter(|state| self.is_scarce(*state, &after));
        let scarce = |state: &usize| self.is_scarce(*state, &after);
        let used = after.used.iter().filter(|(state, _)| scarce(state));
        after.used = used.map(|(state, used)| (*state, *used)).collect();
        Some(after)
    }
}

/// For each chain the later ones that it does not stand before.
fn open(chains: &[Chain]) -> Vec<Vec<usize>> {
    let mut by_question: Vec<usize> = (0..chains.len()).collect();
    by_question.sort_by_key(|chain| chains[*chain].asked);
    let mut asked = by_question.into_iter().peekable();
    let mut open = BTreeSet::new();
    let mut all = Vec::with_capacity(chains.len());
    for (place, chain) in chains.iter().enumerate() {
        while let Some(next) = asked.next_if(|next| chains[*next].asked <= chain.answered) {
            open.insert(next);
        }
        open.retain(|next| *next > place);
        all.push(open.iter().copied().collect());
    }
    all
}
