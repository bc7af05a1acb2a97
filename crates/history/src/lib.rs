//! Histories of clients, and whether one is linearizable, judged from the outside.
//!
//! A [`Operation`] is what a client knows: what it asked and when, what it was told and when. A
//! [`Model`] is the service as one process would run it. [`check`] searches for an order of the
//! operations that the model could have executed and that keeps the order of time: an operation that
//! was answered before another was asked stands before it (Herlihy & Wing, *Linearizability: a
//! correctness condition for concurrent objects*, 1990).
//!
//! It knows nothing of logs, views and replicas; that is the point. A checker that reads the servers'
//! own records believes them where they err together; this one believes only the clients.
//!
//! Guarantee: the verdict is exact. A search that has used up its budget says [`Verdict::Undecided`],
//! which is a failure like any other and never a pass.
//!
//! Not here: recording histories (`sim`, `drill`), and any other consistency than this one.

// In reading order.
mod model;
mod operation;

pub mod models;

mod links;

mod chains;

mod order;
mod search;
mod verdict;

pub use model::Model;
pub use operation::Operation;
pub use verdict::{Judgement, Refutation, Verdict};

use std::collections::BTreeMap;

/// Whether a history could have come from a model that executes one operation at a time.
///
/// `budget` is how many steps may be tried, over all parts; it bounds the memory, too, which holds what
/// was visited.
///
/// The operations are judged part by part ([`Model::part`]): a system of independent objects is
/// linearizable if and only if each object is (*locality*, Herlihy & Wing). For the keys of a map
/// this is the P-compositionality of Horn & Kroening, *Faster linearizability checking via
/// P-compositionality*, 2015.
#[must_use]
pub fn check<M: Model>(model: &M, history: &[Operation], budget: u64) -> Judgement {
    let mut parts: BTreeMap<&[u8], Vec<&Operation>> = BTreeMap::new();
    for operation in history {
        parts.entry(model.part(&operation.request)).or_default().push(operation);
    }
    let mut judgement = Judgement {
        verdict: Verdict::Linearizable,
        operations: history.len(),
        parts: parts.len(),
        steps: 0,
    };
    for part in parts.values() {
        let left = budget.saturating_sub(judgement.steps);
        let (verdict, steps) = judge(model, part, left);
        judgement.steps += steps;
        if verdict != Verdict::Linearizable {
            judgement.verdict = verdict;
            break;
        }
    }
    judgement
}

/// The verdict on one part, and its steps. Where the model tells the state before every answer, chains
/// are tried first, with half the budget; what they do not decide is left to the other search.
fn judge<M: Model>(model: &M, part: &[&Operation], budget: u64) -> (Verdict, u64) {
    if let Some(early) = part.iter().find(|operation| operation.precedes(operation)) {
        let operation = (*early).clone();
        let states = vec!["nothing: it was answered before it was asked".to_owned()];
        return (Verdict::Refuted(Refutation { operation, explained: 0, states }), 0);
    }
    let (verdict, spent) = chains::search(model, part, budget / 2);
    let left = budget.saturating_sub(spent);
    let (verdict, steps) = match verdict {
        Some(Verdict::Refuted(refutation)) => {
            let (refutation, steps) = search::explain(model, part, refutation, left);
            (Verdict::Refuted(refutation), steps)
        }
        Some(verdict) => (verdict, 0),
        None => search::search(model, part, left),
    };
    (verdict, spent + steps)
}
