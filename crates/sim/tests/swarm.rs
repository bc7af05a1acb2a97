//! Seeded runs: the ones that failed once, some that never did, and one twice.

use sim::swarm::Swarm;

fn must_hold(seed: u64) {
    let report = Swarm::new(seed).run();
    if let Some(violation) = report.violation {
        panic!("{violation}\n  again: cargo run --release -p sim -- --seed {seed} --trace");
    }
}

#[test]
fn seeds_that_failed_once_hold_now() {
    let corpus = include_str!("../corpus.txt");
    let seeds = corpus.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    for seed in seeds {
        must_hold(seed);
    }
}

#[test]
fn other_seeds_hold() {
    for seed in 1_000_001..=1_000_006 {
        must_hold(seed);
    }
}

#[test]
fn a_seed_is_one_run() {
    for seed in [7, 8] {
        let [one, other] = [Swarm::new(seed).run(), Swarm::new(seed).run()];
        assert_eq!((one.hash, one.happened), (other.hash, other.happened), "seed {seed}");
    }
    assert_ne!(Swarm::new(7).run().hash, Swarm::new(8).run().hash);
}
