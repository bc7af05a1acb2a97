//! The scopes that every change has to pass, and the rules whose absence must be noticed.

use model::mutants::hunts;
use model::suite::{Named, quick, view_change};
use model::{Report, SharedTrail, search};

fn check(named: &Named) -> Report {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report = search(&named.scope, threads, &SharedTrail::default(), &mut |_| {});
    println!("{}: {report}", named.name);
    assert!(report.failure.is_none() && report.complete, "{report}");
    report
}

#[test]
fn every_kind_of_fault_at_the_smallest_scope() {
    for named in quick() {
        check(&named);
    }
}

/// Three servers, two requests, two views, one death: exhaustively.
#[test]
fn a_view_change_under_two_requests() {
    let report = check(&view_change());
    // Fewer would mean that the search has gone blind.
    assert!(report.worlds > 1_000_000, "{report}");
}

#[test]
fn a_rule_that_is_switched_off_is_noticed_after_as_many_moves_as_ever() {
    for hunt in hunts() {
        let report = search(&hunt.scope, 2, &SharedTrail::default(), &mut |_| {});
        let failure = report.failure.as_ref();
        let moves = failure.map(|failure| failure.story.len());
        assert_eq!(moves, Some(hunt.moves), "{}: {report}", hunt.mutant.as_str());
    }
}

/// The same worlds in the same order, however many threads there are.
#[test]
fn threads_make_no_difference() {
    let scope = &quick()[0].scope;
    let scope = model::Scope { requests: 2, ..scope.clone() };
    let counts = [1, 2, 3].map(|threads| {
        let report = search(&scope, threads, &SharedTrail::default(), &mut |_| {});
        (report.worlds, report.moves, report.depth, report.ends, report.processes)
    });
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
}
