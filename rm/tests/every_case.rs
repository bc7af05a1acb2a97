//! Every case of a view of three, decided: each member in each way it can be reported, before and
//! after the grace, with each single complaint. What the rules and the orders must never do is
//! checked for all of them.
//!
//! Not here: sequences of events; see `walk`.

use std::collections::BTreeMap;
use std::time::Duration;

use node::Time;
use rm::{Config, Facts, OnTotalLoss, Record, Standing, orders, rules};
use wire::{
    Change, ClusterId, Epoch, Gone, Incarnation, Member, Message, Mode, Phase, ReplicaName,
    Reported, View, Why,
};

const GRACE: Duration = Duration::from_secs(1);

/// How a member is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Alive,
    Gone(Gone),
    Replaced,
    Unmonitored,
    Never,
}

const SEEN: [Seen; 7] = [
    Seen::Alive,
    Seen::Gone(Gone::Exited),
    Seen::Gone(Gone::Closed),
    Seen::Gone(Gone::Silent),
    Seen::Replaced,
    Seen::Unmonitored,
    Seen::Never,
];

/// One complaint: by which place, of which, why, and whether it has stood for the timeout.
type Complaint = Option<(usize, usize, Why, bool)>;

#[derive(Debug, Clone, Copy)]
struct Case {
    seen: [Seen; 3],
    settled: bool,
    complaint: Complaint,
}

fn every_case() -> impl Iterator<Item = Case> {
    let seen = SEEN
        .into_iter()
        .flat_map(|a| SEEN.into_iter().flat_map(move |b| SEEN.into_iter().map(move |c| [a, b, c])));
    seen.flat_map(|seen| {
        [false, true].into_iter().flat_map(move |settled| {
            complaints().map(move |complaint| Case { seen, settled, complaint })
        })
    })
}

fn complaints() -> impl Iterator<Item = Complaint> {
    const WHY: [Why; 4] = [Why::Slow, Why::Unreachable, Why::Diverged, Why::Abandoned];
    let all = (0..3).flat_map(|by| {
        (0..3).flat_map(move |of| {
            WHY.into_iter()
                .flat_map(move |why| [false, true].map(|mature| Some((by, of, why, mature))))
        })
    });
    std::iter::once(None).chain(all)
}

fn name(place: usize) -> ReplicaName {
    format!("S{}", place + 1).parse().unwrap()
}

fn member(place: usize) -> Member {
    let incarnation = Incarnation(11 + place as u64);
    Member { name: name(place), incarnation, address: ([127, 0, 0, 1], 8000).into() }
}

fn config() -> Config {
    Config {
        name: "RM".parse().unwrap(),
        mode: Mode::Passive,
        fresh: false,
        fresh_cluster: ClusterId(1),
        prefer: None,
        on_total_loss: OnTotalLoss::Restart,
        force_unclean: None,
        heartbeat_timeout: GRACE,
        grace: GRACE,
        hold_down: GRACE * 10,
        stable_before_failback: GRACE,
    }
}

fn change(seen: Seen, member: &Member) -> Option<Change> {
    let alive = |incarnation, cluster, epoch| {
        Some(Change::Add(Some(Reported {
            incarnation,
            address: member.address,
            cluster: ClusterId(cluster),
            epoch: Epoch(epoch),
            phase: Phase::Joiner,
        })))
    };
    match seen {
        Seen::Alive => alive(member.incarnation, 9, 3),
        Seen::Replaced => alive(Incarnation(99), 0, 0),
        Seen::Gone(gone) => Some(Change::Delete(Some((member.incarnation, gone)))),
        Seen::Unmonitored => Some(Change::Unmonitored),
        Seen::Never => None,
    }
}

fn facts(case: &Case) -> (Facts, Time) {
    let members: Vec<Member> = (0..3).map(member).collect();
    let (mode, primary) = (Mode::Passive, name(0));
    let view = View { cluster: ClusterId(9), epoch: Epoch(3), mode, primary, members };
    let record = Record { view, retired: Vec::new(), condemned: BTreeMap::new() };
    let mut facts = Facts::new(config(), Some(record));
    let now = Time::ZERO + GRACE * 10;
    facts.registry.link_up(if case.settled { Time::ZERO } else { now });
    for place in 0..3 {
        if let Some(change) = change(case.seen[place], &member(place)) {
            facts.registry.report(now, name(place), &change);
        }
    }
    facts.note_proofs();
    if let Some((by, of, why, mature)) = case.complaint {
        let detail = Some((member(of).incarnation, why));
        let first = if mature { now - GRACE } else { now };
        facts.complaints.hear(first, name(by), name(of), detail);
        facts.complaints.hear(now, name(by), name(of), detail);
    }
    (facts, now)
}

