//! Histories whose verdict is known, one for each way in which a replicated service can go wrong.

use history::models::{Map, Replies, Status};
use history::{Judgement, Model, Operation, Verdict, check};

const BUDGET: u64 = 10_000;

/// `process` asked at `invoked` and was told at `answered`.
fn told(process: &str, invoked: u64, request: &str, answered: u64, reply: &str) -> Operation {
    Operation {
        answered: Some((answered, reply.to_owned().into())),
        ..open(process, invoked, request)
    }
}

/// `process` asked and was never told.
fn open(process: &str, invoked: u64, request: &str) -> Operation {
    let request = request.to_owned().into();
    Operation { process: process.into(), request, invoked, answered: None }
}

fn map(history: &[Operation]) -> Judgement {
    check(&Map, history, BUDGET)
}

fn status(history: &[Operation]) -> Judgement {
    check(&Status(Replies::BeforeAndAfter), history, BUDGET)
}

#[test]
fn nothing_at_all_has_an_order() {
    assert!(map(&[]).held());
    assert!(map(&[open("C1", 1, "x=1")]).held());
}

#[test]
fn one_after_the_other() {
    let history =
        [told("C1", 1, "x=1", 2, "/1"), told("C2", 3, "x=2", 4, "1/2"), told("C1", 5, "x", 6, "2")];
    assert!(map(&history).held());
}

#[test]
fn of_two_at_once_either_may_be_first() {
    let first = [told("C1", 1, "a", 9, "?/a"), told("C2", 2, "b", 8, "a/b")];
    assert!(status(&first).held());
    let second = [told("C1", 1, "a", 9, "b/a"), told("C2", 2, "b", 8, "?/b")];
    assert!(status(&second).held());
    let neither = [told("C1", 1, "a", 9, "?/a"), told("C2", 2, "b", 8, "?/b")];
    assert!(!status(&neither).held());
}

#[test]
fn a_stale_read_is_refuted() {
    let history =
        [told("C1", 1, "x=1", 2, "/1"), told("C1", 3, "x=2", 4, "1/2"), told("C2", 5, "x", 6, "1")];
    let Verdict::Refuted(refutation) = map(&history).verdict else { panic!("it was accepted") };
    assert_eq!(refutation.operation, history[2]);
    assert_eq!(refutation.explained, 2);
    // Asked while the write was under way, it would have been right.
    let mut early = history.clone();
    early[2].invoked = 3;
    assert!(map(&early).held());
}

#[test]
fn a_lost_write_is_refuted() {
    let history = [told("C1", 1, "x=1", 2, "/1"), told("C2", 3, "x=2", 4, "/2")];
    assert!(!map(&history).held());
}

#[test]
fn a_write_that_took_effect_twice_is_refuted() {
    let history =
        [told("C1", 1, "a", 2, "?/a"), told("C2", 3, "b", 4, "a/b"), told("C3", 5, "c", 6, "a/c")];
    assert!(!status(&history).held());
}

#[test]
fn two_writes_that_are_seen_in_two_orders_are_refuted() {
    let history = [
        told("C1", 1, "x=1", 9, "/1"),
        told("C2", 1, "x=2", 9, "1/2"),
        told("C3", 2, "x", 3, "2"),
        told("C3", 4, "x", 5, "1"),
    ];
    assert!(!map(&history).held());
    let mut history = history;
    history[2].answered = Some((3, "1".into()));
    history[3].answered = Some((5, "2".into()));
    assert!(map(&history).held());
}

#[test]
fn an_answer_that_nobody_asked_for_is_refuted() {
    assert!(!map(&[told("C1", 1, "x", 2, "7")]).held());
    assert!(!check(&Status(Replies::After), &[told("C1", 1, "a", 2, "b")], BUDGET).held());
}

#[test]
fn a_pending_write_may_take_effect_late_early_or_never() {
    let seen = |reads: [&str; 3]| {
        let reads = reads.into_iter().zip([3, 5, 7]);
        let reads = reads.map(|(value, at)| told("C2", at, "x", at + 1, value));
        let mut history = vec![told("C2", 1, "x=0", 2, "/0"), open("C1", 1, "x=1")];
        history.extend(reads);
        map(&history).held()
    };
    assert!(seen(["0", "0", "0"]), "never");
    assert!(seen(["0", "0", "1"]), "late");
    assert!(seen(["1", "1", "1"]), "early");
    assert!(!seen(["1", "0", "0"]), "and then not any more");
    assert!(!seen(["0", "1", "0"]), "nor is it taken back");
}

#[test]
fn a_pending_write_takes_effect_once_and_not_before_it_was_asked() {
    let twice = [
        open("C1", 1, "a"),
        told("C2", 2, "b", 3, "a/b"),
        told("C2", 4, "c", 5, "b/c"),
        told("C2", 6, "d", 7, "a/d"),
    ];
    assert!(!status(&twice).held());
    assert!(status(&twice[..3]).held());
    let before = [told("C2", 2, "b", 3, "a/b"), open("C1", 4, "a")];
    assert!(!status(&before).held());
}

