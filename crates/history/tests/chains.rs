//! The search over chains against the other one, on random histories of a register that may lose its
//! state: few values, so that many operations lead to one state, values set anew, requests that were
//! executed twice, and requests that are pending. And what it is there for: long histories with
//! dozens of requests open all the time, which the other one gives up.

use bytes::Bytes;
use history::models::{Replies, Status};
use history::{Judgement, Model, Operation, Verdict, check};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const BUDGET: u64 = 1_000_000;
/// The request that makes the register what it was at first.
const RESET: &str = "reset";

/// How much a model tells of the states.
#[derive(Debug, Clone, Copy)]
enum Tells {
    /// All: the chains are searched.
    Everything,
    /// Not those before some of the answers: Wing, Gong & Lowe with foresight.
    Much,
    /// None: the same without.
    Nothing,
}

/// A swap register with a reset.
#[derive(Debug)]
struct Register(Tells);

const SWAP: Status = Status(Replies::BeforeAndAfter);

impl Model for Register {
    type State = Bytes;

    fn initial(&self) -> Bytes {
        SWAP.initial()
    }

    fn step(&self, state: &Bytes, request: &[u8], reply: Option<&[u8]>) -> Option<Bytes> {
        let after = SWAP.step(state, request, reply)?;
        Some(if request == RESET.as_bytes() { self.initial() } else { after })
    }

    fn before(&self, request: &[u8], reply: &[u8]) -> Option<Bytes> {
        let told = match self.0 {
            Tells::Everything => true,
            Tells::Much => !request.ends_with(b"0"),
            Tells::Nothing => false,
        };
        SWAP.before(request, reply).filter(|_| told)
    }

    fn after(&self, request: &[u8]) -> Option<Bytes> {
        let after = if request == RESET.as_bytes() { &b"?"[..] } else { request };
        (!matches!(self.0, Tells::Nothing)).then(|| Bytes::copy_from_slice(after))
    }
}

/// One step of a sequential execution: which value it sets, how long before it was asked and after it
/// answered, and what became of it.
type Step = (usize, u64, u64, u8);

fn steps(most: usize, spread: u64) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..1_000_000_usize, 0..spread, 0..spread, 0..16_u8), 1..most)
}

/// The history of a sequential execution with so many values, whose steps stand ten units of time
/// apart.
fn history(steps: &[Step], values: usize) -> Vec<Operation> {
    let (mut state, mut history) = ("?".to_owned(), Vec::new());
    for (place, (value, early, late, fate)) in steps.iter().enumerate() {
        let at = 1_000_000 + 10 * place as u64;
        let mut request = format!("v{}", value % values);
        let mut asked = Operation {
            process: format!("C{place}"),
            request: request.clone().into(),
            invoked: at - early,
            answered: None,
        };
        match fate {
            // Pending, and it never takes effect.
            0 => {}
            // Pending, and it does.
            1 => state = request,
            // The state is lost.
            2 => {
                asked.request = RESET.into();
                state = "?".into();
            }
            _ => {
                // What was asked before is executed once more, unknown to its client.
                if *fate == 3 && !history.is_empty() {
                    let again: &Operation = &history[value % history.len()];
                    let again = Operation { answered: None, ..again.clone() };
                    let lost = again.request == RESET.as_bytes();
                    state = String::from_utf8_lossy(&again.request).into_owned();
                    state = if lost { "?".into() } else { state };
                    history.push(again);
                }
                // A request that leaves the state as it is.
                if *fate == 4 && state != "?" {
                    request = state.clone();
                    asked.request = request.clone().into();
                }
                asked.answered = Some((at + late, format!("{state}/{request}").into()));
                state = request;
            }
        }
        history.push(asked);
    }
    history
}

/// A fault: an answer tells of another state, or a request was asked later.
fn mutate(history: &mut [Operation], kind: u8, one: Index, other: Index) {
    let state = history[other.index(history.len())].request.clone();
    let operation = &mut history[one.index(history.len())];
    if kind == 1 {
        operation.invoked += 25;
    }
    let Operation { request, invoked, answered, .. } = operation;
    if let Some((at, reply)) = answered {
        *at = (*at).max(*invoked);
        if kind == 2 {
            *reply = [&state[..], b"/", &request[..]].concat().into();
        }
    }
}

