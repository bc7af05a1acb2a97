//! Each condition where it holds and where it does not.

use super::*;
use crate::audit::{Record, ViewSeen, What};

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn record(at: u64, who: &str, what: What) -> Record {
    Record { at, who: name(who), what }
}

fn view(at: u64, epoch: u64, primary: &str, members: &[&str]) -> Record {
    let members = members.iter().map(|member| name(member)).collect();
    let view = ViewSeen { at, epoch, mode: "passive".into(), primary: name(primary), members };
    record(at, "RM", What::ViewMade(view))
}

fn counts(at: u64, members: &[&str]) -> Record {
    record(at, "RM", What::Members(members.iter().map(|member| name(member)).collect()))
}

fn answer(at: u64, client: &str) -> Record {
    let what = What::Answered { number: at, server: name("S1"), body: String::new() };
    record(at, client, what)
}

/// Three servers in view 1 since 100, counted and ready; two clients answered at 110 and 120.
fn picture() -> Picture {
    let mut picture = Picture::default();
    picture.take(&counts(90, &["S1", "S2", "S3"]));
    picture.take(&view(100, 1, "S1", &["S1", "S2", "S3"]));
    for server in ["S1", "S2", "S3"] {
        picture.take(&record(105, server, What::Ready));
    }
    for (at, server, sequence) in [(110, "S1", 7), (111, "S2", 7), (112, "S1", 8)] {
        let digest = "aa".into();
        picture.take(&record(at, server, What::Digest { sequence, digest }));
    }
    for (at, client) in [(110, "C1"), (110, "C2"), (120, "C1"), (120, "C2")] {
        picture.take(&answer(at, client));
    }
    picture
}

/// Judges `text` for a step that began at `mark`, after S1 was killed last.
fn judge(text: &str, picture: &Picture, mark: u64, now: u64) -> Result<(), String> {
    let roster = Roster::new(3, 2);
    let printed = BTreeSet::from([(name("RM"), "3 members".to_owned())]);
    let scene = Scene {
        picture,
        roster: &roster,
        victim: Some(name("S1")),
        mark,
        now,
        clients: &roster.clients,
        printed: &printed,
    };
    Condition::parse(text, &roster)?.holds(&scene)
}

#[test]
fn a_healthy_cluster_holds_what_it_should() {
    let picture = picture();
    for text in [
        "3 members",
        "3 in view",
        "view with S2",
        "primary is S1",
        "primary is not S2",
        "mode passive",
        "ready all",
        "ready victim",
        "clients progress 2",
        "1 digests",
        "line RM \"3 members\"",
        "no view change",
        "no gap over 1ms",
    ] {
        assert_eq!(judge(text, &picture, 101, 200), Ok(()), "{text}");
    }
}

#[test]
fn a_healthy_cluster_does_not_hold_the_contrary() {
    let picture = picture();
    for text in [
        "2 members",
        "2 in view",
        "view without S2",
        "primary is S2",
        "primary is not S1",
        "mode active",
        "fenced S1",
        "launched S1",
        "adopted S1",
        "clients progress 3",
        "2 digests",
        "line GFD \"3 members\"",
        "line RM \"2 members\"",
    ] {
        assert!(judge(text, &picture, 101, 200).is_err(), "{text}");
    }
    assert!(judge("no view change", &picture, 100, 200).is_err(), "made at the mark");
    assert!(judge("no gap over 1ms", &picture, 101, 9_000).is_err());
}

#[test]
fn after_a_kill_nothing_from_before_counts() {
    let mut picture = picture();
    picture.hit(200, name("S1"), true, false);
    for text in ["3 members", "3 in view", "view with S1", "ready S1", "ready all"] {
        assert!(judge(text, &picture, 200, 300).is_err(), "{text}");
    }
    picture.take(&view(210, 2, "S2", &["S2", "S3"]));
    picture.take(&counts(211, &["S2", "S3"]));
    for text in ["2 members", "2 in view", "view without victim", "primary is not victim"] {
        assert_eq!(judge(text, &picture, 200, 300), Ok(()), "{text}");
    }
    let running = What::Running { server: name("S1"), pid: 7, adopted: false };
    picture.take(&record(220, "LFD1", running));
    picture.take(&view(230, 3, "S2", &["S2", "S3", "S1"]));
    picture.take(&record(231, "S1", What::Ready));
    picture.take(&counts(221, &["S1", "S2", "S3"]));
    for text in ["3 members", "3 in view", "ready all", "launched S1", "view without S1"] {
        assert_eq!(judge(text, &picture, 200, 300), Ok(()), "{text}");
    }
}

#[test]
fn a_server_that_died_unseen_and_is_back_counts_again() {
    let mut picture = picture();
    picture.hit(200, name("S1"), true, false);
    assert!(judge("3 members", &picture, 200, 300).is_err(), "a count from before the kill");
    picture.take(&record(231, "S1", What::Ready));
    assert_eq!(judge("3 members", &picture, 200, 300), Ok(()));
}

#[test]
fn what_was_seen_instead_is_said() {
    let error = judge("2 in view", &picture(), 101, 200).unwrap_err();
    assert_eq!(error, "view 1: S1 S2 S3 (primary S1)");
    let error = judge("clients progress 9", &picture(), 115, 200).unwrap_err();
    assert!(error.contains("C1 1, C2 1"), "{error}");
}

#[test]
fn unknown_conditions_are_refused_with_the_known_ones() {
    let roster = Roster::new(3, 1);
    for text in [
        "",
        "members",
        "x members",
        "ready S9",
        "ready",
        "mode paused",
        "line RM 3 members",
        "line S9 \"x\"",
        "no gap over soon",
        "clients progress fast",
    ] {
        assert!(Condition::parse(text, &roster).is_err(), "{text:?} was accepted");
    }
    let error = Condition::parse("all is well", &roster).unwrap_err();
    assert!(error.contains("N in view | view with S1"), "{error}");
}

#[test]
fn the_vocabulary_is_what_is_read_and_what_is_documented() {
    let roster = Roster::new(3, 1);
    let page = include_str!("../../../docs/DRILLS.md");
    for (form, meaning) in VOCABULARY {
        let example = form.replace("N ", "3 ").replace(" N", " 3");
        assert!(Condition::parse(&example, &roster).is_ok(), "{example}");
        let row = format!("| `{form}` | {meaning} |");
        assert!(page.contains(&row), "docs/DRILLS.md lacks: {row}");
    }
}