#[test]
fn two_pending_writes_explain_an_answer_together() {
    let history = [
        open("C1", 1, "a"),
        open("C2", 1, "b"),
        told("C3", 2, "c", 3, "a/c"),
        told("C3", 4, "d", 5, "b/d"),
    ];
    assert!(status(&history).held());
    let history = [
        open("C1", 1, "a"),
        open("C2", 1, "b"),
        told("C3", 2, "c", 3, "a/c"),
        told("C3", 4, "d", 5, "a/d"),
    ];
    assert!(!status(&history).held());
}

#[test]
fn a_key_knows_nothing_of_another() {
    let history = [
        told("C1", 1, "x=1", 2, "/1"),
        told("C1", 3, "y=1", 4, "/1"),
        told("C1", 5, "x=", 6, "1/"),
        told("C1", 7, "x", 8, ""),
        told("C1", 9, "y", 10, "1"),
    ];
    let judgement = map(&history);
    assert!(judgement.held());
    assert_eq!((judgement.operations, judgement.parts), (5, 2));
}

#[test]
fn an_answer_at_the_moment_of_a_question_is_not_before_it() {
    let history = [told("C1", 1, "a", 2, "b/a"), told("C2", 2, "b", 3, "?/b")];
    assert!(status(&history).held());
    let history = [told("C1", 1, "a", 2, "b/a"), told("C2", 3, "b", 4, "?/b")];
    assert!(!status(&history).held());
}

#[test]
fn an_answer_before_its_own_question_is_refuted() {
    let judgement = status(&[told("C1", 5, "a", 4, "?/a")]);
    assert!(judgement.to_string().contains("before it was asked"), "{judgement}");
}

#[test]
fn a_refutation_says_what_could_not_be() {
    let judgement = map(&[told("C1", 1, "x=1", 2, "/1"), told("C2", 3, "x", 4, "7")]);
    assert_eq!(
        judgement.to_string(),
        "no order: nothing explains that C2 asked \"x\" at 3 and was told \"7\" at 4: after 1 answers \
         the state could be {b\"x\": b\"1\"}"
    );
}

/// Writes that tell nothing of the state before: all of `count` may be in any order.
#[derive(Debug)]
struct Blind;

impl Model for Blind {
    type State = Vec<u8>;

    fn initial(&self) -> Vec<u8> {
        Vec::new()
    }

    fn step(&self, state: &Vec<u8>, request: &[u8], reply: Option<&[u8]>) -> Option<Vec<u8>> {
        match request {
            b"read" => reply.is_none_or(|reply| reply == state).then(|| state.clone()),
            other => Some(other.to_vec()),
        }
    }
}

#[test]
fn what_exceeds_the_budget_is_undecided_and_no_pass() {
    let mut history: Vec<_> = (0..20).map(|n| told("C1", 1, &format!("w{n}"), 90, "")).collect();
    history.push(told("C2", 2, "read", 3, "never written"));
    let judgement = check(&Blind, &history, BUDGET);
    assert!(matches!(judgement.verdict, Verdict::Undecided(_)), "{judgement}");
    assert!(!judgement.held() && judgement.steps >= BUDGET);
    // And where there is an order, the same size is found at once.
    history[20] = told("C2", 2, "read", 3, "w7");
    assert!(check(&Blind, &history, BUDGET).held());
}

#[test]
fn a_long_history_costs_as_much_as_it_is_long() {
    let mut before = "?".to_owned();
    let mut history = Vec::new();
    for n in 0..20_000_u64 {
        let request = format!("v{n}");
        // Each overlaps with the two after it; the replies leave one order only.
        history.push(told("C1", 10 * n, &request, 10 * n + 25, &format!("{before}/{request}")));
        before = request;
    }
    let judgement = check(&Status(Replies::BeforeAndAfter), &history, 4 * 20_000);
    assert!(judgement.held(), "{judgement}");
}

#[test]
fn what_many_crashed_clients_left_behind_is_not_tried_in_every_order() {
    // Two hundred pending swaps, of which a few show up, one of them through another's eyes.
    let mut history: Vec<_> = (0..200).map(|n| open("C1", n, &format!("p{n}"))).collect();
    history.push(told("C2", 300, "a", 301, "p50/a"));
    history.push(told("C2", 302, "b", 303, "p7/b"));
    history.push(told("C2", 304, "c", 305, "b/c"));
    let judgement = status(&history);
    assert!(judgement.held(), "{judgement}");
    // The same one a second time: refuted, and not given up.
    history.push(told("C2", 306, "d", 307, "p7/d"));
    let judgement = check(&Status(Replies::BeforeAndAfter), &history, 1_000_000);
    assert!(matches!(judgement.verdict, Verdict::Refuted(_)), "{judgement}");
}

#[test]
fn a_row_of_answers_is_followed_before_anything_is_guessed() {
    // A primary that was cut off answers what has waited all at once, the last one first; and a
    // hundred requests of clients that crashed are pending meanwhile.
    let mut history: Vec<_> = (0..100).map(|n| open("C1", n, &format!("p{n}"))).collect();
    let mut before = "?".to_owned();
    // Some of the crashed ones' requests were executed in between.
    for n in 0..40 {
        if n % 8 == 3 {
            before = format!("p{n}");
        }
        let request = format!("v{n}");
        history.push(told("C2", 200 + n, &request, 900 - n, &format!("{before}/{request}")));
        before = request;
    }
    let judgement = check(&Status(Replies::BeforeAndAfter), &history, 200_000);
    assert!(judgement.held(), "{judgement}");
}
