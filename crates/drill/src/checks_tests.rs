//! Each check on a history that keeps the rule and on one that breaks it.

use super::*;
use crate::history::operations;

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

/// `who` executed `client`'s request `number` at `sequence`.
fn ran(at: u64, who: &str, sequence: u64, client: &str, number: u64, effect: bool) -> Record {
    let body = format!("hello_world{number}");
    let entry = Executed { sequence, client: name(client), session: 1, number, effect, body };
    Record { at, who: name(who), what: What::Executed(entry) }
}

fn asked(at: u64, client: &str, number: u64) -> Record {
    let body = format!("hello_world{number}");
    Record { at, who: name(client), what: What::Invoked { number, body } }
}

fn told(at: u64, client: &str, number: u64) -> Record {
    let body = format!("hello_world{number}");
    let what = What::Answered { number, server: name("S1"), body };
    Record { at, who: name(client), what }
}

fn digest(who: &str, sequence: u64, digest: &str) -> Record {
    Record { at: 0, who: name(who), what: What::Digest { sequence, digest: digest.into() } }
}

fn state(server: &str, committed: u64, executed: u64, digest: &str) -> FinalState {
    FinalState {
        server: name(server),
        primary: server == "S1",
        epoch: 4,
        committed,
        executed,
        digest: digest.into(),
    }
}

/// One closed-loop client, two servers, two requests at the entries 2 and 3.
fn good() -> Vec<Record> {
    vec![
        asked(10, "C1", 1),
        ran(20, "S1", 2, "C1", 1, true),
        told(30, "C1", 1),
        ran(31, "S2", 2, "C1", 1, true),
        asked(40, "C1", 2),
        ran(50, "S1", 3, "C1", 2, true),
        ran(51, "S2", 3, "C1", 2, true),
        told(60, "C1", 2),
    ]
}

fn lost(records: &[Record], finals: &[FinalState]) -> Finding {
    let (operations, _) = operations(records);
    nothing_lost(&operations, &places(records, &operations), finals)
}

fn order(records: &[Record]) -> Finding {
    let (operations, _) = operations(records);
    real_time_order(&operations, &places(records, &operations))
}

#[test]
fn a_good_history_passes_every_check() {
    let records = good();
    let (operations, strays) = operations(&records);
    for finding in [
        no_divergence(&records),
        executed_once(&records),
        lost(&records, &[state("S1", 3, 3, "aa")]),
        answers_match(&operations, &strays, true),
        order(&records),
    ] {
        assert!(finding.held, "{finding:?}");
    }
}

#[test]
fn an_empty_history_proves_nothing() {
    assert!(!no_divergence(&[]).held);
    assert!(!executed_once(&[]).held);
    assert!(!lost(&[], &[state("S1", 3, 3, "aa")]).held);
    assert!(!digests_agree(&[], 3).held);
    assert!(!members_agree(&[], true).held);
    assert!(!answers_match(&[], &[], true).held);
    assert!(!order(&[]).held);
    assert!(!no_uncalled_death(&[], &[], &[]).held);
}

#[test]
fn two_contents_of_one_entry_are_divergence() {
    let mut records = good();
    records.push(ran(70, "S3", 3, "C2", 1, true));
    assert!(!no_divergence(&records).held);

    let mut records = good();
    let What::Executed(entry) = &mut records[3].what else { panic!() };
    entry.body = "something_else".into();
    assert!(!no_divergence(&records).held);
}

#[test]
fn a_request_with_effect_at_two_entries_was_executed_twice() {
    let mut records = good();
    records.push(ran(70, "S1", 4, "C1", 2, true));
    let finding = executed_once(&records);
    assert_eq!((finding.held, finding.violations), (false, 1));

    let mut records = good();
    records.push(ran(70, "S1", 4, "C1", 2, false));
    assert!(executed_once(&records).held, "a repetition without effect is allowed");
}

#[test]
fn an_answer_that_no_server_executed_is_lost() {
    let mut records = good();
    records.retain(|record| !matches!(&record.what, What::Executed(entry) if entry.number == 2));
    let finding = lost(&records, &[state("S1", 3, 3, "aa")]);
    assert_eq!((finding.held, finding.violations), (false, 1));
}

#[test]
fn an_answer_beyond_the_survivors_state_is_lost() {
    assert!(!lost(&good(), &[state("S1", 2, 2, "aa")]).held);
}

#[test]
fn when_no_member_can_be_asked_nothing_is_proven_and_nothing_is_counted_as_lost() {
    let finding = lost(&good(), &[]);
    assert_eq!((finding.held, finding.violations), (false, 0));
}