fn proven(seen: Seen) -> bool {
    matches!(seen, Seen::Gone(Gone::Exited) | Seen::Replaced)
}

#[test]
fn no_decision_gives_up_what_may_be_held_and_every_one_can_be_told() {
    let mut views = 0;
    for case in every_case() {
        let (facts, now) = facts(&case);
        let old = facts.view.clone().unwrap();
        let Some(proposal) = rules::decide(&facts, now) else { continue };
        views += 1;
        let view = &proposal.view;
        assert_eq!(view.epoch, Epoch(4), "{case:?}");
        assert!(view.member(view.primary).is_some(), "{case:?}: the primary is a member");
        assert!(facts.alive(view.primary).is_some(), "{case:?}: the primary can be told");
        if view.cluster != old.cluster {
            assert!(case.seen.into_iter().all(proven), "{case:?}: R12: somebody may be alive");
            continue;
        }
        let from_old = |m: &Member| old.contains(m.name, m.incarnation);
        assert!(view.members.iter().all(from_old), "{case:?}: I3: nobody asked to join");
        for (place, seen) in case.seen.into_iter().enumerate() {
            let accused = case.complaint.is_some_and(|(_, of, ..)| of == place);
            let dead = matches!(seen, Seen::Gone(_) | Seen::Replaced);
            let stays = view.member(name(place)).is_some();
            assert!(stays || dead || accused, "{case:?}: {} left for nothing", name(place));
            assert!(!(stays && dead), "{case:?}: {} stays although it is gone", name(place));
        }
    }
    assert!(views > 5000, "the cases are too tame: {views}");
}

#[test]
fn a_complaint_of_somebody_who_is_not_alive_counts_for_nothing() {
    for case in every_case() {
        let Some((by, ..)) = case.complaint else { continue };
        if case.seen[by] == Seen::Alive {
            continue;
        }
        let (with, now) = facts(&case);
        let (without, _) = facts(&Case { complaint: None, ..case });
        assert_eq!(rules::decide(&with, now), rules::decide(&without, now), "{case:?}");
    }
}

#[test]
fn decisions_come_to_rest() {
    for case in every_case() {
        let (mut facts, now) = facts(&case);
        let mut steps = 0;
        while let Some(proposal) = rules::decide(&facts, now) {
            // What a new view does to the facts, as far as the next decision goes.
            facts.epoch = proposal.view.epoch;
            facts.view = Some(proposal.view);
            facts.complaints.clear();
            facts.proven.clear();
            facts.note_proofs();
            steps += 1;
            assert!(steps <= 3, "{case:?}: no end of views");
        }
    }
}

#[test]
fn orders_are_only_about_what_is_known() {
    for case in every_case() {
        let (facts, now) = facts(&case);
        for order in orders::wanted(&facts, now) {
            let place = (0..3).find(|place| name(*place) == order.server).unwrap();
            let seen = case.seen[place];
            match order.message {
                Message::Launch { order: Some(order), .. } => {
                    assert!(proven(seen), "{case:?}: R6: {order:?}");
                }
                Message::Ready { .. } => assert_eq!(seen, Seen::Alive, "{case:?}"),
                // The name of a member is not brought up until the view without it is made.
                Message::View { .. } => assert_eq!(seen, Seen::Replaced, "{case:?}"),
                other => panic!("{case:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn absence_means_something_only_after_the_grace() {
    for settled in [false, true] {
        let seen = [Seen::Alive, Seen::Never, Seen::Unmonitored];
        let (facts, now) = facts(&Case { seen, settled, complaint: None });
        let standing = |place| facts.standing(now, &member(place));
        let absent = if settled { Standing::Unmonitored } else { Standing::Unknown };
        assert_eq!(standing(0), Standing::Alive);
        assert_eq!(standing(1), absent);
        assert_eq!(standing(2), Standing::Unmonitored);
    }
}

#[test]
fn a_sign_of_life_refutes_a_proof_of_death() {
    let seen = [Seen::Gone(Gone::Exited); 3];
    let (mut facts, now) = facts(&Case { seen, settled: true, complaint: None });
    assert!(facts.state_is_lost());
    facts.registry.report(now, name(1), &change(Seen::Alive, &member(1)).unwrap());
    facts.note_proofs();
    assert!(!facts.state_is_lost());
    let view = rules::decide(&facts, now).unwrap().view;
    assert_eq!((view.cluster, view.primary), (ClusterId(9), name(1)));
}
