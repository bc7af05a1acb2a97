//! Chains: runs of operations that follow each other directly in every order there can be.
//!
//! Where a model tells which state an answer was given in ([`Model::before`]), an operation needs a
//! state and leads to one. A state that is needed and that only one operation leads to, is there once:
//! what needs it and does not change it comes directly after its maker, and what needs it and changes
//! it after these. Each such *link* is forced, so what is linked can be taken as one operation, a
//! *chain*: it needs what its first operation needs, it leads to what its last one leads to, and it
//! stands before another chain if any of its operations was answered before any of the other's was
//! asked. The idea is that of the clusters of *Gibbons & Korach* (Testing shared memories, 1997), a
//! write and the reads of its value, for registers to which no value is written twice; a swap makes
//! rows of clusters of it.
//!
//! The state at first has a maker, too: the *beginning*, which stands before everything.
//!
//! What is pending and leads to a state that no answer needs is left out: nobody would miss it. What is
//! pending and one of several makers of a state is a *spare*: it may be executed or not. Of the spares of
//! one state, those that were asked first serve as well as any other, so no more are kept than there
//! are operations that need the state.
//!
//! Promise: an order of the operations exists if and only if one of the chains and some of the spares
//! does. Where there are no chains, there is no order.
//!
//! Not here: which chain comes after which; see [`crate::chains`].

use std::collections::BTreeMap;
use std::iter;

use crate::{Model, Operation};

/// A moment of the history, one later than it says; zero is before all of it.
pub(crate) type Moment = u128;

/// After all of the history.
pub(crate) const NEVER: Moment = Moment::MAX;

/// Operations that follow each other directly. States are numbers here.
#[derive(Debug)]
pub(crate) struct Chain {
    /// The state that the first of them needs; `None` if any will do.
    pub(crate) head: Option<usize>,
    /// The state after the last.
    pub(crate) tail: usize,
    /// The last moment at which one of them was asked. What was answered before it comes before them.
    pub(crate) asked: Moment,
    /// The first moment at which one of them was answered. What was asked after it comes after them.
    pub(crate) answered: Moment,
    /// Which operation of the history that was; `None` of the beginning alone.
    pub(crate) due: Option<usize>,
}

/// A history in chains.
#[derive(Debug)]
pub(crate) struct Chains {
    /// All of them have to be executed. In the order in which they were first answered.
    pub(crate) chains: Vec<Chain>,
    /// Single operations that lead to a state and may be executed: the state, and when it was asked.
    pub(crate) spares: Vec<(usize, Moment)>,
    /// How many states there are.
    pub(crate) states: usize,
}

/// Why there are no chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The model does not tell the state before every answer.
    Untold,
    /// No order has a place for this operation, or for one that it is linked with.
    NoPlace(usize),
}

/// One operation, or the beginning.
#[derive(Debug)]
struct Link {
    /// Its place in the history; `None` of the beginning.
    operation: Option<usize>,
    /// The state that it needs; `None` if any will do.
    before: Option<usize>,
    after: usize,
    asked: Moment,
    /// [`NEVER`] if it is pending.
    answered: Moment,
}

/// Who has to do with a state, in the order in which they were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    /// What leads to it from another one.
    pub(crate) makers: Vec<usize>,
    /// What needs it and leaves it as it is.
    pub(crate) loops: Vec<usize>,
    /// What needs it and changes it.
    pub(crate) takers: Vec<usize>,
}

/// The uses of every state, by its number. Each user is its own number, the state that it needs, if any,
/// and the one that it leads to.
pub(crate) fn uses(
    states: usize,
    users: impl Iterator<Item = (usize, Option<usize>, usize)>,
) -> Vec<Uses> {
    let mut uses = vec![Uses::default(); states];
    for (at, before, after) in users {
        if before == Some(after) {
            uses[after].loops.push(at);
            continue;
        }
        uses[after].makers.push(at);
        if let Some(before) = before {
            uses[before].takers.push(at);
        }
    }
    uses
}