#[test]
fn an_answer_that_was_only_executed_later_is_lost() {
    // The primary answered before the entry was anywhere, and the request came back afterwards.
    let records = vec![asked(10, "C1", 1), told(30, "C1", 1), ran(90, "S2", 2, "C1", 1, true)];
    assert!(!lost(&records, &[state("S1", 3, 3, "aa")]).held);
}

#[test]
fn a_client_that_starts_anew_is_matched_with_its_own_run() {
    let mut records = good();
    records.push(asked(100, "C1", 1));
    let again = Executed {
        sequence: 9,
        client: name("C1"),
        session: 8,
        number: 1,
        effect: true,
        body: "hello_world1".into(),
    };
    records.push(Record { at: 110, who: name("S1"), what: What::Executed(again) });
    records.push(told(120, "C1", 1));
    let (operations, _) = operations(&records);
    assert_eq!(places(&records, &operations), [Some(2), Some(3), Some(9)]);
}

#[test]
fn different_digests_after_one_entry_are_found() {
    let held = |records: &[Record]| digests_agree(records, 2).held;
    let pair = |other| [digest("S1", 5, "aa"), digest("S2", 5, other)];
    assert!(held(&pair("aa")));
    assert!(!held(&pair("ab")));
    assert!(!held(&pair("aa")[..1]), "nothing was compared");
    assert!(digests_agree(&pair("aa")[..1], 1).held, "there is nobody to compare with");
    let alarm = Record { at: 1, who: name("RM"), what: What::Diverged(name("S2")) };
    let [one, other] = pair("aa");
    assert!(!held(&[one, other, alarm]));
}

#[test]
fn members_that_differ_at_the_end_are_found() {
    let primary = state("S1", 9, 9, "aa");
    let agree = |other: FinalState, active| members_agree(&[primary.clone(), other], active).held;
    assert!(agree(state("S2", 9, 9, "aa"), true));
    assert!(agree(state("S2", 9, 4, "bb"), false), "a passive backup executes nothing");
    assert!(!agree(state("S2", 9, 4, "bb"), true));
    assert!(!agree(state("S2", 8, 4, "bb"), false));
    assert!(!agree(state("S2", 9, 9, "bb"), false));
    assert!(!agree(FinalState { epoch: 3, ..state("S2", 9, 9, "aa") }, true));
    assert!(!members_agree(&[state("S2", 9, 9, "aa")], true).held, "nobody is the primary");
}

#[test]
fn an_answer_with_another_state_or_without_a_request_is_found() {
    let mut records = good();
    let What::Answered { body, .. } = &mut records[2].what else { panic!() };
    *body = "hello_world0".into();
    let (all, strays) = operations(&records);
    assert!(!answers_match(&all, &strays, true).held);

    let mut records = good();
    records.push(told(70, "C1", 2));
    let (all, strays) = operations(&records);
    assert!(!answers_match(&all, &strays, true).held, "answered twice");
}

#[test]
fn an_order_against_time_is_found() {
    let records = vec![
        asked(10, "C1", 1),
        ran(20, "S1", 7, "C1", 1, true),
        told(30, "C1", 1),
        asked(40, "C2", 1),
        ran(50, "S1", 6, "C2", 1, true),
        told(60, "C2", 1),
    ];
    assert!(!order(&records).held);

    // The same order of two requests that overlap is fine.
    let mut records = records;
    records[3].at = 25;
    records.sort_by_key(|record| record.at);
    assert!(order(&records).held);
}

#[test]
fn an_end_that_nobody_called_for_is_found() {
    let launch = |at| {
        let what = What::Running { server: name("S1"), pid: 77, adopted: false };
        Record { at, who: name("LFD1"), what }
    };
    let exit = |at, how: &str| {
        let what = What::Exited { server: name("S1"), how: how.into() };
        Record { at, who: name("LFD1"), what }
    };
    let records = [launch(1), exit(10, "signal 9"), launch(11), exit(20, "signal 6")];
    let s1 = name("S1");
    assert!(no_uncalled_death(&records, &[(9, s1), (19, s1)], &[]).held);
    assert!(!no_uncalled_death(&records, &[(9, s1)], &[]).held, "the second end");
    assert!(!no_uncalled_death(&records[..1], &[], &["GFD ended".into()]).held);

    let seen_twice = [launch(1), exit(10, "signal 9"), exit(11, "gone")];
    assert!(no_uncalled_death(&seen_twice, &[(9, s1)], &[]).held);

    let refused = [launch(1), launch(5), exit(6, "exit code 3"), exit(10, "signal 9")];
    assert!(no_uncalled_death(&refused, &[(9, s1)], &[]).held);
    assert!(!no_uncalled_death(&refused, &[], &[]).held, "the first one's end");

    let by_detector = Record { at: 9, who: name("LFD1"), what: What::Killed(s1) };
    assert!(no_uncalled_death(&[launch(1), by_detector, exit(10, "signal 9")], &[], &[]).held);
}
