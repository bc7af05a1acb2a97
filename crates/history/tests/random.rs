//! Random histories: what a sequential execution gave is accepted, and every verdict on a small
//! history, mutated or not, is that of trying all orders.

use std::collections::BTreeSet;

use bytes::Bytes;
use history::models::{Map, Replies, Status};
use history::{Model, Operation, Verdict, check};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;

const BUDGET: u64 = 1_000_000;

/// One step of a sequential execution: its request, how long before it was asked and after it
/// answered, and what became of it.
#[derive(Debug, Clone)]
struct Step {
    request: String,
    before: u64,
    after: u64,
    fate: u8,
}

fn steps(most: usize, spread: u64) -> impl Strategy<Value = Vec<Step>> {
    let request = prop_oneof!["[xy]=[0-3]", "[xy]=", "[xy]"];
    let step = (request, 0..spread, 0..spread, 0..10_u8)
        .prop_map(|(request, before, after, fate)| Step { request, before, after, fate });
    prop::collection::vec(step, 1..most)
}

/// Replies that the model allows for a request in some state.
trait Speaks: Model {
    fn reply(&self, state: &Self::State, request: &[u8]) -> Bytes;
}

impl Speaks for Map {
    fn reply(&self, state: &Self::State, request: &[u8]) -> Bytes {
        let key = request.split(|byte| *byte == b'=').next().unwrap_or_default();
        let old = state.get(key).cloned().unwrap_or_default();
        match request.iter().position(|byte| *byte == b'=') {
            Some(place) => [&old[..], b"/", &request[place + 1..]].concat().into(),
            None => old,
        }
    }
}

impl Speaks for Status {
    fn reply(&self, state: &Bytes, request: &[u8]) -> Bytes {
        match self.0 {
            Replies::After => request.to_vec().into(),
            Replies::BeforeAndAfter => [&state[..], b"/", request].concat().into(),
        }
    }
}

/// The history of a sequential execution whose steps stand ten units of time apart. A fate of 0 is a
/// request that took effect and was not answered, 1 one that did neither.
fn history<M: Speaks>(model: &M, steps: &[Step]) -> Vec<Operation> {
    let mut state = model.initial();
    let mut history = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let (at, request) = (1_000 + 10 * place as u64, step.request.as_bytes());
        let mut answered = None;
        if step.fate != 1 {
            let reply = model.reply(&state, request);
            state = model.step(&state, request, Some(&reply)).expect("its own reply");
            answered = (step.fate != 0).then_some((at + step.after, reply));
        }
        let request = Bytes::copy_from_slice(request);
        let process = format!("C{place}");
        history.push(Operation { process, request, invoked: at - step.before, answered });
    }
    history
}

/// A fault of the service, or of what it remembers.
fn mutate(history: &mut Vec<Operation>, kind: u8, one: Index, other: Index) {
    let (one, other) = (one.index(history.len()), other.index(history.len()));
    match kind {
        0 => {
            let reply = history[other].answered.clone();
            if let (Some((_, ours)), Some((_, theirs))) = (&mut history[one].answered, reply) {
                *ours = theirs;
            }
        }
        1 => {
            history.remove(one);
        }
        2 => {
            let request = history[other].request.clone();
            history[one].request = request;
        }
        3 => {
            let operation = &mut history[one];
            if let Some((at, _)) = &mut operation.answered {
                *at = operation.invoked;
            }
        }
        _ => history[one].invoked += 25,
    }
    // Nobody is answered before asking.
    for operation in history {
        if let Some((at, _)) = &mut operation.answered {
            *at = (*at).max(operation.invoked);
        }
    }
}

/// Tries every order of every set of operations that has all that were answered in it.
fn brute_force<M: Model>(model: &M, history: &[Operation]) -> bool {
    fn from<M: Model>(
        model: &M,
        history: &[Operation],
        state: &M::State,
        left: &BTreeSet<usize>,
    ) -> bool {
        if left.iter().all(|index| history[*index].answered.is_none()) {
            return true;
        }
        left.iter().any(|index| {
            let next = &history[*index];
            let mut rest = left.clone();
            rest.remove(index);
            let in_time = !rest.iter().any(|other| history[*other].precedes(next));
            in_time
                && model
                    .step(state, &next.request, next.reply())
                    .is_some_and(|state| from(model, history, &state, &rest))
        })
    }
    from(model, history, &model.initial(), &(0..history.len()).collect())
}

fn same_as_brute_force<M: Model>(model: &M, history: &[Operation]) -> Result<(), TestCaseError> {
    let judgement = check(model, history, BUDGET);
    prop_assert!(!matches!(judgement.verdict, Verdict::Undecided(_)), "{}", judgement);
    prop_assert_eq!(judgement.held(), brute_force(model, history), "{:?}", history);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_a_sequential_execution_gave_is_accepted(steps in steps(60, 40)) {
        for replies in [Replies::After, Replies::BeforeAndAfter] {
            let model = Status(replies);
            let judgement = check(&model, &history(&model, &steps), BUDGET);
            prop_assert!(judgement.held(), "{}", judgement);
        }
        let judgement = check(&Map, &history(&Map, &steps), BUDGET);
        prop_assert!(judgement.held(), "{}", judgement);
    }

    #[test]
    fn the_verdict_on_a_mutated_history_is_that_of_all_orders(
        steps in steps(7, 30),
        kind in 0..5_u8,
        one: Index,
        other: Index,
    ) {
        let mut seen = history(&Map, &steps);
        mutate(&mut seen, kind, one, other);
        same_as_brute_force(&Map, &seen)?;
        let model = Status(Replies::BeforeAndAfter);
        let mut seen = history(&model, &steps);
        mutate(&mut seen, kind, one, other);
        same_as_brute_force(&model, &seen)?;
    }
}

/// The property above would hold of a search that is never asked to refuse.
#[test]
fn many_mutated_histories_are_refused() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (steps(7, 30), 0..5_u8, any::<Index>(), any::<Index>());
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..500 {
        let tree = strategy.new_tree(&mut runner).expect("a history");
        let (steps, kind, one, other) = tree.current();
        let mut seen = history(&Map, &steps);
        mutate(&mut seen, kind, one, other);
        match check(&Map, &seen, BUDGET).held() {
            true => accepted += 1,
            false => refused += 1,
        }
    }
    assert!(refused > 50 && accepted > 50, "refused {refused}, accepted {accepted}");
}
