//! Rules that are switched off, and who notices: a few of them here, all of them by
//! `cargo run --release -p sim -- mutants`.

use model::scope::Scope;
use model::{SharedTrail, search};
use node::mutant::Mutant;
use sim::mutants::MODEL_CHECK;
use sim::pool::{Job, play};

#[test]
fn what_only_the_model_check_notices_it_does_notice() {
    assert_eq!(MODEL_CHECK, [Mutant::JointAtCommit]);
    let scope = Scope { formed: 3, requests: 1, ..Scope::default() };
    let off = Scope { mutant: Some(Mutant::JointAtCommit), ..scope };
    let report = search(&off, 2, &SharedTrail::default(), &mut |_| ());
    assert!(report.failure.is_some(), "{report}");
}

#[test]
fn a_rule_that_is_off_is_noticed_in_this_thread_only() {
    let off = Job { seed: 1, mutant: Some(Mutant::AnswerBeforeAcks), ..Job::default() };
    let noticed = play(&off).violation.map(|violation| violation.property);
    assert_eq!(noticed, Some("I7 commits need all acks of the epoch"));
    let other = std::thread::spawn(|| play(&Job { seed: 1, ..Job::default() }).violation);
    assert_eq!(other.join().expect("it plays"), None);
}