fn judge(tells: Tells, history: &[Operation]) -> Judgement {
    check(&Register(tells), history, BUDGET)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn all_searches_agree(
        steps in steps(14, 60),
        values in 1..16_usize,
        kind in 0..3_u8,
        one: Index,
        other: Index,
    ) {
        let mut seen = history(&steps, values);
        mutate(&mut seen, kind, one, other);
        let chains = judge(Tells::Everything, &seen);
        prop_assert!(!matches!(chains.verdict, Verdict::Undecided(_)), "{}", chains);
        if kind == 0 {
            prop_assert!(chains.held(), "{}\n{:?}", chains, seen);
        }
        for tells in [Tells::Much, Tells::Nothing] {
            let other = judge(tells, &seen);
            prop_assert!(!matches!(other.verdict, Verdict::Undecided(_)), "{}", other);
            prop_assert_eq!(chains.held(), other.held(), "{} {}\n{:?}", chains, other, seen);
        }
    }
}

/// The property above would hold of searches that are never asked to refuse, or never to accept.
#[test]
fn many_mutated_histories_are_refused() {
    let mut runner = TestRunner::deterministic();
    let strategy = (steps(14, 60), 1..16_usize, 1..3_u8, any::<Index>(), any::<Index>());
    let mut verdicts = [0, 0];
    for _ in 0..500 {
        let tree = strategy.new_tree(&mut runner).expect("a history");
        let (steps, values, kind, one, other) = tree.current();
        let mut seen = history(&steps, values);
        mutate(&mut seen, kind, one, other);
        verdicts[usize::from(judge(Tells::Everything, &seen).held())] += 1;
    }
    assert!(verdicts.iter().all(|count| *count > 100), "refused and accepted: {verdicts:?}");
}

/// Histories of three hundred steps, fifty of which are open at any time, and some twenty pending for
/// good; the state is lost some twenty times.
fn long_histories(count: usize) -> Vec<Vec<Operation>> {
    let mut runner = TestRunner::deterministic();
    let step = (0..1_000_000_usize, 0..500_u64, 0..500_u64, 0..16_u8);
    let strategy = prop::collection::vec(step, 300);
    let mut long = || strategy.new_tree(&mut runner).expect("a history").current();
    (0..count).map(|_| history(&long(), 1_000_000)).collect()
}

#[test]
fn what_is_open_at_a_time_does_not_multiply() {
    for seen in long_histories(20) {
        let judgement = judge(Tells::Everything, &seen);
        assert!(judgement.held() && judgement.steps < 2_000, "{judgement}");
    }
}

#[test]
fn nor_where_one_answer_is_wrong() {
    for mut seen in long_histories(4) {
        // It tells of the state that another one has taken before.
        let mut answers = seen.iter_mut().filter_map(|operation| operation.answered.as_mut());
        let swap = |reply: &Bytes| {
            let slash = reply.iter().position(|byte| *byte == b'/').expect("two states");
            (reply.slice(..slash), reply.slice(slash..))
        };
        let takes = |(before, after): &(Bytes, Bytes)| before != &after[1..];
        let mut swaps = answers.by_ref().map(|(_, reply)| swap(reply)).skip(150);
        let (taken, _) = swaps.find(takes).expect("an answer");
        let (_, wrong) = answers.next().expect("another");
        *wrong = [taken, swap(wrong).1].concat().into();
        let judgement = judge(Tells::Everything, &seen);
        assert!(matches!(judgement.verdict, Verdict::Refuted(_)), "{judgement}");
    }
}

/// What the chains are there for; were it not so, they could go.
#[test]
fn the_other_search_gives_up_on_them() {
    let [ref seen] = long_histories(1)[..] else { panic!("one was asked for") };
    let judgement = check(&Register(Tells::Much), seen, 100_000);
    assert!(matches!(judgement.verdict, Verdict::Undecided(_)), "{judgement}");
}