/// The chains of a history in which nobody was answered before it asked.
pub(crate) fn chains<M: Model>(model: &M, history: &[&Operation]) -> Result<Chains, Obstacle> {
    let (links, states) = links(model, history)?;
    let users = links.iter().enumerate().map(|(at, link)| (at, link.before, link.after));
    let mut uses = uses(states, users);
    // One that precedes another was answered before it.
    for uses in &mut uses {
        uses.loops.sort_by_key(|at| links[*at].answered);
    }
    let next = next(&links, &uses)?;
    let mut starts = vec![true; links.len()];
    next.iter().flatten().for_each(|after| starts[*after] = false);
    let mut all = Chains { chains: Vec::new(), spares: Vec::new(), states };
    let mut rest = vec![true; links.len()];
    for start in (0..links.len()).filter(|at| starts[*at]) {
        let places: Vec<usize> = iter::successors(Some(start), |at| next[*at]).collect();
        places.iter().for_each(|at| rest[*at] = false);
        let linked: Vec<&Link> = places.iter().map(|at| &links[*at]).collect();
        match linked[..] {
            [one] if one.answered == NEVER => all.spares.push((one.after, one.asked)),
            _ => all.chains.push(chain(&linked)?),
        }
    }
    // What is left goes round in a ring: each one needs that another one was there before.
    if let Some(at) = rest.iter().position(|rest| *rest) {
        return Err(no_place(&links[at]));
    }
    all.chains.sort_by_key(|chain| chain.answered);
    all.spares.sort_unstable();
    Ok(all)
}

/// The beginning, what was answered, and what is pending and may be needed; and how many states there
/// are.
fn links<M: Model>(model: &M, history: &[&Operation]) -> Result<(Vec<Link>, usize), Obstacle> {
    let mut numbers = BTreeMap::new();
    let mut number = |state: M::State| {
        let next = numbers.len();
        *numbers.entry(state).or_insert(next)
    };
    let after = number(model.initial());
    let mut links = vec![Link { operation: None, before: None, after, asked: 0, answered: 0 }];
    let (mut pending, mut refused) = (Vec::new(), None);
    for (place, operation) in history.iter().enumerate() {
        let (request, asked) = (&operation.request, Moment::from(operation.invoked) + 1);
        let link = |before, after, answered| Link {
            operation: Some(place),
            before,
            after,
            asked,
            answered,
        };
        if let Some((at, reply)) = &operation.answered {
            let before = model.before(request, reply).ok_or(Obstacle::Untold)?;
            let Some(after) = model.step(&before, request, Some(reply)) else {
                refused.get_or_insert(place);
                continue;
            };
            let (before, after) = (number(before), number(after));
            links.push(link(Some(before), after, Moment::from(*at) + 1));
        } else if let Some(after) = model.after(request) {
            pending.push(link(None, number(after), NEVER));
        }
    }
    if let Some(operation) = refused {
        return Err(Obstacle::NoPlace(operation));
    }
    let mut wanted = vec![0_usize; numbers.len()];
    links.iter().filter_map(|link| link.before).for_each(|state| wanted[state] += 1);
    pending.sort_by_key(|link| link.asked);
    pending.retain(|link| {
        let serves = wanted[link.after] > 0;
        wanted[link.after] = wanted[link.after].saturating_sub(1);
        serves
    });
    links.extend(pending);
    Ok((links, numbers.len()))
}

/// What comes directly after each link, where that is known.
fn next(links: &[Link], uses: &[Uses]) -> Result<Vec<Option<usize>>, Obstacle> {
    let mut next = vec![None; links.len()];
    for Uses { makers, loops, takers } in uses {
        let Some(user) = takers.last().or(loops.last()) else { continue };
        // Every taker ends what a maker began.
        if makers.len() < takers.len().max(1) {
            return Err(no_place(&links[*user]));
        }
        let [maker] = makers[..] else { continue };
        let mut last = maker;
        for user in loops.iter().chain(takers) {
            next[last] = Some(*user);
            last = *user;
        }
    }
    Ok(next)
}

/// The beginning always has its place.
fn no_place(link: &Link) -> Obstacle {
    Obstacle::NoPlace(link.operation.expect("the beginning needs nothing and comes first"))
}

/// Links that follow each other, as one.
fn chain(links: &[&Link]) -> Result<Chain, Obstacle> {
    let mut asked = 0;
    for link in links {
        // Answered before one was asked that stands before it.
        if link.answered < asked {
            return Err(no_place(link));
        }
        asked = asked.max(link.asked);
    }
    let answered = links.iter().map(|link| link.answered).min().unwrap_or(NEVER);
    let told = links.iter().filter(|link| link.operation.is_some());
    let due = told.min_by_key(|link| link.answered).and_then(|link| link.operation);
    let (head, tail) = (links[0].before, links[links.len() - 1].after);
    Ok(Chain { head, tail, asked, answered, due })
}
